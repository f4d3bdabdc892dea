"""Shapes of nets, sizes of training sets, and choices about data: chapter 10's tables.

    python experiments/architecture.py

About 12 minutes of one core; a run that was cut goes on.
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

from genex_helpers import architecture as case

NAME = "architecture"
MODULES = (
    "architecture", "datasets", "evaluation", "influenza", "many", "models",
    "normalised_nets", "own_baseline", "preprocessing", "recurrent_nets", "remedies",
    "sequences", "splits", "stacked", "stacked_training", "training", "training_data",
    "yeast",
)  # fmt: skip
CODE = [f"experiments/{NAME}.py", *(f"genex_helpers/{m}.py" for m in MODULES)]
DATA = ["data/influenza_challenge.h5ad", "data/yeast_cell_cycle.h5ad"]
KEY = hashlib.sha256(
    json.dumps([case.SETTINGS, sources_now(CODE, DATA)]).encode()
).hexdigest()
PARTS = ROOT / "_build" / "experiments" / NAME / KEY[:12]
Job = tuple[str, str, int, int]


def jobs() -> list[Job]:
    """Return what is to be done: table, name, and two numbers; the longest first."""
    sizes = (0, *case.HIDDEN_SIZES)
    yeast = [("sizes", "yeast", h, n) for h in (*case.YEAST_SIZES[::-1], 0)
             for n in case.N_GENES_TRAINED[::-1]]  # fmt: skip
    nets = [("choices", name, 0, 0) for name in case.NET_CHOICES]
    order = [("sizes", "order", h, n) for h in sizes for n in case.N_SERIES]
    useless = [("sizes", "useless", h, n) for h in (0, 16) for n in case.USELESS_GENES
               if n]  # fmt: skip
    shapes = [("shapes", name, 0, 0) for name in case.SHAPES]
    data = [("choices", name, 0, 0) for name in (case.DEFAULT, *case.DATA_CHOICES)]
    return [*yeast, *nets, *order, *useless, *shapes, *data]


def done(job: Job) -> str:
    """Do one job; return the file of its table."""
    table, name, one, other = job
    file = PARTS / f"{table}-{name}-{one}-{other}.csv".replace(" ", "_")
    if not file.exists():
        torch.set_num_threads(1)
        write_whole(file, computed(table, name, one, other).to_csv(index=False))
    return str(file)


def computed(table: str, name: str, one: int, other: int) -> pd.DataFrame:
    if name == "yeast":
        return case.yeast_sizes(one, other)
    if name == "order":
        return case.simulated_sizes(one, other)
    if name == "useless":
        return case.simulated_sizes(one, case.N_SHAPE_SERIES, other)
    if table == "shapes":
        return case.simulated_shape(name)
    seeds = list(range(case.INFLUENZA_SEEDS))
    if name in case.NET_CHOICES:
        inputs = case.influenza_features(case.DEFAULT)
        net = case.NET_CHOICES[name]
        return case.pair_table(name, *inputs, seeds, net=net).assign(side="net")
    inputs = case.influenza_features(name)
    if name in case.DATA_CHOICES:
        return case.pair_table(name, *inputs, seeds).assign(side="data")
    found = []
    for number in range(case.N_NULL):  # the default; and then again with other seeds
        own = [s + number * case.INFLUENZA_SEEDS for s in seeds]
        part = case.pair_table(name, *inputs, own)
        found.append(part.assign(choice=f"seeds {own[0]} to {own[-1]}", side="seeds"))
    return pd.concat(found)


def main() -> None:
    PARTS.mkdir(parents=True, exist_ok=True)
    todo = jobs()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        files = list(tqdm(pool.map(done, todo), total=len(todo), desc=NAME))
    for table in ("sizes", "shapes", "choices"):
        parts = [f for f, job in zip(files, todo, strict=True) if job[0] == table]
        whole = pd.concat([pd.read_csv(part) for part in parts], ignore_index=True)
        save(f"{NAME}_{table}", whole, command=f"python experiments/{NAME}.py",
             settings=case.SETTINGS, code=CODE, data=DATA)  # fmt: skip


if __name__ == "__main__":
    main()
