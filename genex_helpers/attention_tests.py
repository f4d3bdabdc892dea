"""Tests of attention weights: against known drivers, and against other weights.

Weights are asked what Jain and Wallace 2019 (doi:10.18653/v1/N19-1357) and Wiegreffe
and Pinter 2019 (doi:10.18653/v1/D19-1002) asked of them: whether they agree with
gradients, and whether other weights would have given the same answer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

Floats = NDArray[np.float64]


def average_precision(scores: ArrayLike, truth: ArrayLike) -> Floats:
    """Return the area under the precision-recall curve of each row.

    As scikit-learn's ``average_precision_score``, for many rows at once: the precision
    at each true place, averaged; places of equal score are taken together.

    Parameters
    ----------
    scores, truth
        ``(row, place)``; ``truth`` is true for the places to be found.

    Raises
    ------
    ValueError
        If the shapes differ, a score is not finite, or a row has no true place.
    """
    values, true = np.asarray(scores, dtype=float), np.asarray(truth, dtype=bool)
    if values.ndim != 2 or values.shape != true.shape:
        raise ValueError(
            f"scores and truth must both be (row, place), got {values.shape} and "
            f"{true.shape}"
        )
    if not np.isfinite(values).all():
        raise ValueError("scores must be finite")
    if not true.any(axis=1).all():
        raise ValueError(f"row {int((~true.any(axis=1)).argmax())} has no true place")
    order = np.argsort(-values, axis=1, kind="stable")
    ranked = np.take_along_axis(values, order, axis=1)
    found = np.take_along_axis(true, order, axis=1)
    place = np.arange(values.shape[1])
    # the last place of each group of equal scores
    ends = np.ones_like(found)
    ends[:, :-1] = ranked[:, :-1] != ranked[:, 1:]
    last = np.where(ends, place, values.shape[1])
    last = np.minimum.accumulate(last[:, ::-1], axis=1)[:, ::-1]
    precision = np.cumsum(found, axis=1) / (place + 1)
    at_end = np.take_along_axis(precision, last, axis=1)
    mean: Floats = (at_end * found).sum(axis=1) / found.sum(axis=1)
    return mean


def chance_precision(n_true: int, n_places: int) -> float:
    """Return the average precision that a random order has on average.

    It is above the share of true places, the more so the fewer places there are: the
    formula adds the precision at every place, given that a true one stands there.

    Raises
    ------
    ValueError
        If ``n_true`` does not lie from 1 to ``n_places``.
    """
    if not 1 <= n_true <= n_places:
        raise ValueError(
            f"n_true must lie from 1 to {n_places}, the places, got {n_true}"
        )
    if n_places == 1:
        return 1.0
    others = (n_true - 1) / (n_places - 1)  # the chance that another place is true
    harmonic = sum(1 / place for place in range(1, n_places + 1)) / n_places
    return others + (1 - others) * harmonic


def gradient_times_input(net: nn.Module, x: ArrayLike | Tensor) -> Floats:
    """Return the size of input times gradient of the output, ``(batch, time, gene)``.

    To first order it is how much the output would move if the value became 0.

    Parameters
    ----------
    net
        Gives one number a series, ``(batch, 1)``.
    x
        ``(batch, time, gene)``.

    Raises
    ------
    ValueError
        If the net gives more than one number a series.
    """
    weight = next(net.parameters())
    values = torch.as_tensor(x, dtype=weight.dtype, device=weight.device)
    values = values.clone().requires_grad_()
    net.eval()
    # cuDNN's recurrent layers refuse a backward pass in this mode
    with torch.backends.cudnn.flags(enabled=False):
        output = net(values)
        if output.ndim != 2 or output.shape[1] != 1:
            raise ValueError(
                f"net must give one number a series, got {tuple(output.shape)}"
            )
        (slope,) = torch.autograd.grad(output.sum(), values)
    found: Floats = (slope * values).abs().detach().double().cpu().numpy()
    return found


def other_weights(weights: ArrayLike, pulls: ArrayLike) -> Floats:
    """Return, for each row, the weights least like ``weights`` with the same answer.

    The answer is the sum of ``weights * pulls``, as the logit of a net whose linear
    head reads a weighted mean of states: the pull of a step is what the head gives for
    its state alone. Unlike means the total variation distance, half the sum of
    absolute differences. It is convex, so it is largest at a corner of the weights that
    give this answer, and a corner has at most two weights above 0: trying all pairs of
    places is exact.

    Parameters
    ----------
    weights, pulls
        ``(row, place)``; each row of the weights adds to 1.

    Raises
    ------
    ValueError
        If the shapes differ, or the weights do not add to 1.
    """
    own, pull = np.asarray(weights, dtype=float), np.asarray(pulls, dtype=float)
    if own.ndim != 2 or own.shape != pull.shape:
        raise ValueError(
            f"weights and pulls must both be (row, place), got {own.shape} and "
            f"{pull.shape}"
        )
    if (own < 0).any() or not np.allclose(own.sum(axis=1), 1, atol=1e-5):
        raise ValueError("weights must not be negative, and add to 1 in each row")
    answer = (own * pull).sum(axis=1)
    best, far = own.copy(), np.zeros(len(own))
    rows = np.arange(len(own))
    for one in range(own.shape[1]):
        for two in range(own.shape[1]):
            gap = pull[:, one] - pull[:, two]
            with np.errstate(divide="ignore", invalid="ignore"):
                share = (answer - pull[:, two]) / gap  # of place one
            fits = (gap != 0) & (share >= 0) & (share <= 1)
            alone = (gap == 0) & np.isclose(pull[:, one], answer, rtol=0, atol=1e-12)
            fits, share = fits | alone, np.where(alone, 1.0, share)
            trial = np.zeros_like(own)
            trial[rows, one] = np.where(fits, share, 0)
            trial[rows, two] += np.where(fits, 1 - share, 0)
            distance = total_variation(trial, own)
            better = fits & (distance > far)
            best[better], far[better] = trial[better], distance[better]
    return best


def total_variation(one: ArrayLike, other: ArrayLike) -> Floats:
    """Return half the sum of absolute differences of each row: 0 alike, 1 disjoint."""
    gap: Floats = np.abs(np.asarray(one, dtype=float) - np.asarray(other, dtype=float))
    distance: Floats = gap.sum(axis=-1) / 2
    return distance


def pulls(net: Any, states: Tensor) -> Floats:
    """Return what a net's linear head gives for each state alone, ``(batch, time)``.

    ``net`` has a ``head`` of one output; ``states`` is ``(batch, time, hidden)``.
    """
    found: Floats = net.head(states)[:, :, 0].detach().double().cpu().numpy()
    return found
