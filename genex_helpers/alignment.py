"""Courses of one rhythm that ran at different speeds, put on a common phase.

Cells that were synchronised in different ways, or grown at different temperatures, pass
through the cell cycle at different speeds and start it at different points. A phase
counts cycles: time divided by the period, plus an offset.

All tables are ``(gene, time)`` with NaN for what is missing, and hold the same genes in
the same order. Give the training genes: phases then apply to every gene.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar

from .hiding import as_table

Floats = NDArray[np.float64]
Waves = NDArray[np.complex128]

LEAST_STEPS = 3.0  # a period has so many sampling steps at least; two is the limit
MOST_LENGTHS = 1.5  # and is at most so many times as long as the course
TRIALS = 8  # frequencies tried in each 1 / length of the course
LEAST_OBSERVED = 4  # a level and a wave are three numbers


@dataclass(frozen=True)
class Rhythm:
    """How far in the cycle a course is, as a line in time.

    Attributes
    ----------
    period
        Duration of one cycle, in the unit of the times.
    offset
        Phase at time 0 in cycles, from -0.5 to 0.5: against the reference's time 0.
    explained
        Share of the variance within genes that the fitted waves explain.
    """

    period: float
    offset: float
    explained: float

    def phase(self, times: ArrayLike) -> Floats:
        """Return cycles since the reference's time 0; they go on counting above 1."""
        cycles: Floats = np.asarray(times, dtype=float) / self.period + self.offset
        return cycles


def align_courses(
    courses: Mapping[str, ArrayLike],
    times: Mapping[str, ArrayLike],
    reference: str,
) -> dict[str, Rhythm]:
    """Return the rhythm of each course, its phase that of the reference.

    In the reference each gene has a wave of its own, all of one period. In every other
    course the genes keep these waves; only the period and one shift in time, the same
    for all genes, are fitted, and one amplitude. So a course may be aligned that is
    shorter than its cycle, where a period cannot be told from the course alone.
    Least squares throughout: genes with large waves count for more.

    Parameters
    ----------
    courses
        For each name ``(gene, time)``.
    times
        For each name ``(time,)``, increasing.
    reference
        The course whose waves the others are compared with; it should show two cycles
        or more.

    Raises
    ------
    ValueError
        If tables and times do not match, a gene has fewer than four observed values in
        a course, or no period between three sampling steps and the length of the course
        (once and a half that, but for the reference) fits better than the ends of this
        range.
    """
    if reference not in courses or set(courses) != set(times):
        raise ValueError(
            f"courses and times must name the same courses, {reference!r} among them; "
            f"got {sorted(courses)} and {sorted(times)}"
        )
    tables = {name: _checked(name, courses[name], times[name]) for name in courses}
    n_genes = {name: len(x) for name, (x, _) in tables.items()}
    if len(set(n_genes.values())) > 1:
        raise ValueError(f"all courses must hold the same genes, got {n_genes}")
    x, when = tables[reference]
    period, explained = _best_period(
        lambda p: _own_waves(x, when, p)[1], when, reference, 1.0
    )
    waves = _own_waves(x, when, period)[0]
    rhythms = {reference: Rhythm(period, 0.0, explained)}
    for name in courses:
        if name != reference:
            rhythms[name] = _matched(name, *tables[name], waves)
    return {name: rhythms[name] for name in courses}


def resample(x: ArrayLike, phase: ArrayLike, grid: ArrayLike) -> Floats:
    """Return the values at the phases of ``grid``, by lines between observed ones.

    Parameters
    ----------
    x
        ``(gene, time)``.
    phase
        ``(time,)``, increasing: see :meth:`Rhythm.phase`.
    grid
        ``(point,)`` phases wanted.

    Returns
    -------
    values
        ``(gene, point)``; NaN before a gene's first and after its last observed value,
        for nothing is known there.
    """
    table, cycles = _checked("x", x, phase, least_observed=0)
    wanted = np.asarray(grid, dtype=float)
    found = np.full((len(table), len(wanted)), np.nan)
    for row, values in zip(found, table, strict=True):
        seen = np.isfinite(values)
        if seen.any():
            row[:] = np.interp(
                wanted, cycles[seen], values[seen], left=np.nan, right=np.nan
            )
    return found


