"""Four modalities, four worlds, every kind of fusion: chapter 16's tables.

    python experiments/multimodal.py

About 7 minutes of one core; a run that was cut goes on.
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

from genex_helpers import multimodal as case
from genex_helpers.multimodal_nets import run_set

NAME = "multimodal"
MODULES = (
    "encoders", "fusion", "models", "multimodal", "multimodal_nets", "seeds",
    "simulator/genetics", "simulator/images", "simulator/kinetics",
    "simulator/measurement", "simulator/networks", "simulator/perturbations",
    "simulator/proteins", "simulator/regulation", "training", "training_data",
)  # fmt: skip
CODE = [f"experiments/{NAME}.py", *(f"genex_helpers/{m}.py" for m in MODULES)]
KEY = hashlib.sha256(
    json.dumps([case.SETTINGS, sources_now(CODE, [])]).encode()
).hexdigest()
PARTS = ROOT / "_build" / "experiments" / NAME / KEY[:12]


def done(job: tuple[int, str]) -> str:
    """Do one set of one world; return the file of its table."""
    number, world = job
    file = PARTS / f"{world}-{number}.csv"
    if not file.exists():
        torch.set_num_threads(1)
        write_whole(file, run_set(number, world).to_csv(index=False))
    return str(file)


def main() -> None:
    PARTS.mkdir(parents=True, exist_ok=True)
    todo = [(n, world) for n in range(case.N_SETS) for world in case.WORLDS]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        files = list(tqdm(pool.map(done, todo), total=len(todo), desc=NAME))
    whole = pd.concat([pd.read_csv(file) for file in files], ignore_index=True)
    save(NAME, whole, command=f"python experiments/{NAME}.py",
         settings=case.SETTINGS, code=CODE, data=[])  # fmt: skip


if __name__ == "__main__":
    main()
