"""Ways to take time's order away from sequences, each testing another meaning of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float32]


def permute_time(x: ArrayLike, order: ArrayLike) -> Floats:
    """Return ``(batch, time, feature)`` with its steps in ``order``, alike for all.

    Each step still means the same hour in every series; its neighbours have changed.

    Raises
    ------
    ValueError
        If ``order`` is not a permutation of the steps.
    """
    sequences = _sequences(x)
    steps = np.asarray(order)
    if not np.array_equal(np.sort(steps), np.arange(sequences.shape[1])):
        raise ValueError(
            f"order must hold 0 to {sequences.shape[1] - 1} once each, got {steps}"
        )
    return sequences[:, steps]


def shuffle_each(x: ArrayLike, seed: int) -> Floats:
    """Return ``(batch, time, feature)``, each series shuffled in its own way.

    What is left of a series is a bag of samples.
    """
    sequences = _sequences(x)
    draws = np.random.default_rng(seed).random(sequences.shape[:2])
    steps = draws.argsort(axis=1)[..., None]  # (batch, time, 1)
    return np.take_along_axis(sequences, steps, axis=1)


def as_one_step(x: ArrayLike) -> Floats:
    """Return ``(batch, 1, time * feature)``: the mistake that hides time from a net.

    A recurrent layer that reads this takes one step, so nothing recurs.
    """
    sequences = _sequences(x)
    return sequences.reshape(len(sequences), 1, -1)


def _sequences(x: ArrayLike) -> Floats:
    sequences = np.asarray(x, dtype=np.float32)
    if sequences.ndim != 3:
        raise ValueError(f"x must be (batch, time, feature), got {sequences.shape}")
    return sequences
