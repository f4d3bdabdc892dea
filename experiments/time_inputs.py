"""Does a net do better when it is told the time? Influenza, and decaying mRNA.

    python experiments/time_inputs.py

Chapter 5 shows both tables. Three kinds of input (values; values and hours; values and
gaps) for one GRU, under two designs on the influenza series: all seven samples up to 45
hours, on one grid, and four of them, each person's own. Fixed before the first run:
each kind with time against values alone, equivalence within 0.05 of AUROC on the grid,
superiority by 0.05 on own samples and on simulated decay.
Takes some minutes on two cores; a run that was cut goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score
from store import ROOT, save, sources_now, write_whole
from tqdm import tqdm

from genex_helpers import influenza as flu
from genex_helpers import time_inputs as ti
from genex_helpers.splits import LeavePairOut

NAME = "time_inputs"
DECAY = "time_inputs_decay"
SEEDS = range(5)
N_SETS = 20
DESIGNS = ("one grid", "own samples")
MODULES = ("datasets", "influenza", "models", "preprocessing", "seeds", "sequences",
           "splits", "time_inputs", "times", "training", "training_data")  # fmt: skip
CODE = [f"experiments/{NAME}.py", *(f"genex_helpers/{m}.py" for m in MODULES)]
DATA = ["data/influenza_challenge.h5ad"]
HOW = ti.SETTINGS | {
    "seeds": len(SEEDS), "n_sets": N_SETS, "designs": list(DESIGNS),
    "influenza_epochs": flu.N_EPOCHS, "influenza_hidden": flu.HIDDEN_SIZE,
}  # fmt: skip
KEY = hashlib.sha256(json.dumps([HOW, sources_now(CODE, DATA)]).encode()).hexdigest()
PARTS = ROOT / "_build" / "experiments" / NAME / KEY[:12]


def score_pair(task: tuple[int, int]) -> Path:
    """Train all nets without one pair of people; store their scores of the pair."""
    ill, well = task
    part = PARTS / f"{ill}-{well}.csv"
    if part.exists():
        return part
    import torch

    torch.set_num_threads(1)
    x, y, sequences = flu.series_and_labels(ti.HOURS_SEEN)
    hours = sequences.times[: x.shape[1]]
    train = np.setdiff1d(np.arange(len(y)), [ill, well])
    pair = np.array([ill, well])
    z = flu.held_out_features(x, train)  # (subject, time, component)
    rows: list[dict[str, Any]] = []
    for design in DESIGNS:
        for seed in SEEDS:
            values, times = z, hours
            if design == "own samples":
                values, times = ti.keep_own_samples(z, hours, ti.N_KEPT, seed)
            for inputs in ti.INPUTS:
                scores = flu.recurrent_scores(
                    "gru", ti.add_time(values, times, inputs), y, train, pair, seed=seed
                )
                rows.append(
                    {"design": design, "inputs": inputs, "seed": seed, "ill": ill,
                     "well": well, "ill_score": scores[0], "well_score": scores[1]}
                )  # fmt: skip
    write_whole(part, pd.DataFrame(rows).to_csv(index=False))
    return part


def score_set(set_seed: int) -> list[dict[str, Any]]:
    """Return the AUROC of every kind of input, and of the slope, on one set."""
    import torch

    torch.set_num_threads(1)
    values, times, is_slow = ti.decay_series(2 * ti.N_SERIES, set_seed)
    held = slice(ti.N_SERIES, None)
    slope = roc_auc_score(is_slow[held], ti.slope_scores(values[held], times[held]))
    rows = [{"set": set_seed, "inputs": "slope, no net", "auroc": float(slope)}]
    return rows + [
        {"set": set_seed, "inputs": i, "auroc": ti.decay_auroc(i, set_seed)}
        for i in ti.INPUTS
    ]


def main() -> None:
    PARTS.mkdir(parents=True, exist_ok=True)
    _, y, _ = flu.series_and_labels(ti.HOURS_SEEN)
    pairs = [tuple(test) for _, test in LeavePairOut().split(y, y)]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        sets = list(tqdm(pool.map(score_set, range(N_SETS)), total=N_SETS, unit="set"))
        parts = list(tqdm(pool.map(score_pair, pairs), total=len(pairs), unit="pair"))
    table = pd.concat([pd.read_csv(p) for p in parts], ignore_index=True)
    order = ["design", "inputs", "seed", "ill", "well"]
    table = table.sort_values(order, ignore_index=True)
    decay = pd.DataFrame([row for rows in sets for row in rows])
    for name, result in ((NAME, table), (DECAY, decay)):
        save(name, result, command=f"python experiments/{NAME}.py", settings=HOW,
             code=CODE, data=DATA)  # fmt: skip
        print(f"{name}: {len(result)} rows")


if __name__ == "__main__":
    main()
