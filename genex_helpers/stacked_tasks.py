"""Many small multi-task nets trained at once, each with labels of its own.

A net with several linear heads of one output is a recurrent layer with one wider head,
so :class:`genex_helpers.stacked_training.Nets` holds it. A test compares the training
with :func:`genex_helpers.multi_task.fit_tasks`, net by net.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from .models import RecurrentClassifier
from .multi_task import grad_norm_targets
from .stacked_training import NAMES, Nets

Floats = NDArray[np.float32]
WEIGHTINGS = ("fixed", "uncertainty", "gradient norm")


def stacked_losses(answers: Tensor, labels: Tensor, kinds: Sequence[str]) -> Tensor:
    """Return the mean loss of each net and task over its observed labels.

    Parameters
    ----------
    answers, labels
        ``(net, batch, step, task)``; a missing label is NaN.
    kinds
        ``"regression"`` or ``"binary"``, for each task.

    Returns
    -------
    torch.Tensor
        ``(net, task)``; 0 for a task without a label.
    """
    if answers.shape != labels.shape or len(kinds) != labels.shape[-1]:
        raise ValueError(
            "answers and labels must be (net, batch, step, task) alike, and kinds one "
            f"a task, got {tuple(answers.shape)}, {tuple(labels.shape)}, {len(kinds)}"
        )
    seen = ~torch.isnan(labels)
    chosen = torch.where(seen, labels, 0.0)
    each = torch.stack(
        [
            (answers[..., k] - chosen[..., k]) ** 2
            if kind == "regression"
            else binary_cross_entropy_with_logits(
                answers[..., k], chosen[..., k], reduction="none"
            )
            for k, kind in enumerate(kinds)
        ],
        dim=-1,
    )
    found: Tensor = torch.where(seen, each, 0.0).sum((1, 2))
    return found / seen.sum((1, 2)).clamp(min=1)


def with_heads(one: RecurrentClassifier, n_heads: int) -> RecurrentClassifier:
    """Return a net with the GRU and the first head of ``one``, and more heads.

    So a net with one task and a net with several begin with the same weights.
    """
    inputs = one.recurrent.get_parameter("weight_ih_l0").shape[1]
    net = RecurrentClassifier(inputs, one.head.in_features, "gru", n_heads)
    with torch.no_grad():
        net.recurrent.load_state_dict(one.recurrent.state_dict())
        net.head.weight[:1] = one.head.weight
        net.head.bias[:1] = one.head.bias
    return net


class _Nets(Nets):
    """Stacked nets that answer at several steps."""

    def answers(self, x: Tensor, n_answers: int) -> Tensor:
        """Return the outputs of the last steps, ``(net, batch, n_answers, output)``."""
        stack = copy(self.stack)
        parts = torch.split(self.flat, self.sizes, dim=1)
        for name, part, shape in zip(NAMES, parts, self.shapes, strict=True):
            setattr(stack, name, part.reshape(shape))
        return stack.answers(x, n_answers)


class StackedTasks:
    """Nets of one shape and the labels of their tasks; trained together.

    Parameters
    ----------
    models
        Nets whose outputs are the tasks, copied, not changed.
    x
        ``(net, batch, time, gene)``, or ``(batch, time, gene)`` for all.
    labels
        ``(net, batch, step, task)``; the answers of the last ``step`` time steps.
    kinds
        ``"regression"`` or ``"binary"``, for each task.
    weighting
        ``"fixed"``, ``"uncertainty"`` or ``"gradient norm"``, as
        :mod:`genex_helpers.multi_task` has them.
    weights
        ``(task,)`` or ``(net, task)``, of the fixed weighting; ``None`` means 1.
    weight_rate
        Learning rate of learned weights.
    """

    def __init__(
        self,
        models: Sequence[RecurrentClassifier],
        x: Floats,
        labels: Floats,
        kinds: Sequence[str],
        *,
        learning_rate: float,
        weighting: str = "fixed",
        weights: NDArray[np.float64] | None = None,
        weight_rate: float = 0.025,
        alpha: float = 1.0,
    ) -> None:
        if weighting not in WEIGHTINGS:
            raise ValueError(f"weighting must be one of {WEIGHTINGS}, got {weighting}")
        self.nets, self.kinds, self.weighting = _Nets(models), list(kinds), weighting
        self.x = self._series(x)
        self.y = torch.as_tensor(np.asarray(labels, dtype=np.float32))
        self.alpha = alpha
        self.first: Tensor | None = None
        shape = (len(models), len(kinds))
        given = np.ones(shape) if weights is None else np.broadcast_to(weights, shape)
        self.weights = torch.as_tensor(np.array(given, dtype=np.float32))
        self.s = torch.zeros(shape, requires_grad=True)
        learned = self.s if weighting == "uncertainty" else self.weights
        self.optimiser = torch.optim.Adam([self.nets.flat], lr=learning_rate)
        self.weigher = torch.optim.Adam([learned], lr=weight_rate)
        self.n_shared = sum(self.nets.sizes[: NAMES.index("w_out")])

    def _series(self, x: Floats) -> Tensor:
        series = torch.as_tensor(np.asarray(x, dtype=np.float32))
        n_nets = len(self.nets.flat)
        return series.expand(n_nets, -1, -1, -1) if series.ndim == 3 else series

    def step(self) -> Tensor:
        """Take one step on all series; return the losses before it, ``(net, task)``."""
        losses = stacked_losses(
            self.nets.answers(self.x, self.y.shape[2]), self.y, self.kinds
        )
        if self.weighting == "uncertainty":
            half = torch.tensor([0.5 if k == "regression" else 1.0 for k in self.kinds])
            total = (half * torch.exp(-self.s) * losses + self.s / 2).sum()
        else:
            total = (self.weights * losses).sum()
        slopes = None
        if self.weighting == "gradient norm":
            slopes = self._weight_slopes(losses)
        self.optimiser.zero_grad()
        self.weigher.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        if slopes is not None:
            self.weights.grad = slopes
            self.weigher.step()
            self.weights.clamp_(min=1e-4)
            self.weights.mul_(len(self.kinds) / self.weights.sum(1, keepdim=True))
        elif self.weighting == "uncertainty":
            self.weigher.step()
        return losses.detach()

    def _weight_slopes(self, losses: Tensor) -> Tensor:
        """Return GradNorm's gradient for the loss weights, ``(net, task)``."""
        norms = torch.stack([g.norm(dim=1) for g in self.gradients(losses)], 1)
        now = losses.detach()
        if self.first is None:
            self.first = now.clone()
        weighed = self.weights * norms
        wanted = grad_norm_targets(weighed, now, self.first, self.alpha)
        return torch.sign(weighed - wanted) * norms

    def gradients(self, losses: Tensor) -> list[Tensor]:
        """Return each task's gradient for the encoder, ``(net, weight)`` a task."""
        return [
            torch.autograd.grad(losses[:, k].sum(), self.nets.flat, retain_graph=True)[
                0
            ][:, : self.n_shared]
            for k in range(losses.shape[1])
        ]

    def cosines(self) -> NDArray[np.float64]:
        """Return the cosine of the first two tasks' gradients now, ``(net,)``."""
        losses = stacked_losses(
            self.nets.answers(self.x, self.y.shape[2]), self.y, self.kinds
        )
        one, two = self.gradients(losses)[:2]
        found: NDArray[np.float64] = torch.cosine_similarity(one, two).double().numpy()
        return found

    @torch.no_grad()
    def answers(self, x: Floats, n_steps: int = 1) -> Floats:
        """Return what the nets say of ``x``, ``(net, batch, step, task)``."""
        found: Floats = self.nets.answers(self._series(x), n_steps).numpy()
        return found
