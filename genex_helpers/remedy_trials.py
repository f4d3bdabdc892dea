"""One trial of chapter 11: every remedy, its strength chosen inside, tested once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .recurrent_nets import RecurrentNet
from .remedies import (
    BASELINES,
    EPOCHS_KEPT,
    HIDDEN_SIZE,
    LEARNING_RATE,
    N_EPOCHS,
    PLAIN,
    STRENGTHS,
    TWO_LAYERS,
    TWO_LAYERS_PLAIN,
    Trial,
    baseline_logits,
    chosen,
    cross_entropies,
    hits,
)
from .remedy_nets import Job, Logits, train_nets
from .seeds import seed_everything
from .training import fit, predict

Key = tuple[str, float]  # remedy, strength
STOPPING = "early stopping"


@dataclass(frozen=True)
class Outcome:
    """What came out of a trial.

    Attributes
    ----------
    strengths
        A row a method and strength: ``inner_loss``, ``chosen``, and losses and
        accuracies on training and test series after training on all training series.
    curves
        A row a method, at its chosen strength, and epoch: losses and accuracies.
    logits
        Of each method at its chosen strength, on the test series, ``(batch, class)``.
    """

    strengths: pd.DataFrame
    curves: pd.DataFrame
    logits: dict[str, NDArray[Any]]


class _Fits(NamedTuple):
    """Logits by method and strength: on each inner fold, and of the final training."""

    inner: list[dict[Key, Logits]]
    final: dict[Key, Logits]


def run_trial(trial: Trial) -> Outcome:
    """Train all nets and baselines of a trial, choose the strengths, and test."""
    x = np.concatenate([trial.x_train, trial.x_test])
    y = np.concatenate([trial.y_train, trial.y_test])
    everyone = np.arange(len(trial.y_train))
    test = np.arange(len(everyone), len(x))
    splits = [(everyone, test), *trial.inner]
    keys = [(PLAIN, 0.0)]
    keys += [(m, float(s)) for m, own in STRENGTHS.items() for s in own
             if m != STOPPING]  # fmt: skip
    jobs = [Job(a, b, *key) for a, b in splits for key in keys]
    by_epoch = train_nets(jobs, x, y, trial.n_classes, trial.seed)
    parts = []
    for place in range(len(splits)):
        rows = slice(place * len(keys), (place + 1) * len(keys))
        found = dict(zip(keys, by_epoch[N_EPOCHS][rows], strict=True))
        for epoch in STRENGTHS[STOPPING]:  # the plain net, after fewer epochs
            found[STOPPING, float(epoch)] = by_epoch[int(epoch)][rows][0]
        parts.append(found | _baselines(trial, *splits[place], x, y))
    outcome = _judged(trial, _Fits(parts[1:], parts[0]), [PLAIN])
    best = outcome.strengths.query("chosen").set_index("method")["strength"]
    curves = []
    for place, (method, strength) in enumerate(keys):
        if best[method] == strength:
            for epoch in EPOCHS_KEPT:
                scores = _scores(trial, by_epoch[epoch][place])
                curves.append({"method": method, "epoch": epoch} | scores)
    return Outcome(outcome.strengths, pd.DataFrame(curves), outcome.logits)


def _baselines(
    trial: Trial, train: NDArray[Any], test: NDArray[Any], x: Any, y: Any
) -> dict[Key, Logits]:
    found = {}
    rows = np.concatenate([train, test])
    for name, strengths in BASELINES.items():
        for s in strengths:
            said = baseline_logits(
                name, s, x[train], y[train], x[rows], trial.n_classes
            ).astype(np.float32)
            found[name, float(s)] = Logits(said[: len(train)], said[len(train) :])
    return found


def two_layers_trial(trial: Trial, rates: Sequence[float] | None = None) -> Outcome:
    """Train two-layer GRUs with ``dropout=`` between the layers, and without."""
    rates = STRENGTHS["dropout, last state"] if rates is None else rates
    keys: list[Key] = [(TWO_LAYERS_PLAIN, 0.0), *((TWO_LAYERS, r) for r in rates)]
    inner = [
        {
            key: _two_layers(trial, a, trial.x_train[b], key[1])
            for key in keys
            if key[0] == TWO_LAYERS
        }
        for a, b in trial.inner
    ]
    everyone = np.arange(len(trial.y_train))
    final = {key: _two_layers(trial, everyone, trial.x_test, key[1]) for key in keys}
    return _judged(trial, _Fits(inner, final), [TWO_LAYERS_PLAIN])


def _two_layers(
    trial: Trial, train: NDArray[np.int64], x_test: Any, rate: float
) -> Logits:
    from torch.nn.functional import cross_entropy

    seed_everything(trial.seed)
    x, y = trial.x_train[train], trial.y_train[train]
    net = RecurrentNet(
        x.shape[2], HIDDEN_SIZE, trial.n_classes, n_layers=2, dropout=rate
    )
    fit(net, x, y, loss=cross_entropy, n_epochs=N_EPOCHS, learning_rate=LEARNING_RATE)
    return Logits(predict(net, x), predict(net, x_test))


def _judged(trial: Trial, fits: _Fits, untuned: list[str]) -> Outcome:
    """Choose each method's strength on the inner folds and score all strengths."""
    inner_loss: dict[str, dict[float, float]] = {}
    for method, strength in fits.final:
        if method not in untuned:
            losses = [
                cross_entropies(said[method, strength].test, trial.y_train[b])
                for said, (_, b) in zip(fits.inner, trial.inner, strict=True)
            ]
            found = float(np.concatenate(losses).mean())
            inner_loss.setdefault(method, {})[strength] = found
    rows, logits = [], {}
    for (method, strength), said in fits.final.items():
        own = inner_loss.get(method, {strength: float("nan")})
        is_chosen = strength == chosen(own, list(own))
        if is_chosen:
            logits[method] = said.test
        rows.append({"method": method, "strength": strength,
                     "inner_loss": own[strength], "chosen": is_chosen}
                    | _scores(trial, said))  # fmt: skip
    return Outcome(pd.DataFrame(rows), pd.DataFrame(), logits)


def _scores(trial: Trial, said: Logits) -> dict[str, float]:
    parts = {"train": (said.train, trial.y_train), "test": (said.test, trial.y_test)}
    return {
        f"{part}_{name}": float(score(logits, y).mean())
        for part, (logits, y) in parts.items()
        for name, score in (("loss", cross_entropies), ("accuracy", hits))
    }
