"""Explanations by switching groups of cells off: Shapley values, LIME, kernel SHAP.

A group is a set of cells (a gene at a time, a gene over some hours, ...). Switched on,
its cells are those of the series; switched off, those of the baseline. A value belongs
to a group, and is spread evenly over its cells, so that sums are kept.
"""

from __future__ import annotations

from itertools import product
from math import factorial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import nn

from .interpretation import (
    Attribution,
    Floats,
    _check_number,
    _pair,
    explained,
    outputs,
)

Groups = NDArray[np.int64]
MOST_EXACT = 14  # groups that are enumerated; each one more doubles the work
CHUNK = 16_384  # series that a net reads at once


def segments(n_steps: int, n_genes: int, length: int = 1) -> Groups:
    """Return the group of each cell, ``(time, gene)``: a gene over ``length`` times.

    The last segment of a gene is shorter where ``length`` does not divide the times;
    ``length=1`` makes every cell a group, ``length=n_steps`` every gene.
    """
    if not 1 <= length <= n_steps:
        raise ValueError(f"length must be 1 to {n_steps} times, got {length}")
    part = np.arange(n_steps)[:, None] // length  # (time, 1)
    groups: Groups = part * n_genes + np.arange(n_genes)
    return groups


def coalition_outputs(
    model: nn.Module,
    x: ArrayLike,
    baseline: ArrayLike | None,
    groups: ArrayLike,
    switches: ArrayLike,
    target: int = 0,
) -> Floats:
    """Return the output of every series under every coalition, ``(batch, coalition)``.

    Parameters
    ----------
    groups
        ``(time, gene)`` whole numbers from 0.
    switches
        ``(coalition, group)``, ``True`` where a group is on.
    """
    series, start = _pair(x, baseline)
    cells = _groups(groups, series.shape[1:])
    on = np.asarray(switches, dtype=bool)
    if on.ndim != 2 or on.shape[1] != cells.max() + 1:
        raise ValueError(
            f"switches must be (coalition, {cells.max() + 1}), got {on.shape}"
        )
    masks = on[:, cells]  # (coalition, time, gene)
    found = np.empty((len(series), len(on)))
    for row, (one, other) in enumerate(zip(series, start, strict=True)):
        for first in range(0, len(on), CHUNK):
            some = slice(first, first + CHUNK)
            mixed = np.where(masks[some], one, other)
            found[row, some] = outputs(model, mixed, target)
    return found


def exact_shapley(
    model: nn.Module,
    x: ArrayLike,
    baseline: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    target: int = 0,
) -> Attribution:
    """Return Shapley values by enumerating all coalitions (Shapley 1953).

    The value of a group is what it adds to the output, averaged over all orders in
    which groups may be switched on. Up to 14 groups.
    """
    series, start = _pair(x, baseline)
    cells = _groups(groups, series.shape[1:])
    k = int(cells.max()) + 1
    if k > MOST_EXACT:
        raise ValueError(
            f"groups must be {MOST_EXACT} at most to enumerate {2}**groups coalitions, "
            f"got {k}: use shapley_sampling"
        )
    switches = np.array(list(product([False, True], repeat=k)))  # (2 ** k, k)
    value = coalition_outputs(model, series, start, cells, switches, target)
    sizes = switches.sum(axis=1)
    orders = [factorial(s) * factorial(k - s - 1) / factorial(k) for s in range(k)]
    shapley = np.zeros((len(series), k))
    for group in range(k):
        with_it = np.flatnonzero(switches[:, group])
        without = with_it - 2 ** (k - 1 - group)
        weights = np.array(orders)[sizes[without]]
        shapley[:, group] = (value[:, with_it] - value[:, without]) @ weights
    return _spread(shapley, cells, "exact Shapley", value[:, -1] - value[:, 0])


def shapley_sampling(
    model: nn.Module,
    x: ArrayLike,
    baseline: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    target: int = 0,
    *,
    n_orders: int = 25,
    seed: int = 0,
) -> Attribution:
    """Return Shapley values averaged over random orders (Castro et al. 2009).

    Each order switches the groups on one after the other, so the values add up exactly
    after any number of orders (doi:10.1016/j.cor.2008.04.004).
    """
    _check_number(n_orders, "n_orders")
    series, start = _pair(x, baseline)
    cells = _groups(groups, series.shape[1:])
    k = int(cells.max()) + 1
    rng = np.random.default_rng(seed)
    shapley = np.zeros((len(series), k))
    for _ in range(n_orders):
        order = rng.permutation(k)
        place = np.empty(k, dtype=np.int64)
        place[order] = np.arange(k)
        switches = place[None, :] < np.arange(k + 1)[:, None]  # (k + 1, k)
        value = coalition_outputs(model, series, start, cells, switches, target)
        shapley[:, order] += np.diff(value, axis=1) / n_orders
    return _spread(shapley, cells, "Shapley sampling",
                   explained(model, series, start, target))  # fmt: skip


