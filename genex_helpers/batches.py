"""Seeing batch effects: variance shares, components, guessing the batch; and batch and
group in one model, the alternative to correcting values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


class SharedVariance(NamedTuple):
    """Shares of the variance, ``(gene,)`` each; they add up to 1 with ``rest``.

    ``either`` can be given to one factor as well as to the other: nobody can say which.
    It can be below 0, where two factors hide each other.
    """

    only_one: Floats
    only_other: Floats
    either: Floats
    rest: Floats


class Difference(NamedTuple):
    """Group 1 minus group 0 by gene, ``(gene,)`` each, and the degrees of freedom."""

    value: Floats
    error: Floats
    p: Floats
    freedom: int


def variance_shares(values: ArrayLike, factor: ArrayLike) -> Floats:
    """Return the share of each gene's variance that lies between a factor's classes.

    Parameters
    ----------
    values
        ``(sample, gene)``.
    factor
        ``(sample,)`` classes. Of noise alone, a factor with k classes takes the share
        (k - 1) / (n - 1) of n samples.

    Raises
    ------
    ValueError
        If a value is missing, a gene is constant, or the lengths differ.
    """
    x = _checked(values)
    return _share(x, _indicators(factor, len(x)))


def shared_variance(
    values: ArrayLike, one: ArrayLike, other: ArrayLike
) -> SharedVariance:
    """Divide each gene's variance between two factors that may be confounded.

    What a factor adds to the other is its own; what both would take, each if it came
    first, is ``either``.

    Parameters
    ----------
    values
        ``(sample, gene)``.
    one, other
        ``(sample,)`` classes.

    Raises
    ------
    ValueError
        If a value is missing, a gene is constant, or the lengths differ.
    """
    x = _checked(values)
    first, second = _indicators(one, len(x)), _indicators(other, len(x))
    of_one, of_other = _share(x, first), _share(x, second)
    of_both = _share(x, np.hstack([first, second]))
    return SharedVariance(
        of_both - of_other, of_both - of_one, of_one + of_other - of_both, 1 - of_both
    )


def total_share(values: ArrayLike, shares: ArrayLike) -> float:
    """Return the mean of shares by gene, each weighed by the gene's variance."""
    weights = _checked(values).var(axis=0)
    return float(np.average(np.asarray(shares, dtype=float), weights=weights))


def component_table(
    values: ArrayLike, factors: pd.DataFrame, n_components: int = 5
) -> pd.DataFrame:
    """Return a row a component: its share of the variance, and who explains it.

    Parameters
    ----------
    values
        ``(sample, gene)``; genes are centred, not scaled.
    factors
        ``(sample, factor)`` classes; each becomes a column with the share of the
        component's variance that lies between its classes.
    """
    import pandas as pd

    x = _checked(values)
    # exact, so that the axes are the same twice (the randomised solver's are not)
    pca = PCA(n_components, svd_solver="full")
    scores = pca.fit_transform(x)
    table = pd.DataFrame(
        {"share of variance": pca.explained_variance_ratio_},
        index=pd.Index(range(1, n_components + 1), name="component"),
    )
    for name in factors:
        table[name] = _share(scores, _indicators(factors[name], len(x)))
    return table


def guess_batch(
    values: ArrayLike,
    batch: ArrayLike,
    subjects: ArrayLike | None = None,
    *,
    n_splits: int = 4,
    seed: int = 0,
) -> NDArray[Any]:
    """Return the batch that a model guesses for samples that it has not seen.

    Logistic regression on standardised genes, both fitted inside the fold. If the
    batch can be told from the values, a net can tell it too.

    Parameters
    ----------
    values
        ``(sample, gene)``.
    batch
        ``(sample,)`` classes.
    subjects
        ``(sample,)``; all samples of a subject are held out together. Without it each
        sample counts as a subject of its own.
    """
    x, labels = _checked(values), np.asarray(batch)
    groups = np.arange(len(x)) if subjects is None else np.asarray(subjects)
    counts = [len(np.unique(groups[labels == name])) for name in np.unique(labels)]
    if len(counts) < 2 or min(counts) < n_splits:
        raise ValueError(
            f"n_splits={n_splits} needs two batches or more with as many subjects "
            f"each, got {counts}"
        )
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    folds = StratifiedGroupKFold(n_splits, shuffle=True, random_state=seed)
    guessed: NDArray[Any] = cross_val_predict(model, x, labels, groups=groups, cv=folds)
    return guessed


def balanced_accuracy(guessed: ArrayLike, batch: ArrayLike) -> float:
    """Return the mean over batches of the share that was guessed rightly."""
    found, true = np.asarray(guessed), np.asarray(batch)
    return float(np.mean([(found[true == b] == b).mean() for b in np.unique(true)]))


def group_difference(
    values: ArrayLike, group: ArrayLike, batch: ArrayLike | None = None
) -> Difference:
    """Compare two groups by least squares, with the batches in the same model.

    What is estimated with the batch beside it has fewer degrees of freedom, and its
    error knows how little the design says; correcting first and testing afterwards
    forgets both.

    Parameters
    ----------
    values
        ``(sample, gene)``.
    group
        ``(sample,)`` 0 or 1.
    batch
        ``(sample,)`` classes; ``None`` for the usual t-test.

    Raises
    ------
    ValueError
        If no batch holds both groups, so that nothing can be compared.
    """
    x = _checked(values)
    labels = np.asarray(group, dtype=float)
    if labels.shape != (len(x),) or not set(labels.tolist()) == {0.0, 1.0}:
        raise ValueError(f"group must hold 0 and 1 for {len(x)} samples")
    blocks = np.zeros(len(x)) if batch is None else batch
    design = np.hstack([labels[:, None], _indicators(blocks, len(x))])
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise ValueError("no batch holds both groups: batch and group are confounded")
    freedom = len(x) - design.shape[1]
    if freedom < 1:
        raise ValueError(f"{len(x)} samples are too few for this design")
    effects = np.linalg.lstsq(design, x, rcond=None)[0]
    variance = ((x - design @ effects) ** 2).sum(axis=0) / freedom
    error = np.sqrt(variance * np.linalg.inv(design.T @ design)[0, 0])
    p = 2 * student.sf(abs(effects[0]) / error, freedom)
    return Difference(effects[0], error, p, freedom)


def _share(x: Floats, indicators: Floats) -> Floats:
    """Return the share of variance that a design explains, ``(column,)``."""
    centred = x - x.mean(axis=0)
    fitted = indicators @ np.linalg.lstsq(indicators, centred, rcond=None)[0]
    share: Floats = (fitted**2).sum(axis=0) / (centred**2).sum(axis=0)
    return share


def _indicators(factor: ArrayLike, n_samples: int) -> Floats:
    """Return ``(sample, class)`` ones and zeros."""
    names = np.asarray(factor)
    if names.shape != (n_samples,):
        raise ValueError(
            f"a factor must have one entry a sample, ({n_samples},), got {names.shape}"
        )
    ones: Floats = (names[:, None] == np.unique(names)).astype(float)
    return ones


def _checked(values: ArrayLike) -> Floats:
    x = np.asarray(values, dtype=float)
    if x.ndim != 2 or not np.isfinite(x).all():
        raise ValueError(
            "values must be (sample, gene) without missing values, got shape "
            f"{x.shape} with {int((~np.isfinite(x)).sum())} missing"
        )
    flat = np.flatnonzero(np.ptp(x, axis=0) == 0)
    if len(flat):
        raise ValueError(f"genes {flat[:5].tolist()} are constant: leave them out")
    return x
