"""Shapes of a net, sizes of a training set, and choices about data: chapter 10's case.

Three tables. ``sizes``: GRUs of several hidden sizes, and logistic regression, by the
number of training series and of useless genes, on the simulated order task of
:mod:`genex_helpers.remedies` and on yeast phases. ``shapes``: nets of nearly one number
of parameters. ``choices``: influenza, leave-pair-out, one choice changed at a time.
The settings are those of earlier chapters; nothing was tuned for this comparison.

The claims, fixed before the run (superiority, and their smallest differences):

- 32 hidden units are right more often than 8, at each number of series (accuracy);
- two layers, and both directions, are right more often than one layer at nearly the
  same number of parameters (accuracy, order task);
- over seven choices each (that of chapter 9 and six others), AUROCs on influenza spread
  more for choices about data than for choices about the net (standard deviation);
- the net's choices spread them more than seven sets of seeds do (standard deviation).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from . import influenza, remedies, yeast
from .evaluation import Interval, pair_wins
from .many import fit_many
from .models import RecurrentClassifier
from .normalised_nets import NormalisedNet
from .preprocessing import SequenceComponents
from .recurrent_nets import RecurrentNet
from .seeds import seed_everything
from .splits import LeavePairOut
from .training import fit, predict

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

HIDDEN_SIZES = (2, 4, 8, 16, 32)
N_SERIES = (24, 96, 384)  # simulated training series
USELESS_GENES = (0, 24, 96)  # beside the 8 of the task, at 96 series
N_SETS, N_TEST, N_EPOCHS = 12, 500, 120
N_GENES_TRAINED = (40, 160, 640)  # yeast
YEAST_SEEDS = 2
YEAST_SIZES = (2, 8, 32)
LARGE, SMALL = 32, 8  # hidden sizes that the claim compares
LEARNING_RATE = 0.01

# nets of nearly one number of parameters on 8 inputs and 2 outputs
SHAPES: dict[str, dict[str, Any]] = {
    "one layer": {"hidden_size": 16},
    "two layers": {"hidden_size": 10, "n_layers": 2},
    "bidirectional": {"hidden_size": 10, "bidirectional": True},
    "mean of the states": {"hidden_size": 16, "pooling": "mean"},
    "maximum of the states": {"hidden_size": 16, "pooling": "max"},
    "layer normalisation": {"hidden_size": 16},
}
N_SHAPE_SERIES = 96

# influenza: the default of chapter 9, and six other choices on each side
HOURS = 45.0
INFLUENZA_SEEDS = 3
N_NULL = 7  # identical choices that differ in their seeds alone
DEFAULT = "as in chapter 9"
DATA_CHOICES = (
    "no own baseline", "not logged", "2 components", "24 components",
    "200 most variable genes", "z-score within a sample",
)  # fmt: skip
NET_CHOICES: dict[str, dict[str, Any]] = {
    "LSTM": {"cell": "lstm"},
    "32 hidden units": {"hidden_size": 32},
    "two layers": {"n_layers": 2},
    "bidirectional": {"bidirectional": True},
    "mean of the states": {"pooling": "mean"},
    "layer normalisation": {},
}

# the smallest differences that matter
DELTA_ACCURACY = 0.02
DELTA_SPREAD = 0.02  # of two standard deviations of AUROCs
SETTINGS: dict[str, Any] = {
    "hidden_sizes": list(HIDDEN_SIZES),
    "n_series": list(N_SERIES),
    "useless_genes": list(USELESS_GENES),
    "simulated": [N_SETS, N_TEST, N_EPOCHS],
    "yeast": [list(YEAST_SIZES), list(N_GENES_TRAINED), YEAST_SEEDS, yeast.N_EPOCHS],
    "claim": [LARGE, SMALL],
    "learning_rate": LEARNING_RATE,
    "shapes": SHAPES,
    "n_shape_series": N_SHAPE_SERIES,
    "influenza": [HOURS, INFLUENZA_SEEDS, N_NULL, influenza.N_EPOCHS],
    "data_choices": list(DATA_CHOICES),
    "net_choices": NET_CHOICES,
    "delta": [DELTA_ACCURACY, DELTA_SPREAD],
}


def simulated_set(
    number: int, n_series: int, useless: int = 0
) -> tuple[NDArray[np.float32], Indices, NDArray[np.float32], Indices]:
    """Return training and test series and labels of simulated set ``number``.

    A longer training set begins with the shorter one's series; the test series stay.
    ``useless`` genes of pure noise are appended to the task's eight.
    """
    rng = np.random.default_rng([10, number])
    x_test, y_test = remedies.draw_series(N_TEST, rng)
    x, y = remedies.draw_series(max(N_SERIES), rng)
    x, y = x[:n_series], y[:n_series]

    def widened(values: NDArray[np.float32], part: int) -> NDArray[np.float32]:
        own = np.random.default_rng([10, number, part])
        noise = own.normal(size=(*values.shape[:2], useless))
        return np.concatenate([values, noise.astype(np.float32)], axis=2)

    return widened(x, 1), y, widened(x_test, 2), y_test


def logistic_logits(
    x_train: NDArray[np.float32], y_train: Indices, x_test: NDArray[np.float32]
) -> Floats:
    """Return ``(test, class)`` log probabilities of logistic regression, flattened."""
    model = LogisticRegression(C=0.1, max_iter=2000)
    model.fit(x_train.reshape(len(x_train), -1), y_train)
    said: Floats = model.predict_log_proba(x_test.reshape(len(x_test), -1))
    full = np.full((len(x_test), int(y_train.max()) + 1), -np.inf)
    full[:, model.classes_] = said
    return full


def gru_logits(
    hidden_size: int,
    trains: list[tuple[NDArray[np.float32], Indices]],
    tests: list[NDArray[np.float32]],
    *,
    n_outputs: int,
    n_epochs: int,
    seeds: list[int],
) -> list[NDArray[np.float32]]:
    """Train a GRU on each of ``trains``; return ``(test, class)`` for each."""
    nets = []
    for (x, _), seed in zip(trains, seeds, strict=True):
        seed_everything(seed)
        nets.append(RecurrentClassifier(x.shape[2], hidden_size, "gru", n_outputs))
    fit_many(
        nets, [x for x, _ in trains], [y for _, y in trains], loss=cross_entropy,
        n_epochs=n_epochs, learning_rate=LEARNING_RATE, seeds=seeds,
    )  # fmt: skip
    return [predict(net, x) for net, x in zip(nets, tests, strict=True)]


def simulated_sizes(hidden_size: int, n_series: int, useless: int = 0) -> pd.DataFrame:
    """Return the accuracy of each set, for a GRU; hidden size 0 means logistic."""
    sets = [simulated_set(k, n_series, useless) for k in range(N_SETS)]
    if hidden_size:
        said = gru_logits(
            hidden_size, [(x, y) for x, y, _, _ in sets], [s[2] for s in sets],
            n_outputs=2, n_epochs=N_EPOCHS, seeds=list(range(N_SETS)),
        )  # fmt: skip
    else:
        said = [logistic_logits(x, y, x_test) for x, y, x_test, _ in sets]  # type: ignore[misc]
    score = [
        remedies.hits(o, s[3]).mean() for o, s in zip(said, sets, strict=True)
    ]  # fmt: skip
    return pd.DataFrame(
        {"task": "order", "hidden_size": hidden_size, "n": n_series,
         "useless": useless, "unit": range(N_SETS), "right": score, "rows": 1}
    )  # fmt: skip


def yeast_sizes(hidden_size: int, n_genes: int) -> pd.DataFrame:
    """Return how many genes of each cluster are told right, averaged over seeds.

    ``n_genes`` of the genes outside a fold teach; the course is ``alpha``.
    """
    case = yeast.phase_case()
    rows = []
    for number, (train, test) in enumerate(yeast.gene_folds(case)):
        drawn = np.random.default_rng([10, number]).permutation(train)[:n_genes]
        x = yeast.scaled_by_training(case.courses["alpha"], drawn)
        part = (x[drawn], case.y[drawn])
        if hidden_size:
            said = gru_logits(
                hidden_size, [part] * YEAST_SEEDS, [x[test]] * YEAST_SEEDS,
                n_outputs=5, n_epochs=yeast.N_EPOCHS, seeds=list(range(YEAST_SEEDS)),
            )  # fmt: skip
        else:
            said = [logistic_logits(*part, x[test])]  # type: ignore[list-item]
        right = np.mean([remedies.hits(o, case.y[test]) for o in said], axis=0)
        rows.append(pd.DataFrame({"unit": case.clusters[test], "right": right}))
    told = pd.concat(rows).groupby("unit")["right"].agg(["sum", "size"]).reset_index()
    told.columns = ["unit", "right", "rows"]
    return told.assign(task="yeast", hidden_size=hidden_size, n=n_genes, useless=0)


def shaped_net(
    name: str, n_inputs: int, n_outputs: int, settings: dict[str, Any]
) -> nn.Module:
    """Return a net of a shape in ``SHAPES`` or ``NET_CHOICES``, by its name."""
    if name == "layer normalisation":
        size = settings.get("hidden_size", influenza.HIDDEN_SIZE)
        return NormalisedNet(n_inputs, size, n_outputs)
    chosen = {"hidden_size": influenza.HIDDEN_SIZE} | settings
    return RecurrentNet(n_inputs, n_outputs=n_outputs, **chosen)


def simulated_shape(name: str) -> pd.DataFrame:
    """Return the accuracy of each simulated set for a shape of ``SHAPES``."""
    rows = []
    for number in range(N_SETS):
        x, y, x_test, y_test = simulated_set(number, N_SHAPE_SERIES)
        seed_everything(number)
        net = shaped_net(name, x.shape[2], 2, SHAPES[name])
        fit(net, x, y, loss=cross_entropy, n_epochs=N_EPOCHS,
            learning_rate=LEARNING_RATE, seed=number)  # fmt: skip
        right = remedies.hits(predict(net, x_test), y_test).mean()
        rows.append({"shape": name, "unit": number, "right": right})
    return pd.DataFrame(rows)


def influenza_inputs(choice: str) -> tuple[NDArray[np.float32], Indices, int]:
    """Return the series under a choice about data, the labels, and the components."""
    x, y, sequences = influenza.series_and_labels(HOURS)
    n_components = influenza.N_COMPONENTS
    if choice in ("no own baseline", "not logged", "z-score within a sample"):
        from .own_baseline import series_on_both_scales

        raw = series_on_both_scales()[0]["as measured"][:, sequences.times <= HOURS]
        if choice == "no own baseline":
            x = raw
        elif choice == "not logged":
            x = 2.0**raw
            x = x - x[:, :1]
        else:
            spread = raw.std(axis=2, keepdims=True)
            x = (raw - raw.mean(axis=2, keepdims=True)) / spread
            x = x - x[:, :1]
    elif choice.endswith("components"):
        n_components = int(choice.split()[0])
    elif choice not in (DEFAULT, "200 most variable genes"):
        raise ValueError(f"choice must be one of {DATA_CHOICES}, got {choice!r}")
    return x.astype(np.float32), y, n_components


def influenza_features(choice: str) -> tuple[list[Any], Indices, list[Any]]:
    """Return for each pair the components of all people, the labels, and the folds.

    What is fitted, genes of most variance and axes, is fitted to the training people.
    """
    x, y, n_components = influenza_inputs(choice)
    folds = list(LeavePairOut().split(x, y))
    features = []
    for train, _ in folds:
        own = x
        if choice.startswith("200"):
            spread = x[train].reshape(-1, x.shape[2]).var(axis=0)
            own = x[:, :, np.sort(np.argsort(spread)[-200:])]
        axes = SequenceComponents(n_components).fit(own[train])
        features.append(axes.transform(own))
    return features, y, folds


def pair_table(
    choice: str, features: list[Any], y: Indices, folds: list[Any], seeds: list[int],
    *, net: dict[str, Any] | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Return the wins of every pair, averaged over ``seeds``: ``ill, well, win``.

    ``net`` gives the settings of another net than the GRU of chapter 9.
    """
    jobs = [(k, seed) for seed in seeds for k in range(len(folds))]
    target = y[:, None].astype(np.float32)
    settings: dict[str, Any] = {
        "loss": binary_cross_entropy_with_logits, "n_epochs": influenza.N_EPOCHS,
        "learning_rate": influenza.LEARNING_RATE,
    }  # fmt: skip
    nets: list[Any] = []
    for k, seed in jobs:
        seed_everything(seed)
        n_inputs = features[k].shape[2]
        if net is None or (net and set(net) <= {"cell", "hidden_size"}):
            size = (net or {}).get("hidden_size", influenza.HIDDEN_SIZE)
            cell = (net or {}).get("cell", "gru")
            nets.append(RecurrentClassifier(n_inputs, size, cell))
        else:
            nets.append(shaped_net(choice, n_inputs, 1, net))
            fit(nets[-1], features[k][folds[k][0]], target[folds[k][0]], seed=seed,
                **settings)  # fmt: skip
    if isinstance(nets[0], RecurrentClassifier):
        fit_many(nets, [features[k][folds[k][0]] for k, _ in jobs],
                 [target[folds[k][0]] for k, _ in jobs],
                 seeds=[s for _, s in jobs], **settings)  # fmt: skip
    rows = []
    for (k, _), one in zip(jobs, nets, strict=True):
        pair = folds[k][1]
        said = predict(one, features[k][pair])[:, 0]
        ill, well = (int(np.flatnonzero(y[pair] == c)[0]) for c in (1, 0))
        win = float(pair_wins(said[[ill]], said[[well]])[0])
        rows.append({"ill": int(pair[ill]), "well": int(pair[well]), "win": win})
    wins = pd.DataFrame(rows).groupby(["ill", "well"])["win"].mean().reset_index()
    wins["choice"] = choice
    return wins


