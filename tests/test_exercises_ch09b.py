"""The checks of chapter 9b: right answers, stubs, and the common wrong answers."""

from __future__ import annotations

from typing import Any

import numpy as np
from exercise_cells import mistaken

from genex_helpers.exercises import grade

NOTEBOOK = "09b_forecasts_and_conditions.ipynb"
NAMES = {
    "09b.1": "answer_weights",
    "09b.2": "beginnings",
    "09b.3": "iterate",
    "09b.4": "dose_lags",
    "09b.5": "length_accuracy",
}


GIVEN = {"np": np}


def weights(mask: Any, way: str = "") -> Any:
    if way == "padding":
        mask = np.ones_like(mask)
    if way == "answers":
        return mask / mask.sum()
    if way == "mask":
        return mask
    found = mask / mask.sum(axis=1, keepdims=True)
    if way == "steps":
        return found / mask.shape[1]
    return found if way == "not one" else found / len(mask)


def all_beginnings(series: Any, first: int, way: str = "") -> Any:
    n = len(series) - first + 1
    found = np.zeros((n, *series.shape))
    for k in range(n):
        m = first + k
        if way == "front":
            found[k, -m:] = series[:m]
        elif way == "ends":
            found[k, :m] = series[-m:]
        elif way == "whole":
            found[k] = series
        else:
            m -= way == "short"
            found[k, :m] = series[:m]
    if way == "in place":
        series[:] = 0
    if way == "long first":
        found = found[::-1]
    return found[:-1] if way == "few" else found


def fed_back(step: Any, past: Any, n_ahead: int, way: str = "") -> Any:
    levels, start = list(past), len(past)
    for _ in range(n_ahead):
        seen = levels[-1:] if way == "last" else levels
        if way == "window":
            seen = levels[-start:]
        if way == "batched":
            seen = [levels]  # type: ignore[list-item]
        new = step(np.array(past if way == "once" else seen))
        levels.append(new)
    if way == "in place":
        past[0] = 99
    return np.array(levels if way == "all" else levels[start:])


def lags(dose: Any, n_lags: int, way: str = "") -> Any:
    n = dose.shape[1]
    found = np.zeros((*dose.shape, n_lags))
    for lag in range(n_lags):
        if way == "roll":
            found[..., lag] = np.roll(dose, lag, axis=1)
        elif way == "ahead":
            found[:, : n - lag, lag] = dose[:, lag:]
        elif way == "late":
            found[:, lag + 1 :, lag] = dose[:, : n - 1 - lag]
        elif way == "held":
            found[..., lag] = dose[:, np.maximum(np.arange(n) - lag, 0)]
        else:
            found[:, lag:, lag] = dose[:, : n - lag]
    if way == "flat":
        return found.reshape(len(dose), -1)
    return found[..., ::-1] if way == "oldest" else found


def best_cut(lengths: Any, labels: Any, way: str = "") -> Any:
    cuts = [min(lengths) - 1, *np.unique(lengths)]
    shares = [np.mean((lengths <= c) == (labels == 1)) for c in cuts]
    if way == "one":
        return max(shares)
    if way == "majority":
        return max(labels.mean(), 1 - labels.mean())
    both = [max(s, 1 - s) for s in shares]
    return np.mean(both) if way == "mean" else max(both)


def inside(lengths: Any, labels: Any) -> Any:
    cuts = np.unique(lengths)
    shares = [np.mean((lengths <= c) == labels) for c in cuts]
    return max(shares + [np.mean((lengths >= c) == labels) for c in cuts])


RIGHT: dict[str, Any] = {
    "09b.1": weights,
    "09b.2": all_beginnings,
    "09b.3": fed_back,
    "09b.4": lags,
    "09b.5": best_cut,
}


