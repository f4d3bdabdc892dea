"""Permutation tests, and what a few subjects can show at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm, rankdata

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

SIDES = ("one", "two")


@dataclass(frozen=True)
class PermutationTest:
    """A statistic, and what it is when labels mean nothing.

    Attributes
    ----------
    value
        With the true labels.
    p
        How often a permuted statistic is as large, the true one counted in.
    null
        ``(n,)`` with permuted labels.
    """

    value: float
    p: float
    null: Floats


def permutation_test(
    statistic: Callable[[NDArray[Any]], float],
    labels: ArrayLike,
    n: int,
    seed: int,
    groups: ArrayLike | None = None,
) -> PermutationTest:
    """Test whether a statistic is larger than under permuted labels.

    ``p = (1 + count) / (n + 1)``, where ``count`` of the ``n`` permutations reach the
    true value: the true labelling is one of the permutations, and p is never 0 (Phipson
    and Smyth 2010, doi:10.2202/1544-6115.1585). What the statistic does (selection,
    training, tuning) must happen inside it, anew for each labelling.

    Parameters
    ----------
    statistic
        Takes labels, ``(sample,)``, and returns one number; larger is better.
    labels
        ``(sample,)``.
    n
        Number of permutations.
    groups
        ``(sample,)`` subject of each sample. Samples of a subject share one label, and
        the labels are permuted among subjects.

    Raises
    ------
    ValueError
        If ``n`` is below 1, a subject has two labels, or a statistic is not finite.
    """
    own = np.asarray(labels)
    if own.ndim != 1:
        raise ValueError(f"labels must be one label a sample, got shape {own.shape}")
    if n < 1:
        raise ValueError(f"n must be 1 or more, got {n}")
    names = np.arange(len(own)) if groups is None else np.asarray(groups)
    if names.shape != own.shape:
        raise ValueError(f"groups must have shape {own.shape}, got {names.shape}")
    _, first, subject = np.unique(names, return_index=True, return_inverse=True)
    by_subject = own[first]
    if not np.array_equal(by_subject[subject], own):
        raise ValueError("labels must be the same in all samples of a subject")
    rng = np.random.default_rng(seed)
    value = _finite(statistic(own), "with the true labels")
    null = np.array(
        [
            _finite(statistic(rng.permutation(by_subject)[subject]), "when permuted")
            for _ in range(n)
        ]
    )
    # equal up to rounding counts as reached
    reached = int((null >= value - 1e-12 * max(1.0, abs(value))).sum())
    return PermutationTest(value, (1 + reached) / (n + 1), null)


def auroc_null(n_positive: int, n_negative: int) -> tuple[Floats, Floats]:
    """Return the exact distribution of an AUROC when scores and labels are unrelated.

    It is that of the Mann-Whitney statistic divided by the number of pairs, without
    ties: every order of the subjects is equally likely. For a score that was fixed
    beforehand. A cross-validated AUROC is another statistic, whose null distribution
    takes a permutation test.

    Returns
    -------
    values, probabilities
        ``(n_positive * n_negative + 1,)`` from 0 to 1.
    """
    for name, number in (("n_positive", n_positive), ("n_negative", n_negative)):
        if number < 1:
            raise ValueError(f"{name} must be 1 or more, got {number}")
    # row i counts the orders of i positives among the negatives so far, by their wins;
    # the top one of a longer order is a negative (no more wins) or a positive, which
    # wins over all negatives
    counts = np.zeros((n_positive + 1, n_positive * n_negative + 1))
    counts[:, 0] = 1.0
    for n in range(1, n_negative + 1):
        for i in range(1, n_positive + 1):
            counts[i, n:] += counts[i - 1, :-n]
    total = counts[n_positive].sum()
    if not np.isfinite(total):
        raise ValueError(
            f"{n_positive} and {n_negative} subjects have more orders than fit a float"
        )
    values = np.arange(counts.shape[1]) / (counts.shape[1] - 1)
    return values, counts[n_positive] / total


def auroc_p_values(
    n_positive: int, n_negative: int, sides: str = "two"
) -> tuple[Floats, Floats]:
    """Return every possible AUROC of a fixed score, and its exact p value.

    ``sides="one"`` asks for an AUROC as high; ``"two"`` for one as far from 0.5 (twice
    the smaller tail, at most 1).
    """
    if sides not in SIDES:
        raise ValueError(f"sides must be one of {SIDES}, got {sides!r}")
    values, probabilities = auroc_null(n_positive, n_negative)
    above: Floats = probabilities[::-1].cumsum()[::-1]
    if sides == "one":
        return values, np.minimum(above, 1.0)
    return values, np.minimum(2 * np.minimum(above, above[::-1]), 1.0)


def smallest_significant_auroc(
    n_positive: int, n_negative: int, *, alpha: float = 0.05, sides: str = "two"
) -> float:
    """Return the smallest AUROC above 0.5 with ``p <= alpha``, for a fixed score.

    Raises
    ------
    ValueError
        If even a perfect score is not significant with so few subjects.
    """
    values, p = auroc_p_values(n_positive, n_negative, sides)
    significant = values[(p <= alpha) & (values > 0.5)]
    if not len(significant):
        raise ValueError(
            f"with {n_positive} and {n_negative} subjects no AUROC has p <= {alpha:g}"
        )
    return float(significant[0])


def auroc_power(
    auroc: float,
    n_positive: int,
    n_negative: int,
    *,
    alpha: float = 0.05,
    sides: str = "two",
    n_simulated: int = 4000,
    seed: int = 0,
) -> float:
    """Return how often a score with a known AUROC is found significant, and high.

    Scores are normal with one spread in both groups, their means apart by
    ``sqrt(2) * Φ⁻¹(auroc)`` (the binormal model); the share is over ``n_simulated``
    studies. It is 0 where no AUROC is significant.
    """
    if not 0 < auroc < 1:
        raise ValueError(f"auroc must lie between 0 and 1, got {auroc}")
    try:
        least = smallest_significant_auroc(
            n_positive, n_negative, alpha=alpha, sides=sides
        )
    except ValueError:
        return 0.0
    rng = np.random.default_rng([seed, n_positive, n_negative])
    scores = rng.standard_normal((n_simulated, n_positive + n_negative))
    scores[:, :n_positive] += np.sqrt(2) * norm.ppf(auroc)
    ranks = rankdata(scores, axis=1)[:, :n_positive].sum(axis=1)
    wins = ranks - n_positive * (n_positive + 1) / 2
    found = wins / (n_positive * n_negative)
    return float((found >= least - 1e-9).mean())


def power_curve(
    aurocs: ArrayLike,
    n_subjects: ArrayLike,
    *,
    share_positive: float = 0.5,
    alpha: float = 0.05,
    sides: str = "two",
    n_simulated: int = 4000,
    seed: int = 0,
) -> pd.DataFrame:
    """Return the power for each true AUROC and number of subjects in all.

    Returns
    -------
    DataFrame
        One row a pair: ``auroc``, ``n_subjects``, ``n_positive`` (the share rounded,
        one at least of each kind), ``power``.
    """
    import pandas as pd

    if not 0 < share_positive < 1:
        raise ValueError(f"share_positive must be in (0, 1), got {share_positive}")
    rows = []
    for auroc in np.atleast_1d(np.asarray(aurocs, dtype=float)):
        for n in np.atleast_1d(np.asarray(n_subjects, dtype=np.int64)):
            if n < 2:
                raise ValueError(f"n_subjects must be 2 or more, got {n}")
            n_positive = int(np.clip(round(share_positive * n), 1, n - 1))
            power = auroc_power(
                float(auroc),
                n_positive,
                int(n) - n_positive,
                alpha=alpha,
                sides=sides,
                n_simulated=n_simulated,
                seed=seed,
            )
            rows.append((float(auroc), int(n), n_positive, power))
    return pd.DataFrame(rows, columns=["auroc", "n_subjects", "n_positive", "power"])


def _finite(number: float, when: str) -> float:
    found = float(number)
    if not np.isfinite(found):
        raise ValueError(f"the statistic is {found} {when}")
    return found
