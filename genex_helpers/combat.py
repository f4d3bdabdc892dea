"""ComBat: batch effects as a shift and a scale for each gene, shrunk over the genes.

Johnson, Li and Rabinovic 2007 (doi:10.1093/biostatistics/kxj037), the parametric form,
with the conventions of R's sva 3.46 (which of its variances divide by n and which by
n - 1, and when its iteration stops), so that the numbers agree.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

CONVERGED = 1e-4
MOST_ITERATIONS = 1000


class ComBat(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Remove a shift and a scale for each batch and gene, learned on training samples.

    With α the mean of a gene, β the effects of covariates C and σ its spread, sample i
    of batch b is taken to be ``α + C_i β + σ (γ_b + δ_b ε_i)``. ``transform`` puts back
    ``α + C_i β + σ ε_i``. Each batch's γ and δ² are shrunk towards their mean over
    genes (empirical Bayes), which matters for batches of a few samples.

    A batch has to be in the training samples: its shift cannot be known otherwise. So
    leaving a whole batch out, the honest test of a new laboratory, is impossible with
    this correction.

    Parameters
    ----------
    mean_only
        Remove the shift and leave the scale. Needed where a batch has one sample. As
        in sva every shift is then shrunk as if its batch had one, so that of large
        batches too a good part stays.

    Attributes
    ----------
    batches_
        Names of the batches, ascending.
    adjusted_
        ``(gene,)``, False for genes that are constant within a batch of two or more;
        they are left as they are, as in sva.
    mean_, scale_
        α and σ, ``(gene,)``.
    effects_
        β, ``(covariate column, gene)``.
    shift_raw_, shift_
        γ before and after shrinking, ``(batch, gene)``, in units of σ.
    variance_raw_, variance_
        δ² before and after shrinking, ``(batch, gene)``.

    Notes
    -----
    With covariates the correction needs them of every sample that it transforms (only
    for the scale; not with ``mean_only``). If the covariate is the label that is to be
    predicted, nobody knows it for a new sample.
    """

    def __init__(self, *, mean_only: bool = False) -> None:
        self.mean_only = mean_only

    def fit(
        self,
        X: ArrayLike,
        y: object = None,
        *,
        batch: ArrayLike,
        covariates: Any = None,
    ) -> ComBat:
        """Learn shift and scale of each batch.

        Parameters
        ----------
        X
            ``(sample, gene)`` on a logarithmic scale, training samples only.
        y
            Ignored.
        batch
            ``(sample,)`` names of the batches.
        covariates
            What shall be kept: ``(sample,)`` or ``(sample, covariate)``. Words and
            truth values are taken as classes, numbers as numbers.

        Raises
        ------
        ValueError
            If a value is missing, there are fewer than two batches or two genes, a
            batch has one sample (unless ``mean_only``), or the design does not allow to
            tell the covariates from the batches.
        """
        x = _table(X, fewest=2)
        self.n_features_in_ = x.shape[1]
        _keep_names(self, X)
        names = _one_per_sample("batch", batch, len(x))
        self.batches_, codes = np.unique(names, return_inverse=True)
        self._check_sizes(np.bincount(codes))
        self._learn_classes(covariates, len(x))
        kept = self._design(covariates, len(x))
        batches: Floats = np.eye(len(self.batches_))[codes]
        _check_design(batches, kept, self.batches_)
        self.adjusted_ = ~_constant_within(x, codes)
        if self.adjusted_.sum() < 2:
            raise ValueError(
                f"X has {int(self.adjusted_.sum())} genes that vary within every "
                "batch; expected two or more"
            )
        self._learn(x[:, self.adjusted_], batches, kept)
        return self

    def transform(
        self, X: ArrayLike, *, batch: ArrayLike, covariates: Any = None
    ) -> Floats:
        """Return ``X`` with the shift and the scale of its batches removed.

        Raises
        ------
        ValueError
            If a batch was not in the training samples, a value or a covariate that is
            needed is missing, or X has other genes.
        """
        check_is_fitted(self)
        x = _table(X)
        self._check_genes(X, x)
        names = _one_per_sample("batch", batch, len(x))
        unseen = sorted(set(names.tolist()) - set(self.batches_.tolist()))
        if unseen:
            raise ValueError(
                f"batch has {unseen}, of which no sample was trained on; known: "
                f"{self.batches_.tolist()}. What a batch does to a gene can only be "
                "learned from samples of that batch, so a new batch cannot be corrected"
            )
        codes = np.searchsorted(self.batches_, names)
        own = self.mean_ + self._kept_part(covariates, len(x))  # (sample, gene)
        z = (x[:, self.adjusted_] - own) / self.scale_
        z = (z - self.shift_[codes]) / np.sqrt(self.variance_[codes])
        corrected = x.copy()
        corrected[:, self.adjusted_] = z * self.scale_ + own
        return corrected

    def fit_transform(
        self,
        X: ArrayLike,
        y: object = None,
        *,
        batch: ArrayLike,
        covariates: Any = None,
    ) -> Floats:
        """Fit, and return the training samples corrected."""
        fitted = self.fit(X, y, batch=batch, covariates=covariates)
        return fitted.transform(X, batch=batch, covariates=covariates)

    def _learn(self, x: Floats, batches: Floats, kept: Floats) -> None:
        """Estimate everything from ``(sample, gene)`` and two designs."""
        n_batches, n_samples = batches.shape[1], len(x)
        sizes = batches.sum(axis=0)
        design = np.hstack([batches, kept])
        effects = np.linalg.lstsq(design, x, rcond=None)[0]
        self.mean_ = sizes / n_samples @ effects[:n_batches]
        self.effects_ = effects[n_batches:]
        # sva divides by n here, and by n - 1 in the variances of batches below
        self.scale_ = np.sqrt(((x - design @ effects) ** 2).mean(axis=0))
        z = (x - self.mean_ - kept @ self.effects_) / self.scale_
        members = [z[column == 1] for column in batches.T]
        self.shift_raw_ = np.array([part.mean(axis=0) for part in members])
        if self.mean_only:
            self.variance_raw_ = np.ones_like(self.shift_raw_)
            self.shift_ = np.array([_shrunk_shift(row) for row in self.shift_raw_])
            self.variance_ = self.variance_raw_
            return
        self.variance_raw_ = np.array([part.var(axis=0, ddof=1) for part in members])
        pairs = [
            _shrink(part, shift, variance)
            for part, shift, variance in zip(
                members, self.shift_raw_, self.variance_raw_, strict=True
            )
        ]
        self.shift_ = np.array([shift for shift, _ in pairs])
        self.variance_ = np.array([variance for _, variance in pairs])

    def _check_sizes(self, sizes: Codes) -> None:
        if len(sizes) < 2:
            raise ValueError(f"batch has {len(sizes)} batch; expected two or more")
        alone = self.batches_[sizes == 1].tolist()
        if alone and not self.mean_only:
            raise ValueError(
                f"batches {alone} have one sample each: it shows a shift but no "
                "spread. Use mean_only=True, for all batches alike, or leave them out"
            )

    def _learn_classes(self, covariates: Any, n_samples: int) -> None:
        """Remember the classes of each covariate; None for numbers."""
        self.n_covariates_ = 0 if covariates is None else _frame(covariates).shape[1]
        self.classes_of_covariates_: list[NDArray[Any] | None] = []
        if covariates is None:
            return
        frame = _frame(covariates)
        if len(frame) != n_samples:
            raise ValueError(
                f"covariates has {len(frame)} rows; expected {n_samples}, as X"
            )
        for column in frame:
            is_number = pd.api.types.is_numeric_dtype(frame[column])
            is_number &= not pd.api.types.is_bool_dtype(frame[column])
            words = frame[column].astype(str).to_numpy(dtype=str)
            self.classes_of_covariates_.append(None if is_number else np.unique(words))

    def _design(self, covariates: Any, n_samples: int) -> Floats:
        """Return ``(sample, column)``: a number, or all classes but the first."""
        columns: list[Floats] = []
        if covariates is None:
            return np.empty((n_samples, 0))
        frame = _frame(covariates)
        if frame.shape != (n_samples, self.n_covariates_):
            raise ValueError(
                f"covariates must be ({n_samples}, {self.n_covariates_}), as in fit, "
                f"got {frame.shape}"
            )
        if frame.isna().to_numpy().any():
            rows = np.flatnonzero(frame.isna().to_numpy().any(axis=1))[:5].tolist()
            raise ValueError(f"covariates are missing for samples {rows}")
        for place, classes in enumerate(self.classes_of_covariates_):
            column = frame.iloc[:, place]
            if classes is None:
                columns.append(column.to_numpy(dtype=float)[:, None])
                continue
            words = column.astype(str).to_numpy(dtype=str)
            new = sorted(set(words.tolist()) - set(classes.tolist()))
            if new:
                raise ValueError(f"covariates have {new}, not in the training samples")
            columns.append((words[:, None] == classes[1:]).astype(float))
        return np.hstack(columns)

    def _kept_part(self, covariates: Any, n_samples: int) -> Floats:
        """Return C β, ``(sample, gene)``; it cancels where the scale is left alone."""
        if self.n_covariates_ == 0 and covariates is not None:
            raise ValueError("covariates were given, but there were none in fit")
        if self.n_covariates_ == 0 or (self.mean_only and covariates is None):
            return np.zeros((n_samples, len(self.mean_)))
        if covariates is None:
            raise ValueError(
                "covariates are needed, as in fit: a spread is scaled around the mean "
                "of a sample's own class. For samples whose class is not known, fit "
                "without it or use mean_only=True"
            )
        kept: Floats = self._design(covariates, n_samples) @ self.effects_
        return kept

    def _check_genes(self, given: Any, x: Floats) -> None:
        if x.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has {x.shape[1]} features, but {type(self).__name__} is expecting "
                f"{self.n_features_in_} features as input"
            )
        names = getattr(self, "feature_names_in_", None)
        if names is not None and isinstance(given, pd.DataFrame):
            if list(given.columns) != names.tolist():
                raise ValueError("X has other genes than in fit, or in another order")


