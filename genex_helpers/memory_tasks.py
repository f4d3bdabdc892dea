"""Tasks that need memory, and the ways in which a recurrent unit may start.

Chapter 4 shows the tasks and recomputes a slice; ``experiments/memory_tasks.py`` does
the whole, with the settings that stand here; ``stacked.py`` trains the nets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .models import CELLS

N_VALUES = 4  # signals that the recall task can show
N_SHOWN = 2  # signals shown, and asked for, in order
NOISE = 0.1  # standard deviation added to every input of the recall task

LENGTHS = (10, 25, 50, 100)  # steps
SIZE_OF_LSTM = 16  # hidden units; the other nets get as many parameters as this one
BATCH_SIZE = 32  # series an update
N_UPDATES = 1000
CHECKPOINTS = (0, 250, 500, 1000)  # updates after which the nets are tested
N_TEST_SERIES = 500
LEARNING_RATES = (0.003, 0.01, 0.03)
TUNING_SETS = (0, 1, 2)  # on these the learning rate is chosen, and nothing else
TEST_SETS = tuple(range(10, 20))
CLIP = 1.0  # largest norm of a net's gradient
DELTA = 0.1  # smallest difference of two skills that matters
COMPARISONS = (
    ("gru", "lstm", "equivalence"),
    ("lstm", "rnn", "superiority"),
    ("lstm", "rnn, orthogonal", "superiority"),
    ("lstm, forget bias 1", "lstm", "superiority"),
    ("lstm, chrono", "lstm", "superiority"),
    ("gru, keep bias 1", "gru", "superiority"),
    ("gru, chrono", "gru", "superiority"),
)  # for each task, on the mean skill over LENGTHS within each of TEST_SETS
SETTINGS: dict[str, Any] = {
    "lengths": list(LENGTHS),
    "size_of_lstm": SIZE_OF_LSTM,
    "batch_size": BATCH_SIZE,
    "n_updates": N_UPDATES,
    "checkpoints": list(CHECKPOINTS),
    "n_test_series": N_TEST_SERIES,
    "learning_rates": list(LEARNING_RATES),
    "tuning_sets": list(TUNING_SETS),
    "test_sets": list(TEST_SETS),
    "clip": CLIP,
    "n_values": N_VALUES,
    "n_shown": N_SHOWN,
    "noise": NOISE,
    "delta": DELTA,
    "comparisons": [list(c) for c in COMPARISONS],
}

N_GATES = {"rnn": 1, "lstm": 4, "gru": 3}


@dataclass(frozen=True)
class Task:
    """A task with known answers at its last steps.

    ``draw(n_series, n_steps, generator)`` returns ``x`` ``(batch, time, input)`` and
    ``y`` ``(batch, answer)`` or ``(batch, answer, 1)``; ``guess`` is the loss of the
    best answer that uses no memory.
    """

    draw: Callable[[int, int, torch.Generator], tuple[Tensor, Tensor]]
    n_inputs: int
    n_outputs: int
    n_answers: int
    guess: float

    def loss(self, answers: Tensor, y: Tensor) -> Tensor:
        """Return one loss a net; ``answers`` is ``(net, batch, answer, output)``."""
        if y.is_floating_point():
            return (answers - y).square().mean(dim=(1, 2, 3))
        return -answers.log_softmax(-1).gather(-1, y[..., None]).mean(dim=(1, 2, 3))


def draw_adding(
    n_series: int, n_steps: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Draw the adding task of Hochreiter and Schmidhuber 1997 (two marked numbers).

    The first input is uniform from -1 to 1; the second marks one step in each half of
    the series. The answer, at the last step, is the sum of the two marked numbers.

    Source: doi:10.1162/neco.1997.9.8.1735 (experiment 4; there the length varies
    and both marks stand in the first half).
    """
    if n_steps < 2:
        raise ValueError(f"n_steps must be at least 2, got {n_steps}")
    x = torch.zeros(n_series, n_steps, 2)
    x[..., 0] = torch.rand(n_series, n_steps, generator=generator) * 2 - 1
    half = n_steps // 2
    rows = torch.arange(n_series)
    first = torch.randint(0, half, (n_series,), generator=generator)
    second = torch.randint(half, n_steps, (n_series,), generator=generator)
    x[rows, first, 1] = 1.0
    x[rows, second, 1] = 1.0
    total = x[rows, first, 0] + x[rows, second, 0]  # (batch,)
    return x, total[:, None, None]


