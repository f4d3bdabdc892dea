"""The genes that nets find in the influenza challenge: chapter 17b's other tables.

    python experiments/found_genes.py

About 4 minutes of one core; a run that was cut goes on.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr
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


def scores(found: case.LeftOut, folds: list[Any], n_people: int) -> NDArray[Any]:
    """Return each gene's mean size over people and its contrast, (2, gene)."""
    sizes = case.by_person(found.sizes, folds, n_people).mean(axis=0)
    return np.stack([sizes, case.contrast(found.signed)])


def true_labels(group: case.People, kind: str, seed: int, file: Path) -> None:
    """Store the maps of each person left out, contrasts, and who won in each pair."""
    folds = case.pair_folds(group.y)
    found = case.maps_of_left_out(group, kind, folds, seed)
    pairs = pd.DataFrame([test for _, test in folds], columns=["ill", "well"])
    ill, well = found.logits.T
    pairs["win"] = (ill > well) + 0.5 * (ill == well)
    write_whole(file.with_suffix(".pairs"), pairs.to_csv(index=False))
    people = case.by_person(found.sizes, folds, len(group.y))
    np.save(file, np.vstack([people, case.contrast(found.signed)]))


def permuted(group: case.People, kind: str, number: int) -> NDArray[Any]:
    """Return sizes and contrasts with permuted labels, (2, gene)."""
    y = np.random.default_rng([19, number]).permutation(group.y)
    folds = case.pair_folds(y)
    found = case.maps_of_left_out(group, kind, folds, seed=number, y=y)
    return scores(found, folds, len(y))


def main() -> None:
    PARTS.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    group = case.people()
    isg = np.isin(group.genes, interferon_genes())
    before = case.aurocs(group.before, group.y)
    differed = np.abs(before - 0.5) >= case.DIFFERED
    genes = pd.DataFrame(
        {"gene": group.genes, "interferon": isg.astype(int), "before": before}
    )
    pairs, shares, null = [], [], []
    for kind in case.KINDS:
        by_seed = []
        for seed in case.SEEDS:
            file = PARTS / f"{kind}-{seed}.npy"
            if not file.exists():
                true_labels(group, kind, seed, file)
            *people, contrast = np.load(file)
            sizes = np.array(people)  # (person, gene)
            by_seed.append(np.stack([sizes.mean(axis=0), contrast]))
            one = pd.read_csv(file.with_suffix(".pairs"))
            pairs.append(one.assign(kind=kind, seed=seed))
            shares.append(pd.DataFrame({
                "kind": kind, "seed": seed, "person": np.arange(len(people)),
                "interferon": sizes[:, isg].sum(axis=1),
                "differed": sizes[:, differed].sum(axis=1),
            }))  # fmt: skip
        for place, way in enumerate(("size", "contrast")):
            for seed, found in zip(case.SEEDS, by_seed, strict=True):
                genes[f"{kind}, {way}, seed {seed}"] = found[place]
        labellings = [by_seed[0]]
        for number in tqdm(range(1, case.N_PERMUTED + 1), desc=kind):
            file = PARTS / f"{kind}-permuted-{number}.npy"
            if not file.exists():
                np.save(file, permuted(group, kind, number))
            labellings.append(np.load(file))
        for number, found in enumerate(labellings):
            for place, way in enumerate(("size", "contrast")):
                both = (found[0] > 0) & (by_seed[0][0] > 0)
                own, other = found[place], by_seed[0][place]
                null.append({
                    "kind": kind, "way": way, "labelling": number,
                    "interferon_in_top": int(isg[case.top_genes(own)].sum()),
                    "like_true": spearmanr(own[both], other[both])[0],
                })  # fmt: skip
    for name, values in case.rivals(group).items():
        genes[name] = values
    sized = [f"{kind}, size, seed {case.SEEDS[0]}" for kind in case.KINDS]
    ever = (genes[sized] > 0).any(axis=1)  # what some fold chose
    for part, whole in (
        ("genes", genes[ever]), ("pairs", pd.concat(pairs)),
        ("shares", pd.concat(shares)), ("null", pd.DataFrame(null)),
    ):  # fmt: skip
        save(f"{NAME}_{part}", whole.reset_index(drop=True),
             command=f"python experiments/{NAME}.py", settings=case.SETTINGS,
             code=CODE, data=DATA)  # fmt: skip


if __name__ == "__main__":
    main()
