"""Checks of chapter 3: the recurrent unit, by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import NotAnswered, WrongAnswer, call, one_number

Answer = Callable[..., Any]
Array = NDArray[np.float64]


def check_switch(answer: Any) -> str:
    """``answer`` holds the five states of gene B for x = (1, 5, 0, -1, -5)."""
    try:
        items = list(answer)
    except TypeError:
        raise WrongAnswer("A list of five states was expected, `[…, …]`.") from None
    if any(item is ... or item is None for item in items):
        raise NotAnswered
    if len(items) != 5:
        raise WrongAnswer(f"Five inputs give five states; yours are {len(items)}.")
    states = np.asarray(items, dtype=float)
    mistakes = {
        (-2, 2, 3, 2, -2): "These are the values before the clip. Everything above 1 "
        "becomes 1 and everything below -1 becomes -1.",
        (-2, -1, -3, -10, -35): "The clip is missing: cut each state to the range "
        "from -1 to 1 before it is fed back.",
        (1, 1, 1, 1, -1): "You began from 0. The gene begins off, with -1, so the "
        "weak pulse gives -3 + 1 = -2.",
        (1, 1, 0, -1, -1): "That follows the input alone. Add three times the state "
        "before it: a gene that is on keeps itself on.",
        (-1, 1, 1, -1, -1): "At the fourth step the gene is on, and 3 - 1 = 2: a weak "
        "pulse is not enough to switch it off.",
        (-1, 1, 1, 1, 1): "At the last step 3 - 5 = -2: a strong pulse can switch the "
        "gene off as well.",
    }
    for wrong, message in mistakes.items():
        if np.array_equal(states, np.array(wrong, dtype=float)):
            raise WrongAnswer(message)
    if not np.array_equal(states, [-1, 1, 1, 1, -1]):
        place = int(np.argmax(states != np.array([-1, 1, 1, 1, -1])))
        raise WrongAnswer(
            f"The first state that differs from ours is number {place + 1}: three "
            "times the state before it, plus the input, then clipped."
        )
    return "Right: deaf to weak pulses of either sign, moved by strong ones."


def check_one_step_back(answer: Answer) -> str:
    """``answer(g, h, h_before, W_h)`` returns the gradients of h_before and W_h."""
    rng = np.random.default_rng(3)
    g, h_before = rng.normal(size=(2, 4, 3))
    h = np.tanh(rng.normal(size=(4, 3)))
    w = rng.normal(size=(3, 3))
    result = call(answer, g.copy(), h.copy(), h_before.copy(), w.copy())
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        raise WrongAnswer("Return two arrays: `return for_h_before, for_W_h`.")
    if any(item is ... for item in result):
        raise NotAnswered
    back, weight = (np.asarray(item, dtype=float) for item in result)
    e = (1 - h**2) * g
    if back.shape == (3, 3) and weight.shape == (4, 3):
        raise WrongAnswer("The order: first the gradient of `h_before`, then of `W_h`.")
    if back.shape != (4, 3):
        raise WrongAnswer(
            "The gradient of `h_before` has its shape, (batch, hidden) = (4, 3); yours "
            f"is {back.shape}."
        )
    _refuse(back, _wrong_backs(g, h, h_before, w))
    if not np.allclose(back, e @ w):
        raise WrongAnswer(
            "The gradient of `h_before` is not ours: tanh first, then one product "
            "with `W_h`."
        )
    if weight.shape != (3, 3):
        raise WrongAnswer(
            "The gradient of `W_h` has its shape, (3, 3), with the batch summed away "
            f"by the product; yours is {weight.shape}."
        )
    _refuse(
        weight,
        {
            "The gradient of `W_h` is transposed: its row is the state that was "
            "computed, its column the state that it was computed from.": h_before.T @ e,
            "`W_h` met the state *before* this step, so its gradient holds "
            "`h_before`, not `h`.": e.T @ h,
            "The gradient of `W_h` must go back through tanh as well.": g.T @ h_before,
            "The batch is summed, not averaged: a mean, if there is one, is already "
            "in `g`.": e.T @ h_before / 4,
        },
    )
    if not np.allclose(weight, e.T @ h_before):
        raise WrongAnswer(
            "What arrives at `h_before` is right; the gradient of `W_h` is not: "
            "multiply, series by series, what came back through tanh with `h_before`."
        )
    return "Right: the two lines from which backpropagation through time is made."


def _wrong_backs(g: Array, h: Array, h_before: Array, w: Array) -> dict[str, Array]:
    """Return common wrong gradients of the state before, by their message."""
    e = (1 - h**2) * g
    return {
        "The slope of tanh is missing: multiply `g` by `1 - h**2` first.": g @ w,
        "Going back takes `W_h` the other way round: with rows as series, `e @ W_h` "
        "and not `e @ W_h.T`.": e @ w.T,
        "The slope belongs to the state that came out of this tanh, `h`, not to "
        "`h_before`.": ((1 - h_before**2) * g) @ w,
        "`h` has been through tanh already: its slope is `1 - h**2`, without another "
        "tanh.": ((1 - np.tanh(h) ** 2) * g) @ w,
        "The slope of tanh acts before the product with `W_h`, not after it.": (
            (1 - h**2) * (g @ w)
        ),
    }


def check_stretch_bound(answer: Answer) -> str:
    """``answer(W_h, n_back)`` returns the largest singular value to the power."""
    w = np.array([[0.5, 2.0], [0.0, 0.5]])
    sigma = float(np.linalg.norm(w, 2))
    found = one_number(call(answer, w.copy(), 3))
    mistakes = {
        0.5**3: "That is the largest eigenvalue, 0.5, to the power. It says what "
        "happens in the end; one step can stretch by much more, as the entry 2 shows.",
        float(np.linalg.norm(w)) ** 3: "That is the root of the sum of all squares, "
        "`np.linalg.norm` without a 2. It bounds as well, but less closely.",
        sigma: "That is the bound for one step. Each further step multiplies it.",
        float(np.linalg.norm(w @ w @ w, 2)): "That is how much the weights alone "
        "stretch over three steps. With slopes between them, that need not bound it: "
        "bound each step, and multiply.",
        3 * sigma: "Steps multiply, they do not add: a power, not a product.",
        2.0**3: "That is the largest entry. A matrix can stretch by more than any of "
        "its entries.",
    }
    for wrong, message in mistakes.items():
        if np.isclose(found, wrong):
            raise WrongAnswer(message)
    if not np.isclose(found, sigma**3):
        raise WrongAnswer(
            f"For {w.tolist()} and 3 steps we expected {sigma**3:.3f}; yours is "
            f"{found:.3f}."
        )
    if not np.isclose(one_number(call(answer, w.copy(), 0)), 1.0):
        raise WrongAnswer("Over no step at all nothing is stretched: that must be 1.")
    return "Right. Its eigenvalues are 0.5, and yet one step may stretch by 2.1."


def check_clip_gradients(answer: Answer) -> str:
    """``answer(gradients, limit)`` scales all arrays by one number if need be."""
    gradients = [np.array([[3.0, 0.0]]), np.array([0.0, 4.0])]  # common norm 5
    result = call(answer, [g.copy() for g in gradients], 1.0)
    if not isinstance(result, (list, tuple)) or len(result) != 2:
        raise WrongAnswer("Return a list with one array for each gradient.")
    found = [np.asarray(item, dtype=float) for item in result]
    if [f.shape for f in found] != [(1, 2), (2,)]:
        raise WrongAnswer("Each gradient keeps its shape.")
    flat = np.concatenate([f.ravel() for f in found])
    mistakes = {
        "You clipped each array, or each number, on its own, which turns the whole "
        "into another direction. One norm, one factor for all.": np.array(
            [1.0, 0, 0, 1]
        ),
        "Upside down: the factor is limit / norm, which is below 1.": np.array(
            [15.0, 0, 0, 20]
        ),
        "The norm is 5: the root of the sum of all squares, not the sum or the sum "
        "of squares.": np.array([3.0, 0, 0, 4]) / 25,
        "Nothing was clipped: the common norm is 5, and the limit 1.": np.array(
            [3.0, 0, 0, 4]
        ),
    }
    for message, wrong in mistakes.items():
        if np.allclose(flat, wrong):
            raise WrongAnswer(message)
    if not np.allclose(flat, [0.6, 0, 0, 0.8]):
        raise WrongAnswer(
            "For [3, 0] and [0, 4] with limit 1 we expected [0.6, 0] and [0, 0.8]; "
            f"yours are {[f.ravel().tolist() for f in found]}."
        )
    limit_2 = call(answer, [g.copy() for g in gradients], 2.0)
    if not np.allclose(np.ravel(limit_2[0]), [1.2, 0]):
        raise WrongAnswer(
            "With limit 2 the common norm must come out as 2: divide by the norm, and "
            "multiply by the limit."
        )
    below = call(answer, [g.copy() for g in gradients], 10.0)
    if not np.allclose(np.ravel(below[0]), [3, 0]):
        raise WrongAnswer(
            "The norm, 5, is below a limit of 10, so nothing may change: clipping "
            "only ever shortens."
        )
    return "Right: one factor for all, and never above 1."


def check_truncated_slope(answer: Answer) -> str:
    """``answer(x, u, window)`` returns d h_T / d u with a window."""
    x, u = [4.0, 1.0, -2.0, 3.0], 0.5
    states = _leaky(x, u)
    h_1, h_2, h_3 = states[:3]

    def ours(window: int) -> float:
        parts = [h_3, u * h_2, u**2 * h_1, 0.0]
        return sum(parts[:window])

    found = {w: one_number(call(answer, list(x), u, w)) for w in (1, 2, 4)}
    if np.isclose(found[1], 0.0):
        raise WrongAnswer(
            "Carry the states through the whole course, from 0: a window cuts "
            "gradients, not values."
        )
    if np.isclose(found[1], ours(2)):
        raise WrongAnswer(
            "Your window is one step too long: a window of 1 keeps the last step only, "
            "which is the state just before the last."
        )
    if np.isclose(found[1], states[-1]):
        raise WrongAnswer(
            "The weight met the state *before* the step: begin with the last but one."
        )
    if not np.isclose(found[1], ours(1)):
        raise WrongAnswer(
            f"With a window of 1 we expected the last state but one, {h_3:g}; yours is "
            f"{found[1]:g}."
        )
    if np.isclose(found[2], h_3 + h_2):
        raise WrongAnswer(
            "The second part must be multiplied by `u`: the change has to come through "
            "one more step."
        )
    if np.isclose(found[2], ours(4)) and not np.isclose(found[2], ours(2)):
        raise WrongAnswer("That is the whole derivative: the window is not used.")
    if not np.isclose(found[2], ours(2)):
        raise WrongAnswer(
            f"With a window of 2 we expected {ours(2):g}; yours is {found[2]:g}."
        )
    if not np.isclose(found[4], ours(4)):
        raise WrongAnswer(
            f"A window of 4 holds the whole course: we expected {ours(4):g}, the "
            f"derivative itself; yours is {found[4]:g}."
        )
    if not np.isclose(one_number(call(answer, list(x), u, 99)), ours(4)):
        raise WrongAnswer("A window longer than the course gives the whole derivative.")
    return "Right. What the window cuts off is not noise: it is what lies far back."


def _leaky(x: list[float], u: float) -> list[float]:
    """Return the states of gene A, from 0."""
    states, h = [], 0.0
    for value in x:
        h = u * h + value
        states.append(h)
    return states


def check_centre_on_the_seen(answer: Answer) -> str:
    """``answer(course, n_seen)`` centres on the first ``n_seen`` samples."""
    course = np.array([[1.0, 3.0, 8.0, -12.0], [2.0, np.nan, 4.0, -6.0]])
    expected = np.array([[-1.0, 1.0], [0.0, np.nan]])
    found = np.asarray(call(answer, course.copy(), 2), dtype=float)
    other = course.copy()
    other[:, 2:] += 5.0
    moved = np.asarray(call(answer, other, 2), dtype=float)
    if found.shape != (2, 2):
        raise WrongAnswer(
            "Two genes and the two samples that were seen make the shape (2, 2); yours "
            f"is {found.shape}."
        )
    if not np.allclose(found, moved, equal_nan=True):
        raise WrongAnswer(
            "We changed the future, and your past moved. Take the mean over the first "
            "`n_seen` samples only."
        )
    if np.isnan(found[1, 0]):
        raise WrongAnswer(
            "One missing value made the whole gene NaN: leave it out of the mean, with "
            "`np.nanmean`."
        )
    if np.isfinite(found[1, 1]):
        raise WrongAnswer("What was not measured must stay NaN; yours was filled.")
    if np.allclose(found, course[:, :2], equal_nan=True):
        raise WrongAnswer("Nothing was subtracted: the file's centring is still there.")
    per_array = course[:, :2] - np.nanmean(course[:, :2], axis=0)
    if np.allclose(found, per_array, equal_nan=True):
        raise WrongAnswer(
            "You centred each sample over the genes. Centre each gene over its samples."
        )
    if not np.allclose(found, expected, equal_nan=True):
        raise WrongAnswer(f"We expected {expected.tolist()}; yours: {found.tolist()}.")
    return "Right: the future cannot be heard in it."


def _refuse(found: Array, mistakes: dict[str, Array]) -> None:
    """Raise the message of the first wrong answer that was found."""
    for message, wrong in mistakes.items():
        if found.shape == wrong.shape and np.allclose(found, wrong):
            raise WrongAnswer(message)


CHECKS: dict[str, Callable[[Any], str]] = {
    "03.1": check_switch,
    "03.2": check_one_step_back,
    "03.3": check_stretch_bound,
    "03.4": check_clip_gradients,
    "03.5": check_truncated_slope,
    "03.6": check_centre_on_the_seen,
}
