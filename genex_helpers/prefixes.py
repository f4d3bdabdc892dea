"""One net that answers at every hour: the influenza case of chapter 9b.

A net that shall answer after 29 hours can be trained on series that end there, on whole
series, or on every beginning of a series at once, each with its person's label.
Settings are those of chapter 9, and nothing was tuned.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from . import influenza as flu
from .masking import masked
from .seeds import seed_everything
from .splits import LeavePairOut
from .training import fit, predict

FIRST_STEP = 1  # the first sample is each person's own zero: it says nothing
HOURS_ASKED = (29.0, 45.0)
ARMS = ("every beginning", "that hour alone", "whole series")
N_SEEDS = 5
SETTINGS: dict[str, Any] = {
    "hours_asked": list(HOURS_ASKED), "first_step": FIRST_STEP, "seeds": N_SEEDS,
    "arms": list(ARMS), "delta": flu.DELTA,
    "net": [flu.N_COMPONENTS, flu.HIDDEN_SIZE, flu.N_EPOCHS, flu.LEARNING_RATE],
    "claims": [f"{ARMS[0]} has a higher AUROC than {arm}" for arm in ARMS[1:]],
}  # fmt: skip


class StepwiseClassifier(nn.Module):
    """A GRU whose state at every step feeds one linear layer.

    Parameters
    ----------
    n_inputs
        Inputs a time step.
    hidden_size
        Size of the recurrent state.
    """

    def __init__(self, n_inputs: int, hidden_size: int) -> None:
        super().__init__()
        self.recurrent = nn.GRU(n_inputs, hidden_size, batch_first=True)
        self.head = nn.Linear(hidden_size, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return a logit at each step, ``(batch, time)``, of ``(batch, time, gene)``.

        The logit at a step has read this step and those before it, no other.
        """
        states, _ = self.recurrent(x)  # (batch, time, hidden)
        logits: Tensor = self.head(states)[..., 0]
        return logits


def answer_mask(n_series: int, times: ArrayLike, arm: str, hours: float) -> Any:
    """Return which answers count in training, ``(batch, time)``.

    Raises
    ------
    ValueError
        If ``arm`` is none of ``ARMS``, or no time is ``hours`` or earlier.
    """
    when = np.asarray(times, dtype=float)
    if arm not in ARMS:
        raise ValueError(f"arm must be one of {list(ARMS)}, got {arm!r}")
    if not (when <= hours).any():
        raise ValueError(f"no time is at or before {hours} hours: {when.tolist()}")
    counts = np.zeros(len(when), dtype=bool)
    if arm == "every beginning":
        counts[FIRST_STEP:] = True
    elif arm == "whole series":
        counts[-1] = True
    else:
        counts[np.flatnonzero(when <= hours)[-1]] = True
    return np.broadcast_to(counts, (n_series, len(when))).copy()


def stepwise_logits(
    z: NDArray[np.float32],
    y: NDArray[np.int64],
    counts: NDArray[np.bool_],
    train: NDArray[np.int64],
    test: NDArray[np.int64],
    *,
    seed: int,
    n_epochs: int = flu.N_EPOCHS,
) -> NDArray[np.float64]:
    """Train on the answers that count; return ``(test, time)`` logits.

    ``z`` is ``(batch, time, component)``, ``counts`` ``(batch, time)``.
    """
    seed_everything(seed)
    net = StepwiseClassifier(z.shape[2], flu.HIDDEN_SIZE)
    labels = np.broadcast_to(y[:, None], counts.shape).astype(np.float32)
    fit(net, z[train], labels[train], mask=counts[train],
        loss=masked(binary_cross_entropy_with_logits), n_epochs=n_epochs,
        learning_rate=flu.LEARNING_RATE, seed=seed)  # fmt: skip
    logits: NDArray[np.float64] = predict(net, z[test]).astype(float)
    return logits


def pair_table(arm: str, hours: float, seeds: list[int]) -> pd.DataFrame:
    """Return the scores of held-out pairs at ``HOURS_ASKED``, a row a pair and seed.

    All arms share the components, whose axes come from the whole series of the
    training people. ``hours`` matters to the arm ``"that hour alone"`` only.
    """
    x, y, sequences = flu.series_and_labels(np.inf)
    counts = answer_mask(len(y), sequences.times, arm, hours)
    asked = HOURS_ASKED if arm != "that hour alone" else (hours,)
    steps = [int(np.flatnonzero(sequences.times <= h)[-1]) for h in asked]
    torch.set_num_threads(1)
    rows = []
    for train, pair in LeavePairOut().split(x, y):
        z = flu.held_out_features(x, train)
        ill, well = (pair[y[pair] == label][0] for label in (1, 0))
        for seed in seeds:
            found = stepwise_logits(z, y, counts, train, np.array([ill, well]),
                                    seed=seed)  # fmt: skip
            rows += [
                {
                    "arm": arm,
                    "hours": hour,
                    "ill": ill,
                    "well": well,
                    "seed": seed,
                    "ill_score": found[0, step],
                    "well_score": found[1, step],
                }
                for hour, step in zip(asked, steps, strict=True)
            ]
    return pd.DataFrame(rows)
