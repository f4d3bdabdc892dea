"""Primer A1's exercises: solutions pass, stubs wait, common mistakes are explained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from exercise_cells import answered

from genex_helpers.exercises import checks, grade

torch = pytest.importorskip("torch")

PRIMER = "a1_tensors_and_pytorch.ipynb"
NAMES = {
    "a1.1": "shapes",
    "a1.2": "masked_mean",
    "a1.3": "line_gradient",
    "a1.4": "fit_line",
}
SHAPES = {
    "x[3]": (6, 500),
    "x[:, -1]": (20, 500),
    "x.mean(dim=1)": (20, 500),
    "x - x[:, :1]": (20, 6, 500),
    "x - x[:, 0]": "error",
    "x @ w": (20, 6, 8),
}


def answer_of(tag: str, exercise: str) -> Any:
    """Return what the notebook's stub or solution gives as the answer."""
    place, name = list(NAMES).index(exercise), NAMES[exercise]
    return answered(PRIMER, tag, place, name, np=np, torch=torch, nn=torch.nn)


def test_every_exercise_is_here() -> None:
    assert list(checks("a1")) == list(NAMES)


@pytest.mark.parametrize("exercise", NAMES)
def test_solution_passes(exercise: str) -> None:
    status, message = grade(exercise, answer_of("solution", exercise))
    assert status == "passed", message


@pytest.mark.parametrize("exercise", NAMES)
def test_stub_is_unanswered(exercise: str) -> None:
    assert grade(exercise, answer_of("exercise", exercise))[0] == "unanswered"


def masked_sum(v: Any, m: Any) -> Any:
    return torch.where(m, v, 0.0).sum(dim=1)


def gradient(x: Any, y: Any, w: float, b: float) -> tuple[float, float]:
    error = w * x + b - y
    return 2 * (error * x).mean().item(), 2 * error.mean().item()


def train(x: Any, y: Any, rate: float = 0.05, steps: int = 3000) -> tuple[float, float]:
    net = torch.nn.Linear(1, 1)
    optimiser = torch.optim.SGD(net.parameters(), lr=rate)
    for _ in range(steps):
        optimiser.zero_grad()
        ((net(x) - y) ** 2).mean().backward()
        optimiser.step()
    return net.weight.item(), net.bias.item()


def mean_x_error(x: Any, y: Any, w: float, b: float) -> tuple[Any, Any]:
    error = w * x + b - y
    return 2 * error.mean() * x.mean(), 2 * error.mean()


WRONG: list[tuple[str, Any, str]] = [
    ("a1.1", [1], "Keep the six"),
    ("a1.1", SHAPES | {"x[3]": 3}, "write a tuple"),
    ("a1.1", SHAPES | {"x[3]": (1, 6, 500)}, "`x[3:4]`"),
    ("a1.1", SHAPES | {"x[3]": "(6, 500)"}, "write a tuple"),
    ("a1.1", SHAPES | {"x[3]": (20, 6)}, "genes of one person"),
    ("a1.1", SHAPES | {"x[3]": (20, 500)}, "genes of one person"),
    ("a1.1", SHAPES | {"x[:, -1]": (20, 6)}, "which is time"),
    ("a1.1", SHAPES | {"x[:, -1]": (20, 1, 500)}, "`x[:, -1:]`"),
    ("a1.1", SHAPES | {"x.mean(dim=1)": (6, 500)}, "`dim=0`"),
    ("a1.1", SHAPES | {"x.mean(dim=1)": (20, 6)}, "`dim=2`"),
    ("a1.1", SHAPES | {"x.mean(dim=1)": (20, 1, 500)}, "keepdim"),
    ("a1.1", SHAPES | {"x - x[:, :1]": (20, 1, 500)}, "not cut"),
    ("a1.1", SHAPES | {"x - x[:, :1]": "error"}, "fits anything"),
    ("a1.1", SHAPES | {"x - x[:, 0]": (20, 6, 500)}, "under the 6 times"),
    ("a1.1", SHAPES | {"x @ w": "error"}, "product exists"),
    ("a1.1", SHAPES | {"x @ w": (20, 6, 500, 8)}, "adds up, 500"),
    ("a1.1", SHAPES | {"x @ w": (8,)}, "axis by axis"),
    ("a1.2", lambda v, m: masked_sum(v, m), "Not the means"),
    ("a1.2", lambda v, m: (v * m).sum(dim=1) / m.sum(dim=1), "zero times NaN"),
    ("a1.2", lambda v, m: masked_sum(v, m) / v.shape[1], "number of times"),
    ("a1.2", lambda v, m: v.nanmean(dim=1), "filled-in number"),
    ("a1.2", lambda v, m: v.mean(dim=1), "plain mean"),
    (
        "a1.2",
        lambda v, m: masked_sum(v, m) / m.sum(dim=1).clamp(min=1),
        "looks like a measurement",
    ),
    ("a1.2", lambda v, m: torch.where(m, v, 0.0).sum(dim=0), "only time goes"),
    ("a1.2", lambda v, m: None, "`return` missing"),
    ("a1.3", lambda *a: [-g for g in gradient(*a)], "signs"),
    ("a1.3", lambda *a: [g / 2 for g in gradient(*a)], "factor 2"),
    ("a1.3", lambda *a: [3 * g for g in gradient(*a)], "derivative of the sum"),
    ("a1.3", lambda *a: gradient(*a)[::-1], "other way round"),
    ("a1.3", lambda *a: [gradient(*a)[1]] * 2, "factor x"),
    ("a1.3", mean_x_error, "product of the means"),
    ("a1.3", lambda *a: 0.0, "two numbers"),
    (
        "a1.3",
        lambda x, y, w, b: (2 * (w * x + b - y) * x, 0.0),
        "mean over the samples",
    ),
    ("a1.3", lambda *a: (0.0, 0.0), "Autograd finds"),
    ("a1.4", lambda x, y: train(x[:, None], y), "every target"),
    ("a1.4", lambda x, y: train(x[:, None], y[:, None])[::-1], "swapped"),
    ("a1.4", lambda x, y: train(x[:, None], y[:, None], rate=0.5), "ran away"),
    ("a1.4", lambda x, y: train(x[:, None], y[:, None], steps=3), "Not settled"),
    ("a1.4", lambda x, y: 0.8, "two plain numbers"),
    ("a1.4", train, "stopped with"),
]


def test_any_good_optimiser_passes() -> None:
    """The check asks for the line, not for one way to it."""

    def adam(x: Any, y: Any) -> tuple[float, float]:
        net = torch.nn.Linear(1, 1)
        optimiser = torch.optim.Adam(net.parameters(), lr=0.05)
        for _ in range(1500):
            optimiser.zero_grad()
            ((net(x[:, None]) - y[:, None]) ** 2).mean().backward()
            optimiser.step()
        return net.weight.item(), net.bias.item()

    assert grade("a1.4", adam)[0] == "passed"
