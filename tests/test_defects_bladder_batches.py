"""The bladder file, and that each defect of its card is really there."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy.stats import f_oneway, ttest_ind
from test_data_defects import says, variance_share

from genex_helpers.datasets import load

NAME = "bladder_batches"


@pytest.fixture(scope="module")
def bladder() -> AnnData:
    return load(NAME)


def labels(table: AnnData, column: str) -> np.ndarray:
    values: np.ndarray = table.obs[column].astype(str).to_numpy()
    return values


def test_samples_and_labels(bladder: AnnData) -> None:
    assert list(bladder.obs.columns) == ["batch", "tissue", "outcome"]
    assert bladder.obs["batch"].dtype == "int64"
    assert bladder.obs_names.str.fullmatch(r"GSM710\d\d").all()
    for batch, number in bladder.obs["batch"].value_counts().items():
        says(NAME, f"{batch} has {number}")
    for column in ("tissue", "outcome"):
        for kind, number in bladder.obs[column].value_counts().items():
            says(NAME, f"{kind} {number}")
    assert bladder.var["control"].dtype == bool
    assert (bladder.var["control"] == bladder.var_names.str.startswith("AFFX")).all()
    says(NAME, f"{bladder.var['control'].sum()} of Affymetrix")
    says(NAME, f"{bladder.var_names.str.endswith('_x_at').sum()} of them")
    assert not np.isnan(bladder.X).any()
    assert 2.7 < bladder.X.min() and bladder.X.max() < 14.1


def test_numbers_missing_from_the_row(bladder: AnnData) -> None:
    numbers = {int(name.removeprefix("GSM")) for name in bladder.obs_names}
    absent = set(range(min(numbers), max(numbers))) - numbers
    says(NAME, *(f"GSM{number}" for number in absent))
    assert len(absent) == 2


def test_batch_and_tissue_are_confounded(bladder: AnnData) -> None:
    table = pd.crosstab(bladder.obs["batch"], bladder.obs["tissue"])
    assert table.loc[1].to_dict() == {"biopsy": 0, "cancer": 11, "normal": 0}
    assert table.loc[2].to_dict() == {"biopsy": 0, "cancer": 14, "normal": 4}
    assert table.loc[3].to_dict() == {"biopsy": 0, "cancer": 0, "normal": 4}
    assert table.loc[4].to_dict() == {"biopsy": 5, "cancer": 0, "normal": 0}
    assert table.loc[5].to_dict() == {"biopsy": 4, "cancer": 15, "normal": 0}
    says(NAME, "14 cancers with 4 normal", "15 cancers with 4 biopsies")
    says(NAME, f"{table.max(axis=1).sum()} of {len(bladder)} samples")
    outcomes = pd.crosstab(bladder.obs["outcome"], bladder.obs["batch"])
    invasive = outcomes.loc["mTCC"]
    says(NAME, f"{invasive[1]} of {invasive.sum()} mTCC")
    assert outcomes.loc["sTCC+CIS"].to_dict() == {1: 0, 2: 0, 3: 0, 4: 0, 5: 12}
    without = outcomes.loc["sTCC-CIS"]
    says(NAME, f"{without[2]} of {without.sum()} sTCC-CIS")


def test_the_same_tissue_differs_between_batches(bladder: AnnData) -> None:
    normal = bladder[labels(bladder, "tissue") == "normal"]
    batch = normal.obs["batch"].to_numpy()
    found = ttest_ind(normal.X[batch == 2], normal.X[batch == 3]).pvalue < 0.05
    assert found.mean() > 0.2
    says(NAME, f"{100 * found.mean():.0f} % of the probe sets")


def test_nearest_neighbours_share_a_batch(bladder: AnnData) -> None:
    correlation = np.corrcoef(bladder.X.astype(float))
    np.fill_diagonal(correlation, -np.inf)
    batch = labels(bladder, "batch")
    same = int((batch[correlation.argmax(axis=1)] == batch).sum())
    says(NAME, f"{same} of the {len(batch)} samples")
    says(NAME, f"batch explains {100 * variance_share(bladder, 'batch'):.0f} %")
    says(NAME, f"tissue {100 * variance_share(bladder, 'tissue'):.0f} %")


def test_batch_and_tissue_each_have_variance_of_their_own(bladder: AnnData) -> None:
    """By the sums of squares of both designs, without the package's own function."""
    centred = bladder.X.astype(float) - bladder.X.mean(axis=0, dtype=float)

    def share(*columns: str) -> float:
        design = np.hstack([indicators(labels(bladder, name)) for name in columns])
        fitted = design @ np.linalg.lstsq(design, centred, rcond=None)[0]
        return float((fitted**2).sum() / (centred**2).sum())

    batch, tissue, both = share("batch"), share("tissue"), share("batch", "tissue")
    says(NAME, f"{100 * (both - tissue):.0f} % only batch")
    says(NAME, f"{100 * (both - batch):.0f} % only tissue")
    says(NAME, f"{100 * (batch + tissue - both):.0f} % either")


