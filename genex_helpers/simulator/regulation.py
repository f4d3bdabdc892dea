"""What the regulators of each gene allow: a network compiled into arrays."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from genex_helpers.simulator.networks import Network

Floats = NDArray[np.float64]


class Regulation:
    """The fraction f of each gene's ``max_rate``, for a block of series at once.

    The past is kept in a ring of states. A state is ``(row, series)``: one row a gene,
    then one row for each input and delay (an input's past is known beforehand, so its
    rows already hold the delayed level). A delay that is no multiple of the step is
    interpolated between the two steps around it.

    Parameters
    ----------
    network
        To be compiled.
    step
        Of the integration, in the network's time.
    n_series
        Width of a block.
    """

    def __init__(self, network: Network, step: float, n_series: int) -> None:
        edges = network.edges
        logic = np.array(network.logic)
        target = edges["target"].map(network.genes.index).to_numpy(dtype=np.int64)
        linear = (logic[target] == "linear") if len(edges) else np.zeros(0, bool)
        # linear edges first, then equal exponents side by side
        order = np.lexsort((edges["hill"].to_numpy(), ~linear))
        edges, target = edges.iloc[order], target[order]
        self._n_linear = int(linear.sum())
        self._place_sources(network, edges["source"], edges["delay"].to_numpy(), step)
        self._scale = 1.0 / edges["threshold"].to_numpy()[:, None]
        self._powers = _runs(edges["hill"].to_numpy(), self._n_linear)
        self._combine(network, logic, target, edges["sign"].to_numpy())
        self._levels = np.empty((len(edges), n_series))
        self._spare = np.empty_like(self._levels)

    def _place_sources(
        self, network: Network, source: pd.Series, delay: Floats, step: float
    ) -> None:
        """Find the row and the lag, in steps, at which each edge reads."""
        given: dict[tuple[str, float], int] = {}
        rows, lags = [], []
        for name, late in zip(source, delay.tolist(), strict=True):
            if name in network.inputs:
                rows.append(
                    given.setdefault((name, late), network.n_genes + len(given))
                )
                lags.append(0.0)
            else:
                rows.append(network.index(name))
                lags.append(late / step)
        self.input_rows = list(given)
        self.n_rows = network.n_genes + len(given)
        lag = np.array(lags, dtype=float)
        whole = np.floor(lag + 1e-6).astype(np.int64)
        part = np.maximum(lag - whole, 0.0)
        self._row, self._lag = np.array(rows, dtype=np.int64), whole
        self._between = np.flatnonzero(part > 1e-6)
        self._part = part[self._between, None]
        self.n_slots = int(whole.max(initial=0)) + 2

    def _combine(
        self,
        network: Network,
        logic: NDArray[np.str_],
        target: NDArray[np.int64],
        sign: NDArray[np.int64],
    ) -> None:
        """Prepare how contributions add up or multiply.

        With r = 1 / (1 + (x/K)^n), a repressor contributes r and an activator 1 - r, so
        f is ``constant + weights @ r`` for the genes that add.
        """
        n_edges, n_regulators = len(target), np.bincount(target, minlength=len(logic))
        gene_rule = logic[target] if n_edges else logic[:0]
        share = 1.0 / n_regulators[target]
        adds = gene_rule == "mean"
        weight = np.where(adds, -sign * share, (gene_rule == "linear").astype(float))
        kept = weight != 0
        self._weights = sparse.csr_matrix(
            (weight[kept], (target[kept], np.flatnonzero(kept))),
            shape=(len(logic), n_edges),
        )
        constant = (n_regulators == 0).astype(float)
        np.add.at(constant, target[adds & (sign > 0)], share[adds & (sign > 0)])
        self._constant = constant[:, None]
        # and: product of h; or: 1 - product of (1 - h). Edges sorted by their target.
        multiplies = np.flatnonzero((gene_rule == "and") | (gene_rule == "or"))
        self._factors = multiplies[np.argsort(target[multiplies], kind="stable")]
        chosen = target[self._factors]
        self._product_genes, self._first = np.unique(chosen, return_index=True)
        # h is 1 - r for an activator; "or" needs 1 - h: the two flips cancel
        flip = (sign[self._factors] > 0) ^ (gene_rule[self._factors] == "or")
        self._flip = flip[:, None]
        self._either = (logic[self._product_genes] == "or")[:, None]

    def fraction(self, ring: Floats, now: int) -> Floats:
        """Return f ``(gene, series)`` at step ``now`` of ``ring``.

        ``ring`` is ``(slot, row, series)``; the state of step k is in slot
        ``k % n_slots``.
        """
        flat = ring.reshape(-1, ring.shape[2])
        slot = (now - self._lag) % self.n_slots
        place = slot * self.n_rows + self._row
        levels = self._levels
        np.take(flat, place, axis=0, out=levels, mode="clip")
        if len(self._between):
            self._interpolate(flat, place, levels)
        levels *= self._scale
        for exponent, run in self._powers:
            _raise(levels[run], exponent, self._spare[run])
        hill = levels[self._n_linear :]
        hill += 1.0
        np.reciprocal(hill, out=hill)
        total: Floats = self._weights @ levels
        total += self._constant
        if len(self._factors):
            total[self._product_genes] = self._products(levels)
        return total

    def _interpolate(
        self, flat: Floats, place: NDArray[np.int64], levels: Floats
    ) -> None:
        older = (place[self._between] - self.n_rows) % len(flat)
        near = levels.take(self._between, axis=0)
        between = flat.take(older, axis=0)
        between -= near
        between *= self._part
        between += near
        levels[self._between] = between

    def _products(self, levels: Floats) -> Floats:
        """Return f of the genes whose regulators multiply."""
        factors = levels[self._factors]
        np.subtract(1.0, factors, out=factors, where=self._flip)
        product = np.multiply.reduceat(factors, self._first, axis=0)
        np.subtract(1.0, product, out=product, where=self._either)
        return product


def _runs(hill: Floats, start: int) -> list[tuple[float, slice]]:
    """Return each exponent other than 1 and the run of edges that has it."""
    exponents, first = np.unique(hill[start:], return_index=True)
    bounds = [*(first + start).tolist(), len(hill)]
    pairs = zip(exponents.tolist(), bounds, bounds[1:], strict=False)
    return [(n, slice(low, high)) for n, low, high in pairs if n != 1]


def _raise(levels: Floats, exponent: float, spare: Floats) -> None:
    """Raise levels to a power in place; whole powers by multiplication."""
    if exponent != int(exponent) or exponent > 64:
        np.power(levels, exponent, out=levels)
        return
    left = int(exponent)
    while left % 2 == 0:
        levels *= levels
        left //= 2
    if left == 1:
        return
    np.copyto(spare, levels)
    left -= 1
    while left:
        if left % 2:
            levels *= spare
        left //= 2
        if left:
            spare *= spare
