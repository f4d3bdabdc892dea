"""Who falls ill? Recurrent nets against simple scores, every pair held out in turn.

    python experiments/influenza_leave_pair_out.py

Chapter 9 plots the result and recomputes a slice of it.
Everything was fixed before the first score was seen: the features, the sizes, the
number of epochs, the windows and the permutations. Nothing is tuned, for any model.
Takes about ten minutes on two cores; a run that was interrupted goes on where it was.
"""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from store import ROOT, save, write_whole
from tqdm import tqdm

from genex_helpers.influenza import (
    HOURS_SEEN,
    N_EPOCHS,
    SETTINGS,
    held_out_features,
    logistic_scores,
    recurrent_scores,
    series_and_labels,
)

NAME = "influenza_leave_pair_out"
SEEDS = range(5)
N_PERMUTATIONS = 20
PARTS = ROOT / "_build" / "experiments" / NAME
CODE = [
    f"experiments/{NAME}.py",
    *(
        f"genex_helpers/{module}.py"
        for module in (
            "influenza", "preprocessing", "sequences", "models", "training", "seeds"
        )
    ),
]  # fmt: skip
DATA = ["data/influenza_challenge.h5ad"]


def labellings(y: NDArray[np.int64]) -> dict[int, NDArray[np.int64]]:
    """Return the true labels as number 0, and permuted ones as 1, 2, …"""
    rng = np.random.default_rng(0)
    permuted = {k: rng.permutation(y) for k in range(1, N_PERMUTATIONS + 1)}
    return {0: y, **permuted}


def score_pair(task: tuple[float, int, int]) -> Path:
    """Train every model without one pair of subjects; store its scores of the pair."""
    hours, i, j = task
    part = PARTS / f"{hours:g}h-{i}-{j}.csv"
    if part.exists():
        return part
    import torch

    torch.set_num_threads(1)
    x, y, _ = series_and_labels(hours)
    train = np.setdiff1d(np.arange(len(y)), [i, j])
    z = held_out_features(x, train)
    rows: list[dict[str, Any]] = []
    for number, labels in labellings(y).items():
        if labels[i] == labels[j] or (number > 0 and hours != max(HOURS_SEEN)):
            continue
        pair = np.array([i, j] if labels[i] == 1 else [j, i])
        base = {"hours": hours, "labelling": number, "ill": pair[0], "well": pair[1]}
        for model in ("logistic, last time", "logistic, all times"):
            scores = logistic_scores(model, z, labels, train, pair)
            rows.append(base | _row(model, 0, scores))
        for cell in ("lstm", "gru") if number == 0 else ("gru",):
            for seed in SEEDS if number == 0 else (0,):
                scores = recurrent_scores(cell, z, labels, train, pair, seed=seed)
                rows.append(base | _row(cell, seed, scores))
    write_whole(part, pd.DataFrame(rows).to_csv(index=False))
    return part


def _row(model: str, seed: int, scores: NDArray[np.float64]) -> dict[str, Any]:
    return {
        "model": model, "seed": seed, "ill_score": scores[0], "well_score": scores[1]
    }  # fmt: skip


def main() -> None:
    PARTS.mkdir(parents=True, exist_ok=True)
    _, y, _ = series_and_labels(max(HOURS_SEEN))
    pairs = list(combinations(range(len(y)), 2))
    tasks = [(hours, i, j) for hours in HOURS_SEEN for i, j in pairs]
    tasks = [t for t in tasks if t[0] == max(HOURS_SEEN) or y[t[1]] != y[t[2]]]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        parts = list(tqdm(pool.map(score_pair, tasks), total=len(tasks), unit="pair"))
    # a pair whose labels agree under every permutation leaves an empty part
    read = [pd.read_csv(p) for p in parts if p.stat().st_size > 1]
    table = pd.concat(read, ignore_index=True)
    order = ["hours", "labelling", "model", "seed", "ill", "well"]
    save(
        NAME,
        table.sort_values(order, ignore_index=True)[
            [*order, "ill_score", "well_score"]
        ],
        command=f"python experiments/{NAME}.py",
        settings=SETTINGS | {"seeds": len(SEEDS), "permutations": N_PERMUTATIONS},
        code=CODE,
        data=DATA,
    )
    print(f"{NAME}: {len(table)} rows, {N_EPOCHS} epochs a model")


if __name__ == "__main__":
    main()