def indicators(values: np.ndarray) -> np.ndarray:
    return pd.get_dummies(pd.Series(values)).to_numpy(dtype=float)


def test_protecting_the_label_makes_separation_from_noise(bladder: AnnData) -> None:
    batch, tissue = labels(bladder, "batch"), labels(bladder, "tissue")
    noise = np.random.default_rng(0).normal(size=(len(batch), 20_000))
    design = np.hstack([indicators(tissue), indicators(batch)[:, 1:]])
    assert np.linalg.matrix_rank(design) == design.shape[1]
    effects = np.linalg.lstsq(design, noise, rcond=None)[0]
    corrected = noise - indicators(batch)[:, 1:] @ effects[3:]

    def found(values: np.ndarray) -> float:
        groups = [values[tissue == kind] for kind in np.unique(tissue)]
        return float((f_oneway(*groups).pvalue < 0.05).mean())

    says(NAME, f"{100 * found(noise):.0f} % of the columns")
    says(NAME, f"{100 * found(corrected):.0f} % do")
    assert found(corrected) > 4 * found(noise)


def test_sex_by_its_genes(bladder: AnnData) -> None:
    frame = bladder.to_df()
    xist, rps4y1 = frame["221728_x_at"], frame["201909_at"]
    women = frame.index[xist > 8]
    assert (rps4y1[women] < 6).all() and (rps4y1.drop(women) > 7).all()
    says(NAME, *women)
    assert (bladder.obs.loc[women, "tissue"] == "cancer").all()
    assert len(women) == 4
    assert xist.drop(women).idxmax() == rps4y1.drop(women).idxmin() == "GSM71051"


def test_biopsies_come_from_more_than_one_man(bladder: AnnData) -> None:
    inherited = bladder.to_df()["203290_at"]  # HLA-DQA1
    one, other = ["GSM71069", "GSM71070"], ["GSM71071", "GSM71072"]
    assert (bladder.obs.loc[one + other, "tissue"] == "biopsy").all()
    assert inherited[one].min() > inherited[other].max() + 3
    for pair in (one, other):
        first, second = (f"{inherited[name]:.1f}" for name in pair)
        says(NAME, f"{first} and {second} in {pair[0]} and {pair[1]}")


def test_two_samples_are_poor(bladder: AnnData) -> None:
    frame = bladder.to_df().astype(float)
    tissue = bladder.obs["tissue"].astype(str)
    medians = frame.groupby(tissue).median()
    fit = pd.Series(
        [np.corrcoef(frame.loc[s], medians.loc[tissue[s]])[0, 1] for s in frame.index],
        index=frame.index,
    )
    worst = fit.sort_values().head(2)
    assert worst.index.tolist() == ["GSM71077", "GSM71024"]
    assert fit.median() > 0.96
    says(NAME, *worst.index, *(f"{value:.2f}" for value in worst))
