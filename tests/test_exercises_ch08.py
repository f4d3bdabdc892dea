"""The checks of chapter 8: right answers, stubs, and the common wrong answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from exercise_cells import answered

from genex_helpers.exercises import grade
from genex_helpers.leaks import strongest

NOTEBOOK = "08_splits_and_leakage.ipynb"
NAMES = {
    "08.1": "on_both_sides",
    "08.2": "prepare",
    "08.3": "permutation_p",
    "08.4": "resampled_accuracies",
    "08.5": "skill_of_past_mean",
}
EVERYONE = slice(None)


def prepare(x: Any, y: Any, choose: Any, scale: Any, n: int = 6) -> Any:
    part = x[:, strongest(x[choose], y[choose], n)]
    return (part - part[scale].mean(axis=0)) / part[scale].std(axis=0)


def own_scale(x: Any, y: Any, train: Any, n: int) -> Any:
    part = x[:, strongest(x[train], y[train], n)]
    test = np.setdiff1d(np.arange(len(x)), train)
    for rows in (train, test):
        part[rows] = (part[rows] - part[rows].mean(0)) / part[rows].std(0)
    return part


def resampled(right: Any, people: Any, n: int, rng: Any, way: str = "") -> Any:
    names, row = np.unique(people, return_inverse=True)
    if way == "samples":
        return rng.choice(right, (n, len(right))).mean(axis=1)
    sums, counts = np.bincount(row, right), np.bincount(row)
    if way == "without":
        drawn = np.array([rng.permutation(len(names))[:5] for _ in range(n)])
    else:
        drawn = rng.integers(len(names), size=(n, len(names)))
    if way == "once":
        return np.array([sums[np.unique(d)].sum() / counts[np.unique(d)].sum()
                         for d in drawn])  # fmt: skip
    if way == "people":
        return (sums / counts)[drawn].mean(axis=1)
    return sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)


def skill(values: Any, origin: int, centre: Any = None, at_origin: bool = False) -> Any:
    past = values[:, : origin + 1]
    mean = np.nanmean(past, axis=1) if centre is None else centre(values, origin)
    last = np.array([row[np.isfinite(row)][-1] for row in past])
    target = values[:, origin + 1]
    kept = np.isfinite(target)
    if at_origin:
        last, kept = values[:, origin], kept & np.isfinite(values[:, origin])
    return 1 - ((target - mean)[kept] ** 2).sum() / ((target - last)[kept] ** 2).sum()


WRONG = [
    ("08.1", lambda g, a, b: sorted(set(a) & set(b)), "not the row numbers"),
    ("08.1", lambda g, a, b: sorted(set(g[a]) | set(g[b])), "either side"),
    ("08.1", lambda g, a, b: sorted(x for x in g[a] if x in g[b]), "Each group once"),
    ("08.1", lambda g, a, b: sorted(set(g[a]) & set(g[b]))[::-1], "not sorted"),
    ("08.1", lambda g, a, b: [x in g[b] for x in set(g[a])], "names of the groups"),
    ("08.1", lambda g, a, b: sorted(map(str, set(g[a]) & set(g[b]))), "Sort the gr"),
    ("08.1", lambda g, a, b: ["ann", "cy"], "clean split"),
    ("08.2", lambda x, y, t, n: prepare(x, y, EVERYONE, EVERYONE), "Both leaks"),
    ("08.2", lambda x, y, t, n: prepare(x, y, EVERYONE, t), "chosen on everyone"),
    ("08.2", lambda x, y, t, n: prepare(x, y, t, EVERYONE), "still see everyone"),
    ("08.2", own_scale, "by their own mean"),
    ("08.2", lambda x, y, t, n: prepare(x, y, t, t)[t], "Return all rows"),
    ("08.2", lambda x, y, t, n: prepare(x, y, t, t, 5), "(14, 5)"),
    ("08.2", lambda x, y, t, n: x[:, :n], "largest t"),
    ("08.3", lambda v, null: np.mean(null >= v), "share of dealings"),
    ("08.3", lambda v, null: np.mean(null > v), "p = (1 + 3)"),
    ("08.3", lambda v, null: (1 + np.sum(null > v)) / (1 + len(null)), "`>=`"),
    ("08.3", lambda v, null: (1 + np.sum(null >= v)) / len(null), "below it as well"),
    ("08.3", lambda v, null: np.sum(null >= v) / (1 + len(null)), "above it as well"),
    ("08.3", lambda v, null: (1 + np.sum(null < v)) / (1 + len(null)), "are lower"),
    ("08.3", lambda v, null: 2 * (1 + np.sum(null >= v)) / 10, "One-sided"),
    ("08.3", lambda v, null: np.zeros(3), "One number"),
    ("08.4", lambda r, p, n, rng: resampled(r, p, n, rng, "samples"), "drew samples"),
    ("08.4", lambda r, p, n, rng: resampled(r, p, n, rng, "people"), "averaged the"),
    ("08.4", lambda r, p, n, rng: resampled(r, p, n, rng, "once"), "counts twice"),
    ("08.4", lambda r, p, n, rng: resampled(r, p, n, rng, "without"), "missing from"),
    ("08.4", lambda r, p, n, rng: resampled(r, p, 1, rng), "`n` accuracies"),
    ("08.4", lambda r, p, n, rng: np.full(n, r.mean()), "All draws are equal"),
    ("08.4", lambda r, p, n, rng: rng.choice(r, n), "one person or one sample"),
    ("08.4", lambda r, p, n, rng: resampled(r, p, n, np.random.default_rng()), "alone"),
    ("08.5", lambda v, o: skill(v, o, lambda v, o: 0.0), "knows the future"),
    ("08.5", lambda v, o: skill(v, o, lambda v, o: np.nanmean(v[:, : o + 2], 1)),
     "one step too late"),
    ("08.5", lambda v, o: skill(v, o, lambda v, o: np.nanmean(v[:, :o], 1)),
     "origin itself"),
    ("08.5", lambda v, o: 1 - skill(v, o), "one minus"),
    ("08.5", lambda v, o: 1 - 1 / (1 - skill(v, o)), "upside down"),
    ("08.5", lambda v, o: skill(v, o, at_origin=True), "left out"),
    ("08.5", lambda v, o: np.nan, "not a number"),
    ("08.5", lambda v, o: 0.123, "was expected"),
]  # fmt: skip


@pytest.mark.parametrize(("place", "exercise"), list(enumerate(NAMES)))
def test_solutions_pass_and_stubs_are_unanswered(place: int, exercise: str) -> None:
    for tag, status in (("solution", "passed"), ("exercise", "unanswered")):
        answer = answered(
            NOTEBOOK, tag, place, NAMES[exercise], np=np, strongest=strongest
        )
        assert grade(exercise, answer)[0] == status, grade(exercise, answer)
    assert grade(exercise, ...)[0] == "unanswered"


def test_a_skill_that_looks_beyond_the_target_is_caught() -> None:
    def peeks(values: Any, origin: int) -> float:
        jump = values[0, -1] > values[0, origin] + 5
        return float(skill(values, origin) + jump)

    status, text = grade("08.5", peeks)
    assert status == "wrong" and "a leak" in text
