"""The full battery of forecasters, once, and two recurrent nets.

    python experiments/forecasting_battery.py

Chapter 8 plots these tables and recomputes a slice. The next sample and the third one
to come are forecast, of
- yeast genes that were held out with their clusters, in three courses;
- the later part of these courses, for the same genes;
- held-out people: the mean of the interferon-stimulated genes after an influenza virus.
Every series is taken minus its own first sample, so the centring of the yeast file over
the whole course, which knows the future, drops out.
The settings, delta and comparisons below were fixed before the first run. Of the nets
the number of updates is chosen, of the ridges the penalty, inside the training part.
Before it the baselines were tried on alpha and cdc15, and a net on alpha, with every
fifth gene held out: hence updates up to 400, for 100 did not suffice.
The ridge on the whole past, and what is compared with it, were added after the first
run had shown the nets ahead of ridges that read four levels: the nets read all.
Takes some ten minutes on one core; a run that was cut goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.linear_model import RidgeCV
from store import ROOT, save, sources_now, write_whole
from tqdm import tqdm

from genex_helpers import influenza as flu
from genex_helpers.datasets import interferon_genes, load
from genex_helpers.evaluation import verdict
from genex_helpers.forecast_nets import (
    BATCH_SIZE,
    HIDDEN_SIZE,
    LEARNING_RATE,
    UPDATES,
    counted,
    counted_errors,
    direct_forecasts,
    iterated_forecasts,
    some_nets,
    train_nets,
)
from genex_helpers.forecasting import (
    ALPHAS,
    FORECASTERS,
    N_LAGS,
    NEEDS_SEEN_TIMES,
    Windows,
    make_forecaster,
    make_windows,
    predict_iterated,
    skill,
    squared_errors,
)
from genex_helpers.preprocessing import fill_forward
from genex_helpers.splits import GeneKFold, SubjectKFold, coexpression_clusters

NAME = "forecasting_battery"
COURSES = ("alpha", "cdc15", "elu")
HORIZON = 3
N_FOLDS = 5
N_CLUSTERS = 100  # whole clusters are held out, as for the phases
N_LATER_CLUSTERS = 20  # by k-means on the training part, as in chapter 3
TRAIN_SHARE = 10 / 18  # of the samples of a course: ten of alpha's, as in chapter 3
SEEDS = range(5)
CELLS = ("gru", "lstm")
DELTA = 0.1  # of the reference's squared error
ITERATED = ("ridge, pooled", "ridge, per step", "random forest")
JOBS = {1: ((1, "direct"), (HORIZON, "iterated")), HORIZON: ((HORIZON, "direct"),)}
COMPARISONS = (  # model, how, ahead, reference, its how, kind; in each case
    ("gru", "direct", 1, "persistence", "direct", "superiority"),
    ("gru", "direct", 1, "ridge, pooled", "direct", "superiority"),
    ("gru", "direct", 1, "lstm", "direct", "equivalence"),
    ("Gaussian process", "direct", 1, "ridge, pooled", "direct", "superiority"),
    ("gru", "direct", 3, "persistence", "direct", "superiority"),
    ("gru", "direct", 3, "ridge, pooled", "direct", "superiority"),
    ("gru", "direct", 3, "gru", "iterated", "superiority"),
    ("ridge, pooled", "direct", 3, "ridge, pooled", "iterated", "superiority"),
)
WHOLE_PAST = "ridge, whole past"  # per step, for held-out genes and people
ADDED = (
    ("gru", "direct", 1, WHOLE_PAST, "direct", "superiority"),
    ("gru", "direct", 3, WHOLE_PAST, "direct", "superiority"),
)
SETTINGS: dict[str, Any] = {
    "courses": list(COURSES), "horizon": HORIZON, "lags": N_LAGS, "folds": N_FOLDS,
    "clusters": N_CLUSTERS, "later_clusters": N_LATER_CLUSTERS,
    "train_share": round(TRAIN_SHARE, 4), "seeds": len(SEEDS), "cells": list(CELLS),
    "battery": list(FORECASTERS), "iterated": list(ITERATED), "delta": DELTA,
    "comparisons": [list(c) for c in COMPARISONS],
    "added_after_the_first_run": [list(c) for c in ADDED],
    "nets": {"hidden_size": HIDDEN_SIZE, "learning_rate": LEARNING_RATE,
             "batch_size": BATCH_SIZE,
             "updates_to_choose_from": list(UPDATES)},
}  # fmt: skip
MODULES = ("datasets", "evaluation", "forecast_nets", "forecast_processes",
           "forecast_windows", "forecasting", "influenza", "memory_tasks", "models",
           "preprocessing", "resampling", "sequences", "splits", "stacked",
           "times")  # fmt: skip
CODE = [f"experiments/{NAME}.py", *(f"genex_helpers/{m}.py" for m in MODULES)]
DATA = ["data/influenza_challenge.h5ad", "data/interferon_genes.csv",
        "data/yeast_cell_cycle.h5ad"]  # fmt: skip
KEY = hashlib.sha256(
    json.dumps([SETTINGS, sources_now(CODE, DATA)]).encode()
).hexdigest()
PARTS = ROOT / "_build" / "experiments" / NAME / KEY[:12]

Array = NDArray[Any]
Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Case:
    """Series, what of them is measured, and who is held out.

    ``values`` is ``(series, time, 1)``, filled; ``units`` ``(series,)`` is what the
    intervals resample; ``folds`` are rows; in a later part ``last_step`` is the last
    sample of training.
    """

    name: str
    values: Array
    mask: Array
    times: Array
    units: Array
    folds: list[tuple[Array, Array]]
    last_step: int | None = None


def yeast_course(course: str) -> tuple[Array, Array]:
    """Return ``(gene, time)`` of the genes without missing values, and the minutes."""
    adata = load("yeast_cell_cycle")
    own = adata.obs["course"].to_numpy(dtype=str) == course
    values = np.asarray(adata.X, dtype=float)[own].T
    minutes = adata.obs.loc[own, "minutes"].to_numpy(dtype=float)
    return values[np.isfinite(values).all(axis=1)], minutes


def held_out_genes(course: str) -> Case:
    """Return a course whose clusters of genes are held out in five folds."""
    raw, minutes = yeast_course(course)
    values = (raw - raw[:, :1])[..., None]
    clusters = coexpression_clusters(raw, N_CLUSTERS)
    splitter = GeneKFold(N_FOLDS, seed=0, stratify=False)
    folds = list(splitter.split(values, None, clusters))
    mask = np.ones(values.shape, dtype=bool)
    return Case(f"genes, {course}", values, mask, minutes, clusters, folds)


def later_part(course: str) -> Case:
    """Return a course whose later samples are held out, for all genes."""
    raw, minutes = yeast_course(course)
    values = (raw - raw[:, :1])[..., None]
    n_train = round(TRAIN_SHARE * raw.shape[1])
    seen = values[:, :n_train, 0]
    k_means = KMeans(N_LATER_CLUSTERS, n_init=10, random_state=0)
    clusters = k_means.fit_predict(seen - seen.mean(axis=1, keepdims=True))
    everyone = np.arange(len(values))
    mask = np.ones(values.shape, dtype=bool)
    return Case(
        f"later, {course}", values, mask, minutes, clusters,
        [(everyone, everyone)], n_train - 1,
    )  # fmt: skip


def held_out_people() -> Case:
    """Return the interferon means of 17 people, each held out once."""
    _, _, sequences = flu.series_and_labels(flu.HOURS_SEEN[-1])
    chosen = np.isin(sequences.genes, interferon_genes())
    filled = fill_forward(sequences.values, sequences.mask)[..., chosen].astype(float)
    level = (filled - filled[:, :1]).mean(axis=2, keepdims=True)
    mask = np.all(sequences.mask[..., chosen], axis=2)[..., None]
    people = np.arange(len(level))
    folds = [(np.delete(people, i), people[i : i + 1]) for i in people]
    return Case("people, interferon", level, mask, sequences.times, people, folds)


def inner_split(case: Case, train: Array) -> tuple[Array, Array]:
    """Return rows to fit and to validate on, within the training rows."""
    n_splits = 4 if case.name.startswith("people") else N_FOLDS
    kind = SubjectKFold if case.name.startswith("people") else GeneKFold
    splitter = kind(n_splits, seed=0, stratify=False)
    fit, validation = next(splitter.split(train, None, case.units[train]))
    return train[fit], train[validation]


def cut(case: Case, horizon: int) -> Windows:
    """Return all windows; the past is filled, what was not measured is no target."""
    everything = np.ones(case.mask.shape, dtype=bool)
    filled, measured = (
        make_windows(case.values, m, case.times, N_LAGS, horizon, whole_past=True)
        for m in (everything, case.mask)
    )
    return replace(filled, target=measured.target)


def parts_of(case: Case, windows: Windows, fold: int) -> tuple[Windows, Windows]:
    """Return training and test windows."""
    train, test = case.folds[fold]
    if case.last_step is None:
        return (
            windows[np.isin(windows.groups, train)],
            windows[np.isin(windows.groups, test)],
        )
    last = windows.origins + windows.target.shape[1]
    return windows[last <= case.last_step], windows[windows.origins >= case.last_step]


def note(
    case: Case, windows: Windows, errors: Array, model: str, how: str, ahead: int
) -> list[Row]:
    """Return the summed errors of each unit and seed; errors are ``(seed, window)``."""
    seen = np.isfinite(windows.target[:, ahead - 1, 0])
    units = case.units[windows.groups[seen]]
    rows = []
    for seed, own in enumerate(errors):
        table = pd.DataFrame({"unit": units, "error": own[seen]})
        sums = table.groupby("unit")["error"].agg(["size", "sum"])
        for unit, (size, total) in sums.iterrows():
            rows.append({"case": case.name, "model": model, "how": how, "ahead": ahead,
                         "seed": seed, "unit": unit, "n": size,
                         "error": total})  # fmt: skip
    return rows


def baseline_rows(case: Case, fold: int) -> list[Row]:
    """Return the errors of the battery in one fold, direct and (some) iterated."""
    rows = []
    one, three = (parts_of(case, cut(case, h), fold) for h in (1, HORIZON))
    for name in FORECASTERS:
        if case.last_step is not None and name in NEEDS_SEEN_TIMES:
            continue  # later times were never seen in training
        next_one = make_forecaster(name).fit(one[0])
        direct = make_forecaster(name).fit(three[0])
        found = [(one[1], next_one.predict(one[1]), "direct", 1),
                 (three[1], direct.predict(three[1]), "direct", HORIZON)]  # fmt: skip
        if name in ITERATED:
            fed_back = predict_iterated(next_one, three[1])
            found.append((three[1], fed_back, "iterated", HORIZON))
        for windows, forecast, how, ahead in found:
            errors = squared_errors(windows, forecast)[None, :, ahead - 1, 0]
            rows += note(case, windows, errors, name, how, ahead)
    return rows


def whole_past_rows(case: Case, fold: int) -> list[Row]:
    """Return the errors of ridges that read all levels so far, one an origin."""
    rows = []
    for ahead in (1, HORIZON):
        train, test = parts_of(case, cut(case, ahead), fold)
        forecast = np.empty((len(test), 1))
        for origin in np.unique(test.origins):
            known, asked = (w[w.origins == origin] for w in (train, test))
            x, x_new = (w.past[:, -(origin + 1) :, 0] for w in (known, asked))
            y = known.target[:, ahead - 1, 0] - x[:, -1]
            seen = np.isfinite(y)
            model = RidgeCV(alphas=np.array(ALPHAS)).fit(x[seen], y[seen])
            forecast[test.origins == origin, 0] = x_new[:, -1] + model.predict(x_new)
        errors = (forecast.T - test.target[:, ahead - 1, 0]) ** 2
        rows += note(case, test, errors, WHOLE_PAST, "direct", ahead)
    return rows


def may_learn(case: Case, horizon: int) -> tuple[Array, Array, list[int]]:
    """Return what each net may fit and validate on, and the nets' seeds.

    For each fold one net that chooses the updates, then one a seed.
    """
    fitted, validated, seeds = [], [], []
    last = case.last_step
    steps = None if last is None else last - 3  # as in chapter 3
    whole = counted(case.mask, horizon, up_to=last)
    for train, _ in case.folds:
        if last is None:
            inner, validation = inner_split(case, train)
            first, held = _rows(whole, inner), _rows(whole, validation)
        else:
            first = counted(case.mask, horizon, up_to=steps)
            held = counted(case.mask, horizon, after=steps or 0, up_to=last)
        fitted += [first] + [_rows(whole, train)] * len(SEEDS)
        validated.append(held)
        seeds += [0, *SEEDS]
    return np.stack(fitted), np.stack(validated), seeds


def _rows(counts: Array, rows: Array) -> Array:
    kept = np.zeros_like(counts)
    kept[rows] = counts[rows]
    return kept


def net_rows(case: Case, cell: str, horizon: int) -> list[Row]:
    """Return the errors of all folds' nets, whose updates their own fold chooses."""
    counts, validated, seeds = may_learn(case, horizon)
    nets = train_nets(cell, case.values, case.times, counts, seeds)
    first = np.arange(len(case.folds)) * (len(SEEDS) + 1)
    scores = np.stack([
        counted_errors(some_nets(nets[e], list(first)), case.values, case.times,
                       validated)
        for e in UPDATES
    ])  # (updates, fold)  # fmt: skip
    rows = []
    for fold, choice in enumerate(scores.argmin(axis=0)):
        own = some_nets(
            nets[UPDATES[choice]], list(first[fold] + 1 + np.arange(len(SEEDS)))
        )
        for ahead, how in JOBS[horizon]:
            test = parts_of(case, cut(case, ahead), fold)[1]
            forecast = iterated_forecasts if how == "iterated" else direct_forecasts
            found = forecast(own, case.values, case.times, test)
            errors = np.stack([squared_errors(test, f)[:, ahead - 1, 0] for f in found])
            rows += [
                {**row, "updates": UPDATES[choice]}
                for row in note(case, test, errors, cell, how, ahead)
            ]
    return rows


