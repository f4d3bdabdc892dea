"""Small steps that turn measured values into inputs of a model."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.utils.validation import check_is_fitted


def counts_per_million(counts: ArrayLike) -> NDArray[np.float64]:
    """Divide each sample's counts ``(sample, gene)`` by its library size in millions.

    Raises
    ------
    ValueError
        If a count is negative or not finite, or a sample has no count at all.
    """
    table = np.asarray(counts, dtype=float)
    if table.ndim != 2:
        raise ValueError(f"counts must be (sample, gene), got shape {table.shape}")
    if not np.isfinite(table).all() or (table < 0).any():
        raise ValueError("counts must be finite and not negative")
    library = table.sum(axis=1, keepdims=True)
    if (library == 0).any():
        empty = np.flatnonzero(library[:, 0] == 0).tolist()
        raise ValueError(f"samples {empty} have no counts")
    per_million: NDArray[np.float64] = table / library * 1e6
    return per_million


def subtract_baseline(
    values: NDArray[np.float32], mask: NDArray[np.bool_], step: int = 0
) -> NDArray[np.float32]:
    """Subtract each subject's own value at ``step`` (a log ratio, for log data).

    Parameters
    ----------
    values, mask
        ``(batch, time, gene)``.

    Raises
    ------
    ValueError
        If a subject was not measured at that step.
    """
    if not mask[:, step].all():
        rows = np.flatnonzero(~mask[:, step].all(axis=1)).tolist()
        raise ValueError(f"subjects {rows} have no complete sample at step {step}")
    return values - values[:, step : step + 1]


def fill_forward(
    values: NDArray[np.float32], mask: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Replace what is missing by the last value measured before it.

    Only the past is used, so nothing leaks back from later samples.

    Raises
    ------
    ValueError
        If a series begins with a missing value.
    """
    if not mask[:, 0].all():
        raise ValueError("a series begins with a missing value: nothing to carry on")
    filled = values.copy()
    for step in range(1, values.shape[1]):
        missing = ~mask[:, step]  # (batch, gene)
        filled[:, step][missing] = filled[:, step - 1][missing]
    return filled


class SequenceComponents(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Principal components of samples, for sequences ``(batch, time, gene)``.

    Every sample of the training subjects is a row for the fit.
    The scores are divided by one number, the standard deviation of the first
    component, so that inputs are of order one and keep their relative sizes.

    Parameters
    ----------
    n_components
        Number of components kept.
    """

    def __init__(self, n_components: int = 8) -> None:
        self.n_components = n_components

    def fit(self, x: NDArray[np.float32], y: object = None) -> SequenceComponents:
        """Fit on ``x`` of shape ``(batch, time, gene)``; labels are ignored."""
        self._check(x)
        # exact, so that the axes are the same twice (the randomised solver's are not)
        self.pca_ = PCA(self.n_components, svd_solver="full")
        scores = self.pca_.fit_transform(x.reshape(-1, x.shape[2]))
        self.scale_ = float(scores[:, 0].std())
        return self

    def transform(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return scores of shape ``(batch, time, n_components)``."""
        check_is_fitted(self)
        self._check(x)
        flat = self.pca_.transform(x.reshape(-1, x.shape[2])) / self.scale_
        scores: NDArray[np.float32] = flat.astype(np.float32)
        return scores.reshape(*x.shape[:2], -1)

    @staticmethod
    def _check(x: NDArray[np.float32]) -> None:
        if np.ndim(x) != 3:
            raise ValueError(f"x must be (batch, time, gene), got shape {np.shape(x)}")
        if not np.isfinite(x).all():
            raise ValueError("x has missing values: fill or mask them before this step")
