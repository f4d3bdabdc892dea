"""Forecasts by recurrent nets: the change of each gene, one or several steps ahead.

Direct: one output for each step ahead. Iterated: a net for the next sample reads its
own forecast as if it had been measured, again and again. Both read the whole past of a
series, its levels and the gaps between samples, and add their output to persistence.
Many nets, one a fold and seed, are trained side by side and do not feel each other.
The settings are the same for all nets, and none was tuned but the number of updates,
which the experiment chooses inside the training part.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .forecast_windows import Windows
from .models import CELLS
from .stacked import Stack

HIDDEN_SIZE = 8
LEARNING_RATE = 0.01
BATCH_SIZE = 128  # series
UPDATES = (50, 100, 200, 400)  # to choose from

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def net_inputs(values: Floats, times: Floats, horizon: int) -> NDArray[np.float32]:
    """Return ``(batch, time, gene + horizon)``: levels, and the time to what comes.

    Times are divided by the median gap, and after the last sample they go on by it.
    When a sample is due is known beforehand. ``values`` is ``(batch, time, gene)``
    without missing values, ``times`` ``(time,)``.
    """
    if values.ndim != 3 or not np.isfinite(values).all():
        raise ValueError(
            "values must be (batch, time, gene) without missing values, "
            f"got shape {values.shape}: fill them first"
        )
    gap = float(np.median(np.diff(times)))
    later = np.concatenate([times, times[-1] + gap * np.arange(1, horizon + 1)])
    steps = np.arange(len(times))[:, None] + np.arange(1, horizon + 1)
    ahead = (later[steps] - times[:, None]) / gap  # (time, horizon)
    ahead = np.broadcast_to(ahead, (len(values), *ahead.shape))
    inputs: NDArray[np.float32] = np.concatenate([values, ahead], axis=2).astype("f4")
    return inputs


def net_targets(values: Floats, horizon: int) -> NDArray[np.float32]:
    """Return what follows each sample, ``(batch, time, horizon, gene)``; 0 at the end.

    Where there is nothing to follow, `counted` says so.
    """
    n_series, n_steps, n_genes = values.shape
    levels = np.zeros((n_series, n_steps, horizon, n_genes), dtype=np.float32)
    for k in range(1, horizon + 1):
        levels[:, : n_steps - k, k - 1] = values[:, k:]
    return levels


def counted(
    mask: Mask, horizon: int, *, after: int = 0, up_to: int | None = None
) -> Mask:
    """Return which targets count, ``(batch, time, horizon, gene)``.

    Those that were measured, at a step after ``after`` and at most ``up_to``.
    """
    n_series, n_steps, n_genes = mask.shape
    step = np.arange(n_steps)
    allowed = (step > after) & (step <= (n_steps - 1 if up_to is None else up_to))
    seen = mask & allowed[:, None]
    found = np.zeros((n_series, n_steps, horizon, n_genes), dtype=bool)
    for k in range(1, horizon + 1):
        found[:, : n_steps - k, k - 1] = seen[:, k:]
    return found


def new_nets(cell: str, n_genes: int, horizon: int, seeds: Sequence[int]) -> Stack:
    """Return one untrained net a seed: a recurrent layer and a linear one."""
    if cell not in CELLS:
        raise ValueError(f"cell must be one of {sorted(CELLS)}, got {cell!r}")
    units: list[nn.Module] = []
    heads = []
    with torch.random.fork_rng(devices=[]):
        for seed in seeds:
            torch.manual_seed(seed)
            units.append(CELLS[cell](n_genes + horizon, HIDDEN_SIZE, batch_first=True))
            heads.append(nn.Linear(HIDDEN_SIZE, horizon * n_genes))
    return Stack(cell, units, heads)


def outputs(nets: Stack, x: Tensor, n_genes: int) -> Tensor:
    """Return forecasts ``(net, batch, time, horizon, gene)`` after every sample.

    ``x`` is ``(net, batch, time, gene + horizon)``.
    """
    changes = nets.answers(x, x.shape[2])  # (net, batch, time, horizon * gene)
    now = x[..., None, :n_genes]  # (net, batch, time, 1, gene)
    forecasts: Tensor = now + changes.reshape(*x.shape[:3], -1, n_genes)
    return forecasts


def train_nets(
    cell: str,
    values: Floats,
    times: Floats,
    counts: Mask,
    seeds: Sequence[int],
    *,
    updates: Sequence[int] = UPDATES,
) -> dict[int, Stack]:
    """Train one net a seed on the targets that count for it; return copies.

    Adam on the mean squared error. For each update each net draws ``BATCH_SIZE`` of the
    series that it may learn from, or as many as the net with the fewest has.

    Parameters
    ----------
    values, times
        ``(batch, time, gene)`` filled, and ``(time,)``.
    counts
        ``(net, batch, time, horizon, gene)``: what each net may learn from. A series
        of which nothing counts has no part in its training.
    seeds
        Of the weights and the draws, one a net.
    updates
        After how many to keep a copy.

    Returns
    -------
    dict
        The nets by number of updates.

    Raises
    ------
    ValueError
        If nothing counts for a net.
    FloatingPointError
        If a loss is not finite.
    """
    n_nets, horizon, n_genes = counts.shape[0], counts.shape[3], values.shape[2]
    if n_nets != len(seeds) or not counts.reshape(n_nets, -1).any(axis=1).all():
        raise ValueError(f"counts must leave something for each of {len(seeds)} nets")
    nets = new_nets(cell, n_genes, horizon, seeds)
    x = torch.as_tensor(net_inputs(values, times, horizon))
    y = torch.as_tensor(net_targets(values, horizon))
    counting = torch.as_tensor(counts)
    own = [np.flatnonzero(c.any(axis=(1, 2, 3))) for c in counts]  # series of each net
    size = min(BATCH_SIZE, *(len(rows) for rows in own))
    draws = [np.random.default_rng(seed) for seed in seeds]
    every = torch.arange(n_nets)[:, None]
    optimiser = torch.optim.Adam(nets.parameters(), lr=LEARNING_RATE)
    kept = {}
    for update in range(1, max(updates) + 1):
        batch = torch.as_tensor(
            np.stack([d.permutation(r)[:size] for d, r in zip(draws, own, strict=True)])
        )  # (net, series)
        weight = counting[every, batch].float()
        weight /= weight.sum(dim=(1, 2, 3, 4), keepdim=True)
        optimiser.zero_grad()
        # a sum over nets of means over targets: no net feels another
        error = outputs(nets, x[batch], n_genes) - y[batch]
        loss = (weight * error**2).sum()
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss is {loss.item()} at update {update}")
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if update in updates:
            kept[update] = some_nets(nets, range(n_nets))
    return kept


@torch.no_grad()
def counted_errors(nets: Stack, values: Floats, times: Floats, counts: Mask) -> Floats:
    """Return each net's mean squared error over the targets that count, ``(net,)``."""
    horizon = counts.shape[3]
    x = torch.as_tensor(net_inputs(values, times, horizon))
    found = outputs(nets, x.expand(len(counts), *x.shape), values.shape[2])
    squared = (found - torch.as_tensor(net_targets(values, horizon))).numpy() ** 2
    axes = (1, 2, 3, 4)
    errors: Floats = (squared * counts).sum(axis=axes) / counts.sum(axis=axes)
    return errors