WRONG: list[tuple[str, Any, str]] = [
    ("09b.1", mistaken(weights, "answers"), "Every *answer*"),
    ("09b.1", mistaken(weights, "not one"), "divide by it"),
    ("09b.1", mistaken(weights, "padding"), "padding has weight"),
    ("09b.1", mistaken(weights, "mask"), "mask itself"),
    ("09b.1", mistaken(weights, "steps"), "not by the number of steps"),
    ("09b.1", lambda m: m * 0.3, "should be"),
    ("09b.1", lambda m: m.sum(), "shape should be"),
    ("09b.1", lambda m: "half", "array of numbers"),
    ("09b.2", mistaken(all_beginnings, "front"), "stand in front"),
    ("09b.2", mistaken(all_beginnings, "ends"), "*ends*"),
    ("09b.2", mistaken(all_beginnings, "whole"), "All are the whole"),
    ("09b.2", mistaken(all_beginnings, "short"), "lacks its last"),
    ("09b.2", mistaken(all_beginnings, "in place"), "changed the series"),
    ("09b.2", mistaken(all_beginnings, "long first"), "come first"),
    ("09b.2", mistaken(all_beginnings, "few"), "whole series among them"),
    ("09b.2", lambda s, first: all_beginnings(s, first) + 1, "zeros behind"),
    ("09b.3", mistaken(fed_back, "last"), "only the latest"),
    ("09b.3", mistaken(fed_back, "window"), "fixed length"),
    ("09b.3", mistaken(fed_back, "once"), "first one"),
    ("09b.3", mistaken(fed_back, "batched"), "all levels so far"),
    ("09b.3", mistaken(fed_back, "in place"), "changed `past`"),
    ("09b.3", mistaken(fed_back, "all"), "without the past"),
    ("09b.3", lambda s, p, n: fed_back(s, p, n) + 1, "should be"),
    ("09b.4", mistaken(lags, "roll"), "np.roll"),
    ("09b.4", mistaken(lags, "ahead"), "to *come*"),
    ("09b.4", mistaken(lags, "late"), "one earlier"),
    ("09b.4", mistaken(lags, "held"), "is repeated"),
    ("09b.4", mistaken(lags, "oldest"), "oldest comes first"),
    ("09b.4", mistaken(lags, "flat"), "shape should be"),
    ("09b.4", lambda d, n: lags(d, n) + 1, "at step `t - k`"),
    ("09b.5", mistaken(best_cut, "one"), "one direction"),
    ("09b.5", mistaken(best_cut, "majority"), "majority"),
    ("09b.5", mistaken(best_cut, "mean"), "mean over cuts"),
    ("09b.5", lambda n, y: inside(n, y), "below or above all"),
    ("09b.5", lambda n, y: 0.123, "yours is 0.123"),
]


def test_answers_in_another_style_pass() -> None:
    def listed(step: Any, past: Any, n_ahead: int) -> list[float]:
        if n_ahead == 0:
            return []
        new = step(past)
        return [new, *listed(step, np.append(past, new), n_ahead - 1)]

    assert grade("09b.3", listed)[0] == "passed"

    def growing(series: Any, first: int) -> list[Any]:
        n = len(series)
        return [np.where(np.arange(n)[:, None] < k, series, 0)
                for k in range(first, n + 1)]  # fmt: skip

    def looked_up(dose: Any, n_lags: int) -> Any:
        padded = np.pad(dose, ((0, 0), (n_lags - 1, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, n_lags, axis=1)
        return windows[..., ::-1]

    def both_ways(lengths: Any, labels: Any) -> float:
        cuts = range(min(lengths) - 1, max(lengths) + 2)
        rules = [lengths <= c for c in cuts] + [lengths >= c for c in cuts]
        return max(float((rule == labels).mean()) for rule in rules)

    assert grade("09b.2", growing)[0] == "passed"
    assert grade("09b.4", looked_up)[0] == "passed"
    assert grade("09b.5", both_ways)[0] == "passed"
    assert grade("09b.1", lambda m: (m.T / m.sum(1)).T / m.shape[0])[0] == "passed"
