"""The checks of chapter 9: right answers, stubs, and the common wrong answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from genex_helpers.exercises import grade
from genex_helpers.influenza import held_out_features, logistic_scores
from genex_helpers.preprocessing import SequenceComponents


def r_squared(y: Any, p: Any) -> Any:
    return 1 - np.sum((y - p) ** 2) / np.sum((y - y.mean()) ** 2)


def step(net: Any, optimiser: Any, loss: Any, x: Any, y: Any) -> float:
    optimiser.zero_grad()
    value = loss(net(x), y)
    value.backward()
    optimiser.step()
    return float(value.item())


def no_clearing(net: Any, optimiser: Any, loss: Any, x: Any, y: Any) -> float:
    value = loss(net(x), y)
    value.backward()
    optimiser.step()
    return float(value.item())


def no_step(net: Any, optimiser: Any, loss: Any, x: Any, y: Any) -> float:
    value = loss(net(x), y)
    value.backward()
    return float(value.item())


def tensor_loss(net: Any, optimiser: Any, loss: Any, x: Any, y: Any) -> Any:
    optimiser.zero_grad()
    value = loss(net(x), y)
    value.backward()
    optimiser.step()
    return value


def auroc(s: Any, y: Any) -> Any:
    d = s[y == 1][:, None] - s[y == 0]
    return np.mean((d > 0) + 0.5 * (d == 0))


def features(x: Any, train: Any, n: int) -> Any:
    return SequenceComponents(n).fit(x[train]).transform(x)


def rule(low: float, high: float, delta: float) -> str:
    return "supported" if low > delta else "refuted" if high < delta else "undecided"


def label_order(net: Any, optimiser: Any, loss: Any, x: Any, y: Any) -> float:
    return step(net, optimiser, lambda p, t: loss(t, p), x, y)


def step_first(net: Any, optimiser: Any, loss: Any, x: Any, y: Any) -> float:
    optimiser.zero_grad()
    value = loss(net(x), y)
    optimiser.step()
    value.backward()
    return float(value.item())


def late_loss(net: Any, optimiser: Any, loss: Any, x: Any, y: Any) -> float:
    step(net, optimiser, loss, x, y)
    return float(loss(net(x), y).item())


def own_axes(x: Any, train: Any, n: int) -> Any:
    test = np.setdiff1d(np.arange(len(x)), train)
    z = np.empty((*x.shape[:2], n))
    for rows in (train, test):
        z[rows] = SequenceComponents(n).fit_transform(x[rows])
    return z


def pairs_auroc(x: Any, y: Any, pairs: Any, leak: bool = False, sign: int = 1) -> Any:
    wins = []
    for train, test in pairs:
        seen = np.arange(len(y)) if leak else train
        z = held_out_features(x, seen)
        ill, well = logistic_scores("logistic, all times", z, y, seen, test)
        wins.append(sign * ill > sign * well)
    return np.mean(wins)


RIGHT = {
    "09.1": r_squared,
    "09.2": step,
    "09.3": auroc,
    "09.4": features,
    "09.5": rule,
    "09.6": pairs_auroc,
}
WRONG = [
    ("09.1", lambda y, p: np.corrcoef(y, p)[0, 1] ** 2, "squared correlation"),
    ("09.1", lambda y, p: 1 - np.sum((y - p) ** 2) / np.sum(y**2), "mean of `y_true`"),
    ("09.1", lambda y, p: max(0.0, r_squared(y, p)), "below 0"),
    ("09.1", lambda y, p: np.mean((y - p) ** 2), "perfect prediction"),
    ("09.2", no_clearing, "zero_grad"),
    ("09.2", no_step, "did not change"),
    ("09.2", tensor_loss, ".item()"),
    ("09.2", label_order, "prediction first"),
    ("09.2", step_first, "in this order"),
    ("09.2", late_loss, "*before* the step"),
    ("09.2", lambda *a: step(*a) and None, "`return` missing"),
    ("09.3", lambda s, y: auroc(-s, y), "Upside down"),
    (
        "09.3",
        lambda s, y: np.mean(s[y == 1][:, None] > s[y == 0]),
        "tie counts 0.5",
    ),
    ("09.3", lambda s, y: np.mean((s > 0.45) == y), "5/6"),
    (
        "09.4",
        lambda x, train, n: SequenceComponents(n).fit(x).transform(x),
        "fitted on everybody",
    ),
    (
        "09.4",
        lambda x, train, n: features(x, train, n)[train],
        "all six subjects",
    ),
    ("09.4", lambda x, train, n: x[:, :, :n], "not the components"),
    ("09.4", lambda x, train, n: features(x, train, 3), "Two components"),
    ("09.4", own_axes, "axes of their own"),
    ("09.5", lambda low, high, d: rule(low, high, d).title(), "spelled like this"),
    ("09.5", lambda low, high, d: low > d, "spelled like this"),
    ("09.5", lambda low, high, d: rule(-high, -low, d), "lies above delta"),
    ("09.6", lambda x, y, p: pairs_auroc(x, y, p, leak=True), "has seen the pair"),
    ("09.6", lambda x, y, p: pairs_auroc(x, y, p, sign=-1), "Upside down"),
    ("09.6", lambda x, y, p: 0.123, "was expected"),
    (
        "09.5",
        lambda low, high, d: "supported" if low > 0 else rule(low, high, d),
        "not enough",
    ),
    (
        "09.5",
        lambda low, high, d: "supported" if low > d else "refuted",
        "not the same",
    ),
    (
        "09.5",
        lambda low, high, d: (
            "supported" if low > d else "refuted" if high < 0 else "undecided"
        ),
        "below delta",
    ),
]


@pytest.mark.parametrize("exercise", RIGHT)
def test_right_answers_pass(exercise: str) -> None:
    assert grade(exercise, RIGHT[exercise])[0] == "passed"


@pytest.mark.parametrize("exercise", RIGHT)
def test_stubs_are_unanswered(exercise: str) -> None:
    assert grade(exercise, lambda *arguments: ...)[0] == "unanswered"
    assert grade(exercise, ...)[0] == "unanswered"


def test_an_error_in_the_answer_is_told_kindly() -> None:
    status, text = grade("09.1", lambda y, p: y.median())
    assert status == "wrong" and "stopped with" in text


def test_an_unknown_exercise_is_the_authors_slip() -> None:
    with pytest.raises(KeyError):
        grade("09.99", r_squared)
    with pytest.raises(KeyError, match="no exercises"):
        grade("77.1", r_squared)
