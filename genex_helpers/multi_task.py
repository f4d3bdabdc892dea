"""One encoder, several heads: nets for several tasks, and how losses are weighed.

A task is a regression, a choice of two (``"binary"``) or of several classes. Missing
labels do not count: NaN where labels are floats, -1 where they are classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.nn.functional import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    mse_loss,
)

from .models import CELLS

KINDS = ("regression", "binary", "classification")
MISSING_CLASS = -1  # as a label of "classification"; elsewhere it is NaN


@dataclass(frozen=True)
class Task:
    """What one head is asked.

    Attributes
    ----------
    kind
        ``"regression"`` (mean squared error), ``"binary"`` (one logit) or
        ``"classification"`` (a logit a class).
    n_classes
        Classes of a classification; 1 otherwise.
    per_step
        Answer at every time step, instead of once after the last.
    """

    kind: str
    n_classes: int = 1
    per_step: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {KINDS}, got {self.kind!r}")
        if (self.n_classes > 1) != (self.kind == "classification"):
            raise ValueError(
                f"n_classes must be 2 or more for classification and 1 otherwise, got "
                f"{self.n_classes} for {self.kind!r}"
            )


class MultiTaskNet(nn.Module):
    """One recurrent encoder, whose states feed a linear head for each task.

    Parameters
    ----------
    n_inputs
        Inputs a time step (genes or components).
    hidden_size
        Size of the recurrent state, which all heads read.
    tasks
        Name to task, in the order of the heads.
    cell
        ``"rnn"``, ``"lstm"`` or ``"gru"``.

    Raises
    ------
    ValueError
        If the cell is unknown or there is no task.
    """

    def __init__(
        self, n_inputs: int, hidden_size: int, tasks: Mapping[str, Task],
        cell: str = "gru",
    ) -> None:  # fmt: skip
        super().__init__()
        if cell not in CELLS:
            raise ValueError(f"cell must be one of {sorted(CELLS)}, got {cell!r}")
        if not tasks:
            raise ValueError("tasks must name at least one task, got none")
        self.tasks = dict(tasks)
        self.encoder = CELLS[cell](n_inputs, hidden_size, batch_first=True)
        self.heads = nn.ModuleDict(
            {name: nn.Linear(hidden_size, t.n_classes) for name, t in tasks.items()}
        )

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Return the answers to ``x``, ``(batch, time, gene)``, by task.

        ``(batch,)`` or, per step, ``(batch, time)``; a classification has a last axis
        of classes.
        """
        states, _ = self.encoder(x)  # (batch, time, hidden)
        found = {}
        for name, task in self.tasks.items():
            read = states if task.per_step else states[:, -1]
            answer = self.heads[name](read)  # (batch, [time,] class)
            found[name] = answer if task.kind == "classification" else answer[..., 0]
        return found

    def shared_weights(self) -> list[Tensor]:
        """Return the weights of the encoder, which every task moves."""
        return list(self.encoder.parameters())


def task_losses(
    outputs: Mapping[str, Tensor],
    targets: Mapping[str, Tensor],
    tasks: Mapping[str, Task],
) -> dict[str, Tensor]:
    """Return the mean loss of each task over its observed labels.

    A task without a label here has a loss of 0, and no gradient.

    Raises
    ------
    ValueError
        If a task lacks its labels, or they have another shape than its answers.
    """
    found = {}
    for name, task in tasks.items():
        if name not in targets or name not in outputs:
            raise ValueError(
                f"task {name!r} lacks labels or answers: there are labels of "
                f"{sorted(targets)} and answers of {sorted(outputs)}"
            )
        answer, label = outputs[name], targets[name]
        shape = answer.shape[:-1] if task.kind == "classification" else answer.shape
        if label.shape != shape:
            raise ValueError(
                f"the labels of {name!r} must have the shape {tuple(shape)}, got "
                f"{tuple(label.shape)}"
            )
        found[name] = _mean_over_observed(answer, label, task)
    return found


def _mean_over_observed(answer: Tensor, label: Tensor, task: Task) -> Tensor:
    if task.kind == "classification":
        seen = label != MISSING_CLASS
        chosen = torch.where(seen, label, 0)
        each = cross_entropy(
            answer.reshape(-1, task.n_classes), chosen.reshape(-1), reduction="none"
        ).reshape(label.shape)
    else:
        seen = ~torch.isnan(label)
        # set to 0 before the loss: 0 × NaN would be a gradient of NaN
        chosen = torch.where(seen, label, 0.0)
        loss = mse_loss if task.kind == "regression" else (
            binary_cross_entropy_with_logits
        )  # fmt: skip
        each = loss(answer, chosen, reduction="none")
    return torch.where(seen, each, 0.0).sum() / seen.sum().clamp(min=1)


