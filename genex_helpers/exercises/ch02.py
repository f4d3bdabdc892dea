"""Checks of chapter 2: why recurrence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import WrongAnswer, call

Answer = Callable[..., Any]


def check_permute_alike(answer: Answer) -> str:
    """``answer(x, rng)`` puts the steps of all series into one random order."""
    x = np.arange(3 * 7 * 2, dtype=float).reshape(3, 7, 2)
    kept = x.copy()
    found = np.asarray(call(answer, x, np.random.default_rng(3)))
    if not np.array_equal(x, kept):
        raise WrongAnswer("Your function changed `x` itself: return a new array.")
    if found.shape != x.shape:
        raise WrongAnswer(
            f"The shape must stay (3, 7, 2): only the order changes. Yours is "
            f"{found.shape}."
        )
    if np.array_equal(found, x):
        raise WrongAnswer("Nothing moved: the steps are in their old order.")
    if not np.array_equal(np.sort(found.ravel()), np.sort(x.ravel())):
        raise WrongAnswer(
            "Some values are gone or doubled: draw an order without replacement."
        )
    if np.array_equal(np.sort(found, axis=1), np.sort(x, axis=1)):
        # the steps of each series and gene, as places in the original
        orders = (found[:, :, :, None] == x[:, None].transpose(0, 1, 3, 2)).argmax(-1)
        if (orders != orders[:1]).any():
            raise WrongAnswer(
                "Each series got an order of its own: that leaves a bag of samples. "
                "Draw one order, and use it for all."
            )
        if (orders != orders[:, :, :1]).any():
            raise WrongAnswer("A sample's genes were torn apart: move whole steps.")
        second = np.asarray(call(answer, x, np.random.default_rng(4)))
        if np.array_equal(found, second):
            raise WrongAnswer(
                "Two generators gave the same order: use `rng` for the draw."
            )
        again = np.asarray(call(answer, x, np.random.default_rng(3)))
        if not np.array_equal(found, again):
            raise WrongAnswer(
                "The same generator gave two orders: draw from `rng`, and from nothing "
                "else."
            )
        return "Right: columns keep their meaning, and the neighbours have changed."
    raise WrongAnswer(
        "Values went to another series or gene. Time is the second axis: `x[:, order]`."
    )


def check_recurs(answer: Answer) -> str:
    """``answer(layer, x)`` tells whether a gradient reaches the recurrent weights."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    for kind in (nn.LSTM, nn.GRU, nn.RNN):
        wide, narrow = kind(6, 4, batch_first=True), kind(1, 4, batch_first=True)
        x = torch.randn(5, 6)
        cases = [(wide, x[:, None, :], False), (narrow, x[:, :, None], True)]
        # a net that has been trained on many steps before is asked about one
        used = kind(6, 4, batch_first=True)
        used(torch.randn(5, 3, 6))[0].sum().backward()
        cases.append((used, x[:, None, :], False))
        # two steps are enough: the second starts from the state that the first left
        cases.append((narrow, torch.ones(1, 2, 1), True))
        for layer, values, expected in cases:
            found = call(answer, layer, values)
            if not isinstance(found, (bool, np.bool_)):
                raise WrongAnswer(
                    f"Return `True` or `False`; yours is a {type(found).__name__}."
                )
            if found == expected:
                continue
            if layer is used:
                raise WrongAnswer(
                    "A layer with old gradients was given one step, and you said that "
                    "it recurs: clear the gradients first."
                )
            if expected:
                raise WrongAnswer(
                    f"{kind.__name__} read {values.shape[1]} steps, and you said that "
                    "nothing recurs: send a gradient back from the *last* step."
                )
            raise WrongAnswer(
                f"{kind.__name__} read one step, and you said that it recurs. "
                "Look at `weight_hh_l0`, not at `weight_ih_l0`, and at its values: a "
                "gradient of zeros is a gradient that does nothing."
            )
    return "Right: one step, no recurrence. Keep this function for other people's code."


def check_slopes(answer: Answer) -> str:
    """``answer(x, times)`` returns least-squares slopes, (batch, gene)."""
    times = np.array([0.0, 1.0, 2.0, 6.0, 12.0])
    rng = np.random.default_rng(2)
    x = rng.normal(size=(4, 5, 3))
    x[0] = (2.0 * times + 5.0)[:, None]
    found = np.asarray(call(answer, x, times))
    if found.shape != (4, 3):
        raise WrongAnswer(
            f"One slope for each of 4 series and 3 genes was expected, (4, 3); yours "
            f"has the shape {found.shape}."
        )
    centred = times - times.mean()
    expected = np.einsum("t,btg->bg", centred, x) / np.sum(centred**2)
    if np.allclose(found, expected):
        return "Right, uneven times included."
    steps = np.arange(5) - 2.0
    if np.allclose(found, np.einsum("t,btg->bg", steps, x) / np.sum(steps**2)):
        raise WrongAnswer(
            "You counted steps. The last two samples are 6 hours apart, the first two "
            "1 hour: use `times`."
        )
    if np.allclose(found, (x[:, -1] - x[:, 0]) / (times[-1] - times[0])):
        raise WrongAnswer(
            "That is the line from the first sample to the last; the line of least "
            "squares uses those between as well."
        )
    if np.allclose(found[0], 2.0):
        raise WrongAnswer(
            "Right for a straight line, not for the others: weigh every sample by its "
            "distance from the mean time."
        )
    raise WrongAnswer(
        f"A line that rises by 2 an hour must have the slope 2; yours is "
        f"{found[0, 0]:.3g}. Are the times centred, and is the sum divided by the sum "
        "of their squares?"
    )


