"""Labels of series that known genes drive at known times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genex_helpers.simulator.arguments import generators, number
from genex_helpers.simulator.simulation import Simulation

Driver = tuple[str, float, float]  # gene, time, weight


@dataclass(frozen=True, eq=False)
class Labels:
    """One label a series, and what drives it.

    Attributes
    ----------
    values
        ``(batch,)``: 0 or 1 (int64), or numbers (float64).
    score
        ``(batch,)`` the sum of the drivers before noise: mean 0, variance 1.
    subjects
        ``(batch,)`` names, as in the simulation.
    drivers
        One row a driver: label, gene, time, weight.
    noise
        The share of classes that were flipped, or the noise's standard deviation.
    """

    values: NDArray[np.int64] | NDArray[np.float64]
    score: NDArray[np.float64]
    subjects: NDArray[np.str_]
    drivers: pd.DataFrame
    noise: float

    def by_subject(self) -> pd.Series:
        """Return the labels with subjects as index, to map onto ``obs["subject"]``."""
        name = str(self.drivers["label"].iloc[0])
        return pd.Series(self.values, index=self.subjects, name=name)


def class_labels(
    simulation: Simulation,
    drivers: Sequence[Driver],
    *,
    seed: int,
    flip: float = 0.0,
    name: str = "label",
) -> Labels:
    """Return classes: 1 where the drivers' sum is above its median over the series.

    A share ``flip`` of the labels, drawn one by one, is turned round: no classifier is
    expected to be right more often than ``1 - flip``.

    Parameters
    ----------
    simulation
        Whose true expression drives the labels.
    drivers
        Rows of (gene, time, weight). Each driver is the gene's expression at that time,
        standardised over the series, times its weight.
    seed
        Whole number from 0.
    flip
        From 0 to 0.5.
    name
        Of the label.

    Raises
    ------
    ValueError
        If a gene or time is not in the simulation, or does not vary between series.
    """
    number("flip", flip, 0.0, 0.5)
    score, table = _score(simulation, drivers, name)
    classes = score > np.median(score)
    turned = generators(seed, 1)[0].random(len(score)) < flip
    values = (classes ^ turned).astype(np.int64)
    return Labels(values, score, simulation.subjects, table, flip)


def number_labels(
    simulation: Simulation,
    drivers: Sequence[Driver],
    *,
    seed: int,
    noise: float = 0.0,
    name: str = "label",
) -> Labels:
    """Return numbers: the drivers' sum (variance 1) plus normal noise.

    ``noise`` is its standard deviation: no model is expected to explain more than
    ``1 / (1 + noise**2)`` of the variance. The other arguments are those of
    `class_labels`.
    """
    number("noise", noise, 0.0)
    score, table = _score(simulation, drivers, name)
    errors = generators(seed, 1)[0].standard_normal(len(score))
    return Labels(score + noise * errors, score, simulation.subjects, table, noise)


def _score(
    simulation: Simulation, drivers: Sequence[Driver], name: str
) -> tuple[NDArray[np.float64], pd.DataFrame]:
    """Return the standardised sum of the drivers, and them as a table."""
    if not drivers:
        raise ValueError("drivers is empty; expected rows of (gene, time, weight)")
    total = np.zeros(simulation.n_series)
    for gene, time, weight in drivers:
        g = simulation.network.index(gene)
        t = np.flatnonzero(np.isclose(simulation.times, time))
        if len(t) == 0:
            raise ValueError(
                f"driver {gene!r}: time {time:g} was not simulated; times are "
                f"{simulation.times.tolist()}"
            )
        if not np.isfinite(weight) or weight == 0:
            raise ValueError(f"driver {gene!r}: weight {weight} is 0 or not finite")
        total += weight * _standardised(
            simulation.expression[:, t[0], g], f"{gene!r} at time {time:g}"
        )
    rows = [(name, *driver) for driver in drivers]
    table = pd.DataFrame(rows, columns=["label", "gene", "time", "weight"])
    return _standardised(total, "the drivers' sum"), table


def _standardised(values: NDArray[np.float64], what: str) -> NDArray[np.float64]:
    spread = values.std()
    if not spread > 1e-12 * np.abs(values).max():
        raise ValueError(f"{what} does not vary between the series: nothing to learn")
    scores: NDArray[np.float64] = (values - values.mean()) / spread
    return scores
