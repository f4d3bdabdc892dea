"""The book's second running case: in which phase of the cell cycle does a gene peak?

Rows are genes here, and a series is one gene's course. The labels were made from
curves of this kind, so this is a rule to recover and not a discovery.
The settings are the same for all models, and none was tuned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .datasets import load
from .seeds import seed_everything
from .splits import GeneKFold, coexpression_clusters

COURSES = ("alpha", "elu")
PHASES = ("M/G1", "G1", "S", "G2", "M")
LEAST_OBSERVED = 0.75  # share of a gene's values that must be there in every course
N_CLUSTERS = 100
N_FOLDS = 5
HIDDEN_SIZE = 16
N_EPOCHS = 150
LEARNING_RATE = 0.01


@dataclass(frozen=True)
class PhaseCase:
    """Courses and phases of the genes that were measured well enough.

    Attributes
    ----------
    courses
        For each of ``COURSES`` ``(gene, time, 1)``, log2 ratio.
    minutes
        For each of ``COURSES`` ``(time,)``.
    y
        ``(gene,)`` place in ``PHASES``.
    clusters
        ``(gene,)`` cluster of genes that rise and fall together.
    genes
        ``(gene,)`` names.
    """

    courses: dict[str, NDArray[np.float32]]
    minutes: dict[str, NDArray[np.float64]]
    y: NDArray[np.int64]
    clusters: NDArray[np.int64]
    genes: NDArray[np.str_]


def phase_case() -> PhaseCase:
    """Return the courses, missing values filled along each gene's own course.

    Straight lines join the values on both sides of a gap; at an end the nearest value
    is repeated. No other gene is used, so nothing passes between genes.
    """
    adata = load("yeast_cell_cycle")
    course_of = adata.obs["course"].to_numpy(dtype=str)
    raw = {c: np.asarray(adata.X)[course_of == c].T for c in COURSES}  # (gene, time)
    minutes = {
        c: adata.obs.loc[course_of == c, "minutes"].to_numpy(float) for c in COURSES
    }
    observed = [np.isfinite(values).mean(axis=1) for values in raw.values()]
    keep = np.min(observed, axis=0) >= LEAST_OBSERVED
    filled = {c: _fill_in_time(raw[c][keep], minutes[c]) for c in COURSES}
    phase = adata.var["phase"].to_numpy(dtype=str)[keep]
    return PhaseCase(
        courses={c: v[..., None].astype(np.float32) for c, v in filled.items()},
        minutes=minutes,
        y=np.array([PHASES.index(p) for p in phase], dtype=np.int64),
        clusters=coexpression_clusters(np.hstack(list(filled.values())), N_CLUSTERS),
        genes=adata.var_names.to_numpy(dtype=str)[keep],
    )


def gene_folds(case: PhaseCase) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Return ``(train, test)`` rows; no cluster is in both."""
    splitter = GeneKFold(N_FOLDS, seed=0)
    return list(splitter.split(case.y, case.y, case.clusters))


def scaled_by_training(
    x: NDArray[np.float32], train: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return ``x`` divided by one number, the spread of the training genes."""
    scaled: NDArray[np.float32] = (x / x[train].std()).astype(np.float32)
    return scaled


def train_phase_net(
    cell: str,
    x_train: NDArray[np.float32],
    y_train: NDArray[np.int64],
    *,
    seed: int,
    n_epochs: int = N_EPOCHS,
    device: str = "cpu",
) -> Any:
    """Return a recurrent net for the phases, trained on all genes in one batch."""
    from torch.nn.functional import cross_entropy

    from .models import RecurrentClassifier
    from .training import fit

    seed_everything(seed)
    net = RecurrentClassifier(x_train.shape[2], HIDDEN_SIZE, cell, len(PHASES))
    fit(
        net,
        x_train,
        y_train,
        loss=cross_entropy,
        n_epochs=n_epochs,
        learning_rate=LEARNING_RATE,
        seed=seed,
        device=device,
    )
    return net


def predict_phase(net: Any, x: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the likeliest phase of each series, as a place in ``PHASES``."""
    from .training import predict

    phases: NDArray[np.int64] = predict(net, x).argmax(axis=1)
    return phases


def _fill_in_time(
    values: NDArray[np.float32], minutes: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return ``(gene, time)`` without gaps, straight lines within each gene."""
    filled = values.astype(float)
    for row in filled:
        seen = np.isfinite(row)
        row[~seen] = np.interp(minutes[~seen], minutes[seen], row[seen])
    return filled
