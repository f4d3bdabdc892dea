"""Many small recurrent nets, trained at once: one for each fold and seed.

A net of 8 inputs and 8 hidden units keeps a processor busy with overhead. Stacked along
a first axis, a hundred of them cost little more than one, and each ends with the
weights that :func:`genex_helpers.training.fit` gives it alone, to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from .models import CELLS, RecurrentClassifier, resolve_device
from .stacked import Stack
from .training_data import TrainingData, check_settings, check_together, training_data

NAMES = ("w_ih", "w_hh", "b_ih", "b_hh", "w_out", "b_out")  # of the weights of a Stack


def fit_many(
    models: Sequence[RecurrentClassifier],
    x_train: Sequence[ArrayLike],
    y_train: Sequence[ArrayLike],
    *,
    loss: Callable[..., Tensor],
    n_epochs: int,
    learning_rate: float | Sequence[float] = 1e-3,
    batch_size: int | None = None,
    weight_decay: float = 0.0,
    clip_norm: float | None = None,
    seeds: int | Sequence[int] = 0,
    device: str = "cpu",
) -> pd.DataFrame:
    """Train each model on its own series with Adam, in place, all of them together.

    Model k ends as after ``fit(models[k], x_train[k], y_train[k], ...)`` with
    ``learning_rate[k]`` and ``seeds[k]``, to rounding.

    Parameters
    ----------
    models
        Nets of one cell and size, each with weights of its own.
    x_train, y_train
        For each model ``(batch, time, gene)``, and its targets. The number of series
        may differ from model to model, the times and genes may not.
    loss
        A function of ``torch.nn.functional`` whose mean is that of its values:
        ``binary_cross_entropy_with_logits``, ``cross_entropy``, ``mse_loss``.
    learning_rate, seeds
        One for all, or one for each model.
    batch_size
        Series a step and model, in an order of each model's own; ``None`` means all.
    clip_norm
        The norm to which a model's gradient is shortened if it is longer.

    Returns
    -------
    pandas.DataFrame
        One row a model and epoch: ``model`` (its place in ``models``), ``epoch``,
        ``train_loss``.

    Raises
    ------
    ValueError
        If models, data or settings do not fit together; names the model.
    FloatingPointError
        If a loss is not finite; names the model, the epoch and the batch.

    Notes
    -----
    What is saved is overhead, so the gain shrinks as a net's own work grows. With 20
    GRUs on one core of a CPU it is tenfold where series a batch times hidden units is
    below 200, 1.5- to 2.7-fold at 2,000, and a loss from 8,000 on: train those with
    ``fit``, one after the other. ``benchmarks/many.py`` measures it.
    """
    rates = _one_each(learning_rate, len(models), "learning_rate")
    for rate in rates:
        check_settings(n_epochs, batch_size, rate, clip_norm, None, "epoch", 1, None)
    place = resolve_device(device)
    data = _checked(models, x_train, y_train, loss, place)
    nets = _Nets(models)
    lots = _Lots([len(d) for d in data], batch_size,
                 [int(s) for s in _one_each(seeds, len(models), "seeds")])  # fmt: skip
    x = _padded([d.inputs[0] for d in data])  # (net, series, time, gene)
    y = _padded([d.targets for d in data])
    adam = _Adam(nets.flat, rates, weight_decay, clip_norm)
    history = []
    for epoch in range(1, n_epochs + 1):
        losses = []
        for rows, share in lots.draw(place, nets.flat.dtype):
            x_batch, y_batch = (
                (x, y) if rows is None else (_take(x, rows), _take(y, rows))
            )
            value = _losses(loss, nets.outputs(x_batch), y_batch, share)  # (net,)
            (slope,) = torch.autograd.grad(value.sum(), nets.flat)
            adam.step(slope, active=share.sum(1) > 0)
            losses.append(value.detach())
        history.append(_mean_loss(losses, lots, epoch))
    nets.write_back(models)
    return pd.DataFrame(
        {
            "model": np.tile(np.arange(len(models)), n_epochs),
            "epoch": np.repeat(np.arange(1, n_epochs + 1), len(models)),
            "train_loss": np.concatenate(history),
        }
    ).sort_values(["model", "epoch"], ignore_index=True)


class _Nets:
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
    def write_back(self, models: Sequence[RecurrentClassifier]) -> None:
        """Copy each net's weights into its module."""
        parts = torch.split(self.flat, self.sizes, dim=1)
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
class _Lots:
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


