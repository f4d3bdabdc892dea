"""What the measurement layer promises: rates, means, variances, and independence."""

from __future__ import annotations

from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from simulator_reference import digest

from genex_helpers.sequences import to_sequences
from genex_helpers.simulator.kinetics import Simulation, simulate
from genex_helpers.simulator.measurement import (
    count_noise,
    drop_out,
    irregular_times,
    library_sizes,
    lost_at_random,
    lost_by_value,
    measure,
    spread_factors,
)
from genex_helpers.simulator.networks import random_network

TIMES = np.arange(0.0, 48.0, 6.0)
ALL = {
    "times_per_series": 6,
    "subject_spread": 0.2,
    "batches": 3,
    "batch_spread": 0.3,
    "library_size": 2e4,
    "dropout": 0.1,
    "missing": 0.1,
    "missing_by_value": 0.1,
    "missing_gene": "gene004",
}


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    """Return 60 series of 12 genes at 8 times."""
    network = random_network(12, 0.2, 5, inputs=("drug",))
    doses = np.linspace(0, 1, 60)
    return simulate(
        network, TIMES, 60, seed=2, system_size=100, subject_spread=0.4,
        inputs={"drug": doses}, settle=40,
    )  # fmt: skip


def rng() -> np.random.Generator:
    """Return the same generator each time."""
    return np.random.default_rng(17)


def test_with_nothing_switched_on_the_truth_comes_back(simulation: Simulation) -> None:
    adata = measure(simulation, seed=0)
    plain = simulation.to_adata()
    np.testing.assert_array_equal(adata.X, plain.X)
    np.testing.assert_array_equal(adata.layers["truth"], plain.X)
    pd.testing.assert_frame_equal(adata.obs.drop(columns="batch"), plain.obs)
    assert adata.uns["units"] == "expression (simulated)"
    found = to_sequences(adata, "subject", "time")
    np.testing.assert_array_equal(found.values, simulation.expression.astype("float32"))
    assert found.mask.all()


@pytest.mark.parametrize("dispersion", [0.0, 0.05, 0.8])
def test_counts_have_the_promised_mean_and_variance(dispersion: float) -> None:
    n = 40_000
    share = np.array([0.5, 0.3, 0.195, 0.005])
    level = np.broadcast_to(7.0 * share, (n, 4))  # only the shares matter
    counts = count_noise(level, np.full(n, 1000.0), dispersion, rng())
    mean = 1000 * share
    variance = mean + dispersion * mean**2
    assert (counts == np.round(counts)).all() and (counts >= 0).all()
    np.testing.assert_allclose(
        counts.mean(axis=0), mean, atol=4 * np.sqrt(variance / n).max()
    )
    # the error of a variance: by the kurtosis of each column
    kurtosis = stats.kurtosis(counts, axis=0, fisher=False)
    error = np.sqrt((kurtosis - 1) / n)
    np.testing.assert_allclose(counts.var(axis=0) / variance, 1.0, atol=5 * error.max())


def test_another_level_keeps_the_numbers_of_the_overdispersion() -> None:
    size = np.full(50, 1e9)  # so many reads that counting itself adds nothing
    one = count_noise(np.tile([0.2, 0.8], (50, 1)), size, 0.3, rng())
    other = count_noise(np.tile([0.6, 0.4], (50, 1)), size, 0.3, rng())
    np.testing.assert_allclose(one / [0.2, 0.8], other / [0.6, 0.4], rtol=2e-3)


def test_counts_have_the_negative_binomial_distribution() -> None:
    level = np.tile([0.004, 0.996], (20_000, 1))
    counts = count_noise(level, np.full(20_000, 1000.0), 0.5, rng())[:, 0]
    zero = stats.nbinom.pmf(np.arange(8), 2.0, 2.0 / (2.0 + 4.0))
    seen = np.bincount(counts.astype(int), minlength=8)[:8] / len(counts)
    np.testing.assert_allclose(seen, zero, atol=4 * np.sqrt(0.25 / len(counts)))


