"""Is GRU-D better than a GRU on filled series, and when does the mask help?

    python experiments/gru_d_against_filling.py

Simulated series that lose values in three patterns, and the irregular yeast course with
half of its values hidden. Chapter 6 plots the table and recomputes a slice of it. The
settings, the smallest difference that matters, the comparisons and what we guessed of
them stand in ``genex_helpers/gap_tasks.py``. A short trial on two other simulated sets
(100 and 101) showed that the nets learn; everything was fixed before this run. A first
run was stopped for its length, unread, and its sets, updates and batches cut.
The learning rate is chosen on two sets of their own (yeast: on a quarter of each fold's
training clusters). Takes about ten minutes on one core; a run that was cut goes on
where it was.
"""

from __future__ import annotations

import hashlib
import json
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from store import ROOT, save, sources_now, write_whole
from tqdm import tqdm

from genex_helpers.gap_nets import held_out_logits, inner_set
from genex_helpers.gap_tasks import (
    BASELINES,
    CONTESTANTS,
    LEARNING_RATES,
    PATTERNS,
    SEEDS,
    SETTINGS,
    TASKS,
    TEST_SETS,
    TUNING_SETS,
    GapSet,
    baseline_scores,
    simulated_set,
    yeast_sets,
)

NAME = "gru_d_against_filling"
MODULES = (
    "gap_nets", "gap_tasks", "gru_d", "models", "splits", "stacked", "yeast",
    "simulator/kinetics", "simulator/labels", "simulator/measurement",
    "simulator/networks",
)  # fmt: skip
CODE = [f"experiments/{NAME}.py", *(f"genex_helpers/{m}.py" for m in MODULES)]
DATA = ["data/yeast_cell_cycle.h5ad"]
SOURCES = sources_now(CODE, DATA)
KEY = hashlib.sha256(json.dumps([SETTINGS, SOURCES]).encode()).hexdigest()
PARTS = ROOT / "_build" / "experiments" / NAME / KEY[:12]
TUNING_SEEDS = (0, 1)


def scores(logits: NDArray[np.float32], data: GapSet) -> NDArray[np.float64]:
    """Return one AUROC, or 1 for each test gene whose phase was found and 0 else."""
    labels = data.y[data.test]
    if logits.ndim == 1:
        return np.array([roc_auc_score(labels, logits)])
    if logits.shape[1] == 2:
        return np.array([roc_auc_score(labels, logits[:, 1] - logits[:, 0])])
    right: NDArray[np.float64] = (logits.argmax(axis=1) == labels).astype(float)
    return right


def mean_scores(
    model: str, sets: list[GapSet], seeds: tuple[int, ...], rate: float
) -> list[NDArray[np.float64]]:
    """Return the scores of a model on each set, averaged over seeds."""
    pairs = list(product(sets, seeds))
    found = held_out_logits(model, [d for d, _ in pairs], [s for _, s in pairs], rate)
    every = [scores(x, d) for x, (d, _) in zip(found, pairs, strict=True)]
    step = len(seeds)
    return [np.mean(every[k : k + step], axis=0) for k in range(0, len(every), step)]


def best_rates(model: str, sets: list[GapSet], alike: bool) -> list[float]:
    """Return the rate of the best mean score, one for all sets or one for each."""
    table = np.array(
        [
            [s.mean() for s in mean_scores(model, sets, TUNING_SEEDS, rate)]
            for rate in LEARNING_RATES
        ]
    )  # (rate, set)
    if alike:
        return [LEARNING_RATES[int(table.mean(axis=1).argmax())]] * len(sets)
    return [LEARNING_RATES[k] for k in table.argmax(axis=0)]


def on_simulated(model: str, pattern: str) -> list[dict[str, object]]:
    """Return one row a simulated set."""
    sets = [simulated_set(number, pattern) for number in TEST_SETS]
    rate = float("nan")
    if model in BASELINES:
        found = [
            scores(baseline_scores(model, data), data)  # type: ignore[arg-type]
            for data in sets
        ]
    else:
        tuning = [simulated_set(number, pattern) for number in TUNING_SETS]
        rate = best_rates(model, tuning, alike=True)[0]
        found = mean_scores(model, sets, SEEDS, rate)
    return [
        {"unit": number, "size": 1, "total": float(score[0]), "learning_rate": rate}
        for number, score in zip(TEST_SETS, found, strict=True)
    ]


def on_yeast(model: str) -> list[dict[str, object]]:
    """Return one row a cluster of genes: how many genes, how many were right."""
    sets, clusters = yeast_sets()
    rates = [float("nan")] * len(sets)
    if model in BASELINES:
        found = [
            scores(baseline_scores(model, data), data)  # type: ignore[arg-type]
            for data in sets
        ]
    else:
        inner = [inner_set(data, clusters) for data in sets]
        rates = best_rates(model, inner, alike=False)
        by_fold = {}  # type: ignore[var-annotated]
        for rate in set(rates):
            folds = [k for k, own in enumerate(rates) if own == rate]
            scored = mean_scores(model, [sets[k] for k in folds], SEEDS, rate)
            by_fold.update(zip(folds, scored, strict=True))
        found = [by_fold[k] for k in range(len(sets))]
    rows: list[dict[str, object]] = []
    for data, right, rate in zip(sets, found, rates, strict=True):
        own = clusters[data.test]
        for cluster in np.unique(own):
            members = right[own == cluster]
            rows.append(
                {"unit": int(cluster), "size": len(members),
                 "total": float(members.sum()), "learning_rate": rate}
            )  # fmt: skip
    return rows


def run_part(task: str, model: str) -> Path:
    """Run one model on one task, and store its rows."""
    part = PARTS / f"{task}-{model}.csv".replace(" ", "_").replace(",", "")
    if not part.exists():
        rows = on_yeast(model) if task == "yeast" else on_simulated(model, task)
        table = pd.DataFrame(rows).assign(task=task, model=model)
        write_whole(part, table.to_csv(index=False))
    return part


def main() -> None:
    torch.set_num_threads(1)
    PARTS.mkdir(parents=True, exist_ok=True)
    assert set(TASKS) == {*PATTERNS, "yeast"}
    todo = list(product(TASKS, (*CONTESTANTS, *BASELINES)))
    parts = [run_part(*part) for part in tqdm(todo, unit="part")]
    table = pd.concat([pd.read_csv(part) for part in parts], ignore_index=True)
    table = table[["task", "model", "unit", "size", "total", "learning_rate"]]
    command = f"python experiments/{NAME}.py"
    save(NAME, table, command=command, settings=SETTINGS, code=CODE, data=DATA)
    print(f"{NAME}: {len(table)} rows")


if __name__ == "__main__":
    main()
