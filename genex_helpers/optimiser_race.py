"""Optimisers and schedules at one budget: chapter 12's case.

Every method trains the same GRUs on the same batches for the same number of epochs, at
each of eight learning rates; validation series choose the rate, test series judge it.
Two tasks: the adding task, whose answer is known, and the phases of yeast genes. The
settings were fixed before the first full run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy, mse_loss
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    LinearLR,
    LRScheduler,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
)

from .many import fit_many
from .memory_tasks import TASKS as MEMORY_TASKS
from .memory_tasks import draw_adding
from .models import RecurrentClassifier
from .splits import GeneKFold
from .training import predict
from .yeast import PHASES, gene_folds, phase_case, scaled_by_training

RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
DEFAULT_RATE = 0.001  # PyTorch's own, for SGD as for Adam
SEEDS = (0, 1)  # averaged within a simulated set or a gene
N_EPOCHS = 40
BATCH_SIZE = 32
HIDDEN_SIZE = 16
CLIP_NORM = 1.0  # for all, so that no rate ends in numbers that are not finite
N_SETS = 10  # of the adding task
N_SERIES = {"train": 480, "validation": 200, "test": 500}  # of each set
N_STEPS = 25  # of an adding series
N_INNER = 5  # one in so many training clusters of yeast chooses the rate
TASKS = ("adding", "yeast")
DELTA = {"adding": 0.1, "yeast": 0.05}  # of a skill, and of an accuracy

Optimiser = Callable[..., torch.optim.Optimizer]
OPTIMISERS: dict[str, Optimiser] = {
    "SGD": torch.optim.SGD,
    "SGD, momentum": partial(torch.optim.SGD, momentum=0.9),
    "Adam": torch.optim.Adam,
    # weight decay as PyTorch sets it when nobody does
    "AdamW": lambda weights, lr, weight_decay: torch.optim.AdamW(weights, lr=lr),
}


def warm_up(optimiser: Any, n_epochs: int = N_EPOCHS // 10) -> LRScheduler:
    """Rise on a line from a tenth of the rate, then stay."""
    return LinearLR(optimiser, 0.1, total_iters=n_epochs)


def cosine(optimiser: Any, n_epochs: int = N_EPOCHS) -> LRScheduler:
    """Fall to zero along half a cosine."""
    return CosineAnnealingLR(optimiser, n_epochs)


def warm_up_then_cosine(optimiser: Any) -> LRScheduler:
    """Rise for a tenth of the epochs, then fall to zero."""
    rise = N_EPOCHS // 10
    parts = [warm_up(optimiser, rise), cosine(optimiser, N_EPOCHS - rise)]
    return SequentialLR(optimiser, parts, milestones=[rise])


def plateau(optimiser: Any) -> Any:
    """Take a third of the rate after four epochs without a lower validation loss."""
    return ReduceLROnPlateau(optimiser, factor=1 / 3, patience=3)


def one_cycle(optimiser: Any) -> LRScheduler:
    """Rise to the rate and fall far below it; the momentum goes the other way."""
    peaks = [group["lr"] for group in optimiser.param_groups]
    return OneCycleLR(optimiser, peaks, total_steps=N_EPOCHS)


SCHEDULES: dict[str, Callable[[Any], Any] | None] = {
    "constant": None,
    "warm-up": warm_up,
    "plateau": plateau,
    "cosine": cosine,
    "warm-up, cosine": warm_up_then_cosine,
    "one-cycle": one_cycle,
}
SCHEDULED = ("SGD, momentum", "Adam")
METHODS = tuple((name, "constant") for name in OPTIMISERS) + tuple(
    (name, schedule)
    for name in SCHEDULED
    for schedule in list(SCHEDULES)[1:]
)  # fmt: skip
COMPARISONS = (
    ("Adam", "SGD", "superiority"),
    ("Adam", "SGD, momentum", "superiority"),
    ("AdamW", "Adam", "equivalence"),
    ("Adam + cosine", "Adam", "superiority"),
    ("SGD, momentum + cosine", "SGD, momentum", "superiority"),
)  # for each task, rates chosen on validation series; all other pairs are shown only
DEFAULTS = ("Adam", "SGD", "superiority")  # both at DEFAULT_RATE
SETTINGS: dict[str, Any] = {
    "rates": list(RATES),
    "default_rate": DEFAULT_RATE,
    "seeds": list(SEEDS),
    "n_epochs": N_EPOCHS,
    "batch_size": BATCH_SIZE,
    "hidden_size": HIDDEN_SIZE,
    "clip_norm": CLIP_NORM,
    "n_sets": N_SETS,
    "n_series": N_SERIES,
    "n_steps": N_STEPS,
    "n_inner": N_INNER,
    "delta": DELTA,
    "methods": [list(m) for m in METHODS],
    "comparisons": [list(c) for c in (*COMPARISONS, DEFAULTS)],
}


@dataclass(frozen=True)
class Case:
    """One simulated set, or one fold of yeast genes, in three parts.

    ``x`` and ``y`` are dicts of ``"train"``, ``"validation"`` and ``"test"``;
    ``units`` names what each test series belongs to, for the intervals.
    """

    number: int
    x: dict[str, NDArray[np.float32]]
    y: dict[str, NDArray[Any]]
    units: NDArray[np.int64]


def cases(task: str) -> list[Case]:
    """Return the simulated sets of the adding task, or the folds of yeast genes."""
    if task not in TASKS:
        raise ValueError(f"task must be one of {TASKS}, got {task!r}")
    return _adding_cases() if task == "adding" else _yeast_cases()


def _adding_cases() -> list[Case]:
    found = []
    for number in range(N_SETS):
        draw = torch.Generator().manual_seed(number)
        x, y = {}, {}
        for part, n in N_SERIES.items():
            series, answers = draw_adding(n, N_STEPS, draw)
            x[part], y[part] = series.numpy(), answers[:, 0].numpy()
        units = np.full(N_SERIES["test"], number)
        found.append(Case(number, x, y, units))
    return found


def _yeast_cases() -> list[Case]:
    case, found = phase_case(), []
    for number, (train, test) in enumerate(gene_folds(case)):
        inner = GeneKFold(N_INNER, seed=0).split(
            train, case.y[train], case.clusters[train]
        )
        fit_rows, chosen_rows = next(iter(inner))
        rows = {
            "train": train[fit_rows],
            "validation": train[chosen_rows],
            "test": test,
        }
        scaled = scaled_by_training(case.courses["alpha"], rows["train"])
        x = {part: scaled[own] for part, own in rows.items()}
        y = {part: case.y[own] for part, own in rows.items()}
        found.append(Case(number, x, y, case.clusters[test]))
    return found


def new_net(task: str, seed: int) -> RecurrentClassifier:
    """Return an untrained GRU; PyTorch's own generator is left as it was."""
    n_inputs, n_outputs = (2, 1) if task == "adding" else (1, len(PHASES))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return RecurrentClassifier(n_inputs, HIDDEN_SIZE, "gru", n_outputs)


