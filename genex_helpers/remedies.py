"""Remedies against overfitting: the case of chapter 11, its data and its settings.

A plain GRU is compared with the same GRU under eight remedies. Each remedy has four
strengths, one of which is chosen by cross-entropy on inner folds of the training
series; the net is then trained on all of them and tested once.
The simulated series have a best possible score that is known exactly. The task's
difficulty and the ranges of the strengths were set on three other simulated sets and on
other draws of yeast genes; comparisons and smallest differences before any result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logsumexp
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from . import yeast
from .splits import GeneKFold

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

HIDDEN_SIZE = 16
N_EPOCHS = 200
LEARNING_RATE = 0.01
EPOCHS_KEPT = (5, 10, 20, 40, 60, 80, 120, 160, N_EPOCHS)
N_INNER = 3
PLAIN = "nothing"
STRENGTHS: dict[str, tuple[float, ...]] = {
    "dropout, last state": (0.1, 0.25, 0.5, 0.7),
    "dropout, variational": (0.1, 0.25, 0.5, 0.7),
    "L2 in Adam": (1e-3, 1e-2, 3e-2, 1e-1),
    "weight decay": (0.1, 0.5, 2.0, 8.0),
    "early stopping": (10, 20, 40, 80),  # epochs
    "smaller net": (2, 3, 5, 8),  # hidden units
    "noise": (0.3, 0.7, 1.5, 3.0),  # standard deviations of an input
    "mixing": (0.1, 0.4, 1.5, 6.0),  # both parameters of a beta distribution
}
BASELINES: dict[str, tuple[float, ...]] = {
    "logistic": (0.01, 0.1, 1.0, 10.0),  # C
    "random forest": (1, 2, 4, 8),  # series a leaf, at least
}

# the simulated task
N_STEPS, N_GENES, N_ONSETS, LAG = 12, 8, 6, 3
PULSE = np.array([1.0, 1.0, 0.7, 0.4])
HEIGHT, FLIPPED = 1.2, 0.1
N_TRAIN, N_TEST = 48, 500
N_SETS, N_PERMUTED, N_TWO_LAYERS = 24, 8, 16  # sets, and how many of them for the rest

# the yeast task
N_TRAIN_GENES, N_DRAWS = 60, 2

# the smallest differences that matter: losses in nats a series, shares of series
DELTA_GAP, DELTA_LOSS, DELTA_ACCURACY = 0.1, 0.05, 0.02
DROPOUT = "dropout, variational"  # that the claims are about
RIVALS = ("weight decay", "early stopping", "smaller net")  # in accuracy, superiority
TWO_LAYERS = "dropout between layers"
TWO_LAYERS_PLAIN = "nothing, two layers"
SETTINGS: dict[str, Any] = {
    "hidden_size": HIDDEN_SIZE,
    "n_epochs": N_EPOCHS,
    "learning_rate": LEARNING_RATE,
    "n_inner": N_INNER,
    "strengths": {k: list(v) for k, v in (STRENGTHS | BASELINES).items()},
    "simulated": [N_SETS, N_PERMUTED, N_TWO_LAYERS, N_TRAIN, N_TEST],
    "yeast": [N_TRAIN_GENES, N_DRAWS],
    "delta": [DELTA_GAP, DELTA_LOSS, DELTA_ACCURACY],
    "claims": [
        f"{DROPOUT} shrinks the gap of losses, against {PLAIN}",
        f"{DROPOUT} raises the accuracy, against {PLAIN}",
        *(f"{DROPOUT} has a higher accuracy than {rival}" for rival in RIVALS),
        f"{TWO_LAYERS} shrinks the gap, raises the accuracy, against none there",
        f"{DROPOUT} shrinks the gap of losses with permuted labels as well",
    ],
}


@dataclass(frozen=True)
class Trial:
    """Training and test series of one comparison.

    Attributes
    ----------
    x_train, y_train
        ``(batch, time, gene)`` and ``(batch,)`` classes from 0.
    x_test, y_test
        The same, held out.
    inner
        ``(train, validation)`` rows of the training series.
    n_classes
        Number of classes.
    rows
        ``(batch,)`` names of the test rows.
    seed
        Of the weights and of all that is drawn while training.
    """

    x_train: NDArray[np.float32]
    y_train: Indices
    x_test: NDArray[np.float32]
    y_test: Indices
    inner: list[tuple[Indices, Indices]]
    n_classes: int
    rows: Indices
    seed: int


def draw_series(
    n: int, rng: np.random.Generator
) -> tuple[NDArray[np.float32], Indices]:
    """Return ``(n, 12, 8)`` series of two gene programs, and which came first.

    Program A is genes 0 to 2, program B genes 3 to 5, genes 6 and 7 belong to neither.
    Each program has one pulse; in class 1 A starts at an onset that nobody sees and B
    three steps later, in class 0 the other way round. Noise has a standard deviation
    of 1, and one label in ten is wrong.
    """
    first = rng.integers(0, 2, n)
    onset = rng.integers(0, N_ONSETS, n)
    x = _courses()[first, onset] + rng.normal(size=(n, N_STEPS, N_GENES))
    wrong = rng.random(n) < FLIPPED
    return x.astype(np.float32), np.where(wrong, 1 - first, first).astype(np.int64)


def best_probability(x: NDArray[Any]) -> Floats:
    """Return the probability of class 1 by Bayes' rule, ``(batch,)``: none is better.

    The likelihoods of all onsets are added, and a label in ten is taken as wrong.
    """
    gap = np.asarray(x, dtype=float)[:, None, None] - _courses()  # (n, class, onset, …)
    evidence = logsumexp(-0.5 * (gap**2).sum(axis=(3, 4)), axis=2)  # (n, class)
    first = expit(evidence[:, 1] - evidence[:, 0])
    probability: Floats = (1 - FLIPPED) * first + FLIPPED * (1 - first)
    return probability


def _courses() -> Floats:
    """Return the noiseless series, ``(class, onset, time, gene)``."""
    courses = np.zeros((2, N_ONSETS, N_STEPS, N_GENES))
    for label in (0, 1):
        for onset in range(N_ONSETS):
            for program, genes in enumerate((slice(0, 3), slice(3, 6))):
                start = onset + LAG * (program == label)
                end = min(start + len(PULSE), N_STEPS)
                courses[label, onset, start:end, genes] = (
                    HEIGHT * PULSE[: end - start, None]
                )
    return courses


def simulated_trial(number: int) -> Trial:
    """Return simulated set ``number``: training and test series of its own."""
    rng = np.random.default_rng([11, number])
    x_train, y_train = draw_series(N_TRAIN, rng)
    x_test, y_test = draw_series(N_TEST, rng)
    return Trial(x_train, y_train, x_test, y_test, _inner(y_train, number), 2,
                 np.arange(N_TEST), number)  # fmt: skip


def yeast_trials(case: yeast.PhaseCase | None = None) -> list[Trial]:
    """Return trials of few yeast genes: each draw and fold of gene clusters.

    Of the genes outside a fold, ``N_TRAIN_GENES`` are drawn for training, and the whole
    fold is the test; inner folds keep clusters together as well.
    """
    case = case or yeast.phase_case()
    x, trials = case.courses["alpha"], []
    for number, (pool, test) in enumerate(yeast.gene_folds(case)):
        for draw in range(N_DRAWS):
            seed = 10 * number + draw
            rng = np.random.default_rng([12, seed])
            train = np.sort(rng.choice(pool, N_TRAIN_GENES, replace=False))
            scaled = yeast.scaled_by_training(x, train)
            y, clusters = case.y[train], case.clusters[train]
            splitter = GeneKFold(N_INNER, seed=seed, stratify=False)
            inner = list(splitter.split(y, y, clusters))
            trials.append(Trial(scaled[train], y, scaled[test], case.y[test], inner,
                                len(yeast.PHASES), test, seed))  # fmt: skip
    return trials


def permuted(trial: Trial) -> Trial:
    """Return the trial with its training labels dealt anew; the test stays true."""
    y = np.random.default_rng([13, trial.seed]).permutation(trial.y_train)
    return replace(trial, y_train=y)


def _inner(y: Indices, seed: int) -> list[tuple[Indices, Indices]]:
    splitter = StratifiedKFold(N_INNER, shuffle=True, random_state=seed)
    return list(splitter.split(y, y))


def baseline_logits(
    name: str,
    strength: float,
    x_train: NDArray[Any],
    y_train: Indices,
    x: NDArray[Any],
    n_classes: int,
) -> Floats:
    """Return log probabilities ``(batch, class)`` of a baseline on flattened series.

    A class that is not among the training labels gets a probability of one in a
    thousand, and so does one to which a forest gives none.
    """
    model: Any
    if name == "logistic":
        model = LogisticRegression(C=strength, max_iter=2000)
    elif name == "random forest":
        model = RandomForestClassifier(200, min_samples_leaf=int(strength),
                                       random_state=0)  # fmt: skip
    else:
        raise ValueError(f"name must be one of {sorted(BASELINES)}, got {name!r}")
    model.fit(x_train.reshape(len(x_train), -1), y_train)
    shares = np.full((len(x), n_classes), 1e-3)
    shares[:, model.classes_] += model.predict_proba(x.reshape(len(x), -1))
    logits: Floats = np.log(shares / shares.sum(axis=1, keepdims=True))
    return logits


def cross_entropies(logits: NDArray[Any], y: Indices) -> Floats:
    """Return the surprise at each label, in nats, ``(batch,)``."""
    logits = np.asarray(logits, dtype=float)
    found: Floats = logsumexp(logits, axis=1) - logits[np.arange(len(y)), y]
    return found


def hits(logits: NDArray[Any], y: Indices) -> Floats:
    """Return 1 where the likeliest class is the right one, else 0, ``(batch,)``."""
    found: Floats = (np.asarray(logits).argmax(axis=1) == y).astype(float)
    return found


def chosen(inner_loss: dict[float, float], strengths: Sequence[float]) -> float:
    """Return the strength with the lowest mean loss on inner folds; the first of ties.

    Raises
    ------
    ValueError
        If a strength has no loss.
    """
    if missing := [s for s in strengths if s not in inner_loss]:
        raise ValueError(f"inner_loss lacks the strengths {missing}")
    return min(strengths, key=inner_loss.__getitem__)
