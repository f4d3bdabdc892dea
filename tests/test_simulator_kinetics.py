"""The simulator against closed solutions, roots and a reference integrator."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.optimize import root
from simulator_reference import Floats, right_side

from genex_helpers.simulator.kinetics import simulate
from genex_helpers.simulator.networks import (
    LOGICS,
    Network,
    cascade,
    edge_table,
    feed_forward_loop,
    oscillator,
    random_network,
    toggle_switch,
)
from genex_helpers.simulator.perturbations import dose, knock_out, over_express, pulse

TIMES = np.linspace(0.0, 8.0, 17)


def observed_order(errors: list[float]) -> Floats:
    """Return by which power of the step the error shrinks, halving after halving."""
    return np.log2(np.array(errors[:-1]) / np.array(errors[1:]))


def cascade_solution(decay: Floats, times: Floats) -> Floats:
    """Return levels ``(time, gene)`` of a linear cascade from 0, signal 1.

    Gene n is the distribution function of a sum of n exponential waiting times.
    """
    levels = np.ones((len(times), len(decay)))
    for n in range(len(decay)):
        for i in range(n + 1):
            others = np.delete(decay[: n + 1], i)
            weight = np.prod(others / (others - decay[i]))
            levels[:, n] -= weight * np.exp(-decay[i] * times)
    return levels


def test_linear_cascade_meets_its_closed_solution_at_second_order() -> None:
    decay = np.array([0.3, 0.7, 1.1, 2.0])
    network = cascade(4, decay=decay)
    exact = cascade_solution(decay, TIMES)
    errors = []
    for step in (0.1, 0.05, 0.025, 0.0125):
        found = simulate(network, TIMES, 1, seed=0, inputs={"signal": 1.0}, step=step)
        assert found.truth.step == pytest.approx(step)
        errors.append(float(np.abs(found.expression[0] - exact).max(axis=0)[1:].min()))
        # the first gene is made at a constant rate: exact at any step
        np.testing.assert_allclose(found.expression[0, :, 0], exact[:, 0], atol=1e-13)
        np.testing.assert_allclose(found.expression[0], exact, atol=0.2 * step**2)
    np.testing.assert_allclose(observed_order(errors), 2.0, atol=0.05)


@pytest.mark.parametrize("seed", range(3))
def test_random_network_follows_a_tight_integrator(seed: int) -> None:
    network = random_network(12, 0.25, seed, inputs=("drug",))
    times = np.arange(0.0, 40.0, 4.0)
    rates = right_side(network, {"drug": 0.7})
    found = simulate(network, times, 1, seed=0, inputs={"drug": 0.7}).expression[0]
    exact = solve_ivp(
        rates, (0, times[-1]), np.zeros(12), "DOP853", times, rtol=1e-9, atol=1e-11
    ).y.T
    np.testing.assert_allclose(found, exact, rtol=2e-3, atol=1e-4 * exact.max())


def random_edges(rng: np.random.Generator, n_genes: int, logic: list[str]) -> Network:
    """Return a network with all logics, odd exponents and one input."""
    genes = tuple(f"g{i}" for i in range(n_genes))
    rows = []
    for source in (*genes, "u"):
        for target, word in zip(genes, logic, strict=True):
            if rng.random() < 0.4:
                linear = word == "linear"
                sign = 1 if linear else int(rng.choice([-1, 1]))
                hill = 1.0 if linear else float(rng.choice([1, 2, 2.7, 3, 4, 5, 6]))
                # linear loops must not grow without bound
                threshold = 2.0 * n_genes if linear else rng.uniform(0.2, 2)
                rows.append((source, target, sign, threshold, hill, 0.0))
    basal, rate, decay = rng.uniform(0.1, 1.5, (3, n_genes))
    return Network(genes, edge_table(rows), basal, rate, decay, ("u",), tuple(logic))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.lists(st.sampled_from(LOGICS), min_size=1, max_size=6))
def test_first_slope_is_the_equation_for_every_logic(
    seed: int, logic: list[str]
) -> None:
    rng = np.random.default_rng(seed)
    network = random_edges(rng, len(logic), logic)
    start = rng.uniform(0, 3, len(logic))
    h = 1e-5
    found = simulate(
        network, [0, h], 1, seed=0, initial=start, inputs={"u": 0.8}, step=h
    )
    slope = (found.expression[0, 1] - start) / h
    exact = right_side(network, {"u": 0.8})(0.0, start)
    np.testing.assert_allclose(slope, exact, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("word", LOGICS)
def test_resting_state_is_a_root_of_the_equations(word: str) -> None:
    network = random_edges(np.random.default_rng(3), 6, [word] * 6)
    found = simulate(network, [0.0, 400.0], 1, seed=0, inputs={"u": 1.0})
    rest = found.expression[0, -1]
    rates = right_side(network, {"u": 1.0})
    solved = root(lambda x: rates(0.0, x), rest * 1.05, tol=1e-13)
    assert solved.success
    np.testing.assert_allclose(rest, solved.x, rtol=1e-8)


def crossings(times: Floats, level: Floats, height: float) -> Floats:
    """Return when the level rises through a height, by straight lines."""
    up = np.flatnonzero((level[:-1] < height) & (level[1:] >= height))
    part = (height - level[up]) / (level[up + 1] - level[up])
    return times[up] + part * (times[up + 1] - times[up])


def test_oscillator_has_the_period_of_a_tight_integration() -> None:
    network = oscillator()
    start = np.array([5.0, 0.0, 0.0, 1.0, 0.0, 0.0])
    times = np.arange(0.0, 400.0, 0.25)
    exact = solve_ivp(
        right_side(network, {}), (0, 400), start, "LSODA", times, rtol=1e-8, atol=1e-8
    ).y[3]
    height = exact[800:].mean()
    period = np.diff(crossings(times, exact, height)[-4:])
    assert np.ptp(period) < 1e-2  # a limit cycle
    for step, tolerance in ((0.1, 5e-3), (0.025, 5e-4)):
        found = simulate(network, times, 1, seed=0, initial=start, step=step)
        seen = np.diff(crossings(times, found.expression[0, :, 3], height)[-4:])
        assert seen.mean() == pytest.approx(period.mean(), rel=tolerance)


def test_toggle_switch_rests_in_two_states_and_a_pulse_flips_it() -> None:
    network = toggle_switch()
    rates = right_side(network, {"push_a": 0.0, "push_b": 0.0})
    starts = np.array([[2.0, 1.0], [1.0, 2.0]])
    change = pulse("push_b", 1.0, at=60, width=10, series=[0])
    found = simulate(
        network, [0, 50, 120], 2, seed=0, initial=starts, perturbations=[change]
    )
    first, second = found.expression[:, 1]
    for rest in (first, second):
        np.testing.assert_allclose(rates(0.0, rest), 0.0, atol=1e-8)
    assert first[0] > 9 > 1 > first[1]
    np.testing.assert_allclose(first, second[::-1])
    np.testing.assert_allclose(found.expression[0, 2], second, atol=1e-6)  # flipped
    np.testing.assert_allclose(found.expression[1, 2], second, atol=1e-6)  # left alone
    assert found.perturbed.tolist() == ["push_b + 1", "none"]


def half_times(network: Network) -> tuple[float, float]:
    """Return how long z takes to half its level after x comes, and after x goes."""
    times = np.arange(0.0, 20.0, 0.02)
    found = simulate(network, times, 1, seed=0, perturbations=[dose("x", 1, start=1)])
    on = found.expression[0, :, -1]
    off = simulate(
        network,
        times,
        1,
        seed=0,
        settle=30,
        perturbations=[dose("x", 1, start=-99, stop=1)],
    ).expression[0, :, -1]
    rise, fall = np.argmax(on > on[-1] / 2), np.argmax(off < off[0] / 2)
    return times[rise] - 1, times[fall] - 1


def test_coherent_loop_delays_on_steps_only() -> None:
    loop = feed_forward_loop()
    alone = Network(
        ("z",), edge_table([("x", "z", 1, 0.5, 4.0, 0.0)]), 0, 1, 1, ("x",), ("and",)
    )
    (slow_on, slow_off), (on, off) = half_times(loop), half_times(alone)
    assert on == pytest.approx(np.log(2), abs=0.03)
    assert slow_on - on > 0.4
    assert slow_off == pytest.approx(off, abs=0.021)  # one sample


def test_incoherent_loop_answers_with_a_pulse() -> None:
    change = dose("x", 1.0, start=1)
    times = np.arange(0.0, 20.0, 0.1)
    z = simulate(
        feed_forward_loop(coherent=False), times, 1, seed=0, perturbations=[change]
    ).expression[0, :, 1]
    top = int(np.argmax(z))
    assert 0 < top < 40 and z[top] > 3 * z[-1] and z[-1] > 0


@pytest.mark.parametrize("delay", [1.0, 0.77, 0.013])
def test_delayed_feedback_meets_its_solution_by_steps(delay: float) -> None:
    """x' = b + a x(t - delay) - x, from x = 3 before the start."""
    a, b, before = 0.5, 1.0, 3.0
    loop = edge_table([("x", "x", 1, 1.0, 1.0, delay)])
    network = Network(("x",), loop, b, a, 1.0, logic=("linear",))
    times = np.linspace(0.0, 2 * delay, 21)
    c = b + a * before  # where x heads in the first interval
    first = c + (before - c) * np.exp(-times)
    s = np.clip(times - delay, 0, None)
    turn = c + (before - c) * np.exp(-delay)
    second = turn * np.exp(-s) + (b + a * c) * -np.expm1(-s)
    second += a * (before - c) * s * np.exp(-s)
    exact = np.where(times <= delay, first, second)
    errors = []
    for parts in (40, 80, 160):
        step = 2 * delay / parts
        found = simulate(network, times, 1, seed=0, initial=[before], step=step)
        errors.append(float(np.abs(found.expression[0, :, 0] - exact).max()))
        assert errors[-1] < 0.5 * step**2
    np.testing.assert_allclose(observed_order(errors), 2.0, atol=0.1)


