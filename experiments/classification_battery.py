"""The full battery of classifiers, once, and whether order is useful and used.

    python experiments/classification_battery.py

Chapter 2 plots these tables and recomputes a slice. Two cases:
- yeast: in which of five phases does a gene peak? Whole clusters of genes held out;
- influenza: who falls ill? Every pair of people held out, at two moments. Logistic
  regression and the nets on the true order stand in `influenza_leave_pair_out`, with
  the same settings, and are not trained again.
The settings, delta and comparisons below were fixed before the first run; the number of
epochs on yeast after a look at one fold. Nothing is tuned, for any model.
To save time the influenza part was cut after the yeast part had begun (five permuted
labellings in place of ten, no LSTM under permuted time); no comparison was touched.
Takes about twenty minutes on one core; a run that was cut goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import os
from itertools import combinations
from pathlib import Path
from typing import Any

os.environ["NUMBA_NUM_THREADS"] = "1"  # before aeon; one core, and the same numbers

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from store import ROOT, save, sources_now, write_whole
from tqdm import tqdm

from genex_helpers import influenza as flu
from genex_helpers import yeast
from genex_helpers.baselines import BATTERY, RANDOM, class_scores, make_baseline
from genex_helpers.order import as_one_step, permute_time, shuffle_each

NAME = "classification_battery"
SEEDS = range(5)
DELTA = 0.05  # of accuracy, and of AUROC
CONDITIONS = ("true order", "permuted, retrained", "permuted at test", "each shuffled")
COMPARISONS = (
    ("yeast", "gru", "logistic, all times", "superiority"),
    ("yeast", "gru", "RBF SVM", "superiority"),
    ("yeast", "gru", "MiniRocket", "superiority"),
    ("yeast", "gru", "gru, permuted, retrained", "superiority"),
    ("yeast", "gru", "gru, permuted at test", "superiority"),
    ("yeast", "one step", "one step, permuted, retrained", "equivalence"),
    ("influenza", "gru", "gru, permuted, retrained", "superiority"),
    ("influenza", "gru", "gru, permuted at test", "superiority"),
)
HOURS = (45.0, 108.0)
ORDER_HOURS = 45.0
N_LABELLINGS = {"yeast": 3, "influenza": 5}  # permuted labels, the control
SETTINGS: dict[str, Any] = {
    "seeds": len(SEEDS), "delta": DELTA, "comparisons": [list(c) for c in COMPARISONS],
    "conditions": list(CONDITIONS), "battery": list(BATTERY),
    "labellings": N_LABELLINGS,
    "yeast": {
        "courses": list(yeast.COURSES), "clusters": yeast.N_CLUSTERS,
        "folds": yeast.N_FOLDS, "hidden_size": yeast.HIDDEN_SIZE,
        "n_epochs": yeast.N_EPOCHS, "learning_rate": yeast.LEARNING_RATE,
    },
    "influenza": {
        "hours": list(HOURS), "order_hours": ORDER_HOURS,
        "n_components": flu.N_COMPONENTS, "hidden_size": flu.HIDDEN_SIZE,
        "n_epochs": flu.N_EPOCHS, "learning_rate": flu.LEARNING_RATE,
    },
}  # fmt: skip
MODULES = ("baselines", "datasets", "influenza", "models", "order", "preprocessing",
           "seeds", "sequences", "splits", "times", "training",
           "training_data", "yeast")  # fmt: skip
CODE = [f"experiments/{NAME}.py", *(f"genex_helpers/{m}.py" for m in MODULES)]
DATA = ["data/influenza_challenge.h5ad", "data/yeast_cell_cycle.h5ad"]
KEY = hashlib.sha256(
    json.dumps([SETTINGS, sources_now(CODE, DATA)]).encode()
).hexdigest()
PARTS = ROOT / "_build" / "experiments" / NAME / KEY[:12]
STORED_ELSEWHERE = ("logistic, last time", "logistic, all times")

Array = NDArray[Any]
Row = dict[str, Any]


def orders(n_steps: int, seed: int) -> Array:
    """Return the permutation of time that goes with a seed."""
    return np.random.default_rng([seed, n_steps]).permutation(n_steps)


def seeds_of(model: str) -> range:
    """Return the seeds that a baseline needs: one if it is not random."""
    return SEEDS if model in RANDOM else range(1)


def yeast_part(case: yeast.PhaseCase, course: str, fold: int) -> Path:
    """Predict the phases of one fold's genes by every model; store who was right."""
    part = PARTS / f"yeast-{course}-{fold}.csv"
    if part.exists():
        return part
    train, test = yeast.gene_folds(case)[fold]
    x = yeast.scaled_by_training(case.courses[course], train)
    rows: list[Row] = []

    def note(y: Array, y_pred: Array, **facts: Any) -> None:
        table = pd.DataFrame({"cluster": case.clusters[test], "right": y_pred == y})
        counts = table.groupby("cluster")["right"].agg(["size", "sum"])
        for cluster, (size, right) in counts.iterrows():
            rows.append({"course": course, "fold": fold, "cluster": cluster,
                         "n_genes": size, "n_right": right, **facts})  # fmt: skip

    for labelling in range(N_LABELLINGS["yeast"] + 1):
        rng = np.random.default_rng(labelling)
        y = case.y if labelling == 0 else rng.permutation(case.y)
        for model in BATTERY:
            for seed in seeds_of(model) if labelling == 0 else range(1):
                fitted = make_baseline(model, seed=seed, times=case.minutes[course])
                y_pred = fitted.fit(x[train], y[train]).predict(x[test])
                note(y[test], y_pred, labelling=labelling, model=model, seed=seed,
                     condition="true order")  # fmt: skip
        for model in ("gru", "lstm", "one step"):
            for seed in SEEDS if labelling == 0 else range(1):
                for condition, y_pred in yeast_net(model, x, y, train, test, seed):
                    note(y[test], y_pred, labelling=labelling, model=model, seed=seed,
                         condition=condition)  # fmt: skip
                    if labelling > 0:
                        break
    write_whole(part, pd.DataFrame(rows).to_csv(index=False))
    return part


