"""Conformal prediction: intervals and sets that hold what they promise, on average.

If calibration units and the new one are exchangeable (people drawn alike, say), the
truth lies inside with at least the probability asked for, whatever the model. The price
is data: a model is fitted on some units, and others measure its errors.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def conformal_rank(n: int, alpha: float) -> int:
    """Return which of ``n`` sorted scores bounds a new one with chance ``1 - alpha``.

    The ⌈(n + 1)(1 − α)⌉-th smallest; a rank above ``n`` means that no score does, and
    that the interval is infinite.

    Source: Lei et al. 2018 (doi:10.1080/01621459.2017.1307116, algorithm 2).
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, got {alpha!r}")
    # (n + 1)(1 - alpha) may be a whole number but for rounding: 150 * 0.82
    return math.ceil(round((n + 1) * (1 - alpha), 9))


def units_needed(alpha: float, n_steps: int = 1) -> int:
    """Return the fewest calibration units for finite intervals over ``n_steps``.

    With ``alpha`` shared among the steps (Bonferroni), it is H/α − 1, rounded up.
    """
    if n_steps < 1:
        raise ValueError(f"n_steps must be at least 1, got {n_steps}")
    return max(1, math.ceil(round(n_steps / alpha - 1, 9)))


def conformal_quantile(scores: ArrayLike, alpha: float) -> float:
    """Return the bound for a new score, ``inf`` if there are too few ``scores``."""
    values = np.asarray(scores, dtype=float)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ValueError(
            f"scores must be one finite number a unit, got shape {values.shape}"
        )
    rank = conformal_rank(len(values), alpha)
    return float(np.sort(values)[rank - 1]) if rank <= len(values) else math.inf


def interval_widths(errors: ArrayLike, alpha: float, *, joint: str = "each") -> Floats:
    """Return the half-width at every step, ``(time,)``, from calibration errors.

    Parameters
    ----------
    errors
        ``(unit, time)`` truth minus forecast of calibration units.
    joint
        ``"each"``: every step alone is covered. ``"bonferroni"``: the whole course is,
        ``alpha`` shared among the steps. ``"largest"``: the whole course is, by the
        largest error of each unit, so all steps get one width.

    Source of ``"bonferroni"``: Stankevičiūtė et al. 2021 (NeurIPS 34:6216–6228).
    """
    sizes = np.abs(np.asarray(errors, dtype=float))
    if sizes.ndim != 2:
        raise ValueError(f"errors must be (unit, time), got shape {sizes.shape}")
    if joint == "largest":
        return np.full(sizes.shape[1], conformal_quantile(sizes.max(axis=1), alpha))
    if joint not in ("each", "bonferroni"):
        raise ValueError(
            f"joint must be 'each', 'bonferroni' or 'largest', got {joint!r}"
        )
    share = alpha / sizes.shape[1] if joint == "bonferroni" else alpha
    return np.array([conformal_quantile(column, share) for column in sizes.T])


def prediction_sets(
    probabilities: ArrayLike, y: ArrayLike, new: ArrayLike, alpha: float
) -> NDArray[np.bool_]:
    """Return ``(row, class)``, ``True`` for the classes that a set holds.

    A class is kept if its probability is no further from 1 than those of the true
    classes of the calibration rows were, ``alpha`` of them apart.

    Parameters
    ----------
    probabilities, y
        ``(row, class)`` and ``(row,)`` of the calibration rows.
    new
        ``(row, class)`` probabilities of the rows to predict.

    Source: Sadinle et al. 2019 (doi:10.1080/01621459.2017.1395341).
    """
    p, labels = np.asarray(probabilities, dtype=float), np.asarray(y)
    if p.ndim != 2 or labels.shape != p.shape[:1]:
        raise ValueError(
            "probabilities must be (row, class) and y (row,), got shapes "
            f"{p.shape} and {labels.shape}"
        )
    scores = 1 - p[np.arange(len(p)), labels]
    bound = conformal_quantile(scores, alpha)
    kept: NDArray[np.bool_] = np.less_equal(1 - np.asarray(new, dtype=float), bound)
    return kept


def jackknife_plus(
    residuals: ArrayLike, forecasts: ArrayLike, alpha: float
) -> tuple[Floats, Floats]:
    """Return lower and upper ends, ``(row,)``, from models that left one unit out each.

    All units both train and calibrate. The promise is weaker, ``1 - 2 alpha``; in
    practice the coverage is near ``1 - alpha``.

    Parameters
    ----------
    residuals
        ``(unit,)`` absolute error of the model without a unit, on that unit.
    forecasts
        ``(unit, row)`` forecast of the model without a unit, for each new row.

    Source: Barber et al. 2021 (doi:10.1214/20-AOS1965, equation 1.2).
    """
    r, f = np.asarray(residuals, dtype=float), np.asarray(forecasts, dtype=float)
    if r.ndim != 1 or f.ndim != 2 or len(r) != len(f):
        raise ValueError(
            "residuals must be (unit,) and forecasts (unit, row), got shapes "
            f"{r.shape} and {f.shape}"
        )
    rank = conformal_rank(len(r), alpha)
    if rank > len(r):
        return np.full(f.shape[1], -np.inf), np.full(f.shape[1], np.inf)
    low = np.sort(f - r[:, None], axis=0)[len(r) - rank]
    high = np.sort(f + r[:, None], axis=0)[rank - 1]
    return low, high


def coverage(
    truth: ArrayLike, low: ArrayLike, high: ArrayLike, *, joint: bool = False
) -> float:
    """Return the share of values inside, or, if ``joint``, of whole courses inside.

    Arrays are ``(unit,)`` or ``(unit, time)``, ends also ``(time,)``.
    """
    values = np.asarray(truth, dtype=float)
    inside: NDArray[np.bool_] = np.asarray((low <= values) & (values <= high))
    if joint and values.ndim == 2:
        inside = np.asarray(inside.all(axis=1))
    return float(inside.mean())
