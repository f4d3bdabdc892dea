"""The checks of chapter 6: right answers, stubs, and the common wrong answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from exercise_cells import answered

from genex_helpers.exercises import grade

NOTEBOOK = "06_missing_and_irregular.ipynb"
NAMES = {
    "06.1": "overlap",
    "06.2": "fill_line",
    "06.3": "fair_error",
    "06.4": "trailing_mean",
    "06.5": "gaps_of",
    "06.6": "faded_fill",
}


def interp(t: Any, x: Any, **ends: Any) -> Any:
    seen = np.isfinite(x)
    return np.interp(t, t[seen], x[seen], **ends)


def extended(t: Any, x: Any) -> Any:
    return np.array([0.0, 1.0, 3.0, 4.0, 5.0])


def fair(x: Any, hidden: Any, fill: Any, slip: str = "") -> Any:
    left = np.where(hidden, np.nan, x)
    level = np.nanmean(left, axis=1, keepdims=True)
    if slip == "one mean":
        level = np.full_like(level, np.nanmean(left) + 0.5)
    if slip == "shown":
        fill(x - level)
        return 1.0
    if slip == "uncentred":
        return np.sqrt(np.mean((fill(left) - x)[hidden] ** 2))
    filled = fill(left - level)
    if slip == "scales":
        return np.sqrt(np.mean((filled - x)[hidden] ** 2))
    errors = filled - (x - level)
    if slip == "all":
        return np.sqrt(np.mean(errors**2))
    if slip == "absolute":
        return np.mean(np.abs(errors[hidden]))
    square = np.mean(errors[hidden] ** 2)
    if slip == "off":
        return np.sqrt(square) + 1
    return square if slip == "square" else np.sqrt(square)


def in_place(x: Any, hidden: Any, fill: Any) -> Any:
    x[hidden] = np.nan
    return 1.0


def window(x: Any, width: int, kind: str) -> Any:
    n = len(x)
    cuts = {
        "centred": lambda t: x[max(0, t - 1) : t + 2],
        "before": lambda t: x[max(0, t - width) : max(t, 1)],
        "forward": lambda t: x[t : t + width],
    }
    return np.array([cuts[kind](t).mean() for t in range(n)])


def full_only(x: Any, width: int) -> Any:
    out = np.full(len(x), np.nan)
    for t in range(width - 1, len(x)):
        out[t] = x[t - width + 1 : t + 1].mean()
    return out


def always_three(x: Any, width: int) -> Any:
    return np.array([x[max(0, t - 2) : t + 1].mean() for t in range(len(x))])


def gap(mask: Any, times: Any, slip: str = "") -> Any:
    times = np.arange(len(times)) if slip == "steps" else times
    found = np.zeros(len(times))
    for t in range(1, len(times)):
        reset = mask[t] if slip == "own" else mask[t - 1]
        old = 0 if reset or slip == "last step" else found[t - 1]
        found[t] = times[t] - times[t - 1] + old
    if slip == "zero":
        found[np.asarray(mask)] = 0
    if slip == "clock":
        found[0] = times[0]
    if slip == "never" and not mask.any():
        found[:] = 0
    return found


def fade(
    x: Any, mask: Any, delta: Any, mean: float, w: float, b: float, slip: str = ""
) -> Any:
    last, found = mean, []
    for value, seen, d in zip(x, mask, delta, strict=True):
        last = value if seen else last
        power = w * d + b
        keep = np.exp(-(power if slip == "below" else max(0.0, power)))
        if slip == "none":
            keep = 1.0
        if slip == "turned":
            keep = 1 - keep
        now = keep * last + (1 - keep) * (0.0 if slip == "zero" else mean)
        if slip == "twice" and not seen:
            last = now
        found.append(last if seen else now)
    return np.array(found)


WRONG = [
    ("06.1", lambda a, b: 5, "Return two numbers"),
    ("06.1", lambda a, b: (10, 5), "comes first"),
    ("06.1", lambda a, b: ((a | b).sum(), 10), "one *or* the other"),
    ("06.1", lambda a, b: (7, 10), "5 genes lost both"),
    ("06.1", lambda a, b: ((a & b).mean(), 10), "a share of the genes"),
    ("06.1", lambda a, b: (5, a.mean() * b.mean()), "for one gene"),
    ("06.1", lambda a, b: (5, a.sum() * b.sum()), "Multiply shares"),
    ("06.1", lambda a, b: (5, a.mean() + b.mean()), "are multiplied"),
    ("06.1", lambda a, b: (5, 3), "By chance 10"),
    ("06.2", lambda t, x: x[:3], "One number a step"),
    ("06.2", lambda t, x: np.nan_to_num(x) * 0, "measured value has changed"),
    ("06.2", lambda t, x: x, "still there"),
    ("06.2", lambda t, x: interp(np.arange(5.0), x), "half-way by *steps*"),
    ("06.2", lambda t, x: np.nan_to_num(x, nan=np.nanmean(x)), "gene's mean"),
    ("06.2", lambda t, x: np.array([1.0, 1, 1, 4, 4]), "carries the last"),
    ("06.2", lambda t, x: np.array([1.0, 1, 2, 4, 4]), "stands at 3"),
    ("06.2", lambda t, x: interp(t, x, left=np.nan), "ends are still NaN"),
    ("06.2", extended, "beyond the measured"),
    ("06.2", lambda t, x: interp(t, x, right=9.0), "Expected 1, 1, 3"),
    ("06.3", in_place, "table itself was changed"),
    ("06.3", lambda x, h, f: 1.0, "never called"),
    ("06.3", lambda *a: fair(*a, slip="shown"), "was shown"),
    ("06.3", lambda *a: fair(*a, slip="uncentred"), "not centred again"),
    ("06.3", lambda *a: fair(*a, slip="one mean"), "each gene"),
    ("06.3", lambda *a: fair(*a, slip="scales"), "compared on another"),
    ("06.3", lambda *a: fair(*a, slip="all"), "Only the hidden"),
    ("06.3", lambda *a: fair(*a, slip="square"), "take its root"),
    ("06.3", lambda *a: fair(*a, slip="absolute"), "mean absolute"),
    ("06.3", lambda *a: fair(*a, slip="off"), "Expected"),
    ("06.4", lambda x, w: window(x, w, "centred"), "is centred"),
    ("06.4", lambda x, w: np.convolve(x, np.ones(w) / w, "same"), "is centred"),
    ("06.4", lambda x, w: np.cumsum(x) / np.arange(1, len(x) + 1), "whole past"),
    ("06.4", full_only, "as many"),
    ("06.4", lambda x, w: window(x, w, "before"), "belongs to its window"),
    ("06.4", lambda x, w: window(x, w, "forward"), "looks forward"),
    ("06.4", lambda x, w: x * 0, "Expected"),
    ("06.4", always_three, "width of 1"),
    ("06.5", lambda m, t: gap(m, t, "steps"), "counts steps"),
    ("06.5", lambda m, t: t - t[0], "starts again"),
    ("06.5", lambda m, t: gap(m, t, "zero"), "not 0"),
    ("06.5", lambda m, t: gap(m, t, "last step"), "since the last step"),
    ("06.5", lambda m, t: gap(m, t, "clock"), "first gap is 0"),
    ("06.5", lambda m, t: gap(m, t, "own"), "step *before*"),
    ("06.5", lambda m, t: gap(m, t, "never"), "If it never was"),
    ("06.5", lambda m, t: t * 0, "Expected"),
    ("06.6", lambda x, *a: x, "zero times NaN"),
    ("06.6", lambda *a: fade(*a) + 1, "must stay"),
    ("06.6", lambda *a: fade(*a, slip="none"), "forward fill"),
    ("06.6", lambda x, m, d, mean, w, b: np.where(m, x, mean), "mean fill"),
    ("06.6", lambda *a: fade(*a, slip="twice"), "faded already"),
    ("06.6", lambda *a: fade(*a, slip="zero"), "fades to zero"),
    ("06.6", lambda *a: fade(*a, slip="turned"), "Turned round"),
    ("06.6", lambda *a: fade(*a, slip="below"), "nothing may"),
    ("06.6", lambda x, m, *a: np.where(m, x, 0.2), "Expected"),
]


@pytest.mark.parametrize("place", range(len(NAMES)))
def test_solutions_of_the_notebook_pass(place: int) -> None:
    exercise, name = list(NAMES.items())[place]
    answer = answered(NOTEBOOK, "solution", place, name, np=np)
    assert grade(exercise, answer)[0] == "passed"


@pytest.mark.parametrize("place", range(len(NAMES)))
def test_stubs_of_the_notebook_are_unanswered(place: int) -> None:
    exercise, name = list(NAMES.items())[place]
    answer = answered(NOTEBOOK, "exercise", place, name, np=np)
    assert grade(exercise, answer)[0] == "unanswered"
    assert grade(exercise, ...)[0] == "unanswered"