def kernel_shap(
    model: nn.Module,
    x: ArrayLike,
    baseline: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    target: int = 0,
    *,
    n_samples: int = 1000,
    seed: int = 0,
) -> Attribution:
    """Return Shapley values as a regression on switches (Lundberg and Lee 2017).

    The regression must add up to what is explained. If all coalitions number
    ``n_samples`` or fewer, all are used, and the values are the exact ones; otherwise
    coalitions are drawn by the kernel's weights, each with its complement (1705.07874).
    """
    series, start = _pair(x, baseline)
    cells = _groups(groups, series.shape[1:])
    k = int(cells.max()) + 1
    if k < 2:
        raise ValueError(f"groups must be two or more, got {k}")
    sizes = np.arange(1, k)
    share = 1 / (sizes * (k - sizes))  # of all coalitions of that size together
    if 2**k - 2 <= n_samples:
        switches = np.array(list(product([False, True], repeat=k)))[1:-1]
        number = np.array([_binomial(k, s) for s in switches.sum(axis=1)])
        weights = share[switches.sum(axis=1) - 1] / number
    else:
        _check_number(n_samples, "n_samples")
        rng = np.random.default_rng(seed)
        drawn = rng.choice(sizes, size=n_samples // 2, p=share / share.sum())
        ranks = rng.random((len(drawn), k)).argsort(axis=1)
        half = ranks < drawn[:, None]
        switches = np.concatenate([half, ~half])
        weights = np.ones(len(switches))
    value = coalition_outputs(model, series, start, cells, switches, target)
    base = outputs(model, start, target)
    total = outputs(model, series, target) - base
    design = switches.astype(float)
    normal = np.zeros((k + 1, k + 1))  # least squares under one equality
    normal[:k, :k] = design.T @ (weights[:, None] * design)
    normal[:k, k] = normal[k, :k] = 1.0
    right = design.T @ (weights * (value - base[:, None])).T  # (group, batch)
    solved, _, rank, _ = np.linalg.lstsq(normal, np.vstack([right, total]), rcond=None)
    if rank <= k:
        raise ValueError(
            f"n_samples must be larger: {n_samples} coalitions do not tell {k} groups "
            "apart"
        )
    return _spread(solved[:k].T, cells, "kernel SHAP", total)


def lime(
    model: nn.Module,
    x: ArrayLike,
    baseline: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    target: int = 0,
    *,
    n_samples: int = 1000,
    width: float = 0.25,
    ridge: float = 1.0,
    seed: int = 0,
) -> Attribution:
    """Return the slopes of a local linear model of the switches (Ribeiro et al. 2016).

    Every group is on with probability one half; a coalition weighs
    ``exp(-(1 - sqrt(share on))**2 / width**2)``, the cosine distance and the width that
    the package lime takes for images; ``ridge`` shrinks the slopes, not the intercept
    (doi:10.1145/2939672.2939778). Nothing makes the slopes add up.
    """
    _check_number(n_samples, "n_samples")
    if not (width > 0 and ridge >= 0):
        raise ValueError(f"width must be above 0 and ridge not below; got {width} and "
                         f"{ridge}")  # fmt: skip
    series, start = _pair(x, baseline)
    cells = _groups(groups, series.shape[1:])
    k = int(cells.max()) + 1
    switches = np.random.default_rng(seed).random((n_samples, k)) < 0.5
    switches[0] = True  # the series itself
    value = coalition_outputs(model, series, start, cells, switches, target)
    distance = 1 - np.sqrt(switches.mean(axis=1))
    weights = np.exp(-(distance**2) / width**2)
    weights /= weights.sum()
    design = switches - weights @ switches  # (coalition, group), centred
    centred = value - (value @ weights)[:, None]
    normal = design.T @ (weights[:, None] * design) + ridge / n_samples * np.eye(k)
    right = design.T @ (weights * centred).T
    slopes = np.linalg.lstsq(normal, right, rcond=None)[0].T  # (batch, group)
    return _spread(slopes, cells, "LIME", explained(model, series, start, target))


def _binomial(n: int, k: int) -> float:
    return factorial(n) / factorial(k) / factorial(n - k)


def _groups(groups: ArrayLike | None, shape: tuple[int, ...]) -> Groups:
    """Return the group of each cell; by default each cell is one."""
    if groups is None:
        return segments(*shape)
    cells: Any = np.asarray(groups)
    if cells.shape != shape or not np.issubdtype(cells.dtype, np.integer):
        raise ValueError(
            f"groups must be whole numbers of shape (time, gene) = {shape}, got "
            f"{cells.dtype} of shape {cells.shape}"
        )
    if not np.array_equal(np.unique(cells), np.arange(cells.max() + 1)):
        raise ValueError("groups must be numbered from 0 without a gap")
    found: Groups = cells.astype(np.int64)
    return found


def _spread(values: Floats, cells: Groups, method: str, total: Floats) -> Attribution:
    """Return the values of groups, shared evenly by their cells."""
    sizes = np.bincount(cells.ravel())
    return Attribution((values / sizes)[:, cells], method, total)
