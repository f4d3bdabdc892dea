"""Hiding values that were measured, so that what fills gaps can be scored on them.

Tables are ``(gene, time)`` with NaN for what is missing. Several courses stand side by
side: ``courses`` then names the course of each column.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

PATTERNS = ("random", "runs", "samples", "experiment")
LEAST_LEFT = 2  # observed values that a gene keeps in each course: a line needs two


def hide_values(
    x: ArrayLike,
    pattern: str,
    share: float,
    seed: int,
    *,
    courses: ArrayLike | None = None,
    run_length: int = 4,
) -> tuple[Floats, Mask]:
    """Hide some of what was observed.

    Parameters
    ----------
    x
        ``(gene, time)``, NaN for what is missing already.
    pattern
        ``"random"``: single values, wherever they are.
        ``"runs"``: ``run_length`` consecutive columns of one gene in one course; runs
        of a gene may overlap or touch, and then make a longer gap.
        ``"samples"``: whole columns, all genes at once, as when an array failed.
        ``"experiment"``: for some genes all of a course, as when another study did not
        measure them; every gene keeps at least one course.
        In the first two a gene keeps two observed values in each course, if it had
        them, and in the third a course keeps two columns; which two is random.
    share
        Of the observed values, or for ``"samples"`` of the columns, or for
        ``"experiment"`` of the pairs of gene and course. Only columns and pairs that
        hold a value count. Rounded to a whole number, but not to none.
    seed
        Decides what is hidden.
    courses
        ``(time,)``, the course of each column; without it all are one course.
    run_length
        Columns in a run.

    Returns
    -------
    table
        ``(gene, time)`` with more NaN.
    hidden
        ``(gene, time)``, ``True`` for what was hidden: always a value that was
        observed.

    Raises
    ------
    ValueError
        If an argument is not as described, or so large a share cannot be hidden.
    """
    values = as_table(x)
    names = course_names(courses, values.shape[1])
    if pattern not in PATTERNS:
        raise ValueError(f"pattern must be one of {PATTERNS}, got {pattern!r}")
    if not 0 < share < 1:
        raise ValueError(f"share must be above 0 and below 1, got {share}")
    rng = np.random.default_rng(seed)
    observed = np.isfinite(values)
    if pattern == "random":
        hidden = _hide_random(observed, share, rng, names)
    elif pattern == "runs":
        hidden = _hide_runs(observed, share, rng, names, run_length)
    elif pattern == "samples":
        hidden = _hide_samples(observed, share, rng, names)
    else:
        hidden = _hide_experiments(observed, share, rng, names)
    return np.where(hidden, np.nan, values), hidden


def centre_rows(x: ArrayLike, courses: ArrayLike | None = None) -> Floats:
    """Subtract from each gene the mean of what is observed of it, in each course.

    A gene without any observed value in a course stays missing there.
    """
    values = as_table(x)
    return values - row_means(values, courses)


def row_means(x: ArrayLike, courses: ArrayLike | None = None) -> Floats:
    """Return the mean of what is observed of a gene in a column's course.

    Returns
    -------
    means
        ``(gene, time)``, the same for all columns of a course; NaN where nothing is
        observed.
    """
    values = as_table(x)
    means = np.empty_like(values)
    for columns in columns_of(course_names(courses, values.shape[1])):
        part = values[:, columns]
        n_observed = np.isfinite(part).sum(axis=1)  # (gene,)
        with np.errstate(invalid="ignore"):  # 0 / 0 is NaN: nothing was observed
            means[:, columns] = (np.nansum(part, axis=1) / n_observed)[:, None]
    return means


def centred_truth(
    x: ArrayLike, hidden_x: ArrayLike, courses: ArrayLike | None = None
) -> Floats:
    """Return what was there, on the scale of ``centre_rows(hidden_x, courses)``.

    ``x`` minus the gene's mean over what is left in ``hidden_x``, so that a constant
    added to a gene's course changes nothing. Where a whole course was hidden it has no
    level: there ``x`` is centred on itself.
    """
    left, whole = row_means(hidden_x, courses), row_means(x, courses)
    level: Floats = np.where(np.isnan(left), whole, left)
    return as_table(x) - level


def fill_to_zero_sum(x: ArrayLike, courses: ArrayLike | None = None) -> Floats:
    """Fill the gaps of a gene so that each of its courses sums to zero.

    No method to use, but the leak itself: where genes were centred before values were
    hidden, a single hidden value is minus the sum of the others.
    """
    values = as_table(x)
    filled = values.copy()
    for columns in columns_of(course_names(courses, values.shape[1])):
        part = values[:, columns]
        missing = np.isnan(part)  # (gene, time of the course)
        rest = np.nansum(part, axis=1) / np.maximum(missing.sum(axis=1), 1)
        filled[:, columns] = np.where(missing, -rest[:, None], part)
    return filled


def as_table(x: ArrayLike) -> Floats:
    """Return ``x`` as ``(gene, time)`` of floats, NaN allowed, infinity not."""
    values = np.asarray(x, dtype=float)
    if values.ndim != 2:
        raise ValueError(f"x must be (gene, time), got shape {values.shape}")
    if np.isinf(values).any():
        rows = np.flatnonzero(np.isinf(values).any(axis=1))[:5].tolist()
        raise ValueError(f"x must be finite or NaN; it is infinite in rows {rows}")
    return values


def course_names(courses: ArrayLike | None, n_columns: int) -> NDArray[np.str_]:
    """Return the course of each column as text, one course if none is named."""
    if courses is None:
        return np.full(n_columns, "course")
    names = np.asarray(courses).astype(str)
    if names.shape != (n_columns,):
        raise ValueError(
            f"courses must name the course of each of {n_columns} columns, "
            f"got shape {names.shape}"
        )
    return names


def columns_of(names: NDArray[np.str_]) -> Iterator[NDArray[np.int64]]:
    """Yield the columns of each course, in the order in which courses begin."""
    for name in dict.fromkeys(names.tolist()):
        yield np.flatnonzero(names == name)


def _hide_random(
    observed: Mask, share: float, rng: np.random.Generator, names: NDArray[np.str_]
) -> Mask:
    may_go = observed.copy()
    for columns in columns_of(names):
        # the observed values of a gene in random order; the first two stay
        seen = observed[:, columns]
        order = np.where(seen, rng.random(seen.shape), 2.0)
        rank = order.argsort(axis=1).argsort(axis=1)
        may_go[:, columns] &= rank >= LEAST_LEFT
    places = np.flatnonzero(may_go)
    n_hidden = _number(share * observed.sum(), len(places), "values")
    hidden = np.zeros(observed.size, dtype=bool)
    hidden[rng.choice(places, n_hidden, replace=False)] = True
    return hidden.reshape(observed.shape)


def _hide_runs(
    observed: Mask,
    share: float,
    rng: np.random.Generator,
    names: NDArray[np.str_],
    run_length: int,
) -> Mask:
    parts = list(columns_of(names))
    shortest = min(len(columns) for columns in parts)
    if not 1 <= run_length <= shortest:
        raise ValueError(
            f"run_length must be from 1 to {shortest}, the columns of the shortest "
            f"course, got {run_length}"
        )
    runs = [
        (gene, columns, columns[start : start + run_length])
        for columns in parts
        for start in range(len(columns) - run_length + 1)
        for gene in range(len(observed))
    ]
    n_hidden = max(1, round(share * observed.sum()))
    left = observed.copy()
    n_left = n_hidden
    for number in rng.permutation(len(runs)):
        gene, course, run = runs[number]
        seen = run[left[gene, run]][:n_left]  # the last run is cut to the number
        if left[gene, course].sum() - len(seen) >= LEAST_LEFT:
            left[gene, seen] = False
            n_left -= len(seen)
        if n_left == 0:
            return observed & ~left
    raise ValueError(
        f"share={share:g} is {n_hidden} values in runs of {run_length}, but only "
        f"{n_hidden - n_left} can be hidden so that every gene keeps {LEAST_LEFT}"
    )


def _hide_samples(
    observed: Mask, share: float, rng: np.random.Generator, names: NDArray[np.str_]
) -> Mask:
    seen: Mask = np.any(observed, axis=0)  # (time,)
    may_go = np.zeros(len(seen), dtype=bool)
    for columns in columns_of(names):
        may_go[rng.permutation(columns[seen[columns]])[LEAST_LEFT:]] = True
    places = np.flatnonzero(may_go)
    n_hidden = _number(share * seen.sum(), len(places), "columns")
    hidden = np.zeros_like(observed)
    hidden[:, rng.choice(places, n_hidden, replace=False)] = True
    return hidden & observed


def _hide_experiments(
    observed: Mask, share: float, rng: np.random.Generator, names: NDArray[np.str_]
) -> Mask:
    parts = list(columns_of(names))
    if len(parts) < 2:
        raise ValueError("pattern 'experiment' needs courses, and two of them or more")
    seen = np.stack([observed[:, c].any(axis=1) for c in parts], axis=1)
    # each gene's observed courses in random order; the first one stays
    order = np.where(seen, rng.random(seen.shape), 2.0)
    may_go = seen & (order.argsort(axis=1).argsort(axis=1) >= 1)
    pairs = np.argwhere(may_go)  # (pair, [gene, course])
    n_hidden = _number(share * seen.sum(), len(pairs), "pairs of gene and course")
    hidden = np.zeros_like(observed)
    for gene, course in pairs[rng.permutation(len(pairs))[:n_hidden]]:
        hidden[gene, parts[course]] = True
    return hidden & observed


def _number(wanted: float, most: int, what: str) -> int:
    """Return a whole number of at least 1, or say that there are too few."""
    n_hidden = max(1, round(wanted))
    if n_hidden > most:
        raise ValueError(
            f"share asks for {n_hidden} {what}, but only {most} can be hidden"
        )
    return n_hidden