def stored(name: str, make: Callable[[], list[Row]]) -> pd.DataFrame:
    """Return a part of the result, made now if it was not before."""
    part = PARTS / f"{name}.csv"
    if not part.exists():
        write_whole(part, pd.DataFrame(make()).to_csv(index=False))
    return pd.read_csv(part)


def judged(errors: pd.DataFrame, case: str) -> list[Row]:
    """Return the skill and verdict of every comparison in one case."""
    own = errors[errors["case"] == case].set_index(["model", "how", "ahead"])
    rows = []
    later = case.startswith("later")
    for model, how, ahead, reference, other_how, kind in (
        COMPARISONS if later else COMPARISONS + ADDED
    ):
        first, second = (
            own.loc[[key]].set_index("unit")["error"].sort_index()
            for key in ((model, how, ahead), (reference, other_how, ahead))
        )
        assert first.index.equals(second.index)
        interval = skill(first.to_numpy(), second.to_numpy(), first.index.to_numpy())
        rows.append({"case": case, "model": model, "how": how, "ahead": ahead,
                     "reference": reference, "reference_how": other_how, "kind": kind,
                     "added": int(reference == WHOLE_PAST),
                     "n_units": len(first), "skill": interval.value,
                     "low": interval.low, "high": interval.high, "delta": DELTA,
                     "verdict": verdict(interval, DELTA, kind=kind)})  # fmt: skip
    return rows


