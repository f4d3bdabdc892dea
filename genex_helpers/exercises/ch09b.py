"""Checks of chapter 9b: forecasts and conditions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import NotAnswered, WrongAnswer, call, one_number

Answer = Callable[..., Any]
Array = NDArray[np.float64]


def _array(answer: Any, shape: tuple[int, ...], hint: str = "") -> Array:
    """Return an answer as an array, or say what was expected."""
    if isinstance(answer, (list, tuple)) and any(item is ... for item in answer):
        raise NotAnswered
    try:
        found = np.asarray(answer, dtype=float)
    except (TypeError, ValueError):
        raise WrongAnswer(
            f"An array of numbers was expected, not {answer!r}."
        ) from None
    if found.shape != shape:
        raise WrongAnswer(
            f"The shape should be {shape}, yours is {found.shape}." + hint
        )
    return found


def _refuse(found: Array, right: Array, wrong: dict[str, Any], otherwise: str) -> None:
    """Raise the message of the mistake that gives ``found``, unless it is right."""
    if np.allclose(found, right):
        return
    for message, value in wrong.items():
        if np.shape(value) == found.shape and np.allclose(found, value):
            raise WrongAnswer(message)
    raise WrongAnswer(otherwise)


def check_answer_weights(answer: Answer) -> str:
    """``answer(mask)`` weighs all series alike; ``(batch, time)``."""
    masks = [
        np.array([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]], dtype=bool),
        np.array([[1, 0, 1, 1, 0], [0, 1, 0, 0, 0]], dtype=bool),  # gaps inside
    ]
    for mask in masks:
        found = _array(call(answer, mask.copy()), mask.shape)
        size = mask.sum(axis=1, keepdims=True)
        ones = np.ones(mask.shape) / mask.shape[1]
        wrong = {
            "Every *answer* weighs the same here, so a long series weighs more than a "
            "short one: divide each row by its own sum.": mask / mask.sum(),
            "Each series sums to 1, so all together sum to the number of series: "
            "divide by it.": mask / size,
            "The padding has weight as well: start from the mask.": ones / len(mask),
            "Divide by the number of series, not by the number of steps.": mask
            / size
            / mask.shape[1],
            "That is the mask itself. The weights shall sum to 1.": mask,
        }
        _refuse(found, mask / size / len(mask), wrong,
                f"For the mask {mask.astype(int).tolist()} the weights should be "
                f"{(mask / size / len(mask)).round(3).tolist()}.")  # fmt: skip
    return "Right: each person counts once, however often they came."


def check_beginnings(answer: Answer) -> str:
    """``answer(series, first)`` returns all beginnings, padded with zeros."""
    series = np.random.default_rng(9).normal(size=(5, 2))
    for first in (2, 1, 5):
        n = len(series) - first + 1
        before = series.copy()
        found = call(answer, before, first)
        hint = (
            f" From {first} samples to {len(series)} there are {n} beginnings, the "
            "whole series among them."
        )
        found = _array(found, (n, *series.shape), hint)
        if not np.array_equal(before, series):
            raise WrongAnswer("Your function changed the series it was given: copy it.")
        right = np.zeros(found.shape)
        last, short, moved = np.zeros((3, *found.shape))
        for k in range(n):
            right[k, : first + k] = series[: first + k]
            last[k, -(first + k) :] = series[: first + k]
            short[k, : max(first + k - 1, 0)] = series[: max(first + k - 1, 0)]
            moved[k, : first + k] = series[len(series) - first - k :]
        wrong = {
            "The zeros stand in front: pad behind what was measured, so a forward "
            "net has read it all before it meets them.": last,
            "Each beginning lacks its last sample: `series[:k]` ends before k.": short,
            "These are *ends* of the series: a beginning has its first sample.":
                moved,
            "All are the whole series: what comes later must be zero.":
                np.broadcast_to(series, found.shape),
            "The shortest should come first.": right[::-1],
        }  # fmt: skip
        _refuse(found, right, wrong, "Beginning number k has the first `first + k` "
                "samples, and zeros behind them.")  # fmt: skip
    return "Right: one series has become a small batch, all with its label."


def check_iterate(answer: Answer) -> str:
    """``answer(step, past, n_ahead)`` feeds forecasts back."""

    def step(levels: Any) -> float:
        seen = np.asarray(levels, dtype=float)
        if seen.ndim != 1:
            raise WrongAnswer(
                f"`step` was given the shape {seen.shape}; it takes all levels so far, "
                "(time,)."
            )
        return float(0.5 * seen[-1] + 0.1 * seen.sum() + 0.01 * len(seen))

    for past in (np.array([1.0, 2.0]), np.array([0.5, -1.0, 3.0])):
        for n_ahead in (1, 3):
            given = past.copy()
            found = call(answer, step, given, n_ahead)
            hint = " Return one number a step, the forecasts alone, without the past."
            found = _array(found, (n_ahead,), hint)
            if not np.array_equal(given, past):
                raise WrongAnswer("Your function changed `past`: work on a copy.")
            levels = list(past)
            for _ in range(n_ahead):
                levels.append(step(levels))
            right = np.array(levels[len(past) :])
            last, window = [past[-1]], list(past)
            for _ in range(n_ahead):
                last.append(step(last[-1:]))
                window.append(step(window[-len(past) :]))
            wrong = {
                "All forecasts are the first one: append each forecast to the levels "
                "before you call `step` again.": np.full(n_ahead, step(past)),
                "`step` saw only the latest level: give it all levels so far.":
                    last[1:],
                "`step` saw a window of fixed length: nothing drops out at the front.":
                    window[-n_ahead:],
            }  # fmt: skip
            _refuse(found, right, wrong, f"After {past.tolist()} the next {n_ahead} "
                    f"should be {right.round(3).tolist()}.")  # fmt: skip
    return "Right: from the second step on the model reads its own forecasts."


def check_dose_lags(answer: Answer) -> str:
    """``answer(dose, n_lags)`` lays out the doses so far, latest first."""
    rng = np.random.default_rng(90)
    for n_lags in (3, 1):
        dose = rng.uniform(size=(2, 5))
        found = _array(call(answer, dose.copy(), n_lags), (2, 5, n_lags))
        right, rolled, late, held = np.zeros((4, 2, 5, n_lags))
        for lag in range(n_lags):
            right[:, lag:, lag] = dose[:, : 5 - lag]
            rolled[..., lag] = np.roll(dose, lag, axis=1)
            late[:, lag + 1 :, lag] = dose[:, : 4 - lag]
            held[..., lag] = dose[:, np.maximum(np.arange(5) - lag, 0)]
        ahead = np.zeros_like(right)
        for lag in range(n_lags):
            ahead[:, : 5 - lag, lag] = dose[:, lag:]
        wrong = {
            "`np.roll` brings the last doses round to the front: before the start "
            "there is no dose.": rolled,
            "These are the doses to *come*: a model that reads them knows the future.":
                ahead,
            "The first lag is the dose of the sample itself, yours begins one earlier.":
                late,
            "The oldest comes first: the latest dose should be number 0.":
                right[..., ::-1],
            "Before the start the first dose is repeated: it should be 0.": held,
        }  # fmt: skip
        _refuse(found, right, wrong, "Lag `k` at step `t` is the dose at step `t - k`, "
                "and 0 where `t` is less than `k`.")  # fmt: skip
    return "Right: what ridge regression reads, and a recurrent net carries along."


def _cuts_inside(size: Array, label: Array) -> float:
    """Return the best accuracy of both directions with lengths that occur alone."""
    found = [np.mean(rule == (label == 1))
             for c in np.unique(size) for rule in (size <= c, size >= c)]  # fmt: skip
    return float(max(found))


def check_length_accuracy(answer: Answer) -> str:
    """``answer(lengths, labels)`` returns the best accuracy of one cut."""
    cases = [
        ([3, 4, 5, 9, 9, 8], [1, 1, 1, 0, 0, 0]),
        ([3, 4, 5, 9, 9, 8], [0, 0, 0, 1, 1, 1]),
        ([2, 5, 5, 7, 8], [1, 0, 1, 0, 0]),
        ([6, 6, 6, 6], [1, 0, 0, 0]),  # the length says nothing: the majority is left
    ]
    for lengths, labels in cases:
        size, label = np.array(lengths), np.array(labels)
        found = one_number(call(answer, size.copy(), label.copy()))
        cuts = [size.min() - 1, *np.unique(size)]
        shares = [float(np.mean((size <= c) == (label == 1))) for c in cuts]
        both = [max(s, 1 - s) for s in shares]
        if np.isclose(found, max(both)):
            continue
        wrong = {
            "Only one direction is tried: the positive ones may also be the *long* "
            "series, and a rule that is right in a share `a` is turned round.":
                max(shares),
            "The share of the majority is the least that a cut reaches, not the best.":
                max(label.mean(), 1 - label.mean()),
            "That is the mean over cuts; the best is asked for.": float(np.mean(both)),
            "A cut may also lie below or above all lengths, so that all series get the "
            "same answer.": _cuts_inside(size, label),
        }  # fmt: skip
        for message, value in wrong.items():
            if np.isclose(found, value):
                raise WrongAnswer(message)
        raise WrongAnswer(
            f"For lengths {lengths} and labels {labels} it should be "
            f"{max(both):.3g}, yours is {found:.3g}."
        )
    return (
        "Right: run this before any net. On training people it is flattered a little, "
        "as every best of several is."
    )


CHECKS = {
    "09b.1": check_answer_weights,
    "09b.2": check_beginnings,
    "09b.3": check_iterate,
    "09b.4": check_dose_lags,
    "09b.5": check_length_accuracy,
}
