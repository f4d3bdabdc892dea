"""Maps of many methods and nets, scored against what was put in: chapter 17's table.

    python experiments/driver_waves.py

About 8 minutes of one core; a run that was cut goes on.
"""

from __future__ import annotations

import hashlib
import json

import pandas as pd
import torch
from store import ROOT, save, sources_now, write_whole
from tqdm import tqdm

from genex_helpers import driver_waves as case

NAME = "driver_waves"
MODULES = (
    "attribution_tests", "coalitions", "driver_waves", "interpretation", "models",
    "training", "training_data",
)  # fmt: skip
CODE = [f"experiments/{NAME}.py", *(f"genex_helpers/{m}.py" for m in MODULES)]
KEY = hashlib.sha256(
    json.dumps([case.SETTINGS, sources_now(CODE, [])]).encode()
).hexdigest()
PARTS = ROOT / "_build" / "experiments" / NAME / KEY[:12]


def main() -> None:
    PARTS.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    files = [PARTS / f"set-{number}.csv" for number in range(case.N_SETS)]
    for number, file in enumerate(tqdm(files, desc=NAME)):
        if not file.exists():
            write_whole(file, case.scored_set(number).to_csv(index=False))
    whole = pd.concat([pd.read_csv(file) for file in files], ignore_index=True)
    save(NAME, whole, command=f"python experiments/{NAME}.py", settings=case.SETTINGS,
         code=CODE, data=[])  # fmt: skip


if __name__ == "__main__":
    main()
