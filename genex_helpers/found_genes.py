"""Which genes do nets find in the influenza challenge, and are they to be believed?

For chapter 17b. GRUs read genes, not components, up to 45 h after exposure: either the
changes from each person's first sample or the levels themselves. Of the 4147 genes each
fold takes the 200 that vary most among its training people; labels have no part in it.
Settings and claims were fixed before the first run, which ranked genes by the sizes of
their maps. The contrasts, and the maps of nets with permuted labels, were added after
that run and a trial with twelve labellings, and before the run that is stored.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch.nn.functional import binary_cross_entropy_with_logits

from .influenza import series_and_labels
from .interpretation import integrated_gradients, outputs
from .many import fit_many
from .models import RecurrentClassifier
from .preprocessing import fill_forward

Floats = NDArray[np.float64]
HOURS_SEEN = 45.0
N_GENES, HIDDEN_SIZE, N_EPOCHS, LEARNING_RATE = 200, 8, 40, 0.01
SEEDS = (0, 1, 2)
N_PERMUTED = 39
KINDS = ("changes", "levels")
TOP = 50
DIFFERED = 0.4  # distance of an AUROC before exposure from one half
DELTA_AUROC, DELTA_SHARE = 0.05, 0.05
SETTINGS: dict[str, Any] = {
    "hours_seen": HOURS_SEEN,
    "net": [N_GENES, HIDDEN_SIZE, N_EPOCHS, LEARNING_RATE],
    "seeds": list(SEEDS),
    "permuted": N_PERMUTED,
    "top": TOP,
    "differed": DIFFERED,
    "delta": [DELTA_AUROC, DELTA_SHARE],
    "claims": [
        "changes predict better than levels (AUROC, pairs)",
        "changes put more of the map on interferon genes than levels (share, people)",
        "levels put more of it on genes that differed before exposure (share, people)",
    ],
}


class People(NamedTuple):
    """The challenge up to 45 h: inputs of each kind, labels, genes, and first samples.

    ``inputs[kind]`` and ``before`` are ``(17, time, gene)`` and ``(17, gene)``.
    """

    inputs: dict[str, NDArray[np.float32]]
    y: NDArray[np.int64]
    genes: NDArray[np.str_]
    before: Floats


class LeftOut(NamedTuple):
    """Maps of the ill and the well person left out of each fold.

    ``sizes`` and ``signed`` are integrated gradients summed over time, ``(fold, 2,
    gene)`` of all genes, 0 for those not chosen; ``logits`` is ``(fold, 2)``.
    """

    sizes: Floats
    signed: Floats
    logits: Floats


def people() -> People:
    """Return the volunteers of the challenge."""
    changes, y, sequences = series_and_labels(HOURS_SEEN)
    levels = fill_forward(sequences.values, sequences.mask)[:, : changes.shape[1]]
    inputs = {"changes": changes, "levels": levels.astype(np.float32)}
    return People(inputs, y, sequences.genes, levels[:, 0].astype(float))


def chosen_genes(x: NDArray[Any], train: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the genes that vary most over people and times of training, sorted."""
    spread = x[train].var(axis=(0, 1))
    found: NDArray[np.int64] = np.sort(np.argsort(-spread, kind="stable")[:N_GENES])
    return found


def standardised(
    x: NDArray[Any], train: NDArray[np.int64], kind: str
) -> NDArray[np.float32]:
    """Return inputs over the training spread of each gene; levels are centred, too.

    Changes keep their zero: it means that nothing happened.
    """
    mean, spread = x[train].mean(axis=(0, 1)), x[train].std(axis=(0, 1))
    centre = mean if kind == "levels" else 0.0
    scaled: NDArray[np.float32] = ((x - centre) / spread).astype(np.float32)
    return scaled


def pair_folds(y: NDArray[np.int64], every: bool = True) -> list[tuple[Any, Any]]:
    """Return ``(train, test)`` rows, one ill and one well person left out.

    ``every=False`` gives the eight pairs in which each person comes up once at most.
    """
    ill, well = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    if every:
        pairs = [(i, j) for i in ill for j in well]
    else:
        pairs = list(zip(ill, well, strict=False))
    rows = np.arange(len(y))
    return [(np.setdiff1d(rows, pair), np.array(pair)) for pair in pairs]


