"""The simulator's random numbers: their statistics, and which of them move."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulator_reference import digest

from genex_helpers.simulator.kinetics import Simulation, simulate
from genex_helpers.simulator.networks import (
    LOGICS,
    Network,
    cascade,
    edge_table,
    random_network,
)
from genex_helpers.simulator.perturbations import dose, knock_out, over_express

TIMES = np.arange(0.0, 24.0, 4.0)


def noisy(n_series: int = 5, seed: int = 3, **changes: object) -> Simulation:
    """Simulate a random network with everything switched on."""
    network = random_network(15, 0.2, 7, inputs=("drug",), max_delay=3.0)
    options: dict[str, object] = {
        "system_size": 200.0,
        "subject_spread": 0.3,
        "inputs": {"drug": 0.2},
        "perturbations": [dose("drug", 0.8, start=5.0, series=[0])],
    }
    return simulate(network, TIMES, n_series, seed=seed, **{**options, **changes})


@pytest.mark.parametrize(("mean", "size"), [(1.0, 100.0), (40.0, 1.0), (6.0, 5.0)])
def test_a_constant_gene_has_the_variance_of_counting(mean: float, size: float) -> None:
    """Birth and death at constant rates: mean m, variance m / Ω, forgets at rate γ."""
    gamma, n_genes, n_series = 0.5, 20, 2000
    genes = tuple(f"g{i}" for i in range(n_genes))
    network = Network(genes, edge_table([]), 0.0, mean * gamma, gamma)
    found = simulate(
        network, [0.0, 1.5], n_series, seed=11, system_size=size, settle=30,
        initial=np.full(n_genes, mean),
    ).expression  # fmt: skip
    early, late = found.reshape(n_series, 2, -1).transpose(1, 0, 2).reshape(2, -1)
    n = early.size  # 40,000 independent values
    assert late.mean() == pytest.approx(mean, abs=4 * np.sqrt(mean / size / n))
    # four standard errors of a variance of normal values, sqrt(2 / n) each
    assert late.var() == pytest.approx(mean / size, rel=4 * np.sqrt(2 / n))
    recalled = np.corrcoef(early, late)[0, 1]
    assert recalled == pytest.approx(np.exp(-gamma * 1.5), abs=4 / np.sqrt(n))


def test_noise_of_a_cascade_follows_the_linear_noise_approximation() -> None:
    """The covariance C of x' = A x + b solves A C + C A' + D = 0 (Lyapunov)."""
    from scipy.linalg import solve_continuous_lyapunov

    decay, size = np.array([1.0, 0.6, 0.3]), 400.0
    drift = -np.diag(decay) + np.diag(decay[1:], -1)
    # at rest each level is 1, made and lost at the rate of its decay
    expected = solve_continuous_lyapunov(drift, -np.diag(2 * decay / size))
    found = simulate(
        cascade(3, decay=decay), [0.0], 10_000, seed=5, system_size=size,
        inputs={"signal": 1.0}, initial=np.ones(3), settle=25, step=0.1,
    )  # fmt: skip
    covariance = np.cov(found.expression[:, 0].T)
    np.testing.assert_allclose(covariance, expected, atol=0.05 * expected.max())


def test_noise_vanishes_as_the_system_grows() -> None:
    calm = noisy(system_size=None)
    wild = noisy(system_size=1e12)
    np.testing.assert_allclose(wild.expression, calm.expression, rtol=1e-3, atol=1e-5)
    assert calm.truth.system_size == np.inf


def test_subjects_factors_have_the_promised_spread() -> None:
    network = Network(tuple("abcde"), edge_table([]), 0.0, 1.0, 1.0)
    found = simulate(network, [0.0], 4000, seed=1, subject_spread=0.4, settle=40)
    logs = np.log(found.truth.rate_factors)
    assert logs.std() == pytest.approx(0.4, rel=4 / np.sqrt(2 * logs.size))
    assert logs.mean() == pytest.approx(0.0, abs=4 * 0.4 / np.sqrt(logs.size))
    np.testing.assert_allclose(found.expression[:, 0], found.truth.rate_factors)


def test_same_seed_same_bytes_also_in_another_process() -> None:
    code = (
        "from test_simulator_random import noisy\n"
        "from simulator_reference import digest\n"
        "print(digest(noisy().expression, noisy().truth.rate_factors))"
    )
    here = digest(noisy().expression, noisy().truth.rate_factors)
    there = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parent, capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    assert here == there
    assert here != digest(noisy(seed=4).expression, noisy(seed=4).truth.rate_factors)


def test_a_series_does_not_depend_on_how_many_there_are() -> None:
    few, many = noisy(3), noisy(300)
    np.testing.assert_array_equal(few.expression, many.expression[:3])
    np.testing.assert_array_equal(few.truth.rate_factors, many.truth.rate_factors[:3])
    assert few.subjects.tolist() == many.subjects[:3].tolist()


def test_series_differ_from_one_another() -> None:
    found = noisy(50, subject_spread=0.0, perturbations=[]).expression[:, -1]
    assert len(np.unique(found[:, 0])) == 50


def test_switching_one_piece_on_leaves_the_others_numbers() -> None:
    # a spread too small to matter: the noise is what it was without it
    without = noisy(subject_spread=0.0).expression
    np.testing.assert_allclose(noisy(subject_spread=1e-13).expression, without)
    # and the subjects' factors are the same with and without noise
    np.testing.assert_array_equal(
        noisy().truth.rate_factors, noisy(system_size=None).truth.rate_factors
    )
    # a perturbation of one series changes that series only, and from its start on
    for i in (0, 140):  # in the first block of series that are integrated, and beyond
        change = dose("drug", 0.8, start=5.0, series=[i])
        plain = noisy(150, perturbations=[]).expression
        dosed = noisy(150, perturbations=[change]).expression
        assert np.flatnonzero((plain != dosed).any(axis=(1, 2))).tolist() == [i]
        np.testing.assert_array_equal(plain[i, :2], dosed[i, :2])


def test_noise_does_not_know_the_subjects_factors() -> None:
    network = Network(tuple("abcd"), edge_table([]), 1.0, 1e-9, 1.0)
    found = simulate(
        network, [0.0, 0.1], 3000, seed=0, system_size=1e4, subject_spread=1.0,
        initial=np.ones(4), step=0.1,
    )  # fmt: skip
    noise = found.expression[:, 1].ravel()
    factors = np.log(found.truth.rate_factors).ravel()
    assert abs(np.corrcoef(noise, factors)[0, 1]) < 4 / np.sqrt(len(noise))


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Draw any network: all logics, any delay, thresholds over many sizes."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(1, 7))
    logic = tuple(draw(st.lists(st.sampled_from(LOGICS), min_size=n, max_size=n)))
    density = draw(st.floats(0, 1))
    genes = tuple(f"g{i}" for i in range(n))
    rows = []
    for source in (*genes, "u"):
        for target, word in zip(genes, logic, strict=True):
            if rng.random() < density:
                sign = 1 if word == "linear" else int(rng.choice([-1, 1]))
                hill = 1.0 if word == "linear" else float(rng.uniform(0.5, 12))
                threshold = n * 10.0 ** rng.uniform(0, 3)
                delay = float(rng.choice([0, rng.uniform(0, 5)]))
                rows.append((source, target, sign, threshold, hill, delay))
    basal, rate = 10.0 ** rng.uniform(-3, 3, (2, n))
    decay = 10.0 ** rng.uniform(0, 1.5, n)
    return Network(genes, edge_table(rows), basal, rate, decay, ("u",), logic)


@settings(max_examples=60, deadline=None)
@given(
    network=networks(),
    size=st.sampled_from([None, 0.01, 1.0, 1e4]),
    step=st.sampled_from([0.02, 0.3, 5.0]),
    spread=st.sampled_from([0.0, 1.5]),
    times=st.lists(st.floats(-5, 5), min_size=1, max_size=5, unique=True),
    seed=st.integers(0, 10**9),
)
def test_expression_is_finite_and_never_negative(
    network: Network,
    size: float | None,
    step: float,
    spread: float,
    times: list[float],
    seed: int,
) -> None:
    out = network.genes[0]
    changes = [
        knock_out(out, series=[1]),
        over_express(network.genes[-1], 3.0, start=0.0),
        dose("u", 50.0, start=-1.0, stop=1.0),
    ]
    found = simulate(
        network, sorted(times), 3, seed=seed, system_size=size, step=step,
        subject_spread=spread, perturbations=changes, settle=1.0,
    )  # fmt: skip
    assert found.expression.shape == (3, len(times), network.n_genes)
    assert found.inputs.shape == (3, len(times), 1)
    assert np.isfinite(found.expression).all() and (found.expression >= 0).all()
    # nothing was there at the start, and nothing is made
    assert not found.expression[1, :, 0].any()
    assert found.perturbed[1].startswith(f"knock-out {out}")
