"""Primer A3's exercises: solutions pass, stubs wait, common mistakes are explained."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from exercise_cells import answered
from hypothesis import given
from hypothesis import strategies as st

from genex_helpers.exercises import checks, grade
from genex_helpers.simulator import feed_forward_loop, simulate

PRIMER = "a3_simulator.ipynb"
NAMES = {
    "a3.1": "answer",
    "a3.2": "mean_of_all",
    "a3.3": "dispersion",
    "a3.4": "later",
}


def answer_of(tag: str, exercise: str) -> Any:
    """Return what the notebook's stub or solution gives as the answer."""
    place, name = list(NAMES).index(exercise), NAMES[exercise]
    return answered(PRIMER, tag, place, name, np=np, replace=replace)


def test_every_exercise_is_here() -> None:
    assert list(checks("a3")) == list(NAMES)


@pytest.mark.parametrize("exercise", NAMES)
def test_solution_passes(exercise: str) -> None:
    status, message = grade(exercise, answer_of("solution", exercise))
    assert status == "passed", message


@pytest.mark.parametrize("exercise", NAMES)
def test_stub_is_unanswered(exercise: str) -> None:
    assert grade(exercise, answer_of("exercise", exercise))[0] == "unanswered"


def test_the_simulator_waits_as_long_as_the_solution_says() -> None:
    times = np.linspace(0, 10, 2001)
    loop = feed_forward_loop(threshold=0.75)
    y = simulate(loop, times, 1, seed=0, inputs={"x": 1.0}, step=0.01).expression
    reached = np.interp(0.75, y[0, :, 0], times)
    assert reached == pytest.approx(answer_of("solution", "a3.1"), abs=2e-3)


@given(
    st.lists(st.floats(-10, 10), min_size=1, max_size=20), st.floats(0.1, 1), st.data()
)
def test_the_weighted_mean_lies_within_the_values(
    values: list[float], chance: float, data: st.DataObject
) -> None:
    """And it is the plain mean where all chances are equal."""
    solution = answer_of("solution", "a3.2")
    n = len(values)
    equal = solution(np.array(values), np.full(n, chance))
    assert equal == pytest.approx(np.mean(values), abs=1e-9)
    chances = data.draw(st.lists(st.floats(0.1, 1), min_size=n, max_size=n))
    found = solution(np.array(values), np.array(chances))
    assert min(values) - 1e-9 <= found <= max(values) + 1e-9


def test_the_solution_finds_the_dispersion_that_was_drawn() -> None:
    rng = np.random.default_rng(0)
    phi = np.array([0.0, 0.05, 0.3])
    level = np.ones((20_000, 3))
    level[:, 1:] = rng.gamma(1 / phi[1:], phi[1:], (20_000, 2))
    found = answer_of("solution", "a3.3")(rng.poisson(200 * level).astype(float))
    assert found == pytest.approx(phi, abs=0.01)


def moments(counts: Any) -> tuple[Any, Any]:
    return counts.mean(axis=0), counts.var(axis=0, ddof=1)


def phi(counts: Any) -> Any:
    mean, variance = moments(counts)
    return (variance - mean) / mean**2


def in_place(network: Any, delay: float) -> Any:
    network.edges["delay"] += delay
    return network


def with_delay(network: Any, delay: Any, **columns: Any) -> Any:
    return replace(network, edges=network.edges.assign(delay=delay, **columns))


CEILING = 1 / (0.75**4 + 1)
WAIT = -np.log(1 - 0.75 / CEILING)
WRONG: list[tuple[str, Any, str]] = [
    ("a3.1", np.log(4), "if x let y climb to 1"),
    ("a3.1", np.log(32 / 15), "threshold of one half"),
    ("a3.1", -np.log(0.75), "*fallen*"),
    ("a3.1", 0.75, "threshold itself"),
    ("a3.1", CEILING, "height to which y climbs"),
    ("a3.1", 0.75 / CEILING, "share of its ceiling"),
    ("a3.1", -WAIT, "sign is turned"),
    ("a3.1", WAIT / np.log(10), "base 10"),
    ("a3.1", WAIT / np.log(2), "in half-lives"),
    ("a3.1", 42, "At which t"),
    ("a3.1", "long", "One number"),
    ("a3.2", lambda v, c: v.mean(), "plain mean"),
    ("a3.2", lambda v, c: (c * v).sum() / c.sum(), "makes the loss worse"),
    ("a3.2", lambda v, c: np.average(v, weights=1 - c), "chance to be missing"),
    ("a3.2", lambda v, c: (v / c).mean(), "number of those who came"),
    ("a3.2", lambda v, c: (v / c).sum(), "sum over all people"),
    ("a3.2", lambda v, c: (v / c).sum() / c.sum(), "sum of the chances"),
    ("a3.2", lambda v, c: v / c, "One number"),
    ("a3.2", lambda v, c: np.median(v), "we find"),
    ("a3.2", lambda v, c: None, "`return` missing"),
    ("a3.3", lambda x: moments(x)[1] / moments(x)[0] ** 2, "noise of counting"),
    ("a3.3", lambda x: phi(x) * moments(x)[0], "has its square"),
    ("a3.3", lambda x: moments(x)[1] - moments(x)[0], "exceeds counting"),
    ("a3.3", lambda x: (x.var(axis=0) - x.mean(axis=0)) / x.mean(axis=0) ** 2, "ddof"),
    (
        "a3.3",
        lambda x: (np.sqrt(moments(x)[1]) - moments(x)[0]) / moments(x)[0] ** 2,
        "standard deviation",
    ),
    ("a3.3", lambda x: np.maximum(phi(x), 0), "cut off"),
    ("a3.3", lambda x: phi(x.T), "run over the samples"),
    ("a3.3", lambda x: phi(x).mean(), "One number a gene"),
    ("a3.3", lambda x: 2 * phi(x), "second gene"),
    ("a3.4", in_place, "old network has changed"),
    ("a3.4", lambda n, d: n.edges.assign(delay=n.edges["delay"] + d), "a DataFrame"),
    ("a3.4", lambda n, d: n, "delays of the old one"),
    ("a3.4", lambda n, d: with_delay(n, d), "same number"),
    ("a3.4", lambda n, d: with_delay(n, n.edges["delay"] * d), "2 more give"),
    ("a3.4", lambda n, d: with_delay(n, n.edges["delay"] + d, hill=1.0), "else than"),
]
