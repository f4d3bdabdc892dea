"""What a simulation returns: the series, and the truth behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genex_helpers.simulator.networks import Network

if TYPE_CHECKING:
    from anndata import AnnData


@dataclass(frozen=True, eq=False)
class SimulationTruth:
    """How the series were made.

    Attributes
    ----------
    edges
        The network's edges: source, target, sign, threshold, hill, delay.
    rate_factors
        ``(batch, gene)`` by which each series' ``max_rate`` was multiplied: the given
        ones (genotype) times the drawn ones (``subject_spread``).
    perturbations
        One row a perturbation: what, target, value, start, stop, and how many series.
    step
        The step of the integration, in units of time.
    system_size
        Molecules per unit of expression; ``inf`` without intrinsic noise.
    """

    edges: pd.DataFrame
    rate_factors: NDArray[np.float64]
    perturbations: pd.DataFrame
    step: float
    system_size: float


@dataclass(frozen=True, eq=False)
class Simulation:
    """Expression over time of many series of one network.

    Attributes
    ----------
    expression
        ``(batch, time, gene)``, not negative.
    times
        ``(time,)`` in ``network.time_unit``.
    inputs
        ``(batch, time, input)``: the levels given from outside.
    subjects
        ``(batch,)`` names, in ascending order.
    perturbed
        ``(batch,)`` what was done to each series, in words; ``"none"`` else.
    network, truth
        Where the series come from.
    """

    expression: NDArray[np.float64]
    times: NDArray[np.float64]
    inputs: NDArray[np.float64]
    subjects: NDArray[np.str_]
    perturbed: NDArray[np.str_]
    network: Network
    truth: SimulationTruth

    @property
    def n_series(self) -> int:
        """Number of series."""
        return len(self.subjects)

    def sample_table(self) -> pd.DataFrame:
        """Return one row a sample, series after series: subject, time, inputs."""
        n_series, n_times = self.expression.shape[:2]
        steps = np.tile(np.arange(n_times), n_series)
        rows = np.repeat(np.arange(n_series), n_times)
        columns = {
            "subject": self.subjects[rows],
            "time": self.times[steps],
            "perturbation": self.perturbed[rows],
        }
        for j, name in enumerate(self.network.inputs):
            columns[name] = self.inputs[rows, steps, j]
        names = [
            f"{self.subjects[i]}_{t:03d}" for i, t in zip(rows, steps, strict=True)
        ]
        return pd.DataFrame(columns, index=pd.Index(names, name="sample"))

    def to_adata(self) -> AnnData:
        """Return samples × genes without measurement error, in float32.

        ``obs`` holds subject, time, perturbation and the inputs, ``uns["truth"]`` the
        edges, the rate factors and the perturbations.
        """
        from anndata import AnnData

        table = self.expression.reshape(-1, self.network.n_genes)
        return AnnData(
            X=table.astype(np.float32),
            obs=self.sample_table(),
            var=pd.DataFrame(index=pd.Index(self.network.genes, name="gene")),
            uns=self.description(),
        )

    def description(self) -> dict[str, object]:
        """Return what ``uns`` says of a simulated data set, with the truth."""
        truth: dict[str, object] = {
            "edges": self.truth.edges.copy(),
            "rate_factors": self.truth.rate_factors.copy(),
            "step": self.truth.step,
            "system_size": self.truth.system_size,
            "perturbations": self.truth.perturbations.copy(),
        }
        return {
            "title": "Simulated expression",
            "technology": "simulated",
            "units": "expression (simulated)",
            "time_unit": self.network.time_unit,
            "truth": truth,
        }
