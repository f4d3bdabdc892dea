"""One net for every hour, and a dose as an input: chapter 9b's tables.

    python experiments/forecasts_and_conditions.py

About seven minutes of one core; a run that was cut goes on.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import torch
from store import ROOT, save, sources_now, write_whole
from tqdm import tqdm

from genex_helpers import dosing, prefixes
from genex_helpers.dosing import Courses

NAME = "forecasts_and_conditions"
PREFIX_MODULES = (
    "datasets", "influenza", "masking", "models", "preprocessing", "prefixes",
    "sequences", "splits", "training", "training_data",
)  # fmt: skip
DOSE_MODULES = (
    "dosing", "forecast_nets", "stacked", "simulator/genetics", "simulator/kinetics",
    "simulator/networks", "simulator/perturbations", "simulator/regulation",
)  # fmt: skip


def code(modules: tuple[str, ...]) -> list[str]:
    return [f"experiments/{NAME}.py", *(f"genex_helpers/{m}.py" for m in modules)]


DATA = ["data/influenza_challenge.h5ad"]
KEY = hashlib.sha256(
    json.dumps([prefixes.SETTINGS, dosing.SETTINGS,
                sources_now(code(PREFIX_MODULES + DOSE_MODULES), DATA)]).encode()
).hexdigest()  # fmt: skip
PARTS = ROOT / "_build" / "experiments" / NAME / KEY[:12]
SETS, SEEDS = range(dosing.N_SETS), range(dosing.N_SEEDS)


def constant_table() -> pd.DataFrame:
    """Return errors under constant doses that were held out, a row a set and method."""
    train = [dosing.dosed(k, sorted(dosing.DOSES * dosing.N_REPLICATES)) for k in SETS]
    levels = (0.0, dosing.INSIDE, dosing.OUTSIDE)
    test = [dosing.dosed(k, levels, noise=0.0) for k in SETS]
    pulses = [dosing.pulsed(k, dosing.N_TEST, test=True) for k in SETS]
    doses = [np.concatenate([t.dose, p.dose])
             for t, p in zip(test, pulses, strict=True)]  # fmt: skip
    nets, updates = dosing.tuned_dose_forecasts(train, doses, list(SEEDS))
    rows = []
    for k in SETS:
        control, truth = test[k].y[0], pulses[k].y
        ridge = dosing.ridge_forecast(train[k], test[k].dose, bend=False)
        bent = dosing.ridge_forecast(train[k], test[k].dose, bend=True)
        for row, (where, level) in enumerate(
            [("inside", dosing.INSIDE), ("outside", dosing.OUTSIDE)], start=1
        ):
            means = {v: train[k].y[train[k].dose[:, -1] == v].mean(axis=0)
                     for v in dosing.DOSES}  # fmt: skip
            nearest = min(dosing.DOSES, key=lambda v: abs(np.log((v + 0.01) / level)))
            found = {
                "line": dosing.line_between(train[k], level), "nearest": means[nearest],
                "ridge": ridge[row], "bent ridge": bent[row],
            }  # fmt: skip
            rows += [(k, where, name, dosing.distance(test[k].y[row], y, control), 0)
                     for name, y in found.items()]  # fmt: skip
            seeds = [dosing.distance(test[k].y[row], y[row], control) for y in nets[k]]
            rows.append((k, where, "GRU", float(np.mean(seeds)), updates[k]))
        seeds = [dosing.share_missed(truth, y[len(levels) :]) for y in nets[k]]
        rows.append((k, "pulses", "GRU, constant doses", float(np.mean(seeds)),
                     updates[k]))  # fmt: skip
    return pd.DataFrame(rows, columns=["set", "task", "model", "missed", "updates"])


def pulse_table(n: int, dealt: bool = False) -> pd.DataFrame:
    """Return errors on new pulses after ``n`` training series; or doses dealt anew."""
    train = [dosing.pulsed(k, n) for k in SETS]
    if dealt:  # a control: each series with the doses of another
        train = [replace(t, dose=np.random.default_rng(k).permutation(t.dose))
                 for k, t in enumerate(train)]  # fmt: skip
    test: list[Courses] = [dosing.pulsed(k, dosing.N_TEST, test=True) for k in SETS]
    nets, updates = dosing.tuned_dose_forecasts(train, [t.dose for t in test],
                                                list(SEEDS))  # fmt: skip
    name, rows = f"pulses, {n}" + (", doses dealt anew" if dealt else ""), []
    for k in SETS:
        found = {
            "ridge": dosing.ridge_forecast(train[k], test[k].dose),
            "bent ridge": dosing.ridge_forecast(train[k], test[k].dose, bend=True),
        }
        rows += [(k, name, model, dosing.share_missed(test[k].y, y), 0)
                 for model, y in found.items()]  # fmt: skip
        seeds = [dosing.share_missed(test[k].y, y) for y in nets[k]]
        rows.append((k, name, "GRU", float(np.mean(seeds)), updates[k]))
    return pd.DataFrame(rows, columns=["set", "task", "model", "missed", "updates"])


JOBS: dict[str, Callable[[], pd.DataFrame]] = {
    f"pulses-{n}": partial(pulse_table, n) for n in dosing.N_PULSES[::-1]
}
JOBS["pulses-dealt"] = partial(pulse_table, dosing.N_PULSES[0], True)
JOBS["constant"] = constant_table
for _arm in prefixes.ARMS:
    for _hours in prefixes.HOURS_ASKED if _arm == "that hour alone" else (0.0,):
        JOBS[f"{_arm}-{_hours:g}"] = partial(
            prefixes.pair_table, _arm, _hours or 108.0, list(range(prefixes.N_SEEDS))
        )


def done(name: str) -> str:
    """Do one job; return the file of its table."""
    file = PARTS / f"{name}.csv".replace(" ", "_")
    if not file.exists():
        torch.set_num_threads(1)
        write_whole(file, JOBS[name]().to_csv(index=False))
    return str(file)


def main() -> None:
    PARTS.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        files = list(tqdm(pool.map(done, JOBS), total=len(JOBS), desc=NAME))
    parts = [pd.read_csv(file) for file in files]
    command = f"python experiments/{NAME}.py"
    doses = pd.concat([p for p in parts if "task" in p], ignore_index=True)
    save("dosing", doses, command=command, settings=dosing.SETTINGS,
         code=code(DOSE_MODULES), data=[])  # fmt: skip
    pairs = pd.concat([p for p in parts if "arm" in p], ignore_index=True)
    save("prefixes", pairs, command=command, settings=prefixes.SETTINGS,
         code=code(PREFIX_MODULES), data=DATA)  # fmt: skip


if __name__ == "__main__":
    main()
