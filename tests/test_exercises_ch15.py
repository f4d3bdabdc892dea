"""The checks of chapter 15: right answers, stubs, and the common wrong answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from exercise_cells import answered

from genex_helpers.exercises import grade

NOTEBOOK = "15_attention.ipynb"
NAMES = {
    "15.1": "masked_weights",
    "15.2": "read_values",
    "15.3": "weight_map",
    "15.4": "one_average_precision",
    "15.5": "two_places",
}


def softmax(a: Any, axis: int = -1) -> Any:
    e = np.exp(a - a.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def plain(s: Any, m: Any) -> Any:
    e = np.where(m, np.exp(s), 0)
    return e / e.sum(axis=1, keepdims=True)


def over_all(s: Any, m: Any) -> Any:
    e = np.where(m, np.exp(s - s.max(axis=1, keepdims=True)), 0)
    return e / e.sum(axis=1, keepdims=True)


def precisions(s: Any, t: Any, sign: int = -1) -> Any:
    found = t[np.argsort(sign * s)]
    return np.cumsum(found) / np.arange(1, len(s) + 1), found


def two(w: Any, p: Any, i: int, j: int, *, swapped: bool = False) -> Any:
    share = (w @ p - p[j]) / (p[i] - p[j])
    found = np.zeros(len(w))
    found[[i, j]] = (1 - share, share) if swapped else (share, 1 - share)
    return found


def only(w: Any, i: int, j: int) -> Any:
    return np.where(np.isin(np.arange(len(w)), [i, j]), w, 0)


def leaky(w: Any, p: Any, i: int, j: int) -> Any:
    found = two(w, p, i, j)
    return found * 0.9 + 0.1 * w


WRONG = [
    ("15.1", lambda s, m: softmax(s), "still have weights"),
    ("15.1", lambda s, m: softmax(s) * m, "before dividing"),
    ("15.1", lambda s, m: softmax(np.where(m, s, 0)), "minus infinity"),
    ("15.1", lambda s, m: np.where(m, np.exp(s), 0), "divide each row"),
    ("15.1", lambda s, m: (np.exp(s) * m) / (np.exp(s) * m).sum(), "by itself"),
    ("15.1", lambda s, m: (np.exp(s) * m) / (np.exp(s) * m).sum(0), "not down"),
    ("15.1", lambda s, m: m / m.sum(1, keepdims=True), "equal weights"),
    ("15.1", lambda s, m: s[0], "A weight for each score"),
    ("15.1", lambda s, m: s, "should be"),
    ("15.1", plain, "is infinite"),
    ("15.1", lambda s, m: softmax(np.where(m, s, -20)), "exactly 0"),
    ("15.1", lambda s, m: softmax(np.where(m, s, -1e4)), "very low ones"),
    ("15.1", over_all, "before you look"),
    ("15.2", lambda q, k, v: softmax(q @ k.T) @ v, "root of the size"),
    ("15.2", lambda q, k, v: softmax(q @ k.T / 4) @ v, "not the size"),
    ("15.2", lambda q, k, v: softmax(q @ k.T / 5**0.5) @ v, "number of places"),
    ("15.2", lambda q, k, v: softmax(q @ k.T / 2, 0) @ v, "axis 1"),
    ("15.2", lambda q, k, v: q @ k.T / 2 @ v, "softmax is missing"),
    ("15.2", lambda q, k, v: softmax(q @ k.T / 2), "Those are the weights"),
    ("15.2", lambda q, k, v: softmax(q @ k.T / 2) @ v, "but not of 9"),
    ("15.2", lambda q, k, v: v, "What each of 3 queries"),
    ("15.2", lambda q, k, v: v[:3], "Not what these queries read"),
    ("15.3", lambda t, g: g[:, :, None] * t[:, None], "Steps first"),
    ("15.3", lambda t, g: t[:, :, None] + g[:, None], "do not add"),
    ("15.3", lambda t, g: (t[:, :, None] + g[:, None]) / 7, "do not average"),
    ("15.3", lambda t, g: t[:, :, None] * g[:, None] * 3, "number of genes"),
    ("15.3", lambda t, g: t[:, :, None] * g[:, None]
     / (t.max(1) * g.max(1))[:, None, None], "largest"),
    ("15.3", lambda t, g: np.einsum("bt,cg->tg", t, g), "of its own"),
    ("15.3", lambda t, g: t, "(batch, time, gene)"),
    ("15.3", lambda t, g: np.zeros((2, 4, 3)), "weight of its step"),
    ("15.4", lambda s, t: precisions(s, t, 1)[0][precisions(s, t, 1)[1]].mean(),
     "Highest score first"),
    ("15.4", lambda s, t: precisions(s, t)[0].mean(), "true places counts"),
    ("15.4", lambda s, t: (precisions(s, t)[0] * precisions(s, t)[1]).mean(),
     "not of all"),
    ("15.4", lambda s, t: (precisions(s, t)[0] * precisions(s, t)[1]).sum(),
     "Now divide"),
    ("15.4", lambda s, t: t[np.argsort(-s)][:2].mean(), "one precision only"),
    ("15.4", lambda s, t: (s[t][:, None] > s[~t]).mean(), "ROC curve"),
    ("15.4", lambda s, t: 0.1, "first and third"),
    ("15.4", lambda s, t: 5 / 6, "turned round"),
    ("15.5", lambda w, p, i, j: two(w, p, i, j, swapped=True), "swapped"),
    ("15.5", lambda w, p, i, j: only(w, i, j), "were kept"),
    ("15.5", lambda w, p, i, j: only(w, i, j) / only(w, i, j).sum(), "use the pulls"),
    ("15.5", lambda w, p, i, j: only(np.full(4, 0.5), i, j), "Half and half"),
    ("15.5", lambda w, p, i, j: w, "old weights"),
    ("15.5", lambda w, p, i, j: w[[i, j]], "each of 4 places"),
    ("15.5", leaky, "weigh nothing"),
    ("15.5", lambda w, p, i, j: 2 * two(w, p, i, j), "not to 1"),
    ("15.5", lambda w, p, i, j: only(np.array([0.3, 0.7, 0.7, 0.7]), i, j),
     "should stay"),
]  # fmt: skip


@pytest.mark.parametrize(("place", "exercise"), list(enumerate(NAMES)))
def test_solutions_pass_and_stubs_are_unanswered(place: int, exercise: str) -> None:
    for tag, status in (("solution", "passed"), ("exercise", "unanswered")):
        answer = answered(NOTEBOOK, tag, place, NAMES[exercise], np=np)
        assert grade(exercise, answer)[0] == status, grade(exercise, answer)
    assert grade(exercise, ...)[0] == "unanswered"


def test_right_answers_in_other_ways_pass() -> None:
    def by_logs(s: Any, m: Any) -> Any:
        seen = np.where(m, s, -np.inf)
        return np.exp(seen - np.logaddexp.reduce(seen, axis=1, keepdims=True))

    def row_by_row(s: Any, m: Any) -> list[list[float]]:
        rows = []
        for scores, seen in zip(s, m, strict=True):
            top = max(scores[seen])
            size = np.where(seen, np.exp(np.minimum(scores - top, 0)), 0).tolist()
            rows.append([a / sum(size) for a in size])
        return rows

    assert grade("15.1", by_logs)[0] == "passed"
    assert grade("15.1", row_by_row)[0] == "passed"
    assert grade("15.1", lambda s, m: softmax(np.where(m, s, -1e30)))[0] == "passed"
    assert grade("15.3", lambda t, g: np.einsum("bt,bg->btg", t, g))[0] == "passed"
    metrics = pytest.importorskip("sklearn.metrics")
    assert grade("15.4", lambda s, t: metrics.average_precision_score(t, s))[0] == (
        "passed"
    )
