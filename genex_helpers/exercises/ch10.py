"""Checks of chapter 10: architecture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import WrongAnswer, call, one_number

Answer = Callable[..., Any]


def check_count(answer: Answer) -> str:
    """``answer(n_inputs, hidden, n_layers, bidirectional)`` counts a GRU's numbers."""
    for inputs, hidden, layers, both in (
        (8, 5, 1, False), (8, 5, 1, True), (8, 5, 3, False), (7, 4, 3, True),
    ):  # fmt: skip
        found = one_number(call(answer, inputs, hidden, layers, both))
        ways = 2 if both else 1

        def total(first: int, later: int, extra: int, n: int, w: int = ways) -> int:
            return w * sum(
                3 * hidden * ((first if k == 0 else later) + hidden + extra)  # noqa: B023
                for k in range(n)
            )

        right = total(inputs, ways * hidden, 2, layers)
        if found == right:
            continue
        told = (
            f"For {inputs} inputs, {hidden} units, {layers} layer(s) and "
            f"{'both directions' if both else 'one direction'}"
        )
        for wrong, words in (
            (total(inputs, ways * hidden, 1, layers), "PyTorch has two biases a block"),
            (total(inputs, ways * hidden, 0, layers), "the biases count, too"),
            (right * 4 / 3, "a GRU has three blocks; four are an LSTM's"),
            (total(inputs, hidden, 2, layers), "the second layer reads the states of "
             "both directions below it"),
            (total(inputs, inputs, 2, layers), "from the second layer on, the inputs "
             "are the states below"),
            (right / ways, "each direction has weights of its own"),
            (total(inputs, hidden, 2, 1), "each layer counts"),
        ):  # fmt: skip
            if found == wrong:
                raise WrongAnswer(f"{told}: {words}.")
        raise WrongAnswer(f"{told} it is {right}; yours is {found:g}.")
    return "Right: now a comparison at one number of parameters is possible."


def check_last(answer: Answer) -> str:
    """``answer(states, lengths)`` is each series' state at its own last step."""
    states = np.random.default_rng(0).normal(size=(4, 6, 3))
    lengths = np.array([6, 2, 4, 1])
    found = np.asarray(call(answer, states.copy(), lengths.copy()), dtype=float)
    rows = np.arange(4)
    right = states[rows, lengths - 1]
    if found.shape != right.shape:
        raise WrongAnswer(
            f"One state a series, {right.shape}, was expected; yours is {found.shape}."
        )
    if np.allclose(found, right, atol=1e-6):
        return "Right: what stands behind a series' end is not read."
    for wrong, words in (
        (states[:, -1], "That is the last step of all, padding for short series."),
        (states[rows, np.minimum(lengths, 5)], "A step too late: steps begin at 0."),
        (states[:, 0], "That is the first step."),
        (states[rows, lengths - 2], "A step too early."),
    ):
        if np.allclose(found, wrong):
            raise WrongAnswer(words)
    raise WrongAnswer("A series of 2 steps ends at `states[k, 1]`; yours does not.")


