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
    y = torch.tensor([[1.0], [0.0], [1.0]])

    def train(step: Answer) -> tuple[list[torch.Tensor], list[Any]]:
        """Return the weights before and after each of two steps, and the losses."""
        torch.manual_seed(0)
        net = nn.Linear(2, 1)
        optimiser = torch.optim.SGD(net.parameters(), lr=0.5)
        weights, losses = [net.weight.detach().clone()], []
        for _ in range(2):
            # not symmetric in its arguments, so that their order shows
            loss = nn.functional.binary_cross_entropy_with_logits
            losses.append(step(net, optimiser, loss, x, y))
            weights.append(net.weight.detach().clone())
        return weights, losses

    def reference(net: Any, optimiser: Any, loss: Any, x: Any, y: Any) -> Any:
        optimiser.zero_grad()
        value = loss(net(x), y)
        value.backward()
        optimiser.step()
        return value.item()

    weights, losses = train(lambda *arguments: call(answer, *arguments))
    expected, expected_losses = train(reference)
    if torch.equal(weights[0], weights[1]):
        raise WrongAnswer(
            "The weights did not change. `backward()` computes the gradients and "
            "`step()` uses them, in this order, with nothing cleared in between."
        )
    if not torch.allclose(weights[1], expected[1]):
        raise WrongAnswer(
            "The first step went elsewhere. Is it the loss of `net(x)`, with the "
            "prediction first and the target second?"
        )
    if not torch.allclose(weights[2], expected[2]):
        raise WrongAnswer(
            "The first step is right, the second is not: PyTorch adds gradients up "
            "until `optimiser.zero_grad()` clears them."
        )
    if not isinstance(losses[0], float):
        raise WrongAnswer("Return the loss as a number: `.item()` makes it one.")
    if not np.allclose(losses, expected_losses):
        raise WrongAnswer("Return the loss that you had *before* the step.")
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
            f"scores higher, so 5/6 was expected. Yours: {float(found):.3g}."
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
    if np.shape(first)[:1] != (6,):
        raise WrongAnswer(
            "Return the features of all six subjects, training and test; yours have "
            f"the shape {np.shape(first)}."
        )
    if np.shape(first) != (6, 4, 2):
        raise WrongAnswer(
            f"Two components were asked for: (6, 4, 2) was expected, yours is "
            f"{np.shape(first)}. Pass `n_components` on."
        )
    if not np.allclose(first[train], second[train], atol=1e-5):
        raise WrongAnswer(
            "We changed a test subject, and the features of the training subjects "
            "moved: the axes were fitted on everybody. Fit on `x[train]` alone."
        )
    if not np.allclose(first[4], second[4], atol=1e-5):
        raise WrongAnswer(
            "We changed one test subject, and the features of the other one moved: "
            "the test subjects got axes of their own. Use those of `x[train]`."
        )
    from ..preprocessing import SequenceComponents

    expected = SequenceComponents(2).fit(x[train]).transform(x)
    if not np.allclose(np.abs(first), np.abs(expected), atol=1e-4):
        raise WrongAnswer(
            "No leak, but not the components either: use `SequenceComponents`, and "
            "transform `x` with what you fitted."
        )
    return "Right: the held-out subjects leave no trace in the axes."


def check_verdict(answer: Answer) -> str:
    """``answer(low, high, delta)`` applies the book's rule of superiority."""
    cases = [
        ((0.10, 0.30, 0.05), "supported"),
        ((-0.30, -0.10, 0.05), "refuted"),
        ((0.02, 0.30, 0.05), "undecided"),
        ((-0.10, 0.04, 0.05), "refuted"),
        ((-0.20, 0.30, 0.05), "undecided"),
    ]
    why = {
        "supported": "The whole interval lies above delta.",
        "refuted": "The whole interval lies below delta: no difference that matters.",
    }
    for (low, high, delta), expected in cases:
        found = call(answer, low, high, delta)
        if found == expected:
            continue
        if not isinstance(found, str) or found not in (*why, "undecided"):
            raise WrongAnswer(
                'Return "supported", "refuted" or "undecided", spelled like this; '
                f"yours is {found!r}."
            )
        reason = why.get(expected, "Not supported is not the same as refuted.")
        if expected == "undecided" and found == "supported":
            reason = "Above zero is not enough: the whole interval must clear delta."
        raise WrongAnswer(
            f"[{low}, {high}] with delta {delta} is {expected}, not {found}. {reason}"
        )
    return "Right, the undecided ones above all."


def check_auroc_of_pairs(answer: Answer) -> str:
    """``answer(x, y, pairs)`` trains anew without each pair and counts the wins."""
    from ..influenza import held_out_features, logistic_scores
    from ..splits import LeavePairOut

    rng = np.random.default_rng(4)
    y = np.array([1, 1, 1, 1, 0, 0, 0, 0])
    x = rng.normal(size=(8, 3, 20)).astype(np.float32)
    x[y == 1, -1, :2] += 1.2
    pairs = list(LeavePairOut().split(x, y))

    def auroc(everybody: bool) -> float:
        wins = []
        for train, test in pairs:
            seen = np.arange(8) if everybody else train
            z = held_out_features(x, seen)
            ill, well = logistic_scores("logistic, all times", z, y, seen, test)
            wins.append(ill > well)
        return float(np.mean(wins))

    found = float(call(answer, x, y, pairs))
    if np.isclose(found, auroc(everybody=False)):
        return "Right. With eight pairs the answer moves in eighths: go slow."
    if np.isclose(found, auroc(everybody=True)):
        raise WrongAnswer(
            "Your model has seen the pair that it is asked about. Fit the components "
            "and the regression on `train` alone."
        )
    if np.isclose(found, 1 - auroc(everybody=False)):
        raise WrongAnswer("Upside down: in `test` the ill person comes first.")
    raise WrongAnswer(
        f"On our test data {auroc(everybody=False):.3g} was expected, yours is "
        f"{found:.3g}. Use eight components and all times, as in the chapter."
    )


CHECKS = {
    "09.1": check_r_squared,
    "09.2": check_training_step,
    "09.3": check_pairwise_auroc,
    "09.4": check_fold_features,
    "09.5": check_verdict,
    "09.6": check_auroc_of_pairs,
}
