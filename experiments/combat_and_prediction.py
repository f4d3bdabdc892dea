"""Does ComBat help a classifier, and what does it do to group differences?

    python experiments/combat_and_prediction.py

Simulated studies of two groups in two batches, from balanced to nearly confounded, with
and without a true difference. Chapter 7 plots the table and recomputes a slice. The
settings, the smallest differences that matter and the questions stand in
``genex_helpers/batch_sets.py``, and were fixed before the run, after a pilot on other
sets. Takes two to seven minutes on one core; a run that was cut goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pandas as pd
from store import ROOT, save, sources_now, write_whole
from tqdm import tqdm

from genex_helpers import batch_sets as sets

NAME = "combat_and_prediction"
MODULES = ("batches", "batch_sets", "combat")
CODE = [f"experiments/{NAME}.py", *(f"genex_helpers/{m}.py" for m in MODULES)]
HOW: dict[str, Any] = {
    "sets": len(sets.SETS),
    "mixes": list(sets.MIXES),
    "people in each batch": sets.PER_BATCH,
    "new people": sets.N_NEW,
    "genes": sets.N_GENES,
    "share with effect": sets.SHARE_WITH_EFFECT,
    "effect": sets.EFFECT,
    "shift spread": sets.SHIFT_SPREAD,
    "scale spread": sets.SCALE_SPREAD,
    "penalty": sets.PENALTY,
    "delta": sets.DELTA,
}
KEY = hashlib.sha256(json.dumps([HOW, sources_now(CODE, [])]).encode()).hexdigest()
PARTS = ROOT / "_build" / "experiments" / NAME / KEY[:12]


def run_set(number: int) -> Path:
    """Estimate and predict in one set, at every mix; store the rows."""
    part = PARTS / f"{number}.csv"
    if part.exists():
        return part
    rows: list[dict[str, Any]] = []
    for mix in sets.MIXES:
        for effect in (sets.EFFECT, 0.0):
            data = sets.draw_batch_set(mix, number, effect)
            where = {"set": number, "mix": mix, "effect": effect > 0}
            for found in sets.estimate_rows(data):
                arm = found.pop("arm")
                rows += [where | {"arm": arm, "quantity": q, "value": v}
                         for q, v in found.items()]  # fmt: skip
            for arm in sets.ARMS:
                scores = {"within the study": sets.cross_validated(data, arm, number)}
                if "everything" not in arm:
                    scores["new people"] = sets.on_new_people(data, arm)
                rows += [where | {"arm": arm, "quantity": q, "value": v}
                         for q, v in scores.items()]  # fmt: skip
    write_whole(part, pd.DataFrame(rows).to_csv(index=False))
    return part


def main() -> None:
    PARTS.mkdir(parents=True, exist_ok=True)
    parts = [run_set(number) for number in tqdm(sets.SETS, unit="set")]
    table = pd.concat([pd.read_csv(p) for p in parts], ignore_index=True)
    command = f"python experiments/{NAME}.py"
    save(NAME, table, command=command, settings=HOW, code=CODE, data=[])
    print(f"{NAME}: {len(table)} rows")


if __name__ == "__main__":
    main()
