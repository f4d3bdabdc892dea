"""Carry weights from one net to another, and hold some of them still.

A part of a net is named as PyTorch names its weights: ``"recurrent"`` stands for
``recurrent.weight_ih_l0`` and all others that begin with ``recurrent.``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from .models import RecurrentClassifier


def part_of(model: nn.Module, part: str) -> dict[str, nn.Parameter]:
    """Return the weights of one part, by their full names.

    Raises
    ------
    ValueError
        If the model has no such part; names those that it has.
    """
    found = {n: w for n, w in model.named_parameters() if _belongs(n, part)}
    if not found:
        parts = sorted({name.split(".")[0] for name, _ in model.named_parameters()})
        raise ValueError(f"part must be one of {parts} or lie in one, got {part!r}")
    return found


def copy_part(model: nn.Module, state: Mapping[str, Tensor], part: str) -> list[str]:
    """Copy the weights of one part from a state dict into ``model``, in place.

    Parameters
    ----------
    state
        What ``state_dict()`` of another net returned, buffers included. Its other parts
        may have any shape, or be absent.

    Returns
    -------
    list of str
        The names that were copied.

    Raises
    ------
    ValueError
        If a weight of the part is missing in ``state`` or has another shape; nothing is
        copied then.
    """
    part_of(model, part)
    own = {n: v for n, v in model.state_dict().items() if _belongs(n, part)}
    for name, value in own.items():
        if name not in state:
            raise ValueError(f"state has no {name!r}; it has {sorted(state)}")
        if state[name].shape != value.shape:
            raise ValueError(
                f"{name} must have the shape {tuple(value.shape)} of the model, got "
                f"{tuple(state[name].shape)}"
            )
    with torch.no_grad():
        for name, value in own.items():
            value.copy_(state[name])
    return list(own)


def freeze(model: nn.Module, part: str) -> int:
    """Stop the training of one part, and return how many numbers are still trained.

    Gradients that the part holds already are dropped: an optimiser goes on moving a
    weight that has one, whatever ``requires_grad`` says.
    """
    for weight in part_of(model, part).values():
        weight.requires_grad_(False)
        weight.grad = None
    return sum(w.numel() for w in model.parameters() if w.requires_grad)


def rate_groups(model: nn.Module, rates: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return groups of weights for an optimiser, a learning rate for each part.

    Parameters
    ----------
    rates
        Part to learning rate. Together the parts hold every weight that is trained,
        each once.

    Raises
    ------
    ValueError
        If a trained weight is in no part, or in two.
    """
    groups: list[dict[str, Any]] = []
    seen: set[str] = set()
    for part, rate in rates.items():
        weights = {n: w for n, w in part_of(model, part).items() if w.requires_grad}
        if twice := seen & set(weights):
            raise ValueError(f"{min(twice)} is in two parts of {list(rates)}")
        seen |= set(weights)
        groups.append({"params": list(weights.values()), "lr": float(rate)})
    left = {n for n, w in model.named_parameters() if w.requires_grad} - seen
    if left:
        raise ValueError(f"{min(left)} is in none of the parts {list(rates)}")
    return groups


@torch.no_grad()
def last_states(model: RecurrentClassifier, x: ArrayLike) -> NDArray[np.float32]:
    """Return what the head gets to read, ``(batch, hidden)``.

    ``x`` is ``(batch, time, gene)``.
    """
    weight = model.head.weight
    model.eval()
    inputs = torch.as_tensor(np.asarray(x)).to(weight.device, weight.dtype)
    states, _ = model.recurrent(inputs)  # (batch, time, hidden)
    found: NDArray[np.float32] = states[:, -1].cpu().numpy()
    return found


def _belongs(name: str, part: str) -> bool:
    return name == part or name.startswith(part + ".")
