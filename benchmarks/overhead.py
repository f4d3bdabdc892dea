"""What does `fit` cost beyond a bare PyTorch loop, and what do other libraries cost?

    make benchmark

One net, one set of data, the same steps: Adam, shuffled batches, no validation. The
bare loop records nothing and checks nothing. A ratio of 1 is a bare loop's time. skorch
runs without its report, Lightning in its ``barebones`` mode, both with a
``DataLoader``, as their users have it. The aim for `fit` is a ratio below 1.05.
"""

from __future__ import annotations

import importlib.util
import logging
from typing import Any

import numpy as np
import torch
from timing import Run, ratios, told
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import DataLoader, TensorDataset

from genex_helpers.influenza import held_out_features, series_and_labels
from genex_helpers.models import RecurrentClassifier
from genex_helpers.training import fit

HIDDEN_SIZE = 8
LEARNING_RATE = 0.01
N_ROUNDS = 21


def new_net(n_inputs: int) -> RecurrentClassifier:
    """Return the same untrained net every time."""
    torch.manual_seed(0)
    return RecurrentClassifier(n_inputs, HIDDEN_SIZE)


def bare(x: Any, y: Any, batch_size: int, n_epochs: int) -> None:
    """Train with the loop that anybody would write first."""
    net = new_net(x.shape[2])
    inputs, targets = torch.as_tensor(x), torch.as_tensor(y)
    optimiser = torch.optim.Adam(net.parameters(), lr=LEARNING_RATE)
    order = torch.Generator().manual_seed(0)
    for _ in range(n_epochs):
        shuffled = torch.randperm(len(inputs), generator=order)
        for rows in torch.split(shuffled, batch_size):
            optimiser.zero_grad()
            loss = binary_cross_entropy_with_logits(net(inputs[rows]), targets[rows])
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()


def ours(x: Any, y: Any, batch_size: int, n_epochs: int) -> None:
    """Train with `fit`."""
    fit(
        new_net(x.shape[2]), x, y, loss=binary_cross_entropy_with_logits,
        n_epochs=n_epochs, learning_rate=LEARNING_RATE, batch_size=batch_size,
    )  # fmt: skip


def by_skorch(x: Any, y: Any, batch_size: int, n_epochs: int) -> None:
    """Train with skorch."""
    from skorch import NeuralNet  # type: ignore[import-not-found]

    NeuralNet(
        new_net(x.shape[2]), criterion=torch.nn.BCEWithLogitsLoss,
        optimizer=torch.optim.Adam, lr=LEARNING_RATE, batch_size=batch_size,
        max_epochs=n_epochs, train_split=None, iterator_train__shuffle=True, verbose=0,
    ).fit(x, y)  # fmt: skip


def by_lightning(x: Any, y: Any, batch_size: int, n_epochs: int) -> None:
    """Train with Lightning."""
    import lightning  # type: ignore[import-not-found]

    class Wrapped(lightning.LightningModule):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.net = new_net(x.shape[2])

        def training_step(self, batch: Any, number: int) -> Any:
            inputs, targets = batch
            return binary_cross_entropy_with_logits(self.net(inputs), targets)

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters(), lr=LEARNING_RATE)

    series = TensorDataset(torch.as_tensor(x), torch.as_tensor(y))
    batches = DataLoader(series, batch_size, shuffle=True)
    trainer = lightning.Trainer(max_epochs=n_epochs, accelerator="cpu", barebones=True)
    trainer.fit(Wrapped(), batches)


def influenza() -> tuple[Any, Any]:
    """Return sixteen people's components and labels, one person held out."""
    x, y, _ = series_and_labels(45.0)
    train = np.arange(1, len(y))
    return held_out_features(x, train)[train], y[train, None].astype(np.float32)


def larger() -> tuple[Any, Any]:
    """Return 800 random series, as many as there are genes with a phase."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(800, 18, 8)).astype(np.float32)
    return x, (x[:, 0, :1] > 0).astype(np.float32)


def main() -> None:
    logging.disable(logging.WARNING)  # Lightning tells much about itself
    cases = {
        "16 people x 7 times, one batch, 100 epochs": (influenza(), 16, 100),
        "16 people x 7 times, batches of 4, 25 epochs": (influenza(), 4, 25),
        "800 series x 18 times, batches of 32, 2 epochs": (larger(), 32, 2),
    }
    print("time over that of a bare loop")
    for case, (data, batch_size, n_epochs) in cases.items():
        kinds = {"bare": bare, "fit": ours}
        for name, run in (("skorch", by_skorch), ("lightning", by_lightning)):
            if importlib.util.find_spec(name):
                kinds[name] = run
            else:
                print(f"{name} is not installed: see benchmarks/requirements.txt")

        def runner(
            run: Any, data: Any = data, how: Any = (batch_size, n_epochs)
        ) -> Run:
            return lambda: run(*data, *how)

        runs = {name: runner(run) for name, run in kinds.items()}
        found = ratios(runs, "bare", N_ROUNDS)
        for name in list(kinds)[1:]:
            print(f"{case:48} {name:10} {told(found[name])}", flush=True)


if __name__ == "__main__":
    main()
