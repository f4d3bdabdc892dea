"""Many small recurrent nets trained at once, their weights stacked.

One batched product serves all nets, several times faster than one net after the other.
A test holds them equal to ``torch.nn``, and their training to that of ``torch.optim``.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

import torch
from torch import Tensor, nn

from .memory_tasks import (
    BATCH_SIZE,
    CHECKPOINTS,
    CLIP,
    N_TEST_SERIES,
    SIZE_OF_LSTM,
    Task,
    hidden_size_for,
    make_unit,
    size,
)


class Stack:
    """Several nets of one shape, their weights stacked along a first axis.

    Parameters
    ----------
    units, heads
        One recurrent layer and one linear layer a net; they are copied, not changed.
    """

    def __init__(
        self, cell: str, units: list[nn.Module], heads: list[nn.Linear]
    ) -> None:
        self.cell = cell

        def stacked(parts: list[Tensor]) -> Tensor:
            return torch.stack(parts).detach().clone().requires_grad_()

        def weights(name: str) -> list[Tensor]:
            return [unit.get_parameter(name) for unit in units]

        self.w_ih = stacked([w.T for w in weights("weight_ih_l0")])  # (net, in, gates)
        self.w_hh = stacked([w.T for w in weights("weight_hh_l0")])  # (net, h, gates)
        self.b_ih = stacked([b[None] for b in weights("bias_ih_l0")])  # (net, 1, gates)
        self.b_hh = stacked([b[None] for b in weights("bias_hh_l0")])
        self.w_out = stacked([head.weight.T for head in heads])  # (net, h, out)
        self.b_out = stacked([head.bias[None, None] for head in heads])

    def parameters(self) -> list[Tensor]:
        """Return the stacked weights."""
        return [self.w_ih, self.w_hh, self.b_ih, self.b_hh, self.w_out, self.b_out]

    def double(self) -> Stack:
        """Return a copy in float64, without gradients."""
        other = copy(self)
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(other, name, value.detach().double())
        return other

    def states(self, x: Tensor) -> list[Tensor]:
        """Return the hidden states, ``(net, batch, h)`` a step.

        ``x`` is ``(net, batch, time, input)``.
        """
        n_nets, n_series, n_steps, n_inputs = x.shape
        bias = self.b_ih + (self.b_hh if self.cell != "gru" else 0)
        flat = x.reshape(n_nets, n_series * n_steps, n_inputs)
        driven = torch.baddbmm(bias, flat, self.w_ih)
        steps = driven.reshape(n_nets, n_series, n_steps, -1).unbind(2)
        h = x.new_zeros(n_nets, n_series, self.w_hh.shape[1])
        c, found = torch.zeros_like(h), []
        for drive in steps:
            if self.cell == "rnn":
                h = torch.tanh(torch.baddbmm(drive, h, self.w_hh))
            elif self.cell == "lstm":
                h, c = _lstm_step(torch.baddbmm(drive, h, self.w_hh), c)
            else:
                h = _gru_step(drive, torch.baddbmm(self.b_hh, h, self.w_hh), h)
            found.append(h)
        return found

    def answers(self, x: Tensor, n_answers: int) -> Tensor:
        """Return what the linear layer reads, ``(net, batch, answer, output)``."""
        last = torch.stack(self.states(x)[-n_answers:], dim=2)
        return last @ self.w_out[:, None] + self.b_out


def _lstm_step(total: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """Return the new hidden and cell state; ``total`` holds i, f, g, o."""
    h = c.shape[-1]
    i, f = torch.sigmoid(total[..., : 2 * h]).chunk(2, -1)
    g, o = torch.tanh(total[..., 2 * h : 3 * h]), torch.sigmoid(total[..., 3 * h :])
    c = f * c + i * g
    return o * torch.tanh(c), c


def _gru_step(from_x: Tensor, from_h: Tensor, h: Tensor) -> Tensor:
    """Return the new hidden state; both parts hold r, z, n."""
    n = h.shape[-1]
    gates = torch.sigmoid(from_x[..., : 2 * n] + from_h[..., : 2 * n])
    r, z = gates.chunk(2, -1)
    candidate = torch.tanh(from_x[..., 2 * n :] + r * from_h[..., 2 * n :])
    return candidate + z * (h - candidate)


def gradient_ratio(stack: Stack, x: Tensor) -> list[float]:
    """Return, for each net, how much the last state feels the first input.

    The root mean square of the gradient with respect to the first input, over that with
    respect to the last one; the gradient is that of a random direction of the last
    hidden state. 1 means that both are felt alike, 0 that the first is not felt at all.
    ``x`` is ``(net, batch, time, input)``; returns one number a net.
    """
    x = x.double().requires_grad_()  # a vanished gradient may leave float32's range
    last = stack.double().states(x)[-1]  # (net, batch, h)
    generator = torch.Generator().manual_seed(0)
    # the same directions for every net, so that its neighbours do not matter
    direction = torch.randn(last.shape[1:], generator=generator, dtype=last.dtype)
    (slope,) = torch.autograd.grad((last * direction).sum(), x)
    size_at = slope.square().mean(dim=(1, 3)).sqrt()  # (net, time)
    found: list[float] = (size_at[:, 0] / size_at[:, -1]).tolist()
    return found


def new_stack(task: Task, start: str, n_steps: int, sets: Sequence[int]) -> Stack:
    """Return one untrained net a simulated set; a set's number seeds its weights."""
    cell = start.partition(",")[0]
    n_parameters = size("lstm", SIZE_OF_LSTM, task)
    hidden_size = hidden_size_for(cell, task, n_parameters)
    units: list[nn.Module] = []
    heads = []
    with torch.random.fork_rng(devices=[]):
        for number in sets:
            torch.manual_seed(number)
            units.append(make_unit(start, task.n_inputs, hidden_size, n_steps))
            heads.append(nn.Linear(hidden_size, task.n_outputs))
    return Stack(cell, units, heads)


