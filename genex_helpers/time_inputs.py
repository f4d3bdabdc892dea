"""Should a net be told the time? Inputs that say when, and two cases to try them on.

Chapter 5 builds these inputs by hand; `experiments/time_inputs.py` measures them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import roc_auc_score

from .seeds import seed_everything

INPUTS = ("values", "values and hours", "values and gaps")
HOURS_SEEN = 45.0  # of the influenza series: seven samples, from 0 to 45 hours
N_KEPT = 4  # of these seven, where each person keeps samples of their own
N_SERIES = 200  # simulated series for training, and as many for the test
N_SAMPLES = 8  # samples a simulated series
HALF_LIVES = (2.0, 4.0)  # hours
NOISE = 0.3  # log2 units, standard deviation
N_HIDDEN = 8
N_EPOCHS = 100
LEARNING_RATE = 0.01
DELTA = 0.05  # the smallest difference of two AUROCs that matters here


def add_time(values: ArrayLike, times: ArrayLike, inputs: str) -> NDArray[np.float32]:
    """Put the time beside the values, as one more input.

    Hours and gaps are divided by the largest time, so that they are of order one.

    Parameters
    ----------
    values
        ``(batch, time, input)``.
    times
        ``(time,)``, or ``(batch, time)`` where series have times of their own.
    inputs
        One of ``INPUTS``; a gap is the time since the sample before, 0 at the first.

    Raises
    ------
    ValueError
        If ``inputs`` is none of them, or the times do not fit the values or fall back.
    """
    x = np.asarray(values, dtype=np.float32)
    if inputs not in INPUTS:
        raise ValueError(f"inputs must be one of {INPUTS}, got {inputs!r}")
    hours = np.broadcast_to(np.asarray(times, dtype=float), x.shape[:2])
    gaps = np.diff(hours, axis=1, prepend=hours[:, :1])  # (batch, time)
    if (gaps < 0).any():
        raise ValueError("times must not fall back within a series")
    if inputs == "values":
        return x
    extra = (hours if inputs.endswith("hours") else gaps) / hours.max()
    return np.concatenate([x, extra[..., None].astype(np.float32)], axis=2)


def keep_own_samples(
    values: ArrayLike, times: ArrayLike, n_kept: int, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Keep of each series its first sample and others at random, as irregular series.

    Parameters
    ----------
    values
        ``(batch, time, input)``.
    times
        ``(time,)``.
    n_kept
        Samples that stay, the first included.

    Returns
    -------
    values, times
        ``(batch, n_kept, input)`` and ``(batch, n_kept)``.
    """
    x, hours = np.asarray(values, np.float32), np.asarray(times, dtype=float)
    if not 1 <= n_kept <= len(hours):
        raise ValueError(f"n_kept must lie from 1 to {len(hours)}, got {n_kept}")
    rng = np.random.default_rng(seed)
    later = np.arange(1, len(hours))
    kept = np.zeros((len(x), n_kept), dtype=np.int64)
    for row in kept:
        row[1:] = np.sort(rng.choice(later, n_kept - 1, replace=False))
    return np.take_along_axis(x, kept[..., None], axis=1), hours[kept]


def decay_series(
    n: int, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.int64]]:
    """Simulate mRNAs that decay, each sampled at times of its own.

    On the log2 scale the level falls by one in each half-life. Where a series starts,
    and how fast the clock of its samples runs, is random, so that the values alone do
    not tell a short half-life from samples that lie far apart.

    Returns
    -------
    values
        ``(n, N_SAMPLES, 1)``, log2.
    times
        ``(n, N_SAMPLES)`` hours, from 0 on.
    is_slow
        ``(n,)``, 1 for the longer half-life.
    """
    rng = np.random.default_rng(seed)
    is_slow = rng.permutation(np.arange(n) % 2)
    pace = 2.0 ** rng.uniform(-1.5, 1.5, size=(n, 1))  # mean gap in hours
    gaps = pace * rng.exponential(size=(n, N_SAMPLES))
    times = np.cumsum(gaps, axis=1) - gaps[:, :1]  # (n, N_SAMPLES)
    half_life = np.asarray(HALF_LIVES)[is_slow][:, None]
    level = rng.normal(10, 1, size=(n, 1)) - times / half_life
    level = level + rng.normal(0, NOISE, size=level.shape)
    return level[..., None].astype(np.float32), times, is_slow


def slope_scores(
    values: NDArray[np.float32], times: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the least-squares slope of each series: the answer without a net."""
    t = times - times.mean(axis=1, keepdims=True)
    slopes: NDArray[np.float64] = (t * values[..., 0]).sum(axis=1) / (t**2).sum(axis=1)
    return slopes


def decay_auroc(inputs: str, set_seed: int, n: int = N_SERIES) -> float:
    """Train a GRU on one simulated set and return its AUROC on as many new series."""
    from torch.nn.functional import binary_cross_entropy_with_logits

    from .models import RecurrentClassifier
    from .training import fit, predict

    values, times, is_slow = decay_series(2 * n, set_seed)
    centred = values - values[:n].mean()
    x = add_time(centred / centred[:n].std(), times, inputs)
    seed_everything(set_seed)
    net = RecurrentClassifier(x.shape[2], N_HIDDEN, "gru")
    fit(
        net,
        x[:n],
        is_slow[:n, None].astype(np.float32),
        loss=binary_cross_entropy_with_logits,
        n_epochs=N_EPOCHS,
        learning_rate=LEARNING_RATE,
    )
    return float(roc_auc_score(is_slow[n:], predict(net, x[n:])[:, 0]))


SETTINGS: dict[str, Any] = {
    "inputs": list(INPUTS),
    "hours_seen": HOURS_SEEN,
    "n_kept": N_KEPT,
    "n_series": N_SERIES,
    "n_samples": N_SAMPLES,
    "half_lives": list(HALF_LIVES),
    "noise": NOISE,
    "n_hidden": N_HIDDEN,
    "n_epochs": N_EPOCHS,
    "learning_rate": LEARNING_RATE,
    "delta": DELTA,
}