@torch.no_grad()
def direct_forecasts(
    nets: Stack, values: Floats, times: Floats, windows: Windows
) -> Floats:
    """Return the forecasts for windows, ``(net, window, horizon, gene)``.

    A net reads each series up to the window's origin. ``windows.groups`` are rows of
    ``values``, ``(batch, time, gene)``, filled.
    """
    horizon, n_genes = windows.target.shape[1:]
    x = torch.as_tensor(net_inputs(values, times, horizon))
    n_nets = len(nets.w_ih)
    every = outputs(nets, x.expand(n_nets, *x.shape), n_genes).double().numpy()
    found: Floats = every[:, windows.groups, windows.origins]
    return found


@torch.no_grad()
def iterated_forecasts(
    nets: Stack, values: Floats, times: Floats, windows: Windows
) -> Floats:
    """Return ``(net, window, horizon, gene)`` by nets for the next sample, fed back."""
    n_nets, n_genes = len(nets.w_ih), values.shape[2]
    if nets.w_out.shape[2] != n_genes:
        raise ValueError("nets must forecast the next sample alone")
    whole = torch.as_tensor(net_inputs(values, times, 1))
    found = np.empty((n_nets, *windows.target.shape))
    for origin in np.unique(windows.origins):
        rows = np.flatnonzero(windows.origins == origin)
        own = whole[torch.as_tensor(windows.groups[rows])]  # (window, time, gene + 1)
        x = own[:, : origin + 1].expand(n_nets, -1, -1, -1)
        for step in range(windows.target.shape[1]):
            level = outputs(nets, x, n_genes)[:, :, -1, 0]  # (net, window, gene)
            found[:, rows, step] = level.double().numpy()
            gap = whole[0, min(origin + step + 1, len(times) - 1), n_genes:]
            read = torch.cat([level, gap.expand(*level.shape[:2], -1)], dim=2)
            x = torch.cat([x, read[:, :, None]], dim=2)
    return found


def some_nets(nets: Stack, which: Sequence[int]) -> Stack:
    """Return copies of some of the nets."""
    kept = nets.double()
    rows = list(which)
    for name, value in vars(kept).items():
        if isinstance(value, Tensor):
            setattr(kept, name, value[rows].float())
    return kept
