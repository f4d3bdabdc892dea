"""What the values say about themselves: their scale, and what looks wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genex_helpers.own_data.memory import available_memory
from genex_helpers.own_data.problems import (
    AlreadyLoggedWarning,
    ConstantGenesWarning,
    EmptyGenesWarning,
    EmptySamplesWarning,
    MissingValuesWarning,
    MixedScalesWarning,
    NegativeCountsError,
    NegativeCountsWarning,
    NonIntegerCountsWarning,
    NotLoggedWarning,
)
from genex_helpers.own_data.report import Report, listed

if TYPE_CHECKING:
    from anndata import AnnData

Values = NDArray[np.floating[Any]]

COUNTS, LOG = "counts", "log"
UNITS_SAID = ("detect", COUNTS, LOG)
# 2 to the 30th is a thousand million: no logarithm of expression goes beyond
LOG_LIMIT = 30.0
_BASES = {"log2": 2.0, "natural log": float(np.e), "log10": 10.0}
# taken back, a rounded logarithm of a large count is no longer near a whole number
_SMALL_COUNTS = (30, 300, 3000)
_NEAR_WHOLE, _MOSTLY = 0.05, 0.95
_ENOUGH = 20
_MILLION, _LIKE_A_MILLION = 1e6, 0.02
_SCALE_RATIO = 5.0


@dataclass(frozen=True)
class Scale:
    """What the values seem to be.

    Attributes
    ----------
    kind
        ``"counts"``, ``"logged counts"``, ``"log"``, ``"log ratios"``,
        ``"per million"``, ``"linear"``, ``"negative"`` or ``"nothing"``.
    why
        In words, with the numbers.
    """

    kind: str
    why: str


def check_values(adata: AnnData, units: str, report: Report) -> None:
    """Judge the values of an AnnData; note the scale, and warn of what looks wrong.

    Parameters
    ----------
    adata
        Samples × genes; X dense or sparse. Nothing is changed.
    units
        ``"counts"`` or ``"log"`` if the owner says so, else ``"detect"``.

    Raises
    ------
    NegativeCountsError
        If values called counts are negative.
    """
    if units not in UNITS_SAID:
        raise ValueError(f"units={units!r}; expected one of {UNITS_SAID}")
    values = _dense(adata, report)
    samples, genes = adata.obs_names, adata.var_names
    _note_missing(values, samples, report)
    scale = guess_scale(values)
    report.note("scale", scale.kind)
    report.note("scale_evidence", scale.why)
    report.note("units", units if units != "detect" else f"{scale.kind} (detected)")
    _compare(values, scale, units, samples, genes, report)
    _check_samples(values, samples, report)
    if values.shape[0] == adata.n_obs:
        _check_genes(values, genes, report)
    if scale.kind != "counts":
        _check_mixed(values, samples, report)


def guess_scale(values: Values) -> Scale:
    """Say what a table ``(sample, gene)`` seems to hold; missing values are ignored."""
    known = values[np.isfinite(values)]
    if known.size == 0:
        return Scale("nothing", "all values are missing")
    low, high = float(known.min()), float(known.max())
    whole = bool((known == np.round(known)).all())
    span = f"from {low:.4g} to {high:.4g}"
    if low < 0:
        if max(-low, high) <= LOG_LIMIT:
            return Scale("log ratios", f"{span}, on both sides of zero")
        return Scale("negative", f"{span}: too large for logarithms, and negative")
    if whole:
        return Scale("counts", f"whole numbers {span}")
    base = logged_counts(values)
    if base is not None:
        return Scale("logged counts", f"{base}(count + 1) of whole numbers: {span}")
    totals = np.nansum(values, axis=1)
    if (abs(totals / _MILLION - 1) < _LIKE_A_MILLION).all():
        return Scale(
            "per million", f"each sample sums to a million (TPM or CPM): {span}"
        )
    if high <= LOG_LIMIT:
        return Scale("log", f"fractions {span}, small enough for logarithms")
    return Scale("linear", f"fractions {span}, too large for logarithms")


def logged_counts(values: Values) -> str | None:
    """Return the base if the values are log(count + 1), ``None`` if they are not.

    Taken back, small values must be near whole numbers; by chance one in ten would be.
    """
    known = values[np.isfinite(values)]
    if known.size == 0 or known.min() < 0 or known.max() > LOG_LIMIT:
        return None
    for name, base in _BASES.items():
        back = base ** known[known > 0].astype(float) - 1
        small = next((n for n in _SMALL_COUNTS if (back < n).sum() >= _ENOUGH), None)
        if small is None:
            continue
        back = back[back < small]
        near = abs(back - np.round(back)) < _NEAR_WHOLE
        different = np.unique(np.round(back[near])).size
        if near.mean() >= _MOSTLY and different >= 3:
            return name
    return None


def _dense(adata: AnnData, report: Report) -> Values:
    """Return the values as an array, of evenly spread samples where it is too large."""
    table, rows = adata.X, adata.n_obs
    if not hasattr(table, "toarray"):
        return np.asarray(table)
    # the checks take some four times the values
    free = available_memory()
    size = rows * adata.n_vars * table.dtype.itemsize
    if free is not None and size > free / 8:
        rows = max(1, int(rows * free / 8 / size))
        chosen = np.linspace(0, adata.n_obs - 1, rows).astype(int)
        report.note("checked", f"{rows} of {adata.n_obs} samples, evenly spread")
        table = table[chosen]
    return np.asarray(table.toarray())


def _note_missing(values: Values, samples: Any, report: Report) -> None:
    missing = np.isnan(values)
    n = int(missing.sum())
    report.note("missing_values", n)
    if n:
        rows = np.flatnonzero(missing.any(axis=1))
        genes = int(missing.any(axis=0).sum())
        report.warn(
            MissingValuesWarning,
            f"missing values: {n} of {values.size}, in samples "
            f"{listed(samples[rows])} (genes with one or more: {genes}); they stay NaN",
        )


def _compare(
    values: Values, scale: Scale, units: str, samples: Any, genes: Any, report: Report
) -> None:
    """Hold what the owner says, or may take for granted, against the values."""
    if scale.kind == "logged counts" and units != LOG:
        report.warn(
            AlreadyLoggedWarning,
            f"the values are {scale.why}; do not take logarithms again, and do not use "
            "a method that needs counts",
        )
    elif units == COUNTS and scale.kind in ("log", "log ratios") and _fractions(values):
        report.warn(
            AlreadyLoggedWarning,
            f'units="counts" was given, but the values look logged: {scale.why}',
        )
    elif units == LOG and scale.kind in ("counts", "per million", "linear"):
        if float(np.nanmax(values)) > LOG_LIMIT:
            report.warn(
                NotLoggedWarning,
                f'units="log" was given, but the values are too large: {scale.why}',
            )
    elif units != LOG and scale.kind in ("linear", "per million"):
        report.warn(
            NonIntegerCountsWarning,
            f"the values are not raw counts: {scale.why}. They may be TPM, FPKM, "
            "normalised or expected counts (RSEM, salmon), or array intensities; a "
            "method that needs raw counts does not apply",
        )
    _check_negative(values, units, samples, genes, report)


def _check_negative(
    values: Values, units: str, samples: Any, genes: Any, report: Report
) -> None:
    rows, columns = np.nonzero(values < 0)
    if not len(rows):
        return
    shown = ", ".join(
        f"{genes[j]!r} in {samples[i]!r} ({values[i, j]:.4g})"
        for i, j in list(zip(rows, columns, strict=True))[:5]
    )
    if units == COUNTS and not _fractions(values):
        raise NegativeCountsError(
            f'negative values: {len(rows)}, as in {shown}; units="counts" was '
            "given, and a count is zero or more"
        )
    if units == COUNTS:
        raise NegativeCountsError(
            f'units="counts" was given, but values are negative ({len(rows)}, as in '
            f"{shown}) or fractions. They may be log ratios or corrected values"
        )
    whole = not _fractions(values)
    large = float(np.nanmax(np.abs(values))) > LOG_LIMIT
    if units == "detect" and (whole or large):
        report.warn(
            NegativeCountsWarning,
            f"negative values: {len(rows)}, as in {shown}; the others look like "
            "counts or intensities, which never are. They may stand for missing "
            "values, or come from background or batch correction",
        )


def _fractions(values: Values) -> bool:
    known = values[np.isfinite(values)]
    return bool((known != np.round(known)).any())


def _check_samples(values: Values, samples: Any, report: Report) -> None:
    if not values.size or len(samples) != len(values):
        return
    empty = np.flatnonzero((np.isnan(values) | (values == 0)).all(axis=1))
    if len(empty):
        report.warn(
            EmptySamplesWarning,
            f"samples with only zeros or missing values: {listed(samples[empty])}",
        )


def _check_genes(values: Values, genes: Any, report: Report) -> None:
    blank = (np.isnan(values) | (values == 0)).all(axis=0)
    if blank.any():
        report.warn(
            EmptyGenesWarning,
            f"genes with only zeros or missing values: {listed(genes[blank])}",
        )
    if values.shape[0] < 3:  # of two samples, any may agree
        return
    known = np.isfinite(values)
    low = np.where(known, values, np.inf).min(axis=0)
    high = np.where(known, values, -np.inf).max(axis=0)
    constant = (low == high) & ~blank & (known.sum(axis=0) >= 3)
    if constant.any():
        report.warn(
            ConstantGenesWarning,
            f"genes with one value in all samples: {listed(genes[constant])}; they "
            "cannot be scaled by their spread",
        )


def _check_mixed(values: Values, samples: Any, report: Report) -> None:
    """Warn where some samples could be logarithms and others are far too large."""
    if len(samples) != len(values) or len(values) < 2:
        return
    high = np.where(np.isfinite(values), values, -np.inf).max(axis=1, initial=-np.inf)
    small = (high <= LOG_LIMIT) & (high > 0)
    small &= np.array([_fractions(row) for row in values])
    large = high > LOG_LIMIT * _SCALE_RATIO
    if small.any() and large.any():
        report.warn(
            MixedScalesWarning,
            f"samples that could be logarithms (no value above {LOG_LIMIT:g}): "
            f"{listed(samples[small])}; others reach {float(high[large].max()):.4g}: "
            f"{listed(samples[large])}. Expected one scale for all samples",
        )
