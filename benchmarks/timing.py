"""Ratios of running times, measured so that a busy machine disturbs them little.

What is compared runs in turn, again and again, and each round gives one ratio. Times
are the process's own CPU seconds on one thread: other processes do not enter, though
they still slow a shared cache. The median ratio is shown with the quartiles.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable

import torch

torch.set_num_threads(1)

Run = Callable[[], object]


def seconds(run: Run) -> float:
    """Return the CPU seconds that this process needs for one run."""
    gc.collect()
    gc.disable()
    start = time.process_time()
    run()
    taken = time.process_time() - start
    gc.enable()
    return taken


def ratios(runs: dict[str, Run], base: str, n_rounds: int) -> dict[str, list[float]]:
    """Run all in turn; return, for each, its time over that of ``base`` a round.

    The order is turned about from round to round; a first round is thrown away.
    """
    names = list(runs)
    found: dict[str, list[float]] = {name: [] for name in names}
    for number in range(n_rounds + 1):
        order = names if number % 2 else names[::-1]
        taken = {name: seconds(runs[name]) for name in order}
        if number:
            for name in names:
                found[name].append(taken[name] / taken[base])
    return found


def told(values: list[float]) -> str:
    """Return the median with the quartiles, as words."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{middle:7.3f}   ({low:.3f} to {high:.3f}, {len(values)} rounds)"
