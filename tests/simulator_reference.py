"""The simulator's equations written out again, plainly and slowly, to check it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from genex_helpers.simulator.networks import Network

Floats = NDArray[np.float64]


def contribution(edge: pd.Series, level: float) -> float:
    """Return what one Hill edge allows, from 0 to 1."""
    top = level ** edge["hill"]
    active = top / (edge["threshold"] ** edge["hill"] + top)
    return float(active if edge["sign"] > 0 else 1 - active)


def combined(logic: str, edges: pd.DataFrame, levels: list[float]) -> float:
    """Return f of one gene."""
    if not levels:
        return 1.0
    if logic == "linear":
        return float(sum(np.array(levels) / edges["threshold"].to_numpy()))
    rows = [edge for _, edge in edges.iterrows()]
    parts = [contribution(e, x) for e, x in zip(rows, levels, strict=True)]
    if logic == "and":
        return float(np.prod(parts))
    if logic == "or":
        return 1.0 - float(np.prod(1.0 - np.array(parts)))
    return float(np.mean(parts))


def right_side(
    network: Network, inputs: Mapping[str, float]
) -> Callable[[float, Floats], Floats]:
    """Return dx/dt of a network without delays, for scipy's integrators."""
    edges_of = [network.edges[network.edges["target"] == g] for g in network.genes]

    def rates(time: float, x: Floats) -> Floats:
        level = {**dict(zip(network.genes, x, strict=True)), **inputs}
        allowed = [
            combined(logic, edges, [float(level[s]) for s in edges["source"]])
            for logic, edges in zip(network.logic, edges_of, strict=True)
        ]
        made: Floats = network.basal + network.max_rate * np.array(allowed)
        return made - network.decay * x

    return rates


def digest(*arrays: NDArray[np.generic]) -> str:
    """Return the sha256 of the arrays' bytes."""
    total = hashlib.sha256()
    for array in arrays:
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()
