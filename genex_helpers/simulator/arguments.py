"""What the simulator asks of its arguments, and its random numbers."""

from __future__ import annotations

import math
import numbers

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def generators(seed: int, n: int) -> list[np.random.Generator]:
    """Return independent generators, one for each piece that draws random numbers.

    A piece that is switched on or off leaves the numbers of the others as they were.

    Raises
    ------
    ValueError
        If ``seed`` is not a whole number from 0.
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ValueError(f"seed must be a whole number from 0, got {seed!r}")
    children = np.random.SeedSequence(int(seed)).spawn(n)
    return [np.random.default_rng(child) for child in children]


def count(name: str, value: int, least: int = 1) -> int:
    """Return ``value``, a whole number of at least ``least``, or raise ValueError."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < least:
        raise ValueError(f"{name} must be a whole number from {least}, got {value!r}")
    return int(value)


def number(
    name: str, value: float, low: float = -math.inf, high: float = math.inf
) -> float:
    """Return ``value``, a number from ``low`` to ``high``, or raise ValueError."""
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not real or not math.isfinite(value) or not low <= value <= high:
        raise ValueError(f"{name} must be a number from {low} to {high}, got {value!r}")
    return float(value)


def positive(name: str, value: float) -> float:
    """Return ``value``, a finite number above 0, or raise ValueError."""
    if number(name, value) <= 0:
        raise ValueError(f"{name} must be above 0, got {value!r}")
    return float(value)


def finite(
    name: str,
    values: ArrayLike,
    n_axes: int,
    low: float = -math.inf,
    high: float = math.inf,
) -> Floats:
    """Return finite numbers from ``low`` to ``high``, or raise ValueError."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != n_axes:
        raise ValueError(f"{name} must have {n_axes} axes, got shape {array.shape}")
    wrong = ~(np.isfinite(array) & (array >= low) & (array <= high))
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise ValueError(
            f"{name} must hold finite numbers from {low} to {high}; "
            f"got {array[place]} at {place}"
        )
    return array


def shaped(name: str, array: Floats, shape: tuple[int, ...]) -> Floats:
    """Return ``array`` if it has that shape, or raise ValueError."""
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
    return array
