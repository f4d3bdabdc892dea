"""Checks of chapter 6: missing and irregular."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import WrongAnswer, call

Answer = Callable[..., Any]


def _series(found: Any, length: int) -> np.ndarray[Any, Any]:
    """Return the answer as numbers, one a step."""
    values = np.asarray(found, dtype=float)
    if values.shape != (length,):
        raise WrongAnswer(
            f"One number a step was expected, shape ({length},); yours has the shape "
            f"{values.shape}."
        )
    return values


def check_overlap(answer: Answer) -> str:
    """``answer(lost_a, lost_b)`` returns the overlap found and the one by chance."""
    a = np.arange(60) < 20
    b = (np.arange(60) >= 15) & (np.arange(60) < 45)
    found = call(answer, a, b)
    try:
        both, expected = (float(v) for v in found)
    except (TypeError, ValueError):
        raise WrongAnswer(
            "Return two numbers: what you found, what chance gives."
        ) from None
    if np.isclose(both, 10) and np.isclose(expected, 5):
        raise WrongAnswer("Both are right, but what was found comes first.")
    if np.isclose(both, (a | b).sum()):
        raise WrongAnswer("That counts genes that lost one *or* the other.")
    if np.isclose(both, 5 / 60):
        raise WrongAnswer("That is a share of the genes; how many genes is it?")
    if not np.isclose(both, 5):
        raise WrongAnswer(f"5 genes lost both, your count is {both:g}.")
    if np.isclose(expected, 10 / 60):
        raise WrongAnswer(
            "That is the probability for one gene; how many of 60 genes is that?"
        )
    if np.isclose(expected, 20 * 30):
        raise WrongAnswer("Multiply shares, not counts: a share is a probability.")
    if np.isclose(expected, 20 / 60 + 30 / 60):
        raise WrongAnswer("Independent events: their probabilities are multiplied.")
    if not np.isclose(expected, 10):
        raise WrongAnswer(f"By chance 10 genes would lose both; yours is {expected:g}.")
    return "Right: the product of the shares, times the number of genes."


def check_fill_line(answer: Answer) -> str:
    """``answer(times, x)`` fills by lines in real time, nearest value at the ends."""
    times = np.array([0.0, 10.0, 30.0, 40.0, 50.0])
    x = np.array([np.nan, 1.0, np.nan, 4.0, np.nan])
    found = _series(call(answer, times, x.copy()), 5)
    if not np.allclose(found[[1, 3]], [1, 4]):
        raise WrongAnswer("A measured value has changed; it is to stay as it is.")
    if np.isnan(found[2]):
        raise WrongAnswer("The gap in the middle is still there.")
    if np.allclose(found[[0, 2, 4]], 2.5):
        raise WrongAnswer("That is the gene's mean; draw lines between its values.")
    if np.isclose(found[2], 2.5):
        raise WrongAnswer(
            "2.5 is half-way by *steps*. In time, 30 minutes is two thirds of the way "
            "from 10 to 40."
        )
    if np.isclose(found[2], 1.0):
        raise WrongAnswer("That carries the last value on; a line was asked for.")
    if not np.isclose(found[2], 3.0):
        raise WrongAnswer(f"At 30 minutes the line stands at 3; yours is {found[2]:g}.")
    if np.isnan(found[[0, 4]]).any():
        raise WrongAnswer("The ends are still NaN: repeat the nearest measured value.")
    if np.isclose(found[0], 0.0) or np.isclose(found[4], 5.0):
        raise WrongAnswer(
            "You went on along the line beyond the measured values; repeat the "
            "nearest one there."
        )
    if not np.allclose(found, [1, 1, 3, 4, 4]):
        raise WrongAnswer(f"Expected 1, 1, 3, 4, 4; yours is {found.tolist()}.")
    return "Right: minutes, not steps, and no guesses beyond the ends."


def check_fair_error(answer: Answer) -> str:
    """``answer(x, hidden, fill)`` scores with each gene centred on what is left."""
    rng = np.random.default_rng(6)
    x = rng.normal(size=(12, 9)) + np.arange(12)[:, None]
    x -= x.mean(axis=1, keepdims=True)
    hidden = np.zeros(x.shape, dtype=bool)
    hidden[np.arange(12), rng.integers(0, 9, 12)] = True
    hidden[:4, 0] = True
    given: list[np.ndarray[Any, Any]] = []

    def fill(table: Any) -> Any:
        given.append(np.array(table, dtype=float))
        return np.where(np.isnan(table), 0.3, table)

    before = x.copy()
    error = float(call(answer, x, hidden, fill))
    if not np.array_equal(x, before):
        raise WrongAnswer("The table itself was changed; work on a copy.")
    if not given:
        raise WrongAnswer("`fill` was never called.")
    if np.isfinite(given[0][hidden]).any():
        raise WrongAnswer("`fill` was shown the hidden values: put NaN in their place.")
    left = np.where(hidden, np.nan, x)
    level = np.nanmean(left, axis=1, keepdims=True)
    if np.allclose(given[0][~hidden], x[~hidden]):
        raise WrongAnswer(
            "The genes were not centred again after hiding: the zero sum of each still "
            "gives the hidden value away."
        )
    if not np.allclose(given[0][~hidden], (left - level)[~hidden]):
        raise WrongAnswer("Centre each gene (each row) on the mean of what is left.")
    errors = np.where(np.isnan(left), 0.3, left - level) - (x - level)
    right = float(np.sqrt(np.mean(errors[hidden] ** 2)))
    if np.isclose(error, np.sqrt(np.mean((0.3 - x[hidden]) ** 2))):
        raise WrongAnswer(
            "You filled on one scale and compared on another: subtract the same mean "
            "from the truth."
        )
    if np.isclose(error, np.sqrt(np.mean(errors**2))):
        raise WrongAnswer("Only the hidden values count; the others were never filled.")
    if np.isclose(error, right**2):
        raise WrongAnswer("That is the mean square; take its root.")
    if np.isclose(error, np.mean(np.abs(errors[hidden]))):
        raise WrongAnswer("That is the mean absolute error: square, mean, then root.")
    if not np.isclose(error, right):
        raise WrongAnswer(f"Expected {right:.4f}, yours is {error:.4f}.")
    return "Right: hide, centre on what is left, fill, and compare on that scale."


def check_trailing_mean(answer: Answer) -> str:
    """``answer(x, width)`` smooths with the past and the present alone."""
    x = np.array([3.0, 0.0, 6.0, 3.0, 9.0, 0.0])
    found = _series(call(answer, x.copy(), 3), 6)
    right = np.array([x[max(0, t - 2) : t + 1].mean() for t in range(6)])
    centred = np.array([x[max(0, t - 1) : t + 2].mean() for t in range(6)])
    if np.allclose(found, right):
        changed = _series(call(answer, np.append(x[:5], 99.0), 3), 6)
        if not np.allclose(changed[:5], right[:5]):
            raise WrongAnswer("A later value has changed an earlier mean.")
        if not np.allclose(_series(call(answer, x.copy(), 1), 6), x):
            raise WrongAnswer("Right for a width of 3; a width of 1 changes nothing.")
        return "Right: nothing of the future is in it."
    if np.allclose(found[1:-1], centred[1:-1]):
        raise WrongAnswer("That window is centred: it holds the next value.")
    if np.allclose(found[2:], right[2:]):
        raise WrongAnswer(
            "Right once three values are there. At the start, take the mean of as many "
            "as there are."
        )
    if np.allclose(found, np.cumsum(x) / np.arange(1, 7)):
        raise WrongAnswer("That is the mean of the whole past; `width` says how much.")
    if np.allclose(found[3:], [x[t - 3 : t].mean() for t in range(3, 6)]):
        raise WrongAnswer("The value itself belongs to its window.")
    if np.allclose(found[:4], [x[t : t + 3].mean() for t in range(4)]):
        raise WrongAnswer("That window looks forward; it should look back.")
    raise WrongAnswer(f"Expected {right.round(2).tolist()}, yours is {found.tolist()}.")


def check_gaps_of(answer: Answer) -> str:
    """``answer(mask, times)`` returns the time since a gene was last seen."""
    mask = np.array([True, False, False, True, False, True])
    times = np.array([2.0, 3.0, 6.0, 7.0, 11.0, 12.0])
    found = _series(call(answer, mask, times), 6)
    right = np.array([0.0, 1.0, 4.0, 5.0, 4.0, 5.0])
    if np.allclose(found, right):
        never = _series(call(answer, np.zeros(6, dtype=bool), times), 6)
        if not np.allclose(never, times - times[0]):
            raise WrongAnswer(
                "Right once the gene was seen. If it never was, the gap counts from "
                "the first step."
            )
        return "Right: real time, since the gene was last seen."
    if np.allclose(found, [0, 1, 2, 3, 1, 2]):
        raise WrongAnswer("That counts steps. The gap is in hours: use `times`.")
    if np.allclose(found, np.where(mask, 0, right)):
        raise WrongAnswer(
            "Where the gene is seen, the gap is not 0: it says how old the last value "
            "*before* this one was."
        )
    if np.allclose(found, times - times[0]):
        raise WrongAnswer("The clock starts again after each step that was seen.")
    if np.allclose(found, [0, 1, 3, 1, 4, 1]):
        raise WrongAnswer(
            "That is the time since the last step. Add that step's own gap if the gene "
            "was not seen there."
        )
    if np.isclose(found[0], times[0]):
        raise WrongAnswer("The first gap is 0, whatever the clock says.")
    if np.allclose(found, [0, 1, 4, 1, 5, 1]):
        raise WrongAnswer("Look at the mask of the step *before*, not of this one.")
    raise WrongAnswer(f"Expected {right.tolist()}, yours is {found.tolist()}.")


def check_faded_fill(answer: Answer) -> str:
    """``answer(x, mask, gap, mean, w, b)`` is what enters GRU-D."""
    x = np.array([np.nan, 3.0, np.nan, np.nan, 5.0, np.nan])
    mask = np.isfinite(x)
    gap = np.array([0.0, 1.0, 1.0, 3.0, 4.0, 2.0])
    mean, w, b = 1.0, 0.5, -0.25
    found = _series(call(answer, x, mask, gap, mean, w, b), 6)
    keep = np.exp(-np.maximum(0, w * gap + b))
    last = np.array([1.0, 3.0, 3.0, 3.0, 5.0, 5.0])
    right = np.where(mask, np.nan_to_num(x), keep * last + (1 - keep) * mean)
    if np.isnan(found).any():
        raise WrongAnswer(
            "There is a NaN: zero times NaN is NaN. Choose between the two with an "
            "`if`, and begin with the mean."
        )
    if np.allclose(found, right):
        frozen = _series(call(answer, x, mask, gap, mean, -1.0, 0.0), 6)
        if not np.allclose(frozen, np.where(mask, np.nan_to_num(x), last)):
            raise WrongAnswer(
                "Right here. With a negative w the sum is below 0, and nothing may "
                "fade: max(0, …)."
            )
        return (
            "Right. With w = 0 (and b = 0) it is forward fill, with w = 100 mean fill: "
            "GRU-D learns where between the two it wants to be."
        )
    if not np.allclose(found[mask], x[mask]):
        raise WrongAnswer("A value that was seen must stay as it is.")
    if np.allclose(found, np.where(mask, np.nan_to_num(x), last)):
        raise WrongAnswer("Nothing fades: that is forward fill.")
    if np.allclose(found[~mask], mean):
        raise WrongAnswer("That is mean fill: the last value seen still counts.")
    if np.allclose(found[2], right[2]) and not np.isclose(found[3], right[3]):
        raise WrongAnswer(
            "The second gap in a row is wrong: fade the last value that was *seen*, "
            "not one that has faded already."
        )
    if np.allclose(found, np.where(mask, np.nan_to_num(x), keep * last)):
        raise WrongAnswer("It fades to zero; it should fade to the mean.")
    turned = (1 - keep) * last + keep * mean
    if np.allclose(found, np.where(mask, np.nan_to_num(x), turned)):
        raise WrongAnswer("Turned round: the factor says how much of the *last* stays.")
    raise WrongAnswer(
        f"Expected {right.round(3).tolist()}, yours is {found.round(3).tolist()}."
    )


CHECKS = {
    "06.1": check_overlap,
    "06.2": check_fill_line,
    "06.3": check_fair_error,
    "06.4": check_trailing_mean,
    "06.5": check_gaps_of,
    "06.6": check_faded_fill,
}
