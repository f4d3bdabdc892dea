"""Small networks with a known wiring, and series that do or do not show it.

Each case is a way of looking at a motif: what was done, and what was measured. Decay is
1 an hour unless said otherwise, signals are pulses of random onset, length and height.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from . import simulator as sim
from .network_scores import true_edges
from .networks_from_series import Courses

Mask = NDArray[np.bool_]

N_SERIES, N_TIMES, HOURS = 20, 41, 20.0
SYSTEM_SIZE, ERROR = 1000.0, 0.05  # molecules a unit; spread of the measurement


@dataclass(frozen=True, eq=False)
class Motif:
    """Series of a small network, and its true edges among what was measured.

    Attributes
    ----------
    courses
        What a method is given.
    truth
        ``(regulator, gene)``.
    names
        Of the regulators: genes, then inputs.
    """

    courses: Courses
    truth: Mask
    names: tuple[str, ...]


def measured(
    levels: NDArray[np.float64], error: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return levels times log-normal factors, the same spread for all."""
    noisy: NDArray[np.float64] = levels * np.exp(error * rng.normal(size=levels.shape))
    return noisy


def _network(rows: list[tuple[str, str, int]], genes: str, decay: float = 1.0,
             logic: str = "and", fast: str = "") -> sim.Network:  # fmt: skip
    """Return a network of single letters with one input, ``s``; all ceilings are 1."""
    decays = np.array([3 * decay if g in fast else decay for g in genes])
    edges = sim.edge_table([(a, b, sign, 0.4, 3.0, 0.0) for a, b, sign in rows])
    return sim.Network(tuple(genes), edges, 0.02 * decays, 0.98 * decays, decays,
                       ("s",), (logic,))  # fmt: skip


def chain() -> sim.Network:
    """Return ``s → x → y → z``: x acts on z through y only."""
    return _network([("s", "x", 1), ("x", "y", 1), ("y", "z", 1)], "xyz")


def loop() -> sim.Network:
    """Return the chain with a short cut, ``x → z``: a coherent feed-forward loop."""
    return _network([("s", "x", 1), ("x", "y", 1), ("y", "z", 1), ("x", "z", 1)], "xyz")


def fan() -> sim.Network:
    """Return ``s → x`` and ``s → y``, x three times as fast; nothing between them."""
    return _network([("s", "x", 1), ("s", "y", 1)], "xy", fast="x")


def _pulsed(network: sim.Network, seed: int) -> sim.Simulation:
    rng = np.random.default_rng([180, seed])
    pulses = [
        sim.pulse("s", rng.uniform(0.5, 1.5), at=rng.uniform(0, 8),
                  width=rng.uniform(1, 8), series=[i])
        for i in range(N_SERIES)
    ]  # fmt: skip
    times = np.linspace(0, HOURS, N_TIMES)
    return sim.simulate(network, times, N_SERIES, seed=seed, settle=20,
                        system_size=SYSTEM_SIZE, perturbations=pulses)  # fmt: skip


def _seen(found: sim.Simulation, seed: int, *, hidden: bool = False) -> Motif:
    rng = np.random.default_rng([181, seed])
    network = found.network
    truth, names = true_edges(network), (*network.genes, *network.inputs)
    inputs = None if hidden else found.inputs
    if hidden:
        truth, names = truth[: network.n_genes], network.genes
    levels = measured(found.expression, ERROR, rng)
    return Motif(Courses(levels, found.times, inputs), truth, names)


def toggle_and_bystander() -> sim.Network:
    """Return a toggle switch (a, b), and a gene c that ``push_b`` makes too."""
    two = sim.toggle_switch()
    edges = pd.concat([two.edges, sim.edge_table([("push_b", "c", 1, 0.5, 4.0, 0.0)])])
    return sim.Network(("a", "b", "c"), edges, np.array([0.0, 0.0, 1.0]),
                       np.full(3, 10.0), np.ones(3), two.inputs, ("or",))  # fmt: skip


def _toggle(seed: int, pushed: bool) -> Motif:
    """Return series that begin with a on; only edges between genes are asked for."""
    rng = np.random.default_rng([182, seed])
    pushes = [
        sim.pulse("push_b", 1.0, at=rng.uniform(1, 8), width=rng.uniform(2, 5),
                  series=[i])
        for i in range(N_SERIES if pushed else 0)
    ]  # fmt: skip
    found = sim.simulate(
        toggle_and_bystander(), np.linspace(0, HOURS, N_TIMES), N_SERIES, seed=seed,
        initial=[10.0, 0.1, 1.0], settle=20, system_size=SYSTEM_SIZE,
        perturbations=pushes,
    )  # fmt: skip
    return _seen(found, seed)


def _ring(seed: int, proteins: bool) -> Motif:
    rng = np.random.default_rng([183, seed])
    times = np.linspace(0, 40, N_TIMES)
    found = sim.simulate(
        sim.oscillator(), times, N_SERIES, seed=seed, settle=100, system_size=100.0,
        initial=rng.uniform(0, 40, size=(N_SERIES, 6)),
    )  # fmt: skip
    levels = measured(found.expression, ERROR, rng)
    truth, names = true_edges(found.network), found.network.genes
    if not proteins:  # a gene's protein acts on the next gene: so does the gene
        levels, truth, names = levels[..., :3], truth[3:, :3], names[:3]
    return Motif(Courses(levels, times), truth, names)


CASES: dict[str, Callable[[int], Motif]] = {
    "chain": lambda seed: _seen(_pulsed(chain(), seed), seed),
    "feed-forward loop": lambda seed: _seen(_pulsed(loop(), seed), seed),
    "fan, signal measured": lambda seed: _seen(_pulsed(fan(), seed), seed),
    "fan, signal hidden": lambda seed: _seen(_pulsed(fan(), seed), seed, hidden=True),
    "toggle, at rest": lambda seed: _toggle(seed, pushed=False),
    "toggle, pushed": lambda seed: _toggle(seed, pushed=True),
    "repressilator": lambda seed: _ring(seed, proteins=True),
    "repressilator, mRNA only": lambda seed: _ring(seed, proteins=False),
}
"""Name to a function of a seed that returns the series of a simulated set."""
