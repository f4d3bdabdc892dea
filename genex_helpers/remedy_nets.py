"""Many small GRUs trained at once, each under a remedy against overfitting of its own.

All nets share one tensor, so a hundred of them cost little more than one. With nothing
drawn at random a net ends as after :func:`genex_helpers.training.fit` alone, and with
masks it gives what :class:`genex_helpers.dropout.DropoutNet` gives: tests hold both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy, pad

from .dropout import DropoutNet, gru_step
from .remedies import EPOCHS_KEPT, HIDDEN_SIZE, LEARNING_RATE, PLAIN

BETA_1, BETA_2, EPS = 0.9, 0.999, 1e-8  # of Adam, PyTorch's


@dataclass(frozen=True)
class Job:
    """One net: which series train it and test it, and its remedy.

    Attributes
    ----------
    train, test
        Row numbers of the series that all jobs share.
    remedy, strength
        Of :data:`genex_helpers.remedies.STRENGTHS`, or ``"nothing"`` and 0.
    """

    train: NDArray[np.int64]
    test: NDArray[np.int64]
    remedy: str = PLAIN
    strength: float = 0.0


class Logits(NamedTuple):
    """What a net says after some epoch, with nothing dropped: ``(series, class)``."""

    train: NDArray[np.float32]
    test: NDArray[np.float32]


class Masks(NamedTuple):
    """Masks of inputs, state and last state, each ``(net, batch, entry)``."""

    x: Tensor
    h: Tensor
    last: Tensor


class Nets:
    """Weights of all nets, ``flat``, ``(net, weight)``, and the units each may use."""

    def __init__(
        self, n_inputs: int, n_outputs: int, sizes: Sequence[int], seed: int
    ) -> None:
        rows = []
        self.units = torch.zeros(len(sizes), 1, HIDDEN_SIZE)
        with torch.random.fork_rng(devices=[]):
            for k, size in enumerate(sizes):
                torch.manual_seed(seed)
                weights = _widened(DropoutNet(n_inputs, size, n_outputs))
                rows.append(torch.cat([w.flatten() for w in weights]))
                self.units[k, :, :size] = 1
        self.shapes = [w.shape for w in weights]
        self.flat = torch.stack(rows).requires_grad_()

    def outputs(
        self, x: Tensor, masks: Masks | None = None, rows: list[int] | None = None
    ) -> Tensor:
        """Return ``(net, batch, output)`` of ``x``, ``(net, batch, time, gene)``.

        ``rows`` are the nets that ``x`` is for; all of them if there are none.
        """
        flat, units = self.flat, self.units
        if rows is not None:
            flat, units = flat[rows], units[rows]
        parts = torch.split(flat, [s.numel() for s in self.shapes], dim=1)
        w_ih, w_hh, b_ih, b_hh, w_out, b_out = (
            p.reshape(-1, *s) for p, s in zip(parts, self.shapes, strict=True)
        )
        n, batch, time, genes = x.shape
        if masks is not None:
            x = x * masks.x[:, :, None]
        series = x.reshape(n, batch * time, genes)
        from_x = torch.baddbmm(b_ih[:, None], series, w_ih.mT)
        h = x.new_zeros(n, batch, HIDDEN_SIZE)
        for drive in from_x.reshape(n, batch, time, -1).unbind(2):
            read = h if masks is None else h * masks.h
            from_h = torch.baddbmm(b_hh[:, None], read, w_hh.mT)
            h = gru_step(drive, from_h, h) * units
        if masks is not None:
            h = h * masks.last
        return torch.baddbmm(b_out[:, None], h, w_out.mT)


def _widened(net: DropoutNet) -> list[Tensor]:
    """Return the weights of a net as those of ``HIDDEN_SIZE`` units, filled with 0."""
    layer, size = net.recurrent, net.recurrent.hidden_size
    more = HIDDEN_SIZE - size

    def by_gate(name: str) -> Tensor:
        weight = layer.get_parameter(name).detach()
        gates = weight.reshape(3, size, -1)  # (gate, hidden, from)
        return pad(gates, (0, 0, 0, more)).reshape(3 * HIDDEN_SIZE, -1)

    return [
        by_gate("weight_ih_l0"),
        pad(by_gate("weight_hh_l0"), (0, more)),
        by_gate("bias_ih_l0")[:, 0],
        by_gate("bias_hh_l0")[:, 0],
        pad(net.head.weight.detach(), (0, more)),
        net.head.bias.detach(),
    ]


def train_nets(
    jobs: Sequence[Job],
    x: ArrayLike,
    y: ArrayLike,
    n_classes: int,
    seed: int,
    kept: Sequence[int] = EPOCHS_KEPT,
) -> dict[int, list[Logits]]:
    """Train one net a job on ``x``, ``(series, time, gene)``; return what they say.

    Adam on all training series of a job at once, for as many epochs as the last of
    ``kept``. Nets of one size start alike. Masks, noise and mixing are drawn anew in
    each epoch, for all jobs from one generator: a net under such a remedy depends on
    the jobs beside it.

    Returns
    -------
    dict
        For each epoch of ``kept`` the logits of every job, on clean series.

    Raises
    ------
    FloatingPointError
        If a weight is no longer finite.
    """
    series, labels = torch.as_tensor(np.asarray(x)), torch.as_tensor(np.asarray(y))
    nets = Nets(series.shape[2], n_classes, [_size(job) for job in jobs], seed)
    draw = _Draws(jobs, series.shape[2], seed)
    rows, share = _padded([job.train for job in jobs])
    target = torch.nn.functional.one_hot(labels[rows], n_classes).to(series.dtype)
    l2, decay = (
        torch.tensor([j.strength if j.remedy == r else 0.0 for j in jobs])[:, None]
        for r in ("L2 in Adam", "weight decay")
    )
    mean, square = torch.zeros_like(nets.flat), torch.zeros_like(nets.flat)
    found = {}
    for epoch in range(1, max(kept) + 1):
        some_x, some_y, masks = draw.batch(series[rows], target, share)
        logits = nets.outputs(some_x, masks)  # (net, batch, class)
        each = cross_entropy(logits.flatten(0, 1), some_y.flatten(0, 1),
                             reduction="none")  # fmt: skip
        loss = (each.reshape(share.shape) * share).sum()
        (slope,) = torch.autograd.grad(loss, nets.flat)
        with torch.no_grad():
            slope = slope + l2 * nets.flat
            nets.flat *= 1 - LEARNING_RATE * decay
            mean.lerp_(slope, 1 - BETA_1)
            square.mul_(BETA_2).addcmul_(slope, slope, value=1 - BETA_2)
            size = (square / (1 - BETA_2**epoch)).sqrt() + EPS
            nets.flat -= LEARNING_RATE / (1 - BETA_1**epoch) * mean / size
        if epoch in kept:
            parts = [
                _said(nets, series, [getattr(job, part) for job in jobs])
                for part in ("train", "test")
            ]
            found[epoch] = [Logits(a, b) for a, b in zip(*parts, strict=True)]
    if not torch.isfinite(nets.flat).all():
        raise FloatingPointError(f"weights are not finite after epoch {max(kept)}")
    return found


class _Draws:
    """What is drawn in each epoch: masks, noise, partners to mix with."""

    def __init__(self, jobs: Sequence[Job], n_inputs: int, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.rng = np.random.default_rng([14, seed])
        self.sizes = (n_inputs, HIDDEN_SIZE, HIDDEN_SIZE)
        both = ("dropout, last state", "dropout, variational")
        self.dropping = [k for k, job in enumerate(jobs) if job.remedy in both]
        all_masks = {k: jobs[k].remedy == both[1] for k in self.dropping}
        self.keep = [  # of inputs, state, last state; one input is never dropped
            torch.tensor([
                1 - jobs[k].strength if used or (all_masks[k] and width > 1) else 1.0
                for k in self.dropping
            ])[:, None, None]
            for used, width in zip((False, False, True), self.sizes, strict=True)
        ]  # fmt: skip
        self.noisy = [k for k, job in enumerate(jobs) if job.remedy == "noise"]
        self.spread = torch.tensor([jobs[k].strength for k in self.noisy])
        self.mixed = [k for k, job in enumerate(jobs) if job.remedy == "mixing"]
        self.alpha = np.array([jobs[k].strength for k in self.mixed])

    def batch(
        self, x: Tensor, y: Tensor, share: Tensor
    ) -> tuple[Tensor, Tensor, Masks | None]:
        """Return inputs, ``(net, batch, time, gene)``, targets and masks."""
        if self.noisy:
            noise = torch.randn(x[self.noisy].shape, generator=self.generator)
            x[self.noisy] += self.spread[:, None, None, None] * noise
        if self.mixed:
            at = torch.tensor(self.mixed)[:, None]
            there = share[self.mixed] > 0
            order = torch.rand(there.shape, generator=self.generator)
            # the rows that are there come first, in random order
            partner = (order + (~there)).argsort(dim=1)
            own = torch.as_tensor(self.rng.beta(self.alpha, self.alpha), dtype=x.dtype)
            x[self.mixed] = mix(x[self.mixed], x[at, partner], own)
            y = y.clone()
            y[self.mixed] = mix(y[self.mixed], y[at, partner], own)
        return x, y, self._masks(x) if self.dropping else None

    def _masks(self, x: Tensor) -> Masks:
        masks = []
        for keep, width in zip(self.keep, self.sizes, strict=True):
            mask = torch.ones(*x.shape[:2], width)
            chance = torch.rand(mask[self.dropping].shape, generator=self.generator)
            mask[self.dropping] = (chance < keep) / keep
            masks.append(mask)
        return Masks(*masks)


def mix(values: Tensor, partners: Tensor, own: Tensor) -> Tensor:
    """Return ``own`` parts of each value and ``1 - own`` of its partner's.

    ``own`` is ``(net,)``, one number for a whole batch (Zhang et al. 2018).
    """
    own = own.reshape(-1, *[1] * (values.ndim - 1))
    return own * values + (1 - own) * partners


def _size(job: Job) -> int:
    return int(job.strength) if job.remedy == "smaller net" else HIDDEN_SIZE


def _padded(rows: Sequence[NDArray[np.int64]]) -> tuple[Tensor, Tensor]:
    """Return row numbers, ``(net, batch)``, and their shares in each net's mean loss.

    A net with fewer rows is filled up with row 0, whose share is 0.
    """
    longest = max(len(own) for own in rows)
    numbers = torch.zeros(len(rows), longest, dtype=torch.int64)
    share = torch.zeros(len(rows), longest)
    for k, own in enumerate(rows):
        numbers[k, : len(own)] = torch.as_tensor(own)
        share[k, : len(own)] = 1 / len(own)
    return numbers, share


@torch.no_grad()
def _said(
    nets: Nets, series: Tensor, rows: Sequence[NDArray[np.int64]]
) -> list[NDArray[np.float32]]:
    """Return each net's logits on rows of its own, nets with as many rows together."""
    found: list[NDArray[np.float32]] = [np.empty(0, dtype=np.float32)] * len(rows)
    for length in sorted({len(own) for own in rows}):
        some = [k for k, own in enumerate(rows) if len(own) == length]
        x = series[torch.as_tensor(np.stack([rows[k] for k in some]))]
        for k, logits in zip(some, nets.outputs(x, rows=some).numpy(), strict=True):
            found[k] = logits
    return found
