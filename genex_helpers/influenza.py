"""The book's running case: who falls ill after an influenza challenge?

Chapter 9 teaches these steps; the experiments repeat them for every held-out pair.
The settings are the same for all models, and none was tuned.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from .datasets import interferon_genes, load
from .preprocessing import SequenceComponents, fill_forward, subtract_baseline
from .seeds import seed_everything
from .sequences import Sequences, subject_labels, to_sequences

HOURS_SEEN = (29.0, 45.0, 108.0)
N_COMPONENTS = 8
HIDDEN_SIZE = 8
N_EPOCHS = 40
LEARNING_RATE = 0.01
DELTA = 0.05  # the smallest difference of two AUROCs that matters here
COMPARISONS = (
    ("gru", "logistic, all times", "superiority"),
    ("gru", "interferon score", "superiority"),
    ("gru", "lstm", "equivalence"),
)  # judged at the first two of HOURS_SEEN: the end is perfect for all
SETTINGS: dict[str, Any] = {
    "hours_seen": list(HOURS_SEEN),
    "n_components": N_COMPONENTS,
    "hidden_size": HIDDEN_SIZE,
    "n_epochs": N_EPOCHS,
    "learning_rate": LEARNING_RATE,
    "delta": DELTA,
    "comparisons": [list(c) for c in COMPARISONS],
}


def series_and_labels(
    hours_seen: float,
) -> tuple[NDArray[np.float32], NDArray[np.int64], Sequences]:
    """Return what is known by ``hours_seen``, and who falls ill.

    Returns
    -------
    x
        ``(17, time, 4147)`` log2 changes from each subject's own first sample; the
        missing samples carry the last one before them.
    y
        ``(17,)``, 1 for symptomatic.
    sequences
        All hours, as measured.
    """
    adata = load("influenza_challenge")
    sequences = to_sequences(adata, subject="subject", time="hours")
    y = subject_labels(adata, sequences, subject="subject", label="symptomatic")
    filled = fill_forward(sequences.values, sequences.mask)
    x = subtract_baseline(filled, np.isfinite(filled))
    return x[:, sequences.times <= hours_seen], y, sequences


def interferon_score(
    x: NDArray[np.float32], genes: NDArray[np.str_]
) -> NDArray[np.float64]:
    """Return the mean change of interferon-stimulated genes over the hours seen.

    A score frozen beforehand: the list comes with the R package qusage, after the known
    interferon-stimulated genes of Schoggins et al. 2011 (doi:10.1038/nature09907), and
    nothing is fitted. ``x`` is ``(batch, time, gene)``; returns ``(batch,)``.
    """
    chosen = np.isin(genes, interferon_genes())
    if not chosen.any():
        raise ValueError("none of the genes is an interferon-stimulated gene")
    score: NDArray[np.float64] = x[:, 1:, chosen].mean(axis=(1, 2), dtype=float)
    return score


def held_out_features(
    x: NDArray[np.float32], train: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return components of all subjects, from axes fitted on ``train`` alone."""
    return SequenceComponents(N_COMPONENTS).fit(x[train]).transform(x)


def logistic_scores(
    model: str,
    z: NDArray[np.float32],
    y: NDArray[np.int64],
    train: NDArray[np.int64],
    test: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return the logits of logistic regression for ``test``.

    ``model`` is ``"logistic, last time"`` or ``"logistic, all times"``; ``z`` is
    ``(batch, time, component)``.
    """
    if model not in ("logistic, last time", "logistic, all times"):
        raise ValueError(f"model must name one of the two logistics, got {model!r}")
    flat = z[:, -1] if model.endswith("last time") else z.reshape(len(z), -1)
    classifier = LogisticRegression(max_iter=1000).fit(flat[train], y[train])
    logits: NDArray[np.float64] = classifier.decision_function(flat[test])
    return logits


def recurrent_scores(
    cell: str,
    z: NDArray[np.float32],
    y: NDArray[np.int64],
    train: NDArray[np.int64],
    test: NDArray[np.int64],
    *,
    seed: int,
    n_epochs: int = N_EPOCHS,
    device: str = "cpu",
) -> NDArray[np.float64]:
    """Return the logits of a recurrent net, trained on ``train``, for ``test``."""
    from torch.nn.functional import binary_cross_entropy_with_logits

    from .models import RecurrentClassifier
    from .training import fit, predict

    seed_everything(seed)
    net = RecurrentClassifier(z.shape[2], HIDDEN_SIZE, cell)
    fit(
        net,
        z[train],
        y[train, None].astype(np.float32),
        loss=binary_cross_entropy_with_logits,
        n_epochs=n_epochs,
        learning_rate=LEARNING_RATE,
        seed=seed,
        device=device,
    )
    logits: NDArray[np.float64] = predict(net, z[test])[:, 0].astype(float)
    return logits
