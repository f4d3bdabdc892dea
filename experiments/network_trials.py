"""Edges and forecasts of simulated networks, and of small motifs: chapter 18's tables.

    python experiments/network_trials.py

About nine minutes of one core; a run that was cut goes on.
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

from genex_helpers import network_motifs
from genex_helpers import network_trials as case

NAME = "network_trials"
MODULES = (
    "masking", "models", "network_motifs", "network_nets", "network_scores",
    "network_trials", "networks_from_series", "simulator/arguments",
    "simulator/kinetics", "simulator/networks", "simulator/perturbations",
    "simulator/regulation", "simulator/simulation", "training", "training_data",
)  # fmt: skip
CODE = [f"experiments/{NAME}.py", *(f"genex_helpers/{m}.py" for m in MODULES)]
KEY = hashlib.sha256(
    json.dumps([case.SETTINGS, sources_now(CODE, [])]).encode()
).hexdigest()
PARTS = ROOT / "_build" / "experiments" / NAME / KEY[:12]
Job = tuple[str, int, int, str]


def jobs() -> list[Job]:
    """Return what is to be done: table, genes, number, and a word; longest first."""
    edges = [
        ("edges", n_genes, k, design)
        for n_genes in (100, 10)
        for k in range(case.N_NETWORKS[n_genes])
        for design in case.DESIGNS
    ]
    motifs = [("motifs", 0, k, name) for name in network_motifs.CASES
              for k in range(case.N_MOTIF_SETS)]  # fmt: skip
    return [*edges, *motifs]


def done(job: Job) -> str:
    """Do one job; return the file of its table."""
    table, n_genes, number, word = job
    words = word.replace(" ", "_").replace(",", "")
    file = PARTS / f"{table}-{n_genes}-{number}-{words}.csv"
    if not file.exists():
        torch.set_num_threads(1)
        found = (
            case.trial(n_genes, number, word)
            if table == "edges"
            else case.motif_trial(word, number)
        )
        write_whole(file, found.to_csv(index=False))
    return str(file)


def main() -> None:
    PARTS.mkdir(parents=True, exist_ok=True)
    todo = jobs()
    with ProcessPoolExecutor(int(os.environ.get("JOBS", os.cpu_count() or 1))) as pool:
        files = list(tqdm(pool.map(done, todo), total=len(todo), desc=NAME))
    for table in ("edges", "motifs"):
        parts = [f for f, job in zip(files, todo, strict=True) if job[0] == table]
        whole = pd.concat([pd.read_csv(part) for part in parts], ignore_index=True)
        save(f"network_{table}", whole, command=f"python experiments/{NAME}.py",
             settings=case.SETTINGS, code=CODE, data=[])  # fmt: skip


if __name__ == "__main__":
    main()
