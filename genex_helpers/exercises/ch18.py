"""Checks of chapter 18: regulatory networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import NotAnswered, WrongAnswer, call, one_number

Answer = Callable[..., Any]
Array = NDArray[np.float64]


def _precision(scores: Any, truth: Any, *, diagonal: bool = False,
               lowest_first: bool = False, area: bool = False,
               every: bool = False, lines: bool = False,
               zeroed: bool = False) -> float:  # fmt: skip
    """Return the average precision, right or with one of the common mistakes."""
    kept = np.indices(scores.shape)[0] != np.indices(scores.shape)[1]
    if zeroed:
        scores = np.where(kept, scores, 0.0)
    if diagonal or zeroed:
        kept[:] = True
    s, t = scores[kept], truth[kept].astype(float)
    if area:  # the AUROC
        positive, negative = s[t > 0], s[t == 0]
        return float((positive[:, None] > negative).mean())
    order = np.argsort(s if lowest_first else -s)
    hits = t[order]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    if every:
        return float(precision.mean())
    if lines:  # the trapezoidal area, from precision 1 at recall 0
        edges = np.append(1.0, precision)
        return float(((edges[1:] + edges[:-1]) / 2 * hits).sum() / hits.sum())
    return float((precision * hits).sum() / hits.sum())


def check_average_precision(answer: Answer) -> str:
    """``answer(scores, truth)`` returns the average precision of all arrows."""
    for seed in (3, 8):
        rng = np.random.default_rng(seed)
        scores, truth = rng.random((5, 5)), rng.random((5, 5)) < 0.35
        scores[np.diag_indices(5)] += 2.0
        truth[0, 1] = True
        given = scores.copy()
        found = one_number(call(answer, given, truth.copy()))
        if not np.array_equal(given, scores):
            raise WrongAnswer("Your function changed `scores` itself: copy it first.")
        if np.isclose(found, _precision(scores, truth)):
            continue
        wrong = {
            _precision(scores, truth, diagonal=True): "The diagonal is still in it. A "
            "gene's own level is its decay, not an arrow: leave it out.",
            _precision(
                scores, truth, lowest_first=True
            ): "Your ranking begins with the "
            "lowest score. The likeliest arrow comes first.",
            _precision(
                scores, truth, every=True
            ): "You averaged the precision over all "
            "ranks. Only the ranks of true arrows count.",
            _precision(scores, truth, zeroed=True): "A score of 0 keeps the diagonal "
            "in the list, at its end, and its true entries count. Leave it out.",
            _precision(scores, truth, lines=True): "You joined the points of the curve "
            "by straight lines, which precision does not follow. Average it at the "
            "ranks of the true arrows.",
            _precision(
                scores, truth, area=True
            ): "That is the area under the ROC curve. "
            "Average the precision at the ranks of the true arrows.",
        }
        for value, message in wrong.items():
            if np.isclose(found, value):
                raise WrongAnswer(message)
        raise WrongAnswer(
            f"On our five genes it is {_precision(scores, truth):.4f}; yours is "
            f"{found:.4f}. At the rank of each true arrow: how many of the arrows down "
            "to here are true, as a share?"
        )
    return "Right, and the diagonal is left out."


def check_learning_sample(answer: Answer) -> str:
    """``answer(levels, times, decay)`` returns levels now and what is made."""
    rng = np.random.default_rng(4)
    levels = rng.random((3, 6, 2)) * 5  # (batch, time, gene)
    times = np.array([0.0, 1.0, 2.0, 4.0, 7.0, 8.0])
    decay = np.array([0.3, 1.2])
    result = call(answer, levels.copy(), times.copy(), decay.copy())
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        raise WrongAnswer("Return two arrays: `return now, made`.")
    if any(item is ... for item in result):
        raise NotAnswered
    now, made = (np.asarray(item, dtype=float) for item in result)
    right_now = levels[:, :-1].reshape(-1, 2)
    if now.shape == (3, 5, 2):
        raise WrongAnswer(
            "`now` still has an axis of series. Put the steps of all series below one "
            "another: `reshape(-1, n_genes)`, for `now` and for `made`."
        )
    if now.shape != right_now.shape:
        raise WrongAnswer(
            f"`now` has the shape {now.shape}. Three series of six times have "
            f"{len(right_now)} steps, and there are two genes: {right_now.shape}. No "
            "step leads from the end of one series to the start of the next."
        )
    if np.allclose(now, levels[:, 1:].reshape(-1, 2)):
        raise WrongAnswer("`now` is the level at the end of each step; take the start.")
    if not np.allclose(now, right_now):
        raise WrongAnswer(
            "`now` has the right shape, but its rows are in another order: series "
            "after series, and in each the steps in time."
        )
    length = np.diff(times)[:, None]
    change = np.diff(levels, axis=1)
    right = change / length + decay * levels[:, :-1]
    wrong = {
        "You did not divide by the length of the step; the times are not "
        "regular.": change + decay * levels[:, :-1],
        "That is the rate of change: add what was lost, decay times level.": change
        / length,
        "The sign: what decays has to be made again, so it is added.": change / length
        - decay * levels[:, :-1],
        "Take decay times the level at the start of the step, as for the "
        "regulators.": change / length + decay * levels[:, 1:],
    }
    if made.shape == now.shape and np.allclose(made, right.reshape(-1, 2)):
        return "Right: this is what a dynGENIE3-like forest learns from."
    for message, value in wrong.items():
        if made.shape == now.shape and np.allclose(made, value.reshape(-1, 2)):
            raise WrongAnswer(message)
    raise WrongAnswer(
        "`made` should be the change over each step, divided by its length, plus decay "
        f"times the level at its start; its shape should be {right_now.shape}, yours "
        f"is {made.shape}."
    )


def check_plain_jacobian(answer: Answer) -> str:
    """``answer(V, W, U, b, x, h)`` returns the Jacobian of a vanilla unit's output."""
    rng = np.random.default_rng(6)
    V, W, U = rng.normal(size=(2, 4)), rng.normal(size=(4, 3)), rng.normal(size=(4, 4))
    b, x, h = rng.normal(size=4), rng.normal(size=3), rng.normal(size=4)
    found = np.asarray(call(answer, V, W, U, b, x, h), dtype=float)
    argument = W @ x + U @ h + b
    new = np.tanh(argument)
    slope = 1 - new**2
    right = V @ (slope[:, None] * W)
    if found.shape == right.shape and np.allclose(found, right):
        return "Right: the head, the slope of the tanh, the input weights."
    if found.shape == right.T.shape and np.allclose(found, right.T):
        raise WrongAnswer(
            "That is the transpose: a row for each output, a column for each input."
        )
    wrong = {
        "The slope of the tanh is missing: between head and input weights stands "
        "`1 - tanh(...)**2`.": V @ W,
        "The slope is that at the new state: `1 - tanh(W x + U h + b)**2`, not at the "
        "state before.": V @ ((1 - h**2)[:, None] * W),
        "You put the new state itself where its slope belongs.": V @ (new[:, None] * W),
        "The slope needs the tanh of the sum, not the sum: `1 - tanh(s)**2`.": V
        @ ((1 - argument**2)[:, None] * W),
        "You left the state before out of the sum: `W x + U h + b`.": V
        @ ((1 - np.tanh(W @ x + b) ** 2)[:, None] * W),
    }
    for message, value in wrong.items():
        if found.shape == value.shape and np.allclose(found, value):
            raise WrongAnswer(message)
    if found.shape != right.shape:
        raise WrongAnswer(
            f"Two outputs and three inputs make a matrix {right.shape}; yours is "
            f"{found.shape}."
        )
    raise WrongAnswer(
        "The shape is right, the numbers are not: differentiate "
        "`V tanh(W x + U h + b)` with respect to x, from the outside in."
    )


