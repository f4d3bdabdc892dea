"""Counts and intensities made comparable: by depth, by length, by gene, by array.

What is learnt from data (a reference sample, means, a target distribution) is learnt
by ``fit`` from the training samples alone, and then applied to new ones. Counts per
million are in :mod:`genex_helpers.preprocessing`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from .preprocessing import counts_per_million

if TYPE_CHECKING:
    from sklearn.utils import Tags

FloatArray = NDArray[np.float64]


def rpkm(counts: ArrayLike, lengths: ArrayLike) -> FloatArray:
    """Reads per kilobase of transcript and million reads, ``(sample, gene)``.

    FPKM is the same division of other counts: fragments instead of reads. Where both
    ends of a fragment are read, its two reads are one fragment.

    Parameters
    ----------
    counts
        ``(sample, gene)`` reads or fragments.
    lengths
        ``(gene,)`` length of the messenger RNA in bases, introns left out.

    Raises
    ------
    ValueError
        If the counts are not counts, a sample is empty, or a length is missing or not
        above 0.

    References
    ----------
    Mortazavi et al. 2008, doi:10.1038/nmeth.1226.
    """
    per_million = counts_per_million(counts)  # (sample, gene)
    result: FloatArray = per_million / _kilobases(lengths, per_million.shape[1])
    return result


def tpm(counts: ArrayLike, lengths: ArrayLike) -> FloatArray:
    """Transcripts per million, ``(sample, gene)``: shares of molecules, not of reads.

    Reads per kilobase, divided by their sum over the genes of the same sample. So every
    sample has the same sum and the same mean, as RPKM has not; the values are RPKM
    rescaled by one number a sample. The lengths are used as they are: nothing is taken
    off for the length of a fragment.

    Parameters
    ----------
    counts
        ``(sample, gene)`` reads or fragments.
    lengths
        ``(gene,)`` length of the messenger RNA in bases, introns left out.

    Raises
    ------
    ValueError
        If the counts are not counts, a sample is empty, or a length is missing or not
        above 0.

    References
    ----------
    Wagner et al. 2012, doi:10.1007/s12064-012-0162-3.
    """
    rates = rpkm(counts, lengths)  # (sample, gene); the depth cancels below
    result: FloatArray = rates / rates.sum(axis=1, keepdims=True) * 1e6
    return result


def log2_plus(x: ArrayLike, pseudocount: float = 1.0) -> FloatArray:
    """Return ``log2(x + pseudocount)``, of any shape; NaN stays NaN.

    The pseudocount is in the unit of ``x``: 1 means one read in a table of counts, and
    one read in a million in a table of CPM.

    Raises
    ------
    ValueError
        If a value is negative or infinite (already on a logarithmic scale?), or the
        pseudocount is not above 0.
    """
    values = np.asarray(x, dtype=float)
    if not 0 < pseudocount < np.inf:
        raise ValueError(f"pseudocount must be a number above 0, got {pseudocount}")
    if (values < 0).any() or np.isinf(values).any():
        raise ValueError(
            "x must be finite and not negative: is it on a logarithmic scale already?"
        )
    logs: FloatArray = np.log2(values + pseudocount)
    return logs


class SizeFactors(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Depth of each sample as its median ratio to a reference sample.

    The reference is the geometric mean of each gene over the training samples. A
    sample's factor is the median, over genes, of its ratio to that reference, so a few
    genes that take many reads do not move it. Genes with a zero in a training sample
    have no geometric mean and are left out; of a new sample, so are its own zeros.

    Values of new samples are measured against the training reference, which therefore
    learns nothing from them.

    Attributes
    ----------
    log_reference_
        ``(gene,)`` mean natural logarithm of the training counts; ``-inf`` for genes
        that are left out.

    References
    ----------
    Anders and Huber 2010, doi:10.1186/gb-2010-11-10-r106, equation 5. DESeq2 divides
    the factors by their geometric mean as well when it is given a reference; we do not,
    because then a sample's factor would depend on the samples beside it.
    """

    def fit(self, counts: ArrayLike, y: object = None) -> SizeFactors:
        """Store the reference of ``counts`` ``(sample, gene)``; labels are ignored.

        Raises
        ------
        ValueError
            If the counts are not counts, or every gene has a zero somewhere.
        """
        table = _counts(self, counts, reset=True)
        with np.errstate(divide="ignore"):  # a zero count: -inf, as it should be
            reference: FloatArray = np.log(table).mean(axis=0)
        if not np.isfinite(reference).any():
            raise ValueError(
                "every gene has a zero in some training sample, so no reference can be "
                "made: leave out the emptiest samples"
            )
        self.log_reference_ = reference
        return self

    def size_factors(self, counts: ArrayLike) -> FloatArray:
        """Return the factor of each sample, ``(sample,)``.

        Raises
        ------
        ValueError
            If a sample has no read in any gene of the reference.
        """
        check_is_fitted(self)
        return self._factors(_counts(self, counts, reset=False))

    def transform(self, counts: ArrayLike) -> FloatArray:
        """Return ``counts`` ``(sample, gene)`` divided by each sample's factor."""
        check_is_fitted(self)
        table = _counts(self, counts, reset=False)
        scaled: FloatArray = table / self._factors(table)[:, np.newaxis]
        return scaled

    def _factors(self, table: FloatArray) -> FloatArray:
        used = np.isfinite(self.log_reference_) & (table > 0)  # (sample, gene)
        empty = np.flatnonzero(~used.any(axis=1)).tolist()
        if empty:
            raise ValueError(f"samples {empty} have no read in a gene of the reference")
        with np.errstate(divide="ignore", invalid="ignore"):  # masked in the next line
            ratios = np.log(table) - self.log_reference_
        factors: FloatArray = np.exp(np.nanmedian(np.where(used, ratios, np.nan), 1))
        return factors

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        return tags


class GeneScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """z-scores by gene, for tables ``(sample, gene)`` and for sequences.

    Each gene loses its mean and is divided by its standard deviation (by n, not n - 1)
    over the training samples: of sequences ``(batch, time, gene)``, over all times of
    the training subjects. NaN means missing: it counts for nothing and stays NaN.

    Genes that do not vary over the training samples have no z-score. They are refused,
    not passed on as zeros; :class:`sklearn.feature_selection.VarianceThreshold` drops
    them in a pipeline.

    Attributes
    ----------
    mean_, scale_
        ``(gene,)`` float64.
    """

    def fit(self, x: ArrayLike, y: object = None) -> GeneScaler:
        """Learn from ``x``, ``(sample, gene)`` or ``(batch, time, gene)``.

        Raises
        ------
        ValueError
            If ``x`` has another shape or an infinite value, or a gene is never measured
            or does not vary.
        """
        flat, _ = _flat(self, x, reset=True)
        if len(flat) < 2:
            raise ValueError("x has 1 sample: a spread needs two or more")
        _refuse(np.isnan(flat).all(axis=0), "are not measured in any training sample")
        _refuse(_constant(flat, axis=0), "do not vary over the training samples")
        self.mean_: FloatArray = np.nanmean(flat, axis=0, dtype=float)
        self.scale_: FloatArray = np.nanstd(flat, axis=0, dtype=float)
        return self

    def transform(self, x: ArrayLike) -> NDArray[np.floating[Any]]:
        """Return z-scores in the shape of ``x``."""
        check_is_fitted(self)
        flat, shape = _flat(self, x, reset=False)
        scores = (flat - self.mean_) / self.scale_
        return scores.astype(flat.dtype).reshape(shape)

    def inverse_transform(self, x: ArrayLike) -> NDArray[np.floating[Any]]:
        """Return values in the unit of the training samples from z-scores ``x``."""
        check_is_fitted(self)
        flat, shape = _flat(self, x, reset=False)
        values = flat * self.scale_ + self.mean_
        return values.astype(flat.dtype).reshape(shape)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.three_d_array = True
        return tags


def zscore_by_sample(x: ArrayLike) -> FloatArray:
    """z-scores of each sample over its own genes, the last axis of ``x``.

    Nothing is learnt from other samples. NaN means missing and stays NaN; a sample
    without a single value (a gap in a series) stays a gap.

    Parameters
    ----------
    x
        ``(sample, gene)`` or ``(batch, time, gene)``.

    Raises
    ------
    ValueError
        If ``x`` has another shape or an infinite value, or a sample does not vary over
        its genes.
    """
    values = np.asarray(x, dtype=float)
    if values.ndim not in (2, 3):
        raise ValueError(
            f"x must be (sample, gene) or (batch, time, gene), got shape {values.shape}"
        )
    if np.isinf(values).any():
        raise ValueError("x has infinite values")
    flat = values.reshape(-1, values.shape[-1])  # (sample, gene)
    measured = ~np.isnan(flat).all(axis=1)
    constant = np.zeros(len(flat), dtype=bool)
    constant[measured] = _constant(flat[measured], axis=1)
    _refuse(constant, "do not vary over their genes", what="samples")
    scores = np.full_like(flat, np.nan)
    present = flat[measured]
    centred = present - np.nanmean(present, axis=1, keepdims=True)
    scores[measured] = centred / np.nanstd(present, axis=1, keepdims=True)
    return scores.reshape(values.shape)


