"""The training loop of chapter 9, once, for all chapters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from .models import resolve_device

Loss = Callable[[Tensor, Tensor], Tensor]


def fit(
    model: nn.Module,
    x_train: ArrayLike,
    y_train: ArrayLike,
    *,
    loss: Loss,
    n_epochs: int,
    learning_rate: float = 1e-3,
    batch_size: int | None = None,
    weight_decay: float = 0.0,
    validation: tuple[ArrayLike, ArrayLike] | None = None,
    seed: int = 0,
    device: str = "cpu",
) -> pd.DataFrame:
    """Train ``model`` with Adam, in place, and return the losses of each epoch.

    Parameters
    ----------
    x_train, y_train
        ``(batch, time, gene)`` and whatever ``loss(model(x), y)`` takes.
    loss
        Function of prediction and target that gives a mean over the batch.
    batch_size
        Series a step; ``None`` means all of them.
    validation
        ``(x, y)`` whose loss is recorded, never trained on.
    seed
        Seeds the order of the batches only; the weights are the caller's.

    Returns
    -------
    pandas.DataFrame
        One row an epoch: ``epoch``, ``train_loss`` and, if asked, ``validation_loss``.

    Raises
    ------
    FloatingPointError
        If the loss is not finite; names the epoch and the batch.
    """
    place = resolve_device(device)
    model.to(place)
    x, y = _tensor(x_train, "x_train", place), _tensor(y_train, "y_train", place)
    if len(x) != len(y):
        raise ValueError(f"x_train has {len(x)} series, y_train has {len(y)}")
    held_out = None
    if validation is not None:
        held_out = tuple(_tensor(v, "validation", place) for v in validation)
    optimiser = torch.optim.Adam(
        model.parameters(), lr=learning_rate, weight_decay=weight_decay
    )
    order = torch.Generator().manual_seed(seed)
    rows = []
    for epoch in range(1, n_epochs + 1):
        row: dict[str, float] = {"epoch": epoch}
        row["train_loss"] = _one_epoch(
            model, x, y, loss, optimiser, batch_size or len(x), order, epoch
        )
        if held_out is not None:
            row["validation_loss"] = evaluate(model, *held_out, loss=loss)
        rows.append(row)
    return pd.DataFrame(rows)


def _one_epoch(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    loss: Loss,
    optimiser: torch.optim.Optimizer,
    batch_size: int,
    order: torch.Generator,
    epoch: int,
) -> float:
    """Take one pass over shuffled batches; return the mean loss a series."""
    model.train()
    total = 0.0
    shuffled = torch.randperm(len(x), generator=order).to(x.device)
    for number, batch in enumerate(torch.split(shuffled, batch_size)):
        optimiser.zero_grad()
        value = loss(model(x[batch]), y[batch])
        if not torch.isfinite(value):
            raise FloatingPointError(
                f"the loss is {value.item()} in epoch {epoch}, batch {number}: "
                "look for missing inputs or too large a learning rate"
            )
        value.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        total += value.item() * len(batch)
    return total / len(x)


@torch.no_grad()
def evaluate(model: nn.Module, x: Tensor, y: Tensor, *, loss: Loss) -> float:
    """Return the loss of ``model`` on ``(x, y)`` without training on them."""
    model.eval()
    return float(loss(model(x), y))


@torch.no_grad()
def predict(model: nn.Module, x: ArrayLike) -> NDArray[np.float32]:
    """Return the model's outputs for ``x``, as an array on the CPU."""
    model.eval()
    place = next(model.parameters()).device
    output: Tensor = model(_tensor(x, "x", place))
    return output.cpu().numpy()


def _tensor(values: ArrayLike | Tensor, name: str, place: torch.device) -> Tensor:
    tensor = torch.as_tensor(values)
    if tensor.is_floating_point():
        tensor = tensor.float()
        if not torch.isfinite(tensor).all():
            raise ValueError(f"{name} has missing or infinite values")
    return tensor.to(place)
