"""The checks of chapter 17: right answers, stubs, and the common wrong answers."""

from __future__ import annotations

from itertools import combinations, permutations
from typing import Any

import numpy as np
from exercise_cells import mistaken
from sklearn.metrics import average_precision_score

from genex_helpers.attribution_tests import average_precision
from genex_helpers.exercises import grade

NOTEBOOK = "17_interpretability.ipynb"
NAMES = {
    "17.1": "integrated",
    "17.2": "shapley_values",
    "17.3": "relative_gap",
    "17.4": "precision_by_time",
    "17.5": "rescale",
}
GIVEN = {"np": np, "permutations": permutations, "average_precision": average_precision}


def integrated(slope: Any, x: Any, baseline: Any, n: int, way: str = "") -> Any:
    places = (np.arange(n) + 0.5) / n
    if way == "ends":
        places = np.arange(n) / n
    if way in ("from zero", "half from zero"):
        points = [s * x for s in places]
    else:
        points = [baseline + s * (x - baseline) for s in places]
    mean = np.mean([slope(p) for p in points], axis=0)
    if way == "sum":
        mean = mean * n
    if way == "no distance":
        return mean
    if way in ("times input", "from zero"):
        return mean * x
    if way == "sign":
        return mean * (baseline - x)
    if way == "input":
        mean = slope(x)
    if way == "baseline":
        mean = slope(baseline)
    return mean * (x - baseline)


def shapley(worth: Any, n: int, way: str = "") -> Any:
    everyone = set(range(n))
    if way == "last":
        return [worth(everyone) - worth(everyone - {k}) for k in range(n)]
    if way == "alone":
        return [worth({k}) - worth(set()) for k in range(n)]
    values = np.zeros(n)
    if way == "once":
        for k in range(n):
            rest = everyone - {k}
            sets = [set(s) for r in range(n) for s in combinations(rest, r)]
            values[k] = np.mean([worth(s | {k}) - worth(s) for s in sets])
        return values
    orders = list(permutations(range(n)))
    for order in orders:
        for place, k in enumerate(order):
            before = set(order[:place])
            values[k] += worth(before | {k}) - (0 if way == "with" else worth(before))
    if way == "sum":
        return values
    return (-values if way == "sign" else values) / len(orders)


def gap(values: Any, at_input: Any, at_baseline: Any, way: str = "") -> Any:
    sums, total = values.sum(axis=(1, 2)), at_input - at_baseline
    if way == "unsigned":
        sums = np.abs(values).sum(axis=(1, 2))
    missing = sums - (at_input if way in ("forgets", "half") else total)
    if way == "cancel":
        return missing.mean() / total.mean()
    if way == "cancel, size":
        return abs(missing.mean()) / abs(total.mean())
    if way == "ratios":
        return np.mean(np.abs(missing) / np.abs(total))
    if way == "gap":
        return np.abs(missing).mean()
    below = {"forgets": at_input, "output": at_input, "explained": sums}.get(way, total)
    found = np.abs(missing).mean() / np.abs(below).mean()
    return 1 / found if way == "upside down" else found


def by_time(values: Any, truth: Any, way: str = "") -> Any:
    size = np.abs(values)
    score, right = size.sum(axis=2), truth.any(axis=2)
    if way == "signed":
        score = values.sum(axis=2)
    elif way == "late size":
        score = np.abs(values.sum(axis=2))
    elif way == "gene":
        score, right = size.sum(axis=1), truth.any(axis=1)
    elif way == "cell":
        score, right = size.reshape(len(size), -1), truth.reshape(len(size), -1)
    elif way == "max":
        score = size.max(axis=2)
    elif way == "pooled":
        return average_precision_score(right.ravel(), score.ravel())
    found = average_precision(right, score)
    return found if way == "each" else found.mean()


def rescale(method: Any, x: Any, way: str = "") -> Any:
    whole = method(x)

    def change(*where: Any) -> Any:
        copy = x if way == "in place" else x.copy()
        copy[where] = 0
        difference = method(copy) - whole
        if way == "signed":
            return abs(difference.sum())
        return np.abs(difference).sum()

    n_steps, n_genes = x.shape
    times = np.array([[change(t)] for t in range(n_steps)])
    if way == "whole gene":
        return times * [change(slice(None), g) for g in range(n_genes)]
    cells = np.array([[change(t, g) for g in range(n_genes)] for t in range(n_steps)])
    if way == "add":
        return times + cells
    if way == "map":
        return times * whole
    if way == "first":
        return times + 0 * cells
    return cells if way == "second" else times * cells


