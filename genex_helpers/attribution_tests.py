"""Is an explanation any good? Truth, rescaling, randomised weights, similarity."""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata
from torch import nn

from .interpretation import Attribution, Floats, Method, _pair

LEVELS = ("gene", "time", "cell")


def average_precision(truth: ArrayLike, scores: ArrayLike) -> Floats:
    """Return the area under precision and recall of each row, ``(batch,)``.

    Step by step as scikit-learn's ``average_precision_score``: items of one score count
    together. A blind score has more than the share of true items, the more so the fewer
    items there are.

    Parameters
    ----------
    truth, scores
        ``(batch, item)``; each row has at least one true item.
    """
    right, score = np.asarray(truth, dtype=bool), np.asarray(scores, dtype=float)
    if right.ndim != 2 or right.shape != score.shape:
        raise ValueError(
            "truth and scores must be (batch, item) alike, got "
            f"{right.shape} and {score.shape}"
        )
    if not right.any(axis=1).all():
        raise ValueError("truth must have a true item in each row")
    if not np.isfinite(score).all():
        raise ValueError("scores must be finite")
    order = np.argsort(-score, axis=1, kind="stable")
    hit = np.take_along_axis(right, order, axis=1)
    sorted_scores = np.take_along_axis(score, order, axis=1)
    n = hit.shape[1]
    precision = hit.cumsum(axis=1) / np.arange(1, n + 1)
    # the last item with the same score, for each
    ends = np.where(np.diff(sorted_scores, axis=1) != 0, np.arange(n - 1), n - 1)
    ends = np.concatenate([ends, np.full((len(ends), 1), n - 1)], axis=1)
    ends = np.minimum.accumulate(ends[:, ::-1], axis=1)[:, ::-1]
    at_end = np.take_along_axis(precision, ends, axis=1)
    found: Floats = (hit * at_end).sum(axis=1) / hit.sum(axis=1)
    return found


def truth_scores(attribution: Attribution, truth: ArrayLike) -> dict[str, Floats]:
    """Return the average precision by gene, by time and by cell, ``(batch,)`` each.

    Parameters
    ----------
    truth
        ``(batch, time, gene)``, ``True`` where a cell was put in as a driver. A gene or
        a time is true if one of its cells is.
    """
    right = np.asarray(truth, dtype=bool)
    sizes = np.abs(attribution.values)
    if right.shape != sizes.shape:
        raise ValueError(f"truth must have shape {sizes.shape}, got {right.shape}")
    n = len(sizes)
    return {
        "gene": average_precision(right.any(axis=1), attribution.by_gene()),
        "time": average_precision(right.any(axis=2), attribution.by_time()),
        "cell": average_precision(right.reshape(n, -1), sizes.reshape(n, -1)),
    }


def rescaled(
    method: Method,
    model: nn.Module,
    x: ArrayLike,
    baseline: ArrayLike | None = None,
    *,
    keep: float = 1.0,
) -> Attribution:
    """Return a method's map rescaled in two steps (Ismail et al. 2020, 2010.13924).

    The relevance of a time is how much the whole map changes when all genes at that
    time become the baseline; that of a cell, when this cell does. A cell's value is the
    product of the two. Values are sizes, and add up to nothing.

    Parameters
    ----------
    method
        Called as ``method(model, x)`` with some series; a method that needs a baseline
        gets it from the caller.
    baseline
        What a masked cell becomes; zero by default.
    keep
        Share of the times, the most relevant ones, whose cells are looked at; the
        others get 0.
    """
    if not 0 < keep <= 1:
        raise ValueError(f"keep must be above 0 and 1 at most, got {keep}")
    series, start = _pair(x, baseline)
    n, n_steps, n_genes = series.shape
    plain = method(model, series)

    def changes(masks: NDArray[np.bool_], rows: NDArray[np.int64]) -> Floats:
        masked = np.where(masks, start[rows], series[rows])
        maps = method(model, masked).values
        change: Floats = np.abs(maps - plain.values[rows]).sum(axis=(1, 2))
        return change

    rows, times = (a.ravel() for a in np.indices((n, n_steps)))
    masks = np.zeros((n * n_steps, n_steps, n_genes), dtype=bool)
    masks[np.arange(len(rows)), times] = True
    by_time = changes(masks, rows).reshape(n, n_steps)
    ranks = rankdata(-by_time, axis=1, method="ordinal")
    looked_at = ranks <= max(1, round(keep * n_steps))
    rows, times = (np.repeat(a, n_genes) for a in np.nonzero(looked_at))
    genes = np.tile(np.arange(n_genes), len(rows) // n_genes)
    masks = np.zeros((len(rows), n_steps, n_genes), dtype=bool)
    masks[np.arange(len(rows)), times, genes] = True
    values = np.zeros(series.shape)
    values[rows, times, genes] = changes(masks, rows) * by_time[rows, times]
    return Attribution(values, f"{plain.method}, rescaled", plain.explained)


def randomised(model: nn.Module, layers: list[str], seed: int = 0) -> nn.Module:
    """Return a copy of a net whose weights in some layers are dealt anew.

    The weights of each tensor are permuted among its own places, so that their spread
    stays (Adebayo et al. 2018, 1810.03292, who draw new ones).

    Parameters
    ----------
    layers
        First parts of the names of parameters, such as ``["head", "recurrent"]``.
    """
    known = sorted({name.split(".")[0] for name, _ in model.named_parameters()})
    if unknown := set(layers) - set(known):
        raise ValueError(f"layers must be among {known}, got {sorted(unknown)}")
    new = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in new.named_parameters():
            if name.split(".")[0] in layers:
                order = torch.randperm(weight.numel(), generator=generator)
                shuffled = weight.flatten()[order.to(weight.device)]
                weight.copy_(shuffled.view_as(weight))
    return new


def similarity(one: ArrayLike, other: ArrayLike, signed: bool = False) -> Floats:
    """Return the rank correlation of two maps, series by series, ``(batch,)``.

    Of their sizes, or with ``signed`` of their values; NaN for a map without spread.
    """
    a, b = (np.asarray(v, dtype=float) for v in (one, other))
    if a.shape != b.shape or a.ndim < 2:
        raise ValueError(f"maps must be alike, (batch, ...), got {a.shape}, {b.shape}")
    if not signed:
        a, b = np.abs(a), np.abs(b)
    ranks = [rankdata(v.reshape(len(v), -1), axis=1) for v in (a, b)]
    a, b = (r - r.mean(axis=1, keepdims=True) for r in ranks)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = (a * b).sum(axis=1) / np.sqrt(
            (a**2).sum(axis=1) * (b**2).sum(axis=1)
        )
    return found
