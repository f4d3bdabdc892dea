"""What a training run is given: checked once, by name, before the first step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

LARGE = 1e6  # an output of this size is no prediction, but a net that has run away
AXES = {2: ("series", "column"), 3: ("series", "step", "gene")}


@dataclass
class TrainingData:
    """Series with their targets, on one device.

    Attributes
    ----------
    inputs
        What the model takes, each ``(batch, ...)``; usually one, ``(batch, time,
        gene)``.
    targets
        ``(batch, ...)``.
    mask
        The shape of ``targets``, ``True`` where observed; ``None`` if all are.
    """

    inputs: tuple[Tensor, ...]
    targets: Tensor
    mask: Tensor | None

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, rows: Tensor) -> TrainingData:
        """Return the series ``rows``."""
        mask = None if self.mask is None else self.mask[rows]
        return TrainingData(
            tuple(part[rows] for part in self.inputs), self.targets[rows], mask
        )

    def loss(self, loss: Any, output: Tensor) -> Tensor:
        """Return the loss of the model's ``output``, over observed values if masked."""
        if self.mask is None:
            value: Tensor = loss(output, self.targets)
        else:
            value = loss(output, self.targets, self.mask)
        return value

    def counts(self, batches: Sequence[Tensor]) -> list[int]:
        """Return how many series, or observed values if masked, each batch has."""
        if self.mask is None:
            return [len(rows) for rows in batches]
        observed = self.mask.reshape(len(self), -1).sum(1)
        counts: list[int] = torch.stack([observed[r].sum() for r in batches]).tolist()
        return counts


def training_data(
    x: ArrayLike | tuple[ArrayLike, ...],
    y: ArrayLike,
    mask: ArrayLike | None,
    *,
    names: tuple[str, str, str],
    model: nn.Module,
    place: torch.device,
) -> TrainingData:
    """Return checked data on ``place``; floats get the dtype of the model's weights.

    Parameters
    ----------
    x
        One array, or a tuple of arrays if the model takes several inputs.
    mask
        ``True`` where ``y`` was observed, in the shape of ``y`` or of its first axes
        (``(batch, time)`` for padded series). Where it is ``False``, ``y`` may hold
        anything; it is set to 0.
    names
        What the caller calls ``x``, ``y`` and ``mask``, for the errors.

    Raises
    ------
    ValueError
        If an array is not of numbers, has missing values, or another number of series
        than the first; or if a series has no observed target.
    """
    dtype = dtype_of(model)
    parts = x if isinstance(x, tuple) else (x,)
    called = [names[0] if len(parts) == 1 else f"{names[0]}[{i}]" for i in
              range(len(parts))]  # fmt: skip
    inputs = tuple(
        as_tensor(part, name, place, dtype)
        for part, name in zip(parts, called, strict=True)
    )
    seen = None if mask is None else _as_mask(mask, np.shape(y), names, place)
    targets = as_tensor(y, names[1], place, dtype, mask=seen)
    sizes = [*zip(called, map(len, inputs), strict=True), (names[1], len(targets))]
    for name, size in sizes[1:]:
        if size != sizes[0][1]:
            raise ValueError(f"{sizes[0][0]} has {sizes[0][1]} series, {name} has "
                             f"{size}")  # fmt: skip
    if sizes[0][1] == 0:
        raise ValueError(f"{called[0]} has no series")
    return TrainingData(inputs, targets, seen)


