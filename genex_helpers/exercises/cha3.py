"""Checks of primer A3: a simulator with known truth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import WrongAnswer, call, one_number

Answer = Callable[..., Any]
Array = NDArray[np.float64]


def check_wait(answer: Any) -> str:
    """``answer`` is when y reaches three quarters in the feed-forward loop."""
    value = one_number(answer)
    ceiling = 1 / (0.75**4 + 1)
    expected = -np.log(1 - 0.75 / ceiling)
    mistakes = {
        float(np.log(4)): "That would be right if x let y climb to 1. At x = 1 the "
        "Hill function allows only 1 / (0.75^4 + 1), which is just above 0.75.",
        float(np.log(32 / 15)): "That is the wait for a threshold of one half, as in "
        "the text. Here it is three quarters, for x on y as well.",
        float(-np.log(0.75)): "That is when a gene that decays has *fallen* to three "
        "quarters. y climbs: set h (1 - exp(-t)) equal to 0.75.",
        0.75: "That is the threshold itself. When does y reach it?",
        float(ceiling): "That is the height to which y climbs. When does it pass 0.75?",
        float(0.75 / ceiling): "That is the share of its ceiling that y must reach. "
        "Solve 1 - exp(-t) = this share for t.",
        float(-expected): "The sign is turned: time runs forward.",
        float(-np.log10(1 - 0.75 / ceiling)): "That is the logarithm with base 10; the "
        "exponential of the decay asks for the natural one.",
        float(-np.log2(1 - 0.75 / ceiling)): "That is in half-lives. Decay is 1 per "
        "unit of time, so take the natural logarithm.",
    }
    for wrong, message in mistakes.items():
        if np.isclose(value, wrong, rtol=1e-3):  # two of them are close together
            raise WrongAnswer(message)
    if not np.isclose(value, expected, rtol=0.01):
        raise WrongAnswer(
            "y climbs as h (1 - exp(-t)) with h = 1 / (0.75^4 + 1). At which t is it "
            "0.75?"
        )
    return "Right: much longer than a threshold of one half takes."


def check_mean_of_all(answer: Answer) -> str:
    """``answer(values, chance)`` weights each value by one over its chance."""
    values = np.array([2.0, 3.0, 5.0, 8.0])
    chance = np.array([0.9, 0.8, 0.5, 0.2])
    found = _number(call(answer, values.copy(), chance.copy()))
    weights = 1 / chance
    expected = float((weights * values).sum() / weights.sum())
    mistakes = {
        float(values.mean()): "That is the plain mean of those who came. The others "
        "were not like them.",
        float((chance * values).sum() / chance.sum()): "You weighted by the chance "
        "itself, which makes the loss worse. Those who seldom come must count more.",
        float(((1 - chance) * values).sum() / (1 - chance).sum()): "You weighted by "
        "the chance to be missing. Someone seen with chance c stands for 1 / c people.",
        float((weights * values).mean()): "You divided by the number of those who "
        "came. Divide by the sum of the weights: that many people they stand for.",
        float((weights * values).sum()): "That is the sum over all people. Divide by "
        "how many they are: the sum of the weights.",
        float((weights * values).sum() / chance.sum()): "Divide by the sum of the "
        "weights, not by the sum of the chances.",
    }
    if np.isclose(found, expected):
        return "Right: each stands for those like it who did not come."
    for wrong, message in mistakes.items():
        if np.isclose(found, wrong):
            raise WrongAnswer(message)
    raise WrongAnswer(
        f"For values {values.tolist()} seen with chances {chance.tolist()} we find "
        f"{expected:.3f}, you {found:.3f}."
    )


def check_dispersion(answer: Answer) -> str:
    """``answer(counts)`` returns (variance - mean) / mean² of each gene."""
    counts = np.array(
        [
            [8.0, 95.0, 400.0],
            [12.0, 120.0, 900.0],
            [9.0, 60.0, 500.0],
            [15.0, 140.0, 80.0],
        ]
    )
    found = np.asarray(call(answer, counts.copy()), dtype=float)
    mean, variance = counts.mean(axis=0), counts.var(axis=0, ddof=1)
    if found.shape != (3,):
        raise WrongAnswer(
            "One number a gene was expected, shape (3,) for a table of 4 samples and 3 "
            f"genes; yours has {found.shape}. Mean and variance run over the samples."
        )
    expected = (variance - mean) / mean**2
    if np.allclose(found, expected):
        return "Right. Below zero means: less than counting alone, by chance."
    mistakes = {
        "That is the whole squared variation. Take off the noise of counting, which "
        "has the variance of the mean.": variance / mean**2,
        "You divided by the mean; the equation has its square.": (variance - mean)
        / mean,
        "That is what exceeds counting; now divide by the squared mean.": variance
        - mean,
        "That is with the variance that divides by n; take `ddof=1`.": (
            counts.var(axis=0) - mean
        )
        / mean**2,
        "You used the standard deviation; the equation is about the variance.": (
            np.sqrt(variance) - mean
        )
        / mean**2,
        "Negative values were cut off. An estimate may be negative by chance, and "
        "cutting makes the mean over genes too large.": np.maximum(expected, 0),
    }
    for message, wrong in mistakes.items():
        if np.allclose(found, wrong):
            raise WrongAnswer(message)
    raise WrongAnswer(
        f"For the second gene, {counts[:, 1].tolist()}, we find {expected[1]:.4f}, you "
        f"{found[1]:.4f}."
    )


def check_later(answer: Answer) -> str:
    """``answer(network, delay)`` returns the network with later edges."""
    from genex_helpers.simulator import Network, feed_forward_loop

    network = feed_forward_loop()
    network.edges["delay"] = [0.5, 1.0, 0.0]
    before = network.edges.copy()
    found = call(answer, network, 2.0)
    if not network.edges.equals(before):
        raise WrongAnswer(
            "The old network has changed: you wrote into its table of edges. Make a "
            "new table, with `.assign(delay=...)` or `.copy()`."
        )
    if not isinstance(found, Network):
        raise WrongAnswer(
            f"A `Network` was expected, yours is a {type(found).__name__}. "
            "`replace(network, edges=...)` makes one."
        )
    rest = [name for name in before if name != "delay"]
    if not found.edges[rest].equals(before[rest]) or found.genes != network.genes:
        raise WrongAnswer("Something else than the delays has changed.")
    delays = found.edges["delay"].to_numpy()
    old = before["delay"].to_numpy()
    if np.allclose(delays, old):
        raise WrongAnswer("The new network has the delays of the old one.")
    if np.allclose(delays, 2.0):
        raise WrongAnswer(
            "You set every delay to the same number. Add it to the delay that each "
            "edge has."
        )
    if not np.allclose(delays, old + 2.0):
        raise WrongAnswer(
            f"Delays of {old.tolist()} and 2 more give {(old + 2).tolist()}; yours are "
            f"{delays.tolist()}."
        )
    return "Right: a new network, the same wiring, every edge later."


def _number(result: Any) -> float:
    """Return the learner's result as one number."""
    found = np.asarray(result, dtype=float)
    if found.shape != ():
        raise WrongAnswer(
            f"One number was expected; yours has shape {found.shape}. Is a sum missing?"
        )
    return float(found)


CHECKS: dict[str, Callable[[Any], str]] = {
    "a3.1": check_wait,
    "a3.2": check_mean_of_all,
    "a3.3": check_dispersion,
    "a3.4": check_later,
}
