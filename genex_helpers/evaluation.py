"""Scores, and how sure one may be of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Interval:
    """An estimate with a percentile interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


def pair_wins(
    positive_scores: ArrayLike, negative_scores: ArrayLike
) -> NDArray[np.float64]:
    """Score pairs: 1 where the positive one scores higher, 0.5 for a tie, else 0."""
    positive = np.asarray(positive_scores, dtype=float)
    negative = np.asarray(negative_scores, dtype=float)
    wins: NDArray[np.float64] = (positive > negative) + 0.5 * (positive == negative)
    return wins


def win_matrix(
    positive_scores: ArrayLike, negative_scores: ArrayLike
) -> NDArray[np.float64]:
    """Return wins of every positive (row) over every negative (column) subject.

    For a score that needs no training; its mean is the AUROC.
    """
    positive = np.asarray(positive_scores, dtype=float)[:, None]
    return pair_wins(positive, np.asarray(negative_scores, dtype=float)[None, :])


def bootstrap_pairs(
    wins: ArrayLike,
    *,
    n_resamples: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Mean of a pair matrix with a percentile interval over subjects.

    Rows (positive subjects) and columns (negative subjects) are resampled separately,
    because pairs that share a subject are not independent.
    The models are not trained again, so the interval holds the luck of whom we test,
    not the luck of whom we train on.

    Parameters
    ----------
    wins
        ``(positive, negative)``; a difference of two such matrices gives a paired
        comparison. Average over seeds first: a seed is not a subject.
    """
    matrix = np.asarray(wins, dtype=float)
    if matrix.ndim != 2 or not np.isfinite(matrix).all():
        raise ValueError(f"wins must be a finite 2-D matrix, got shape {matrix.shape}")
    rng = np.random.default_rng(seed)
    n_rows, n_columns = matrix.shape
    rows = rng.multinomial(n_rows, np.full(n_rows, 1 / n_rows), n_resamples)
    columns = rng.multinomial(n_columns, np.full(n_columns, 1 / n_columns), n_resamples)
    means = np.einsum("bi,ij,bj->b", rows, matrix, columns) / matrix.size
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(matrix.mean()), float(low), float(high))


def bootstrap_mean(
    values: ArrayLike, *, n_resamples: int = 10_000, level: float = 0.95, seed: int = 0
) -> Interval:
    """Mean of one value a unit, with a percentile interval over the units.

    Parameters
    ----------
    values
        ``(unit,)``: one number a subject, simulated set or gene cluster, averaged over
        seeds already.
    """
    units = np.asarray(values, dtype=float)
    if units.ndim != 1 or len(units) < 2 or not np.isfinite(units).all():
        raise ValueError(f"values must be two or more finite numbers, got {values!r}")
    rng = np.random.default_rng(seed)
    means = rng.choice(units, size=(n_resamples, len(units))).mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(units.mean()), float(low), float(high))


def verdict(interval: Interval, delta: float, *, kind: str = "superiority") -> str:
    """Judge an interval by the book's rule.

    Superiority: supported if the interval lies above ``delta``, refuted if below.
    Equivalence: supported if it lies within ±``delta``, refuted if wholly outside.
    Otherwise undecided.

    Raises
    ------
    ValueError
        If ``kind`` is neither, ``delta`` is negative, or the interval is not one.
    """
    low, high = interval.low, interval.high
    if not (np.isfinite([low, high]).all() and low <= high):
        raise ValueError(f"not an interval: low {low}, high {high}")
    if delta < 0:
        raise ValueError(f"delta must not be negative, got {delta}")
    if kind == "superiority":
        supported, refuted = low > delta, high < delta
    elif kind == "equivalence":
        supported = -delta < low and high < delta
        refuted = low > delta or high < -delta
    else:
        raise ValueError(f"kind must be 'superiority' or 'equivalence', got {kind!r}")
    return "supported" if supported else "refuted" if refuted else "undecided"
