"""The genes that nets find in the influenza challenge: chapter 17b's other tables.

    python experiments/found_genes.py

About 3 minutes of one core; a run that was cut goes on.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from store import ROOT, save, sources_now, write_whole
from tqdm import tqdm

from genex_helpers import found_genes as case
from genex_helpers.datasets import interferon_genes

NAME = "found_genes"
MODULES = (
    "datasets", "found_genes", "influenza", "interpretation", "many", "models",
    "preprocessing", "sequences", "stacked_training", "training_data",
)  # fmt: skip
CODE = [f"experiments/{NAME}.py", *(f"genex_helpers/{m}.py" for m in MODULES)]
DATA = ["data/influenza_challenge.h5ad", "data/interferon_genes.csv"]
KEY = hashlib.sha256(
    json.dumps([case.SETTINGS, sources_now(CODE, DATA)]).encode()
).hexdigest()
PARTS = ROOT / "_build" / "experiments" / NAME / KEY[:12]


def true_labels(group: case.People, kind: str, seed: int, file: Path) -> None:
    """Store maps of each person left out, and the logits of each pair."""
    folds = case.pair_folds(group.y)
    maps, logits = case.maps_of_left_out(group, kind, folds, seed)
    people = case.by_person(maps, folds, len(group.y))
    pairs = pd.DataFrame([test for _, test in folds], columns=["ill", "well"])
    pairs["win"] = (logits[:, 0] > logits[:, 1]) + 0.5 * (logits[:, 0] == logits[:, 1])
    few = case.pair_folds(group.y, every=False)
    own, _ = case.maps_of_left_out(group, kind, few, seed)
    eight = case.by_person(own, few, len(group.y)).sum(axis=0)
    write_whole(file.with_suffix(".pairs"), pairs.to_csv(index=False))
    write_whole(file.with_suffix(".eight"), pd.Series(eight).to_csv(index=False))
    np.save(file, people)


def permuted(group: case.People, kind: str, number: int, isg: NDArray[np.bool_]) -> int:
    """Return how many of the top genes are interferon genes, with permuted labels."""
    y = np.random.default_rng([19, number]).permutation(group.y)
    folds = case.pair_folds(y, every=False)
    maps, _ = case.maps_of_left_out(group, kind, folds, number, y)
    scores = case.by_person(maps, folds, len(y)).sum(axis=0)
    return int(isg[case.top_genes(scores)].sum())


def main() -> None:
    PARTS.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    group = case.people()
    isg = np.isin(group.genes, interferon_genes())
    differed = np.abs(case.aurocs(group.before, group.y) - 0.5) >= case.DIFFERED
    genes = pd.DataFrame({"gene": group.genes, "interferon": isg.astype(int)})
    genes["before"] = case.aurocs(group.before, group.y)
    pairs, shares, null = [], [], []
    for kind in case.KINDS:
        total = np.zeros(len(genes))
        for seed in case.SEEDS:
            file = PARTS / f"{kind}-{seed}.npy"
            if not file.exists():
                true_labels(group, kind, seed, file)
            people = np.load(file)
            total += people.sum(axis=0) / len(people) / len(case.SEEDS)
            genes[f"{kind}, seed {seed}"] = people.mean(axis=0)
            one = pd.read_csv(file.with_suffix(".pairs"))
            pairs.append(one.assign(kind=kind, seed=seed))
            shares.append(pd.DataFrame({
                "kind": kind, "seed": seed, "person": np.arange(len(people)),
                "interferon": people[:, isg].sum(axis=1),
                "differed": people[:, differed].sum(axis=1),
            }))  # fmt: skip
        genes[kind] = total
        eight = pd.read_csv((PARTS / f"{kind}-0.npy").with_suffix(".eight"))
        true = int(isg[case.top_genes(eight.iloc[:, 0].to_numpy())].sum())
        null.append({"kind": kind, "labelling": 0, "interferon_in_top": true})
        file = PARTS / f"{kind}-null.csv"
        if not file.exists():
            bar = tqdm(range(1, case.N_PERMUTED + 1), desc=kind)
            counts = [permuted(group, kind, number, isg) for number in bar]
            write_whole(file, pd.Series(counts, name="n").to_csv(index=False))
        for number, count in enumerate(pd.read_csv(file)["n"], start=1):
            null.append({"kind": kind, "labelling": number, "interferon_in_top": count})
    for name, scores in case.rivals(group).items():
        genes[name] = scores
    ever = (genes[list(case.KINDS)] > 0).any(axis=1)  # what some fold chose
    for part, whole in (
        ("genes", genes[ever]), ("pairs", pd.concat(pairs)),
        ("shares", pd.concat(shares)), ("null", pd.DataFrame(null)),
    ):  # fmt: skip
        save(f"{NAME}_{part}", whole.reset_index(drop=True),
             command=f"python experiments/{NAME}.py", settings=case.SETTINGS,
             code=CODE, data=DATA)  # fmt: skip


if __name__ == "__main__":
    main()