def yeast_net(
    model: str, x: Array, y: Array, train: Array, test: Array, seed: int
) -> Any:
    """Yield ``(condition, predicted phases)``; a net is retrained where it must be."""
    cell = "lstm" if model == "one step" else model

    def layout(values: Array) -> Array:
        return as_one_step(values) if model == "one step" else values

    def train_on(values: Array) -> Any:
        return yeast.train_phase_net(cell, layout(values)[train], y[train], seed=seed)

    permuted = permute_time(x, orders(x.shape[1], seed))
    net = train_on(x)
    yield CONDITIONS[0], yeast.predict_phase(net, layout(x)[test])
    yield CONDITIONS[2], yeast.predict_phase(net, layout(permuted)[test])
    for condition, values in (
        (CONDITIONS[1], permuted),
        (CONDITIONS[3], shuffle_each(x, seed)),
    ):
        net = train_on(values)
        yield condition, yeast.predict_phase(net, layout(values)[test])


def influenza_part(hours: float, i: int, j: int) -> Path:
    """Score one held-out pair of people by every model that is not stored elsewhere."""
    part = PARTS / f"influenza-{hours:g}h-{i}-{j}.csv"
    if part.exists():
        return part
    x, true_y, sequences = flu.series_and_labels(hours)
    times = sequences.times[sequences.times <= hours]
    train = np.setdiff1d(np.arange(len(true_y)), [i, j])
    z = flu.held_out_features(x, train)
    rows: list[Row] = []
    n_labellings = N_LABELLINGS["influenza"] if hours == ORDER_HOURS else 0
    for labelling in range(n_labellings + 1):
        rng = np.random.default_rng(labelling)
        y = true_y if labelling == 0 else rng.permutation(true_y)
        if y[i] == y[j]:
            continue
        pair = np.array([i, j] if y[i] == 1 else [j, i])
        facts = {"hours": hours, "labelling": labelling, "ill": pair[0],
                 "well": pair[1]}  # fmt: skip
        for model in BATTERY:
            if model in STORED_ELSEWHERE:
                continue
            for seed in seeds_of(model) if labelling == 0 else range(1):
                fitted = make_baseline(model, seed=seed, times=times)
                scores = class_scores(fitted.fit(z[train], y[train]), z[pair])
                rows.append({**facts, "model": model, "condition": "true order",
                             "seed": seed, "ill_score": scores[0],
                             "well_score": scores[1]})  # fmt: skip
        if labelling == 0 and hours == ORDER_HOURS:
            rows += [{**facts, **row} for row in order_rows(z, y, train, pair)]
    write_whole(part, pd.DataFrame(rows).to_csv(index=False))
    return part


