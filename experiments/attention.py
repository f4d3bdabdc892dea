"""Attention raced on simulated moments and on influenza: chapter 15's tables.

    python experiments/attention.py

About 10 minutes of one core; a run that was cut goes on.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pandas as pd
import torch
from store import ROOT, save, sources_now, write_whole
from tqdm import tqdm

from genex_helpers import attention_people as people
from genex_helpers import attention_race as race

NAME = "attention"
MODULES = (
    "attention", "attention_nets", "attention_people", "attention_race",
    "attention_tests", "datasets", "evaluation", "influenza", "preprocessing", "seeds",
    "sequences", "splits", "training", "training_data",
)  # fmt: skip
CODE = [f"experiments/{NAME}.py", *(f"genex_helpers/{m}.py" for m in MODULES)]
DATA = ["data/influenza_challenge.h5ad"]
SETTINGS = {"race": race.SETTINGS, "people": people.SETTINGS}
KEY = hashlib.sha256(
    json.dumps([SETTINGS, sources_now(CODE, DATA)]).encode()
).hexdigest()
PARTS = ROOT / "_build" / "experiments" / NAME / KEY[:12]


def part(name: str, found: list[pd.DataFrame]) -> None:
    """Write the tables of one job."""
    for number, table in enumerate(found):
        write_whole(PARTS / f"{name}-{number}.csv", table.to_csv(index=False))


def read(files: list[Path]) -> pd.DataFrame:
    """Return the tables of several files as one; a file without rows has no part."""
    parts = [pd.read_csv(f) for f in files]
    return pd.concat([p for p in parts if len(p)], ignore_index=True)


def main() -> None:
    torch.set_num_threads(1)
    PARTS.mkdir(parents=True, exist_ok=True)
    sets = [(t, k) for t in race.TASKS for k in range(race.N_SETS)]
    for task, number in tqdm(sets, desc="sets"):
        if not (PARTS / f"set-{task}-{number}-0.csv").exists():
            part(f"set-{task}-{number}", [race.run_set(task, number)])
    nets = [(n, k) for n in people.NETS for k in range(people.N_PERMUTED + 1)]
    for number, (name, labelling) in enumerate(tqdm(nets, desc="people")):
        if not (PARTS / f"people-{number}-1.csv").exists():
            part(f"people-{number}", list(people.run_net(name, labelling)))
    done = {
        "race": [PARTS / f"set-{task}-{number}-0.csv" for task, number in sets],
        "people": [PARTS / f"people-{k}-0.csv" for k in range(len(nets))],
        "people_weights": [PARTS / f"people-{k}-1.csv" for k in range(len(nets))],
    }
    for table, files in done.items():
        save(f"{NAME}_{table}", read(files), command=f"python experiments/{NAME}.py",
             settings=SETTINGS, code=CODE, data=DATA)  # fmt: skip


if __name__ == "__main__":
    main()