def as_tensor(
    values: ArrayLike | Tensor,
    name: str,
    place: torch.device,
    dtype: torch.dtype = torch.float32,
    *,
    mask: Tensor | None = None,
) -> Tensor:
    """Return numbers as a tensor on ``place``: floats as ``dtype``, integers as int64.

    Where ``mask`` is ``False`` the values are set to 0.

    Raises
    ------
    ValueError
        If the values are not numbers, have no batch axis, or one is missing or
        infinite; names the first.
    """
    if not isinstance(values, Tensor):
        array = np.asarray(values)
        if array.dtype.kind not in "fiub":
            raise ValueError(f"{name} must be numbers, got dtype {array.dtype}")
        values = torch.as_tensor(array if array.flags.writeable else array.copy())
    if values.is_complex():
        raise ValueError(f"{name} must be real numbers, got dtype {values.dtype}")
    if values.ndim == 0:
        raise ValueError(f"{name} must have one entry a series, got a single number")
    if not values.is_floating_point():
        whole = values if values.dtype == torch.bool else values.long()
        whole = whole.to(place)
        return whole if mask is None else torch.where(mask, whole, 0)
    tensor = values.to(place, dtype)
    if mask is not None:
        tensor = torch.where(mask, tensor, 0.0)
    finite = torch.isfinite(tensor)
    if not finite.all():
        raise ValueError(
            f"{name} has missing or infinite values: {int((~finite).sum())} of "
            f"{finite.numel()}, the first in {_place_of(~finite)}"
        )
    return tensor


def check_together(
    model: nn.Module, data: TrainingData, loss: Any, names: tuple[str, str]
) -> None:
    """Run the model and the loss on two series, without a gradient, and name misfits.

    The model is in evaluation mode, and no random number of the caller's is used up.

    Raises
    ------
    ValueError
        If the model does not take the inputs, the loss does not take the outputs, the
        loss is not one number, or outputs and targets would be broadcast.
    """
    few = data.take(torch.arange(min(2, len(data)), device=data.targets.device))
    given = ", ".join(_told(part) for part in data.inputs)
    devices = [data.targets.device] if data.targets.is_cuda else []
    model.eval()
    with torch.no_grad(), torch.random.fork_rng(devices=devices):
        try:
            output = model(*few.inputs)
        except (RuntimeError, TypeError, ValueError, IndexError) as error:
            raise ValueError(
                f"the model does not take {names[0]}, which is {given}: {error}"
            ) from error
        _check_shapes(output, few.targets, names[1])
        try:
            value = few.loss(loss, output)
        except (RuntimeError, TypeError, ValueError, IndexError) as error:
            raise ValueError(
                f"the loss does not take the model's output, {_told(output)} for two "
                f"series, with {names[1]}, which is {_told(data.targets)}: {error}"
            ) from error
    if not isinstance(value, Tensor) or value.numel() != 1:
        raise ValueError(
            "loss must give one number for a batch, a mean, got "
            f"{_told(value) if isinstance(value, Tensor) else value!r}"
        )


def validation_data(
    validation: Any, data: TrainingData, model: nn.Module, place: torch.device
) -> TrainingData:
    """Return the validation series, checked as the training series are."""
    if not isinstance(validation, tuple | list) or len(validation) not in (2, 3):
        raise ValueError("validation must be (x, y) or (x, y, mask)")
    x, y, mask = (*validation, None)[:3]
    if (mask is None) != (data.mask is None):
        raise ValueError(
            "give a mask for both training and validation, or for neither: "
            "validation=(x, y, mask)"
        )
    names = ("validation[0]", "validation[1]", "validation[2]")
    return training_data(x, y, mask, names=names, model=model, place=place)


def check_settings(
    n_epochs: int,
    batch_size: int | None,
    learning_rate: float,
    clip_norm: float | None,
    patience: int | None,
    schedule_per: str,
    checkpoint_every: int,
    validation: Any,
) -> None:
    counts = {"n_epochs": n_epochs, "batch_size": batch_size, "patience": patience,
              "checkpoint_every": checkpoint_every}  # fmt: skip
    for name, count in counts.items():
        if count is not None and (int(count) != count or count < 1):
            raise ValueError(f"{name} must be a whole number above 0, got {count!r}")
    for name, size in {"learning_rate": learning_rate, "clip_norm": clip_norm}.items():
        if size is not None and not 0 < size < math.inf:
            raise ValueError(f"{name} must be above 0 and finite, got {size!r}")
    if schedule_per not in ("epoch", "batch"):
        raise ValueError(
            f"schedule_per must be 'epoch' or 'batch', got {schedule_per!r}"
        )
    if patience is not None and validation is None:
        raise ValueError("patience needs validation=(x, y), data that are not trained "
                         "on")  # fmt: skip


