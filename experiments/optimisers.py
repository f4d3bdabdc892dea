"""Optimisers and schedules at one budget, on the adding task and on yeast phases.

    python experiments/optimisers.py

Chapter 12 shows the tables: for every method, at the rate that validation series chose
and at PyTorch's own rate, the test score of each simulated set or cluster of genes;
and the course of the losses at every rate. About 20 minutes of one core; a run that
was cut goes on.
"""

from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import ProcessPoolExecutor

import pandas as pd
import torch
from store import ROOT, save, sources_now, write_whole
from tqdm import tqdm

from genex_helpers import optimiser_race as race

NAME = "optimisers"
MODULES = (
    "datasets", "many", "memory_tasks", "models", "optimiser_race", "splits", "stacked",
    "stacked_training", "training", "training_data", "yeast",
)  # fmt: skip
CODE = [f"experiments/{NAME}.py", *(f"genex_helpers/{m}.py" for m in MODULES)]
DATA = ["data/yeast_cell_cycle.h5ad"]
KEY = hashlib.sha256(
    json.dumps([race.SETTINGS, sources_now(CODE, DATA)]).encode()
).hexdigest()
PARTS = ROOT / "_build" / "experiments" / NAME / KEY[:12]
TABLES = ("by_rate", "units", "curves")


def score_method(work: tuple[str, str, str]) -> list[str]:
    """Store one method's tables on one task; return their files."""
    task, optimiser, schedule = work
    stem = f"{task}-{optimiser}-{schedule}".replace(", ", "_")
    files = [PARTS / f"{stem}-{table}.csv" for table in TABLES]
    if not files[-1].exists():
        torch.set_num_threads(1)
        scores, curves = race.race(task, optimiser, schedule)
        for file, table in zip(files, (*summaries(scores), curves), strict=True):
            write_whole(file, table.to_csv(index=False))
    return [str(file) for file in files]


def summaries(scores: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the mean score at each rate, and each unit's at the two rates asked for.

    Scores are averaged over seeds; a unit of yeast is a cluster, tested in one fold.
    """
    keys = ["task", "method", "case", "rate"]
    sums = scores.groupby([*keys, "seed"], as_index=False).agg(
        score=("score", "sum"), n_series=("n_series", "sum"),
        validation_loss=("validation_loss", "first"),
    )  # fmt: skip
    sums["score"] /= sums["n_series"]
    by_rate = sums.groupby(keys, as_index=False)[["score", "validation_loss"]].mean()
    picked = {"chosen": race.chosen(scores),
              "default": scores[scores["rate"] == race.DEFAULT_RATE]}  # fmt: skip
    units = pd.concat(
        table.groupby([*keys, "unit"], as_index=False)[["score", "n_series"]]
        .mean().assign(which=which)
        for which, table in picked.items()
    )  # fmt: skip
    return by_rate, units


def main() -> None:
    PARTS.mkdir(parents=True, exist_ok=True)
    jobs = [(task, *method) for task in race.TASKS for method in race.METHODS]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        files = list(tqdm(pool.map(score_method, jobs), total=len(jobs), desc=NAME))
    for table, parts in zip(TABLES, zip(*files, strict=True), strict=True):
        whole = pd.concat([pd.read_csv(part) for part in parts], ignore_index=True)
        save(f"{NAME}_{table}", whole, command=f"python experiments/{NAME}.py",
             settings=race.SETTINGS, code=CODE, data=DATA)  # fmt: skip


if __name__ == "__main__":
    main()
