"""Protein abundance, made from mRNA and lost at its own rate.

Each gene's protein follows dp/dt = k_s m(t) - k_d p. It lags behind its mRNA and
smooths it, the more so the longer the protein lives, and how much protein there is
depends on k_s as much as on the mRNA: translation has been found to control abundance
more than mRNA does (Schwanhäusser et al. 2011, doi:10.1038/nature10098; in the same
cells the half-lives of mRNA and protein did not correlate).

Not modelled: noise of translation, modification, transport, complexes, secretion, a
rate of translation that changes with the cell's state, and dilution by division other
than as a part of k_d.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from genex_helpers.simulator.arguments import (
    Floats,
    count,
    finite,
    generators,
    number,
    positive,
    shaped,
)

if TYPE_CHECKING:
    from anndata import AnnData


@dataclass(frozen=True, eq=False)
class ProteinKinetics:
    """How each gene's protein is made and lost.

    Attributes
    ----------
    synthesis
        ``(gene,)`` k_s: protein made for each unit of mRNA and of time.
    half_life
        ``(gene,)`` in the unit of the simulated times.
    """

    synthesis: Floats
    half_life: Floats

    @property
    def decay(self) -> Floats:
        """``(gene,)`` k_d: the share lost per unit of time."""
        return np.asarray(np.log(2) / self.half_life)


def draw_kinetics(
    n_genes: int,
    *,
    seed: int,
    half_life: float = 10.0,
    half_life_spread: float = 1.0,
    synthesis_spread: float = 1.0,
) -> ProteinKinetics:
    """Draw half-lives and synthesis rates, both log-normal and independent.

    Parameters
    ----------
    half_life
        Median, in the unit of the simulated times. The default counts in hours: with
        a spread of 1, 95 of 100 proteins live from 2.5 to 39 h; in living human cells
        100 proteins had half-lives from 45 min to 22.5 h
        (Eden et al. 2011, doi:10.1126/science.1199784).
    half_life_spread, synthesis_spread
        Standard deviations of their log2.

    Returns
    -------
    Kinetics whose median protein equals its mRNA at steady state: the unit of
    protein is arbitrary.
    """
    count("n_genes", n_genes)
    number("half_life_spread", half_life_spread, 0)
    number("synthesis_spread", synthesis_spread, 0)
    living, making = generators(seed, 2)
    lives = positive("half_life", half_life) * 2.0 ** living.normal(
        0, half_life_spread, n_genes
    )
    gain = np.log(2) / half_life
    synthesis = gain * 2.0 ** making.normal(0, synthesis_spread, n_genes)
    return ProteinKinetics(synthesis, lives)


def protein_levels(
    mrna: ArrayLike,
    times: ArrayLike,
    kinetics: ProteinKinetics,
    *,
    at: ArrayLike | None = None,
    initial: ArrayLike | None = None,
) -> Floats:
    """Return protein abundance, exact for mRNA that is linear between its times.

    Over an interval of length h in which mRNA goes from m0 in a line of slope b::

        p(h) = p(0) e^(-k h) + k_s (m0 h φ1(k h) + b h² φ2(k h))
        φ1(z) = (1 - e^(-z)) / z        φ2(z) = (1 - φ1(z)) / z

    Parameters
    ----------
    mrna
        ``(batch, time, gene)``, not negative.
    times
        ``(time,)``, ascending.
    at
        Times to return, ascending, within ``times``; by default ``times``. Few of
        them, or later ones than those of the mRNA, give sparse or delayed samples.
    initial
        ``(batch, gene)`` at the first time; by default the steady state of the first
        mRNA, k_s m / k_d.

    Returns
    -------
    ``(batch, at, gene)``.

    Raises
    ------
    ValueError
        If a shape does not fit, times do not ascend, or ``at`` leaves their range.
    """
    m = finite("mrna", mrna, 3, low=0)
    t = _ascending("times", times)
    if m.shape[1] != len(t):
        raise ValueError(f"mrna has {m.shape[1]} times, but times has {len(t)}")
    n_genes = (m.shape[2],)
    shaped("kinetics.synthesis", finite("synthesis", kinetics.synthesis, 1, 0), n_genes)
    lives = finite("half_life", kinetics.half_life, 1, np.finfo(float).tiny)
    shaped("kinetics.half_life", lives, n_genes)
    wanted = t if at is None else _ascending("at", at)
    if wanted[0] < t[0] or wanted[-1] > t[-1]:
        raise ValueError(
            f"at must lie from {t[0]} to {t[-1]}, got {wanted[0]} to {wanted[-1]}"
        )
    level = kinetics.synthesis * m[:, 0] / kinetics.decay  # (batch, gene)
    if initial is not None:
        level = shaped("initial", finite("initial", initial, 2, low=0), level.shape)
    # the mRNA is a line between its times, so more times on the line change nothing
    grid = np.union1d(t, wanted)
    m = _on_line(m, t, grid)
    kept = {0: level}
    for i, h in enumerate(np.diff(grid)):
        level = _step(level, m[:, i], m[:, i + 1], float(h), kinetics)
        kept[i + 1] = level
    return np.stack([kept[int(i)] for i in np.searchsorted(grid, wanted)], axis=1)


def measure_proteins(
    levels: ArrayLike,
    times: ArrayLike,
    subjects: Sequence[str],
    genes: Sequence[str],
    *,
    seed: int,
    noise: float = 0.25,
    missing_proteins: float = 0.0,
    missing_values: float = 0.0,
) -> AnnData:
    """Measure protein levels with noise, and not all of them.

    Parameters
    ----------
    levels
        ``(batch, time, gene)``, as `protein_levels` returns them.
    noise
        Standard deviation of log2: noise is multiplicative and has median 1.
    missing_proteins
        Share of the genes whose protein is never measured (no antibody, no peptide);
        the number of them is rounded, which ones they are is drawn.
    missing_values
        Share of the remaining values that are missing at random.

    Returns
    -------
    Samples × genes in the order of subjects, then times. X is the measured abundance,
    NaN where it is missing; ``layers["truth"]`` the level without noise; ``var``
    tells which proteins are measured; obs has subject and time.

    Raises
    ------
    ValueError
        If a shape does not fit or a share does not lie from 0 to 1.
    """
    import anndata

    p = finite("levels", levels, 3, low=0)
    t = _ascending("times", times)
    expected = (len(subjects), len(t), len(genes))
    shaped("levels", p, expected)
    noisy, panel, holes = generators(seed, 3)
    values = p * 2.0 ** noisy.normal(0, number("noise", noise, 0), p.shape)
    n_absent = round(number("missing_proteins", missing_proteins, 0, 1) * len(genes))
    absent = panel.choice(len(genes), n_absent, replace=False)
    values[holes.random(p.shape) < number("missing_values", missing_values, 0, 1)] = (
        np.nan
    )
    values[..., absent] = np.nan
    names = [str(subject) for subject in subjects]
    obs = pd.DataFrame(
        {
            "subject": np.repeat(names, len(t)),
            "time": np.tile(t, len(names)),
        }
    )
    obs.index = pd.Index([f"{who}_{when}" for who, when in obs.to_numpy()])
    var = pd.DataFrame({"measured": True}, index=[str(gene) for gene in genes])
    var.iloc[absent, 0] = False
    flat = (len(obs), len(genes))
    return anndata.AnnData(
        X=values.reshape(flat).astype(np.float32),
        obs=obs,
        var=var,
        layers={"truth": p.reshape(flat)},
        uns={
            "title": "Simulated protein abundance",
            "units": "protein (arbitrary)",
            "technology": "simulated",
        },
    )


def _step(
    level: Floats, before: Floats, after: Floats, h: float, kinetics: ProteinKinetics
) -> Floats:
    """Return the level at the end of an interval in which mRNA is a line."""
    z = kinetics.decay * h  # (gene,)
    one, two = _phi(z)
    # slope × h² is (after - before) × h
    made = kinetics.synthesis * h * (before * one + (after - before) * two)
    return np.asarray(level * np.exp(-z) + made)


def _phi(z: Floats) -> tuple[Floats, Floats]:
    """Return φ1(z) = (1 - e^-z) / z and φ2(z) = (1 - φ1(z)) / z for z > 0."""
    small = z < 1e-3
    safe = np.where(small, 1.0, z)
    one = -np.expm1(-safe) / safe
    two = (1 - one) / safe
    # near 0 the differences above lose digits; the series' next terms are z⁴ / 720
    one = np.where(small, 1 - z / 2 + z**2 / 6 - z**3 / 24, one)
    two = np.where(small, 1 / 2 - z / 6 + z**2 / 24 - z**3 / 120, two)
    return one, two


def _on_line(m: Floats, times: Floats, grid: Floats) -> Floats:
    """Return ``(batch, grid, gene)``: mRNA on the lines between its times."""
    if len(times) == 1:
        return m
    left = np.clip(np.searchsorted(times, grid, side="right") - 1, 0, len(times) - 2)
    share = (grid - times[left]) / (times[left + 1] - times[left])
    weight = share[None, :, None]
    return np.asarray(m[:, left] * (1 - weight) + m[:, left + 1] * weight)


def _ascending(name: str, values: ArrayLike) -> NDArray[np.float64]:
    array = finite(name, values, 1)
    if len(array) == 0 or (np.diff(array) <= 0).any():
        raise ValueError(f"{name} must be at least one number, ascending")
    return array