def multi_task_loss(
    losses: Mapping[str, Tensor], weights: Mapping[str, float] | None = None
) -> Tensor:
    """Return the sum of the tasks' losses, each times its weight (1 if not named).

    Raises
    ------
    ValueError
        If a weight names no task, is negative or is not finite.
    """
    own = dict(weights or {})
    if unknown := set(own) - set(losses):
        raise ValueError(f"weights name no task: {sorted(unknown)}; there are "
                         f"{sorted(losses)}")  # fmt: skip
    for name, weight in own.items():
        if not (np.isfinite(weight) and weight >= 0):
            raise ValueError(f"the weight of {name!r} must be a number from 0 on, got "
                             f"{weight!r}")  # fmt: skip
    total: Tensor = torch.stack([own.get(n, 1.0) * v for n, v in losses.items()]).sum()
    return total


def shared_gradients(losses: Mapping[str, Tensor], shared: Sequence[Tensor]) -> Tensor:
    """Return the gradient of each loss for the shared weights, ``(task, weight)``.

    The graph stays, so that the losses can be used once more.
    """
    rows = []
    for value in losses.values():
        found: Sequence[Tensor | None] = [None] * len(shared)
        if value.requires_grad:
            found = torch.autograd.grad(
                value, shared, retain_graph=True, allow_unused=True
            )
        parts = [torch.zeros_like(w) if g is None else g
                 for w, g in zip(shared, found, strict=True)]  # fmt: skip
        rows.append(torch.cat([part.reshape(-1) for part in parts]))
    return torch.stack(rows)


def gradient_cosines(gradients: Tensor) -> Tensor:
    """Return the cosine of each pair of tasks' gradients, ``(task, task)``.

    1: they ask for the same step; 0: they do not touch one another; below 0: a step for
    one task undoes some of the other's. NaN for a task without a gradient.
    """
    length = gradients.norm(dim=1, keepdim=True)
    unit = gradients / length
    found: Tensor = unit @ unit.T
    return found


class UncertaintyWeights(nn.Module):
    """Loss weights that are learned, one number a task (Kendall et al. 2018).

    A task's loss is divided by a variance ``exp(s)`` that is a weight of the net, and
    half its logarithm is added: ``exp(-s) L / 2 + s / 2`` for a regression with the
    mean squared error L, ``exp(-s) L + s / 2`` for a cross-entropy. At rest a
    regression has ``s = log L``, so its weight is half of one over its own loss,
    whatever its unit (doi:10.1109/CVPR.2018.00781).

    Parameters
    ----------
    tasks
        Name to task.
    """

    def __init__(self, tasks: Mapping[str, Task]) -> None:
        super().__init__()
        self.tasks = dict(tasks)
        self.s = nn.Parameter(torch.zeros(len(tasks)))

    def forward(self, losses: Mapping[str, Tensor]) -> Tensor:
        """Return the weighed sum, the halved logarithms included."""
        values = torch.stack([losses[name] for name in self.tasks])
        return (self._factors() * torch.exp(-self.s) * values + self.s / 2).sum()

    def weights(self) -> dict[str, float]:
        """Return what each loss is multiplied by now."""
        now = (self._factors() * torch.exp(-self.s)).detach()
        return dict(zip(self.tasks, now.tolist(), strict=True))

    def _factors(self) -> Tensor:
        halves = [0.5 if t.kind == "regression" else 1.0 for t in self.tasks.values()]
        return torch.tensor(halves, dtype=self.s.dtype, device=self.s.device)


def grad_norm_targets(
    norms: Tensor, losses: Tensor, first: Tensor, alpha: float
) -> Tensor:
    """Return what GradNorm wants the gradients' norms to be (Chen et al. 2018).

    Their mean over tasks (the last axis), times the relative share of its first loss
    that a task has left, to the power ``alpha``: who learns slowly gets a longer
    gradient.
    """
    left = losses / first
    pace = left / left.mean(dim=-1, keepdim=True)
    return norms.mean(dim=-1, keepdim=True) * pace**alpha