def _matched(name: str, x: Floats, times: Floats, waves: Waves) -> Rhythm:
    period, explained = _best_period(
        lambda p: _shared_shift(x, times, waves, p)[1], times, name, MOST_LENGTHS
    )
    shift = _shared_shift(x, times, waves, period)[0]
    offset = float(np.angle(shift) / (2 * np.pi))
    return Rhythm(period, -0.5 if offset == 0.5 else offset, explained)


def _own_waves(x: Floats, times: Floats, period: float) -> tuple[Waves, float]:
    """Fit ``level + Re(wave exp(2πi t / period))`` to each gene.

    Returns the waves ``(gene,)`` and the share of the variance explained.
    """
    angle = 2 * np.pi * times / period
    columns = np.stack([np.ones_like(angle), np.cos(angle), -np.sin(angle)], axis=1)
    seen = np.isfinite(x)
    squares = np.einsum("gt,tk,tl->gkl", seen, columns, columns, optimize=True)
    products = np.where(seen, x, 0) @ columns
    inverse = np.linalg.pinv(squares, hermitian=True)
    fitted = np.einsum("gkl,gl->gk", inverse, products)  # (gene, 3)
    residual = np.where(seen, x - fitted @ columns.T, 0)
    explained = 1 - (residual**2).sum() / (_centred(x, seen) ** 2).sum()
    return fitted[:, 1] + 1j * fitted[:, 2], float(explained)


def _shared_shift(
    x: Floats, times: Floats, waves: Waves, period: float
) -> tuple[complex, float]:
    """Fit ``level + Re(shift wave exp(2πi t / period))``, one shift for all genes.

    Returns the shift, whose angle is the offset, and the share explained.
    """
    seen = np.isfinite(x)
    turned = waves[:, None] * np.exp(2j * np.pi * times / period)  # (gene, time)
    columns = [_centred(part, seen).ravel() for part in (turned.real, -turned.imag)]
    values = _centred(x, seen).ravel()
    design = np.stack(columns, axis=1)
    shift = np.linalg.lstsq(design, values, rcond=None)[0]
    residual = values - design @ shift
    return complex(*shift), float(1 - (residual**2).sum() / (values**2).sum())


def _best_period(
    explained: Callable[[float], float], times: Floats, name: str, most_lengths: float
) -> tuple[float, float]:
    """Return the period that explains most, and how much: a grid, then refined."""
    length = times[-1] - times[0]
    highest = 1 / (LEAST_STEPS * np.median(np.diff(times)))
    lowest = 1 / (most_lengths * length)
    n_trials = max(3, 1 + int(np.ceil((highest - lowest) * length * TRIALS)))
    frequencies = np.linspace(lowest, highest, n_trials)
    best = int(np.argmax([explained(1 / f) for f in frequencies]))
    if best in (0, n_trials - 1):
        raise ValueError(
            f"no period of {name!r} between {1 / highest:.4g} and {1 / lowest:.4g} "
            "fits better than the ends of this range: it holds no such rhythm, or too "
            "little of one cycle"
        )
    found = minimize_scalar(
        lambda f: -explained(1 / f),
        bounds=(frequencies[best - 1], frequencies[best + 1]),
        method="bounded",
        options={"xatol": 1e-6 * frequencies[best]},
    )
    return float(1 / found.x), float(-found.fun)


def _centred(values: Floats, seen: NDArray[np.bool_]) -> Floats:
    """Return each gene minus its mean over what was seen, zero elsewhere."""
    n_seen = seen.sum(axis=1, keepdims=True)
    mean = np.where(seen, values, 0).sum(axis=1, keepdims=True) / n_seen
    centred: Floats = np.where(seen, values - mean, 0)
    return centred


def _checked(
    name: str, x: ArrayLike, times: ArrayLike, least_observed: int = LEAST_OBSERVED
) -> tuple[Floats, Floats]:
    table, when = as_table(x), np.asarray(times, dtype=float)
    if when.shape != (table.shape[1],) or not (np.diff(when) > 0).all():
        raise ValueError(
            f"{name!r} needs one time for each of {table.shape[1]} columns, "
            f"increasing; got shape {when.shape}"
        )
    few = np.flatnonzero(np.isfinite(table).sum(axis=1) < least_observed)
    if len(few):
        raise ValueError(
            f"genes {few[:5].tolist()} have fewer than {least_observed} observed "
            f"values in {name!r}"
        )
    return table, when
