"""Checks of chapter 16b: arms, noise, Cox's loss, concordance, pixels of a spot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import WrongAnswer, call, one_number

Answer = Callable[..., Any]
TIME = np.array([2.0, 3.0, 3.5, 3.5, 5.0, 8.0, 1.0])
EVENT = np.array([1, 0, 1, 0, 1, 0, 0])
RISK = np.array([0.9, 0.9, 0.4, 0.6, 0.1, -1.0, 0.6])


def _matches(found: float, mistakes: dict[str, float]) -> None:
    for message, value in mistakes.items():
        if np.isclose(found, value, rtol=1e-6, atol=1e-9):
            raise WrongAnswer(message)


def check_own_minus_arm(answer: Answer) -> str:
    """``answer(r, arms)`` returns one difference a gene."""
    r = np.random.default_rng(2).uniform(-0.2, 0.8, (6, 6))
    arms = np.array(["1p", "1p", "2q", "1p", "2q", "7p"])
    same = arms[:, None] == arms[None, :]
    others = same & ~np.eye(6, dtype=bool)
    own = np.diag(r)

    def less(mask: Any, table: Any = r) -> NDArray[np.float64]:
        count = mask.sum(axis=1)
        mean = (table * mask).sum(axis=1) / np.maximum(count, 1)
        return np.asarray(own - np.where(count > 0, mean, np.nan))

    right = less(others)
    found = np.asarray(call(answer, r.copy(), arms.copy()), dtype=float)
    if found.shape != (6,):
        raise WrongAnswer(f"One number a gene was expected, shape (6,); yours has the "
                          f"shape {found.shape}.")  # fmt: skip
    if np.allclose(found, right, equal_nan=True):
        return "Right: own copies, less those of the neighbourhood."
    if np.allclose(found[:5], right[:5]):
        raise WrongAnswer(
            "The last gene is alone on its arm: there is no neighbour to compare with, "
            "so the answer is NaN."
        )
    mistakes = {
        "The gene itself is among its neighbours: leave the diagonal out.": less(same),
        "Rows are RNA and columns copy number: stay in the gene's own row.": less(
            others, r.T
        ),
        "Those are the genes of *other* arms.": less(~same),
        "That subtracts all other genes, on whatever arm.": less(
            ~np.eye(6, dtype=bool)
        ),
        "The sign is turned round.": -right,
        "That is the mean of the neighbours: subtract it from the gene's own.": own
        - right,
    }
    for message, values in mistakes.items():
        if np.allclose(found[:5], values[:5]):
            raise WrongAnswer(message)
    raise WrongAnswer(f"For the first gene the difference is {right[0]:.3f}; yours is "
                      f"{found[0]:.3f}.")  # fmt: skip


def check_without_noise(answer: Answer) -> str:
    """``answer(observed, reliability_rna, reliability_protein)`` returns rho."""
    for r, a, b in ((0.42, 0.9, 0.6), (-0.3, 0.5, 0.8)):
        found, right = one_number(call(answer, r, a, b)), r / np.sqrt(a * b)
        if np.isclose(found, right):
            continue
        _matches(found, {
            "That multiplies by the noise once more: divide.": r * np.sqrt(a * b),
            "Take the square root of the product of the reliabilities.": r / (a * b),
            "Both reliabilities count: you used that of RNA only.": r / np.sqrt(a),
            "Both reliabilities count: you used that of protein "
            "only.": r / np.sqrt(b),
            "The product of the reliabilities, not their "
            "mean.": r / np.sqrt((a + b) / 2),
        })  # fmt: skip
        raise WrongAnswer(f"For {r} with {a} and {b} it is {right:.3f}; yours is "
                          f"{found:.3f}.")  # fmt: skip
    return "Right. The hard part is to know the reliabilities: it takes replicates."


def _loss(way: str = "") -> float:
    risk, time, event = RISK, TIME, EVENT
    if way == "dropped":
        risk, time, event = (v[EVENT == 1] for v in (RISK, TIME, EVENT))
    rows = range(len(time)) if way == "all die" else np.flatnonzero(event)
    terms = []
    for i in rows:
        crowd = time > time[i] if way == "later" else time >= time[i]
        if way == "earlier":
            crowd = time <= time[i]
        elif way == "whole":
            crowd = np.ones(len(time), dtype=bool)
        if crowd.any():
            terms.append(risk[i] - np.log(np.exp(risk[crowd]).sum()))
    total = -float(np.sum(terms))
    return total if way == "sum" else total / len(terms)


def check_partial_loss(answer: Answer) -> str:
    """``answer(risk, time, event)`` returns Cox's loss."""
    found, right = (
        one_number(call(answer, RISK.copy(), TIME.copy(), EVENT.copy())),
        (_loss()),
    )
    if np.isclose(found, right):
        return "Right: the censored stand in the crowd until they leave."
    _matches(found, {
        "That is the sum: divide by the number of deaths.": _loss("sum"),
        "The sign: a loss is what gets smaller as the fit gets better.": -right,
        "That is the sum, with the sign turned round.": -_loss("sum"),
        "You dropped the censored: they have no term, but they stand in the crowds "
        "until they leave.": _loss("dropped"),
        "The censored got terms of their own, as if they had died.": _loss("all die"),
        "The one who dies belongs to the crowd: `time >=`.": _loss("later"),
        "Your crowds are those who left *before*: it should be `time >= "
        "`.": _loss("earlier"),
        "Your crowd is everybody, also those who had left before the "
        "death.": _loss("whole"),
        "You divide by all patients: it should be the number of "
        "deaths.": _loss("sum") / len(TIME),
    })  # fmt: skip
    raise WrongAnswer(f"On our table the loss is {right:.4f}; yours is {found:.4f}.")


