"""Filling what is missing of tables ``(gene, time)``: rows are genes, columns arrays.

All are scikit-learn transformers; they return observed values as they are. Neighbours
and column means are scikit-learn's own, set up by :func:`make_imputer`.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import make_interp_spline
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.utils.validation import check_is_fitted

from .hiding import (
    centre_rows,
    centred_truth,
    columns_of,
    course_names,
    hide_values,
)

try:
    from sklearn.utils.validation import validate_data
except ImportError:  # before scikit-learn 1.6

    def validate_data(_estimator: Any, x: ArrayLike, **options: Any) -> Any:
        options["force_all_finite"] = options.pop("ensure_all_finite")
        return _estimator._validate_data(x, **options)


Floats = NDArray[np.float64]

KINDS = ("linear", "spline", "natural spline")
METHODS = ("row mean", "column mean", *KINDS, "neighbours", "soft-impute")
N_NEIGHBOURS = 10
SHRINKAGES = (0.3, 0.2, 0.1, 0.05, 0.02)  # what choose_shrinkage tries
INNER_SHARE = 0.1  # what it hides


class _TableImputer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """What all have in common: NaN is allowed and the columns stay what they are."""

    def _read(self, x: ArrayLike, *, first: bool) -> Floats:
        """Return ``x`` as ``(gene, time)``; the first table sets the columns."""
        table: Floats = validate_data(
            self, x, reset=first, dtype=np.float64, ensure_all_finite="allow-nan"
        )
        return table

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _more_tags(self) -> dict[str, Any]:  # before scikit-learn 1.6
        return {"allow_nan": True}


class RowMean(_TableImputer):
    """Fill each gene's gaps with the mean of what is observed of it.

    The baseline of all others: no time and no other gene is used.
    """

    def fit(self, x: ArrayLike, y: object = None) -> RowMean:
        """Learn the number of columns, and nothing else."""
        self._read(x, first=True)
        return self

    def transform(self, x: ArrayLike) -> Floats:
        """Return ``(gene, time)`` without gaps; a gene that is all NaN is an error."""
        check_is_fitted(self)
        table = self._read(x, first=False)
        _require_observed(table, "the row")
        return np.where(np.isnan(table), np.nanmean(table, 1, keepdims=True), table)


class TimeInterpolator(_TableImputer):
    """Fill each gene's gaps from the same gene, before and after, in the same course.

    Before the first and after the last observed value of a course the nearest one is
    repeated, by lines and splines alike: a cubic that leaves its points runs away.

    Parameters
    ----------
    times
        ``(time,)``, increasing within each course; without it 0, 1, 2, …
    kind
        ``"linear"``; ``"spline"``: the cubic through all observed values, its third
        derivative continuous at the second point and the last but one ("not a knot",
        what scipy and pandas do unless told); ``"natural spline"``: the cubic whose
        second derivative is zero at both ends. No spline smooths. From three points
        "spline" is a parabola, from two all are lines, from one a constant.
    courses
        ``(time,)``, the course of each column; nothing passes between courses. Without
        it all are one course.
    """

    def __init__(
        self,
        times: ArrayLike | None = None,
        kind: str = "linear",
        courses: ArrayLike | None = None,
    ) -> None:
        self.times = times
        self.kind = kind
        self.courses = courses

    def fit(self, x: ArrayLike, y: object = None) -> TimeInterpolator:
        """Check the times; nothing is learned from other genes.

        Raises
        ------
        ValueError
            If ``kind`` is unknown, or times do not fit the columns or do not increase.
        """
        table = self._read(x, first=True)
        n_columns = table.shape[1]
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {KINDS}, got {self.kind!r}")
        times = np.arange(n_columns) if self.times is None else self.times
        self.times_ = np.asarray(times, dtype=float)
        if self.times_.shape != (n_columns,):
            raise ValueError(
                f"times must have one number for each of {n_columns} columns, "
                f"got shape {self.times_.shape}"
            )
        names = course_names(self.courses, n_columns)
        self.columns_ = {str(names[c[0]]): c for c in columns_of(names)}
        for name, columns in self.columns_.items():
            if not (np.diff(self.times_[columns]) > 0).all():
                raise ValueError(f"times must increase within {name!r}")
        return self

    def transform(self, x: ArrayLike) -> Floats:
        """Return ``(gene, time)`` without gaps.

        Raises
        ------
        ValueError
            If nothing is observed of a gene in a course: the message names the rows.
        """
        check_is_fitted(self)
        table = self._read(x, first=False)
        filled = table.copy()
        for name, columns in self.columns_.items():
            part = table[:, columns]
            _require_observed(part, f"course {name!r} of the row")
            filled[:, columns] = self._fill_course(part, self.times_[columns])
        return filled

    def _fill_course(self, part: Floats, times: Floats) -> Floats:
        """Return one course filled, genes with the same gaps at a time."""
        filled = part.copy()
        gaps, kind = np.unique(np.isnan(part), axis=0, return_inverse=True)
        for number, missing in enumerate(gaps):
            rows = np.flatnonzero(kind.reshape(-1) == number)
            if missing.any():
                known = part[np.ix_(rows, ~missing)]
                found = self._curve(times[~missing], known, times[missing])
                filled[np.ix_(rows, missing)] = found
        return filled

    def _curve(self, times: Floats, values: Floats, wanted: Floats) -> Floats:
        """Return ``(gene, wanted)`` of the curves through ``(gene, time)``."""
        n_times = len(times)
        if n_times == 1:
            return np.repeat(values, len(wanted), axis=1)
        if self.kind == "natural spline":
            degree, ends = 3, "natural"
        else:
            degree, ends = 1 if self.kind == "linear" else min(3, n_times - 1), None
        curve = make_interp_spline(times, values, k=degree, bc_type=ends, axis=1)
        found: Floats = curve(np.clip(wanted, times[0], times[-1]))
        return found


class SoftImpute(_TableImputer):
    """Fill gaps with a table of low rank, its singular values shrunk.

    Minimises ``½ Σ (x - m)² + penalty · Σ singular values of m``, the first sum over
    what is observed (Mazumder, Hastie & Tibshirani 2010, JMLR 11:2287): fill the gaps,
    decompose, subtract the penalty from each singular value, fill again. The problem is
    convex, so the answer does not depend on a start. Centre the rows before: towards
    zero is where it shrinks.

    Parameters
    ----------
    shrinkage
        The penalty as a share of the largest singular value of the table with zeros in
        its gaps; above 0. With 1 all is shrunk to zero.
    tol
        Ends when the squared change of a round, summed over the table, falls below this
        share of the sum of squares before it (the authors' criterion).
    max_iter
        Rounds at most; then a ``ConvergenceWarning``.

    Attributes
    ----------
    components_
        ``(component, time)`` right singular vectors of the answer.
    singular_values_
        ``(component,)``, shrunk; those that became zero are left out.
    penalty_
        The penalty in the units of ``x``.
    n_iter_
        Rounds that were made.
    """

    def __init__(
        self, shrinkage: float = 0.1, tol: float = 1e-5, max_iter: int = 500
    ) -> None:
        self.shrinkage = shrinkage
        self.tol = tol
        self.max_iter = max_iter

    def fit(self, x: ArrayLike, y: object = None) -> SoftImpute:
        """Learn the components from the genes of ``x``.

        Raises
        ------
        ValueError
            If ``shrinkage`` is not above 0, or nothing is observed of a gene.
        """
        table = self._read(x, first=True)
        if not self.shrinkage > 0:
            raise ValueError(f"shrinkage must be above 0, got {self.shrinkage}")
        _require_observed(table, "the row")
        missing = np.isnan(table)
        filled = np.where(missing, 0.0, table)
        self.penalty_ = float(self.shrinkage * np.linalg.norm(filled, 2))
        answer = np.zeros_like(table)
        for n_rounds in range(1, self.max_iter + 1):
            self.n_iter_, before = n_rounds, answer
            u, values, rows = np.linalg.svd(filled, full_matrices=False)
            values = np.maximum(values - self.penalty_, 0)
            rank = np.count_nonzero(values)
            answer = (u[:, :rank] * values[:rank]) @ rows[:rank]
            filled[missing] = answer[missing]
            if ((answer - before) ** 2).sum() <= self.tol * (before**2).sum():
                break
        else:
            warnings.warn(
                f"SoftImpute stopped after max_iter={self.max_iter} rounds before it "
                f"converged to tol={self.tol:g}",
                ConvergenceWarning,
                stacklevel=2,
            )
        self.singular_values_, self.components_ = values[:rank], rows[:rank]
        return self

    def transform(self, x: ArrayLike) -> Floats:
        """Return ``(gene, time)`` without gaps, for genes old or new.

        Each gene is fitted to the components by ridge regression on what is observed of
        it. For the genes of the fit this is the minimum found, up to ``tol``.
        """
        check_is_fitted(self)
        table = self._read(x, first=False)
        _require_observed(table, "the row")
        missing = np.isnan(table)
        axes = self.components_.T * np.sqrt(self.singular_values_)  # (time, component)
        known = np.where(missing, 0.0, table)
        # for each gene its own normal equations, on its own times
        squares = np.einsum("gt,tk,tl->gkl", ~missing, axes, axes, optimize=True)
        squares += self.penalty_ * np.eye(axes.shape[1])
        scores = np.linalg.solve(squares, (known @ axes)[..., None])[..., 0]
        return np.where(missing, scores @ axes.T, table)


def make_imputer(
    name: str,
    *,
    times: ArrayLike | None = None,
    courses: ArrayLike | None = None,
    shrinkage: float = 0.1,
) -> Any:
    """Return one of ``METHODS``, not fitted, for tables with their rows centred.

    Parameters
    ----------
    times, courses
        ``(time,)``, for lines and splines.
    shrinkage
        For soft-impute: see :func:`choose_shrinkage`.

    Notes
    -----
    Neighbours: the ten genes whose observed values are nearest, weighted by one over
    their distance (Troyanskaya et al. 2001, doi:10.1093/bioinformatics/17.6.520; ten is
    the number that Bioconductor's package impute takes). A column without any value is
    filled with zero by neighbours, column means and soft-impute: with rows centred, the
    gene's own mean.
    """
    if name not in METHODS:
        raise ValueError(f"name must be one of {METHODS}, got {name!r}")
    if name == "row mean":
        return RowMean()
    if name == "column mean":
        return SimpleImputer(keep_empty_features=True)
    if name == "neighbours":
        return KNNImputer(
            n_neighbors=N_NEIGHBOURS, weights="distance", keep_empty_features=True
        )
    if name == "soft-impute":
        return SoftImpute(shrinkage)
    return TimeInterpolator(times, name, courses)


def choose_shrinkage(
    x: ArrayLike,
    pattern: str,
    seed: int,
    *,
    courses: ArrayLike | None = None,
    centre: bool = True,
) -> float:
    """Return the one of ``SHRINKAGES`` that best restores values hidden once more.

    Parameters
    ----------
    x
        ``(gene, time)`` as an analyst has it: what is to be filled is NaN already.
    pattern, seed, courses
        A tenth is hidden in this pattern: see :func:`genex_helpers.hiding.hide_values`.
    centre
        Centre the rows on what is left then.
    """
    hidden_x, hidden = hide_values(x, pattern, INNER_SHARE, seed, courses=courses)
    truth = np.asarray(x, dtype=float)
    if centre:
        truth = centred_truth(x, hidden_x, courses)
        hidden_x = centre_rows(hidden_x, courses)
    errors = [
        ((SoftImpute(s).fit_transform(hidden_x) - truth)[hidden] ** 2).mean()
        for s in SHRINKAGES
    ]
    return SHRINKAGES[int(np.argmin(errors))]


def _require_observed(part: Floats, what: str) -> None:
    """Raise where nothing is observed of a gene."""
    empty = np.flatnonzero(np.isnan(part).all(axis=1))
    if len(empty):
        raise ValueError(
            f"nothing is observed in {what} for rows {empty[:5].tolist()}"
            f"{' and more' if len(empty) > 5 else ''}: leave them out, or use a method "
            "that borrows from other genes"
        )