def test_library_sizes_and_factors_have_their_spread() -> None:
    logs = np.log(library_sizes(50_000, 2e6, 0.4, rng()))
    assert logs.mean() == pytest.approx(np.log(2e6), abs=4 * 0.4 / np.sqrt(50_000))
    assert logs.std() == pytest.approx(0.4, rel=0.02)
    factors = np.log(spread_factors(50, 1000, 0.2, rng()))
    assert factors.std() == pytest.approx(0.2, rel=0.02)
    assert (spread_factors(3, 4, 0.0, rng()) == 1).all()


@settings(max_examples=15, deadline=None)
@given(st.floats(0, 1))
def test_losses_happen_at_the_promised_rate(rate: float) -> None:
    shape = (300, 200)
    error = 4.5 * np.sqrt(rate * (1 - rate) / 60_000) + 1e-12
    value = rng().gamma(1.0, 3.0, shape)
    lost = lost_at_random(shape, rate, rng())
    assert lost.mean() == pytest.approx(rate, abs=error)
    assert lost_by_value(value, rate, rng()).mean() == pytest.approx(rate, abs=error)
    zeroed = drop_out(np.ones(shape), rate, rng()) == 0
    assert zeroed.mean() == pytest.approx(rate, abs=error)


def test_only_losses_by_value_depend_on_the_value() -> None:
    value = rng().standard_normal((200, 200))
    by_value = lost_by_value(value, 0.2, np.random.default_rng(1))
    at_random = lost_at_random(value.shape, 0.2, np.random.default_rng(1))
    assert value[by_value].mean() - value[~by_value].mean() > 1
    # a difference of two means of standard normal values
    error = np.sqrt(1 / at_random.sum() + 1 / (~at_random).sum())
    assert abs(value[at_random].mean() - value[~at_random].mean()) < 4 * error


def test_irregular_times_keep_so_many_of_each_series() -> None:
    kept = irregular_times((500, 9), 4, rng())
    assert (kept.sum(axis=1) == 4).all()
    np.testing.assert_allclose(kept.mean(axis=0), 4 / 9, atol=0.1)
    with pytest.raises(ValueError, match=r"times_per_series is 10; there are 9"):
        irregular_times((500, 9), 10, rng())


def changed(simulation: Simulation, **piece: object) -> anndata.AnnData:
    """Measure with counts, and one piece more."""
    return measure(simulation, seed=9, **{"library_size": 2e4, **piece})


def test_one_piece_switched_on_changes_that_piece_only(simulation: Simulation) -> None:
    plain = changed(simulation)
    dropped = changed(simulation, dropout=0.3)
    kept = np.asarray(dropped.X) != 0
    np.testing.assert_array_equal(dropped.X[kept], plain.X[kept])
    assert 1 - kept.mean() == pytest.approx(0.3, abs=0.05)
    for piece in ({"missing": 0.2}, {"times_per_series": 5},
                  {"missing_by_value": 0.2, "missing_gene": "gene001"}):  # fmt: skip
        rest = changed(simulation, **piece)
        assert 0 < rest.n_obs < plain.n_obs
        np.testing.assert_array_equal(rest.X, plain[rest.obs_names].X)
        assert rest.obs.equals(plain.obs.loc[rest.obs_names])
    # another level gives other counts, but of libraries of the same size
    shifted = changed(simulation, batches=2, batch_spread=0.5)
    np.testing.assert_array_equal(
        shifted.obs["library_size"], plain.obs["library_size"]
    )
    assert not np.array_equal(shifted.X, plain.X)


def test_losses_do_not_move_one_another(simulation: Simulation) -> None:
    by_value = {"missing_by_value": 0.2, "missing_gene": "gene001"}
    one = changed(simulation, missing=0.2).obs_names
    other = changed(simulation, **by_value).obs_names
    both = changed(simulation, missing=0.2, **by_value).obs_names
    assert both.tolist() == [name for name in one if name in set(other)]