class QuantileNormaliser(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Give every array the distribution of values of the training arrays.

    The target is the mean of the sorted values of the training arrays ``(sample,
    gene)``. A gene gets the target value at its own rank within its array. Tied genes
    share their mean rank, and the target is interpolated where that is no whole number,
    so they stay tied.

    Attributes
    ----------
    target_
        ``(gene,)`` ascending.

    References
    ----------
    Bolstad et al. 2003, doi:10.1093/bioinformatics/19.2.185.
    """

    def fit(self, x: ArrayLike, y: object = None) -> QuantileNormaliser:
        """Learn the target from arrays ``(sample, gene)`` without missing values."""
        table = _validated(self, x, reset=True, allow_nan=False)
        self.target_: FloatArray = np.sort(table, axis=1).mean(axis=0, dtype=float)
        return self

    def transform(self, x: ArrayLike) -> FloatArray:
        """Return arrays ``(sample, gene)`` with the distribution of the target."""
        from scipy.stats import rankdata

        check_is_fitted(self)
        table = _validated(self, x, reset=False, allow_nan=False)
        ranks = rankdata(table, axis=1) - 1  # (sample, gene), from 0
        places = np.arange(table.shape[1])
        levelled: FloatArray = np.interp(ranks, places, self.target_)
        return levelled


def _kilobases(lengths: ArrayLike, n_genes: int) -> FloatArray:
    bases = np.asarray(lengths, dtype=float)
    if bases.shape != (n_genes,):
        raise ValueError(
            f"lengths must be one number a gene, ({n_genes},), got shape {bases.shape}"
        )
    wrong = int((~(bases > 0) | np.isinf(bases)).sum())
    if wrong:
        raise ValueError(
            f"{wrong} of {n_genes} lengths are missing or not above 0: select the "
            "genes of known length first (only their reads then make up the library)"
        )
    kilobases: FloatArray = bases / 1000
    return kilobases


def _counts(estimator: BaseEstimator, counts: ArrayLike, *, reset: bool) -> FloatArray:
    """Return counts ``(sample, gene)`` in float64."""
    table = _validated(estimator, counts, reset=reset, allow_nan=False)
    if (table < 0).any():
        raise ValueError(
            "Negative values in data passed to SizeFactors: counts cannot be negative"
        )
    return table.astype(float)


def _flat(
    estimator: BaseEstimator, x: ArrayLike, *, reset: bool
) -> tuple[NDArray[np.floating[Any]], tuple[int, ...]]:
    """Return samples × genes from a table or from sequences, and the shape of ``x``."""
    if not (isinstance(x, np.ndarray) and x.ndim == 3):
        table = _validated(estimator, x, reset=reset, allow_nan=True)
        return table, table.shape
    rows = x.reshape(-1, x.shape[2])  # (batch * time, gene)
    return _validated(estimator, rows, reset=reset, allow_nan=True), x.shape


def _validated(
    estimator: BaseEstimator, x: ArrayLike, *, reset: bool, allow_nan: bool
) -> NDArray[np.floating[Any]]:
    """Let scikit-learn check a table, whichever version it is (1.6 moved the names)."""
    finite = "allow-nan" if allow_nan else True
    dtypes = [np.float64, np.float32]
    try:
        from sklearn.utils.validation import validate_data
    except ImportError:  # scikit-learn before 1.6
        old: NDArray[np.floating[Any]] = estimator._validate_data(
            x, reset=reset, dtype=dtypes, force_all_finite=finite
        )
        return old
    table: NDArray[np.floating[Any]] = validate_data(
        estimator, x, reset=reset, dtype=dtypes, ensure_all_finite=finite
    )
    return table


def _constant(x: NDArray[np.floating[Any]], axis: int) -> NDArray[np.bool_]:
    """Say where values along ``axis`` differ by no more than rounding."""
    span = np.nanmax(x, axis=axis) - np.nanmin(x, axis=axis)
    size = np.nanmax(np.abs(x), axis=axis)
    constant: NDArray[np.bool_] = span <= 10 * np.finfo(x.dtype).eps * size
    return constant


def _refuse(bad: NDArray[np.bool_], why: str, what: str = "genes") -> None:
    if bad.any():
        rows = np.flatnonzero(bad)
        shown = ", ".join(map(str, rows[:5])) + (", …" if len(rows) > 5 else "")
        raise ValueError(f"{len(rows)} of {len(bad)} {what} {why}: {shown}")
