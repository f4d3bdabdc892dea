"""Simulated moments that decide a label: chapter 15's race, and what weights find.

Twelve steps are six blocks of two. In every block two readout genes are high or low, by
chance. The label is what they were in one block, the moment. In the task ``fixed`` the
moment is the same for all series; in ``moving`` each series has its own, and a marker
gene rises there. So in each series we know which genes, steps and cells decide.

The noise, the epochs and the sizes were set while looking at accuracies on two other
sets (numbers 100 and 101), which are not used: that in ``moving`` attention was ahead
there, and in ``fixed`` behind, was known when the claims were written. Nothing was
tuned for a model, and no weight was looked at. The claims, fixed before the run
(superiority):

- attention over time is right more often than the last state, in each task;
- attention over time is right more often than equal weights, in each task;
- its weights find the moment's steps better than chance (average precision, each task);
- the map of gene × time attention finds the cells that decide better than gradient
  times input of the same net (average precision, each task);
- in the moving task weights over steps read one by one find the moment's steps better
  than weights over recurrent states (average precision).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logsumexp
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from torch.nn.functional import binary_cross_entropy_with_logits

from .attention_nets import AttentionClassifier, GuidedClassifier
from .attention_tests import (
    average_precision,
    gradient_times_input,
    other_weights,
    pulls,
    total_variation,
)
from .seeds import seed_everything
from .training import fit, predict

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

TASKS = ("fixed", "moving")
N_GENES, N_STEPS, N_BLOCKS, FIXED_BLOCK = 8, 12, 6, 4
MARKER, READOUT = 0, (1, 2)
MARKER_HEIGHT, READOUT_HEIGHT = 2.0, 1.0  # the noise has a standard deviation of 1
MODULES = (0, 1, 1, 2, 2, 2, 3, 3)  # of the genes: marker, readout, two of noise
N_SETS, N_SEEDS, N_TRAIN, N_TEST = 12, 3, 256, 500
N_EPOCHS, BATCH_SIZE, LEARNING_RATE = 60, 64, 0.01
LAST, EQUAL, FROZEN = "last state", "equal weights", "frozen weights"
TIME, CELLS, STEPS = "time", "gene × time", "time, no recurrence"
# hidden sizes that give all nets nearly the number of parameters of the first
NETS: dict[str, dict[str, Any]] = {
    LAST: {"hidden_size": 16, "pooling": "last"},
    EQUAL: {"hidden_size": 16, "pooling": "mean"},
    FROZEN: {"hidden_size": 15},
    TIME: {"hidden_size": 15},
    "genes": {"hidden_size": 16, "pooling": "last", "genes": True},
    CELLS: {"hidden_size": 14, "genes": True},
    "module × time": {"hidden_size": 16, "modules": MODULES},
    "self-attention": {"hidden_size": 12, "pooling": "self-attention", "n_heads": 2},
    STEPS: {"hidden_size": 69, "encoder": "steps"},
}
GUIDED = {
    "equal": "steps, equal weights",
    TIME: "steps, weights of the net over states",
}
BASELINES = ("logistic", "random forest")

DELTA_ACCURACY = 0.02
DELTA_CHANCE = 0.1  # average precision, weights less chance
DELTA_RIVAL = 0.05  # average precision, weights less another score
SETTINGS: dict[str, Any] = {
    "series": [N_GENES, N_STEPS, N_BLOCKS, FIXED_BLOCK, MARKER_HEIGHT, READOUT_HEIGHT],
    "sets": [N_SETS, N_SEEDS, N_TRAIN, N_TEST],
    "training": [N_EPOCHS, BATCH_SIZE, LEARNING_RATE],
    "nets": NETS,
    "delta": [DELTA_ACCURACY, DELTA_CHANCE, DELTA_RIVAL],
}


def draw_series(
    task: str, n: int, rng: np.random.Generator
) -> tuple[NDArray[np.float32], Indices, Indices]:
    """Return ``(n, 12, 8)`` series, their labels and the block that decided each.

    Raises
    ------
    ValueError
        If there is no such task.
    """
    if task not in TASKS:
        raise ValueError(f"task must be one of {TASKS}, got {task!r}")
    levels = rng.choice([-1, 1], size=(n, N_BLOCKS))
    block = rng.integers(0, N_BLOCKS, n)
    x = rng.normal(size=(n, N_STEPS, N_GENES))
    x[:, :, list(READOUT)] += READOUT_HEIGHT * np.repeat(levels, 2, axis=1)[:, :, None]
    if task == "fixed":
        block[:] = FIXED_BLOCK
    else:
        for step in (0, 1):
            x[np.arange(n), 2 * block + step, MARKER] += MARKER_HEIGHT
    y = (levels[np.arange(n), block] > 0).astype(np.int64)
    return x.astype(np.float32), y, block


def best_probability(task: str, x: ArrayLike) -> Floats:
    """Return the probability of class 1 by Bayes' rule, ``(batch,)``: none is better.

    It sums over the block where the moment may have been, by what the marker says.
    """
    values = np.asarray(x, dtype=float)
    by_block = values.reshape(len(values), N_BLOCKS, 2, N_GENES).sum(axis=2)
    readout = by_block[:, :, list(READOUT)].sum(axis=2)
    high = expit(2 * READOUT_HEIGHT * readout)  # (batch, block)
    if task == "fixed":
        fixed: Floats = high[:, FIXED_BLOCK]
        return fixed
    evidence = MARKER_HEIGHT * by_block[:, :, MARKER]
    share = np.exp(evidence - logsumexp(evidence, axis=1, keepdims=True))
    found: Floats = (share * high).sum(axis=1)
    return found


def drivers(task: str, block: ArrayLike) -> NDArray[np.bool_]:
    """Return ``(batch, time, gene)``, true for the cells that decide each label.

    The readout genes at the moment; and where the moment moves, the marker there.
    """
    at = np.repeat(np.arange(N_BLOCKS), 2) == np.asarray(block)[:, None]
    genes = np.isin(np.arange(N_GENES), [*READOUT, *([MARKER] * (task == "moving"))])
    found: NDArray[np.bool_] = at[:, :, None] & genes
    return found


def simulated_set(task: str, number: int) -> tuple[Any, ...]:
    """Return series, labels and blocks for training, and then for the test."""
    rng = np.random.default_rng([15, TASKS.index(task), number])
    test = draw_series(task, N_TEST, rng)
    return (*draw_series(task, N_TRAIN, rng), *test)


def new_net(name: str, seed: int) -> AttentionClassifier:
    """Return an untrained net of ``NETS``; frozen weights stay as they are drawn."""
    if name not in NETS:
        raise ValueError(f"name must be one of {list(NETS)}, got {name!r}")
    seed_everything(seed)
    net = AttentionClassifier(N_GENES, **NETS[name])
    if name == FROZEN and net.attention is not None:
        net.attention.requires_grad_(False)
    return net


def trained(
    name: str, x: NDArray[np.float32], y: Indices, seed: int, n_epochs: int = N_EPOCHS
) -> AttentionClassifier:
    """Return a net of ``NETS`` trained on ``x`` and ``y``."""
    net = new_net(name, seed)
    fit(net, x, y[:, None].astype(np.float32), loss=binary_cross_entropy_with_logits,
        n_epochs=n_epochs, batch_size=BATCH_SIZE, learning_rate=LEARNING_RATE,
        seed=seed)  # fmt: skip
    net.eval()
    return net


def guided(
    x: NDArray[np.float32], y: Indices, weights: Floats, seed: int
) -> GuidedClassifier:
    """Return a net without recurrence, trained with the weights ``(batch, time)``."""
    seed_everything(seed)
    net = GuidedClassifier(N_GENES, NETS[STEPS]["hidden_size"])
    fit(net, (x, weights.astype(np.float32)), y[:, None].astype(np.float32),
        loss=binary_cross_entropy_with_logits, n_epochs=N_EPOCHS, seed=seed,
        batch_size=BATCH_SIZE, learning_rate=LEARNING_RATE)  # fmt: skip
    return net


def maps(net: AttentionClassifier, x: NDArray[np.float32]) -> dict[str, Any]:
    """Return output, pulls and weights of a net as arrays.

    ``output`` is ``(batch,)``, ``pulls`` and ``time`` ``(batch, time)``, ``gene``
    ``(batch, gene)`` and ``pair`` ``(batch, time, gene)``, where the net has them.
    """
    with torch.no_grad():
        said = net.explain(torch.as_tensor(x))
    found: dict[str, Any] = {
        "output": said.output[:, 0].double().numpy(),
        "pulls": pulls(net, said.states),
    }
    if said.time is not None:
        found["time"] = said.time.double().numpy()
    if said.gene is not None:
        found["gene"] = said.gene.double().numpy()
    if said.time is not None and said.gene is not None:
        found["pair"] = said.map().double().numpy()
    return found


def precisions(scores: dict[str, Floats], truth: NDArray[np.bool_]) -> dict[str, float]:
    """Return the mean average precision over series, by level.

    ``scores`` has ``time``, ``gene`` or ``pair`` (or some of them), as :func:`maps`.
    """
    known = {"time": truth.any(axis=2), "gene": truth.any(axis=1), "pair": truth}
    n = len(truth)
    return {
        level: float(
            average_precision(
                scores[level].reshape(n, -1), known[level].reshape(n, -1)
            ).mean()
        )
        for level in known
        if level in scores and scores[level].size == known[level].size
    }


def levels_of(cells: Floats) -> dict[str, Floats]:
    """Return scores of cells, ``(batch, time, gene)``, summed to each level."""
    return {"pair": cells, "time": cells.sum(axis=2), "gene": cells.sum(axis=1)}


def baseline(name: str, x: NDArray[np.float32], y: Indices) -> Any:
    """Return a baseline of ``BASELINES``, fitted to the flattened series."""
    model: Any
    if name == "logistic":
        model = LogisticRegression(C=0.1, max_iter=2000)
    elif name == "random forest":
        model = RandomForestClassifier(300, random_state=0)
    else:
        raise ValueError(f"name must be one of {BASELINES}, got {name!r}")
    return model.fit(x.reshape(len(x), -1), y)


def run_set(task: str, number: int) -> pd.DataFrame:
    """Return all measures of one simulated set: ``model, seed, measure, value``.

    Measures: ``accuracy``; ``weights, LEVEL`` and ``gradient, LEVEL``, average
    precisions; for nets with weights over time ``peak``, the mean largest weight,
    ``lag K``, the mean weight ``K`` blocks after the moment, ``far``, the distance to
    the least like weights with the same answer, ``seeds apart`` and ``answers apart``,
    the distances of weights and of probabilities between seeds; and ``peak, dealt``
    and ``accuracy, dealt`` after training with labels that were dealt at random.
    """
    x, y, _, x_test, y_test, block = simulated_set(task, number)
    truth = drivers(task, block)
    rows: list[dict[str, Any]] = []

    def note(model: str, seed: int, **values: float) -> None:
        rows.extend(
            {"model": model, "seed": seed, "measure": k.replace("__", ", ")
             .replace("_", " "), "value": v} for k, v in values.items()
        )  # fmt: skip

    best = (best_probability(task, x_test) > 0.5) == y_test
    note("best possible", 0, accuracy=best.mean())
    note("always the same", 0, accuracy=(y_test == np.bincount(y).argmax()).mean())
    for name in BASELINES:
        model = baseline(name, x, y)
        right = model.score(x_test.reshape(N_TEST, -1), y_test)
        note(name, 0, accuracy=right)
        if name == "logistic":
            terms = np.abs(x_test * model.coef_.reshape(N_STEPS, N_GENES)).astype(float)
            for level, value in precisions(levels_of(terms), truth).items():
                note(name, 0, **{f"gradient__{level}": value})
    for name in NETS:
        seen = []
        for seed in range(N_SEEDS):
            net = trained(name, x, y, seed)
            found = maps(net, x_test)
            seen.append(found)
            note(name, seed, accuracy=((found["output"] > 0) == y_test).mean())
            for level, value in precisions(found, truth).items():
                note(name, seed, **{f"weights__{level}": value})
            cells = levels_of(gradient_times_input(net, x_test))
            for level, value in precisions(cells, truth).items():
                note(name, seed, **{f"gradient__{level}": value})
            if "time" in found:
                _note_time(note, name, seed, found, block)
            if name == TIME:
                equal = np.full(N_STEPS, 1 / N_STEPS)
                for given, own in (
                    (
                        "equal",
                        (np.tile(equal, (len(x), 1)), np.tile(equal, (N_TEST, 1))),
                    ),
                    (TIME, (maps(net, x)["time"], found["time"])),
                ):
                    steps = guided(x, y, own[0], seed)
                    said = predict(steps, (x_test, own[1].astype(np.float32)))[:, 0]
                    note(GUIDED[given], seed, accuracy=((said > 0) == y_test).mean())
        if "time" in seen[0]:
            pairs = [(a, b) for a in range(N_SEEDS) for b in range(a)]
            apart = [
                total_variation(seen[a]["time"], seen[b]["time"]) for a, b in pairs
            ]
            gaps = [np.abs(expit(seen[a]["output"]) - expit(seen[b]["output"]))
                    for a, b in pairs]  # fmt: skip
            note(
                name,
                0,
                seeds_apart=float(np.mean(apart)),
                answers_apart=float(np.mean(gaps)),
            )
    dealt = np.random.default_rng([15, 7, number]).permutation(y)
    found = maps(trained(TIME, x, dealt, 0), x_test)
    note(TIME, 0, accuracy__dealt=((found["output"] > 0) == y_test).mean(),
         peak__dealt=found["time"].max(axis=1).mean(),
         weights__time__dealt=precisions(found, truth)["time"])  # fmt: skip
    return pd.DataFrame(rows).assign(task=task, unit=number)


def _note_time(
    note: Any, name: str, seed: int, found: dict[str, Any], block: Indices
) -> None:
    """Note what the weights over time are like."""
    weights = found["time"]
    by_block = weights.reshape(len(weights), N_BLOCKS, 2).sum(axis=2)
    lag = np.arange(N_BLOCKS) - block[:, None]
    for shift in range(-3, 4):
        if (lag == shift).any():
            note(name, seed, **{f"lag {shift}": by_block[lag == shift].mean()})
    other = other_weights(weights, found["pulls"])
    note(name, seed, peak=weights.max(axis=1).mean(),
         far=total_variation(weights, other).mean())  # fmt: skip
