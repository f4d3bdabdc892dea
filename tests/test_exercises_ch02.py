"""The checks of chapter 2: right answers, stubs, and the common wrong answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from genex_helpers.evaluation import bootstrap_mean
from genex_helpers.exercises import grade

OWN = np.random.default_rng(9)  # a generator that is not the one handed over


def permute(x: Any, rng: Any) -> Any:
    return x[:, rng.permutation(x.shape[1])]


def permute_each(x: Any, rng: Any) -> Any:
    return np.stack([row[rng.permutation(len(row))] for row in x])


def tear_genes(x: Any, rng: Any) -> Any:
    return np.stack([x[:, rng.permutation(7), g] for g in range(2)], axis=2)


def in_place(x: Any, rng: Any) -> Any:
    x[:] = x[:, rng.permutation(x.shape[1])]
    return x


def recurs(layer: Any, x: Any) -> Any:
    layer.zero_grad()
    layer(x)[0][:, -1].sum().backward()
    return bool(layer.weight_hh_l0.grad.abs().max() > 0)


def recurs_uncleared(layer: Any, x: Any) -> Any:
    layer(x)[0][:, -1].sum().backward()
    return bool(layer.weight_hh_l0.grad.abs().max() > 0)


def recurs_at_first(layer: Any, x: Any) -> Any:
    layer.zero_grad()
    layer(x)[0][:, 0].sum().backward()
    return bool(layer.weight_hh_l0.grad.abs().max() > 0)


def recurs_input(layer: Any, x: Any) -> Any:
    layer.zero_grad()
    layer(x)[0][:, -1].sum().backward()
    return bool(layer.weight_ih_l0.grad.abs().max() > 0)


def slopes(x: Any, times: Any) -> Any:
    c = times - np.mean(times)
    return np.einsum("t,btg->bg", c, x) / np.sum(c**2)


def memory(values: Any, times: Any, gap: float, n: int = 0, mean: bool = True) -> Any:
    d = values - values.mean() * mean
    pairs = np.isclose(times[None, :] - times[:, None], gap)
    if not pairs.any():
        return np.nan
    return np.outer(d, d)[pairs].sum() / (n or pairs.sum()) / np.mean(d**2)


def memory_by_steps(values: Any, times: Any, gap: float) -> Any:
    return memory(values, np.arange(len(values)), gap)


def memory_of_none(values: Any, times: Any, gap: float) -> Any:
    found = memory(values, times, gap)
    return 0.0 if np.isnan(found) else found


def needed(ours: Any, theirs: Any, sizes: Any, delta: float, part: str = "low") -> Any:
    found = np.inf
    for k in reversed(range(len(sizes))):
        if not getattr(bootstrap_mean(ours[k] - theirs[k]), part) > delta:
            break
        found = sizes[k]
    return found


def first_lead(ours: Any, theirs: Any, sizes: Any, delta: float) -> Any:
    for size, a, b in zip(sizes, ours, theirs, strict=True):
        if bootstrap_mean(a - b).low > delta:
            return size
    return np.inf


def last_unless_lost(ours: Any, theirs: Any, sizes: Any, delta: float) -> Any:
    leads = [
        bootstrap_mean(a - b).low > delta for a, b in zip(ours, theirs, strict=True)
    ]
    places = [k for k in range(4) if all(leads[k:])]
    return sizes[places[0]] if places else sizes[-1]


RIGHT = {
    "02.1": permute,
    "02.2": recurs,
    "02.3": slopes,
    "02.4": memory,
    "02.5": needed,
}
WRONG = [
    ("02.1", permute_each, "order of its own"),
    ("02.1", tear_genes, "torn apart"),
    ("02.1", in_place, "`x` itself"),
    ("02.1", lambda x, rng: x.copy(), "Nothing moved"),
    ("02.1", lambda x, rng: x[:, ::-1], "use `rng`"),
    ("02.1", lambda x, rng: permute(x, OWN), "two orders"),
    ("02.1", lambda x, rng: rng.permuted(x, axis=1), "order of its own"),
    ("02.1", lambda x, rng: x[:, [0, 0, 1, 2, 3, 4, 5]], "without replacement"),
    ("02.1", lambda x, rng: x[[2, 0, 1]], "another series"),
    ("02.1", lambda x, rng: permute(x, rng)[0], "shape must stay"),
    ("02.2", recurs_uncleared, "clear the gradients"),
    ("02.2", recurs_at_first, "*last* step"),
    ("02.2", recurs_input, "not at `weight_ih_l0`"),
    ("02.2", lambda layer, x: "yes", "`True` or `False`"),
    ("02.2", lambda layer, x: True, "read one step"),
    ("02.3", lambda x, t: slopes(x, np.arange(5)), "counted steps"),
    ("02.3", lambda x, t: (x[:, -1] - x[:, 0]) / (t[-1] - t[0]), "to the last"),
    ("02.3", lambda x, t: slopes(x, t) / 2, "must have the slope 2"),
    ("02.3", lambda x, t: slopes(x, t).T, "(4, 3)"),
    ("02.3", lambda x, t: np.diff(x, axis=1).sum(1) / np.ptp(t), "to the last"),
    (
        "02.3",
        lambda x, t: (np.diff(x, axis=1) / np.diff(t)[:, None]).mean(axis=1),
        "Right for a straight line",
    ),
    ("02.4", lambda v, t, g: memory(v, t, g, mean=False), "Subtract the mean"),
    ("02.4", lambda v, t, g: memory(v, t, g, n=len(v)), "*pairs*"),
    ("02.4", memory_by_steps, "neighbouring *steps*"),
    ("02.4", memory_of_none, "`np.nan`"),
    ("02.4", lambda v, t, g: 0.3, "must give -1"),
    ("02.5", first_lead, "*all* larger"),
    ("02.5", last_unless_lost, "`np.inf`"),
    ("02.5", lambda a, b, s, d: needed(a, b, s, d, "value"), "`.low`"),
    ("02.5", lambda a, b, s, d: needed(a, b, s, 0.0), "no lead that matters"),
    ("02.5", lambda a, b, s, d: list(s).index(needed(a, b, s, d)), "the size itself"),
]


@pytest.mark.parametrize("exercise", RIGHT)
def test_right_answers_pass(exercise: str) -> None:
    status, message = grade(exercise, RIGHT[exercise])
    assert status == "passed", message


@pytest.mark.parametrize("exercise", RIGHT)
def test_stubs_are_unanswered(exercise: str) -> None:
    assert grade(exercise, lambda *arguments: ...)[0] == "unanswered"
    assert grade(exercise, ...)[0] == "unanswered"
