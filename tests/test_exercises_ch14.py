"""The checks of chapter 14: right answers, stubs, and the common wrong answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from exercise_cells import mistaken
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from genex_helpers.exercises import ch14, grade

NOTEBOOK = "14_multi_task.ipynb"
NAMES = {
    "14.1": "masked_cross_entropy",
    "14.2": "kept_by_units",
    "14.3": "uncertainty_total",
    "14.4": "grad_norm_slope",
    "14.5": "labels_until_own_wins",
    "14.6": "permuted_control",
}
GIVEN = {"np": np, "torch": torch, "nn": torch.nn}


def entropy(logit: Any, target: Any, reduction: str = "mean") -> Any:
    seen = ~torch.isnan(target)
    return bce(logit[seen], target[seen], reduction=reduction)


def by_filling(logit: Any, target: Any) -> Any:
    """Return the same loss from the formula, with NaN filled before the loss."""
    seen = target == target
    y = torch.where(seen, target, 0.0)
    each = torch.nn.functional.softplus(logit) - y * logit
    return torch.where(seen, each, 0.0).sum() / seen.sum()


def labels(cosine: float, n_inputs: int, noise: float, way: str = "") -> float:
    below = {"cosine": cosine**2, "one": 1 - cosine}.get(way, 1 - cosine**2)
    spread = noise if way == "noise" else noise**2
    edge = (0 if way == "p" else n_inputs + 1) + spread * n_inputs / below
    return edge if way == "edge" else np.floor(edge) + (way != "few")


def control(given: Any, main: str, train: Any, rng: Any, way: str = "") -> Any:
    found = {}
    for name, values in given.items():
        new = found[name] = values if way == "in place" else values.copy()
        if way == "everyone":
            new[:] = rng.permutation(values)
        elif way == "torn" and name != main:
            new[train] = rng.permuted(values[train], axis=0)
        elif way == "drawn" and name != main:
            new[train] = values[rng.choice(train, len(train))]
        elif way == "main" or (name != main and way != "nothing"):
            new[train] = values[rng.permutation(train)]
        if way == "all but main" and name != main:
            new[:] = rng.permutation(values)
        if way == "flat":
            found[name] = new[:, 0]
    return found["age"] if way == "array" else found


class Rolled:
    def permutation(self, train: Any) -> Any:
        return np.roll(train, 1)


RIGHT: dict[str, Any] = {
    "14.1": entropy,
    "14.2": ch14._kept,
    "14.3": ch14._uncertain,
    "14.4": ch14._slope,
    "14.5": labels,
    "14.6": control,
}
WRONG: list[tuple[str, Any, str]] = [
    ("14.1", lambda x, t: bce(x, t), "The loss is NaN"),
    ("14.1", lambda x, t: entropy(x, t, "sum") / len(x), "divide by all series"),
    ("14.1", lambda x, t: bce(x, t.nan_to_num()), "counts as a label of 0"),
    ("14.1", lambda x, t: entropy(x, t, "sum"), "That is the sum"),
    ("14.1", lambda x, t: entropy(x.sigmoid(), t), "sigmoid is there twice"),
    ("14.1", lambda x, t: (x - t).square().nanmean(), "squared error"),
    ("14.1", lambda x, t: (x.sigmoid() - t).square().nanmean(), "squared error"),
    ("14.1", lambda x, t: entropy(x, t).item(), "still knows where it came from"),
    ("14.1", lambda x, t: bce(x, t, reduction="none").nanmean(), "its gradient is NaN"),
    ("14.1", lambda x, t: entropy(x.detach(), t) + 0 * x.sum(), "is another one"),
    ("14.1", lambda x, t: entropy(x, t) + 1, "yours is"),
    ("14.2", mistaken(ch14._kept, "alike"), "weights have no effect"),
    ("14.2", mistaken(ch14._kept, "squared"), "count twice"),
    ("14.2", mistaken(ch14._kept, "one"), "what one unit keeps"),
    ("14.2", mistaken(ch14._kept, "last"), "last directions"),
    ("14.2", mistaken(ch14._kept, "length"), "a share was asked"),
    ("14.2", lambda *a: ch14._kept(*a).mean(), "One number for each"),
    ("14.2", lambda *a: "all", "one number a task"),
    ("14.2", lambda w, n, v: np.ones(len(w)), "yours are"),
    ("14.3", mistaken(ch14._uncertain, "no log"), "missing from the sum"),
    ("14.3", mistaken(ch14._uncertain, "whole"), "half of it is added"),
    ("14.3", mistaken(ch14._uncertain, "no half"), "regression's loss is halved"),
    ("14.3", mistaken(ch14._uncertain, "all half"), "a cross-entropy's is not"),
    ("14.3", mistaken(ch14._uncertain, "times"), "*divided*"),
    ("14.3", lambda *a: 0.0, "yours is 0"),
    ("14.4", mistaken(ch14._slope, "sign"), "multiply"),
    ("14.4", mistaken(ch14._slope, "weighed"), "*without* the weight"),
    ("14.4", mistaken(ch14._slope, "other sign"), "must fall"),
    ("14.4", mistaken(ch14._slope, "unweighed"), "*with* their weights"),
    ("14.4", mistaken(ch14._slope, "upside down"), "`losses / first`"),
    ("14.4", mistaken(ch14._slope, "not relative"), "divide by its mean"),
    ("14.4", mistaken(ch14._slope, "no alpha"), "power `alpha`"),
    ("14.4", lambda *a: np.zeros(3), "yours is"),
    ("14.5", mistaken(labels, "few"), "one more is needed"),
    ("14.5", mistaken(labels, "edge"), "a whole number was asked"),
    ("14.5", mistaken(labels, "p"), "`p + 1` is missing"),
    ("14.5", mistaken(labels, "noise"), "square it"),
    ("14.5", mistaken(labels, "cosine"), "squared *sine*"),
    ("14.5", mistaken(labels, "one"), "opposite sign are related too"),
    ("14.5", lambda *a: 3, "yours is 3"),
    ("14.6", mistaken(control, "in place"), "copy first"),
    ("14.6", mistaken(control, "array"), "A dict with the tasks"),
    ("14.6", mistaken(control, "flat"), "had the shape"),
    ("14.6", mistaken(control, "main"), "main labels have moved"),
    ("14.6", mistaken(control, "all but main"), "People held out"),
    ("14.6", mistaken(control, "nothing"), "where they were"),
    ("14.6", mistaken(control, "drawn"), "do not draw"),
    ("14.6", mistaken(control, "torn"), "torn apart"),
    (
        "14.6",
        lambda g, m, t, r: control(g, m, np.roll(t, 1), Rolled()),
        "dealt out alike",
    ),
    ("14.6", lambda g, m, t, r: control(g, m, t, np.random.default_rng()), "nothing"),
    ("14.6", lambda g, m, t, r: control(g, "ill", t, r), "where they were"),
]


def by_loop(cosine: float, n_inputs: int, noise: float) -> int:
    n = n_inputs + 2
    while noise**2 * n_inputs / (n - n_inputs - 1) >= 1 - cosine**2:
        n += 1
    return n


def by_eigenvectors(w: Any, n_units: int, weights: Any) -> Any:
    vectors = np.linalg.eigh(w.T @ np.diag(weights) @ w)[1][:, ::-1]
    shares = (
        (w @ vectors[:, :n_units]) / np.linalg.norm(w, axis=1, keepdims=True)
    ) ** 2
    return list(shares.sum(axis=1))


def by_shuffling(given: Any, main: str, train: Any, rng: Any) -> Any:
    order = rng.permutation(len(train))  # one for all tasks
    found = {name: np.array(values) for name, values in given.items()}
    for name in set(found) - {main}:
        found[name][train] = found[name][train[order]]
    return found


def by_tensors(losses: Any, s: Any, kinds: Any) -> Any:
    return sum(
        torch.exp(torch.tensor(-s[n])) * losses[n] / (2 if k == "regression" else 1)
        + s[n] / 2
        for n, k in kinds.items()
    )


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        ("14.1", by_filling),
        ("14.2", by_eigenvectors),
        ("14.3", by_tensors),
        ("14.5", by_loop),
        ("14.6", by_shuffling),
    ],
)
def test_right_answers_in_another_style_pass(exercise: str, answer: Any) -> None:
    assert grade(exercise, answer)[0] == "passed"
