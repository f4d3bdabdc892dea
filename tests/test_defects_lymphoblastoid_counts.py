"""The lymphoblastoid file, and that each defect of its card is really there."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy.stats import ttest_ind
from test_data_defects import says

from genex_helpers.datasets import load

NAME = "lymphoblastoid_counts"
XIST = "ENSG00000229807"
RPS4Y1 = "ENSG00000129824"


@pytest.fixture(scope="module")
def counts() -> AnnData:
    return load(NAME)


@pytest.fixture(scope="module")
def per_million(counts: AnnData) -> pd.DataFrame:
    frame: pd.DataFrame = counts.to_df().astype(float)
    return frame.div(frame.sum(axis=1), axis=0) * 1e6


@pytest.fixture(scope="module")
def y_reads(counts: AnnData, per_million: pd.DataFrame) -> pd.Series:
    """Reads in a million from the genes of the Y chromosome, one number a line."""
    on_y = (counts.var["chromosome"] == "Y").to_numpy()
    reads: pd.Series = per_million.loc[:, on_y].sum(axis=1)
    return reads


def female(counts: AnnData) -> pd.Series:
    women: pd.Series = counts.obs["sex"] == "female"
    return women


def test_samples_and_labels(counts: AnnData) -> None:
    assert list(counts.obs.columns) == ["sex", "size_factor"]
    assert list(counts.var.columns) == ["chromosome"]
    assert counts.obs_names.str.fullmatch(r"NA20\d{3}").all()
    assert counts.var_names.str.fullmatch(r"ENSG\d{11}").all()
    assert (counts.X >= 0).all() and (counts.X == np.round(counts.X)).all()
    numbers = counts.obs["sex"].value_counts()
    says(NAME, f"{numbers['male']} male", f"{numbers['female']} female")
    for place, number in counts.var["chromosome"].value_counts().items():
        says(NAME, f"{place} {number}")
    assert not pd.DataFrame(counts.X).duplicated().any()


def test_size_factors_are_medians_of_ratios(counts: AnnData) -> None:
    """Anders and Huber 2010, doi:10.1186/gb-2010-11-10-r106."""
    values = counts.X.astype(float)
    logarithms = np.log(values[:, (values > 0).all(axis=0)])
    ratios = np.exp(np.median(logarithms - logarithms.mean(axis=0), axis=1))
    assert np.allclose(ratios, counts.obs["size_factor"], rtol=1e-12)


def test_depth_differs(counts: AnnData) -> None:
    totals = counts.X.astype(float).sum(axis=1)
    says(NAME, f"{totals.min():,.0f}", f"{totals.max():,.0f}")
    says(NAME, f"factor of {totals.max() / totals.min():.1f}")


def test_the_filter_took_sides(counts: AnnData, per_million: pd.DataFrame) -> None:
    assert XIST not in counts.var_names and RPS4Y1 in counts.var_names
    lines = (per_million > 1).sum()
    says(NAME, f"at least {lines.min()} lines")
    on_y = counts.var_names[counts.var["chromosome"] == "Y"]
    fewest = lines.drop(on_y).min()
    assert fewest > lines[on_y].max()
    says(NAME, f"fewer than {fewest} lines", f"{len(on_y)} genes of the Y")
    assert lines.min() > female(counts).sum()


def test_the_column_of_chromosomes_leaks_the_label(
    counts: AnnData, per_million: pd.DataFrame
) -> None:
    logarithms = np.log2(per_million + 1)
    women = female(counts)
    found = ttest_ind(logarithms[women], logarithms[~women]).pvalue < 1e-4
    known = counts.var["chromosome"] != "unknown"
    assert known[found].all()
    says(NAME, f"{known.sum()} genes only", f"{found.sum()} genes differ")
    says(NAME, f"all {found.sum()} are among those {known.sum()}")


def test_sex_agrees_with_the_y_chromosome(counts: AnnData, y_reads: pd.Series) -> None:
    women, men = y_reads[female(counts)], y_reads[~female(counts)]
    assert women.max() < men.min()
    says(NAME, f"{men.min() / women.max():.0f} times")


def test_two_lines_have_an_odd_y_chromosome(
    counts: AnnData, y_reads: pd.Series
) -> None:
    women = y_reads[female(counts)].sort_values()
    men = y_reads[~female(counts)].sort_values()
    assert women.index[-1] == "NA20804" and men.index[0] == "NA20754"
    says(NAME, f"NA20804 has {women.iloc[-1]:.1f}", f"at most {women.iloc[-2]:.1f}")
    says(NAME, f"median man {men.median():.0f}")
    says(NAME, f"{100 * women.iloc[-1] / men.median():.1f} % of a man")
    says(NAME, f"NA20754 has {men.iloc[0]:.0f}")
    says(NAME, f"{100 * men.iloc[0] / men.median():.0f} % of the median man")
    # Every gene of the Y chromosome tells the same story in NA20804.
    on_y = counts[:, counts.var["chromosome"] == "Y"].to_df()
    assert (on_y.loc["NA20804"] > 0).all()


def test_rows_are_sorted_by_sex(counts: AnnData) -> None:
    assert counts.obs["sex"].astype(str).is_monotonic_increasing


def test_people_differ_more_than_counting(counts: AnnData) -> None:
    scaled = counts.X / counts.obs["size_factor"].to_numpy()[:, None]
    index = scaled.var(axis=0, ddof=1) / scaled.mean(axis=0)
    says(NAME, f"{np.median(index):.0f} times as much as counting")
    says(NAME, f"{100 * (index > 2).mean():.1f} % of the genes")


def test_the_first_component_is_not_sex(
    counts: AnnData, per_million: pd.DataFrame
) -> None:
    logarithms = np.log2(per_million.to_numpy() + 1)
    left, sizes, _ = np.linalg.svd(logarithms - logarithms.mean(axis=0), False)
    share = sizes[0] ** 2 / (sizes**2).sum()
    says(NAME, f"{100 * share:.0f} % of the variance")
    # A component has no sign of its own, so the size of the correlation counts.
    correlation = abs(np.corrcoef(left[:, 0], female(counts))[0, 1])
    says(NAME, f"correlation of {correlation:.2f}")
