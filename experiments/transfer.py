"""Transfer between simulated tasks, and between yeast experiments.

    python experiments/transfer.py

Chapter 13 shows the tables: the test accuracy of every arm on every simulated set; and
for two target experiments, on two scales of time, how many test genes of each cluster
every arm puts into the right phase. About 5 minutes of one core; a run that was cut
goes on.
"""

from __future__ import annotations

import hashlib
import json

import pandas as pd
import torch
from store import ROOT, save, sources_now, write_whole
from tqdm import tqdm

from genex_helpers import transfer_trials as trials

NAME = "transfer"
MODULES = (
    "alignment", "datasets", "many", "models", "splits", "stacked", "stacked_training",
    "training", "training_data", "transfer", "transfer_sets", "transfer_trials",
    "yeast",
)  # fmt: skip
CODE = [f"experiments/{NAME}.py", *(f"genex_helpers/{m}.py" for m in MODULES)]
DATA = ["data/yeast_cell_cycle.h5ad"]
KEY = hashlib.sha256(
    json.dumps([trials.SETTINGS, sources_now(CODE, DATA)]).encode()
).hexdigest()
PARTS = ROOT / "_build" / "experiments" / NAME / KEY[:12]
STEP = 4  # simulated sets a job


def computed(job: tuple[str, str]) -> pd.DataFrame:
    """Return the table of one job: some simulated sets, or a target on a scale."""
    kind, what = job
    if kind == "simulated":
        return trials.simulated_scores(range(int(what), int(what) + STEP))
    return trials.yeast_scores(kind, what)


def wide(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each cluster and a column for each arm: a tenth of the size."""
    named = table.assign(arm=table["source"] + ": " + table["arm"])
    keys = ["target", "scale", "n", "fold", "unit", "n_series"]
    return named.pivot(index=keys, columns="arm", values="hits").reset_index()


def main() -> None:
    torch.set_num_threads(1)
    PARTS.mkdir(parents=True, exist_ok=True)
    jobs = [("simulated", str(s)) for s in range(0, trials.N_SETS, STEP)]
    jobs += list(trials.JOBS)
    for kind, what in tqdm(jobs, desc=NAME):
        file = PARTS / f"{kind}-{what}.csv".replace(" ", "_")
        if not file.exists():
            write_whole(file, computed((kind, what)).to_csv(index=False))
    for table, among in (("simulated", jobs[: -len(trials.JOBS)]),
                         ("yeast", trials.JOBS)):  # fmt: skip
        files = [PARTS / f"{k}-{w}.csv".replace(" ", "_") for k, w in among]
        whole = pd.concat([pd.read_csv(file) for file in files], ignore_index=True)
        whole = wide(whole) if table == "yeast" else whole
        save(f"{NAME}_{table}", whole, command=f"python experiments/{NAME}.py",
             settings=trials.SETTINGS, code=CODE, data=DATA)  # fmt: skip


if __name__ == "__main__":
    main()