def check_left_alone(answer: Answer) -> str:
    """``answer(times, n_series, n_genes, changes)`` returns the mask of free steps."""
    times = np.arange(0.0, 12.0, 2.0)
    changes = [(0, 2, 0.0, 4.0), (1, 0, 3.0, 8.0), (1, 1, 0.0, 99.0)]
    result = call(answer, times.copy(), 3, 4, list(changes))
    found = np.asarray(result)
    if found.shape != (3, 6, 4):
        raise WrongAnswer(
            f"The mask should be (series, time, gene) = (3, 6, 4); yours is "
            f"{found.shape}."
        )
    if found.dtype != bool:
        raise WrongAnswer(f"A mask holds booleans; yours holds {found.dtype}.")
    masks = {
        name: _free(times, changes, name)
        for name in ("", "inverse", "all genes", "all series", "closed", "whole")
    }
    if np.array_equal(found, masks[""]):
        return "Right: a changed gene is no evidence about its regulators."
    messages = {
        "inverse": "It is the other way round: `True` where a gene was left alone.",
        "all genes": "You masked all genes of the series. The others still show how "
        "they follow the changed one, which is why it was changed.",
        "all series": "You masked the gene in every series; it was changed in one.",
        "closed": "At `stop` itself the gene is free again, so that the step that "
        "begins there can be learned from: `times < stop`.",
        "whole": "You masked the whole series. Before `start` and from `stop` on the "
        "gene is free.",
    }
    for name, message in messages.items():
        if np.array_equal(found, masks[name]):
            raise WrongAnswer(message)
    raise WrongAnswer(
        f"{int((found != masks['']).sum())} of {found.size} entries differ: begin with "
        "all `True`, and set `False` for the one series and gene of a change, from "
        "`start` until before `stop`."
    )