def _concordance(way: str = "") -> float:
    right = known = 0.0
    for i in range(len(TIME)):
        for j in range(len(TIME)):
            sooner = TIME[i] < TIME[j]
            if way != "strict":
                sooner |= TIME[i] == TIME[j] and EVENT[i] > EVENT[j]
            usable = EVENT[i] == 1 or way == "all die"
            if way == "both die":
                usable = EVENT[i] == EVENT[j] == 1
            if sooner and usable:
                known += 1
                right += RISK[i] > RISK[j]
                if way != "no ties":
                    right += 0.5 * (RISK[i] == RISK[j])
    return right / known


def check_c_index(answer: Answer) -> str:
    """``answer(time, event, risk)`` returns the concordance."""
    found = one_number(call(answer, TIME.copy(), EVENT.copy(), RISK.copy()))
    right = _concordance()
    if np.isclose(found, right):
        return "Right: only pairs whose order is known are counted."
    _matches(found, {
        "The other way round: a *higher* risk should die sooner.": 1 - right,
        "The censored are counted as deaths.": _concordance("all die"),
        "You compare deaths with deaths only: somebody who was seen alive later is "
        "known to have lived longer.": _concordance("both die"),
        "Somebody seen alive on the very day of another's death outlived "
        "them.": _concordance("strict"),
        "Equal risks count one half.": _concordance("no ties"),
    })  # fmt: skip
    raise WrongAnswer(f"On our table the index is {right:.4f}; yours is {found:.4f}.")


def check_mean_colour(answer: Answer) -> str:
    """``answer(image, spot, scale, half)`` returns the mean colour."""
    image = np.random.default_rng(6).random((60, 60, 3))
    spot, scale, half = np.array([57.5, 101.5]), 0.5, 3  # 28.75 and 50.75

    def patch(column: int, row: int, h: int, end: int = 1) -> NDArray[np.float64]:
        part = image[max(row - h, 0) : row + h + end,
                     max(column - h, 0) : column + h + end]  # fmt: skip
        return np.asarray(part.mean(axis=(0, 1)))

    right = patch(29, 51, half)
    found = np.asarray(call(answer, image.copy(), spot.copy(), scale, half), float)
    if found.shape != (3,):
        raise WrongAnswer(f"Three colours were expected, shape (3,); yours has the "
                          f"shape {found.shape}.")  # fmt: skip
    if np.allclose(found, right):
        return "Right: scaled, rounded, row before column."
    if np.isnan(found).any():
        raise WrongAnswer(
            "Your square lies outside the image: are the coordinates scaled, and is "
            "the row the first index?"
        )
    mistakes = {
        "x is a column and y a row: the first index of an image is the row.": patch(
            51, 29, half
        ),
        "The square is one pixel short: `row + half + 1`.": patch(29, 51, half, 0),
        "That is one pixel: take the square around it.": patch(29, 51, 0),
        "`int` cuts off: round to the nearest pixel first.": patch(28, 50, half),
        "y points downwards here already: do not turn it round.": patch(
            29, 60 - 1 - 51, half
        ),
    }
    for message, values in mistakes.items():
        if np.allclose(found, values):
            raise WrongAnswer(message)
    raise WrongAnswer(f"The colours are {right.round(3)}; yours are "
                      f"{found.round(3)}.")  # fmt: skip


CHECKS = {
    "16b.1": check_own_minus_arm,
    "16b.2": check_without_noise,
    "16b.3": check_partial_loss,
    "16b.4": check_c_index,
    "16b.5": check_mean_colour,
}
