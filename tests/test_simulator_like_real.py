"""The simulator's defaults give data of the scale and noise of the real sets."""

from __future__ import annotations

import anndata
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from genex_helpers.datasets import list_datasets, load
from genex_helpers.preprocessing import counts_per_million
from genex_helpers.simulator import measure, pulse, random_network, simulate

Floats = NDArray[np.float64]


def dense(adata: anndata.AnnData) -> Floats:
    """Return the values of a data set, sparse or not."""
    table = adata.X
    return np.asarray(table.toarray() if hasattr(table, "toarray") else table, float)


def variance_share(values: Floats, groups: pd.Series) -> float:
    """Return the share of all genes' variance that lies between groups of samples."""
    centred = values - values.mean(axis=0)
    means = (
        pd.DataFrame(centred).groupby(groups.to_numpy().astype(str)).transform("mean")
    )
    return float((means.to_numpy() ** 2).sum() / (centred**2).sum())


def dispersion(counts: Floats, groups: pd.Series) -> float:
    """Return the median over genes of (variance - mean) / mean² within groups."""
    library = counts.sum(axis=1, keepdims=True)
    level = pd.DataFrame(counts / library * library.mean())
    by_group = level.groupby(groups.to_numpy().astype(str))
    mean, variance = by_group.mean().mean(), by_group.var().mean()
    kept = mean > 50  # below, the spread of counting hides the rest
    return float(((variance - mean) / mean**2)[kept].median())


@pytest.fixture(scope="module")
def study() -> anndata.AnnData:
    """Return a simulated challenge study: 17 subjects, 9 of them with a pulse."""
    hours = np.unique(load("influenza_challenge").obs["hours"].to_numpy(dtype=float))
    network = random_network(100, 0.05, seed=0, inputs=("virus",))
    change = pulse("virus", 1.0, at=24, width=48, series=range(9))
    found = simulate(
        network, hours, 17, seed=0, system_size=1e4, subject_spread=0.15, settle=150,
        perturbations=[change],
    )  # fmt: skip
    return measure(found, seed=0, library_size=1e6)


def test_variance_between_subjects_and_times_is_of_the_order_of_influenza(
    study: anndata.AnnData,
) -> None:
    flu = load("influenza_challenge")
    values = np.log2(counts_per_million(dense(study)) + 1)
    subject = variance_share(values, study.obs["subject"])
    time = variance_share(values, study.obs["time"])
    real_subject = variance_share(dense(flu), flu.obs["subject"])
    real_time = variance_share(dense(flu), flu.obs["hours"])
    assert 0.5 < subject / real_subject < 2
    assert 1 / 3 < time / real_time < 3
    assert subject > time and real_subject > real_time


@pytest.mark.parametrize(
    ("name", "column"),
    [("airway_counts", "treatment"), ("pasilla_counts", "treatment")],
)
def test_measurement_alone_is_as_noisy_as_cultures_treated_alike(
    study: anndata.AnnData, name: str, column: str
) -> None:
    if name not in list_datasets().index:
        pytest.skip(f"{name} is not among the data sets")
    real = load(name)
    network = random_network(100, 0.05, seed=0)
    alike = simulate(network, [0.0], 40, seed=0, settle=150)
    counts = dense(measure(alike, seed=0, library_size=1e6))
    seen = dispersion(counts, pd.Series(["all"] * 40))
    assert 0.5 < seen / dispersion(dense(real), real.obs[column]) < 2
    spread = np.log(dense(real).sum(axis=1)).std(ddof=1)
    assert 0.5 < np.log(counts.sum(axis=1)).std(ddof=1) / spread < 2


def test_people_differ_as_much_as_in_the_lymphoblastoid_counts() -> None:
    if "lymphoblastoid_counts" not in list_datasets().index:
        pytest.skip("lymphoblastoid_counts is not among the data sets")
    real = load("lymphoblastoid_counts")
    network = random_network(100, 0.05, seed=0)
    people = simulate(
        network, [0.0], 85, seed=0, system_size=1e4, subject_spread=0.15, settle=150
    )
    counts = dense(measure(people, seed=0, library_size=1e6))
    seen = dispersion(counts, pd.Series(["all"] * 85))
    assert 0.5 < seen / dispersion(dense(real), real.obs["sex"]) < 2


def test_lanes_of_one_library_are_poisson_as_dispersion_0_is() -> None:
    real = load("kidney_liver_counts")
    assert abs(dispersion(dense(real), real.obs["tissue"])) < 0.005
    network = random_network(100, 0.05, seed=0)
    alike = simulate(network, [0.0], 40, seed=0, settle=150)
    counts = dense(measure(alike, seed=0, library_size=1e6, dispersion=0.0))
    assert abs(dispersion(counts, pd.Series(["all"] * 40))) < 0.005


def test_gene_means_spread_over_orders_of_magnitude(study: anndata.AnnData) -> None:
    real = dense(load("kidney_liver_counts")).mean(axis=0)
    seen = dense(study).mean(axis=0)
    spread = np.log(seen[seen > 0.5]).std() / np.log(real[real > 0.5]).std()
    assert 0.5 < spread < 2
