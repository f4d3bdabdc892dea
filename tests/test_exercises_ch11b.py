"""The checks of chapter 11b: right answers, stubs, and the common wrong answers."""

from __future__ import annotations

from typing import Any

import numpy as np
from exercise_cells import mistaken

from genex_helpers import calibration as cal
from genex_helpers import conformal as co
from genex_helpers.exercises import grade

NOTEBOOK = "11b_uncertainty.ipynb"
NAMES = {
    "11b.1": "ece",
    "11b.2": "ensemble",
    "11b.3": "accuracy_of_kept",
    "11b.4": "half_width",
    "11b.5": "best_promise",
    "11b.6": "share_of_courses_inside",
}
GIVEN = {"np": np, "cal": cal, "co": co}


def ece(confidence: Any, right: Any, n_bins: int, way: str = "") -> Any:
    if way == "ten":
        n_bins = 10
    if way == "rows":
        return np.abs(right - confidence).mean()
    if way == "histogram":
        sums, _ = np.histogram(confidence, n_bins, (0, 1), weights=right - confidence)
        return np.abs(sums).sum() / len(right)
    if way == "edges":
        number = np.ceil(confidence * n_bins).astype(int)
    else:
        number = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    bins = [number == k for k in np.unique(number)]
    gaps = np.array([right[b].mean() - confidence[b].mean() for b in bins])
    weights = np.array([b.mean() for b in bins])
    if way == "alike":
        return np.abs(gaps).mean()
    if way == "largest":
        return np.abs(gaps).max()
    return gaps @ weights if way == "signed" else np.abs(gaps) @ weights


def ensemble(logits: Any, way: str = "") -> Any:
    each = cal.softmax(logits)
    p = each.mean(axis=0)
    votes = (logits.argmax(axis=2) == p.argmax(axis=1)).sum(axis=0)
    counts = np.stack([(logits.argmax(axis=2) == k).sum(axis=0) for k in range(3)])
    return {
        "": (p, votes), "logits": (cal.softmax(logits.mean(axis=0)), votes),
        "means": (logits.mean(axis=0), votes), "sum": (each.sum(axis=0), votes),
        "one net": (each[0], votes), "all nets": (each, votes), "one": p,
        "shares": (p, votes / 5), "most": (p, counts.max(axis=0)),
        "table": (p, counts), "none": (p, 0 * votes),
    }[way]  # fmt: skip


def kept(confidence: Any, right: Any, share: float, way: str = "") -> Any:
    order, n = np.argsort(confidence), int(share * len(confidence))
    if way == "unsure":
        order = order[::-1]
    if way == "left out":
        return right[order[:n]].mean()
    if way == "all":
        return right.mean()
    if way == "threshold":
        return right[confidence >= share].mean()
    total = right[order[n:]].sum()
    return total / (len(right) if way == "divided" else len(right) - n)


def half_width(errors: Any, alpha: float, way: str = "") -> Any:
    n = len(errors)
    if way == "quantile":
        return np.quantile(errors, 1 - alpha)
    whole = (n + (way != "n")) * (alpha if way == "small" else 1 - alpha)
    k = int(np.ceil(whole))
    if k > n:
        return np.max(errors) if way == "largest" else np.inf
    ordered = errors if way == "unsorted" else np.sort(errors)
    return np.append(ordered, np.inf)[k - (way != "index")]


def promise(n: int, n_steps: int, way: str = "") -> float:
    share = n_steps / (n if way == "n" else n + 1)
    if way == "alone":
        share = 1 / (n + 1)
    if way == "alpha":
        return share
    return 1 - share if way == "negative" else max(0.0, 1 - share)


def courses(errors: Any, alpha: float, way: str = "") -> Any:
    sizes = errors if way == "signed" else np.abs(errors)
    inside = []
    for i in range(len(errors)):
        others = sizes if way == "everyone" else np.delete(sizes, i, axis=0)
        scores = others.ravel() if way == "rows" else others.max(axis=1)
        hits = sizes[i] <= co.conformal_quantile(scores, alpha)
        inside.append(hits.mean() if way == "samples" else hits.all())
    return np.mean(inside)


