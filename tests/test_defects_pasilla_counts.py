"""The pasilla counts, and that each defect of their card is really there."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from test_data_defects import says, variance_share
from test_defects_airway_counts import logged, percent

from genex_helpers.datasets import load

NAME = "pasilla_counts"
PASILLA = "FBgn0261552"


@pytest.fixture(scope="module")
def counts() -> AnnData:
    return load(NAME)


def test_counts_and_labels(counts: AnnData) -> None:
    assert (counts.X >= 0).all() and (counts.X == np.round(counts.X)).all()
    obs = counts.obs
    assert list(obs.columns) == ["treatment", "library", "lanes", "sequenced"]
    for column in ("treatment", "library"):
        for label, number in obs[column].value_counts().items():
            says(NAME, f"{number} {label}")
    named = obs.index.str.startswith("untreated")
    assert (named == (obs["treatment"] == "untreated")).all()
    assert sorted(set(obs["lanes"])) == [2, 5, 6]
    assert obs["lanes"].nlargest(2).to_dict() == {"untreated2": 6, "treated1": 5}
    assert obs.loc["treated2", "sequenced"] == 12_242_535
    assert counts.var_names.str.fullmatch(r"FBgn\d{7}").all()


def test_the_library_is_nearly_as_loud_as_the_treatment(counts: AnnData) -> None:
    table = logged(counts)
    says(NAME, percent(variance_share(table, "library")))
    says(NAME, percent(variance_share(table, "treatment")), percent(1 / 6))
    grid = pd.crosstab(counts.obs["treatment"], counts.obs["library"])
    assert grid.loc["untreated", "single-end"] == 2
    assert grid.loc["pasilla knock-down", "single-end"] == 1
    # The two can be told apart by a model that holds both.
    design = np.column_stack(
        [
            np.ones(7),
            counts.obs["treatment"] == "untreated",
            counts.obs["library"] == "single-end",
        ]
    )
    assert np.linalg.matrix_rank(design) == 3


def test_single_end_samples_have_more_reads(counts: AnnData) -> None:
    totals = counts.X.astype(float).sum(axis=1)
    says(NAME, f"{totals.min() / 1e6:.1f} to {totals.max() / 1e6:.1f} million")
    single = (counts.obs["library"] == "single-end").to_numpy()
    assert totals[single].min() > totals[~single].max()
    share = totals / counts.obs["sequenced"].to_numpy()
    says(NAME, f"{share.min():.2f} to {share.max():.2f}")


def test_pasilla_is_knocked_down_not_out(counts: AnnData) -> None:
    x = counts.X.astype(float)
    share = pd.Series(
        x[:, counts.var_names.get_loc(PASILLA)] / x.sum(axis=1), counts.obs_names
    )
    down = (counts.obs["treatment"] == "pasilla knock-down").to_numpy()
    says(NAME, PASILLA, f"{share[down].mean() / share[~down].mean():.2f} of its share")
    assert share[down].max() < share[~down].min() / 2


def test_many_genes_have_no_read(counts: AnnData) -> None:
    silent = int((counts.X.sum(axis=0) == 0).sum())
    says(NAME, f"{silent} of the {counts.n_vars:,}")