def check_normalise(answer: Answer) -> str:
    """``answer(a, eps)`` normalises over the last axis."""
    a = np.random.default_rng(0).normal(2.0, 3.0, size=(5, 4, 6))
    found = np.asarray(call(answer, a.copy(), 0.1), dtype=float)
    if found.shape != a.shape:
        raise WrongAnswer(f"The shape {a.shape} stays; yours is {found.shape}.")

    def over(axis: Any, ddof: int = 0, eps: float = 0.1) -> Any:
        mean = a.mean(axis=axis, keepdims=True)
        variance = a.var(axis=axis, ddof=ddof, keepdims=True)
        return (a - mean) / np.sqrt(variance + eps)

    if np.allclose(found, over(-1), atol=1e-6):  # single precision will do
        return "Right, as `nn.LayerNorm` with a gain of 1 and a bias of 0."
    spread = a.std(axis=-1, keepdims=True)
    mean = a.mean(axis=-1, keepdims=True)
    for wrong, words in (
        (over(0), "That is over the batch: other series must have no part."),
        (over((0, 1)), "That is batch normalisation, over batch and time."),
        (over(1), "That is over time: each step is normalised by itself."),
        (over((0, 1, 2)), "One mean for the whole array; take one a series and step."),
        (over((1, 2)), "One mean a series; take one a series and step."),
        (over(-1, ddof=1), "Divide by the number of units, not by one less."),
        (over(-1, eps=0.0), "Add the `eps` that is given."),
        ((a - mean) / (spread + 0.1), "`eps` is added to the variance, in the root."),
        ((a - mean) / (spread**2 + 0.1), "Divide by the root of the variance."),
        (a - mean, "The mean is gone; now divide by the spread."),
    ):
        if np.allclose(found, wrong):
            raise WrongAnswer(words)
    raise WrongAnswer(
        f"The first value should be {over(-1)[0, 0, 0]:.3f}; yours is "
        f"{found[0, 0, 0]:.3f}."
    )


def check_mean(answer: Answer) -> str:
    """``answer(values, mask)`` is the mean of each unit over what was there."""
    values = np.random.default_rng(0).normal(1.0, 1.0, size=(3, 5, 2))
    mask = np.arange(5)[None, :] < np.array([5, 2, 3])[:, None]
    values[~mask] = 7.0
    found = np.asarray(call(answer, values.copy(), mask.copy()), dtype=float)
    if found.shape != (2,):
        raise WrongAnswer(f"One mean a unit, (2,), was expected; yours: {found.shape}.")
    if np.allclose(found, values[mask].mean(axis=0), atol=1e-6):
        return "Right: what was never measured has no part in the statistics."
    own = (values * mask[:, :, None]).sum(axis=1)
    for wrong, words in (
        (values.mean(axis=(0, 1)), "The padding is still counted."),
        (own.sum(axis=0) / mask.size, "The sum is right; divide by the number of steps "
         "that were there."),
        (values[~mask].mean(axis=0), "That is the mean of the padding."),
        ((own / mask.sum(axis=1)[:, None]).mean(axis=0), "That is a mean of the "
         "series' means; here every step counts the same."),
    ):  # fmt: skip
        if np.allclose(found, wrong):
            raise WrongAnswer(words)
    raise WrongAnswer("Not the mean of the steps that were there.")


def check_variance(answer: Answer) -> str:
    """``answer(scores)`` is the variance over choices beyond that of the seeds."""
    scores = np.array([[0.70, 0.74, 0.66, 0.71], [0.80, 0.78, 0.85, 0.74],
                       [0.60, 0.68, 0.61, 0.66]])  # fmt: skip
    found = one_number(call(answer, scores.copy()))
    over = scores.mean(axis=1).var(ddof=1)
    inner = scores.var(axis=1, ddof=1).mean()
    right = over - inner / 4
    if np.isclose(found, right, rtol=1e-6):
        return "Right. For choices that differ in their seeds alone it is 0 on average."
    for wrong, words in (
        (over, "That is the variance as it stands, luck included."),
        (over - inner, "A mean over four seeds has a quarter of one seed's variance."),
        (over - inner / 3, "Divide by the number of seeds, not of choices."),
        (inner / 4 - over, "The choices' variance first, then subtract."),
        (scores.mean(axis=1).var() - scores.var(axis=1).mean() / 4, "Use `ddof=1`."),
        (np.sqrt(max(right, 0)), "The variance was asked for, not its root."),
    ):
        if np.isclose(found, wrong, rtol=1e-6):
            raise WrongAnswer(words)
    raise WrongAnswer(f"{right:.5f} was expected for the check; yours is {found:.5f}.")


CHECKS = {
    "10.1": check_count,
    "10.2": check_last,
    "10.3": check_normalise,
    "10.4": check_mean,
    "10.5": check_variance,
}
