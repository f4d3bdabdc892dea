"""Groups of samples averaged or summed, and what is written down about them."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from genex_helpers.datasets import load
from genex_helpers.normalisation import SizeFactors, log2_plus
from genex_helpers.replicates import average_replicates, sum_technical

LABELS = st.lists(st.sampled_from("cab"), min_size=6, max_size=6)


def table(values: object, **columns: list[object]) -> ad.AnnData:
    x = np.asarray(values, dtype=np.float32)
    obs = pd.DataFrame(columns, index=pd.Index([f"s{i}" for i in range(len(x))]))
    return ad.AnnData(x, obs=obs)


@pytest.fixture
def three() -> ad.AnnData:
    """Two samples of one mouse, one of another."""
    x = [[1.5, np.nan], [2.5, 4.0], [7.5, np.nan]]
    data = table(x, mouse=["m2", "m2", "m1"], hours=[0, 0, 8], chip=["a", "b", "a"])
    data.uns = {"units": "log2 intensity", "title": "Toy"}
    return data


def test_means_and_what_is_beside_them(three: ad.AnnData) -> None:
    means = average_replicates(three, by="mouse")
    assert list(means.obs_names) == ["m2", "m1"], "in the order of the samples"
    np.testing.assert_array_equal(means.X, [[2, 4], [7.5, np.nan]])
    spread = [[np.sqrt(0.5), np.nan], [np.nan, np.nan]]
    np.testing.assert_allclose(means.layers["spread"], spread, rtol=1e-6)
    np.testing.assert_array_equal(means.layers["n_observed"], [[2, 1], [1, 0]])
    assert means.obs["n_replicates"].tolist() == [2, 1]
    assert means.obs["hours"].tolist() == [0, 8]
    assert list(means.obs) == ["mouse", "hours", "n_replicates"]
    assert means.uns["varied"] == ["chip"] and means.uns["groups_of_one"] == ["m1"]
    assert means.uns["units"] == "log2 intensity" and "varied" not in three.uns


def test_groups_of_several_columns(three: ad.AnnData) -> None:
    means = average_replicates(three, by=["chip", "hours"])
    assert list(means.obs_names) == ["a_0", "b_0", "a_8"]
    np.testing.assert_array_equal(means.X, three.X)
    assert means.uns["groups_of_one"] == ["a_0", "b_0", "a_8"]
    assert means.obs["n_replicates"].tolist() == [1, 1, 1]


@given(
    x=arrays(np.float32, (6, 3), elements=st.floats(-99, 99, width=32)), labels=LABELS
)
def test_means_are_those_of_pandas(x: NDArray[np.float32], labels: list[str]) -> None:
    data = table(x + np.float32(0.25), group=labels)
    data.uns["units"] = "log2 intensity"
    means = average_replicates(data, by="group")
    by_group = data.to_df().astype(float).groupby(labels)
    expected = by_group.mean().loc[list(means.obs_names)]
    np.testing.assert_allclose(means.X, expected, rtol=1e-5, atol=1e-4)
    spread = by_group.std().loc[list(means.obs_names)]
    np.testing.assert_allclose(means.layers["spread"], spread, rtol=1e-4, atol=1e-3)
    assert list(means.obs_names) == list(dict.fromkeys(labels))


@given(x=arrays(float, (6, 3), elements=st.integers(0, 999).map(float)), labels=LABELS)
def test_no_read_is_lost_in_a_sum(x: NDArray[np.float64], labels: list[str]) -> None:
    data = table(x, group=labels)
    sums = sum_technical(data, by="group")
    expected = data.to_df().astype(float).groupby(labels).sum()
    np.testing.assert_array_equal(sums.X, expected.loc[list(sums.obs_names)])
    np.testing.assert_array_equal(sums.X.sum(axis=0), x.sum(axis=0))
    assert sums.obs["n_replicates"].sum() == 6


def test_lanes_of_one_library() -> None:
    lanes = load("kidney_liver_counts")
    tissues = sum_technical(lanes, by="tissue")
    assert tissues.shape == (2, lanes.n_vars)
    assert tissues.obs["n_replicates"].tolist() == [5, 5]
    assert list(tissues.uns["varied"]) == ["run", "lane"]
    assert tissues.X.sum() == lanes.X.astype(float).sum()
    pd.testing.assert_frame_equal(tissues.var, lanes.var)


def test_sums_beyond_single_precision_are_exact() -> None:
    data = table([[2**24], [1]], library=["a", "a"])
    assert sum_technical(data, by="library").X.tolist() == [[2**24 + 1]]


def test_sparse_tables_are_read() -> None:
    data = table([[0, 2], [3, 0]], library=["a", "a"])
    data.X = csr_matrix(data.X)
    assert sum_technical(data, by="library").X.tolist() == [[3, 2]]


def test_counts_are_not_averaged() -> None:
    lanes = load("kidney_liver_counts")
    with pytest.raises(ValueError, match=r"are counts \(units: 'reads'\)"):
        average_replicates(lanes, by="tissue")
    del lanes.uns["units"]
    with pytest.raises(ValueError, match=r"are counts \(units: None\)"):
        average_replicates(lanes, by="tissue")
    lanes.X = log2_plus(SizeFactors().fit_transform(lanes.X))
    lanes.uns["units"] = "log2 counts at equal depth"
    assert average_replicates(lanes, by="tissue").shape == (2, lanes.n_vars)


def test_only_counts_are_summed(three: ad.AnnData) -> None:
    for values in ([[1.5], [2]], [[-1], [2]], [[np.nan], [2]]):
        with pytest.raises(ValueError, match="only counts are summed"):
            sum_technical(table(values, library=["a", "a"]), by="library")
    with pytest.raises(ValueError, match="infinite"):
        sum_technical(table([[np.inf], [2]], library=["a", "a"]), by="library")


def test_a_group_must_have_a_name(three: ad.AnnData) -> None:
    with pytest.raises(KeyError, match="no column 'rat'; only"):
        average_replicates(three, by=["mouse", "rat"])
    with pytest.raises(ValueError, match="at least one column"):
        average_replicates(three, by=[])
    three.obs["mouse"] = ["m2", None, "m1"]
    with pytest.raises(
        ValueError, match=r"samples \['s1'\] have no value in \['mouse'\]"
    ):
        average_replicates(three, by="mouse")
    twins = table([[0.5], [1.5]], x=["a_b", "a"], y=["c", "b_c"])
    with pytest.raises(ValueError, match=r"share a name: \['a_b_c'\]"):
        average_replicates(twins, by=["x", "y"])