RIGHT: dict[str, Any] = {
    "11b.1": ece, "11b.2": ensemble, "11b.3": kept, "11b.4": half_width,
    "11b.5": promise, "11b.6": courses,
}  # fmt: skip


WRONG: list[tuple[str, Any, str]] = [
    ("11b.1", mistaken(ece, "alike"), "weigh all alike"),
    ("11b.1", mistaken(ece, "signed"), "opposite sign"),
    ("11b.1", lambda *a: -ece(*a), "never negative"),
    ("11b.1", mistaken(ece, "largest"), "largest gap"),
    ("11b.1", mistaken(ece, "rows"), "means of bins"),
    ("11b.1", mistaken(ece, "ten"), "whatever `n_bins` says"),
    ("11b.1", mistaken(ece, "edges"), "look at the edges"),
    ("11b.2", mistaken(ensemble, "one"), "Return two arrays"),
    ("11b.2", mistaken(ensemble, "logits"), "averages the logits"),
    ("11b.2", mistaken(ensemble, "means"), "do not sum to 1"),
    ("11b.2", mistaken(ensemble, "sum"), "no probability"),
    ("11b.2", mistaken(ensemble, "one net"), "not the mean of those"),
    ("11b.2", mistaken(ensemble, "all nets"), "must be (row, class)"),
    ("11b.2", mistaken(ensemble, "shares"), "not their share"),
    ("11b.2", mistaken(ensemble, "most"), "may predict another"),
    ("11b.2", mistaken(ensemble, "table"), "one a row"),
    ("11b.2", mistaken(ensemble, "none"), "votes are not ours"),
    ("11b.3", mistaken(kept, "unsure"), "kept the least sure"),
    ("11b.3", mistaken(kept, "left out"), "that were left out"),
    ("11b.3", mistaken(kept, "all"), "of all rows"),
    ("11b.3", mistaken(kept, "divided"), "not by all"),
    ("11b.3", mistaken(kept, "threshold"), "not a confidence"),
    ("11b.3", lambda *a: 0.123, "another accuracy"),
    ("11b.4", mistaken(half_width, "quantile"), "lacks the one"),
    ("11b.4", mistaken(half_width, "n"), "comes from `n + 1`"),
    ("11b.4", mistaken(half_width, "small"), "the small ones"),
    ("11b.4", mistaken(half_width, "index"), "counted from 1"),
    ("11b.4", mistaken(half_width, "unsorted"), "sorted first"),
    ("11b.4", mistaken(half_width, "largest"), "`np.inf`"),
    ("11b.4", lambda *a: np.inf, "are enough"),
    ("11b.4", lambda *a: 0.123, "yours is 0.123"),
    ("11b.5", mistaken(promise, "n"), "divide by `n + 1`"),
    ("11b.5", mistaken(promise, "alone"), "its share of alpha"),
    ("11b.5", mistaken(promise, "alpha"), "one minus it"),
    ("11b.5", mistaken(promise, "negative"), "cannot lie below 0"),
    ("11b.5", lambda *a: 0.123, "yours is 0.123"),
    ("11b.6", mistaken(courses, "everyone"), "leave each out"),
    ("11b.6", mistaken(courses, "rows"), "calibrates on the samples"),
    ("11b.6", mistaken(courses, "samples"), "share of samples"),
    ("11b.6", mistaken(courses, "signed"), "absolute errors"),
    ("11b.6", lambda *a: 0.123, "yours is 0.123"),
]


def test_bins_may_be_made_in_other_ways() -> None:
    """No confidence of the check lies where two right ways of binning differ."""
    assert grade("11b.1", mistaken(ece, "histogram"))[0] == "passed"
