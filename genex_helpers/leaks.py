"""Leaks between training and test, each as a correct and a leaky score.

One linear model serves for all: ridge regression of the labels, written as -1 and 1,
on all the genes it is given. It needs only the inner products of the rows, the kernel,
so hundreds of repetitions with permuted labels cost seconds.
Nothing here is tuned: the settings were fixed before the first run.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .evaluation import Interval

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PENALTY = 0.1  # of the mean squared length of a centred training row
N_CHOSEN = 50  # genes that a selection keeps
N_COMPONENTS = 8


@dataclass(frozen=True)
class Outcome:
    """Which pairs of a positive and a negative unit were ranked rightly.

    Attributes
    ----------
    wins
        ``(positive, negative)``: 1 if ranked rightly, 0.5 for a tie, else 0.
    counted
        Same shape: pairs whose scores may be compared (those of one test fold, or of
        one batch); the others do not count.
    """

    wins: Floats
    counted: NDArray[np.bool_]

    @property
    def auroc(self) -> float:
        """The share of counted pairs that are ranked rightly."""
        return float(self.wins[self.counted].mean())


def compare_scores(
    scores: Floats, y: Ints, folds: NDArray[np.int64] | None = None
) -> Outcome:
    """Return the wins of one score a unit, counted within ``folds`` if given.

    Parameters
    ----------
    scores, y
        ``(unit,)``; y is 0 or 1.
    folds
        ``(unit,)`` the test fold, or the batch, of each unit.
    """
    difference = scores[y == 1][:, None] - scores[y == 0][None, :]
    wins = (np.sign(difference) + 1) / 2
    counted = np.ones(wins.shape, dtype=bool)
    if folds is not None:
        counted = folds[y == 1][:, None] == folds[y == 0][None, :]
        if not counted.any():
            raise ValueError("no fold holds a positive and a negative unit")
    return Outcome(wins, counted)


def outcome_interval(
    first: Outcome,
    second: Outcome | None = None,
    *,
    n_resamples: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """AUROC of ``first``, or its lead over ``second``, with an interval over units.

    Positive and negative units are drawn anew, separately, as in
    :func:`genex_helpers.evaluation.bootstrap_pairs`; only counted pairs weigh.
    """
    rng = np.random.default_rng(seed)
    n_rows, n_columns = first.wins.shape
    rows = rng.multinomial(n_rows, np.full(n_rows, 1 / n_rows), n_resamples)
    columns = rng.multinomial(n_columns, np.full(n_columns, 1 / n_columns), n_resamples)

    def means(outcome: Outcome) -> Floats:
        weight = np.einsum("bi,ij,bj->b", rows, outcome.counted.astype(float), columns)
        won = np.einsum("bi,ij,bj->b", rows, outcome.wins * outcome.counted, columns)
        found: Floats = np.divide(won, weight, where=weight > 0, out=won * np.nan)
        return found

    drawn, value = means(first), first.auroc
    if second is not None:
        if second.wins.shape != first.wins.shape:
            raise ValueError(
                f"both need the same units, got {first.wins.shape} and "
                f"{second.wins.shape}"
            )
        drawn, value = drawn - means(second), value - second.auroc
    low, high = np.nanquantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high))


def kernel_of(features: Floats | NDArray[np.float32]) -> Floats:
    """Return the inner products of all rows: ``(row, row)``."""
    x = np.asarray(features, dtype=float)
    x = x - x.mean(axis=0)  # moves no score; keeps the numbers small
    products: Floats = x @ x.T
    return products


def ridge_scores(
    kernel: Floats, y: Ints, train: Ints, test: Ints, penalty: float = PENALTY
) -> Floats:
    """Return the scores of ``test`` rows by ridge regression of ±1 on ``train`` rows.

    The same numbers as ``Ridge(alpha)`` of scikit-learn on the features, with
    ``alpha = penalty`` × the mean squared length of a centred training row.
    """
    k, across = kernel[np.ix_(train, train)], kernel[np.ix_(test, train)]
    column, overall = k.mean(axis=0), k.mean()
    centred = k - column - column[:, None] + overall
    across = across - across.mean(axis=1, keepdims=True) - column + overall
    target = 2.0 * y[train] - 1
    alpha = penalty * np.trace(centred) / len(train)
    dual = np.linalg.solve(centred + alpha * np.eye(len(train)), target - target.mean())
    scores: Floats = across @ dual + target.mean()
    return scores


def pairs_of(y: Ints) -> Ints:
    """Return every (positive, negative) pair of units: ``(pair, 2)``."""
    positive, negative = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    return np.stack(
        [np.repeat(positive, len(negative)), np.tile(negative, len(positive))], axis=1
    )


def leave_pair_out(kernel: Floats, y: Ints, penalty: float = PENALTY) -> Outcome:
    """Hold out every pair in turn; all ridge regressions are solved at once.

    Parameters
    ----------
    kernel
        ``(unit, unit)``, or ``(pair, unit, unit)`` where each pair has features of its
        own, in the order of :func:`pairs_of`.
    """
    difference = _pair_fits(kernel, y, penalty)[0]
    wins = ((np.sign(difference) + 1) / 2).reshape(int(y.sum()), -1)
    return Outcome(wins, np.ones(wins.shape, dtype=bool))


def leave_pair_out_with_inner(
    kernel: Floats, y: Ints, penalty: float = PENALTY
) -> tuple[Floats, Floats]:
    """Return each pair's win, and the error inside its training units: ``(pair,)``.

    The inner error is the mean square of leave-one-out residuals of the ridge
    regression on the other units, by the closed form ``residual / (1 - leverage)``.
    The held-out pair has no part in it, so it may be used to choose.
    """
    difference, inner = _pair_fits(kernel, y, penalty)
    return (np.sign(difference) + 1) / 2, inner


def _pair_fits(kernel: Floats, y: Ints, penalty: float) -> tuple[Floats, Floats]:
    pairs = pairs_of(y)
    n, n_pairs = len(y), len(pairs)
    rest = np.array([np.delete(np.arange(n), pair) for pair in pairs])  # (pair, n - 2)
    stack = np.broadcast_to(kernel, (n_pairs, n, n))
    one = np.arange(n_pairs)[:, None, None]
    k = stack[one, rest[:, :, None], rest[:, None, :]]  # (pair, n - 2, n - 2)
    column = k.mean(axis=2, keepdims=True)
    centred = (
        k - column - column.transpose(0, 2, 1) + k.mean(axis=(1, 2))[:, None, None]
    )
    alpha = penalty * np.trace(centred, axis1=1, axis2=2) / (n - 2)
    inverse = np.linalg.inv(centred + alpha[:, None, None] * np.eye(n - 2))
    target = 2.0 * y[rest] - 1
    dual = (inverse @ (target - target.mean(axis=1, keepdims=True))[..., None])[..., 0]
    across = stack[one, pairs[:, :, None], rest[:, None, :]]  # (pair, 2, n - 2)
    apart = across[:, 0] - across[:, 1]  # centring by columns cancels in a difference
    apart = apart - apart.mean(axis=1, keepdims=True)
    difference: Floats = (apart * dual).sum(axis=1)
    # a residual is alpha × dual; the hat matrix is 1 - alpha × inverse, and the mean
    diagonal = np.diagonal(inverse, axis1=1, axis2=2)
    leverage = 1 / (n - 2) + 1 - alpha[:, None] * diagonal  # (pair, n - 2)
    residual = alpha[:, None] * dual / (1 - leverage)
    return difference, (residual**2).mean(axis=1)


def t_statistics(x: Floats, y: Ints) -> Floats:
    """Return Welch's t of every column between y = 1 and y = 0, for choosing genes."""
    first, second = x[y == 1], x[y == 0]
    error = first.var(axis=0, ddof=1) / len(first) + second.var(axis=0, ddof=1) / len(
        second
    )
    found: Floats = (first.mean(axis=0) - second.mean(axis=0)) / np.sqrt(error)
    return found


def strongest(x: Floats, y: Ints, n_genes: int = N_CHOSEN) -> Ints:
    """Return the columns with the largest t, in size."""
    order: Ints = np.argsort(-np.abs(t_statistics(x, y)), kind="stable")
    return order[:n_genes]
