"""Searches replayed on tables: chapter 10b's case.

Every setting of a small space is trained once on a task, and stored with its validation
course and its test score. A search then looks its trials up, so that it can be repeated
many times, and the setting that is best on the test is known. The task: the phases of
yeast genes from few training genes. Settings and comparisons were fixed before the
tables were made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy

from .calibration import log_losses, softmax
from .many import fit_many
from .models import RecurrentClassifier
from .splits import GeneKFold
from .training import predict
from .yeast import PHASES, gene_folds, phase_case, scaled_by_training

SPACE: dict[str, tuple[Any, ...]] = {
    "cell": ("gru", "lstm"),
    "hidden_size": (4, 8, 16, 32),
    "learning_rate": (0.001, 0.003, 0.01, 0.03, 0.1, 0.3),
    "weight_decay": (0.0, 0.0001, 0.001, 0.01, 0.1),
}
N_EPOCHS = 120
EPOCHS_SHOWN = (5, 10, 20, 30, 40, 60, 80, 100, N_EPOCHS)  # validation losses kept
CLIP_NORM = 1.0  # so that no rate ends in numbers that are not finite
N_DRAWS = 2  # of training genes in each fold of clusters
N_TRAIN = 120  # genes
N_VALIDATION = 80
TABLES = tuple(range(5 * N_DRAWS))
N_TRIALS = 30
N_REPEATS = 20  # of every search on every table
SEARCHES = ("grid", "random", "Bayesian")
DELTA = 0.02  # smallest difference of two log losses that matters, nats a gene
COMPARISONS = (
    ("random", "Bayesian", "superiority"),
    ("grid", "random", "superiority"),
)  # test log loss of the first less that of the second, over tables
SETTINGS: dict[str, Any] = {
    "space": {name: list(values) for name, values in SPACE.items()},
    "n_epochs": N_EPOCHS,
    "epochs_shown": list(EPOCHS_SHOWN),
    "clip_norm": CLIP_NORM,
    "genes": [N_TRAIN, N_VALIDATION],
    "tables": len(TABLES),
    "trials": N_TRIALS,
    "repeats": N_REPEATS,
    "delta": DELTA,
    "comparisons": [list(c) for c in COMPARISONS],
}


@dataclass(frozen=True)
class Task:
    """Few training genes, others to choose by, and a fold of clusters to test on."""

    x: dict[str, NDArray[np.float32]]
    y: dict[str, NDArray[np.int64]]


def settings() -> list[dict[str, Any]]:
    """Return every setting of the space, in the order of the tables' rows."""
    return [
        dict(zip(SPACE, values, strict=True)) for values in product(*SPACE.values())
    ]


