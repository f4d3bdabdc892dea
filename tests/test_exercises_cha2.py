"""Primer A2's exercises: solutions pass, stubs wait, common mistakes are explained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from exercise_cells import answered
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from genex_helpers.exercises import checks, grade

PRIMER = "a2_genes_and_logarithms.ipynb"
NAMES = {
    "a2.1": "answer",
    "a2.2": "counting_z",
    "a2.3": "z_by_gene",
    "a2.4": "adjusted",
}


def answer_of(tag: str, exercise: str) -> Any:
    """Return what the notebook's stub or solution gives as the answer."""
    place, name = list(NAMES).index(exercise), NAMES[exercise]
    return answered(PRIMER, tag, place, name, np=np)


def test_every_exercise_is_here() -> None:
    assert list(checks("a2")) == list(NAMES)


@pytest.mark.parametrize("exercise", NAMES)
def test_solution_passes(exercise: str) -> None:
    status, message = grade(exercise, answer_of("solution", exercise))
    assert status == "passed", message


@pytest.mark.parametrize("exercise", NAMES)
def test_stub_is_unanswered(exercise: str) -> None:
    assert grade(exercise, answer_of("exercise", exercise))[0] == "unanswered"


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_the_solution_equals_scipys(p_values: list[float]) -> None:
    """The adjusted p-values of the notebook, for any p-values."""
    found = answer_of("solution", "a2.4")(p_values)
    assert np.allclose(found, stats.false_discovery_control(p_values))


def z(a: Any, b: Any) -> Any:
    return (b - a) / np.sqrt(np.maximum(a + b, 1))


def standard(table: Any, axis: int | None = 0) -> Any:
    spread = table.std(axis=axis, keepdims=True)
    spread = np.where(spread > 0, spread, 1.0)
    return (table - table.mean(axis=axis, keepdims=True)) / spread


def scaled(p: Any) -> Any:
    return np.sort(p) * len(p) / np.arange(1, len(p) + 1)


def back(p: Any, values: Any) -> Any:
    result = np.empty(len(p))
    result[np.argsort(p)] = values
    return result


def smooth(p: Any) -> Any:
    return np.minimum.accumulate(scaled(p)[::-1])[::-1]


WRONG: list[tuple[str, Any, str]] = [
    ("a2.1", -(2**2.5), "never negative"),
    ("a2.1", 2**2.5, "Upside down"),
    ("a2.1", -2.5, "back: raise 2"),
    ("a2.1", 2.5, "from day 7 to day 1"),
    ("a2.1", 7 / 9.5, "ratio of logarithms"),
    ("a2.1", 0.5, "starts at day 1"),
    ("a2.1", float(np.exp(-2.5)), "power of e"),
    ("a2.1", 10**-2.5, "power of 10"),
    ("a2.1", 2**9.5 - 2**7, "How many *times*"),
    ("a2.1", 42, "Which ratio"),
    ("a2.1", "a fifth", "One number"),
    ("a2.2", lambda a, b: z(b, a), "sign is turned"),
    ("a2.2", lambda a, b: (b - a) / np.maximum(a + b, 1), "divided by the variance"),
    (
        "a2.2",
        lambda a, b: (b - a) / np.maximum(np.sqrt(a) + np.sqrt(b), 1e-9),
        "added standard deviations",
    ),
    ("a2.2", lambda a, b: (b - a) / np.sqrt(np.maximum(a, 1)), "a alone"),
    ("a2.2", lambda a, b: b - a, "difference itself"),
    ("a2.2", lambda a, b: np.abs(z(a, b)), "sign is lost"),
    ("a2.2", lambda a, b: np.where(a + b > 0, z(a, b), np.nan), "you return NaN"),
    ("a2.2", lambda a, b: (b - a) / np.sqrt(np.maximum(b, 1)), "b alone"),
    ("a2.2", lambda a, b: np.sqrt(2) * z(a, b), "is their sum"),
    ("a2.2", lambda a, b: 2 * (np.sqrt(b) - np.sqrt(a)), "0 and 9 we find 3"),
    ("a2.2", lambda a, b: 1.0, "shape of the input"),
    ("a2.3", lambda t: standard(t, axis=1), "by sample"),
    ("a2.3", lambda t: standard(t, axis=None), "whole table"),
    ("a2.3", lambda t: t - t.mean(axis=0), "now divide"),
    ("a2.3", lambda t: t / np.where(t.std(axis=0) > 0, t.std(axis=0), 1), "without"),
    (
        "a2.3",
        lambda t: (t - t.mean(axis=0)) / np.where(t.var(axis=0) > 0, t.var(axis=0), 1),
        "variance; take its root",
    ),
    (
        "a2.3",
        lambda t: np.where(t.std(axis=0) > 0, standard(t), np.nan),
        "zero divided by zero",
    ),
    ("a2.3", lambda t: standard(t).T, "shape of the input"),
    ("a2.3", lambda t: standard(t) + 1, "first column has mean 1"),
    ("a2.4", lambda p: np.minimum(smooth(p), 1), "order of the input"),
    ("a2.4", lambda p: np.minimum(p * len(p), 1), "That is Bonferroni: every"),
    ("a2.4", lambda p: np.minimum(smooth(p), 1)[np.argsort(p)], "sorts again"),
    ("a2.4", lambda p: np.minimum(p * 6 / np.arange(1, 7), 1), "place in the input"),
    ("a2.4", lambda p: back(p, np.minimum.accumulate(scaled(p))), "at the smallest"),
    ("a2.4", lambda p: p * len(p), "no answer exceeds 1"),
    ("a2.4", lambda p: back(p, np.minimum(scaled(p), 1)), "0.03 and 0.04"),
    ("a2.4", lambda p: back(p, np.maximum.accumulate(scaled(p))), "from the right"),
    ("a2.4", lambda p: p, "p-values themselves"),
    (
        "a2.4",
        lambda p: back(p, smooth(p)) * np.where(p.min() > 0.5, 2, 1),
        "0.8 and more",
    ),
    ("a2.4", lambda p: np.zeros(len(p)), "we find"),
    ("a2.4", lambda p: None, "`return` missing"),
]


def test_a_rounded_ratio_passes() -> None:
    assert grade("a2.1", 0.18)[0] == "passed"


def test_either_standard_deviation_passes() -> None:
    """Dividing by n and by n - 1 are both in use."""

    def sample_sd(table: Any) -> Any:
        spread = table.std(axis=0, ddof=1)
        return (table - table.mean(axis=0)) / np.where(spread > 0, spread, 1.0)

    assert grade("a2.3", sample_sd)[0] == "passed"
