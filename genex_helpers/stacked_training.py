"""The parts of :func:`genex_helpers.many.fit_many`: nets, batches, steps, records.

The first axis of every tensor is the net.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from .models import CELLS, RecurrentClassifier
from .stacked import Stack
from .training_data import TrainingData

NAMES = ("w_ih", "w_hh", "b_ih", "b_hh", "w_out", "b_out")  # of the weights of a Stack


class Nets:
    """All weights of all nets in one tensor, ``(net, weight)``."""

    def __init__(self, models: Sequence[RecurrentClassifier]) -> None:
        cell = next(c for c, kind in CELLS.items() if type(models[0].recurrent) is kind)
        units: list[nn.Module] = [m.recurrent for m in models]
        self.stack = Stack(cell, units, [m.head for m in models])
        weights = [getattr(self.stack, name).detach() for name in NAMES]
        self.shapes = [w.shape for w in weights]
        self.sizes = [w[0].numel() for w in weights]
        self.flat = torch.cat([w.reshape(len(w), -1) for w in weights], 1)
        self.flat.requires_grad_()

    def outputs(self, x: Tensor) -> Tensor:
        """Return ``(net, batch, output)`` of ``x``, ``(net, batch, time, gene)``."""
        stack = copy(self.stack)
        parts = torch.split(self.flat, self.sizes, dim=1)
        for name, part, shape in zip(NAMES, parts, self.shapes, strict=True):
            setattr(stack, name, part.reshape(shape))
        return stack.answers(x, 1)[:, :, 0]

    @torch.no_grad()
    def write_back(self, models: Sequence[RecurrentClassifier], flat: Tensor) -> None:
        """Copy weights, ``(net, weight)``, into the nets' modules."""
        parts = torch.split(flat, self.sizes, dim=1)
        w_ih, w_hh, b_ih, b_hh, w_out, b_out = (
            part.reshape(shape) for part, shape in zip(parts, self.shapes, strict=True)
        )
        for k, model in enumerate(models):
            unit = model.recurrent
            unit.get_parameter("weight_ih_l0").copy_(w_ih[k].T)
            unit.get_parameter("weight_hh_l0").copy_(w_hh[k].T)
            unit.get_parameter("bias_ih_l0").copy_(b_ih[k, 0])
            unit.get_parameter("bias_hh_l0").copy_(b_hh[k, 0])
            model.head.weight.copy_(w_out[k].T)
            model.head.bias.copy_(b_out[k].flatten())


@dataclass
class Lots:
    """Which series come in which batch: each net shuffles its own, as ``fit`` does."""

    n_series: list[int]
    batch_size: int | None
    seeds: list[int]

    def __post_init__(self) -> None:
        self.orders = [torch.Generator().manual_seed(seed) for seed in self.seeds]
        size = self.batch_size or max(self.n_series)
        # (net, batch): series in each batch, 0 where a net has no further batch
        starts = np.arange(0, max(self.n_series), size)
        left = np.array(self.n_series)[:, None] - starts
        self.counts = np.clip(left, 0, size)

    def draw(
        self, place: torch.device, dtype: torch.dtype
    ) -> list[tuple[Tensor | None, Tensor]]:
        """Return, for each batch of an epoch, rows and their share in the mean loss.

        Both are ``(net, series)``; a share is 0 where a net has no series. With one
        batch the order does not matter, and the rows are ``None``: all.
        """
        longest = self.counts.max(axis=0)  # (batch,)
        shares = []
        for counts, size in zip(self.counts.T, longest, strict=True):
            there = np.arange(size) < counts[:, None]
            shares.append(there / np.maximum(counts, 1)[:, None])
        tensors = [torch.as_tensor(s, dtype=dtype, device=place) for s in shares]
        if len(longest) == 1:
            return [(None, tensors[0])]
        rows = torch.zeros(len(self.n_series), max(self.n_series), dtype=torch.int64)
        for k, (n, order) in enumerate(zip(self.n_series, self.orders, strict=True)):
            rows[k, :n] = torch.randperm(n, generator=order)
        parts = torch.split(rows.to(place), longest.tolist(), dim=1)
        return list(zip(parts, tensors, strict=True))


class Alike(NamedTuple):
    """What nets must have in common to share an optimiser."""

    n_batches: int  # an epoch
    rate: float
    decay: float
    own: int  # the net's number, where the schedule follows its own loss