@torch.no_grad()
def likely_cause(model: nn.Module, output: Tensor | None = None) -> str:
    """Say why a loss is not finite, from the weights and the gradients they hold."""
    slopes = [w.grad for w in model.parameters() if w.grad is not None]
    norm = ""
    if slopes:
        length = float(torch.stack([g.norm() for g in slopes]).norm())
        norm = f" (the gradient of the step before had norm {length:.3g})"
    cure = "look for too large a learning rate, or give clip_norm"
    for name, weight in model.named_parameters():
        if not torch.isfinite(weight).all():
            return f"an earlier step has spoilt the weight {name}{norm}: {cure}"
    if output is not None and not torch.isfinite(output).all():
        return f"the model's output is not finite, its inputs are{norm}: {cure}"
    if output is not None and float(output.abs().max()) > LARGE:
        largest = float(output.abs().max())
        return f"the model's outputs have grown to {largest:.3g}{norm}: {cure}"
    return (
        f"inputs, targets and weights are finite{norm}: look at the loss itself, such "
        "as a logarithm of zero or a division by it"
    )


def _check_shapes(output: Any, targets: Tensor, name: str) -> None:
    """Refuse ``(n, 1)`` against ``(n,)``: it would be broadcast to ``(n, n)``."""
    if not isinstance(output, Tensor) or not targets.is_floating_point():
        return
    if output.shape != targets.shape and output.squeeze().shape == (
        targets.squeeze().shape
    ):
        raise ValueError(
            f"the model gives {_axes_of(output)}, {name} is {_axes_of(targets)}: a "
            f"loss would compare every output with every target; reshape {name}"
        )


def _as_mask(
    mask: ArrayLike, shape: tuple[int, ...], names: tuple[str, str, str], place: Any
) -> Tensor:
    seen = torch.as_tensor(np.asarray(mask) if not isinstance(mask, Tensor) else mask)
    if seen.dtype != torch.bool:
        raise ValueError(f"{names[2]} must be True and False, got dtype {seen.dtype}")
    if seen.ndim == 0 or tuple(seen.shape) != tuple(shape)[: seen.ndim]:
        raise ValueError(
            f"{names[2]} must have the shape of {names[1]}, {tuple(shape)}, or of its "
            f"first axes, got {tuple(seen.shape)}"
        )
    empty = ~seen.reshape(len(seen), -1).any(1)
    if empty.any():
        raise ValueError(
            f"{names[2]} leaves nothing of series {int(empty.nonzero()[0])}: "
            "drop the series"
        )
    missing_axes = (1,) * (len(shape) - seen.ndim)
    return seen.reshape(*seen.shape, *missing_axes).expand(shape).to(place)


def dtype_of(model: nn.Module) -> torch.dtype:
    """Return the dtype of the model's weights, float32 if it has none."""
    for weight in model.parameters():
        if weight.is_floating_point():
            return weight.dtype
    return torch.float32


def _place_of(wrong: Tensor) -> str:
    first = wrong.nonzero()[0].tolist()
    names = AXES.get(wrong.ndim)
    if names is None:
        return f"series {first[0]}" + (f", at {first[1:]}" if first[1:] else "")
    return ", ".join(f"{n} {i}" for n, i in zip(names, first, strict=True))


def _axes_of(tensor: Tensor) -> str:
    return f"(batch{''.join(f', {n}' for n in tensor.shape[1:])})"


def _told(tensor: Any) -> str:
    if not isinstance(tensor, Tensor):
        return type(tensor).__name__
    return f"{tuple(tensor.shape)} {tensor.dtype} on {tensor.device}"