def _shrink(z: Floats, shift: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """Return the posterior shift and variance of one batch, ``(gene,)`` each.

    ``z`` is ``(sample, gene)``. The shift has a normal prior, the variance an inverse
    gamma one; their moments over genes give both priors.
    """
    prior, spread = shift.mean(), shift.var(ddof=1)
    centre, width = variance.mean(), variance.var(ddof=1)
    if width == 0:
        raise ValueError("all genes have the same variance: no prior can be learned")
    a = (2 * width + centre**2) / width
    b = (centre * width + centre**3) / width
    n = len(z)
    old, old_variance = shift, variance
    for _ in range(MOST_ITERATIONS):
        new = (n * spread * shift + old_variance * prior) / (n * spread + old_variance)
        squares = ((z - new) ** 2).sum(axis=0)
        new_variance = (squares / 2 + b) / (n / 2 + a - 1)
        # As in sva, the change of a negative shift counts as negative, so not at all.
        moved = max(
            (abs(new - old) / old).max(),
            (abs(new_variance - old_variance) / old_variance).max(),
        )
        old, old_variance = new, new_variance
        if moved <= CONVERGED:
            return new, new_variance
    raise ValueError(
        f"no agreement of shift and variance after {MOST_ITERATIONS} rounds; is X on "
        "a logarithmic scale?"
    )


def _shrunk_shift(shift: Floats) -> Floats:
    """Return the posterior shift without scale; sva counts a batch as one sample."""
    prior, spread = shift.mean(), shift.var(ddof=1)
    shrunk: Floats = (spread * shift + prior) / (spread + 1)
    return shrunk


def _check_design(batches: Floats, kept: Floats, names: NDArray[Any]) -> None:
    """Refuse covariates that the batches determine, and say which batches do."""
    design = np.hstack([batches, kept])
    if len(design) <= design.shape[1]:
        raise ValueError(
            f"X has {len(design)} samples, and batches and covariates take "
            f"{design.shape[1]}: nothing is left to learn a spread from"
        )
    if np.linalg.matrix_rank(design) == design.shape[1]:
        return
    of_one = [
        name
        for name, column in zip(names.tolist(), batches.T, strict=True)
        if (np.ptp(kept[column == 1], axis=0) == 0).all()
    ]
    raise ValueError(
        "covariates are confounded with batch (or with one another): the design has "
        f"{design.shape[1]} columns and rank {np.linalg.matrix_rank(design)}. Batches "
        f"in which no covariate varies: {of_one}. No arithmetic can tell what came "
        "from the batch and what from the covariate"
    )


def _constant_within(x: Floats, codes: Codes) -> NDArray[np.bool_]:
    """Return ``(gene,)``, whether a gene is constant in a batch of two or more."""
    parts = [x[codes == code] for code in np.unique(codes)]
    flat = [np.ptp(part, axis=0) == 0 for part in parts if len(part) > 1]
    constant: NDArray[np.bool_] = np.any(flat, axis=0)
    return constant if flat else np.ptp(x, axis=0) == 0


def _table(values: ArrayLike, fewest: int = 1) -> Floats:
    """Return ``(sample, gene)`` in double precision; name the first missing values."""
    x: Floats = check_array(
        values,
        dtype=np.float64,
        **_LETS_NAN_PASS,
        ensure_min_features=fewest,
        ensure_min_samples=fewest,
        estimator="ComBat",
    )
    if not np.isfinite(x).all():
        kind = "NaN" if np.isnan(x).any() else "inf"
        rows, columns = np.nonzero(~np.isfinite(x))
        first = list(zip(rows[:3].tolist(), columns[:3].tolist(), strict=True))
        raise ValueError(
            f"X contains {kind}: {len(rows)} values, the first at (sample, gene) "
            f"{first}. Fill or leave out those genes first, and say how"
        )
    return x


def _one_per_sample(name: str, values: ArrayLike, n_samples: int) -> NDArray[Any]:
    found = np.asarray(values)
    if found.shape != (n_samples,):
        raise ValueError(
            f"{name} must have one entry a sample, ({n_samples},), got {found.shape}"
        )
    missing = np.flatnonzero(pd.isna(found))
    if len(missing):
        raise ValueError(f"{name} is missing for samples {missing[:5].tolist()}")
    # objects become words or numbers, whichever they are
    return np.array(found.tolist()) if found.dtype == object else found


def _frame(covariates: Any) -> pd.DataFrame:
    if isinstance(covariates, pd.Series):
        return covariates.to_frame()
    return pd.DataFrame(covariates)


def _keep_names(estimator: Any, given: Any) -> None:
    """Remember the names of genes, as scikit-learn does."""
    if hasattr(estimator, "feature_names_in_"):
        del estimator.feature_names_in_
    if isinstance(given, pd.DataFrame):
        if all(isinstance(name, str) for name in given.columns):
            estimator.feature_names_in_ = given.columns.to_numpy(dtype=object)


def _nan_option() -> dict[str, Any]:
    """Return the option of `check_array` that lets NaN pass; renamed in 1.6."""
    from inspect import signature

    known = "ensure_all_finite" in signature(check_array).parameters
    return {"ensure_all_finite" if known else "force_all_finite": False}


_LETS_NAN_PASS = _nan_option()