@pytest.mark.parametrize(("delay", "step"), [(0.55, 0.1), (0.55, 0.03), (0.02, 0.05)])
def test_delay_that_is_no_multiple_of_the_step(delay: float, step: float) -> None:
    network = cascade(2, delay=delay, decay=[1.0, 2.0])
    times = np.linspace(0, 6, 25)
    found = simulate(network, times, 1, seed=0, inputs={"signal": 1.0}, step=step)
    # the signal was always there; the second gene sees the first later
    late = np.clip(times - delay, 0, None)
    exact = cascade_solution(np.array([1.0, 2.0]), late)[:, 1]
    np.testing.assert_allclose(found.expression[0, :, 1], exact, atol=step**2)


def test_a_delayed_dose_arrives_late() -> None:
    network = cascade(1, delay=2.0)
    changes = [dose("signal", 3.0, start=1.0, stop=4.0)]
    times = np.arange(0.0, 9.0, 0.5)
    found = simulate(network, times, 1, seed=0, perturbations=changes)
    grown = 3 * -np.expm1(-np.clip(times - 3, 0, 3))
    exact = grown * np.exp(-np.clip(times - 6, 0, None))
    np.testing.assert_allclose(found.expression[0, :, 0], exact, atol=1e-12)
    np.testing.assert_array_equal(
        found.inputs[0, :, 0], np.where((times >= 1) & (times < 4), 3.0, 0.0)
    )


