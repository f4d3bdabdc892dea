"""The myoblast file, and that each defect of its card is really there."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy.stats import mannwhitneyu, spearmanr
from test_data_defects import says

from genex_helpers.datasets import load

NAME = "myoblast_cells"
HOURS = (0, 24, 48, 72)
DETECTED = 0.1


@pytest.fixture(scope="module")
def cells() -> AnnData:
    return load(NAME)


@pytest.fixture(scope="module")
def detected(cells: AnnData) -> pd.Series:
    """Number of genes above the limit of detection in each cell."""
    return pd.Series((cells.X > DETECTED).sum(axis=1), index=cells.obs_names)


def gene(cells: AnnData, symbol: str) -> np.ndarray:
    """FPKM of the one gene of that symbol."""
    (column,) = np.flatnonzero((cells.var["symbol"] == symbol).to_numpy())
    values: np.ndarray = cells.X[:, column]
    return values


def test_cells_and_labels(cells: AnnData) -> None:
    columns = ["hours", "medium", "chip", "well", "fragments", "pseudotime", "state"]
    assert list(cells.obs.columns) == columns
    assert cells.obs["hours"].dtype == float
    for hour, number in cells.obs["hours"].value_counts().items():
        text = f"{hour:g} h {number} cells" if hour == 0 else f"{hour:g} h {number}"
        says(NAME, text)
    for medium, number in cells.obs["medium"].value_counts().items():
        says(NAME, f"{medium} {number}")
    assert not cells.obs.isna().to_numpy().any()
    assert cells.obs["fragments"].between(1e6, 5e6).all()


def test_genes_and_the_cut(cells: AnnData) -> None:
    assert list(cells.var.columns) == ["symbol", "biotype", "used_for_pseudotime"]
    assert cells.var_names.str.fullmatch(r"ENSG\d{11}\.\d+").all()
    assert ((cells.X > DETECTED).sum(axis=0) >= 10).all()
    says(NAME, f"{cells.var['used_for_pseudotime'].sum()} genes")
    symbols = cells.var["symbol"]
    says(NAME, f"{symbols.nunique()} symbols for {cells.n_vars} genes")
    says(NAME, f"{symbols.duplicated().sum()} rows of `var`")
    assert (cells.X >= 0).all() and np.isfinite(cells.X).all()
    short = symbols.astype(str).str.match(r"SNOR[AD]|MIR\d")  # hosts of small RNA
    assert (cells.var["biotype"][short] != "protein_coding").mean() > 0.9


def test_the_genes_of_pseudotime_are_those_that_change(cells: AnnData) -> None:
    values = np.log2(cells.X + 1)
    late = (cells.obs["hours"] > 0).to_numpy()
    change = np.abs(values[late].mean(axis=0) - values[~late].mean(axis=0))
    used = cells.var["used_for_pseudotime"].to_numpy()
    assert np.median(change[used]) > 3 * np.median(change[~used])


def test_time_medium_and_chip_are_confounded(cells: AnnData) -> None:
    obs = cells.obs
    assert ((obs["hours"] == 0) == (obs["medium"] == "growth")).all()
    chips = pd.crosstab(obs["hours"], obs["chip"])
    assert chips.shape == (4, 4)
    assert ((chips > 0).sum(axis=0) == 1).all() and ((chips > 0).sum(axis=1) == 1).all()
    says(NAME, *chips.columns)


def test_each_cell_is_measured_once(cells: AnnData) -> None:
    assert cells.obs_names.is_unique
    assert not pd.DataFrame(cells.X).duplicated().any()
    assert not cells.obs.duplicated(["chip", "well"]).any()
    assert "subject" not in cells.obs


def test_all_cells_are_of_one_woman(cells: AnnData) -> None:
    says(NAME, f"{(gene(cells, 'XIST') > DETECTED).sum()} of {cells.n_obs}")
    symbols = set(cells.var["symbol"])
    assert not {"RPS4Y1", "DDX3Y", "KDM5D", "ZFY"} & symbols
    # The same genes of the X chromosome are there.
    assert {"RPS4X", "DDX3X", "KDM5C", "ZFX"} <= symbols


def test_the_number_of_genes_gives_the_chip_away(
    cells: AnnData, detected: pd.Series
) -> None:
    hours = cells.obs["hours"]
    medians = detected.groupby(hours).median()
    says(NAME, f"{medians[48]:.0f} at 48 hours", f"{medians[72]:.0f} at 72 hours")
    assert cells.obs["fragments"].groupby(hours).median().idxmin() == 72
    late, early = detected[hours == 72], detected[hours == 48]
    area = mannwhitneyu(late, early).statistic / (len(late) * len(early))
    says(NAME, f"AUC of {area:.2f}")
    fragments = cells.obs["fragments"].astype(float)
    says(NAME, f"{np.corrcoef(detected, fragments)[0, 1]:.2f}")
    for hour in HOURS:
        one = hours == hour
        assert np.corrcoef(detected[one], fragments[one])[0, 1] < -0.3


def test_only_the_change_of_medium_is_a_strong_signal(cells: AnnData) -> None:
    correlation = np.corrcoef(np.log2(cells.X.astype(float) + 1))
    np.fill_diagonal(correlation, -np.inf)
    hours = cells.obs["hours"].to_numpy()
    same = pd.Series(hours[correlation.argmax(axis=1)] == hours).groupby(hours)
    of = {hour: f"{same.sum()[hour]} of {same.size()[hour]}" for hour in HOURS}
    says(NAME, f"{of[0]} cells of 0 hours", f"{of[24]} at 24 hours")
    says(NAME, f"{of[48]} at 48 hours", f"{of[72]} at 72 hours")
    assert same.mean()[0] > 0.95 and same.mean()[48] < 0.4


def test_pseudotime_does_not_follow_the_clock(cells: AnnData) -> None:
    hours, pseudotime = cells.obs["hours"], cells.obs["pseudotime"]
    medians = pseudotime.groupby(hours).median()
    says(NAME, *(f"{medians[hour]:.1f}" for hour in HOURS[1:]))
    late = hours > 0
    correlation = spearmanr(hours[late], pseudotime[late]).statistic
    says(NAME, f"Spearman {correlation:.2f}")
    assert medians[0] < medians[24] - 20


def test_muscle_genes_come_on_and_division_stops(cells: AnnData) -> None:
    """Known biology, which would not survive a scrambled table."""
    hours = cells.obs["hours"].to_numpy()
    shown = {
        symbol: pd.Series(gene(cells, symbol) > DETECTED).groupby(hours).mean()
        for symbol in ("MYH3", "MYOG", "CDK1", "CCNB2")
    }
    for symbol in ("MYH3", "MYOG"):
        assert shown[symbol][72] > shown[symbol][0] + 0.5
    for symbol in ("CDK1", "CCNB2"):
        assert shown[symbol][0] > shown[symbol][24] + 0.4


def test_not_every_cell_is_a_myoblast(cells: AnnData) -> None:
    fibroblast = (gene(cells, "MYF5") < 1) & (gene(cells, "ANPEP") > 1)
    says(NAME, f"{fibroblast.sum()} of {cells.n_obs} are fibroblasts")
    third = (cells.obs["state"] == "3").to_numpy()
    says(NAME, f"{third.sum()} cells", f"{(fibroblast & third).sum()} of them")


def test_zeros_and_values_below_the_limit(cells: AnnData) -> None:
    says(NAME, f"{100 * (cells.X == 0).mean():.0f} % of the values")
    below = (cells.X > 0) & (cells.X < DETECTED)
    says(NAME, f"{100 * below.mean():.1f} % lie")
    assert cells.X[below].min() < 1e-30


def test_some_cells_are_poor(cells: AnnData, detected: pd.Series) -> None:
    worst = detected.sort_values().head(2)
    assert worst.index.tolist() == ["T0_CT_A11", "T0_CT_E10"]
    says(NAME, *worst.index, *worst, f"{detected.median():.0f}")
    fragments = cells.obs["fragments"]
    assert (fragments[worst.index] > fragments.median()).all()


def test_fpkm_do_not_sum_to_one_number(cells: AnnData) -> None:
    totals = pd.Series(cells.X.astype(float).sum(axis=1), index=cells.obs_names)
    for name in ("T0_CT_E10", "T48_CT_E06"):
        says(NAME, f"{totals[name]:,.0f} ({name})")
    assert totals.idxmin() == "T0_CT_E10" and totals.idxmax() == "T48_CT_E06"
