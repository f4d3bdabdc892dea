"""Attention over hours and over gene clusters on influenza: chapter 15's people.

Everything is fitted without the held-out pair: components, gene clusters, nets. The
settings are those of chapter 9, and hidden sizes give all nets nearly one number of
parameters; nothing was tuned. The claim, fixed before the run: with the eight
components, attention over time has a higher AUROC at 45 hours than the last state
(superiority, by more than ``DELTA``). The permuted labels are a control.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from torch.nn.functional import binary_cross_entropy_with_logits

from . import influenza
from .attention_nets import AttentionClassifier
from .datasets import interferon_genes
from .evaluation import pair_wins
from .seeds import seed_everything
from .splits import LeavePairOut
from .training import fit

Indices = NDArray[np.int64]

HOURS = 45.0
N_SEEDS, N_PERMUTED, N_MODULES = 3, 3, 12
LAST, EQUAL, TIME, MODULES = "last state", "equal weights", "time", "module × time"
NETS: dict[str, dict[str, Any]] = {
    LAST: {"hidden_size": 8, "pooling": "last"},
    EQUAL: {"hidden_size": 8, "pooling": "mean"},
    TIME: {"hidden_size": 7},
    MODULES: {"hidden_size": 5},
}
DELTA = influenza.DELTA
SETTINGS: dict[str, Any] = {
    "influenza": [HOURS, N_SEEDS, N_PERMUTED, N_MODULES, influenza.N_EPOCHS,
                  influenza.LEARNING_RATE],
    "nets": NETS,
    "delta": DELTA,
}  # fmt: skip


def gene_modules(x: NDArray[np.float32], seed: int = 0) -> Indices:
    """Return the number of each gene's cluster, by its course in these people.

    Each gene's values over all people and steps are centred and divided by their
    length, so that genes that rise and fall together are near (k-means).
    """
    courses = x.reshape(-1, x.shape[2]).T.astype(float)  # (gene, person * time)
    courses = courses - courses.mean(axis=1, keepdims=True)
    length = np.linalg.norm(courses, axis=1, keepdims=True)
    found = KMeans(N_MODULES, n_init=1, random_state=seed).fit(
        courses / np.maximum(length, 1e-9)
    )
    modules: Indices = found.labels_.astype(np.int64)
    return modules


def module_means(x: NDArray[np.float32], modules: Indices) -> NDArray[np.float32]:
    """Return the mean of each module's genes, ``(batch, time, module)``."""
    member = np.eye(modules.max() + 1)[modules]  # (gene, module)
    means: NDArray[np.float32] = (x @ (member / member.sum(axis=0))).astype(np.float32)
    return means


def inputs(
    name: str, x: NDArray[np.float32], train: Indices
) -> tuple[NDArray[np.float32], Indices | None]:
    """Return a net's inputs for all people, and the modules if it weighs them.

    What is fitted is fitted to ``train``. Module means are divided by the standard
    deviation of all training means.
    """
    if name != MODULES:
        return influenza.held_out_features(x, train), None
    modules = gene_modules(x[train])
    means = module_means(x, modules)
    return means / means[train].std(), modules


def trained(
    name: str, z: NDArray[np.float32], y: Indices, train: Indices, seed: int
) -> AttentionClassifier:
    """Return a net of ``NETS``, trained on ``train``; ``z`` is from :func:`inputs`."""
    seed_everything(seed)
    modules = list(range(z.shape[2])) if name == MODULES else None
    net = AttentionClassifier(z.shape[2], modules=modules, **NETS[name])
    fit(net, z[train], y[train, None].astype(np.float32),
        loss=binary_cross_entropy_with_logits, n_epochs=influenza.N_EPOCHS,
        learning_rate=influenza.LEARNING_RATE, seed=seed)  # fmt: skip
    net.eval()
    return net


def labellings(y: Indices) -> list[Indices]:
    """Return the true labels, and then permuted ones."""
    rng = np.random.default_rng(15)
    return [y, *(rng.permutation(y) for _ in range(N_PERMUTED))]


def run_net(name: str, labelling: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return wins of every pair and mean weights of held-out people.

    The first is ``labelling, model, ill, well, win``, averaged over seeds (one seed for
    permuted labels); the second ``labelling, model, seed, ill, what, place, weight``:
    ``hour`` and the step's number, or ``top module`` with the share of
    interferon-stimulated genes in it as weight (place 0) and over all genes (1).
    """
    x, true, sequences = influenza.series_and_labels(HOURS)
    y = labellings(true)[labelling]
    interferon = np.isin(sequences.genes, interferon_genes())
    wins: list[dict[str, Any]] = []
    weights: list[dict[str, Any]] = []
    for train, pair in LeavePairOut().split(x, y):
        z, modules = inputs(name, x, train)
        ill, well = pair if y[pair[0]] else pair[::-1]
        for seed in range(N_SEEDS if labelling == 0 else 1):
            net = trained(name, z, y, train, seed)
            with torch.no_grad():
                said = net.explain(torch.as_tensor(z[[ill, well]]))
            score = said.output[:, 0].numpy()
            wins.append({"ill": ill, "well": well,
                         "win": float(pair_wins(score[:1], score[1:])[0])})  # fmt: skip
            if said.time is not None:
                weights.extend(
                    {"seed": seed, "ill": 1 - row, "what": "hour", "place": step,
                     "weight": float(said.time[row, step])}
                    for row in (0, 1) for step in range(z.shape[1])
                )  # fmt: skip
            if said.gene is not None and modules is not None:
                top = int(said.gene.mean(0).argmax())
                weights.extend(
                    {"seed": seed, "ill": 1, "what": "top module", "place": place,
                     "weight": float(interferon[genes].mean())}
                    for place, genes in ((0, modules == top), (1, modules >= 0))
                )  # fmt: skip
    table = pd.DataFrame(wins).groupby(["ill", "well"])["win"].mean().reset_index()
    found = pd.DataFrame(weights)
    if len(found):
        keys = ["seed", "ill", "what", "place"]
        found = found.groupby(keys)["weight"].mean().reset_index()
    named: dict[str, Any] = {"labelling": labelling, "model": name}
    return table.assign(**named), found.assign(**named)
