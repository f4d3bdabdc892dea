"""With and without each person's own first sample: who falls ill, and in what state?

    python experiments/own_baseline.py

Chapter 5 shows the tables: for every hour the held-out scores of every pair of people,
the AUROC at hour 0 under permuted labels, and the error of three states of a sample.
Fixed before the first run: own baseline against as measured, (a) the mean AUROC over
the fourteen later hours, superiority by 0.05; (b) the error of the states, lower by
0.05, in a mean over people. Takes some minutes; a run that was cut goes on.
"""

from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from store import ROOT, save, sources_now, write_whole
from tqdm import tqdm

from genex_helpers import own_baseline as ob
from genex_helpers.evaluation import pair_wins
from genex_helpers.splits import LeavePairOut

NAME = "own_baseline"
N_PERMUTATIONS = 100
MODULES = ("datasets", "evaluation", "own_baseline", "preprocessing", "sequences",
           "splits", "times")  # fmt: skip
CODE = [f"experiments/{NAME}.py", *(f"genex_helpers/{m}.py" for m in MODULES)]
DATA = ["data/influenza_challenge.h5ad"]
HOW = ob.SETTINGS | {"permutations": N_PERMUTATIONS}
KEY = hashlib.sha256(json.dumps([HOW, sources_now(CODE, DATA)]).encode()).hexdigest()
PARTS = ROOT / "_build" / "experiments" / NAME / KEY[:12]


def score_hour(step: int) -> Path:
    """Store the scores of every held-out pair, from the samples of one hour."""
    part = PARTS / f"hour-{step}.csv"
    if not part.exists():
        series, y, sequences = ob.series_on_both_scales()
        pairs = np.array([pair for _, pair in LeavePairOut().split(y, y)])
        tables = []
        for scale in ob.SCALES[: 1 if step == 0 else 2]:  # hour 0 is its own baseline
            scores = ob.pair_scores(series[scale][:, step], y)
            table = pd.DataFrame(pairs, columns=["ill", "well"])
            table.insert(0, "scale", scale)
            table.insert(0, "hour", sequences.times[step])
            table[["ill_score", "well_score"]] = scores
            tables.append(table)
        write_whole(part, pd.concat(tables).to_csv(index=False))
    return part


def score_permutation(number: int) -> Path:
    """Store the AUROC of the samples before the virus, under permuted labels."""
    part = PARTS / f"permutation-{number}.csv"
    if not part.exists():
        series, y, _ = ob.series_on_both_scales()
        labels = np.random.default_rng([0, number]).permutation(y)
        scores = ob.pair_scores(series["as measured"][:, 0], labels)
        auroc = float(pair_wins(scores[:, 0], scores[:, 1]).mean())
        row = pd.DataFrame([{"permutation": number, "auroc": auroc}])
        write_whole(part, row.to_csv(index=False))
    return part


def score_states(pair: tuple[int, int]) -> Path:
    """Store the error of the states of two held-out people's samples."""
    part = PARTS / f"states-{pair[0]}-{pair[1]}.csv"
    if not part.exists():
        series, y, sequences = ob.series_on_both_scales()
        rows = []
        for scale in ob.SCALES:
            errors = ob.state_errors(series[scale], y, sequences.times, np.array(pair))
            rows.append({"scale": scale, "ill": pair[0], "well": pair[1],
                         "ill_error": errors[0], "well_error": errors[1]})  # fmt: skip
        write_whole(part, pd.DataFrame(rows).to_csv(index=False))
    return part


def main() -> None:
    PARTS.mkdir(parents=True, exist_ok=True)
    _, y, sequences = ob.series_on_both_scales()
    pairs = [tuple(int(p) for p in pair) for _, pair in LeavePairOut().split(y, y)]
    jobs = (
        (NAME, score_hour, range(len(sequences.times))),
        (f"{NAME}_states", score_states, pairs),
        (f"{NAME}_permuted", score_permutation, range(N_PERMUTATIONS)),
    )
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for name, work, tasks in jobs:
            parts = list(tqdm(pool.map(work, tasks), total=len(tasks), desc=name))
            table = pd.concat([pd.read_csv(p) for p in parts], ignore_index=True)
            save(name, table, command=f"python experiments/{NAME}.py", settings=HOW,
                 code=CODE, data=DATA)  # fmt: skip


if __name__ == "__main__":
    main()