class GradNorm:
    """Loss weights that bring the tasks' gradients to comparable lengths.

    After each step a weight goes down if its task's gradient for the shared weights,
    loss weight included, is longer than :func:`grad_norm_targets`, and up if it is
    shorter (arXiv 1711.02257). The weights are scaled to a mean of 1.

    Parameters
    ----------
    names
        The tasks.
    alpha
        How much slow tasks are favoured; 0 asks for gradients of one length.
    learning_rate
        Of the loss weights, with Adam.
    least
        The smallest weight: a step of fixed size may otherwise take one below 0.
    """

    def __init__(
        self, names: Sequence[str], alpha: float = 1.0, learning_rate: float = 0.025,
        least: float = 1e-4,
    ) -> None:  # fmt: skip
        if len(names) < 2:
            raise ValueError(f"names must hold two tasks or more, got {list(names)}")
        self.names, self.alpha, self.least = list(names), alpha, least
        self.values = torch.ones(len(names), requires_grad=True)
        self.first: Tensor | None = None
        self.optimiser = torch.optim.Adam([self.values], lr=learning_rate)

    def weights(self) -> dict[str, float]:
        """Return what each loss is multiplied by now."""
        return dict(zip(self.names, self.values.detach().tolist(), strict=True))

    def slope(self, losses: Tensor, norms: Tensor) -> Tensor:
        """Return the gradient for the loss weights, ``(task,)``.

        ``norms`` are those of the unweighed gradients; the targets count as constants.
        """
        if self.first is None:
            self.first = losses.detach().clone()
        weighed = self.values.detach() * norms
        wanted = grad_norm_targets(weighed, losses.detach(), self.first, self.alpha)
        return torch.sign(weighed - wanted) * norms

    @torch.no_grad()
    def step(self, losses: Mapping[str, Tensor], gradients: Tensor) -> None:
        """Move the weights once; ``gradients`` is ``(task, weight)``, unweighed."""
        values = torch.stack([losses[name].detach() for name in self.names])
        slope = self.slope(values, gradients.norm(dim=1))
        self.values.grad = slope.to(self.values.dtype)
        self.optimiser.step()
        self.values.clamp_(min=self.least)
        self.values.mul_(len(self.names) / self.values.sum())


def fit_tasks(
    net: MultiTaskNet,
    x: ArrayLike,
    targets: Mapping[str, ArrayLike],
    *,
    n_epochs: int,
    learning_rate: float = 1e-2,
    weighting: Mapping[str, float] | UncertaintyWeights | GradNorm | None = None,
    weight_rate: float | None = None,
) -> pd.DataFrame:
    """Train ``net`` in place on all series at each step, with Adam.

    Parameters
    ----------
    x, targets
        ``(batch, time, gene)``, and the labels of each task.
    weighting
        Fixed weights by task (``None``: 1 each), or an object that learns them.
    weight_rate
        Learning rate of uncertainty weights; ``None``: that of the net.

    Returns
    -------
    pandas.DataFrame
        A row an epoch: ``epoch``, and for each task ``loss NAME``, ``weight NAME``,
        both before the step.

    Raises
    ------
    FloatingPointError
        If a loss is not finite; names the task and the epoch.
    """
    series = torch.as_tensor(np.asarray(x, dtype=np.float32))
    labels = {name: _labels(targets[name], task) for name, task in net.tasks.items()}
    groups: list[dict[str, Any]] = [{"params": list(net.parameters())}]
    if isinstance(weighting, UncertaintyWeights):
        rate = learning_rate if weight_rate is None else weight_rate
        groups.append({"params": list(weighting.parameters()), "lr": rate})
    optimiser = torch.optim.Adam(groups, lr=learning_rate)
    rows = []
    for epoch in range(1, n_epochs + 1):
        losses = task_losses(net(series), labels, net.tasks)
        row: dict[str, float] = {"epoch": epoch}
        for name, value in losses.items():
            row[f"loss {name}"] = value.item()
            if not np.isfinite(row[f"loss {name}"]):
                raise FloatingPointError(
                    f"the loss of {name!r} is {value.item()} in epoch {epoch}: look "
                    "for too large a learning rate"
                )
        learned = isinstance(weighting, UncertaintyWeights | GradNorm)
        now = weighting.weights() if learned else dict(weighting or {})  # type: ignore[union-attr, arg-type]
        row |= {f"weight {name}": now.get(name, 1.0) for name in losses}
        if isinstance(weighting, UncertaintyWeights):
            total = weighting(losses)
        else:
            total = multi_task_loss(losses, now)
        if isinstance(weighting, GradNorm):
            slopes = shared_gradients(losses, net.shared_weights())
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        if isinstance(weighting, GradNorm):
            weighting.step(losses, slopes)
        rows.append(row)
    return pd.DataFrame(rows)


def _labels(values: ArrayLike, task: Task) -> Tensor:
    kind = np.int64 if task.kind == "classification" else np.float32
    return torch.as_tensor(np.asarray(values, dtype=kind))
