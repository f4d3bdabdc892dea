"""The checks of chapter 3: right answers, stubs, and the common wrong answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from genex_helpers.exercises import grade


def one_step_back(g: Any, h: Any, before: Any, w: Any) -> Any:
    e = (1 - h**2) * g
    return e @ w, e.T @ before


def bound(w: Any, n: int) -> Any:
    return np.linalg.norm(w, 2) ** n


def clip(gradients: Any, limit: float) -> Any:
    norm = np.sqrt(sum(np.sum(g**2) for g in gradients))
    return [g * min(1.0, limit / norm) for g in gradients]


def always_shrink(gradients: Any, limit: float) -> Any:
    norm = np.sqrt(sum(np.sum(g**2) for g in gradients))
    return [g * limit / norm for g in gradients]


def slope(x: Any, u: float, window: int, first: int = 1, power: bool = True) -> float:
    states = [0.0]
    for value in x:
        states.append(u * states[-1] + value)
    earlier = states[::-1][first:][:window]
    return sum((u**k if power else 1) * h for k, h in enumerate(earlier))


def centre(course: Any, n: int) -> Any:
    return course[:, :n] - np.nanmean(course[:, :n], axis=1, keepdims=True)


def fill(course: Any, n: int) -> Any:
    return np.nan_to_num(centre(course, n))


RIGHT: dict[str, Any] = {
    "03.1": [-1, 1, 1, 1, -1],
    "03.2": one_step_back,
    "03.3": bound,
    "03.4": clip,
    "03.5": slope,
    "03.6": centre,
}
STUBS: dict[str, Any] = {
    name: (lambda *arguments: ...) for name in RIGHT if name != "03.1"
} | {"03.1": [...]}
WRONG: list[tuple[str, Any, str]] = [
    ("03.1", [-2, 2, 3, 2, -2], "before the clip"),
    ("03.1", [-2, -1, -3, -10, -35], "clip is missing"),
    ("03.1", [1, 1, 1, 1, -1], "began from 0"),
    ("03.1", [1, 1, 0, -1, -1], "the input alone"),
    ("03.1", [-1, 1, 1, -1, -1], "weak pulse is not enough"),
    ("03.1", [-1, 1, 1, 1, 1], "switch the gene off"),
    ("03.1", [-1, -1, 1, 1, -1], "number 2"),
    ("03.1", [-1, 1, 1], "Five inputs"),
    ("03.1", 1, "list of five"),
    ("03.2", lambda g, h, b, w: (g @ w, g.T @ b), "slope of tanh is missing"),
    (
        "03.2",
        lambda g, h, b, w: (((1 - h**2) * g) @ w.T, ((1 - h**2) * g).T @ b),
        "other way round",
    ),
    (
        "03.2",
        lambda g, h, b, w: (((1 - b**2) * g) @ w, ((1 - b**2) * g).T @ b),
        "came out of this tanh",
    ),
    (
        "03.2",
        lambda g, h, b, w: (((1 - np.tanh(h) ** 2) * g) @ w, g.T @ b),
        "been through tanh already",
    ),
    ("03.2", lambda g, h, b, w: ((1 - h**2) * (g @ w), g.T @ b), "before the product"),
    (
        "03.2",
        lambda g, h, b, w: (one_step_back(g, h, b, w)[0], b.T @ ((1 - h**2) * g)),
        "transposed",
    ),
    (
        "03.2",
        lambda g, h, b, w: (one_step_back(g, h, b, w)[0], ((1 - h**2) * g).T @ h),
        "holds `h_before`",
    ),
    (
        "03.2",
        lambda g, h, b, w: (one_step_back(g, h, b, w)[0], g.T @ b),
        "must go back through tanh",
    ),
    (
        "03.2",
        lambda g, h, b, w: (
            one_step_back(g, h, b, w)[0],
            one_step_back(g, h, b, w)[1] / 4,
        ),
        "summed, not averaged",
    ),
    ("03.2", lambda g, h, b, w: one_step_back(g, h, b, w)[::-1], "The order"),
    ("03.2", lambda g, h, b, w: one_step_back(g, h, b, w)[0], "Return two"),
    ("03.3", lambda w, n: max(abs(np.linalg.eigvals(w))) ** n, "largest eigenvalue"),
    ("03.3", lambda w, n: np.linalg.norm(w) ** n, "without a 2"),
    ("03.3", lambda w, n: np.linalg.norm(w, 2), "one step"),
    ("03.3", lambda w, n: n * np.linalg.norm(w, 2), "a power"),
    ("03.3", lambda w, n: np.max(w) ** n, "largest entry"),
    ("03.3", lambda w, n: bound(np.linalg.matrix_power(w, n), 1), "bound each step"),
    ("03.3", lambda w, n: bound(w, max(n, 1)), "no step"),
    ("03.3", lambda w, n: w, "One number"),
    (
        "03.4",
        lambda gs, limit: [clip([g], limit)[0] for g in gs],
        "on its own",
    ),
    ("03.4", lambda gs, limit: [np.clip(g, -limit, limit) for g in gs], "on its own"),
    ("03.4", lambda gs, limit: [g * 5 / limit for g in gs], "Upside down"),
    ("03.4", lambda gs, limit: [g * limit / 25 for g in gs], "root of the sum"),
    ("03.4", lambda gs, limit: list(gs), "Nothing was clipped"),
    ("03.4", lambda gs, limit: [g / 5 for g in gs], "multiply by the limit"),
    ("03.4", always_shrink, "only ever shortens"),
    ("03.4", lambda gs, limit: clip(gs, limit)[0], "one array for each"),
    ("03.5", lambda x, u, k: slope(x[-k:], u, k), "not values"),
    ("03.5", lambda x, u, k: slope(x, u, k + 1), "one step too long"),
    ("03.5", lambda x, u, k: slope(x, u, k, first=0), "last but one"),
    ("03.5", lambda x, u, k: slope(x, u, k, power=False), "multiplied by `u`"),
    ("03.5", lambda x, u, k: slope(x, u, 1 if k == 1 else 99), "window is not used"),
    ("03.5", lambda x, u, k: slope(x, u, min(k, 2)), "whole course"),
    ("03.5", lambda x, u, k: slope(x, u, k % 99), "longer than the course"),
    (
        "03.6",
        lambda c, n: c[:, :n] - np.nanmean(c, axis=1, keepdims=True),
        "changed the future",
    ),
    ("03.6", lambda c, n: c[:, :n] - c[:, :n].mean(1, keepdims=True), "nanmean"),
    ("03.6", fill, "must stay NaN"),
    ("03.6", lambda c, n: c[:, :n], "Nothing was subtracted"),
    ("03.6", lambda c, n: c[:, :n] - np.nanmean(c[:, :n], axis=0), "over its samples"),
    ("03.6", lambda c, n: c - np.nanmean(c[:, :n], axis=1, keepdims=True), "shape"),
    ("03.6", lambda c, n: c[:, :n] - c[:, :1], "We expected"),
]


@pytest.mark.parametrize("exercise", RIGHT)
def test_right_answers_pass(exercise: str) -> None:
    status, text = grade(exercise, RIGHT[exercise])
    assert status == "passed", text


@pytest.mark.parametrize("exercise", RIGHT)
def test_stubs_are_unanswered(exercise: str) -> None:
    assert grade(exercise, STUBS[exercise])[0] == "unanswered"
    assert grade(exercise, ...)[0] == "unanswered"


def test_one_step_back_is_what_autograd_finds() -> None:
    """The check's truth is not only its author's: PyTorch says the same."""
    rng = np.random.default_rng(8)
    g, before = rng.normal(size=(2, 5, 4))
    w = torch.tensor(rng.normal(size=(4, 4)), requires_grad=True)
    leaf = torch.tensor(before, requires_grad=True)
    h = torch.tanh(leaf @ w.mT)
    torch.autograd.backward(h, torch.tensor(g))
    back, weight = one_step_back(g, h.detach().numpy(), before, w.detach().numpy())
    assert leaf.grad is not None and w.grad is not None
    np.testing.assert_allclose(back, leaf.grad.numpy(), atol=1e-12)
    np.testing.assert_allclose(weight, w.grad.numpy(), atol=1e-12)


@pytest.mark.parametrize("u", [-0.7, 0.5, 1.0, 1.3])
def test_a_whole_window_is_the_derivative(u: float) -> None:
    x, tiny = [4.0, 1.0, -2.0, 3.0], 1e-6

    def last(weight: float) -> float:
        h = 0.0
        for value in x:
            h = weight * h + value
        return h

    numerical = (last(u + tiny) - last(u - tiny)) / (2 * tiny)
    assert slope(x, u, len(x)) == pytest.approx(numerical, rel=1e-6)


def test_an_error_in_the_answer_is_told_kindly() -> None:
    status, text = grade("03.3", lambda w, n: w.median())
    assert status == "wrong" and "stopped with" in text