def maps_of_left_out(
    group: People,
    kind: str,
    folds: list[tuple[Any, Any]],
    seed: int,
    y: NDArray[np.int64] | None = None,
) -> LeftOut:
    """Train a net a fold, and explain the two people left out of it.

    The baseline is zero, which means no change, or the mean level; ``y`` are other
    labels to train on.
    """
    import torch

    labels = group.y if y is None else y
    x = group.inputs[kind]
    genes, inputs, nets = [], [], []
    for number, (train, _) in enumerate(folds):
        own = chosen_genes(x, train)
        genes.append(own)
        inputs.append(standardised(x[:, :, own], train, kind))
        torch.manual_seed(1000 * seed + number)
        nets.append(RecurrentClassifier(N_GENES, HIDDEN_SIZE))
    fit_many(
        nets,
        [z[train] for z, (train, _) in zip(inputs, folds, strict=True)],
        [labels[train, None].astype(np.float32) for train, _ in folds],
        loss=binary_cross_entropy_with_logits,
        n_epochs=N_EPOCHS,
        learning_rate=LEARNING_RATE,
        seeds=seed,
    )
    sizes, signed = np.zeros((2, len(folds), 2, x.shape[2]))
    logits = np.zeros((len(folds), 2))
    for number, (_, test) in enumerate(folds):
        left_out = inputs[number][test]
        found = integrated_gradients(nets[number], left_out, n_points=16)
        sizes[number][:, genes[number]] = found.by_gene()
        signed[number][:, genes[number]] = found.values.sum(axis=1)
        logits[number] = outputs(nets[number], left_out)
    return LeftOut(sizes, signed, logits)


def contrast(signed: Floats) -> Floats:
    """Return what each gene adds to telling ill from well, ``(gene,)``.

    The mean over folds of the ill person's values less the well one's, in logits.
    """
    difference: Floats = (signed[:, 0] - signed[:, 1]).mean(axis=0)
    return difference


def by_person(maps: Floats, folds: list[tuple[Any, Any]], n_people: int) -> Floats:
    """Return each person's mean map over the folds without them, ``(person, gene)``.

    Each map is divided by its sum first, so that a sure net does not count more.
    """
    total, count = np.zeros((n_people, maps.shape[2])), np.zeros((n_people, 1))
    for found, (_, test) in zip(maps, folds, strict=True):
        total[test] += found / found.sum(axis=1, keepdims=True)
        count[test] += 1
    mean: Floats = total / np.maximum(count, 1)
    return mean


def aurocs(values: NDArray[Any], y: NDArray[np.int64]) -> Floats:
    """Return the AUROC of each gene, ``(gene,)``, of ``(person, gene)``."""
    ranks = rankdata(values, axis=0)[y == 1].sum(axis=0)
    n_ill = int(y.sum())
    found: Floats = (ranks - n_ill * (n_ill + 1) / 2) / (n_ill * (len(y) - n_ill))
    return found


def rivals(group: People, kind: str = "changes") -> dict[str, Floats]:
    """Return scores of all genes that need no net, ``(gene,)`` each.

    ``variance`` knows no labels; ``difference`` is the t statistic of the last hour;
    ``logistic`` and ``forest`` see the chosen genes at all hours.
    """
    from scipy.stats import ttest_ind
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression

    x, y, everyone = group.inputs[kind], group.y, np.arange(len(group.y))
    own = chosen_genes(x, everyone)
    z = standardised(x[:, :, own], everyone, kind)  # (17, time, 200)
    flat = z.reshape(len(z), -1)
    weights = LogisticRegression(max_iter=2000).fit(flat, y).coef_.reshape(z.shape[1:])
    forest = RandomForestClassifier(2000, random_state=0).fit(flat, y)
    gains = forest.feature_importances_.reshape(z.shape[1:])
    t = ttest_ind(x[y == 1, -1], x[y == 0, -1]).statistic
    scores = {"variance": x.var(axis=(0, 1)).astype(float), "difference": np.abs(t)}
    for name, values in (
        ("logistic", np.abs(weights * z).sum(axis=1).mean(axis=0)),
        ("forest", gains.sum(axis=0)),
    ):
        scores[name] = np.zeros(x.shape[2])
        scores[name][own] = values
    return scores


def top_genes(scores: NDArray[Any], n: int = TOP) -> NDArray[np.int64]:
    """Return the ``n`` genes with the largest scores, the largest first."""
    found: NDArray[np.int64] = np.argsort(-np.asarray(scores), kind="stable")[:n]
    return found
