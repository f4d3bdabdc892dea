"""The checks of chapter 10: right answers, stubs, and the common wrong answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from exercise_cells import answered

from genex_helpers.exercises import grade

NOTEBOOK = "10_architecture.ipynb"
NAMES = {
    "10.1": "count_gru",
    "10.2": "last_states",
    "10.3": "normalise_units",
    "10.4": "mean_without_padding",
    "10.5": "variance_beyond_seeds",
}


def count(i: int, h: int, n: int, both: bool, *, biases: int = 2, later: str = "all",
          ways: int | None = None) -> int:  # fmt: skip
    d = 2 if both else 1
    below = {"all": d * h, "one": h, "inputs": i}[later]
    w = d if ways is None else ways
    return sum(w * 3 * h * ((i if k == 0 else below) + h + biases) for k in range(n))


def over(a: Any, axis: Any, ddof: int = 0, eps: float = 0.0) -> Any:
    variance = a.var(axis=axis, ddof=ddof, keepdims=True)
    return (a - a.mean(axis=axis, keepdims=True)) / np.sqrt(variance + eps)


def rows(s: Any) -> Any:
    return np.arange(len(s))


def inner(s: Any, ddof: int = 1) -> Any:
    return s.var(axis=1, ddof=ddof).mean()


def between(s: Any, ddof: int = 1) -> Any:
    return s.mean(axis=1).var(ddof=ddof)


def per_series(v: Any, m: Any) -> Any:
    return ((v * m[..., None]).sum(1) / m.sum(1)[:, None]).mean(0)


WRONG = [
    ("10.1", lambda i, h, n, b: count(i, h, n, b, biases=1), "two biases"),
    ("10.1", lambda i, h, n, b: count(i, h, n, b, biases=0), "biases count"),
    ("10.1", lambda i, h, n, b: count(i, h, n, b) * 4 // 3, "an LSTM's"),
    ("10.1", lambda i, h, n, b: count(i, h, n, b, later="one"), "directions below"),
    ("10.1", lambda i, h, n, b: count(i, h, n, b, later="inputs"), "states below"),
    ("10.1", lambda i, h, n, b: count(i, h, n, b, ways=1), "weights of its own"),
    ("10.1", lambda i, h, n, b: count(i, h, 1, b), "each layer counts"),
    ("10.1", lambda i, h, n, b: 7, "yours is 7"),
    ("10.2", lambda s, n: s[:, -1], "last step of all"),
    ("10.2", lambda s, n: s[rows(s), np.minimum(n, 5)], "too late"),
    ("10.2", lambda s, n: s[:, 0], "first step"),
    ("10.2", lambda s, n: s[rows(s), n - 2], "too early"),
    ("10.2", lambda s, n: s, "One state a series"),
    ("10.2", lambda s, n: s.mean(1), "ends at"),
    ("10.3", lambda a, e: over(a, 0, eps=e), "over the batch"),
    ("10.3", lambda a, e: over(a, (0, 1), eps=e), "batch normalisation"),
    ("10.3", lambda a, e: over(a, 1, eps=e), "over time"),
    ("10.3", lambda a, e: over(a, (0, 1, 2), eps=e), "whole array"),
    ("10.3", lambda a, e: over(a, (1, 2), eps=e), "One mean a series"),
    ("10.3", lambda a, e: over(a, -1, ddof=1, eps=e), "by one less"),
    ("10.3", lambda a, e: over(a, -1), "that is given"),
    ("10.3", lambda a, e: over(a, -1, eps=1e-5), "that is given"),
    ("10.3", lambda a, e: (a - a.mean(-1, keepdims=True))
     / (a.std(-1, keepdims=True) + e), "in the root"),
    ("10.3", lambda a, e: (a - a.mean(-1, keepdims=True))
     / (a.var(-1, keepdims=True) + e), "Divide by the root"),
    ("10.3", lambda a, e: a - a.mean(-1, keepdims=True), "now divide"),
    ("10.3", lambda a, e: a[0], "stays"),
    ("10.3", lambda a, e: a, "should be"),
    ("10.4", lambda v, m: v.mean((0, 1)), "still counted"),
    ("10.4", lambda v, m: (v * m[..., None]).mean((0, 1)), "were there"),
    ("10.4", lambda v, m: v[~m].mean(0), "mean of the padding"),
    ("10.4", per_series, "series' means"),
    ("10.4", lambda v, m: v[m], "One mean a unit"),
    ("10.4", lambda v, m: v[0, 0], "Not the mean"),
    ("10.5", between, "luck included"),
    ("10.5", lambda s: between(s) - inner(s), "quarter"),
    ("10.5", lambda s: between(s) - inner(s) / len(s), "number of seeds"),
    ("10.5", lambda s: inner(s) / 4 - between(s), "first, then"),
    ("10.5", lambda s: between(s, 0) - inner(s, 0) / 4, "ddof=1"),
    ("10.5", lambda s: np.sqrt(between(s) - inner(s) / 4), "not its root"),
    ("10.5", lambda s: 0.5, "was expected"),
]  # fmt: skip


@pytest.mark.parametrize(("place", "exercise"), list(enumerate(NAMES)))
def test_solutions_pass_and_stubs_are_unanswered(place: int, exercise: str) -> None:
    for tag, status in (("solution", "passed"), ("exercise", "unanswered")):
        answer = answered(NOTEBOOK, tag, place, NAMES[exercise], np=np)
        assert grade(exercise, answer)[0] == status, grade(exercise, answer)
    assert grade(exercise, ...)[0] == "unanswered"


def test_the_count_is_that_of_pytorch() -> None:
    nn = pytest.importorskip("torch").nn
    for i, h, n, both in ((8, 5, 1, False), (7, 4, 3, True), (3, 6, 2, True)):
        net = nn.GRU(i, h, n, bidirectional=both)
        assert count(i, h, n, both) == sum(p.numel() for p in net.parameters())


def test_right_answers_in_other_ways_pass() -> None:
    assert grade("10.2", lambda s, n: np.array([a[k - 1] for a, k in zip(
        s, n, strict=True)]))[0] == "passed"  # fmt: skip
    assert grade("10.4", lambda v, m: (v * m[..., None]).sum((0, 1)) / m.sum())[0] == (
        "passed"
    )
    assert grade("10.4", lambda v, m: np.ma.masked_array(
        v, ~m[..., None] & (v == v)).mean((0, 1)))[0] == "passed"  # fmt: skip
    assert grade("10.2", lambda s, n: np.take_along_axis(
        s, (n - 1)[:, None, None], axis=1)[:, 0])[0] == "passed"  # fmt: skip
    assert grade("10.5", lambda s: np.var(np.mean(s, 1), ddof=1) - np.mean(
        np.std(s, 1, ddof=1) ** 2 / len(s[0])))[0] == "passed"  # fmt: skip


def test_answers_by_pytorch_pass() -> None:
    torch = pytest.importorskip("torch")
    nn = torch.nn

    def counted(i: int, h: int, n: int, both: bool) -> int:
        return sum(p.numel() for p in nn.GRU(i, h, n, bidirectional=both).parameters())

    def single(a: Any, eps: float) -> Any:
        values = torch.as_tensor(a, dtype=torch.float32)
        return nn.functional.layer_norm(values, values.shape[-1:], eps=eps)

    assert grade("10.1", counted)[0] == "passed"
    assert grade("10.3", single)[0] == "passed"
