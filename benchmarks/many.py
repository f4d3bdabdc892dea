"""How much faster are many nets at once, and where does it stop paying?

    make benchmark

First 85 GRUs of 8 inputs and 8 hidden units, one for each of 17 people held out and
each of 5 seeds, 40 epochs, as in the influenza case; then 20 GRUs of other sizes. A
ratio is the time of `fit` in a loop over that of `fit_many`: 1 means that nothing is
gained. The aim for the 85 GRUs is a ratio of at least 10.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from timing import ratios, told
from torch.nn.functional import binary_cross_entropy_with_logits

from genex_helpers.influenza import (
    HIDDEN_SIZE,
    LEARNING_RATE,
    N_COMPONENTS,
    N_EPOCHS,
    held_out_features,
    series_and_labels,
)
from genex_helpers.many import fit_many
from genex_helpers.models import RecurrentClassifier
from genex_helpers.training import fit

SEEDS = range(5)
N_ROUNDS = 5
SIZES = (8, 16, 32, 64, 128)  # hidden
N_SERIES = (4, 16, 64, 256)  # in the one batch
N_NETS = 20
N_STEPS = 15


def folds(hours_seen: float) -> tuple[list[Any], list[Any]]:
    """Return inputs and labels of 85 nets: everybody held out in turn, five seeds."""
    x, y, _ = series_and_labels(hours_seen)
    inputs, labels = [], []
    for out in range(len(y)):
        train = np.setdiff1d(np.arange(len(y)), [out])
        z = held_out_features(x, train)[train]
        inputs += [z] * len(SEEDS)
        labels += [y[train, None].astype(np.float32)] * len(SEEDS)
    return inputs, labels


def random_series(n_series: int) -> tuple[list[Any], list[Any]]:
    """Return inputs and labels of `N_NETS` nets, drawn at random."""
    rng = np.random.default_rng(0)
    shape = (n_series, N_STEPS, N_COMPONENTS)
    x = [rng.normal(size=shape).astype(np.float32) for _ in range(N_NETS)]
    return x, [(own[:, 0, :1] > 0).astype(np.float32) for own in x]


def new_nets(n: int, hidden_size: int) -> list[RecurrentClassifier]:
    """Return the same untrained nets every time."""
    torch.manual_seed(0)
    return [RecurrentClassifier(N_COMPONENTS, hidden_size) for _ in range(n)]


def gains(
    data: tuple[list[Any], list[Any]],
    hidden_size: int,
    n_epochs: int,
    batch_size: int | None,
    n_rounds: int,
) -> list[float]:
    """Return the time one after the other over the time at once, a round each."""
    how: dict[str, Any] = {
        "loss": binary_cross_entropy_with_logits,
        "learning_rate": LEARNING_RATE,
        "n_epochs": n_epochs,
        "batch_size": batch_size,
    }

    def alone() -> None:
        for net, x, y in zip(new_nets(len(data[0]), hidden_size), *data, strict=True):
            fit(net, x, y, **how)

    def together() -> None:
        fit_many(new_nets(len(data[0]), hidden_size), *data, **how)

    found = ratios({"alone": alone, "together": together}, "together", n_rounds)
    return found["alone"]


def main() -> None:
    print("time one after the other over time at once")
    for hours, batch_size in ((45.0, None), (108.0, None), (45.0, 4)):
        found = gains(folds(hours), HIDDEN_SIZE, N_EPOCHS, batch_size, N_ROUNDS)
        batches = "one batch" if batch_size is None else f"batches of {batch_size}"
        case = f"85 GRUs, 8 inputs, 8 hidden, {hours:g} hours, {batches}"
        print(f"{case:59} {told(found)}", flush=True)
    for n_series in N_SERIES:
        for hidden_size in SIZES:
            found = gains(random_series(n_series), hidden_size, 20, None, 3)
            case = f"{N_NETS} GRUs, {n_series:3} series a batch, {hidden_size:3} hidden"
            print(f"{case:59} {told(found)}", flush=True)


if __name__ == "__main__":
    main()