RIGHT: dict[str, Any] = {
    "17.1": integrated,
    "17.2": shapley,
    "17.3": gap,
    "17.4": by_time,
    "17.5": rescale,
}


WRONG: list[tuple[str, Any, str]] = [
    ("17.1", mistaken(integrated, "input"), "gradient × input"),
    ("17.1", mistaken(integrated, "baseline"), "at the baseline alone"),
    ("17.1", mistaken(integrated, "no distance"), "multiply it by the distance"),
    ("17.1", mistaken(integrated, "times input"), "not by the input"),
    ("17.1", mistaken(integrated, "sign"), "The sign"),
    ("17.1", mistaken(integrated, "sum"), "not their sum"),
    ("17.1", mistaken(integrated, "from zero"), "begins at zero"),
    ("17.1", mistaken(integrated, "half from zero"), "begins at zero"),
    ("17.1", mistaken(integrated, "ends"), "with ten it is off"),
    ("17.1", lambda *a: integrated(*a).sum(), "One number a cell"),
    ("17.1", lambda *a: integrated(*a) + 1, "first cell should get"),
    ("17.1", lambda *a: "high", "One number a cell"),
    ("17.2", mistaken(shapley, "last"), "as the last to come"),
    ("17.2", mistaken(shapley, "alone"), "worth alone"),
    ("17.2", mistaken(shapley, "once"), "each counted once"),
    ("17.2", mistaken(shapley, "sum"), "divide by how many"),
    ("17.2", mistaken(shapley, "with"), "before the player came"),
    ("17.2", mistaken(shapley, "sign"), "The sign"),
    ("17.2", lambda worth, n: np.ones(n), "add up to"),
    ("17.2", lambda worth, n: 1.0, "One number a player"),
    ("17.3", mistaken(gap, "cancel"), "must not cancel"),
    ("17.3", mistaken(gap, "cancel, size"), "must not cancel"),
    ("17.3", mistaken(gap, "ratios"), "ratio of the means"),
    ("17.3", mistaken(gap, "unsigned"), "with their signs"),
    ("17.3", mistaken(gap, "forgets"), "output is missing"),
    ("17.3", mistaken(gap, "half"), "missing from the gap"),
    ("17.3", mistaken(gap, "output"), "*change*"),
    ("17.3", mistaken(gap, "explained"), "not by what was"),
    ("17.3", mistaken(gap, "upside down"), "Upside down"),
    ("17.3", mistaken(gap, "gap"), "That is the gap"),
    ("17.3", lambda *a: 7.0, "yours is 7.000"),
    ("17.4", mistaken(by_time, "signed"), "take sizes before"),
    ("17.4", mistaken(by_time, "late size"), "take sizes before"),
    ("17.4", mistaken(by_time, "gene"), "That is by gene"),
    ("17.4", mistaken(by_time, "cell"), "That is by cell"),
    ("17.4", mistaken(by_time, "pooled"), "in one list"),
    ("17.4", mistaken(by_time, "max"), "largest cell"),
    ("17.4", mistaken(by_time, "each"), "One number was expected"),
    ("17.4", lambda *a: 0.0, "yours is 0.000"),
    ("17.5", mistaken(rescale, "first"), "first step alone"),
    ("17.5", mistaken(rescale, "second"), "second step alone"),
    ("17.5", mistaken(rescale, "add"), "do not add them"),
    ("17.5", mistaken(rescale, "whole gene"), "at all times"),
    ("17.5", mistaken(rescale, "signed"), "opposite sign"),
    ("17.5", mistaken(rescale, "map"), "map itself"),
    ("17.5", mistaken(rescale, "in place"), "changed `x`"),
    ("17.5", lambda method, x: rescale(method, x) + 1, "first cell should get"),
]


def test_a_dictionary_of_players_will_do() -> None:
    def by_player(worth: Any, n: int) -> Any:
        return dict(enumerate(shapley(worth, n)))

    assert grade("17.2", by_player)[0] == "passed"
