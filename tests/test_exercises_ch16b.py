"""The checks of chapter 16b: right answers, stubs, and the common wrong answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from exercise_cells import mistaken

from genex_helpers.exercises import ch16b, grade
from genex_helpers.survival import concordance, crowds

NOTEBOOK = "16b_patients_and_tissue.ipynb"
NAMES = {
    "16b.1": "own_minus_arm",
    "16b.2": "without_noise",
    "16b.3": "partial_loss",
    "16b.4": "c_index",
    "16b.5": "mean_colour",
}
GIVEN = {"np": np}


def arm(r: Any, arms: Any, way: str = "") -> Any:
    same = arms[:, None] == arms[None, :]
    if way == "other":
        same = ~same
    elif way == "all":
        same = np.ones_like(same)
    others = same if way in ("self", "other") else same & ~np.eye(len(r), dtype=bool)
    table = r.T if way == "columns" else r
    n = others.sum(axis=1)
    mean = (table * others).sum(axis=1) / np.maximum(n, 1)
    mean = mean if way == "zero" else np.where(n > 0, mean, np.nan)
    if way == "mean":
        return mean
    return mean - np.diag(r) if way == "sign" else np.diag(r) - mean


def loss(risk: Any, time: Any, event: Any) -> float:
    w = crowds(time, event, "breslow")
    return float(np.mean(np.log((w * np.exp(risk)).sum(axis=1)) - risk[event == 1]))


def colour(image: Any, spot: Any, scale: float, half: int, way: str = "") -> Any:
    place = spot * (1 if way == "unscaled" else scale)
    column, row = (place if way == "cut" else np.round(place)).astype(int)
    if way == "swapped":
        column, row = row, column
    if way == "flipped":
        row = len(image) - 1 - row
    if way == "pixel":
        return image[row, column]
    end = half + (way != "short")
    patch = image[max(row - half, 0) : row + end, max(column - half, 0) : column + end]
    if way == "whole":
        return patch.mean()
    return patch.mean(axis=(0, 1)) if patch.size else np.full(3, np.nan)


RIGHT: dict[str, Any] = {
    "16b.1": arm,
    "16b.2": lambda r, a, b: r / (a * b) ** 0.5,
    "16b.3": loss,
    "16b.4": concordance,
    "16b.5": colour,
}


def other_loss(way: str) -> Any:
    return lambda *a: ch16b._loss(way)


def other_index(way: str) -> Any:
    return lambda *a: ch16b._concordance(way)


WRONG: list[tuple[str, Any, str]] = [
    ("16b.1", mistaken(arm, "self"), "leave the diagonal out"),
    ("16b.1", mistaken(arm, "columns"), "own row"),
    ("16b.1", mistaken(arm, "other"), "*other* arms"),
    ("16b.1", mistaken(arm, "all"), "whatever arm"),
    ("16b.1", mistaken(arm, "sign"), "turned round"),
    ("16b.1", mistaken(arm, "mean"), "subtract it from"),
    ("16b.1", mistaken(arm, "zero"), "alone on its arm"),
    ("16b.1", lambda r, arms: arm(r, arms)[:3], "One number a gene"),
    ("16b.1", lambda r, arms: arm(r, arms) + 1, "yours is"),
    ("16b.2", lambda r, a, b: r * (a * b) ** 0.5, "divide"),
    ("16b.2", lambda r, a, b: r / (a * b), "square root"),
    ("16b.2", lambda r, a, b: r / a**0.5, "RNA only"),
    ("16b.2", lambda r, a, b: r / b**0.5, "protein only"),
    ("16b.2", lambda r, a, b: r / ((a + b) / 2) ** 0.5, "not their mean"),
    ("16b.2", lambda r, a, b: r, "yours is"),
    ("16b.3", other_loss("sum"), "divide by the number of deaths"),
    ("16b.3", lambda *a: -loss(*a), "The sign"),
    ("16b.3", lambda *a: -ch16b._loss("sum"), "sign turned round"),
    ("16b.3", other_loss("dropped"), "dropped the censored"),
    ("16b.3", other_loss("all die"), "terms of their own"),
    ("16b.3", other_loss("later"), "belongs to the crowd"),
    ("16b.3", other_loss("earlier"), "*before*"),
    ("16b.3", other_loss("whole"), "everybody"),
    ("16b.3", lambda *a: ch16b._loss("sum") / 7, "all patients"),
    ("16b.3", lambda *a: 0.0, "yours is"),
    ("16b.4", lambda t, e, r: concordance(t, e, -r), "other way round"),
    ("16b.4", other_index("all die"), "counted as deaths"),
    ("16b.4", other_index("both die"), "deaths only"),
    ("16b.4", other_index("strict"), "very day"),
    ("16b.4", other_index("no ties"), "one half"),
    ("16b.4", lambda *a: 0.123, "yours is"),
    ("16b.5", mistaken(colour, "unscaled"), "scaled"),
    ("16b.5", mistaken(colour, "swapped"), "row"),
    ("16b.5", mistaken(colour, "flipped"), "turn it round"),
    ("16b.5", mistaken(colour, "short"), "one pixel short"),
    ("16b.5", mistaken(colour, "pixel"), "square around"),
    ("16b.5", mistaken(colour, "cut"), "round to the nearest"),
    ("16b.5", mistaken(colour, "whole"), "Three colours"),
    ("16b.5", lambda *a: colour(*a) + 1, "yours are"),
]


def loops(r: Any, arms: Any) -> list[float]:
    found = []
    for i, own in enumerate(arms):
        rest = [r[i, j] for j in range(len(arms)) if arms[j] == own and j != i]
        found.append(r[i, i] - sum(rest) / len(rest) if rest else float("nan"))
    return found


def torch_loss(risk: Any, time: Any, event: Any) -> Any:
    eta = torch.as_tensor(risk)
    crowds = [torch.logsumexp(eta[torch.as_tensor(time >= t)], 0) for t in time]
    terms = (eta - torch.stack(crowds)) * torch.as_tensor(event)
    return -terms.sum() / event.sum()


def half_up(image: Any, spot: Any, scale: float, half: int) -> Any:
    x, y = (int(v * scale + 0.5) for v in spot)
    return [
        image[y - half : y + half + 1, x - half : x + half + 1, c].mean()
        for c in range(3)
    ]


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [("16b.1", loops), ("16b.3", torch_loss), ("16b.5", half_up)],
)
def test_other_styles_pass(exercise: str, answer: Any) -> None:
    assert grade(exercise, answer)[0] == "passed"
