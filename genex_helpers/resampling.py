"""Intervals for units that come in groups of different sizes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .evaluation import Interval


def bootstrap_groups(
    totals: ArrayLike,
    sizes: ArrayLike,
    *,
    n_resamples: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Mean over all members of groups, with a percentile interval over the groups.

    Members of a group are not independent (genes of one cluster, samples of one
    person), so whole groups are drawn. A large group weighs more than a small one.

    Parameters
    ----------
    totals
        ``(group,)`` sum over a group's members: how many were right, or the difference
        of two models. Average over seeds first.
    sizes
        ``(group,)`` how many members.

    Raises
    ------
    ValueError
        If there are fewer than two groups, the shapes differ, a total is not finite or
        a size is not above 0.
    """
    sums, counts = np.asarray(totals, dtype=float), np.asarray(sizes, dtype=float)
    if sums.ndim != 1 or sums.shape != counts.shape or len(sums) < 2:
        raise ValueError(
            "totals and sizes must have one number for each of two or more groups, "
            f"got shapes {sums.shape} and {counts.shape}"
        )
    if not np.isfinite(sums).all() or not (counts > 0).all():
        raise ValueError("totals must be finite and sizes above 0")
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), n_resamples)
    means = (drawn @ sums) / (drawn @ counts)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(sums.sum() / counts.sum()), float(low), float(high))
