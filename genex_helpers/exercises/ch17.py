"""Checks of chapter 17: interpretability."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np

from . import WrongAnswer, call, one_number

Answer = Callable[..., Any]
Floats = np.ndarray[Any, np.dtype[np.float64]]


def _array(answer: Any, shape: tuple[int, ...], what: str) -> Floats:
    """Return the array that was expected."""
    try:
        found = np.asarray(answer, dtype=float)
    except (TypeError, ValueError):
        raise WrongAnswer(f"{what} was expected; yours is {answer!r}.") from None
    if found.shape != shape:
        raise WrongAnswer(
            f"{what} was expected, shape {shape}; yours has the shape {found.shape}."
        )
    return found


def check_integrated(answer: Answer) -> str:
    """``answer(slope, x, baseline, n)`` is integrated gradients, (time, gene)."""
    rng = np.random.default_rng(0)
    x, start = rng.normal(size=(2, 4, 3))

    def slope(z: Any) -> Any:
        return 3 * np.asarray(z) ** 2  # of a sum of cubes

    n = 400
    found = _array(call(answer, slope, x, start, n), x.shape, "One number a cell")
    right = x**3 - start**3
    if np.abs(found - right).max() < 0.1:
        few = np.asarray(answer(slope, x, start, 10), dtype=float)
        ends = np.arange(10) / 10
        at_ends = np.mean([slope(start + s * (x - start)) for s in ends], axis=0)
        worst = np.abs(at_ends * (x - start) - right).max()
        if np.abs(few - right).max() > worst / 4:
            raise WrongAnswer(
                "Nearly: with 400 points it is right, with ten it is off. Take the "
                "middles of `n` equal parts, `(np.arange(n) + 0.5) / n`."
            )
        return "Right: the slopes of the way, times the distance."
    distance = x - start
    for wrong, words in (
        (slope(x) * distance, "That is gradient × input: the slope at the input alone. "
         "Average it on the way from the baseline."),
        (slope(start) * distance, "That is the slope at the baseline alone."),
        (right / distance, "The mean slope is right; multiply it by the distance "
         "`x - baseline`."),
        (right / distance * x, "Multiply by the distance from the baseline, not by the "
         "input."),
        (-right, "The sign: the distance is `x - baseline`."),
        (right * n, "The mean of the slopes, not their sum."),
        (x**3, "Your way begins at zero, not at the baseline."),
        ((x**2) * distance, "Your way begins at zero, not at the baseline."),
    ):  # fmt: skip
        if np.allclose(found, wrong, atol=0.005 * max(1, np.abs(wrong).max())):
            raise WrongAnswer(words)
    raise WrongAnswer(
        f"For the sum of cubes the first cell should get {right[0, 0]:.3f}; yours gets "
        f"{found[0, 0]:.3f}."
    )


def check_shapley(answer: Answer) -> str:
    """``answer(worth, n)`` is the Shapley value of each player, (n,)."""
    rng = np.random.default_rng(1)
    table = {}

    def worth(coalition: Any) -> float:
        key = frozenset(int(player) for player in coalition)
        if key not in table:
            table[key] = float(rng.normal() + len(key))
        return table[key]

    n = 4
    names = range(n)
    given = call(answer, worth, n)
    if isinstance(given, dict) and set(given) == set(names):  # by player
        given = [given[player] for player in names]
    found = _array(given, (n,), "One number a player")
    everyone = frozenset(names)
    right = np.zeros(n)
    orders = list(permutations(names))
    for order in orders:
        for place, player in enumerate(order):
            before = frozenset(order[:place])
            right[player] += (worth(before | {player}) - worth(before)) / len(orders)
    if np.allclose(found, right):
        return "Right: what each adds, averaged over all orders."
    subsets = {
        k: [
            frozenset(s)
            for s in {frozenset(o[:size]) for o in orders for size in range(n)}
            if k not in s
        ]
        for k in names
    }
    gains = {k: [worth(s | {k}) - worth(s) for s in subsets[k]] for k in names}
    ways: dict[str, Any] = {
        "That is what each player adds as the last to come; take all orders.": [
            worth(everyone) - worth(everyone - {k}) for k in names
        ],
        "That is what each player is worth alone; take all orders.": [
            worth({k}) - worth(()) for k in names
        ],
        "That is the mean over all coalitions, each counted once. In orders, small and "
        "large coalitions come up more often than those of middling size.": [
            np.mean(gains[k]) for k in names
        ],
        "That is the sum over all orders; divide by how many there are.": right
        * len(orders),
        "Take off what the coalition was worth before the player came.": [
            np.mean([worth(o[: o.index(k) + 1]) for o in orders]) for k in names
        ],
        "The sign: what it is worth with the player less what without.": -right,
    }
    for words, values in ways.items():
        if np.allclose(found, values):
            raise WrongAnswer(words)
    total = worth(everyone) - worth(())
    raise WrongAnswer(
        f"The values should be {right.round(3)} and add up to {total:.3f}; yours are "
        f"{found.round(3)} and add up to {found.sum():.3f}."
    )


def check_relative_gap(answer: Answer) -> str:
    """``answer(values, at_input, at_baseline)`` is the relative gap, one number."""
    rng = np.random.default_rng(2)
    values = rng.normal(size=(5, 3, 2))
    at_input = np.array([2.0, -1.5, 0.5, -2.5, 1.0])
    at_baseline = np.array([0.5, 0.3, -0.7, 0.2, -0.1])
    found = one_number(call(answer, values, at_input, at_baseline))
    total, sums = at_input - at_baseline, values.sum(axis=(1, 2))
    gap = sums - total

    def ratio(a: Any, b: Any) -> float:
        return float(np.abs(a).mean() / np.abs(b).mean())

    if np.isclose(found, ratio(gap, total)):
        return "Right: how much is missing, against how much there was to explain."
    ways = (
        (gap.mean() / total.mean(), "Gaps of opposite sign must not cancel: take sizes "
         "before the mean."),
        (abs(gap.mean()) / abs(total.mean()), "Gaps of opposite sign must not cancel: "
         "take sizes before the mean."),
        (np.mean(np.abs(gap) / np.abs(total)), "That is a mean of ratios, which one "
         "series with little to explain can blow up. Take the ratio of the means."),
        (ratio(np.abs(values).sum(axis=(1, 2)) - total, total), "The values are added "
         "with their signs."),
        (ratio(sums - at_input, at_input), "The baseline's output is missing."),
        (ratio(sums - at_input, total), "The baseline's output is missing from the "
         "gap."),
        (ratio(gap, at_input), "Divide by the size of the *change* of the output."),
        (ratio(gap, sums), "Divide by what should be explained, not by what was."),
        (ratio(total, gap), "Upside down."),
        (np.abs(gap).mean(), "That is the gap; divide by the mean size of what should "
         "be explained."),
    )  # fmt: skip
    for wrong, words in ways:
        if np.isclose(found, wrong):
            raise WrongAnswer(words)
    raise WrongAnswer(
        f"For the check's five series it is {ratio(gap, total):.3f}; yours is "
        f"{found:.3f}."
    )


def check_precision_by_time(answer: Answer) -> str:
    """``answer(values, truth)`` is the mean average precision by time."""
    from sklearn.metrics import average_precision_score

    rng = np.random.default_rng(3)
    values = rng.normal(size=(6, 10, 4))
    truth = np.zeros(values.shape, dtype=bool)
    for row, first in enumerate(rng.integers(0, 7, 6)):
        truth[row, first : first + 3, :2] = True
        values[row, first : first + 3, :2] *= 2
    found = one_number(call(answer, values, truth))

    def mean(right: Any, score: Any) -> float:
        n = len(right)
        pairs = zip(right.reshape(n, -1), score.reshape(n, -1), strict=True)
        return float(np.mean([average_precision_score(t, s) for t, s in pairs]))

    size = np.abs(values)
    right = mean(truth.any(axis=2), size.sum(axis=2))
    if np.isclose(found, right):
        return "Right: which times, whatever the gene."
    pooled = average_precision_score(
        truth.any(axis=2).ravel(), size.sum(axis=2).ravel()
    )
    ways = (
        (mean(truth.any(axis=2), values.sum(axis=2)), "Values of opposite sign cancel: "
         "take sizes before you add up."),
        (mean(truth.any(axis=2), np.abs(values.sum(axis=2))), "Values of opposite sign "
         "cancel: take sizes before you add up."),
        (mean(truth.any(axis=1), size.sum(axis=1)), "That is by gene: the last axis "
         "holds the genes, and they are added up."),
        (mean(truth, size), "That is by cell: add up over the genes first."),
        (float(pooled), "That ranks the times of all series in one list. Score each "
         "series by itself, then take the mean."),
        (mean(truth.any(axis=2), size.max(axis=2)), "That takes the largest cell of a "
         "time; add up the sizes."),
    )  # fmt: skip
    for wrong, words in ways:
        if np.isclose(found, wrong):
            raise WrongAnswer(words)
    raise WrongAnswer(f"On the check's series it is {right:.3f}; yours is {found:.3f}.")


def check_rescale(answer: Answer) -> str:
    """``answer(method, x)`` is the map of one series, rescaled in two steps."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=(5, 3))
    weight = rng.normal(size=(5, 3))

    def method(z: Any) -> Any:
        z = np.asarray(z, dtype=float)
        return np.abs(weight * z + np.outer(z.sum(axis=1), weight[0]) * z.sum(axis=0))

    kept = x.copy()
    found = _array(call(answer, method, kept), x.shape, "One number a cell")
    if not np.array_equal(kept, x):
        raise WrongAnswer("Your function changed `x` itself: copy it first.")
    whole = method(x)

    def change(where: Any, signed: bool = False) -> float:
        copy = x.copy()
        copy[where] = 0
        difference = method(copy) - whole
        return float(abs(difference.sum()) if signed else np.abs(difference).sum())

    times = np.array([change(t) for t in range(5)])
    genes = np.array([change((slice(None), g)) for g in range(3)])
    cells = np.array([[change((t, g)) for g in range(3)] for t in range(5)])
    if np.allclose(found, times[:, None] * cells):
        return "Right: first which time, then which cell."
    signed_times = np.array([change(t, True) for t in range(5)])
    signed = [[change((t, g), True) for g in range(3)] for t in range(5)]
    ways = (
        (times[:, None] + np.zeros((5, 3)), "That is the first step alone."),
        (cells, "That is the second step alone: multiply by the relevance of the "
         "time."),
        (times[:, None] + cells, "Multiply the two, do not add them."),
        (times[:, None] * genes, "Your second step clears a gene at all times: clear "
         "it at one."),
        (signed_times[:, None] * np.array(signed), "Changes of opposite sign cancel: "
         "take the size of each cell's change before you add up."),
        (times[:, None] * whole, "Your second factor is the map itself: it should be "
         "how much the map changes when the cell becomes 0."),
    )  # fmt: skip
    for wrong, words in ways:
        if np.allclose(found, wrong):
            raise WrongAnswer(words)
    raise WrongAnswer(
        f"The first cell should get {times[0] * cells[0, 0]:.3f}; yours gets "
        f"{found[0, 0]:.3f}."
    )


CHECKS = {
    "17.1": check_integrated,
    "17.2": check_shapley,
    "17.3": check_relative_gap,
    "17.4": check_precision_by_time,
    "17.5": check_rescale,
}
