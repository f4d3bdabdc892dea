"""Maps of nets that learned, and of nets that did not: chapter 17b's first table.

    python experiments/map_sanity.py

About 3 minutes of one core; a run that was cut goes on.
"""

from __future__ import annotations

import hashlib
import json

import pandas as pd
import torch
from store import ROOT, save, sources_now, write_whole
from tqdm import tqdm

from genex_helpers import map_sanity as case

NAME = "map_sanity"
MODULES = (
    "attribution_tests", "coalitions", "driver_waves", "interpretation", "map_sanity",
    "models", "training", "training_data",
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
            write_whole(file, case.compared_set(number).to_csv(index=False))
    whole = pd.concat([pd.read_csv(file) for file in files], ignore_index=True)
    save(NAME, whole, command=f"python experiments/{NAME}.py", settings=case.SETTINGS,
         code=CODE, data=[])  # fmt: skip


if __name__ == "__main__":
    main()