def spreads(wins: Floats, n_resamples: int = 10_000, seed: int = 0) -> Floats:
    """Return the spread of AUROCs over options, as estimated and of each resample.

    Parameters
    ----------
    wins
        ``(option, ill, well)``, averaged over seeds.

    Returns
    -------
    numpy.ndarray
        ``(1 + n_resamples,)`` standard deviations over the options. One seed gives one
        draw of people, so the spreads of two sides are paired.

    Raises
    ------
    ValueError
        If there are fewer than two options.
    """
    values = np.asarray(wins, dtype=float)
    if values.ndim != 3 or len(values) < 2:
        raise ValueError(
            f"wins must be (option, ill, well) with two options or more, got shape "
            f"{values.shape}"
        )
    rng = np.random.default_rng(seed)
    n_ill, n_well = values.shape[1:]
    ill = rng.multinomial(n_ill, np.full(n_ill, 1 / n_ill), n_resamples)
    well = rng.multinomial(n_well, np.full(n_well, 1 / n_well), n_resamples)
    ill = np.vstack([np.ones(n_ill, dtype=int), ill])
    well = np.vstack([np.ones(n_well, dtype=int), well])
    auroc = np.einsum("bi,oij,bj->bo", ill, values, well) / (n_ill * n_well)
    spread: Floats = auroc.std(axis=1, ddof=1)
    return spread


def spread_difference(one: Floats, other: Floats) -> Interval:
    """Return how much wider the AUROCs of ``one`` spread than those of ``other``."""
    gaps = spreads(one) - spreads(other)
    low, high = np.quantile(gaps[1:], [0.025, 0.975])
    return Interval(float(gaps[0]), float(low), float(high))