def race(
    task: str,
    optimiser: str,
    schedule: str = "constant",
    *,
    among: list[Case] | None = None,
    rates: tuple[float, ...] = RATES,
    seeds: tuple[int, ...] = SEEDS,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train one method on every case, at every rate, from every seed, all at once.

    Returns
    -------
    scores
        A row for each case, rate, seed and unit of the test: ``validation_loss`` after
        the last epoch, ``score`` (the sum over the unit's series) and ``n_series``. A
        score is 1 for a right phase; for the adding task one minus the squared error
        over that of the best constant answer.
    curves
        A row for each rate and epoch: ``train_loss`` and ``validation_loss``, medians
        over cases and seeds.
    """
    among = cases(task) if among is None else among
    grid = [(c, r, s) for c in among for r in rates for s in seeds]
    nets = [new_net(task, seed) for _, _, seed in grid]
    history = fit_many(
        nets,
        [case.x["train"] for case, _, _ in grid],
        [case.y["train"] for case, _, _ in grid],
        loss=mse_loss if task == "adding" else cross_entropy,
        n_epochs=N_EPOCHS,
        learning_rate=[rate for _, rate, _ in grid],
        batch_size=BATCH_SIZE,
        validation=[(c.x["validation"], c.y["validation"]) for c, _, _ in grid],
        optimiser=OPTIMISERS[optimiser],
        scheduler=SCHEDULES[schedule],
        clip_norm=CLIP_NORM,
        seeds=[seed for _, _, seed in grid],
    )
    last = history.groupby("model")["validation_loss"].last()
    method = optimiser if schedule == "constant" else f"{optimiser} + {schedule}"
    rows = []
    for k, (case, rate, seed) in enumerate(grid):
        score = scores_of(task, nets[k], case)
        table = pd.DataFrame({"unit": case.units, "score": score, "n_series": 1})
        table = table.groupby("unit", as_index=False).sum()
        rows.append(table.assign(task=task, method=method, case=case.number, rate=rate,
                                 seed=seed, validation_loss=last[k]))  # fmt: skip
    history["rate"] = [grid[k][1] for k in history["model"]]
    curves = history.groupby(["rate", "epoch"], as_index=False)[
        ["train_loss", "validation_loss"]
    ].median()
    curves.insert(0, "method", method)
    curves.insert(0, "task", task)
    return pd.concat(rows, ignore_index=True), curves


def scores_of(task: str, net: RecurrentClassifier, case: Case) -> NDArray[np.float64]:
    """Return a score for each test series, ``(series,)``; see :func:`race`."""
    found, y = predict(net, case.x["test"]), case.y["test"]
    if task == "yeast":
        right: NDArray[np.float64] = (found.argmax(axis=1) == y) * 1.0
        return right
    errors = (found - y)[:, 0].astype(float) ** 2
    scores: NDArray[np.float64] = 1 - errors / MEMORY_TASKS["adding"].guess
    return scores


def chosen(scores: pd.DataFrame) -> pd.DataFrame:
    """Keep, for each method and case, the rate with the lowest validation loss.

    The loss is averaged over seeds first; the test series have no say.
    """
    keys = ["task", "method", "case"]
    by_rate = scores.groupby([*keys, "rate"], as_index=False)["validation_loss"].mean()
    best = by_rate.loc[
        by_rate.groupby(keys)["validation_loss"].idxmin(), [*keys, "rate"]
    ]
    return scores.merge(best, on=[*keys, "rate"])
