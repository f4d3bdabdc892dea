"""Checks of chapter 15: attention."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import WrongAnswer, call, one_number

Answer = Callable[..., Any]


def _softmax(a: Any, axis: int = -1) -> Any:
    e = np.exp(a - a.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def _refuse(found: Any, wrong: list[tuple[Any, str]]) -> None:
    """Raise the message of the first wrong answer that ``found`` is."""
    for value, words in wrong:
        if np.shape(value) == np.shape(found) and np.allclose(found, value, atol=1e-7):
            raise WrongAnswer(words)


def check_weights(answer: Answer) -> str:
    """``answer(scores, mask)`` is the softmax over what was observed."""
    scores = np.log(np.array([[1.0, 2.0, 4.0, 9.0], [3.0, 1.0, 1.0, 5.0]]))
    mask = np.array([[True, True, True, False], [True, False, True, True]])
    found = np.asarray(call(answer, scores.copy(), mask.copy()), dtype=float)
    if found.shape != scores.shape:
        raise WrongAnswer(
            f"A weight for each score, {scores.shape}, was expected; yours: "
            f"{found.shape}."
        )
    size = np.where(mask, np.exp(scores), 0)
    if np.allclose(found, size / size.sum(axis=1, keepdims=True), atol=1e-7):
        if (found[~mask] != 0).any():
            raise WrongAnswer(
                "Nearly: a hidden place should weigh exactly 0, so its score is minus "
                "infinity and not only very low."
            )
        _check_large(answer, scores, mask, found)
        return "Right: what was not measured weighs exactly nothing."
    _refuse(
        found,
        [
            (_softmax(scores), "The hidden places still have weights."),
            (
                _softmax(scores) * mask,
                "A row must add up to 1: hide the places before dividing, not after.",
            ),
            (
                _softmax(np.where(mask, scores, 0)),
                "A score of 0 is a score: exp(0) = 1. Use minus infinity.",
            ),
            (size, "Now divide each row by its sum."),
            (size / size.sum(), "Each row adds up to 1 by itself."),
            (size / size.sum(axis=0), "Along the places of a row, not down a column."),
            (mask / mask.sum(axis=1, keepdims=True), "Those are equal weights."),
        ],
    )
    raise WrongAnswer(
        f"The first row should be (1, 2, 4, 0) / 7; yours is {found[0].round(3)}."
    )


def _check_large(answer: Answer, scores: Any, mask: Any, right: Any) -> None:
    """Raise if ``answer`` goes wrong with scores that are far from 0."""
    cases = [
        (
            scores + 2000.0,
            "Right for small scores. `np.exp(2000)` is infinite: subtract each row's "
            "largest observed score first.",
        ),
        (
            scores - 2e5,
            "Right for small scores, but not for very low ones: a hidden score must be "
            "below all others, which only minus infinity is, and the largest observed "
            "score is to be subtracted.",
        ),
        (
            np.where(mask, scores, 1e5),
            "Right, unless a hidden score is very high: hide it before you look for "
            "each row's largest.",
        ),
    ]
    for changed, words in cases:
        with np.errstate(all="ignore"):
            found = np.asarray(call(answer, changed.copy(), mask.copy()), dtype=float)
        if not np.allclose(found, right, atol=0.03):  # far from 0, float32 is coarse
            raise WrongAnswer(words)


def check_read(answer: Answer) -> str:
    """``answer(query, key, value)`` is scaled dot-product attention."""
    rng = np.random.default_rng(0)
    query, key = rng.normal(size=(3, 4)), rng.normal(size=(5, 4))
    value = rng.normal(size=(5, 2))
    found = np.asarray(call(answer, query.copy(), key.copy(), value.copy()))
    scores = query @ key.T
    weights = _softmax(scores / 2)
    if found.shape == weights.shape and np.allclose(found, weights):
        raise WrongAnswer("Those are the weights; now multiply the values by them.")
    if found.shape != (3, 2):
        raise WrongAnswer(
            f"What each of 3 queries reads, (3, 2), was expected; yours: {found.shape}."
        )
    if np.allclose(found, weights @ value):
        wide = rng.normal(size=(2, 9)), rng.normal(size=(5, 9)), value
        said = np.asarray(call(answer, *(part.copy() for part in wide)))
        want = _softmax(wide[0] @ wide[1].T / 3) @ value
        if said.shape != want.shape or not np.allclose(said, want):
            raise WrongAnswer(
                "Right for vectors of length 4, but not of 9: the root is that of the "
                "length that came, `query.shape[1]`."
            )
        return "Right, as `scaled_dot_product_attention` of PyTorch."
    _refuse(
        found,
        [
            (_softmax(scores) @ value, "Divide the scores by the root of the size."),
            (_softmax(scores / 4) @ value, "By the *root* of the size, not the size."),
            (
                _softmax(scores / np.sqrt(5)) @ value,
                "By the root of the query's size, not of the number of places.",
            ),
            (
                _softmax(scores / 2, axis=0) @ value,
                "The weights of one query add up to 1 over the places: axis 1.",
            ),
            (scores / 2 @ value, "The softmax is missing."),
        ],
    )
    raise WrongAnswer("Not what these queries read: scores, softmax, values.")


def check_map(answer: Answer) -> str:
    """``answer(time, gene)`` is the map of factored attention."""
    rng = np.random.default_rng(0)
    time, gene = rng.dirichlet(np.ones(4), 2), rng.dirichlet(np.ones(3), 2)
    found = np.asarray(call(answer, time.copy(), gene.copy()), dtype=float)
    right = time[:, :, None] * gene[:, None]
    if found.shape == right.shape and np.allclose(found, right):
        return "Right: it adds up to 1, and knows genes and steps, but not pairs."
    _refuse(
        found,
        [
            (right.transpose(0, 2, 1), "Steps first, then genes: (batch, time, gene)."),
            (time[:, :, None] + gene[:, None], "Multiply the weights, do not add."),
            ((time[:, :, None] + gene[:, None]) / 7, "Multiply, do not average."),
            (right * 3, "Without the number of genes: the map should add up to 1."),
            (
                right / right.max(axis=(1, 2), keepdims=True),
                "The map should add up to 1, not have 1 as its largest.",
            ),
            (np.einsum("bt,cg->tg", time, gene), "Each series has a map of its own."),
        ],
    )
    if found.shape != right.shape:
        raise WrongAnswer(
            f"(batch, time, gene) = {right.shape} was expected; yours: {found.shape}."
        )
    raise WrongAnswer("A cell is the weight of its step times that of its gene.")


def check_precision(answer: Answer) -> str:
    """``answer(scores, truth)`` is the average precision of one row."""
    scores = np.array([0.05, 0.4, 0.1, 0.3, 0.12, 0.03])
    truth = np.array([False, True, False, False, True, False])
    found = one_number(call(answer, scores.copy(), truth.copy()))
    right = (1 / 1 + 2 / 3) / 2
    if np.isclose(found, right):
        twice = one_number(call(answer, -scores, truth.copy()))
        if not np.isclose(twice, (1 / 4 + 2 / 6) / 2):
            raise WrongAnswer("Right here, but not with the order turned round.")
        return "Right. A random order would have about 0.53 here, not 2 in 6."
    ranks = np.array([1.0, 0.5, 2 / 3, 0.5, 0.4, 1 / 3])
    _refuse(
        found,
        [
            ((1 / 4 + 2 / 6) / 2, "Highest score first: yours begins with the lowest."),
            (ranks.mean(), "Only the precision at true places counts."),
            (right * 2 / 6, "Divide by the number of true places, not of all."),
            (right * 2, "Now divide by the number of true places."),
            (0.5, "The first two hold one true place: that is one precision only."),
            (0.875, "That is the area under the ROC curve."),
        ],
    )
    raise WrongAnswer(
        f"The true places stand first and third in order, so (1/1 + 2/3)/2 = "
        f"{right:.3f}; yours is {found:.3f}."
    )


def check_two_places(answer: Answer) -> str:
    """``answer(weights, pulls, i, j)`` has the same answer from two places."""
    weights = np.array([0.1, 0.5, 0.2, 0.2])
    pulls = np.array([-2.0, 1.0, 0.5, 4.0])
    said = float(weights @ pulls)  # 1.2
    for i, j in ((0, 3), (3, 2), (1, 3)):
        found = np.asarray(call(answer, weights.copy(), pulls.copy(), i, j))
        if found.shape != (4,):
            raise WrongAnswer(
                f"A weight for each of 4 places was expected; yours: {found.shape}."
            )
        share = (said - pulls[j]) / (pulls[i] - pulls[j])
        right, swapped = np.zeros(4), np.zeros(4)
        right[[i, j]] = share, 1 - share
        swapped[[i, j]] = 1 - share, share
        if np.allclose(found, right):
            continue
        kept = np.where(np.isin(np.arange(4), [i, j]), weights, 0)
        even = np.zeros(4)
        even[[i, j]] = 0.5
        _refuse(
            found,
            [
                (swapped, "The two shares are swapped: check with `w @ pulls`."),
                (kept, "The two weights were kept; the answer has changed."),
                (
                    kept / kept.sum(),
                    "They add up to 1, but the answer has changed: use the pulls.",
                ),
                (even, "Half and half gives another answer."),
                (weights, "Those are the old weights: leave only two of them."),
            ],
        )
        if (np.delete(found, [i, j]) != 0).any():
            raise WrongAnswer("All places but the two must weigh nothing.")
        if not np.isclose(found.sum(), 1):
            raise WrongAnswer(f"The weights add up to {found.sum():.3f}, not to 1.")
        raise WrongAnswer(
            f"The answer should stay {said:.3f}; yours is {float(found @ pulls):.3f}."
        )
    return "Right: another map, and the very same prediction."


CHECKS = {
    "15.1": check_weights,
    "15.2": check_read,
    "15.3": check_map,
    "15.4": check_precision,
    "15.5": check_two_places,
}
