"""Adrenocortical patients, one table against several: chapter 16b's risks.

    python experiments/patients.py

About 2 minutes of one core; a run that was cut goes on.
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

from genex_helpers import patients as case
from genex_helpers.patient_nets import run_repeat

NAME = "patients"
MODULES = (
    "datasets", "fusion", "patient_nets", "patients", "seeds", "survival", "training",
    "training_data",
)  # fmt: skip
CODE = [f"experiments/{NAME}.py", *(f"genex_helpers/{m}.py" for m in MODULES)]
DATA = ["data/adrenocortical.h5mu"]
KEY = hashlib.sha256(
    json.dumps([case.SETTINGS, sources_now(CODE, DATA)]).encode()
).hexdigest()
PARTS = ROOT / "_build" / "experiments" / NAME / KEY[:12]


def done(job: tuple[str, int]) -> str:
    """Do one repeat of one outcome; return the file of its table."""
    outcome, repeat = job
    file = PARTS / f"{outcome.replace(' ', '_')}-{repeat}.csv"
    if not file.exists():
        torch.set_num_threads(1)
        table = run_repeat(case.load_patients(), outcome, repeat)
        write_whole(file, table.to_csv(index=False))
    return str(file)


def main() -> None:
    PARTS.mkdir(parents=True, exist_ok=True)
    todo = [(outcome, n) for outcome in case.OUTCOMES for n in range(case.N_REPEATS)]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        files = list(tqdm(pool.map(done, todo), total=len(todo), desc=NAME))
    whole = pd.concat([pd.read_csv(file) for file in files], ignore_index=True)
    wide = whole.pivot(
        index=["outcome", "method", "patient"], columns="repeat", values="risk"
    )
    wide.columns = [f"repeat_{n}" for n in wide.columns]
    save(NAME, wide.reset_index(), command=f"python experiments/{NAME}.py",
         settings=case.SETTINGS, code=CODE, data=DATA)  # fmt: skip


if __name__ == "__main__":
    main()
