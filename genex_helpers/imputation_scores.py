"""Which way of filling gaps comes nearest to values that were measured and hidden?

Used by ``experiments/imputation_table.py`` and by chapter 6, which shows its table and
recomputes a slice. Every method gets what is left after hiding, its rows centred again,
and nothing else. Nothing is chosen but the shrinkage of soft-impute, on values hidden
once more from what is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .datasets import interferon_genes, load
from .evaluation import Interval
from .hiding import centre_rows, centred_truth, fill_to_zero_sum, hide_values
from .imputation import (
    INNER_SHARE,
    KINDS,
    METHODS,
    N_NEIGHBOURS,
    SHRINKAGES,
    TimeInterpolator,
    choose_shrinkage,
    make_imputer,
)
from .splits import coexpression_clusters

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

YEAST_COURSES = ("alpha", "cdc15", "cdc28", "elu")
LEAST_OBSERVED = 0.75  # share of a gene's values that must be there in every course
N_CLUSTERS = 100
N_INFLUENZA_GENES = 500  # drawn at random, to save time
PATTERNS_OF = {
    "yeast": ("random", "runs", "samples", "experiment"),
    # a table is one person's one course
    "influenza": ("random", "runs", "samples"),
    "influenza, interferon": ("random", "runs", "samples"),
}
SHARES = (0.05, 0.2, 0.5)
MASKINGS = range(1, 11)
ZERO_SUM = "zero sum"  # only where the rows are not centred again: the leak itself

DELTA = 0.05  # of the spread of the hidden values
JUDGED_SHARE = 0.2
# the claims as tutorials make them: (better, worse), for each data set and pattern
COMPARISONS = {
    "imputation matters": ("neighbours", "row mean"),
    "splines are better than lines": ("spline", "linear"),
    "natural splines are better than lines": ("natural spline", "linear"),
}
EXPECTED = "supported"  # for all: what the claims say

SETTINGS: dict[str, Any] = {
    "methods": list(METHODS),
    "patterns": {name: list(patterns) for name, patterns in PATTERNS_OF.items()},
    "shares": list(SHARES),
    "maskings": len(MASKINGS),
    "run_length": 4,
    "n_neighbours": N_NEIGHBOURS,
    "shrinkages": list(SHRINKAGES),
    "inner_share": INNER_SHARE,
    "least_observed": LEAST_OBSERVED,
    "n_clusters": N_CLUSTERS,
    "influenza_genes": N_INFLUENZA_GENES,
    "delta": DELTA,
    "judged_share": JUDGED_SHARE,
    "comparisons": {claim: list(pair) for claim, pair in COMPARISONS.items()},
    "expected": EXPECTED,
}


@dataclass(frozen=True)
class GeneTable:
    """One table of courses, and the unit that each gene counts for.

    Attributes
    ----------
    values
        ``(gene, time)``, NaN for what is missing.
    times
        ``(time,)`` minutes or hours.
    courses
        ``(time,)`` the course of each column.
    units
        ``(gene,)`` cluster of the gene, or the person: what is resampled.
    """

    values: Floats
    times: Floats
    courses: NDArray[np.str_]
    units: NDArray[np.int64]


def yeast_table() -> GeneTable:
    """Return the four courses side by side, of genes measured well in each.

    The clusters are those of the courses with lines drawn through gaps.
    """
    adata = load("yeast_cell_cycle")
    course = adata.obs["course"].to_numpy(dtype=str)
    timed = np.isin(course, YEAST_COURSES)
    values, course = np.asarray(adata.X, dtype=float)[timed].T, course[timed]
    times = adata.obs["minutes"].to_numpy(dtype=float)[timed]
    observed = [np.isfinite(values[:, course == c]).mean(1) for c in YEAST_COURSES]
    values = values[np.min(observed, axis=0) >= LEAST_OBSERVED]
    filled = TimeInterpolator(times, courses=course).fit_transform(values)
    return GeneTable(values, times, course, coexpression_clusters(filled, N_CLUSTERS))


def influenza_tables(*, interferon: bool = False) -> list[GeneTable]:
    """Return one table a person, of the same genes.

    Genes drawn at random, most of which hardly change; or with ``interferon`` the
    interferon-stimulated ones, many of which change, by a list that no volunteer had a
    part in.
    """
    adata = load("influenza_challenge")
    if interferon:
        genes = np.flatnonzero(np.isin(adata.var_names, interferon_genes()))
    else:
        rng = np.random.default_rng(0)
        genes = np.sort(rng.choice(adata.n_vars, N_INFLUENZA_GENES, replace=False))
    values = np.asarray(adata.X, dtype=float)[:, genes]
    hours = adata.obs["hours"].to_numpy(dtype=float)
    people, person = np.unique(adata.obs["subject"].astype(str), return_inverse=True)
    tables = []
    for number, name in enumerate(people):
        own = person == number
        units = np.full(len(genes), number)
        tables.append(
            GeneTable(values[own].T, hours[own], np.full(own.sum(), name), units)
        )
    return tables


def fill_hidden(
    table: GeneTable,
    pattern: str,
    share: float,
    seed: int,
    *,
    methods: Sequence[str] = METHODS,
    centre: bool = True,
) -> tuple[NDArray[np.bool_], Floats, dict[str, Floats]]:
    """Hide values, fill them by each method, and return both.

    Parameters
    ----------
    centre
        Centre the rows on what is left. ``False`` leaves the table as it was centred
        before hiding, which leaks.

    Returns
    -------
    hidden
        ``(gene, time)``.
    truth
        ``(hidden,)``, on the scale on which the methods work.
    filled
        For each method that can fill this pattern ``(hidden,)``. Lines and splines
        cannot fill a whole course.
    """
    courses = table.courses
    hidden_x, hidden = hide_values(table.values, pattern, share, seed, courses=courses)
    x, truth = hidden_x, table.values
    if centre:
        x = centre_rows(hidden_x, courses)
        truth = centred_truth(table.values, hidden_x, courses)
    filled = {}
    for method in methods:
        if pattern == "experiment" and method in KINDS:
            continue
        if method == ZERO_SUM:
            filled[method] = fill_to_zero_sum(x, courses)[hidden]
            continue
        shrinkage = 0.1
        if method == "soft-impute":
            inner = 1000 + seed  # another draw than that of what is hidden
            shrinkage = choose_shrinkage(
                x, pattern, inner, courses=courses, centre=centre
            )
        imputer = make_imputer(
            method, times=table.times, courses=courses, shrinkage=shrinkage
        )
        filled[method] = imputer.fit_transform(x)[hidden]
    return hidden, truth[hidden], filled


def nrmse(
    n: Floats, truth_sum: Floats, truth_squares: Floats, squared_errors: Floats
) -> Floats:
    """Return root mean square errors as shares of the spread of the hidden values.

    From sums over hidden values; the spread is their standard deviation.
    """
    variance = truth_squares / n - (truth_sum / n) ** 2
    found: Floats = np.sqrt(squared_errors / n / variance)
    return found


def bootstrap_nrmse(
    units: pd.DataFrame,
    method: str,
    *,
    minus: str | None = None,
    n_resamples: int = 10_000,
    seed: int = 0,
) -> Interval:
    """Return a method's error, or by how much it exceeds another's, over the units.

    Parameters
    ----------
    units
        Rows of the stored result ``imputation_table`` of one data set, centring,
        pattern and share: a row a unit, its sums over all maskings.
    method, minus
        Columns of ``units``. With ``minus`` the error of ``method`` less that of
        ``minus``, both of the same resampled units.

    Raises
    ------
    ValueError
        If ``units`` holds a unit twice, or a method did not fill this pattern.
    """
    if units["unit"].duplicated().any():
        raise ValueError("units must hold each unit once: choose one row of the table")
    names = [method] if minus is None else [method, minus]
    missing = [name for name in names if units[name].isna().any()]
    if missing:
        raise ValueError(f"{missing} did not fill this pattern")
    sums = units[["n", "truth_sum", "truth_squares", *names]].to_numpy(dtype=float)
    rng = np.random.default_rng(seed)
    n_units = len(sums)
    drawn = rng.multinomial(n_units, np.full(n_units, 1 / n_units), n_resamples)
    # the first row counts every unit once: the estimate
    totals = np.vstack([np.ones(n_units), drawn]) @ sums  # (resample, sum)
    n, truth_sum, truth_squares = totals[:, :3].T
    errors = [nrmse(n, truth_sum, truth_squares, se) for se in totals[:, 3:].T]
    found = errors[0] if minus is None else errors[0] - errors[1]
    low, high = np.quantile(found[1:], [0.025, 0.975])
    return Interval(float(found[0]), float(low), float(high))