def test_batch_and_subject_factors_are_what_was_measured(
    simulation: Simulation,
) -> None:
    batches = np.where(np.arange(60) < 20, "early", "late")
    adata = measure(
        simulation, seed=3, batches=batches, batch_spread=0.3, subject_spread=0.2
    )
    truth = adata.uns["truth"]
    by_batch = truth["batch_factors"][adata.obs["batch"]].to_numpy().T
    row = adata.obs["subject"].map(list(simulation.subjects).index).to_numpy()
    expected = adata.layers["truth"] * by_batch * truth["subject_factors"][row]
    np.testing.assert_allclose(adata.X, expected, rtol=1e-5)
    assert adata.obs["batch"].iloc[0] == "early"
    sizes = changed(simulation, batches=4).obs.groupby("batch")["subject"].nunique()
    assert sizes.tolist() == [15] * 4
    by_sample = np.tile(np.where(TIMES < 20, "a", "b"), (60, 1))
    confounded = changed(simulation, batches=by_sample).obs
    assert ((confounded["time"] < 20) == (confounded["batch"] == "a")).all()


def test_absent_samples_are_listed_with_their_reason(simulation: Simulation) -> None:
    adata = measure(simulation, seed=4, **ALL)
    missing = adata.uns["truth"]["missing"]
    assert len(missing) + adata.n_obs == 60 * 8
    assert set(missing["reason"]) == {"not sampled", "at random", "by value"}
    sequences = to_sequences(adata, "subject", "time")
    # a subject that lost all its samples is not in the table at all
    seen = missing[missing["subject"].isin(sequences.subjects)]
    absent = set(zip(seen["subject"], seen["time"], strict=True))
    assert set(sequences.missing_samples()) == absent
    assert adata.uns["units"] == "reads" and adata.X.dtype == np.float32
    assert (adata.X == np.round(adata.X)).all()


def test_same_seed_same_bytes_and_the_file_keeps_the_truth(
    simulation: Simulation, tmp_path: Path
) -> None:
    def total(seed: int) -> str:
        found = measure(simulation, seed=seed, **ALL)
        return digest(found.X, found.layers["truth"], found.obs["library_size"])

    assert total(1) == total(1) != total(2)
    adata = measure(simulation, seed=1, **ALL)
    adata.write_h5ad(tmp_path / "simulated.h5ad")
    back = anndata.read_h5ad(tmp_path / "simulated.h5ad")
    np.testing.assert_array_equal(back.X, adata.X)
    edges = back.uns["truth"]["edges"]
    assert edges["source"].tolist() == simulation.network.edges["source"].tolist()
    assert edges["delay"].tolist() == simulation.network.edges["delay"].tolist()
    assert len(back.uns["truth"]["missing"]) == 480 - adata.n_obs


@pytest.mark.parametrize(
    ("piece", "message"),
    [
        ({"missing": 1.2}, r"missing must be a number from 0"),
        ({"missing": 1.0}, r"no sample is left"),
        ({"missing_by_value": 0.1}, r"needs missing_gene"),
        ({"missing_by_value": 0.1, "missing_gene": "x"}, r"gene 'x' is not in the net"),
        ({"dropout": -0.1}, r"dropout must be"),
        ({"library_size": 0.0}, r"library_size must be above 0"),
        ({"dispersion": -1.0, "library_size": 1e4}, r"dispersion must be"),
        ({"batches": 0}, r"batches must be a whole number from 1"),
        ({"batches": ["a", "b"]}, r"batches has shape \(2,\)"),
        ({"seed": -1}, r"seed must be a whole number"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    simulation: Simulation, piece: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        measure(simulation, **{"seed": 0, **piece})


def test_a_sample_without_expression_cannot_be_counted() -> None:
    with pytest.raises(ValueError, match=r"samples \[1\] is 0 for every gene"):
        count_noise([[1.0, 2.0], [0.0, 0.0]], [10.0, 10.0], 0.1, rng())
