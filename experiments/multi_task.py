"""One task against several: chapter 14's map, weightings and influenza tables.

    python experiments/multi_task.py

About 15 minutes of one core; a run that was cut goes on.
"""

from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pandas as pd
import torch
from store import ROOT, save, sources_now, write_whole
from tqdm import tqdm

from genex_helpers import influenza_tasks, related_tasks

NAME = "multi_task"
MODULES = (
    "datasets", "evaluation", "influenza", "influenza_tasks", "models", "multi_task",
    "preprocessing", "related_tasks", "seeds", "sequences", "splits", "stacked",
    "stacked_tasks", "stacked_training",
)  # fmt: skip
CODE = [f"experiments/{NAME}.py", *(f"genex_helpers/{m}.py" for m in MODULES)]
DATA = ["data/influenza_challenge.h5ad", "data/interferon_genes.csv"]
SETTINGS = {"related": related_tasks.SETTINGS, "influenza": influenza_tasks.SETTINGS}
KEY = hashlib.sha256(
    json.dumps([SETTINGS, sources_now(CODE, DATA)]).encode()
).hexdigest()
PARTS = ROOT / "_build" / "experiments" / NAME / KEY[:12]
SETS = range(related_tasks.N_SETS)
Job = tuple[str, tuple[Any, ...]]
TABLES = ("map", "weightings", "influenza", "influenza_auxiliary")


def jobs() -> list[Job]:
    """Return what is to be done: a table, and what of it."""
    case = related_tasks
    found: list[Job] = []
    for n in case.N_LABELS:
        found += [("map", ("ridge", n, 0, "", c)) for c in (None, *case.COSINES)]
        for size in case.HIDDEN_SIZES:
            found.append(("map", ("net", n, size, "", None)))
            found += [("map", ("net", n, size, counted, c)) for counted in case.COUNTED
                      for c in case.COSINES]  # fmt: skip
    found += [("weightings", (w, u)) for w in case.WEIGHTED for u in case.UNITS]
    found += [("influenza", (hours,)) for hours in influenza_tasks.HOURS_SEEN]
    return found


def done(job: Job) -> str:
    """Do one job; return the file of its table."""
    table, what = job
    file = PARTS / f"{table}-{'-'.join(map(str, what))}.csv".replace(" ", "_")
    if not file.exists():
        torch.set_num_threads(1)
        write_whole(file, computed(table, what).to_csv(index=False))
    return str(file)


def computed(table: str, what: tuple[Any, ...]) -> pd.DataFrame:
    if table == "map":
        return mapped(*what)
    if table == "weightings":
        weighted, unit = what
        found = related_tasks.unit_skills(SETS, weighted, unit)
        return found.assign(weighted=weighted, factor=unit)
    (hours,) = what
    case = influenza_tasks.influenza_case(hours)
    parts = [influenza_tasks.arm_answers(case, arm) for arm in influenza_tasks.ARMS]
    answers = pd.concat([*parts, influenza_tasks.baseline_answers(case)])
    return answers.assign(hours=hours)


def mapped(
    model: str, n: int, size: int, counted: str, cosine: float | None
) -> pd.DataFrame:
    """Return the skills of one cell of the map; no cosine means the main task alone."""
    if model == "ridge":
        found = related_tasks.ridge_skills(SETS, n, cosine)
    else:
        weights = None
        if cosine is not None:
            weights = related_tasks.loss_weights(counted, n)
        found = related_tasks.net_skills(SETS, n, size, cosine, weights=weights)
    return found.assign(model=model, n=n, hidden_size=size, counted=counted,
                        cosine=cosine)  # fmt: skip


def main() -> None:
    PARTS.mkdir(parents=True, exist_ok=True)
    todo = jobs()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        files = list(tqdm(pool.map(done, todo), total=len(todo), desc=NAME))
    whole = {}
    for table in ("map", "weightings", "influenza"):
        parts = [f for f, job in zip(files, todo, strict=True) if job[0] == table]
        whole[table] = pd.concat([pd.read_csv(part) for part in parts])
    by_hours = list(whole["influenza"].groupby("hours"))
    whole["influenza_auxiliary"] = pd.concat(
        [influenza_tasks.auxiliary_table(t).assign(hours=h) for h, t in by_hours]
    )
    whole["influenza"] = pd.concat(
        [influenza_tasks.pair_table(t).assign(hours=h) for h, t in by_hours]
    )
    for table in TABLES:
        save(f"{NAME}_{table}", whole[table], command=f"python experiments/{NAME}.py",
             settings=SETTINGS, code=CODE, data=DATA)  # fmt: skip


if __name__ == "__main__":
    main()
