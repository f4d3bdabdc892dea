"""The checks of chapter 18: right answers, stubs, and the common wrong answers."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
from exercise_cells import mistaken
from sklearn.metrics import (
    auc,
    average_precision_score,
    precision_recall_curve,
    roc_auc_score,
)

NOTEBOOK = "18_regulatory_networks.ipynb"
NAMES = {
    "18.1": "precision_of_arrows",
    "18.2": "learning_sample",
    "18.3": "plain_jacobian",
    "18.4": "left_alone",
    "18.5": "same_order",
}
GIVEN = {"np": np, "combinations": combinations}


def arrows(scores: Any, truth: Any, way: str = "") -> Any:
    if way == "in place":
        np.fill_diagonal(scores, 0)
    kept = ~np.eye(len(truth), dtype=bool)
    if way == "zeroed":
        scores = np.where(kept, scores, 0.0)
    if way in ("diagonal", "zeroed"):
        kept = np.ones_like(truth)
    s, t = scores[kept], truth[kept]
    if way == "lines":
        precision, recall, _ = precision_recall_curve(t, s)
        return auc(recall, precision)
    if way == "lowest":
        s = -s
    if way == "area":
        return roc_auc_score(t, s)
    if way in ("every", "zeroed"):
        hits = t[np.argsort(-s)]
        precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
        return precision.mean() if way == "every" else precision[hits].mean()
    return average_precision_score(t, s)


def sample(levels: Any, times: Any, decay: Any, way: str = "") -> Any:
    length, change = np.diff(times)[:, None], np.diff(levels, axis=1)
    start = levels[:, 1:] if way in ("end", "late") else levels[:, :-1]
    made = change / length + decay * start
    if way == "not divided":
        made = change + decay * start
    if way == "rate":
        made = change / length
    if way == "sign":
        made = change / length - decay * start
    now = levels[:, 1:] if way == "end" else levels[:, :-1]
    if way == "joined":
        whole = levels.reshape(-1, 2)
        return whole[:-1], np.diff(whole, axis=0)
    if way == "by time":
        now = now.transpose(1, 0, 2)
    if way == "one":
        return made
    if way == "not flat":
        return now, made
    now, made = now.reshape(-1, 2), made.reshape(-1, 2)
    return (now, made * 2) if way == "twice" else (now, made)


def jacobian(V: Any, W: Any, U: Any, b: Any, x: Any, h: Any, way: str = "") -> Any:
    s = W @ x + U @ h + b
    slope = {
        "plain": np.ones(4),
        "before": 1 - h**2,
        "state": np.tanh(s),
        "sum": 1 - s**2,
        "no state": 1 - np.tanh(W @ x + b) ** 2,
    }.get(way, 1 - np.tanh(s) ** 2)
    found = V @ (slope[:, None] * W)
    return {"transpose": found.T, "twice": 2 * found, "vector": found[0]}.get(
        way, found
    )


def alone(times: Any, n_series: int, n_genes: int, changes: Any, way: str = "") -> Any:
    free = np.ones((n_series, len(times), n_genes), dtype=bool)
    for series, gene, start, stop in changes:
        on = (times >= start) & ((times <= stop) if way == "closed" else (times < stop))
        if way == "whole":
            on[:] = True
        some = slice(None) if way == "all series" else series
        genes = slice(None) if way == "all genes" else gene
        free[some, on, genes] = False
    if way == "late":
        free[:, 0] = True
    if way == "swapped":
        return free.swapaxes(1, 2)
    if way == "numbers":
        return free.astype(float)
    return ~free if way == "inverse" else free


def order(skill: Any, precision: Any, way: str = "") -> Any:
    a, b = np.array(skill), np.array(precision)
    pairs = list(combinations(range(len(a)), 2))
    same = [(a[i] - a[j]) * (b[i] - b[j]) > 0 for i, j in pairs]
    share = np.mean(same)
    ranks = [v.argsort().argsort() for v in (a, b)]
    return {
        "tau": 2 * share - 1,
        "opposite": 1 - share,
        "count": np.sum(same),
        "itself": (2 * np.sum(same) + len(a)) / len(a) ** 2,
        "correlation": np.corrcoef(a, b)[0, 1],
        "ranks": np.corrcoef(*ranks)[0, 1],
        "neighbours": np.mean(np.sign(np.diff(a)) == np.sign(np.diff(b))),
        "percent": 100 * share,
        "other": 0.123,
    }.get(way, share)


RIGHT: dict[str, Any] = {
    "18.1": arrows,
    "18.2": sample,
    "18.3": jacobian,
    "18.4": alone,
    "18.5": order,
}


WRONG: list[tuple[str, Any, str]] = [
    ("18.1", mistaken(arrows, "diagonal"), "diagonal is still in it"),
    ("18.1", mistaken(arrows, "lowest"), "begins with the lowest"),
    ("18.1", mistaken(arrows, "every"), "over all ranks"),
    ("18.1", mistaken(arrows, "area"), "ROC"),
    ("18.1", mistaken(arrows, "zeroed"), "at its end"),
    ("18.1", mistaken(arrows, "lines"), "straight lines"),
    ("18.1", mistaken(arrows, "in place"), "changed `scores`"),
    ("18.1", lambda s, t: 0.5, "down to here"),
    ("18.2", mistaken(sample, "one"), "two arrays"),
    ("18.2", mistaken(sample, "not flat"), "axis of series"),
    ("18.2", mistaken(sample, "joined"), "No step leads"),
    ("18.2", mistaken(sample, "end"), "end of each step"),
    ("18.2", mistaken(sample, "by time"), "another order"),
    ("18.2", mistaken(sample, "not divided"), "not divide"),
    ("18.2", mistaken(sample, "rate"), "add what was lost"),
    ("18.2", mistaken(sample, "sign"), "it is added"),
    ("18.2", mistaken(sample, "late"), "start of the step"),
    ("18.2", mistaken(sample, "twice"), "divided by its length"),
    ("18.3", mistaken(jacobian, "transpose"), "transpose"),
    ("18.3", mistaken(jacobian, "plain"), "slope of the tanh is missing"),
    ("18.3", mistaken(jacobian, "before"), "not at the state before"),
    ("18.3", mistaken(jacobian, "state"), "new state itself"),
    ("18.3", mistaken(jacobian, "sum"), "tanh of the sum"),
    ("18.3", mistaken(jacobian, "no state"), "left the state before out"),
    ("18.3", mistaken(jacobian, "vector"), "make a matrix"),
    ("18.3", mistaken(jacobian, "twice"), "from the outside in"),
    ("18.4", mistaken(alone, "inverse"), "other way round"),
    ("18.4", mistaken(alone, "all genes"), "masked all genes"),
    ("18.4", mistaken(alone, "all series"), "in every series"),
    ("18.4", mistaken(alone, "closed"), "free again"),
    ("18.4", mistaken(alone, "whole"), "the whole series"),
    ("18.4", mistaken(alone, "late"), "entries differ"),
    ("18.4", mistaken(alone, "swapped"), "(series, time, gene)"),
    ("18.4", mistaken(alone, "numbers"), "booleans"),
    ("18.5", mistaken(order, "tau"), "Kendall"),
    ("18.5", mistaken(order, "opposite"), "opposite order"),
    ("18.5", mistaken(order, "count"), "number of pairs"),
    ("18.5", mistaken(order, "itself"), "with itself"),
    ("18.5", mistaken(order, "correlation"), "a correlation"),
    ("18.5", mistaken(order, "ranks"), "of ranks"),
    ("18.5", mistaken(order, "neighbours"), "neighbours"),
    ("18.5", mistaken(order, "percent"), "percentage"),
    ("18.5", mistaken(order, "other"), "yours is 0.123"),
]
