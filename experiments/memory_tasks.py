"""How far back do recurrent units remember, and what do gates and starts change?

    python experiments/memory_tasks.py

Two tasks with known answers (adding and recall), four lengths, three units, eight ways
to start; chapter 4 plots the table and recomputes a slice of it. The settings, the
smallest difference that matters and the comparisons stand in
``genex_helpers/memory_tasks.py``. Short trials on other series chose the tasks' size
and the three learning rates; everything was fixed before this run.
For each unit, start, task and length the learning rate is chosen on three simulated
sets, and ten others are used for the result. Takes most of an hour on one core; a run
that was cut goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
from itertools import product
from pathlib import Path

import pandas as pd
import torch
from store import ROOT, save, sources_now, write_whole
from tqdm import tqdm

from genex_helpers.memory_tasks import (
    LEARNING_RATES,
    LENGTHS,
    SETTINGS,
    STARTS,
    TASKS,
    TEST_SETS,
    TUNING_SETS,
)
from genex_helpers.stacked import new_stack, train

NAME = "memory_tasks"
MODULES = ("memory_tasks", "models", "stacked")
CODE = [f"experiments/{NAME}.py", *(f"genex_helpers/{m}.py" for m in MODULES)]
KEY = hashlib.sha256(json.dumps([SETTINGS, sources_now(CODE, [])]).encode()).hexdigest()
PARTS = ROOT / "_build" / "experiments" / NAME / KEY[:12]


def run_group(task_name: str, n_steps: int, start: str) -> Path:
    """Tune and test one way to start on one task and length; store the rows."""
    part = PARTS / f"{task_name}-{n_steps}-{start.replace(', ', '-')}.csv"
    if part.exists():
        return part
    task = TASKS[task_name]
    tuning = list(product(TUNING_SETS, LEARNING_RATES))
    sets, rates = [number for number, _ in tuning], [rate for _, rate in tuning]
    stack = new_stack(task, start, n_steps, sets)
    tuned = pd.DataFrame(train(stack, task, n_steps, sets, rates))
    last = tuned[tuned["updates"] == tuned["updates"].max()]
    best = float(last.groupby("learning_rate")["skill"].mean().idxmax())
    stack = new_stack(task, start, n_steps, TEST_SETS)
    rates = [best] * len(TEST_SETS)
    tested = pd.DataFrame(train(stack, task, n_steps, TEST_SETS, rates))
    table = pd.concat([tuned.assign(part="tuning"), tested.assign(part="test")])
    table = table.assign(task=task_name, n_steps=n_steps, start=start)
    write_whole(part, table.to_csv(index=False))
    return part


def main() -> None:
    torch.set_num_threads(1)
    PARTS.mkdir(parents=True, exist_ok=True)
    groups = sorted(product(TASKS, LENGTHS, STARTS), key=lambda group: group[1])
    parts = [run_group(*group) for group in tqdm(groups, unit="group")]
    table = pd.concat([pd.read_csv(part) for part in parts], ignore_index=True)
    first = ["task", "n_steps", "start", "part", "set", "learning_rate", "updates"]
    table = table[[*first, "skill", "gradient_ratio"]].sort_values(first)
    command = f"python experiments/{NAME}.py"
    save(NAME, table, command=command, settings=SETTINGS, code=CODE, data=[])
    print(f"{NAME}: {len(table)} rows")


if __name__ == "__main__":
    main()