def train(
    stack: Stack,
    task: Task,
    n_steps: int,
    sets: Sequence[int],
    learning_rates: Sequence[float],
    checkpoints: Sequence[int] = CHECKPOINTS,
) -> list[dict[str, float]]:
    """Train net k on the stream of set ``sets[k]`` at ``learning_rates[k]``, in place.

    Each set is an endless stream of new series, so nothing can be learned by heart,
    with test series of its own. Adam, the norm of each net's gradient clipped.

    Returns
    -------
    list of dict
        One row a net and checkpoint: ``set``, ``learning_rate``, ``updates``, ``skill``
        (one minus the loss over that of the best guess, on the test series) and
        ``gradient_ratio`` (:func:`gradient_ratio`, on the test series).

    Raises
    ------
    FloatingPointError
        If a weight is no longer finite.
    """
    streams = [torch.Generator().manual_seed(1000 * number + 1) for number in sets]
    tests = [
        task.draw(N_TEST_SERIES, n_steps, torch.Generator().manual_seed(1000 * n + 2))
        for n in sets
    ]
    x_test = torch.stack([x for x, _ in tests])  # (net, batch, time, input)
    y_test = torch.stack([y for _, y in tests])
    weights = stack.parameters()
    rate = torch.tensor(learning_rates)
    mean = [torch.zeros_like(w) for w in weights]
    square = [torch.zeros_like(w) for w in weights]
    rows: list[dict[str, float]] = []
    for update in range(max(checkpoints) + 1):
        if update in checkpoints:
            skill = _skill(stack, task, x_test, y_test)
            ratio = gradient_ratio(stack, x_test)
            rows += [
                {"set": number, "learning_rate": learning_rates[k], "updates": update,
                 "skill": skill[k], "gradient_ratio": ratio[k]}
                for k, number in enumerate(sets)
            ]  # fmt: skip
        if update == max(checkpoints):
            break
        drawn = [task.draw(BATCH_SIZE, n_steps, stream) for stream in streams]
        x, y = (torch.stack(part) for part in zip(*drawn, strict=True))
        losses = task.loss(stack.answers(x, task.n_answers), y)  # (net,)
        slopes = torch.autograd.grad(losses.sum(), weights)
        _adam_step(weights, slopes, mean, square, rate, update + 1)
    if not all(bool(torch.isfinite(w).all()) for w in weights):
        raise FloatingPointError("a weight is not finite: too large a learning rate?")
    return rows


@torch.no_grad()
def _skill(stack: Stack, task: Task, x: Tensor, y: Tensor) -> list[float]:
    loss = task.loss(stack.answers(x, task.n_answers), y)
    found: list[float] = (1 - loss / task.guess).tolist()
    return found


@torch.no_grad()
def _adam_step(
    weights: list[Tensor],
    slopes: Sequence[Tensor],
    mean: list[Tensor],
    square: list[Tensor],
    rate: Tensor,
    step: int,
) -> None:
    """Take one step of Adam for all nets, each with its own rate and clipping."""
    norm = torch.stack([g.square().flatten(1).sum(1) for g in slopes]).sum(0).sqrt()
    shrink = (CLIP / (norm + 1e-6)).clamp(max=1.0)  # (net,)
    for w, g, m, s in zip(weights, slopes, mean, square, strict=True):
        a_net = (-1,) + (1,) * (w.ndim - 1)
        clipped = g * shrink.reshape(a_net)
        m.mul_(0.9).add_(clipped, alpha=0.1)
        s.mul_(0.999).addcmul_(clipped, clipped, value=0.001)
        root = (s / (1 - 0.999**step)).sqrt() + 1e-8
        w -= rate.reshape(a_net) * (m / (1 - 0.9**step)) / root