def check_memory_at(answer: Answer) -> str:
    """``answer(values, times, gap)`` returns the autocorrelation at one gap in time."""
    wave = np.tile([0.0, 1.0, 0.0, -1.0], 5) + 3.0
    steps = np.arange(20.0)
    uneven = np.array([0.0, 1.0, 2.0, 4.0, 5.0, 8.0, 9.0])
    values = np.array([2.0, 3.0, 5.0, 4.0, 1.0, 1.0, 2.0])

    def expected(v: Any, t: Any, gap: float, mean: bool = True) -> float:
        d = v - (v.mean() if mean else 0.0)
        pairs = np.isclose(t[None, :] - t[:, None], gap)
        return float(np.outer(d, d)[pairs].mean() / np.mean(d**2))

    found = float(call(answer, wave, steps, 2.0))
    if np.isclose(found, expected(wave, steps, 2.0, mean=False)):
        raise WrongAnswer("Subtract the mean of the series first.")
    if np.isclose(found, expected(wave, steps, 2.0) * 18 / 20):
        raise WrongAnswer(
            "You divided by the number of samples; the formula takes the mean over "
            "*pairs*, of which there are fewer."
        )
    if not np.isclose(found, expected(wave, steps, 2.0)):
        raise WrongAnswer(
            "A wave of four steps must give -1 after a gap of two; yours is "
            f"{found:.3g}."
        )
    found = float(call(answer, values, uneven, 1.0))
    by_step = values - values.mean()
    wrong = np.mean(by_step[1:] * by_step[:-1]) / np.mean(by_step**2)
    if np.isclose(found, wrong):
        raise WrongAnswer(
            "You paired neighbouring *steps*. Only four pairs of neighbours here are "
            "one hour apart: choose pairs by their times."
        )
    if not np.isclose(found, expected(values, uneven, 1.0)):
        raise WrongAnswer(
            f"With uneven times {expected(values, uneven, 1.0):.3g} was expected, "
            f"yours is {found:.3g}."
        )
    if not np.isnan(float(call(answer, values, uneven, 0.5))):
        raise WrongAnswer("No pair is half an hour apart: return `np.nan`.")
    return "Right: gaps in time, not in steps."


def check_size_needed(answer: Answer) -> str:
    """``answer(ours, theirs, sizes, delta)`` returns the size from which ours wins."""
    sizes, delta = (20, 40, 80, 160), 0.05
    rng = np.random.default_rng(6)
    noise = rng.normal(scale=0.01, size=(4, 12))
    theirs = np.full((4, 12), 0.6)

    def ask(*gains: float) -> float:
        ours = theirs + noise + np.array(gains)[:, None]
        return float(call(answer, ours, theirs, sizes, delta))

    if ask(0.0, 0.0, 0.2, 0.2) == 2.0:
        raise WrongAnswer("Return the size itself, 80, not its place in the list.")
    if ask(0.0, 0.0, 0.2, 0.2) != 80:
        raise WrongAnswer("Ours leads clearly from 80 series on: 80 was expected.")
    if ask(0.0, 0.03, 0.03, 0.2) != 160:
        raise WrongAnswer(
            "A lead of 0.03 is no lead that matters: the interval must lie above δ."
        )
    if ask(0.2, 0.0, 0.2, 0.2) != 80:
        raise WrongAnswer(
            "Ours leads at 20 and loses the lead at 40: 80 was expected, the size from "
            "which on it leads at *all* larger ones."
        )
    if not np.isinf(ask(0.2, 0.2, 0.2, 0.0)):
        raise WrongAnswer(
            "No lead at the largest size: return `np.inf`, whatever came before."
        )
    if ask(0.2, 0.2, 0.2, 0.2) != 20:
        raise WrongAnswer("A lead at every size: the smallest, 20, was expected.")
    wide = theirs + np.array([0.2] * 3 + [0.06])[:, None] + noise * 8
    if not np.isinf(float(call(answer, wide, theirs, sizes, delta))):
        raise WrongAnswer(
            "The mean alone cleared δ at 160, its interval did not: ask for `.low`."
        )
    return "Right: from there on, and at every larger size."


CHECKS = {
    "02.1": check_permute_alike,
    "02.2": check_recurs,
    "02.3": check_slopes,
    "02.4": check_memory_at,
    "02.5": check_size_needed,
}