def _free(times: Any, changes: list[tuple[int, int, float, float]],
          way: str) -> NDArray[np.bool_]:  # fmt: skip
    free = np.ones((3, len(times), 4), bool)
    for series, gene, start, stop in changes:
        on = (times >= start) & ((times <= stop) if way == "closed" else (times < stop))
        on = np.ones_like(on) if way == "whole" else on
        some = slice(None) if way == "all series" else series
        genes = slice(None) if way == "all genes" else gene
        free[some, on, genes] = False
    return ~free if way == "inverse" else free


def check_same_order(answer: Answer) -> str:
    """``answer(skill, precision)`` returns the share of pairs in the same order."""
    for skill, precision in (
        ([0.5, 0.4, 0.3, 0.2, 0.1], [0.9, 0.4, 0.2, 0.1, 0.3]),
        ([0.1, 0.4, 0.2], [0.3, 0.1, 0.2]),
    ):
        found = one_number(call(answer, list(skill), list(precision)))
        a, b = np.array(skill), np.array(precision)
        one, other = np.triu_indices(len(a), 1)
        same = np.sign(a[one] - a[other]) == np.sign(b[one] - b[other])
        r = float(np.corrcoef(a, b)[0, 1])
        ranked = float(np.corrcoef(a.argsort().argsort(), b.argsort().argsort())[0, 1])
        if np.isclose(found, same.mean()):
            continue
        wrong = {
            float(
                2 * same.mean() - 1
            ): "That is Kendall's tau, from -1 to 1. The share "
            "of pairs goes from 0 to 1.",
            float(same[other - one == 1].mean()): "You compared neighbours in the list "
            "only. Take all pairs i < j.",
            float(
                100 * same.mean()
            ): "That is a percentage. The share goes from 0 to 1.",
            float(1 - same.mean()): "That is the share of pairs in the opposite order.",
            float(
                same.sum()
            ): "That is a number of pairs: divide by how many there are.",
            (2 * same.sum() + len(a)) / len(a) ** 2: "You compared each method with "
            "itself as well. A pair has two different methods.",
            r: "That is a correlation. Look at the pairs: is the one with more skill "
            "the one with more precision?",
            ranked: "That is a correlation of ranks. Look at "
            "the pairs: is the one with more skill the one with more precision?",
        }
        for value, message in wrong.items():
            if np.isclose(found, value):
                raise WrongAnswer(message)
        raise WrongAnswer(
            f"For the skills {skill} and the precisions {precision} it is "
            f"{same.mean():.3f}; yours is {found:.3f}."
        )
    return "Right: one half is what a coin would give."


CHECKS = {
    "18.1": check_average_precision,
    "18.2": check_learning_sample,
    "18.3": check_plain_jacobian,
    "18.4": check_left_alone,
    "18.5": check_same_order,
}