def draw_recall(
    n_series: int, n_steps: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Draw a small copying task: signals are shown, and asked for at the very end.

    The first ``N_SHOWN`` steps show one of ``N_VALUES`` signals each; the last
    ``N_SHOWN`` steps raise a flag and ask for them in order. Noise lies on all inputs.

    Source: after Arjovsky et al. 2016 (arXiv:1511.06464), with fewer signals.
    """
    if n_steps < 2 * N_SHOWN:
        raise ValueError(f"n_steps must be at least {2 * N_SHOWN}, got {n_steps}")
    x = NOISE * torch.randn(n_series, n_steps, N_VALUES + 1, generator=generator)
    y = torch.randint(0, N_VALUES, (n_series, N_SHOWN), generator=generator)
    x[:, :N_SHOWN, :N_VALUES] += nn.functional.one_hot(y, N_VALUES)
    x[:, -N_SHOWN:, N_VALUES] += 1.0
    return x, y


TASKS = {
    "adding": Task(draw_adding, n_inputs=2, n_outputs=1, n_answers=1, guess=2 / 3),
    "recall": Task(
        draw_recall,
        n_inputs=N_VALUES + 1,
        n_outputs=N_VALUES,
        n_answers=N_SHOWN,
        guess=float(torch.tensor(float(N_VALUES)).log()),
    ),
}

STARTS = (
    "rnn",
    "rnn, orthogonal",
    "lstm",
    "lstm, forget bias 1",
    "lstm, chrono",
    "gru",
    "gru, keep bias 1",
    "gru, chrono",
)
"""Kinds of unit and how their weights start; without a word, as PyTorch does."""


def hidden_size_for(cell: str, task: Task, n_parameters: int) -> int:
    """Return the hidden size whose net comes nearest to ``n_parameters``."""
    return min(range(1, 200), key=lambda h: abs(size(cell, h, task) - n_parameters))


def size(cell: str, hidden_size: int, task: Task) -> int:
    """Return how many parameters a unit and its linear layer have."""
    unit = N_GATES[cell] * hidden_size * (hidden_size + task.n_inputs + 2)
    return unit + (hidden_size + 1) * task.n_outputs


def make_unit(start: str, n_inputs: int, hidden_size: int, n_steps: int) -> nn.RNNBase:
    """Return a recurrent layer, its weights drawn as ``start`` (of ``STARTS``) says.

    Chrono draws the steps to remember, u, uniformly from 1 to ``n_steps - 1``, and sets
    the bias of what is kept to log u, so that a gate at rest keeps u / (1 + u).

    Source: Tallec and Ollivier 2018 (arXiv:1804.11188).
    """
    if start not in STARTS:
        raise ValueError(f"start must be one of {list(STARTS)}, got {start!r}")
    cell, _, how = start.partition(", ")
    unit: nn.RNNBase = CELLS[cell](n_inputs, hidden_size, batch_first=True)
    from_x, from_h = (unit.get_parameter(f"bias_{k}_l0") for k in ("ih", "hh"))
    first, keep = slice(0, hidden_size), slice(hidden_size, 2 * hidden_size)
    with torch.no_grad():
        if how == "orthogonal":
            nn.init.orthogonal_(unit.get_parameter("weight_hh_l0"))
        if how in ("forget bias 1", "keep bias 1", "chrono"):
            steps = 1 + (n_steps - 2) * torch.rand(hidden_size)
            value = steps.log() if how == "chrono" else torch.ones(hidden_size)
            from_x[keep], from_h[keep] = value, 0.0  # forget gate, or update gate z
            if start == "lstm, chrono":
                from_x[first], from_h[first] = -value, 0.0  # input gate
    return unit
