"""What chapter 13 carries over: simulated pulses, and yeast genes in four experiments.

The simulated series hold two answers at once, which of two genes rises first and which
of them rises higher, so a source can ask the target's question or another one.
In yeast a row is one gene's course in one experiment, and its label belongs to the
gene: the same in every experiment, so genes are held out from all of them at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .alignment import align_courses
from .datasets import load
from .splits import GeneKFold, coexpression_clusters
from .yeast import LEAST_OBSERVED, N_CLUSTERS, N_FOLDS, PHASES

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]

N_STEPS = 20  # of a simulated series
LAG = 1.5  # steps from the first to the second pulse
WIDTH = 1.5  # of a pulse, steps
FOLD = 1.5  # of the two heights
NOISE = 0.3  # of a value, against a mean height of 1
QUESTIONS = ("first", "higher")  # which gene?
STUDIES = ("alpha", "cdc15", "cdc28", "elu")
REFERENCE = "alpha"  # whose clock the others are put on, so it is always a source
TARGETS = ("cdc28", "elu")
N_POINTS = 14  # of a course, as many as the shortest has
GRID = (0.1, 1.0)  # cycles; all four courses cover them, or nearly
SCALES = ("array number", "phase")
LEAST_OF_PHASE = 2  # genes of each phase in every panel


def draw_pulses(n_series: int, seed: int) -> tuple[Floats, dict[str, Labels]]:
    """Draw series of two genes that pulse once each, soon after one another.

    Returns
    -------
    x
        ``(series, time, 2)``; the time of the first pulse and the mean height are
        random.
    y
        For each of ``QUESTIONS`` ``(series,)``: which gene it is, 0 or 1. The two
        answers are independent.
    """
    if n_series < 1:
        raise ValueError(f"n_series must be above 0, got {n_series}")
    rng = np.random.default_rng(seed)
    first, higher = rng.integers(2, size=(2, n_series))
    centre = rng.uniform(5, N_STEPS - 6, size=n_series)
    genes = np.arange(2)
    delay = np.where(genes == first[:, None], -LAG / 2, LAG / 2)  # (series, 2)
    side = np.where(genes == higher[:, None], 0.5, -0.5)
    height = FOLD**side * rng.lognormal(0, 0.2, size=(n_series, 1))
    steps = np.arange(N_STEPS)[:, None]  # (time, 1)
    distance = steps - (centre[:, None] + delay)[:, None, :]  # (series, time, 2)
    x = height[:, None, :] * np.exp(-0.5 * (distance / WIDTH) ** 2)
    x += rng.normal(0, NOISE, size=x.shape)
    return x.astype(np.float32), {"first": first, "higher": higher}


@dataclass(frozen=True)
class YeastStudies:
    """Courses of the genes that all four experiments measured well enough.

    Attributes
    ----------
    courses
        By experiment ``(gene, time)``, log2 ratio, gaps filled along the gene's own
        course.
    minutes
        By experiment ``(time,)``.
    y
        ``(gene,)`` place in ``PHASES``.
    clusters
        ``(gene,)`` cluster of genes that rise and fall together in the four.
    """

    courses: dict[str, NDArray[np.float64]]
    minutes: dict[str, NDArray[np.float64]]
    y: Labels
    clusters: Labels


def yeast_studies() -> YeastStudies:
    """Return the four courses; no value comes from another gene."""
    adata = load("yeast_cell_cycle")
    course_of = adata.obs["course"].to_numpy(dtype=str)
    raw = {c: np.asarray(adata.X)[course_of == c].T for c in STUDIES}
    minutes = {
        c: adata.obs.loc[course_of == c, "minutes"].to_numpy(float) for c in STUDIES
    }
    observed = [np.isfinite(values).mean(axis=1) for values in raw.values()]
    keep = np.min(observed, axis=0) >= LEAST_OBSERVED
    filled = {c: _along_time(raw[c][keep], minutes[c]) for c in STUDIES}
    phase = adata.var["phase"].to_numpy(dtype=str)[keep]
    return YeastStudies(
        courses=filled,
        minutes=minutes,
        y=np.array([PHASES.index(p) for p in phase], dtype=np.int64),
        clusters=coexpression_clusters(np.hstack(list(filled.values())), N_CLUSTERS),
    )


def study_folds(studies: YeastStudies) -> list[tuple[Labels, Labels]]:
    """Return ``(train, test)`` genes; no cluster is in both."""
    splitter = GeneKFold(N_FOLDS, seed=0)
    return list(splitter.split(studies.y, studies.y, studies.clusters))


def draw_panel(y: Labels, train: Labels, n_genes: int, seed: int) -> Labels:
    """Return the training genes that the new study measured, ``(n_genes,)``.

    Two of each phase, the rest by chance; a larger panel of the same seed holds the
    smaller one.

    Raises
    ------
    ValueError
        If a panel cannot hold two of each phase, or there are not so many genes.
    """
    least = LEAST_OF_PHASE * len(PHASES)
    if not least <= n_genes <= len(train):
        raise ValueError(
            f"n_genes must lie between {least} and {len(train)}, the training genes, "
            f"got {n_genes}"
        )
    order = np.random.default_rng(seed).permutation(train)
    marked = [order[y[order] == k][:LEAST_OF_PHASE] for k in range(len(PHASES))]
    first = np.concatenate(marked)
    rest = order[~np.isin(order, first)]
    panel: Labels = np.concatenate([first, rest])[:n_genes]
    return panel


def source_rows(
    studies: YeastStudies, target: str, fitted: Labels, genes: Labels, scale: str
) -> dict[str, Floats]:
    """Return some genes' courses in all experiments but the target, by experiment.

    Parameters
    ----------
    fitted
        The genes that periods, shifts and spreads are fitted to: training genes.
    scale
        ``"array number"``: the first ``N_POINTS`` arrays, as they come. ``"phase"``:
        values at ``N_POINTS`` phases of the cycle, all experiments on one clock.

    Returns
    -------
    dict
        ``(gene, point, 1)`` each, over the spread of the fitted genes.
    """
    sources = tuple(c for c in STUDIES if c != _checked(target, scale))
    phases = _phases(studies, sources, fitted, scale)
    return {c: _points(studies.courses[c], phases[c], fitted)[genes] for c in sources}


def target_rows(
    studies: YeastStudies,
    target: str,
    train: Labels,
    panel: Labels,
    genes: Labels,
    scale: str,
) -> Floats:
    """Return some genes' courses in the new experiment, ``(gene, point, 1)``.

    Its spread is fitted to the panel. Its clock belongs to the culture and not to a
    gene, and would be read off the cells under a microscope; here all training genes
    stand in for that, since the rhythm of twenty genes is too faint in elu.
    """
    phases = _phases(studies, (REFERENCE, _checked(target, scale)), train, scale)
    return _points(studies.courses[target], phases[target], panel)[genes]


def _phases(
    studies: YeastStudies, names: tuple[str, ...], fitted: Labels, scale: str
) -> dict[str, NDArray[np.float64] | None]:
    """Return the phase of each array by experiment, ``(time,)``; None if not asked."""
    if scale == SCALES[0]:
        return dict.fromkeys(names)
    rhythms = align_courses(
        {c: studies.courses[c][fitted] for c in names},
        {c: studies.minutes[c] for c in names},
        REFERENCE,
    )
    return {c: rhythms[c].phase(studies.minutes[c]) for c in names}


def _points(
    course: NDArray[np.float64], phase: NDArray[np.float64] | None, fitted: Labels
) -> Floats:
    """Return all genes' values at the points, over the spread of the fitted genes."""
    if phase is None:
        values = course[:, :N_POINTS]
    else:  # the nearest value beyond the ends
        grid = np.linspace(*GRID, N_POINTS)
        values = np.stack([np.interp(grid, phase, row) for row in course])
    values = values - values.mean(axis=1, keepdims=True)
    scaled: Floats = (values / values[fitted].std()).astype(np.float32)
    return scaled[..., None]


def _along_time(
    values: NDArray[np.float32], minutes: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return ``(gene, time)`` without gaps, by straight lines within each gene."""
    filled = values.astype(float)
    for row in filled:
        seen = np.isfinite(row)
        row[~seen] = np.interp(minutes[~seen], minutes[seen], row[seen])
    return filled


def _checked(target: str, scale: str) -> str:
    if target not in TARGETS:
        raise ValueError(f"target must be one of {TARGETS}, got {target!r}")
    if scale not in SCALES:
        raise ValueError(f"scale must be one of {SCALES}, got {scale!r}")
    return target
