"""Do weights shared over time generalise better, by length and number of series?

    python experiments/shared_weights.py

Chapter 2 plots the table and recomputes a slice of it. Two tasks whose truth is known,
two lengths, five sizes of the training set; twelve simulated sets for each. The
settings, delta and comparisons stand in ``genex_helpers/shared_weights.py`` and were
fixed before the run, after a trial on three other sets. Takes some minutes on one core.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import pandas as pd
import torch
from store import save
from tqdm import tqdm

from genex_helpers.baselines import make_baseline
from genex_helpers.shared_weights import (
    DRAW,
    LENGTHS,
    N_TEST,
    N_TRAIN,
    NETS,
    SETS,
    SETTINGS,
    TASKS,
    net_accuracies,
)

NAME = "shared_weights"
MODULES = ("baselines", "shared_weights", "simulator/kinetics", "simulator/labels",
           "simulator/networks", "simulator/regulation")  # fmt: skip
CODE = [f"experiments/{NAME}.py", *(f"genex_helpers/{m}.py" for m in MODULES)]
FLAT = ("logistic, all times", "RBF SVM", "random forest")


def accuracies(task: str, n_steps: int, n_train: int) -> list[dict[str, Any]]:
    """Return one row a set and model."""
    drawn = [DRAW[task](n_train + N_TEST, n_steps, number) for number in SETS]
    train = [(x[:n_train], y[:n_train]) for x, y in drawn]
    test = [(x[n_train:], y[n_train:]) for x, y in drawn]
    facts = {"task": task, "n_steps": n_steps, "n_train": n_train}
    rows = []
    for net in NETS:
        found = net_accuracies(net, train, test, SETS)
        for number, seen, held in zip(SETS, *found, strict=True):
            rows.append({**facts, "model": net, "set": number, "train": seen,
                         "test": held})  # fmt: skip
    for model in FLAT:
        for number, seen, held in zip(SETS, train, test, strict=True):
            fitted = make_baseline(model, seed=number).fit(*seen)
            rows.append({**facts, "model": model, "set": number,
                         "train": fitted.score(*seen), "test": fitted.score(*held)}
                        )  # fmt: skip
    return rows


def main() -> None:
    torch.set_num_threads(1)
    cells = list(product(TASKS, LENGTHS, N_TRAIN))
    rows = [row for cell in tqdm(cells, unit="cell") for row in accuracies(*cell)]
    command = f"python experiments/{NAME}.py"
    save(NAME, pd.DataFrame(rows), command=command, settings=SETTINGS, code=CODE,
         data=[])  # fmt: skip
    print(f"{NAME}: {len(rows)} rows")


if __name__ == "__main__":
    main()
