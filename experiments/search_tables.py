"""Every setting of a small space, trained once; and searches replayed on the tables.

    python experiments/search_tables.py

Chapter 10b shows the tables: validation courses and test scores of 240 settings on ten
draws of yeast genes, and what grid, random and Bayesian search find there, twenty times
each. About twelve minutes of one core; a run that was cut goes on.
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

from genex_helpers import search_tables as st

NAME = "search_tables"
TRIALS_SHOWN = (1, 2, 5, 10, 20, st.N_TRIALS)
MODULES = (
    "calibration", "datasets", "many", "models", "search_tables", "splits", "stacked",
    "stacked_training", "training", "training_data", "yeast",
)  # fmt: skip
CODE = [f"experiments/{NAME}.py", *(f"genex_helpers/{m}.py" for m in MODULES)]
DATA = ["data/yeast_cell_cycle.h5ad"]
KEY = hashlib.sha256(json.dumps([st.SETTINGS, sources_now(CODE, DATA)]).encode())
PARTS = ROOT / "_build" / "experiments" / NAME / KEY.hexdigest()[:12]


def make_table(table: int) -> str:
    """Store every setting's losses on one draw of genes."""
    file = PARTS / f"table-{table}.csv"
    if not file.exists():
        torch.set_num_threads(1)
        write_whole(file, st.train_all(table).to_csv(index=False))
    return str(file)


def replay(file: str) -> pd.DataFrame:
    """Return what each search has found on a table after some trials, each repeat."""
    rows = pd.read_csv(file).sort_values("setting")
    validation = rows[f"validation_{st.N_EPOCHS}"].to_numpy()
    test, found = rows["test"].to_numpy(), []
    for name in st.SEARCHES:
        for repeat in range(st.N_REPEATS):
            tried = st.search(name, validation, repeat)
            best = st.best_so_far(validation, tried)
            found += [
                {"table": rows["table"].iloc[0], "search": name, "repeat": repeat,
                 "trials": n, "validation": validation[best[n - 1]],
                 "test": test[best[n - 1]], "different": len(set(tried[:n]))}
                for n in TRIALS_SHOWN
            ]  # fmt: skip
    return pd.DataFrame(found)


def main() -> None:
    PARTS.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        work = tqdm(pool.map(make_table, st.TABLES), total=len(st.TABLES), desc=NAME)
        files = list(work)
        searches = list(tqdm(pool.map(replay, files), total=len(files), desc="replay"))
    tables = {
        "search_tables": pd.concat(map(pd.read_csv, files), ignore_index=True),
        "search_repeats": pd.concat(searches, ignore_index=True),
    }
    for name, table in tables.items():
        save(name, table, command=f"python experiments/{NAME}.py",
             settings=st.SETTINGS, code=CODE, data=DATA)  # fmt: skip


if __name__ == "__main__":
    main()
