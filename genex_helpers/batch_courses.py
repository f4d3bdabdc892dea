"""Simulated time courses of two groups, with batches that run along people or times.

A person has a level of its own in each gene and noise that lasts from sample to sample;
in group 1 some genes rise and fall once, each person at its own time. Two runs of the
study have other people, and other batches.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from .seeds import seed_everything

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]

N_PEOPLE, N_NEW, N_TIMES, N_GENES = 40, 100, 10, 20
N_RISING = 8  # genes that answer in group 1
HEIGHT = 1.5  # of the answer
NOISE_SPREAD = 0.6
LASTING = 0.5  # correlation of the noise from one sample to the next
LEVEL_SPREAD = 0.9  # of people: the strongest signal, as in blood
SHIFT_SPREAD = 1.5  # of batches
BATCHES = ("none", "one a person", "one a time")
INPUTS = ("as measured", "own baseline", "mean of the hour", "both")
HIDDEN_SIZE, N_EPOCHS, LEARNING_RATE = 8, 60, 0.01  # not tuned


@dataclass(frozen=True)
class CourseSet:
    """Two runs of a study: ``(person, time, gene)`` and ``(person,)`` each."""

    x: Floats
    y: Labels
    new_x: Floats
    new_y: Labels


def draw_courses(batches: str, seed: int) -> CourseSet:
    """Draw a run to train on and a new one; groups are in balance in both.

    Sets of one seed share people, whatever the batches.

    Raises
    ------
    ValueError
        If ``batches`` is not one of ``BATCHES``.
    """
    if batches not in BATCHES:
        raise ValueError(f"batches must be one of {BATCHES}, got {batches!r}")
    rng, of_batches = (np.random.default_rng([seed, k]) for k in (0, 1))
    x, y = _people(N_PEOPLE, rng)
    new_x, new_y = _people(N_NEW, rng)
    shift = SHIFT_SPREAD * of_batches.normal(size=(N_PEOPLE + N_NEW, 1, N_GENES))
    if batches == "one a person":
        x, new_x = x + shift[:N_PEOPLE], new_x + shift[N_PEOPLE:]
    if batches == "one a time":
        x, new_x = (
            values + SHIFT_SPREAD * of_batches.normal(size=(1, N_TIMES, N_GENES))
            for values in (x, new_x)
        )
    return CourseSet(x.astype(np.float32), y, new_x.astype(np.float32), new_y)


def prepared(x: Floats, how: str) -> Floats:
    """Return the inputs of a model, ``(person, time, gene)``; uses no labels.

    ``"own baseline"`` subtracts each person's first sample. ``"mean of the hour"``
    subtracts the mean over all people of the run at that time, so it needs the whole
    run before anyone gets an answer, and a run with the same mixture of groups.
    ``"both"`` does one after the other.
    """
    if how not in INPUTS:
        raise ValueError(f"how must be one of {INPUTS}, got {how!r}")
    found = x
    if how in ("own baseline", "both"):
        found = found - found[:, :1]
    if how in ("mean of the hour", "both"):
        found = found - found.mean(axis=0)
    return found


def logistic_scores(data: CourseSet, how: str) -> NDArray[np.float64]:
    """Return scores of the new run by logistic regression on flattened courses."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    flat = [prepared(x, how).reshape(len(x), -1) for x in (data.x, data.new_x)]
    scores: NDArray[np.float64] = model.fit(flat[0], data.y).decision_function(flat[1])
    return scores


def gru_scores(data: CourseSet, how: str, seed: int) -> NDArray[np.float64]:
    """Return scores of the new run by a small GRU, trained on all people at once."""
    from torch.nn.functional import binary_cross_entropy_with_logits

    from .models import RecurrentClassifier
    from .training import fit, predict

    x, new_x = prepared(data.x, how), prepared(data.new_x, how)
    seed_everything(seed)
    net = RecurrentClassifier(N_GENES, HIDDEN_SIZE, "gru")
    spread = x.std()
    fit(
        net,
        x / spread,
        data.y[:, None].astype(np.float32),
        loss=binary_cross_entropy_with_logits,
        n_epochs=N_EPOCHS,
        learning_rate=LEARNING_RATE,
        seed=seed,
    )
    scores: NDArray[np.float64] = predict(net, new_x / spread)[:, 0].astype(float)
    return scores


def _people(
    n_people: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], Labels]:
    """Return courses ``(person, time, gene)`` without batches, and the groups."""
    y = np.arange(n_people) % 2
    noise = rng.normal(size=(n_people, N_TIMES, N_GENES))
    for step in range(1, N_TIMES):
        fresh = np.sqrt(1 - LASTING**2) * noise[:, step]
        noise[:, step] = LASTING * noise[:, step - 1] + fresh
    level = LEVEL_SPREAD * rng.normal(size=(n_people, 1, N_GENES))
    peak = rng.uniform(3, N_TIMES - 2, size=n_people)
    pulse = np.exp(-((np.arange(N_TIMES) - peak[:, None]) ** 2) / 2)  # (person, time)
    rise = np.where(np.arange(N_GENES) < N_RISING, HEIGHT, 0.0)
    return level + NOISE_SPREAD * noise + (y[:, None] * pulse)[..., None] * rise, y
