"""Does it help to use the same weights at every step? Two tasks with known answers.

A net of gated recurrent units whose weights are shared over time is compared with the
same net that has weights of its own at every step, and with flattened classifiers.
Chapter 2 teaches the steps; ``experiments/shared_weights.py`` repeats them on many
simulated sets. The settings are the same for all nets, and none was tuned.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .simulator import cascade, class_labels, simulate

if TYPE_CHECKING:
    import torch

LENGTHS = (10, 40)  # steps
N_TRAIN = (20, 40, 80, 160, 320)  # series; simulated "subjects"
N_TEST = 500
WIDTH = 4  # steps that the signal is on, in one piece or in two halves
NOISE = 0.2  # standard deviation of the measurement
HIDDEN_SIZE = 12
N_UPDATES = 200
LEARNING_RATE = 0.01
SETS = tuple(range(12))
DELTA = 0.05  # smallest difference of two accuracies that matters
TASKS = ("lasting or broken", "level at one time")
NETS = ("shared", "unshared")
COMPARISONS = tuple(
    (task, "shared", other, "superiority")
    for task in TASKS
    for other in ("unshared", "logistic, all times")
)  # on the mean over LENGTHS and N_TRAIN within each simulated set
SETTINGS: dict[str, Any] = {
    "lengths": list(LENGTHS),
    "n_train": list(N_TRAIN),
    "n_test": N_TEST,
    "width": WIDTH,
    "noise": NOISE,
    "hidden_size": HIDDEN_SIZE,
    "n_updates": N_UPDATES,
    "learning_rate": LEARNING_RATE,
    "sets": len(SETS),
    "delta": DELTA,
    "comparisons": [list(c) for c in COMPARISONS],
}

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]


def signal_levels(
    n_series: int, n_steps: int, seed: int
) -> tuple[NDArray[np.float64], Labels]:
    """Return a signal that is on for ``WIDTH`` steps, in one piece or in two.

    Where the pieces lie is drawn at random; two halves have a gap of a step or more.

    Returns
    -------
    levels
        ``(batch, time)``, 0 or 1; every series is on for the same number of steps.
    lasting
        ``(batch,)``, 1 for one piece; every second series.
    """
    if n_steps < WIDTH + 1:
        raise ValueError(f"n_steps must be at least {WIDTH + 1}, got {n_steps}")
    rng = np.random.default_rng([seed, n_steps, 0])
    levels, half = np.zeros((n_series, n_steps)), WIDTH // 2
    lasting = np.arange(n_series, dtype=np.int64) % 2
    starts = np.arange(n_steps - half + 1)
    apart = [(a, b) for a in starts for b in starts if b > a + half]
    for row, whole in zip(levels, lasting, strict=True):
        if whole:
            first = rng.integers(0, n_steps - WIDTH + 1)
            row[first : first + WIDTH] = 1
        else:
            for first in apart[rng.integers(len(apart))]:
                row[first : first + half] = 1
    return levels, lasting


def lasting_or_broken(n_series: int, n_steps: int, seed: int) -> tuple[Floats, Labels]:
    """Return the measured signal ``(batch, time, 1)`` and whether it was lasting."""
    levels, lasting = signal_levels(n_series, n_steps, seed)
    return _measured(levels, seed), lasting


def level_at_one_time(n_series: int, n_steps: int, seed: int) -> tuple[Floats, Labels]:
    """Return a gene's course ``(batch, time, 1)`` and whether it was high halfway.

    The gene follows an input that jumps at random, as first of a `cascade`; the label
    is 1 where its true level at step ``n_steps // 2`` is above the median.
    """
    rng = np.random.default_rng([seed, n_steps, 2])
    jumps = rng.random((n_series, n_steps))
    times = np.arange(n_steps, dtype=float)
    network = cascade(1)
    simulation = simulate(
        network, times, n_series, seed=seed, inputs={network.inputs[0]: jumps}
    )
    middle = float(times[n_steps // 2])
    drivers = [(network.genes[0], middle, 1.0)]
    course = simulation.expression[..., 0]
    course = (course - course.mean()) / course.std()
    return _measured(course, seed), class_labels(
        simulation, drivers, seed=seed
    ).values.astype(np.int64)


DRAW: dict[str, Callable[[int, int, int], tuple[Floats, Labels]]] = {
    "lasting or broken": lasting_or_broken,
    "level at one time": level_at_one_time,
}


def _measured(values: NDArray[np.float64], seed: int) -> Floats:
    rng = np.random.default_rng([seed, values.shape[1], 1])
    noisy = values + NOISE * rng.standard_normal(values.shape)
    return noisy[..., None].astype(np.float32)


def n_gru_parameters(
    n_inputs: int, hidden_size: int, n_steps: int, *, shared: bool
) -> int:
    """Return how many numbers a GRU without its linear layer has, by the formula."""
    one_step = 3 * hidden_size * (n_inputs + hidden_size + 2)
    return one_step if shared else n_steps * one_step


def new_weights(
    n_inputs: int, n_steps: int, sets: tuple[int, ...], *, shared: bool
) -> list[torch.Tensor]:
    """Return the weights of one net a set, as PyTorch draws them, stacked.

    The first axis is the net, the second the step (of length 1 if shared): input
    weights, recurrent weights, two biases; then the linear layer's weights and bias.
    """
    import torch

    n_own = 1 if shared else n_steps
    shapes = [
        (n_own, n_inputs, 3 * HIDDEN_SIZE), (n_own, HIDDEN_SIZE, 3 * HIDDEN_SIZE),
        (n_own, 1, 3 * HIDDEN_SIZE), (n_own, 1, 3 * HIDDEN_SIZE),
        (HIDDEN_SIZE, 1), (1, 1),
    ]  # fmt: skip
    bound = HIDDEN_SIZE**-0.5
    drawn: list[list[torch.Tensor]] = []
    for number in sets:
        generator = torch.Generator().manual_seed(number)
        drawn.append(
            [(2 * torch.rand(s, generator=generator) - 1) * bound for s in shapes]
        )
    return [torch.stack(parts).requires_grad_() for parts in zip(*drawn, strict=True)]


def logits(weights: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """Return ``(net, batch)`` logits of ``x``, ``(net, batch, time, input)``.

    The unit is PyTorch's GRU; a test holds the shared net equal to ``nn.GRU``.
    """
    import torch

    w_in, w_rec, b_in, b_rec, w_out, b_out = weights
    n = HIDDEN_SIZE
    h = x.new_zeros(*x.shape[:2], n)
    for t in range(x.shape[2]):
        own = t if w_in.shape[1] > 1 else 0
        from_x = torch.baddbmm(b_in[:, own], x[:, :, t], w_in[:, own])
        from_h = torch.baddbmm(b_rec[:, own], h, w_rec[:, own])
        gates = torch.sigmoid(from_x[..., : 2 * n] + from_h[..., : 2 * n])
        r, z = gates.chunk(2, -1)
        candidate = torch.tanh(from_x[..., 2 * n :] + r * from_h[..., 2 * n :])
        h = candidate + z * (h - candidate)
    return torch.baddbmm(b_out, h, w_out)[..., 0]


def net_accuracies(
    net: str,
    train: list[tuple[Floats, Labels]],
    test: list[tuple[Floats, Labels]],
    sets: tuple[int, ...],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Train one net a set, side by side; return their accuracies in training and test.

    Each net sees its own set alone; Adam, all series in one batch. Both arrays have
    shape ``(set,)``.
    """
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits as loss

    if net not in NETS:
        raise ValueError(f"net must be one of {NETS}, got {net!r}")
    parts = []
    for data in (train, test):
        x = torch.as_tensor(np.stack([values for values, _ in data]))
        y = torch.as_tensor(np.stack([labels for _, labels in data]))
        parts.append((x, y.float()))
    (x_train, y_train), (x_test, y_test) = parts
    n_steps, n_inputs = x_train.shape[2:]
    weights = new_weights(n_inputs, n_steps, sets, shared=net == "shared")
    optimiser = torch.optim.Adam(weights, lr=LEARNING_RATE)
    for _ in range(N_UPDATES):
        optimiser.zero_grad()
        # a sum over nets of means over series: no net feels another
        total = loss(logits(weights, x_train), y_train) * len(sets)
        total.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    with torch.no_grad():
        hits = [
            ((logits(weights, x) > 0) == (y > 0.5)).double().mean(dim=1).numpy()
            for x, y in ((x_train, y_train), (x_test, y_test))
        ]
    return hits[0], hits[1]