def task(table: int) -> Task:
    """Return the genes of table number ``table``: a fold of clusters and a draw."""
    if table not in TABLES:
        raise ValueError(f"table must lie from 0 to {TABLES[-1]}, got {table!r}")
    case = phase_case()
    pool, test = gene_folds(case)[table // N_DRAWS]
    inner = GeneKFold(3, seed=table, stratify=False).split(
        pool, case.y[pool], case.clusters[pool]
    )
    rng = np.random.default_rng([10, table])
    fit_rows, choose_rows = next(iter(inner))
    rows = {
        "train": _drawn(pool[fit_rows], N_TRAIN, rng),
        "validation": _drawn(pool[choose_rows], N_VALIDATION, rng),
        "test": test,
    }
    scaled = scaled_by_training(case.courses["alpha"], rows["train"])
    return Task({k: scaled[r] for k, r in rows.items()},
                {k: case.y[r] for k, r in rows.items()})  # fmt: skip


def _drawn(
    rows: NDArray[np.int64], n: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    return np.sort(rng.choice(rows, min(n, len(rows)), replace=False))


def train_all(table: int, among: Sequence[int] | None = None) -> pd.DataFrame:
    """Train every setting once, and return a row for each.

    Parameters
    ----------
    among
        Numbers of settings, if not all of them.

    Returns
    -------
    pandas.DataFrame
        ``table``, ``setting``, the values of the space, ``validation_N`` (the log loss
        on validation genes after N epochs), ``test`` (the log loss on the held-out
        fold, after the last) and ``accuracy`` there.
    """
    data, every = task(table), settings()
    numbers = range(len(every)) if among is None else among
    found = []
    for cell, size in product(SPACE["cell"], SPACE["hidden_size"]):
        own = [
            k for k in numbers
            if (every[k]["cell"], every[k]["hidden_size"]) == (cell, size)
        ]  # fmt: skip
        if own:
            found.append(_train(data, own, every, table))
    return pd.concat(found).sort_values("setting", ignore_index=True)


def _train(
    data: Task, own: list[int], every: list[dict[str, Any]], table: int
) -> pd.DataFrame:
    """Train settings that share a cell and a size, all at once."""
    first = every[own[0]]
    nets = [_new_net(first["cell"], first["hidden_size"], table) for _ in own]
    history = fit_many(
        nets,
        [data.x["train"]] * len(own),
        [data.y["train"]] * len(own),
        loss=cross_entropy,
        n_epochs=N_EPOCHS,
        learning_rate=[every[k]["learning_rate"] for k in own],
        weight_decay=[every[k]["weight_decay"] for k in own],
        validation=[(data.x["validation"], data.y["validation"])] * len(own),
        clip_norm=CLIP_NORM,
    )
    losses = history.pivot(index="model", columns="epoch", values="validation_loss")
    rows = []
    for place, (k, net) in enumerate(zip(own, nets, strict=True)):
        p = softmax(predict(net, data.x["test"]))
        shown = {f"validation_{n}": losses.loc[place, n] for n in EPOCHS_SHOWN}
        right = p.argmax(axis=1) == data.y["test"]
        rows.append({"table": table, "setting": k, **every[k], **shown,
                     "test": log_losses(data.y["test"], p).mean(),
                     "accuracy": right.mean()})  # fmt: skip
    return pd.DataFrame(rows)


def _new_net(cell: str, hidden_size: int, seed: int) -> RecurrentClassifier:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return RecurrentClassifier(1, hidden_size, cell, len(PHASES))


def grid_trials(rng: np.random.Generator) -> list[int]:
    """Return ``N_TRIALS`` settings of a coarse grid: every value of two, few of two.

    Five values of the rate and three of the decay (drawn, evenly spread), and two sizes
    with one cell: 30 trials, as a person would lay them.
    """
    sizes = rng.choice(len(SPACE["hidden_size"]), 2, replace=False)
    rates = rng.choice(len(SPACE["learning_rate"]), 5, replace=False)
    decays = rng.choice(len(SPACE["weight_decay"]), 3, replace=False)
    cell = int(rng.integers(len(SPACE["cell"])))
    return [number_of((cell, s, r, d)) for s, r, d in product(sizes, rates, decays)]


def random_trials(rng: np.random.Generator) -> list[int]:
    """Return ``N_TRIALS`` settings, drawn without repetition."""
    return [int(k) for k in rng.choice(len(settings()), N_TRIALS, replace=False)]


def bayesian_trials(values: NDArray[np.float64], seed: int) -> list[int]:
    """Return the settings that Optuna's TPE tries, looking up ``values`` (setting,).

    The ordered values are told to it as whole numbers, so that it knows their order.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    tried: list[int] = []
    for _ in range(N_TRIALS):
        trial = study.ask()
        places = [
            trial.suggest_categorical("cell", [0, 1]),
            *(trial.suggest_int(n, 0, len(v) - 1) for n, v in list(SPACE.items())[1:]),
        ]
        tried.append(number_of(places))
        study.tell(trial, float(values[tried[-1]]))
    return tried


def number_of(places: Sequence[int]) -> int:
    """Return the number of a setting from the place of each value in ``SPACE``."""
    shape = tuple(len(values) for values in SPACE.values())
    return int(np.ravel_multi_index(tuple(int(p) for p in places), shape))


def search(name: str, validation: NDArray[np.float64], seed: int) -> list[int]:
    """Return the settings that a search tries, in order; ``validation`` is (setting,).

    Raises
    ------
    ValueError
        If there is no such search.
    """
    if name == "Bayesian":
        return bayesian_trials(validation, seed)
    rng = np.random.default_rng([seed, SEARCHES.index(name)] if name in SEARCHES else 0)
    if name == "grid":
        return grid_trials(rng)
    if name == "random":
        return random_trials(rng)
    raise ValueError(f"name must be one of {SEARCHES}, got {name!r}")


def best_so_far(values: NDArray[np.float64], tried: Sequence[int]) -> NDArray[np.int64]:
    """Return, after each trial, the setting with the lowest of ``values`` so far."""
    numbers = np.asarray(tried)
    seen = values[numbers]
    places = [int(np.argmin(seen[: k + 1])) for k in range(len(numbers))]
    chosen: NDArray[np.int64] = numbers[places]
    return chosen
