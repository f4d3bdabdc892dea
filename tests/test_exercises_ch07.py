"""The checks of chapter 7: right answers, stubs, and the common wrong answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from exercise_cells import answered

from genex_helpers.exercises import grade

NOTEBOOK = "07_batch_effects.ipynb"
NAMES = {
    "07.1": "share_by_chance",
    "07.2": "comparing_batches",
    "07.3": "shrunk_shift",
    "07.4": "shift_test_samples",
    "07.5": "permute_within",
}


def of_notebook(exercise: str, tag: str) -> Any:
    place = list(NAMES).index(exercise)
    return answered(NOTEBOOK, tag, place, NAMES[exercise], np=np)


def comparing(batch: Any, group: Any) -> list[Any]:
    return [b for b in np.unique(batch) if len(np.unique(group[batch == b])) > 1]


def posterior(shift: Any, variance: Any, weight: Any, prior: Any) -> Any:
    return (weight * shift + variance * prior) / (weight + variance)


def shifted(x_train: Any, names: Any, x_test: Any, test_names: Any, how: str) -> Any:
    found = x_test if how == "in place" else x_test.copy()
    for name in np.unique(test_names):
        rows = x_train[names == name]
        if how in ("test means", "test means of all"):
            rows = x_test[test_names == name]
        if len(rows) == 0 and how == "refuses":
            raise ValueError(name)
        centre = x_train.mean(axis=0)
        if how == "no level":
            centre = 0.0
        if how == "mean of means":
            centre = np.mean([x_train[names == b].mean(axis=0) for b in (0, 1)], axis=0)
        if how == "test means of all":
            centre = x_test.mean(axis=0)
        with np.errstate(all="ignore"):
            mean = rows.mean(axis=0) if len(rows) else 0.0
            found[test_names == name] -= mean - centre
    return found


def permuted(labels: Any, batch: Any, rng: Any, how: str) -> Any:
    mixed = labels if how == "in place" else labels.copy()
    if how == "all":
        return rng.permutation(mixed)
    if how == "drawn":
        return rng.choice(mixed, len(mixed))
    if how == "seeded":
        rng = np.random.default_rng(3)
    for name in np.unique(batch):
        mixed[batch == name] = rng.permutation(mixed[batch == name])
    return mixed


WRONG = [
    ("07.1", lambda k, n: k / n, "one class alone"),
    ("07.1", lambda k, n: (k - 1) / n, "one mean is subtracted"),
    ("07.1", lambda k, n: k / (n - 1), "one mean is subtracted"),
    ("07.1", lambda k, n: 100 * (k - 1) / (n - 1), "between 0 and 1"),
    ("07.1", lambda k, n: 1 / k, "must be 1"),
    ("07.1", lambda k, n: 4 / 56, "no others"),
    ("07.1", lambda k, n: None, "`return` missing"),
    ("07.1", lambda k, n: (n - k) / (n - 1), "turn it round"),
    ("07.2", lambda b, g: set(b), "Return a list"),
    (
        "07.2",
        lambda b, g: [n for n in np.unique(b) if set(g[b == n]) == set(g)],
        "two of them",
    ),
    ("07.3", lambda s, v, n: 0 * s + s.mean(), "all the way"),
    (
        "07.3",
        lambda s, v, n: posterior(s, v.mean(), n * s.var(ddof=1), s.mean()),
        "its own variance",
    ),
    ("07.4", lambda a, b, x, d: x.copy(), "Nothing was corrected"),
    (
        "07.4",
        lambda a, b, x, d: x + np.array([a[b == k].mean(0) for k in d]) - a.mean(0),
        "subtract it",
    ),
    (
        "07.2",
        lambda b, g: [n for n in np.unique(b) if len(set(g[b == n])) == 1],
        "cannot compare",
    ),
    (
        "07.2",
        lambda b, g: [n for n in np.unique(b) if {"a", "b"} <= set(g[b == n])],
        "b with c",
    ),
    ("07.2", lambda b, g: np.unique(b), "every batch"),
    (
        "07.2",
        lambda b, g: [len(set(g[b == n])) > 1 for n in np.unique(b)],
        "Return the names",
    ),
    ("07.2", lambda b, g: [len(set(g[b == n])) for n in np.unique(b)], "numbers of"),
    ("07.2", lambda b, g: [7], r"[1, 3, 4]"),
    (
        "07.2",
        lambda b, g: comparing(b, g) if b.dtype != "<U1" else [],
        "may have names",
    ),
    ("07.3", lambda s, v, n: posterior(s, v, n * s.var(), s.mean()), "ddof=1"),
    ("07.3", lambda s, v, n: posterior(s, v, s.var(ddof=1), s.mean()), "n is missing"),
    ("07.3", lambda s, v, n: posterior(s, v, n * s.var(ddof=1), 0.0), "towards 0"),
    ("07.3", lambda s, v, n: posterior(s, v, n * s.std(ddof=1), s.mean()), "variance"),
    (
        "07.3",
        lambda s, v, n: posterior(s.mean(), v, n * s.var(ddof=1), s),
        "changed places",
    ),
    ("07.3", lambda s, v, n: s, "Nothing was pulled"),
    ("07.3", lambda s, v, n: s.mean(), "(4,)"),
    ("07.3", lambda s, v, n: s / 2, "two weights"),
    ("07.4", lambda *a: shifted(*a, how="no level"), "level is gone"),
    ("07.4", lambda *a: shifted(*a, how="mean of means"), "mean of the batch means"),
    ("07.4", lambda *a: shifted(*a, how="test means"), "*test* samples"),
    ("07.4", lambda *a: shifted(*a, how="test means of all"), "*test* samples"),
    ("07.4", lambda *a: shifted(*a, how="in place"), "in place"),
    ("07.4", lambda *a: shifted(*a, how="no refusal"), "Raise a ValueError"),
    ("07.4", lambda a, b, x, d: x[:1], "(3, 4)"),
    ("07.4", lambda a, b, x, d: x + 1, "Not yet"),
    ("07.5", lambda *a: permuted(*a, how="all"), "between batches"),
    ("07.5", lambda *a: permuted(*a, how="drawn"), "do not draw anew"),
    ("07.5", lambda *a: permuted(*a, how="in place"), "work on a copy"),
    ("07.5", lambda *a: permuted(*a, how="seeded"), "draw with `rng`"),
    ("07.5", lambda y, b, rng: y, "Nothing was permuted"),
    ("07.5", lambda y, b, rng: y[:3], "one label a sample"),
]


@pytest.mark.parametrize("exercise", NAMES)
def test_solutions_pass_and_stubs_are_unanswered(exercise: str) -> None:
    assert grade(exercise, of_notebook(exercise, "solution"))[0] == "passed"
    assert grade(exercise, of_notebook(exercise, "exercise"))[0] == "unanswered"
    assert grade(exercise, ...)[0] == "unanswered"
