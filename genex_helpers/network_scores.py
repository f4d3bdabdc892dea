"""How right is a score matrix, and how good a forecast? Edges against the truth.

A matrix of scores or of true edges is ``(regulator, gene)``: a row for each gene, then
one for each input from outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .networks_from_series import Courses

if TYPE_CHECKING:
    from .simulator import Network

Floats = NDArray[np.float64]


def true_edges(network: Network) -> NDArray[np.bool_]:
    """Return ``(regulator, gene)``, ``True`` where an edge is; genes, then inputs."""
    names = [*network.genes, *network.inputs]
    edges = np.zeros((len(names), network.n_genes), dtype=bool)
    sources = [names.index(name) for name in network.edges["source"]]
    edges[sources, [network.index(name) for name in network.edges["target"]]] = True
    return edges


def candidate_edges(scores: ArrayLike, truth: ArrayLike) -> tuple[Floats, Floats]:
    """Return scores and truth of every possible edge, flat, self-regulation left out.

    Raises
    ------
    ValueError
        If the shapes differ, there are fewer regulators than genes, or a score is not
        finite.
    """
    found, true = np.asarray(scores, dtype=float), np.asarray(truth)
    if found.shape != true.shape or found.ndim != 2 or found.shape[0] < found.shape[1]:
        raise ValueError(
            "scores and truth must be (regulator, gene) with a row for each gene, got "
            f"shapes {found.shape} and {true.shape}"
        )
    if not np.isfinite(found).all():
        raise ValueError("scores has values that are not finite")
    rows, columns = np.indices(found.shape)
    other = rows != columns
    return found[other], true[other].astype(float)


def average_precision(scores: ArrayLike, truth: ArrayLike) -> float:
    """Return the area under the precision-recall curve, self-regulation left out.

    The sum over true edges of the precision at their rank, divided by their number. A
    random ranking has about `edge_density`, and more where the list is short.

    Raises
    ------
    ValueError
        As `candidate_edges`; or if no edge is true.
    """
    from sklearn.metrics import average_precision_score

    found, true = candidate_edges(scores, truth)
    if not true.any():
        raise ValueError("truth has no edge: precision and recall are not defined")
    return float(average_precision_score(true, found))


def edge_density(truth: ArrayLike) -> float:
    """Return the share of possible edges that are true: the precision of guessing."""
    true = np.asarray(truth)
    return float(candidate_edges(np.zeros(true.shape), true)[1].mean())


def forecast_skill(
    courses: Courses, forecast: ArrayLike, genes: Sequence[int] | None = None
) -> float:
    """Return 1 less the mean squared error over that of persistence, gene by gene.

    Each gene's errors are divided by its variance first. 0 is as good as saying that
    nothing changes, 1 is perfect.

    Parameters
    ----------
    forecast
        ``(batch, time - 1, gene)``.
    genes
        Which of them to judge; ``None``: all.
    """
    levels = courses.levels
    predicted = np.asarray(forecast, dtype=float)
    if predicted.shape != levels[:, 1:].shape:
        raise ValueError(
            f"forecast must be {levels[:, 1:].shape}, got {predicted.shape}"
        )
    kept = list(range(levels.shape[2])) if genes is None else list(genes)
    variance = levels.var(axis=(0, 1))
    scale = np.where(variance > 1e-12, variance, 1.0)
    assert courses.free is not None
    seen = courses.free[:, :-1]
    error = np.where(seen, (levels[:, 1:] - predicted) ** 2 / scale, 0.0)[..., kept]
    still = np.where(seen, np.diff(levels, axis=1) ** 2 / scale, 0.0)[..., kept]
    return float(1 - error.sum() / still.sum())
