"""Each person's own first sample as the zero: does it help a linear model?

Chapter 5 asks; `experiments/own_baseline.py` measures. The model and its settings are
the defaults of scikit-learn, and nothing is tuned.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from .datasets import load
from .preprocessing import fill_forward, subtract_baseline
from .sequences import Sequences, subject_labels, to_sequences
from .splits import LeavePairOut

SCALES = ("as measured", "own baseline")
STATES = ("stays well", "before 45 hours", "from 45 hours on")
LATE = 45.0  # hours; the file does not hold when symptoms began
DELTA = 0.05  # the smallest difference of AUROCs, or of errors, that matters here

Table = NDArray[np.float32]
Labels = NDArray[np.int64]


def series_on_both_scales() -> tuple[dict[str, Table], Labels, Sequences]:
    """Return influenza series, with and without each person's own baseline.

    Returns
    -------
    series
        By the names of ``SCALES``: ``(17, 15, 4147)`` log2 intensities, and their
        changes from the person's first sample. Missing samples carry the last one.
    y
        ``(17,)``, 1 for symptomatic.
    sequences
        As measured, with its mask.
    """
    adata = load("influenza_challenge")
    sequences = to_sequences(adata, subject="subject", time="hours")
    y = subject_labels(adata, sequences, subject="subject", label="symptomatic")
    values = fill_forward(sequences.values, sequences.mask)
    changes = subtract_baseline(values, np.isfinite(values))
    return dict(zip(SCALES, (values, changes), strict=True)), y, sequences


def model() -> Pipeline:
    """Return standardised genes and a logistic regression: fit it inside the fold."""
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


def pair_scores(x: Table, y: Labels) -> NDArray[np.float64]:
    """Return the held-out logits of every pair, ``(pair, 2)``: ill, well.

    ``x`` is one sample a person, ``(subject, gene)``; the pairs come in the order of
    :class:`genex_helpers.splits.LeavePairOut`.
    """
    found = [
        model().fit(x[train], y[train]).decision_function(x[pair])
        for train, pair in LeavePairOut().split(x, y)
    ]
    return np.array(found)


def states(y: Labels, times: NDArray[np.float64]) -> Labels:
    """Return the state of each sample, ``(subject, time)``, a place in ``STATES``."""
    late = (times >= LATE).astype(np.int64)  # (time,)
    return np.where(y[:, None] == 1, 1 + late[None, :], 0)


def state_errors(
    x: Table, y: Labels, times: NDArray[np.float64], pair: Labels
) -> NDArray[np.float64]:
    """Return the error rate of two held-out people, ``(2,)``: ill, well.

    Every sample after the first is a case: whose, and when, is one of ``STATES``. The
    genes are rotated to the space of the training samples, which changes nothing for
    this penalty and spares most of the time.
    """
    train = np.setdiff1d(np.arange(len(y)), pair)
    label = states(y, times)[:, 1:]  # (subject, time - 1)
    x = x[:, 1:]  # (subject, time - 1, gene)
    scaler = StandardScaler().fit(x[train].reshape(-1, x.shape[2]))
    fitted = scaler.transform(x[train].reshape(-1, x.shape[2])).astype(float)
    axes = np.linalg.svd(fitted, full_matrices=False)[2]  # (sample, gene)
    classifier = LogisticRegression(max_iter=1000)
    classifier.fit(fitted @ axes.T, label[train].ravel())
    errors = []
    for person in pair:
        own = scaler.transform(x[person]).astype(float) @ axes.T
        errors.append((classifier.predict(own) != label[person]).mean())
    return np.array(errors)


SETTINGS: dict[str, Any] = {
    "scales": list(SCALES),
    "states": list(STATES),
    "late": LATE,
    "model": "StandardScaler, LogisticRegression(C=1)",
    "delta": DELTA,
}