def test_inputs_that_change_over_time_and_between_series() -> None:
    """x' = u - x with u = t: x = t - 1 + exp(-t)."""
    ramp = np.stack([TIMES, np.zeros_like(TIMES)])
    found = simulate(cascade(1), TIMES, 2, seed=0, inputs={"signal": ramp}, step=0.01)
    exact = TIMES - 1 + np.exp(-TIMES)
    np.testing.assert_allclose(found.expression[0, :, 0], exact, atol=1e-5)
    np.testing.assert_array_equal(found.expression[1], 0.0)
    np.testing.assert_array_equal(found.inputs[0, :, 0], TIMES)


def test_knock_out_decays_and_over_expression_scales() -> None:
    network = Network(("a", "b"), edge_table([]), 0.5, 1.5, [1.0, 0.25])
    changes = [knock_out("a", start=3.0, series=[0]), over_express("b", 2.0)]
    times = np.arange(0.0, 8.0, 0.5)
    found = simulate(
        network, times, 2, seed=0, settle=200, perturbations=changes
    ).expression
    np.testing.assert_allclose(found[0, :, 0], 2 * np.exp(-np.clip(times - 3, 0, None)))
    np.testing.assert_allclose(found[1, :, 0], 2.0)
    np.testing.assert_allclose(found[:, :, 1], 16.0)


def test_rate_factors_scale_the_highest_rate_of_their_series() -> None:
    network = Network(("a",), edge_table([]), 1.0, 2.0, 0.5)
    factors = [[0], [1], [2]]
    found = simulate(network, [0.0], 3, seed=0, settle=100, rate_factors=factors)
    np.testing.assert_allclose(found.expression[:, 0, 0], [2.0, 6.0, 10.0])
    np.testing.assert_array_equal(found.truth.rate_factors, factors)


def test_irregular_times_lie_on_the_same_curve() -> None:
    times = np.sort(np.random.default_rng(0).uniform(0, 8, 30))
    times[0] = 0.0
    found = simulate(cascade(3), times, 1, seed=0, inputs={"signal": 1.0}, step=0.01)
    exact = 1 - np.exp(-times) * (1 + times + times**2 / 2)  # equal decays
    np.testing.assert_allclose(found.expression[0, :, 2], exact, atol=2e-5)
