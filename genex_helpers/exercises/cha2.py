"""Checks of primer A2: genes and logarithms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import WrongAnswer, call, one_number

Answer = Callable[..., Any]
Array = NDArray[np.float64]


def check_back_from_log(answer: Any) -> str:
    """``answer`` is the ratio that a log2 change from 9.5 to 7.0 stands for."""
    value = one_number(answer)
    mistakes = {
        -(2**2.5): "Some papers write it so, but a ratio is never negative: how many "
        "times as much is *less* than once as much.",
        2**2.5: "Upside down: day 7 over day 1, and the gene fell.",
        -2.5: "That is the log2 fold change. Now back: raise 2 to its power.",
        2.5: "That is a difference of logarithms, and from day 7 to day 1. Take "
        "7.0 - 9.5, and raise 2 to its power.",
        7.0 / 9.5: "That is a ratio of logarithms. Their *difference* is the logarithm "
        "of the ratio.",
        0.5: "That is day 7 over the healthy person. The question starts at day 1.",
        float(np.exp(-2.5)): "That is the power of e; these logarithms have base 2.",
        10**-2.5: "That is the power of 10; these logarithms have base 2.",
        2**9.5 - 2**7.0: "That is a difference of amounts. How many *times* as much?",
    }
    for wrong, message in mistakes.items():
        if np.isclose(value, wrong, rtol=0.01):
            raise WrongAnswer(message)
    if not np.isclose(value, 2**-2.5, rtol=0.03):  # 0.18 will do
        raise WrongAnswer(
            "From 9.5 to 7.0 the log2 value changes by -2.5. Which ratio is that?"
        )
    return "Right: less than a fifth of what there was on day 1."


def check_counting_z(answer: Answer) -> str:
    """``answer(a, b)`` returns the difference in units of counting noise."""
    a = np.array([100.0, 4.0, 0.0, 0.0, 64.0])
    b = np.array([121.0, 0.0, 9.0, 0.0, 36.0])
    found = _array(call(answer, a.copy(), b.copy()), (5,))
    filled = np.maximum(a + b, 1)
    expected = (b - a) / np.sqrt(filled)
    if np.isnan(found[3]):
        raise WrongAnswer(
            "Where both counts are zero you return NaN; there is no difference "
            "there, so return 0."
        )
    root = np.sqrt(a) + np.sqrt(b)
    mistakes = {
        "The sign is turned: positive means that b is the larger one.": -expected,
        "You divided by the variance, a + b. Its root is the standard deviation.": (
            b - a
        )
        / filled,
        "You added standard deviations. Add the variances, then take the root.": (b - a)
        / np.where(root > 0, root, 1),
        "You divided by the noise of a alone; b was counted too.": (b - a)
        / np.sqrt(np.maximum(a, 1)),
        "You divided by the noise of b alone; a was counted too.": (b - a)
        / np.sqrt(np.maximum(b, 1)),
        "You took the mean of the two variances. The variance of a difference is their "
        "sum.": np.sqrt(2) * expected,
        "That is the difference itself; divide it by its standard deviation.": b - a,
        "The sign is lost: return negative numbers where b is smaller.": np.abs(
            expected
        ),
    }
    if np.allclose(found, expected):
        return "Right. Beyond about 2, counting alone is a poor excuse."
    for message, wrong in mistakes.items():
        if np.allclose(found, wrong):
            raise WrongAnswer(message)
    worst = int(np.nan_to_num(np.abs(found - expected), nan=np.inf).argmax())
    raise WrongAnswer(
        f"For counts of {a[worst]:g} and {b[worst]:g} we find {expected[worst]:.3g} "
        f"standard deviations, you {found[worst]:.3g}."
    )


def check_z_by_gene(answer: Answer) -> str:
    """``answer(table)`` standardises each column of ``(sample, gene)``."""
    table = np.array(
        [[1.0, 10.0, 5.0], [2.0, 30.0, 5.0], [3.0, 10.0, 5.0], [6.0, 70.0, 5.0]]
    )
    found = _array(call(answer, table.copy()), (4, 3))
    if np.isnan(found[:, 2]).any():
        raise WrongAnswer(
            "The third gene is 5 in every sample, and you return NaN for it: zero "
            "divided by zero. Return 0."
        )
    centred = table - table.mean(axis=0)
    spread = np.where(table.std(axis=0) > 0, table.std(axis=0), 1.0)
    if any(
        np.allclose(found, centred / (spread * factor))
        for factor in (1.0, np.sqrt(4 / 3))  # ddof 0 or 1: both are in use
    ):
        return "Right: every gene at mean 0, and the silent one stays silent."
    rows = table - table.mean(axis=1, keepdims=True)
    by_sample = rows / table.std(axis=1, keepdims=True)
    mistakes = {
        "That is by sample: each row has mean 0. For a gene, mean and spread run "
        "over the samples, `axis=0`.": by_sample,
        "That is with one mean and one spread for the whole table. Each gene has "
        "its own.": (table - table.mean()) / table.std(),
        "The means are gone; now divide by the standard deviation.": centred,
        "You divided without subtracting the mean.": table / spread,
        "You divided by the variance; take its root.": centred / spread**2,
    }
    for message, wrong in mistakes.items():
        if np.allclose(found, wrong):
            raise WrongAnswer(message)
    raise WrongAnswer(
        "Each column must have mean 0 and standard deviation 1 (or 0, if it is "
        f"constant). Your first column has mean {found[:, 0].mean():.3g} and standard "
        f"deviation {found[:, 0].std():.3g}."
    )


def check_adjusted(answer: Answer) -> str:
    """``answer(p_values)`` returns p-values adjusted by Benjamini and Hochberg."""
    p = np.array([0.04, 0.001, 0.9, 0.03, 0.032, 0.6])
    m, order = len(p), np.argsort(p)
    scaled = p[order] * m / np.arange(1, m + 1)
    smooth = np.minimum.accumulate(scaled[::-1])[::-1]
    expected, jumping, upwards = np.empty(m), np.empty(m), np.empty(m)
    expected[order] = np.minimum(smooth, 1)
    jumping[order] = np.minimum(scaled, 1)
    upwards[order] = np.maximum.accumulate(scaled)
    smallest = np.full(m, scaled.min())  # a running minimum from the left
    found = _array(call(answer, p.copy()), (m,))
    if np.allclose(found, expected):
        large = _array(call(answer, np.array([0.8, 1.0, 0.9, 0.95])), (4,))
        if not np.allclose(large, 1.0):
            raise WrongAnswer("For p-values of 0.8 and more all answers must be 1.")
        return "Right: now a threshold on these is a false discovery rate."
    mistakes = {
        "The values are right but sorted. Put them back into the order of the "
        "input.": np.minimum(smooth, 1),
        "`values[order]` sorts, and sorts again. To put sorted values back, write "
        "`result[order] = values`.": np.minimum(smooth, 1)[order],
        "You multiplied by m / k with k the place in the input. It is the place in the "
        "sorted p-values.": np.minimum(p * m / np.arange(1, m + 1), 1),
        "That is Bonferroni: every p-value times m. The k-th smallest is multiplied "
        "by m / k.": np.minimum(p * m, 1),
        "That is Bonferroni, and above 1: the k-th smallest is multiplied by m / k, "
        "and no answer exceeds 1.": p * m,
        "You did not go down from the largest: a smaller p-value may not get a "
        "larger answer. 0.03 and 0.04 show it here.": jumping,
        "The running minimum must come from the right, the largest p-value; yours "
        "runs the other way, and as a maximum.": upwards,
        "The running minimum must start at the largest p-value; yours starts at the "
        "smallest.": smallest,
        "These are the p-values themselves.": p,
    }
    for message, wrong in mistakes.items():
        if np.allclose(found, wrong):
            raise WrongAnswer(message)
    raise WrongAnswer(
        f"For p-values of {p.tolist()} we find {expected.round(3).tolist()}, you "
        f"{found.round(3).tolist()}."
    )


def _array(result: Any, shape: tuple[int, ...]) -> Array:
    """Return the learner's result as an array of the shape that was expected."""
    found: Array = np.asarray(result, dtype=float)
    if found.shape != shape:
        raise WrongAnswer(
            f"The answer must have the shape of the input, {shape}; yours has "
            f"{found.shape}."
        )
    return found


CHECKS: dict[str, Callable[[Any], str]] = {
    "a2.1": check_back_from_log,
    "a2.2": check_counting_z,
    "a2.3": check_z_by_gene,
    "a2.4": check_adjusted,
}
