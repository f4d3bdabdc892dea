"""Probabilities and their rivals: how good, how calibrated, do they know their errors?

    python experiments/uncertainty.py

Chapter 11b shows the tables: every metric of every method with an interval over
simulated sets or clusters of genes, the differences that were fixed beforehand, the
bins of the reliability curves, and each set's and fold's own numbers. About six minutes
of one core; a run that was cut goes on.
"""

from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import torch
from store import ROOT, save, sources_now, write_whole
from tqdm import tqdm

from genex_helpers import uncertainty as un
from genex_helpers.calibration import confidence_and_hits, reliability_table
from genex_helpers.evaluation import bootstrap_mean

NAME = "uncertainty"
N_RESAMPLES = 1000  # of clusters: an error of calibration is no mean over genes
MODULES = (
    "calibration", "datasets", "dropout", "evaluation", "many", "models", "remedies",
    "splits", "stacked", "stacked_training", "training", "training_data", "uncertainty",
    "yeast",
)  # fmt: skip
CODE = [f"experiments/{NAME}.py", *(f"genex_helpers/{m}.py" for m in MODULES)]
DATA = ["data/yeast_cell_cycle.h5ad"]
SETTINGS = un.SETTINGS | {"resamples": N_RESAMPLES}
KEY = hashlib.sha256(json.dumps([SETTINGS, sources_now(CODE, DATA)]).encode())
PARTS = ROOT / "_build" / "experiments" / NAME / KEY.hexdigest()[:12]


def predict_seed(work: tuple[str, int]) -> str:
    """Store the probabilities of all methods on all parts of a task, for one seed."""
    task, seed = work
    file = PARTS / f"{task}-{seed}.csv"
    if not file.exists():
        torch.set_num_threads(1)
        among, rows = un.parts(task), []
        for part, nets in zip(among, un.train_nets(among, seed), strict=True):
            for method, tests in un.probabilities(part, nets, seed).items():
                for test, p in tests.items():
                    table = pd.DataFrame(
                        p, columns=[f"p{k}" for k in range(p.shape[1])]
                    )
                    known = np.nan if part.truth is None else part.truth
                    rows.append(table.assign(
                        task=task, seed=seed, part=part.number, test=test,
                        method=method, unit=part.units, y=part.y[test], truth=known,
                    ))  # fmt: skip
        write_whole(file, pd.concat(rows).to_csv(index=False))
    return str(file)


def shares(rows: pd.DataFrame) -> Any:
    """Return ``(row, class)`` probabilities, each row summing to 1 after the file."""
    p = rows.filter(regex=r"^p\d$").dropna(axis=1).to_numpy()
    return p / p.sum(axis=1, keepdims=True)


def by_part(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the metrics of each part, seed, test and method."""
    found = []
    for keys, own in rows.groupby(["task", "part", "seed", "test", "method"]):
        p, y = shares(own), own["y"].to_numpy()
        distance = np.abs(p[:, 1] - own["truth"]).mean()
        names = ("task", "part", "seed", "test", "method")
        found.append(dict(zip(names, keys, strict=True)) | un.measures(y, p)
                     | {"distance to truth": distance})  # fmt: skip
    return pd.DataFrame(found)


def set_values(table: pd.DataFrame) -> dict[tuple[str, str], Any]:
    """Return each metric and method over simulated sets, seeds averaged: ``(set,)``."""
    means = table.groupby(["method", "part"]).mean(numeric_only=True)
    names = (*un.METRICS, "accuracy", "distance to truth")
    return {
        (m, str(method)): own[m].to_numpy()
        for method, own in means.groupby("method")
        for m in names
    }


def cluster_values(rows: pd.DataFrame) -> dict[tuple[str, str], Any]:
    """Return each metric and method on the genes as they are and as resampled.

    Whole clusters are drawn; the value of each seed is worked out, then the mean.
    ``(1 + N_RESAMPLES,)``, the genes as they are first.
    """
    clusters = np.sort(rows["unit"].unique())
    rng = np.random.default_rng(0)
    draws = [clusters] + [
        rng.choice(clusters, len(clusters)) for _ in range(N_RESAMPLES)
    ]
    found: dict[tuple[str, str], Any] = {}
    for method, own in rows.groupby("method"):
        of_seed = []
        for _, table in own.groupby("seed"):
            p, y = shares(table), table["y"].to_numpy()
            places = {c: np.flatnonzero(table["unit"] == c) for c in clusters}
            chosen = [np.concatenate([places[c] for c in draw]) for draw in draws]
            of_seed.append([un.measures(y[k], p[k]) for k in chosen])
        for metric in (*un.METRICS, "accuracy", "confidence"):
            values = [[m[metric] for m in measures] for measures in of_seed]
            found[metric, str(method)] = np.mean(values, axis=0)
    return found


def intervals(
    values: dict[tuple[str, str], Any], task: str, test: str, n_units: int
) -> list[dict[str, Any]]:
    """Return a row for each metric of a method, and for each comparison."""
    asked = [(metric, method, "") for metric, method in values]
    asked += [c for c in un.COMPARISONS if all((c[0], m) in values for m in c[1:])]
    rows = []
    for metric, method, versus in asked:
        own = values[metric, method] - (values[metric, versus] if versus else 0)
        if task == "simulated":
            found = bootstrap_mean(own)
            value, low, high = found.value, found.low, found.high
        else:
            value, (low, high) = own[0], np.quantile(own[1:], [0.025, 0.975])
        rows.append({"task": task, "test": test, "metric": metric, "method": method,
                     "versus": versus, "value": value, "low": low, "high": high,
                     "units": n_units})  # fmt: skip
    return rows


def bins(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the reliability tables, ten bins of as many rows, over all parts."""
    found = []
    for keys, own in rows.groupby(["task", "test", "method"]):
        confidence, right = confidence_and_hits(own["y"].to_numpy(), shares(own))
        table = reliability_table(confidence, right, bins="mass")
        names = zip(("task", "test", "method"), map(str, keys), strict=True)
        found.append(table.assign(**dict(names)))
    return pd.concat(found)


def main() -> None:
    PARTS.mkdir(parents=True, exist_ok=True)
    jobs = [(task, seed) for task in un.TASKS for seed in un.SEEDS]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        files = list(tqdm(pool.map(predict_seed, jobs), total=len(jobs), desc=NAME))
    rows = pd.concat([pd.read_csv(file) for file in files], ignore_index=True)
    parts = by_part(rows)
    told = intervals(
        set_values(parts[parts["task"] == "simulated"]), "simulated", "test", un.N_SETS
    )
    yeast = rows[rows["task"] == "yeast"]
    for test, own in tqdm(yeast.groupby("test"), desc="resampling"):
        told += intervals(
            cluster_values(own), "yeast", str(test), own["unit"].nunique()
        )
    tables = {"intervals": pd.DataFrame(told), "parts": parts, "bins": bins(rows)}
    for name, table in tables.items():
        save(f"{NAME}_{name}", table, command=f"python experiments/{NAME}.py",
             settings=SETTINGS, code=CODE, data=DATA)  # fmt: skip


if __name__ == "__main__":
    main()
