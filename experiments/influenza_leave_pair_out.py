"""Who falls ill? Recurrent nets against simple scores, every pair held out in turn.

    python experiments/influenza_leave_pair_out.py

Chapter 9 plots the two tables that this writes, and recomputes a slice of the first:
the scores of every held-out pair, and the AUROC under permuted labels.
Nothing is tuned, for any model; the runs with other numbers of epochs are
there to show how much the number matters, and no claim rests on it.
Takes about a quarter of an hour on two cores; a run that was cut goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import ProcessPoolExecutor
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from store import ROOT, save, sources_now, write_whole
from tqdm import tqdm

from genex_helpers.evaluation import bootstrap_pairs, pair_wins
from genex_helpers.influenza import (
    HOURS_SEEN,
    N_EPOCHS,
    SETTINGS,
    held_out_features,
    interferon_score,
    logistic_scores,
    recurrent_scores,
    series_and_labels,
)

NAME = "influenza_leave_pair_out"
PERMUTED = "influenza_permuted_labels"
SEEDS = range(5)
OTHER_EPOCHS = (10, 200)
N_PERMUTATIONS = {"logistic, all times": 200, "gru": 40}
MODULES = ("datasets", "evaluation", "influenza", "models", "preprocessing", "seeds",
           "sequences", "times", "training", "training_data")  # fmt: skip
CODE = [f"experiments/{NAME}.py", *(f"genex_helpers/{m}.py" for m in MODULES)]
DATA = ["data/influenza_challenge.h5ad", "data/interferon_genes.csv"]
HOW = SETTINGS | {
    "seeds": len(SEEDS),
    "other_epochs": list(OTHER_EPOCHS),
    "permutations": N_PERMUTATIONS,
}
KEY = hashlib.sha256(json.dumps([HOW, sources_now(CODE, DATA)]).encode()).hexdigest()
PARTS = ROOT / "_build" / "experiments" / NAME / KEY[:12]


def labellings(y: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the true labels as number 0, and permuted ones after them."""
    rng = np.random.default_rng(0)
    return [y, *(rng.permutation(y) for _ in range(max(N_PERMUTATIONS.values())))]


def score_pair(task: tuple[float, int, int]) -> Path:
    """Train every model without one pair of subjects; store its scores of the pair."""
    hours, i, j = task
    part = PARTS / f"{hours:g}h-{i}-{j}.csv"
    if part.exists():
        return part
    import torch

    torch.set_num_threads(1)
    x, y, sequences = series_and_labels(hours)
    train = np.setdiff1d(np.arange(len(y)), [i, j])
    z = held_out_features(x, train)
    course = np.stack(
        [interferon_score(x[:, [0, t]], sequences.genes) for t in range(x.shape[1])], 1
    )[..., None]  # (subject, time, 1)
    course = (course / course[train].std()).astype(np.float32)
    rows: list[dict[str, Any]] = []
    for number, labels in enumerate(labellings(y)):
        if labels[i] == labels[j]:
            continue
        pair = np.array([i, j] if labels[i] == 1 else [j, i])
        for model, seed, n_epochs in models(hours, number):
            if model.startswith("logistic"):
                scores = logistic_scores(model, z, labels, train, pair)
            else:
                cell, _, one_input = model.partition(", ")
                inputs = course if one_input else z
                scores = recurrent_scores(
                    cell, inputs, labels, train, pair, seed=seed, n_epochs=n_epochs
                )
            rows.append(
                {"hours": hours, "labelling": number, "model": model, "seed": seed,
                 "n_epochs": n_epochs, "ill": pair[0], "well": pair[1],
                 "ill_score": scores[0], "well_score": scores[1]}
            )  # fmt: skip
    write_whole(part, pd.DataFrame(rows).to_csv(index=False))
    return part


def models(hours: float, labelling: int) -> list[tuple[str, int, int]]:
    """Return (model, seed, epochs) of all that is trained for one labelling."""
    if labelling > 0:
        return [
            (model, 0, 0 if model.startswith("logistic") else N_EPOCHS)
            for model, count in N_PERMUTATIONS.items()
            if labelling <= count
        ]
    nets = ["lstm", "gru", "gru, one input"]
    found = [("logistic, last time", 0, 0), ("logistic, all times", 0, 0)]
    found += [(net, seed, N_EPOCHS) for net in nets for seed in SEEDS]
    return found + [(net, 0, n) for net in nets[:2] for n in OTHER_EPOCHS]


def permuted_aurocs(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row a permutation: the AUROC and its interval over people."""
    rows = []
    for (hours, model, number), part in table.groupby(["hours", "model", "labelling"]):
        wins = part.assign(win=pair_wins(part["ill_score"], part["well_score"]))
        matrix = wins.pivot(index="ill", columns="well", values="win").to_numpy()
        found = bootstrap_pairs(matrix)
        rows.append(
            {"hours": hours, "model": model, "labelling": number,
             "auroc": found.value, "low": found.low, "high": found.high}
        )  # fmt: skip
    return pd.DataFrame(rows)


def main() -> None:
    PARTS.mkdir(parents=True, exist_ok=True)
    _, y, _ = series_and_labels(max(HOURS_SEEN))
    pairs = list(combinations(range(len(y)), 2))
    tasks = [(hours, i, j) for hours in HOURS_SEEN for i, j in pairs]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        parts = list(tqdm(pool.map(score_pair, tasks), total=len(tasks), unit="pair"))
    table = pd.concat([pd.read_csv(p) for p in parts], ignore_index=True)
    order = ["hours", "labelling", "model", "n_epochs", "seed", "ill", "well"]
    table = table.sort_values(order, ignore_index=True)
    real = table[table["labelling"] == 0].drop(columns="labelling")
    permuted = permuted_aurocs(table[table["labelling"] > 0])
    command = f"python experiments/{NAME}.py"
    for name, result in ((NAME, real), (PERMUTED, permuted)):
        save(name, result, command=command, settings=HOW, code=CODE, data=DATA)
        print(f"{name}: {len(result)} rows")


if __name__ == "__main__":
    main()