class _Adam:
    """Adam for all nets, each with its own rate, clipping and count of steps.

    Source: Kingma and Ba 2015 (doi:10.48550/arXiv.1412.6980), weight decay and clipping
    as in ``torch.optim.Adam`` and ``torch.nn.utils.clip_grad_norm_``.
    """

    def __init__(
        self,
        flat: Tensor,
        rates: list[float],
        weight_decay: float,
        clip_norm: float | None,
    ) -> None:
        self.flat, self.weight_decay, self.clip_norm = flat, weight_decay, clip_norm
        self.rates = torch.tensor(rates, dtype=flat.dtype, device=flat.device)[:, None]
        self.mean, self.square = torch.zeros_like(flat), torch.zeros_like(flat)
        self.steps = torch.zeros_like(self.rates)

    @torch.no_grad()
    def step(self, slope: Tensor, active: Tensor) -> None:
        """Take a step with the nets that have a batch; the others stay."""
        moves = active.to(slope)[:, None]
        self.steps += moves
        if self.clip_norm is not None:
            norm = slope.norm(dim=1, keepdim=True)
            slope = slope * (self.clip_norm / (norm + 1e-6)).clamp(max=1.0)
        if self.weight_decay:
            slope = slope + self.weight_decay * self.flat
        self.mean.lerp_(slope, 0.1 * moves)
        self.square.lerp_(slope.square(), 0.001 * moves)
        root = (self.square / (1 - 0.999**self.steps)).sqrt_().add_(1e-8)
        rate = moves * self.rates / (1 - 0.9**self.steps)
        self.flat.sub_(rate * self.mean / root)


def _losses(
    loss: Callable[..., Tensor], outputs: Tensor, targets: Tensor, share: Tensor
) -> Tensor:
    """Return each net's mean loss over its series of the batch, ``(net,)``."""
    each = loss(outputs.flatten(0, 1), targets.flatten(0, 1), reduction="none")
    by_series = each.reshape(*share.shape, -1).mean(2)  # (net, series)
    return (by_series * share).sum(1)


def _mean_loss(losses: list[Tensor], lots: _Lots, epoch: int) -> np.ndarray:  # type: ignore[type-arg]
    """Return each net's mean loss a series over an epoch; refuse what is not finite."""
    values = torch.stack(losses, 1).double().cpu().numpy()  # (net, batch)
    wrong = np.argwhere(~np.isfinite(values))
    if len(wrong):
        net, batch = wrong[np.argmin(wrong[:, 1])]
        raise FloatingPointError(
            f"the loss of model {net} is {values[net, batch]} in epoch {epoch}, batch "
            f"{batch}: look for too large a learning rate, or give clip_norm"
        )
    mean: np.ndarray = (values * lots.counts).sum(1) / lots.counts.sum(1)  # type: ignore[type-arg]
    return mean


def _padded(parts: list[Tensor]) -> Tensor:
    """Stack tensors of different length along a new first axis, zeros at the end."""
    stacked: Tensor = nn.utils.rnn.pad_sequence(parts, batch_first=True)
    return stacked


def _take(values: Tensor, rows: Tensor | None) -> Tensor:
    """Return ``values[k, rows[k]]`` for each net k; all of them without rows."""
    if rows is None:
        return values
    nets = torch.arange(len(values), device=values.device)
    return values[nets[:, None], rows]


def _one_each(value: float | Sequence[float], n: int, name: str) -> list[float]:
    values = np.broadcast_to(np.asarray(value), (n,)) if np.ndim(value) == 0 else value
    found = [v.item() if isinstance(v, np.generic) else v for v in list(values)]  # type: ignore[arg-type]
    if len(found) != n:
        raise ValueError(f"{name} must be one number or one for each of {n} models, "
                         f"got {len(found)}")  # fmt: skip
    return found


def _checked(
    models: Sequence[RecurrentClassifier],
    x_train: Sequence[ArrayLike],
    y_train: Sequence[ArrayLike],
    loss: Callable[..., Tensor],
    place: torch.device,
) -> list[TrainingData]:
    """Return each model's data, all of one shape but for the number of series."""
    if not len(models) or len({len(models), len(x_train), len(y_train)}) > 1:
        raise ValueError(
            "models, x_train and y_train must be as many, and at least one, got "
            f"{len(models)}, {len(x_train)} and {len(y_train)}"
        )
    if len({id(model) for model in models}) < len(models):
        raise ValueError("each model must be a net of its own, one comes twice")
    data: list[TrainingData] = []
    for k, (model, x, y) in enumerate(zip(models, x_train, y_train, strict=True)):
        if type(model) is not RecurrentClassifier:
            raise ValueError(
                f"model {k} must be a RecurrentClassifier, got {type(model).__name__}"
            )
        if not all(w.requires_grad for w in model.parameters()):
            raise ValueError(f"model {k} has frozen weights: train it with fit")
        if _kind(model) != _kind(models[0]):
            raise ValueError(
                f"all models must be alike: model 0 is {_kind(models[0])}, "
                f"model {k} is {_kind(model)}"
            )
        model.to(place)
        names = (f"x_train[{k}]", f"y_train[{k}]", "mask")
        found = training_data(x, y, None, names=names, model=model, place=place)
        check_together(model, found, loss, names[:2])
        model.train()
        first = data[0] if data else found
        for name, part, other in (
            (names[0], found.inputs[0], first.inputs[0]),
            (names[1], found.targets, first.targets),
        ):
            if part.shape[1:] != other.shape[1:] or part.dtype != other.dtype:
                raise ValueError(
                    f"{name} must be as the first but for the number of series, "
                    f"{tuple(other.shape)} {other.dtype}, got {tuple(part.shape)} "
                    f"{part.dtype}"
                )
        data.append(found)
    return data


def _kind(model: RecurrentClassifier) -> str:
    weight = model.recurrent.get_parameter("weight_ih_l0")
    return f"{model.recurrent}, {model.head}, {weight.dtype}"
