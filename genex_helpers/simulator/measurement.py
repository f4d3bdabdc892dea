"""What an experiment sees of a simulation: counts, dropout, gaps, batches.

Each piece is a small function on arrays, and `measure` puts them together. Every piece
draws from a stream of random numbers of its own, so switching one on leaves the
numbers of the others as they were. One thing does change with them: counts are drawn
around a level, so another level (a batch effect, say) gives other counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import expit

from genex_helpers.simulator.arguments import count, finite, generators, number
from genex_helpers.simulator.simulation import Simulation

if TYPE_CHECKING:
    from anndata import AnnData

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
NOT_SAMPLED, AT_RANDOM, BY_VALUE = "not sampled", "at random", "by value"


def measure(
    simulation: Simulation,
    *,
    seed: int,
    times_per_series: int | None = None,
    subject_spread: float = 0.0,
    batches: int | ArrayLike = 1,
    batch_spread: float = 0.0,
    library_size: float | None = None,
    library_spread: float = 0.3,
    dispersion: float = 0.02,
    dropout: float = 0.0,
    missing: float = 0.0,
    missing_by_value: float = 0.0,
    missing_gene: str | None = None,
) -> AnnData:
    """Measure a simulation; by default nothing is added or lost.

    Parameters
    ----------
    simulation
        With its truth.
    seed
        Whole number from 0; the same seed gives the same bytes.
    times_per_series
        Each series is sampled at so many of the simulated times, drawn at random:
        irregular times. ``None``: at all.
    subject_spread, batch_spread
        Standard deviations of the natural logarithm of factors on the measured level,
        one a subject (or batch) and gene: probes, kits, handling.
    batches
        A number of batches of about equally many subjects each, drawn at random; or
        labels, ``(n_series,)`` or ``(n_series, n_times)``.
    library_size
        Expected reads of a typical sample (the median); ``None``: levels, no counts.
    library_spread
        Standard deviation of the natural logarithm of library sizes.
    dispersion
        Of the counts: their variance is ``mean + dispersion * mean**2``.
    dropout
        Share of entries that are read as 0, at random.
    missing
        Share of samples lost at random.
    missing_by_value
        Share of samples lost because of their level of ``missing_gene``: the higher it
        is, the likelier the loss (a patient too ill to come).
    missing_gene
        Needed for ``missing_by_value``.

    Returns
    -------
    AnnData
        Samples × genes; ``X`` measured, ``layers["truth"]`` the expression itself. A
        missing sample is an absent row, so that `to_sequences` masks it; a subject
        that has lost all its samples is gone. ``obs`` has subject, time, perturbation,
        the inputs, batch and (for counts) the expected ``library_size``.
        ``uns["truth"]`` adds the factors of subjects and batches, and ``missing``:
        subject, time and reason of each absent sample.

    Raises
    ------
    ValueError
        If an argument is out of range, or no sample is left.
    """
    n_series, n_times, n_genes = simulation.expression.shape
    shape = (n_series, n_times)
    streams = generators(seed, 9)
    reason = _missing_samples(
        simulation, streams[:3], times_per_series, missing, missing_by_value,
        missing_gene,
    )  # fmt: skip
    kept = (reason == "").reshape(-1)
    if not kept.any():
        raise ValueError("no sample is left: missing too many of them")
    batch = _batch_labels(batches, shape, streams[3])
    names, number_of = np.unique(batch, return_inverse=True)
    by_subject = spread_factors(n_series, n_genes, subject_spread, streams[4])
    by_batch = spread_factors(len(names), n_genes, batch_spread, streams[5])
    level = simulation.expression * by_subject[:, None]
    level = (level * by_batch[number_of.reshape(shape)]).reshape(-1, n_genes)

    obs = simulation.sample_table()
    obs["batch"] = batch.reshape(-1)
    uns = simulation.description()
    if library_size is not None:
        sizes = library_sizes(len(level), library_size, library_spread, streams[6])
        level = count_noise(level, sizes, dispersion, streams[7])
        obs["library_size"] = sizes
        uns["units"] = "reads"
    level = drop_out(level, dropout, streams[8])
    truth = uns["truth"]
    assert isinstance(truth, dict)
    truth["missing"] = _missing_table(simulation, reason)
    truth["subject_factors"] = by_subject
    truth["batch_factors"] = pd.DataFrame(
        by_batch.T, index=list(simulation.network.genes), columns=names.astype(str)
    )
    return _table(simulation, level, obs, uns, kept)


def spread_factors(
    n_groups: int, n_genes: int, spread: float, rng: np.random.Generator
) -> Floats:
    """Return ``(group, gene)`` log-normal factors around 1 (all 1 if spread is 0)."""
    number("spread", spread, 0.0)
    factors: Floats = np.exp(spread * rng.standard_normal((n_groups, n_genes)))
    return factors


def library_sizes(
    n_samples: int, median: float, spread: float, rng: np.random.Generator
) -> Floats:
    """Return ``(sample,)`` expected numbers of reads, log-normal around ``median``."""
    if number("library_size", median) <= 0:
        raise ValueError(f"library_size must be above 0, got {median!r}")
    number("library_spread", spread, 0.0)
    sizes: Floats = median * np.exp(spread * rng.standard_normal(n_samples))
    return sizes


def count_noise(
    expression: ArrayLike,
    library_size: ArrayLike,
    dispersion: float,
    rng: np.random.Generator,
) -> Floats:
    """Return counts ``(sample, gene)`` of samples with given library sizes.

    A sample's reads fall on genes in proportion to their expression. Counts are
    negative binomial (a Poisson number around a gamma-distributed level), as in
    Robinson and Smyth 2007 (doi:10.1093/bioinformatics/btm453): the mean is the
    expected share of the library, the variance ``mean + dispersion * mean**2``.
    Dispersion 0 is Poisson: the same sample read again.

    Raises
    ------
    ValueError
        If an expression is negative, or a sample has none at all.
    """
    level = finite("expression", expression, 2, 0.0)
    number("dispersion", dispersion, 0.0)
    total = level.sum(axis=1, keepdims=True)
    if (total == 0).any():
        empty = np.flatnonzero(total[:, 0] == 0)[:5].tolist()
        raise ValueError(
            f"expression of samples {empty} is 0 for every gene: nothing to count. "
            "Let the simulation settle, or give it initial levels"
        )
    mean = np.asarray(library_size, dtype=float)[:, None] * (level / total)
    if dispersion > 0:  # drawn before the counts, so that no level shifts them
        mean *= dispersion * rng.standard_gamma(1.0 / dispersion, mean.shape)
    counts: Floats = rng.poisson(mean).astype(np.float64)
    return counts


def drop_out(values: Floats, rate: float, rng: np.random.Generator) -> Floats:
    """Return a copy of which a share ``rate`` of all entries, at random, is 0."""
    number("dropout", rate, 0.0, 1.0)
    seen = values.copy()
    seen[rng.random(values.shape) < rate] = 0.0
    return seen


def irregular_times(
    shape: tuple[int, int], n_kept: int, rng: np.random.Generator
) -> Mask:
    """Return ``(batch, time)``, ``True`` at ``n_kept`` random times of each series."""
    if count("times_per_series", n_kept) > shape[1]:
        raise ValueError(f"times_per_series is {n_kept}; there are {shape[1]} times")
    rank = np.argsort(np.argsort(rng.random(shape), axis=1), axis=1)
    return np.asarray(rank < n_kept)


def lost_at_random(
    shape: tuple[int, int], rate: float, rng: np.random.Generator
) -> Mask:
    """Return ``(batch, time)``, ``True`` where a sample is lost, whatever its value."""
    number("missing", rate, 0.0, 1.0)
    return np.asarray(rng.random(shape) < rate)


def lost_by_value(
    value: Floats, rate: float, rng: np.random.Generator, slope: float = 2.0
) -> Mask:
    """Return ``True`` where a sample is lost, the likelier the higher its value.

    The log-odds of a loss rise by ``slope`` with each standard deviation of the value;
    where they begin is solved for, so that a share ``rate`` is expected to be lost.
    """
    number("missing_by_value", rate, 0.0, 1.0)
    if rate in (0, 1):
        return np.full(value.shape, bool(rate))
    spread = value.std()
    height = slope * (value - value.mean()) / (spread if spread > 0 else 1.0)
    reach = np.abs(height).max() + 800.0  # odds as small as numbers can be
    start = brentq(lambda a: expit(a + height).mean() - rate, -reach, reach)
    return np.asarray(rng.random(value.shape) < expit(start + height))


def _missing_samples(
    simulation: Simulation,
    streams: Sequence[np.random.Generator],
    times_per_series: int | None,
    missing: float,
    missing_by_value: float,
    missing_gene: str | None,
) -> NDArray[np.str_]:
    """Return ``(batch, time)`` why a sample is missing, ``""`` where it is not."""
    shape = simulation.expression.shape[:2]
    reason = np.full(shape, "", dtype="<U11")
    number("missing_by_value", missing_by_value, 0.0, 1.0)
    if missing_by_value > 0:
        if missing_gene is None:
            raise ValueError("missing_by_value needs missing_gene, which is None")
        gene = simulation.network.index(missing_gene)
        value = simulation.expression[:, :, gene]
        reason[lost_by_value(value, missing_by_value, streams[0])] = BY_VALUE
    reason[lost_at_random(shape, missing, streams[1])] = AT_RANDOM
    if times_per_series is not None:
        reason[~irregular_times(shape, times_per_series, streams[2])] = NOT_SAMPLED
    return reason


def _missing_table(simulation: Simulation, reason: NDArray[np.str_]) -> pd.DataFrame:
    rows, steps = np.nonzero(reason != "")
    columns = {
        "subject": simulation.subjects[rows],
        "time": simulation.times[steps],
        "reason": reason[rows, steps],
    }
    return pd.DataFrame(columns)


def _batch_labels(
    batches: int | ArrayLike, shape: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.str_]:
    """Return ``(batch, time)`` names of measurement batches."""
    labels = np.asarray(batches)
    if labels.ndim == 0:
        n_batches = count("batches", batches)  # type: ignore[arg-type]
        order = rng.permutation(shape[0]) % n_batches
        digits = len(str(n_batches))
        labels = np.array([f"batch{i + 1:0{digits}d}" for i in order])
    if labels.shape not in ((shape[0],), shape):
        raise ValueError(
            f"batches has shape {labels.shape}; expected a number, ({shape[0]},) "
            f"labels for the series, or {shape} for series and times"
        )
    if labels.ndim == 1:
        labels = labels[:, None]
    return np.broadcast_to(labels.astype(str), shape)


def _table(
    simulation: Simulation,
    level: Floats,
    obs: pd.DataFrame,
    uns: dict[str, object],
    kept: Mask,
) -> AnnData:
    """Return the samples that are kept, with their truth, as AnnData in float32."""
    from anndata import AnnData

    genes = pd.Index(simulation.network.genes, name="gene")
    truth = simulation.expression.reshape(level.shape)
    return AnnData(
        X=level[kept].astype(np.float32),
        obs=obs[kept],
        var=pd.DataFrame(index=genes),
        uns=uns,
        layers={"truth": truth[kept].astype(np.float32)},
    )
