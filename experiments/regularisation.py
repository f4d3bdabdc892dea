"""Eight remedies against overfitting, at one tuning budget: gaps and test scores.

    python experiments/regularisation.py

Chapter 11 shows the tables. On simulated sets, whose best score is known, and on few
yeast genes: the losses and accuracies of a GRU under each remedy and strength, the
strength that inner folds choose, learning curves, two layers with dropout between
them, and all of it again with permuted training labels. What is compared, and the
smallest differences that matter, stand in ``genex_helpers/remedies.py``. Takes about
thirteen minutes of one core; a run that was cut goes on.
"""

from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from store import ROOT, save, sources_now, write_whole
from tqdm import tqdm

from genex_helpers import remedies as rm
from genex_helpers import yeast
from genex_helpers.remedy_trials import Outcome, run_trial, two_layers_trial

NAME = "regularisation"
MODULES = ("datasets", "dropout", "models", "recurrent_nets", "remedies", "remedy_nets",
           "remedy_trials", "seeds", "splits", "training", "training_data",
           "yeast")  # fmt: skip
CODE = [f"experiments/{NAME}.py", *(f"genex_helpers/{m}.py" for m in MODULES)]
DATA = ["data/yeast_cell_cycle.h5ad"]
KEY = hashlib.sha256(
    json.dumps([rm.SETTINGS, sources_now(CODE, DATA)]).encode()
).hexdigest()
PARTS = ROOT / "_build" / "experiments" / NAME / KEY[:12]


def work(task: tuple[str, int]) -> tuple[str, int]:
    """Run a trial and store its tables, if they are not there yet."""
    kind, number = task
    if not _part(task, "strengths").exists():
        torch.set_num_threads(1)
        trial = _trial(kind, number)
        run = two_layers_trial if kind.endswith("two layers") else run_trial
        outcome = run(trial)
        tables: dict[str, pd.DataFrame] = {
            "curves": outcome.curves,
            "genes": _by_gene(trial, outcome)
            if kind.startswith("yeast")
            else pd.DataFrame(),
            "strengths": _with_best(trial, outcome, kind),
        }
        for name, table in tables.items():
            if len(table):
                table.insert(0, "trial", number)
                table.insert(0, "task", kind)
                write_whole(_part(task, name), table.to_csv(index=False))
    return task


def _part(task: tuple[str, int], name: str) -> Path:
    return PARTS / f"{task[0].replace(', ', '-')}-{task[1]}-{name}.csv"


def _trial(kind: str, number: int) -> rm.Trial:
    if kind.startswith("yeast"):
        trial = rm.yeast_trials()[number]
    else:
        trial = rm.simulated_trial(number)
    return rm.permuted(trial) if kind.endswith("permuted") else trial


def _with_best(trial: rm.Trial, outcome: Outcome, kind: str) -> pd.DataFrame:
    """Return the table of strengths, with a row for Bayes' rule where it is known."""
    if kind.startswith("yeast"):
        return outcome.strengths
    p = rm.best_probability(trial.x_test)
    logits = np.log(np.stack([1 - p, p], axis=1))
    best = {"method": "best possible", "strength": 0.0, "chosen": True,
            "test_loss": rm.cross_entropies(logits, trial.y_test).mean(),
            "test_accuracy": rm.hits(logits, trial.y_test).mean()}  # fmt: skip
    return pd.concat([outcome.strengths, pd.DataFrame([best])], ignore_index=True)


def _by_gene(trial: rm.Trial, outcome: Outcome) -> pd.DataFrame:
    """Return each test row's loss and hit, and its loss above that of training."""
    table = outcome.strengths.query("chosen")
    train_loss = dict(zip(table["method"], table["train_loss"], strict=True))
    parts = []
    for method, logits in outcome.logits.items():
        loss = rm.cross_entropies(logits, trial.y_test)
        parts.append(
            pd.DataFrame({"method": method, "row": trial.rows, "loss": loss,
                          "gap": loss - train_loss[method],
                          "accuracy": rm.hits(logits, trial.y_test)})
        )  # fmt: skip
    return pd.concat(parts)


def main() -> None:
    PARTS.mkdir(parents=True, exist_ok=True)
    n_trials = yeast.N_FOLDS * rm.N_DRAWS
    tasks = [
        *(("simulated", k) for k in range(rm.N_SETS)),
        *(("simulated, permuted", k) for k in range(rm.N_PERMUTED)),
        *(("simulated, two layers", k) for k in range(rm.N_TWO_LAYERS)),
        *(("yeast", k) for k in range(n_trials)),
        *(("yeast, permuted", k) for k in range(0, n_trials, rm.N_DRAWS)),
    ]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        list(tqdm(pool.map(work, tasks), total=len(tasks), desc=NAME))
    read = {
        name: pd.concat(
            [pd.read_csv(p) for t in tasks if (p := _part(t, name)).exists()],
            ignore_index=True,
        )
        for name in ("strengths", "curves", "genes")
    }
    genes = read["genes"]
    genes["cluster"] = yeast.phase_case().clusters[genes["row"].to_numpy()]
    scores = ["loss", "gap", "accuracy"]
    by_gene = genes.groupby(["task", "method", "cluster", "row"])[scores].mean()
    by_cluster = by_gene.groupby(["task", "method", "cluster"])
    clusters = by_cluster.sum().assign(genes=by_cluster.size()).reset_index()
    curves = read["curves"]
    curves = curves[curves["task"] == "simulated"]
    for name, table in (
        (NAME, read["strengths"]),
        (f"{NAME}_curves", curves),
        (f"{NAME}_clusters", clusters),
    ):
        save(name, table, command=f"python experiments/{NAME}.py",
             settings=rm.SETTINGS, code=CODE, data=DATA)  # fmt: skip


if __name__ == "__main__":
    main()