class Steps:
    """The optimiser of nets that are alike.

    Their weights are rows of ``flat``, next to one another, and one tensor to PyTorch.
    """

    def __init__(
        self,
        flat: Tensor,
        rows: list[int],
        how: Alike,
        optimiser: Callable[..., torch.optim.Optimizer],
        scheduler: Callable[[Any], LRScheduler] | None,
        schedule_per: str,
    ) -> None:
        self.rows = slice(rows[0], rows[-1] + 1)
        self.n_nets, self.n_batches = len(rows), how.n_batches
        # a view: what is written to it is written to flat
        self.weights = flat.detach()[self.rows].requires_grad_()
        self.optimiser = optimiser([self.weights], lr=how.rate, weight_decay=how.decay)
        self.scheduler = None if scheduler is None else scheduler(self.optimiser)
        self.schedule_per = schedule_per
        if schedule_per == "batch" and isinstance(self.scheduler, ReduceLROnPlateau):
            raise ValueError("ReduceLROnPlateau needs schedule_per='epoch'")

    def rates(self) -> NDArray[np.float64]:
        """Return the learning rate of each net, ``(net,)``."""
        return np.full(self.n_nets, float(self.optimiser.param_groups[0]["lr"]))

    def take(self, slope: Tensor, number: int) -> None:
        """Take a step against the gradient ``slope`` of batch ``number``, if any."""
        if number >= self.n_batches:
            return
        self.weights.grad = slope[self.rows]
        self.optimiser.step()
        if self.scheduler is not None and self.schedule_per == "batch":
            self.scheduler.step()

    def end_epoch(self, watched: NDArray[np.float64]) -> None:
        """Let the schedule go on; ``watched`` is the loss of each net of ``flat``."""
        if isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step(watched[self.rows].item())
        elif self.scheduler is not None and self.schedule_per == "epoch":
            self.scheduler.step()


class Watch:
    """The losses of the nets, which of them still train, and their best weights."""

    def __init__(
        self,
        nets: Nets,
        loss: Callable[..., Tensor],
        held_out: list[TrainingData],
        patience: int | None,
        names: Sequence[int],
    ) -> None:
        self.nets, self.loss, self.patience = nets, loss, patience
        self.names = names  # of the nets, as the caller counts them
        self.alive = np.ones(len(names), dtype=bool)
        self.lowest = np.full(len(names), np.inf)
        self.waited = np.zeros(len(names), dtype=int)
        self.best = nets.flat.detach()
        if patience is not None:
            self.best = self.best.clone()
        if held_out:
            self.x, self.y = together(held_out)
            lots = Lots([len(d) for d in held_out], None, [0] * len(held_out))
            ((_, self.share),) = lots.draw(nets.flat.device, nets.flat.dtype)

    def mean_loss(
        self, losses: list[Tensor], lots: Lots, epoch: int
    ) -> NDArray[np.float64]:
        """Return each net's mean loss a series over an epoch, ``(net,)``.

        Raises
        ------
        FloatingPointError
            If one is not finite; names the net and the batch.
        """
        values = torch.stack(losses, 1).double().cpu().numpy()  # (net, batch)
        wrong = np.argwhere(~np.isfinite(values) & self.alive[:, None])
        if len(wrong):
            net, batch = wrong[np.argmin(wrong[:, 1])]
            raise FloatingPointError(
                f"the loss of model {self.names[net]} is {values[net, batch]} in epoch "
                f"{epoch}, batch {batch}: look for too large a learning rate, or give "
                "clip_norm"
            )
        mean: NDArray[np.float64] = (values * lots.counts).sum(1) / lots.counts.sum(1)
        return mean

    @torch.no_grad()
    def validate(self, epoch: int) -> NDArray[np.float64]:
        """Return the validation losses, ``(net,)``; keep the weights of the lowest."""
        outputs = self.nets.outputs(self.x)
        values = losses_of(self.loss, outputs, self.y, self.share)
        found: NDArray[np.float64] = values.double().cpu().numpy()
        wrong = np.flatnonzero(~np.isfinite(found) & self.alive)
        if len(wrong):
            raise FloatingPointError(
                f"the validation loss of model {self.names[wrong[0]]} is "
                f"{found[wrong[0]]} after epoch {epoch}: look for too large a learning "
                "rate, or give clip_norm"
            )
        if self.patience is not None:
            better = self.alive & (found < self.lowest)
            self.lowest[better] = found[better]
            rows = torch.as_tensor(better, device=self.best.device)
            self.best[rows] = self.nets.flat.detach()[rows]
            self.waited = np.where(better, 0, self.waited + 1)
            self.alive &= self.waited < self.patience
        return found

    def check_weights(self, epoch: int) -> None:
        """Refuse weights that the very last step has spoilt."""
        finite = torch.isfinite(self.nets.flat.detach()).all(1).cpu().numpy()
        wrong = np.flatnonzero(~finite & self.alive)
        if len(wrong):
            raise FloatingPointError(
                f"the weights of model {self.names[wrong[0]]} are not finite after the "
                f"last batch of epoch {epoch}: look for too large a learning rate, or "
                "give clip_norm"
            )


def losses_of(
    loss: Callable[..., Tensor], outputs: Tensor, targets: Tensor, share: Tensor
) -> Tensor:
    """Return each net's mean loss over its series of the batch, ``(net,)``."""
    each = loss(outputs.flatten(0, 1), targets.flatten(0, 1), reduction="none")
    by_series = each.reshape(*share.shape, -1).mean(2)  # (net, series)
    return (by_series * share).sum(1)


def together(data: Sequence[TrainingData]) -> tuple[Tensor, Tensor]:
    """Stack inputs and targets, zeros where a net has fewer series.

    Returns ``(net, series, time, gene)`` and ``(net, series, ...)``.
    """
    x: Tensor = pad_sequence([d.inputs[0] for d in data], batch_first=True)
    y: Tensor = pad_sequence([d.targets for d in data], batch_first=True)
    return x, y
