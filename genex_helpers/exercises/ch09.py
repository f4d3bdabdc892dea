"""Checks of chapter 9: first models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import WrongAnswer, call

Answer = Callable[..., Any]


def check_r_squared(answer: Answer) -> str:
    """``answer(y_true, y_pred)`` returns the coefficient of determination."""
    y_true = np.array([1.0, 2.0, 3.0, 6.0])
    shifted = y_true + 10.0
    if not np.isclose(call(answer, y_true, y_true), 1.0):
        raise WrongAnswer("A perfect prediction must score 1.")
    if np.isclose(call(answer, y_true, shifted), 1.0):
        raise WrongAnswer(
            "A prediction that is 10 too high everywhere scored 1. That is a squared "
            "correlation, which forgives a wrong level; R² does not."
        )
    if not np.isclose(call(answer, y_true, np.full(4, y_true.mean())), 0.0):
        raise WrongAnswer(
            "Predicting the mean of `y_true` must score 0: compare the squared errors "
            "with those around the mean of `y_true`."
        )
    if call(answer, y_true, shifted) >= 0:
        raise WrongAnswer("A prediction worse than the mean must score below 0.")
    y_pred = np.array([1.5, 2.0, 2.0, 4.0])
    expected = 1 - np.sum((y_true - y_pred) ** 2) / np.sum((y_true - 3.0) ** 2)
    if not np.isclose(call(answer, y_true, y_pred), expected):
        raise WrongAnswer("Close, but not one minus the ratio of the two sums.")
    return "Right: one minus the errors of the model over the errors of the mean."


def check_training_step(answer: Answer) -> str:
    """``answer(net, optimiser, loss, x, y)`` takes one step; returns the loss."""
    import torch
    from torch import nn

    x = torch.tensor([[1.0, -1.0], [0.5, 2.0], [-1.0, 0.3]])
    y = torch.tensor([[1.0], [0.0], [2.0]])

    def train(step: Answer) -> tuple[list[torch.Tensor], Any]:
        torch.manual_seed(0)
        net = nn.Linear(2, 1)
        optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
        states, value = [net.weight.detach().clone()], None
        for _ in range(2):
            value = step(net, optimiser, nn.functional.mse_loss, x, y)
            states.append(net.weight.detach().clone())
        return states, value

    def reference(net: Any, optimiser: Any, loss: Any, x: Any, y: Any) -> Any:
        optimiser.zero_grad()
        value = loss(net(x), y)
        value.backward()
        optimiser.step()
        return value.item()

    states, value = train(lambda *arguments: call(answer, *arguments))
    expected, expected_value = train(reference)
    if torch.equal(states[0], states[1]):
        raise WrongAnswer(
            "The weights did not change. `backward()` only computes gradients; the "
            "optimiser's `step()` is what uses them."
        )
    if not torch.allclose(states[1], expected[1]):
        raise WrongAnswer("The first step went elsewhere: is it the loss of `net(x)`?")
    if not torch.allclose(states[2], expected[2]):
        raise WrongAnswer(
            "The first step is right, the second is not: PyTorch adds gradients up "
            "until `optimiser.zero_grad()` clears them."
        )
    if not isinstance(value, float) or not np.isclose(value, expected_value):
        raise WrongAnswer("Return the loss as a number: `.item()` makes it one.")
    return "Right: clear, predict, compare, go back, step."


def check_pairwise_auroc(answer: Answer) -> str:
    """``answer(scores, labels)`` returns the fraction of pairs ranked rightly."""
    labels = np.array([1, 1, 0, 0, 0])
    scores = np.array([0.9, 0.4, 0.5, 0.1, 0.2])
    found = call(answer, scores, labels)
    if np.isclose(found, 1 / 6):
        raise WrongAnswer("Upside down: a pair counts when the *ill* one is higher.")
    if not np.isclose(found, 5 / 6):
        raise WrongAnswer(
            "Two ill and three well people make six pairs; in five of them the ill one "
            f"scores higher, so 5/6 was expected. Yours: {found!r}."
        )
    if not np.isclose(call(answer, np.zeros(5), labels), 0.5):
        raise WrongAnswer(
            "When all scores are equal the answer is one half: a tie counts 0.5."
        )
    return "Right, ties included."


def check_fold_features(answer: Answer) -> str:
    """``answer(x, train, n_components)`` fits the axes on the training subjects."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(6, 4, 10)).astype(np.float32)
    train = np.array([0, 1, 2, 3])
    changed = x.copy()
    changed[5] *= 50
    first, second = call(answer, x, train, 2), call(answer, changed, train, 2)
    if np.shape(first) != (6, 4, 2):
        raise WrongAnswer(
            "Return the features of all six subjects, training and test: shape "
            f"(6, 4, 2) was expected, yours is {np.shape(first)}."
        )
    if not np.allclose(first[train], second[train], atol=1e-5):
        raise WrongAnswer(
            "We changed a test subject, and the features of the training subjects "
            "moved: the axes were fitted on everybody. Fit on `x[train]` alone."
        )
    from ..preprocessing import SequenceComponents

    expected = SequenceComponents(2).fit(x[train]).transform(x)
    if not np.allclose(np.abs(first), np.abs(expected), atol=1e-4):
        raise WrongAnswer(
            "No leak, but not the components either: use `SequenceComponents`, with "
            "`n_components` as given."
        )
    return "Right: the held-out subjects leave no trace in the axes."


def check_verdict(answer: Answer) -> str:
    """``answer(low, high, delta)`` applies the book's rule of superiority."""
    cases = [
        ((0.10, 0.30, 0.05), "supported"),
        ((-0.30, -0.10, 0.05), "refuted"),
        ((-0.10, 0.04, 0.05), "refuted"),
        ((0.02, 0.30, 0.05), "undecided"),
        ((-0.20, 0.30, 0.05), "undecided"),
    ]
    for (low, high, delta), expected in cases:
        found = call(answer, low, high, delta)
        if found == expected:
            continue
        text = f"[{low}, {high}] with delta {delta} is {expected}, not {found!r}. "
        if expected == "undecided" and found == "supported":
            text += "Above zero is not enough: the whole interval must clear delta."
        elif expected == "undecided":
            text += "Not supported is not the same as refuted."
        elif high > 0:
            text += "All of it lies below delta: no difference that matters."
        raise WrongAnswer(text)
    return "Right, the undecided ones above all."


CHECKS = {
    "09.1": check_r_squared,
    "09.2": check_training_step,
    "09.3": check_pairwise_auroc,
    "09.4": check_fold_features,
    "09.5": check_verdict,
}