def main() -> None:
    torch.set_num_threads(1)
    PARTS.mkdir(parents=True, exist_ok=True)
    cases = [held_out_people()]
    cases += [
        make(course) for make in (later_part, held_out_genes) for course in COURSES
    ]
    tables = []
    for case in tqdm(cases, unit="case"):
        for fold in range(len(case.folds)):
            make_part = partial(baseline_rows, case, fold)
            tables.append(stored(f"{case.name}-{fold}", make_part))
            if case.last_step is None:
                make_part = partial(whole_past_rows, case, fold)
                tables.append(stored(f"{case.name}-{fold}-whole", make_part))
        for cell, horizon in product(CELLS, (1, HORIZON)):
            make_part = partial(net_rows, case, cell, horizon)
            tables.append(stored(f"{case.name}-{cell}-{horizon}", make_part))
    rows = pd.concat(tables, ignore_index=True)
    kinds = ["case", "model", "how", "ahead"]
    # a cluster may be in no two folds; seeds are averaged within the unit
    by_unit = rows.groupby([*kinds, "unit", "n"])["error"].mean().reset_index()
    nets = rows[rows["model"].isin(CELLS)]
    by_seed = nets.groupby([*kinds, "seed"])[["n", "error"]].sum().reset_index()
    updates = nets.groupby([*kinds, "seed"])["updates"].median().to_numpy()
    comparisons = [row for case in cases for row in judged(by_unit, case.name)]
    results = {
        "forecasting_units": by_unit,
        "forecasting_seeds": by_seed.assign(median_updates=updates),
        "forecasting_comparisons": pd.DataFrame(comparisons),
    }
    command = f"python experiments/{NAME}.py"
    for name, table in results.items():
        save(name, table, command=command, settings=SETTINGS, code=CODE, data=DATA)
        print(f"{name}: {len(table)} rows")


if __name__ == "__main__":
    main()