def order_rows(z: Array, y: Array, train: Array, pair: Array) -> list[Row]:
    """Return the scores of the nets under every condition but the stored ones."""
    rows = []
    for seed in SEEDS:
        permuted = permute_time(z, orders(z.shape[1], seed))
        at_test = z.copy()
        at_test[pair] = permuted[pair]  # same weights as on the true order
        inputs = {
            "true order": z, "permuted, retrained": permuted,
            "permuted at test": at_test, "each shuffled": shuffle_each(z, seed),
        }  # fmt: skip
        for model in ("gru", "one step"):
            cell = "lstm" if model == "one step" else model
            for condition, values in inputs.items():
                if condition == "true order" and model == "gru":
                    continue  # stored in influenza_leave_pair_out
                given = as_one_step(values) if model == "one step" else values
                scores = flu.recurrent_scores(cell, given, y, train, pair, seed=seed)
                rows.append(
                    {"model": model, "condition": condition, "seed": seed,
                     "ill_score": scores[0], "well_score": scores[1]}
                )  # fmt: skip
    return rows


def main() -> None:
    torch.set_num_threads(1)
    PARTS.mkdir(parents=True, exist_ok=True)
    case = yeast.phase_case()
    folds = [
        (course, fold) for course in yeast.COURSES for fold in range(yeast.N_FOLDS)
    ]
    parts = [yeast_part(case, *task) for task in tqdm(folds, unit="fold")]
    by_gene = pd.concat([pd.read_csv(p) for p in parts], ignore_index=True)
    pairs = list(combinations(range(17), 2))
    tasks = [(hours, i, j) for hours in HOURS for i, j in pairs]
    # pairs of equal label have rows only under permuted labels, or none at all
    texts = [influenza_part(*task) for task in tqdm(tasks, unit="pair")]
    by_pair = pd.concat(
        [pd.read_csv(p) for p in texts if p.stat().st_size > 1], ignore_index=True
    )
    kinds = ["course", "labelling", "model", "condition"]
    per_cluster = (
        by_gene.groupby([*kinds, "cluster", "n_genes", "seed"])["n_right"].sum()
        .groupby([*kinds, "cluster", "n_genes"]).mean().reset_index()
    )  # fmt: skip
    per_fold = by_gene.groupby([*kinds, "seed", "fold"])[["n_genes", "n_right"]].sum()
    order = ["hours", "labelling", "model", "condition", "seed", "ill", "well"]
    by_pair = by_pair.sort_values(order, ignore_index=True)
    tables = {
        "battery_yeast_clusters": per_cluster,
        "battery_yeast_folds": per_fold.reset_index(),
        "battery_influenza": by_pair[[*order, "ill_score", "well_score"]],
    }
    command = f"python experiments/{NAME}.py"
    for name, table in tables.items():
        save(name, table, command=command, settings=SETTINGS, code=CODE, data=DATA)
        print(f"{name}: {len(table)} rows")


if __name__ == "__main__":
    main()
