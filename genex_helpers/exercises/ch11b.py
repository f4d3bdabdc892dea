"""Checks of chapter 11b: calibration, ensembles, conformal intervals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..calibration import calibration_error, softmax
from ..conformal import conformal_quantile
from . import NotAnswered, WrongAnswer, call, one_number

Answer = Callable[..., Any]
Array = NDArray[np.float64]


def _refuse(found: float, right: float, wrong: dict[str, float], told: str) -> None:
    """Raise unless the numbers agree; with a message of its own for known mistakes."""
    if np.isclose(found, right, rtol=1e-6, atol=1e-9):
        return
    for message, value in wrong.items():
        if np.isclose(found, value, rtol=1e-6, atol=1e-9):
            raise WrongAnswer(message)
    raise WrongAnswer(told)


def check_ece(answer: Answer) -> str:
    """``answer(confidence, right, n_bins)`` returns the calibration error."""
    rng = np.random.default_rng(11)
    # edges that floats hold exactly: 0.7 * 10 and linspace do not agree on a bin
    confidence = np.append(rng.uniform(0.3, 1, 57), [1.0, 0.5, 0.75])
    right = rng.random(60) < confidence - 0.15
    for n_bins in (10, 4):
        found = one_number(call(answer, confidence.copy(), right.copy(), n_bins))
        if found < 0:
            raise WrongAnswer(
                "The error is never negative: gaps of opposite sign cancel unless you "
                "take the absolute gap of each bin."
            )
        number = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
        gaps = [right[number == k].mean() - confidence[number == k].mean()
                for k in np.unique(number)]  # fmt: skip
        shares = [np.mean(number == k) for k in np.unique(number)]
        wrong = {
            "The bins must weigh as many rows as they hold; yours weigh all alike.": (
                np.mean(np.abs(gaps))
            ),
            "Gaps of opposite sign cancel: take the absolute gap of each bin before "
            "you add.": abs(np.dot(gaps, shares)),
            "That is the largest gap. The mean was asked for.": np.max(np.abs(gaps)),
            "That is the mean distance of each row from its confidence. Compare means "
            "of bins.": np.abs(right - confidence).mean(),
            "That takes ten bins whatever `n_bins` says.": calibration_error(
                confidence, right
            ),
        }
        _refuse(
            found,
            calibration_error(confidence, right, n_bins=n_bins),
            {message: float(value) for message, value in wrong.items()},
            f"With {n_bins} bins ours is another number than {found:.4f}: look at the "
            "edges, and at the confidence of exactly 1.",
        )
    return "Right: the mean gap, by rows."


def check_ensemble(answer: Answer) -> str:
    """``answer(logits)`` returns probabilities and votes."""
    logits = 3 * np.random.default_rng(12).normal(size=(5, 40, 3))
    result = call(answer, logits.copy())
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        raise WrongAnswer("Return two arrays: `return p, votes`.")
    if any(item is ... for item in result):
        raise NotAnswered
    p, votes = (np.asarray(item, dtype=float) for item in result)
    each = softmax(logits)
    right = each.mean(axis=0)
    if p.shape != right.shape:
        raise WrongAnswer(
            f"Probabilities must be (row, class) = {right.shape}; yours are {p.shape}."
        )
    if not np.allclose(p, right):
        if np.allclose(p, softmax(logits.mean(axis=0))):
            raise WrongAnswer(
                "That averages the logits. An ensemble averages probabilities: a net "
                "that is very sure must not outvote four others by the size of its "
                "logits."
            )
        if np.allclose(p, logits.mean(axis=0)):
            raise WrongAnswer("Those are mean logits: they do not sum to 1.")
        if np.allclose(p, each.sum(axis=0)):
            raise WrongAnswer("The sum over nets is no probability: take the mean.")
        raise WrongAnswer("The probabilities are not the mean of those of the nets.")
    wanted = (logits.argmax(axis=2) == right.argmax(axis=1)).sum(axis=0)
    if votes.shape != wanted.shape:
        raise WrongAnswer(f"Votes must be one a row, (40,); yours are {votes.shape}.")
    if np.allclose(votes, wanted / 5):
        raise WrongAnswer("The number of votes was asked for, not their share.")
    counts = np.stack([(logits.argmax(axis=2) == k).sum(axis=0) for k in range(3)])
    if np.allclose(votes, counts.max(axis=0)):
        raise WrongAnswer(
            "Those are votes for the class with the most votes. The ensemble may "
            "predict another: it weighs how sure each net is."
        )
    if not np.allclose(votes, wanted):
        raise WrongAnswer("The votes are not ours: compare each net's class with the "
                          "ensemble's.")  # fmt: skip
    return "Right: probabilities are averaged, and nets may disagree."


def check_kept(answer: Answer) -> str:
    """``answer(confidence, right, share)`` returns the accuracy of what is kept."""
    rng = np.random.default_rng(13)
    confidence = rng.permutation(np.linspace(0.2, 0.99, 30))
    right = rng.random(30) < confidence
    order = np.argsort(confidence)
    for share in (0.4, 0.25, 0.0):
        n = int(share * 30)
        found = one_number(call(answer, confidence.copy(), right.copy(), share))
        _refuse(
            found,
            float(right[order][n:].mean()),
            {
                "You kept the least sure rows: leave those out.": float(
                    right[order][: 30 - n].mean()
                ),
                "That is the accuracy of the rows that were left out.": float(
                    right[order][:n].mean() if n else np.nan
                ),
                "That is the accuracy of all rows.": float(right.mean()),
                "Divide by the rows that are kept, not by all.": float(
                    right[order][n:].sum() / 30
                ),
                "`share` is a share of the rows, not a confidence.": float(
                    right[confidence >= share].mean()
                ),
            },
            f"With a share of {share:g} of 30 rows left out, {n} rows, ours is another "
            f"accuracy than {found:.3f}.",
        )
    return "Right. What rises as the unsure are left out is worth having."


def check_half_width(answer: Answer) -> str:
    """``answer(errors, alpha)`` returns the half-width, infinite if too few."""
    errors = np.random.default_rng(14).exponential(size=19)
    for n, alpha in ((10, 0.25), (19, 0.1), (9, 0.1), (8, 0.1)):
        own = errors[:n]
        found = one_number(call(answer, own.copy(), alpha))
        right = conformal_quantile(own, alpha)
        if np.isinf(right):
            if np.isinf(found) and found > 0:
                continue
            raise WrongAnswer(
                f"{n} errors and alpha {alpha} ask for the rank {n + 1}: no error is "
                "large enough, so the half-width is `np.inf`."
            )
        if np.isinf(found):
            raise WrongAnswer(
                f"{n} errors are enough for alpha {alpha}: the rank is "
                f"{int(np.ceil((n + 1) * (1 - alpha)))}."
            )
        k = int(np.ceil(n * (1 - alpha)))
        _refuse(
            found,
            right,
            {
                "The plain quantile lacks the one of `n + 1`: the new unit counts as "
                "well.": float(np.quantile(own, 1 - alpha)),
                "The rank comes from `n + 1`, not from `n`.": float(
                    np.sort(own)[k - 1]
                ),
                "That is the error of rank `alpha`: the small ones. The bound is "
                "among the large.": float(
                    np.sort(own)[max(int(np.ceil((n + 1) * alpha)) - 1, 0)]
                ),
                "A rank is counted from 1, an index from 0.": float(
                    np.sort(np.append(own, np.inf))[
                        int(np.ceil(round((n + 1) * (1 - alpha), 9)))
                    ]
                ),
                "The errors must be sorted first.": float(
                    own[int(np.ceil(round((n + 1) * (1 - alpha), 9))) - 1]
                ),
            },
            f"For {n} errors and alpha {alpha} the half-width is {right:.3f}, yours is "
            f"{found:.3f}.",
        )
    return "Right: a rank, and infinity where there is none."


def check_best_promise(answer: Answer) -> str:
    """``answer(n, n_steps)`` returns the largest joint coverage."""
    for n, n_steps in ((16, 1), (16, 4), (39, 4), (5, 10)):
        found = one_number(call(answer, n, n_steps))
        _refuse(
            found,
            max(0.0, 1 - n_steps / (n + 1)),
            {
                "The new unit counts as well: divide by `n + 1`.": max(
                    0.0, 1 - n_steps / n
                ),
                "Each step gets only its share of alpha.": 1 - 1 / (n + 1),
                "That is alpha; the coverage is one minus it.": n_steps / (n + 1),
                "A coverage cannot lie below 0: where nothing can be promised it is "
                "0.": 1 - n_steps / (n + 1),
            },
            f"For {n} people and {n_steps} steps the best is "
            f"{max(0.0, 1 - n_steps / (n + 1)):.3f}; yours is {found:.3f}.",
        )
    return "Right: courses are dear."


def check_courses(answer: Answer) -> str:
    """``answer(errors, alpha)`` returns the share of people inside."""
    # rounded: without ties the share depends on the number of people alone
    errors = np.round(np.random.default_rng(115).standard_t(3, size=(14, 4)) - 0.4)
    largest = np.abs(errors).max(axis=1)
    for alpha in (0.5, 0.1, 0.3):
        bounds = np.array(
            [conformal_quantile(np.delete(largest, i), alpha) for i in range(14)]
        )
        found = one_number(call(answer, errors.copy(), alpha))
        everyone = conformal_quantile(largest, alpha)
        rows = np.array(
            [conformal_quantile(np.abs(np.delete(errors, i, axis=0)).ravel(), alpha)
             for i in range(14)]
        )  # fmt: skip
        inside = np.abs(errors) <= bounds[:, None]
        _refuse(
            found,
            float((largest <= bounds).mean()),
            {
                "The person is among those who calibrate: leave each out.": float(
                    (largest <= everyone).mean()
                ),
                "That calibrates on the samples. One score a person: the largest "
                "absolute error.": float((largest <= rows).mean()),
                "That is the share of samples inside. A person counts only if the "
                "whole course is.": float(inside.mean()),
                "Take absolute errors: a forecast may miss in both directions.": float(
                    np.mean(
                        [
                            e.max() <= conformal_quantile(
                                np.delete(errors.max(axis=1), i), alpha
                            )
                            for i, e in enumerate(errors)
                        ]
                    )
                ),
            },
            f"With alpha {alpha} the share is {(largest <= bounds).mean():.3f}; yours "
            f"is {found:.3f}.",
        )  # fmt: skip
    return "Right: people calibrate for people."


CHECKS = {
    "11b.1": check_ece,
    "11b.2": check_ensemble,
    "11b.3": check_kept,
    "11b.4": check_half_width,
    "11b.5": check_best_promise,
    "11b.6": check_courses,
}
