"""Who knows when it is wrong? Chapter 11b's case: probabilities and their rivals.

One GRU's softmax, the same after a temperature, five GRUs averaged, dropout with many
passes and with one, and logistic regression, on series whose true probabilities are
known (chapter 11's simulated task) and on the phases of yeast genes. The settings and
the comparisons were fixed before the first full run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from torch.nn.functional import cross_entropy

from .calibration import (
    best_temperature,
    brier_scores,
    calibration_error,
    confidence_and_hits,
    error_detection,
    log_losses,
    softmax,
)
from .dropout import DropoutNet, keep_dropping
from .many import fit_many
from .models import RecurrentClassifier
from .remedies import best_probability, draw_series
from .splits import GeneKFold
from .training import fit, predict
from .yeast import COURSES, PHASES, gene_folds, phase_case, scaled_by_training

TASKS = ("simulated", "yeast")
METHODS = (
    "softmax", "temperature", "ensemble", "dropout", "dropout, one pass", "logistic",
)  # fmt: skip
HIDDEN_SIZE = 16
LEARNING_RATE = 0.01
N_EPOCHS = 150
N_NETS = 5  # of an ensemble; the first of them is the softmax
SEEDS = (0, 1)  # each with nets of its own; averaged within a set, or within genes
RATES = (0.1, 0.25, 0.5)  # of dropout; the validation series choose
N_PASSES = 50
N_SETS = 12
N_SERIES = {"train": 200, "validation": 100, "test": 1000}
N_INNER = 5  # one in so many training clusters of yeast is for validation
METRICS = ("log loss", "Brier score", "calibration error", "error detection")
DELTA = {"log loss": 0.05, "calibration error": 0.02, "error detection": 0.02}
COMPARISONS = (
    ("log loss", "softmax", "dropout"),
    ("log loss", "dropout, one pass", "dropout"),
    ("log loss", "dropout", "ensemble"),
    ("log loss", "dropout", "temperature"),
    ("calibration error", "softmax", "dropout"),
    ("error detection", "dropout", "softmax"),
    ("error detection", "dropout", "dropout, one pass"),
    ("error detection", "dropout", "ensemble"),
)  # for each task: the first less the second, superiority; losses: the second is better
SETTINGS: dict[str, Any] = {
    "hidden_size": HIDDEN_SIZE,
    "learning_rate": LEARNING_RATE,
    "n_epochs": N_EPOCHS,
    "n_nets": N_NETS,
    "seeds": list(SEEDS),
    "rates": list(RATES),
    "n_passes": N_PASSES,
    "n_sets": N_SETS,
    "n_series": N_SERIES,
    "n_inner": N_INNER,
    "delta": DELTA,
    "comparisons": [list(c) for c in COMPARISONS],
}

Floats = NDArray[np.float64]
Series = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Part:
    """A simulated set, or a fold of yeast genes.

    Attributes
    ----------
    x, y
        By name: ``"train"``, ``"validation"``, and the tests: ``"test"``, and for yeast
        ``"elu"``, the same genes in another experiment.
    units
        ``(row,)`` what the test rows belong to: the set, or a cluster of genes.
    truth
        ``(row,)`` true probability of class 1, where it is known.
    """

    number: int
    n_classes: int
    x: dict[str, Series]
    y: dict[str, Labels]
    units: Labels
    truth: Floats | None = None

    @property
    def tests(self) -> list[str]:
        """Names of the series that nothing was fitted to."""
        return [name for name in self.x if name not in ("train", "validation")]


def parts(task: str) -> list[Part]:
    """Return the simulated sets, or the folds of yeast genes.

    A fold's scale comes from its training genes in the alpha course, for elu as well:
    a net in use would not know better.
    """
    if task not in TASKS:
        raise ValueError(f"task must be one of {TASKS}, got {task!r}")
    return _simulated() if task == "simulated" else _yeast()


def _simulated() -> list[Part]:
    found = []
    for number in range(N_SETS):
        rng = np.random.default_rng([112, number])
        drawn = {name: draw_series(n, rng) for name, n in N_SERIES.items()}
        x = {name: series for name, (series, _) in drawn.items()}
        y = {name: labels for name, (_, labels) in drawn.items()}
        units = np.full(N_SERIES["test"], number)
        found.append(Part(number, 2, x, y, units, best_probability(x["test"])))
    return found


def _yeast() -> list[Part]:
    case, found = phase_case(), []
    alpha, elu = (case.courses[name] for name in COURSES)
    for number, (pool, test) in enumerate(gene_folds(case)):
        inner = GeneKFold(N_INNER, seed=0).split(
            pool, case.y[pool], case.clusters[pool]
        )
        train, validation = (pool[rows] for rows in next(iter(inner)))
        rows = {"train": train, "validation": validation, "test": test}
        x = {name: scaled_by_training(alpha, train)[own] for name, own in rows.items()}
        x["elu"] = (elu[test] / alpha[train].std()).astype(np.float32)
        y = {name: case.y[own] for name, own in rows.items()} | {"elu": case.y[test]}
        found.append(Part(number, len(PHASES), x, y, case.clusters[test]))
    return found


def train_nets(among: Sequence[Part], seed: int) -> list[list[RecurrentClassifier]]:
    """Return ``N_NETS`` trained GRUs for each part, all trained at once."""
    nets = [
        [_new_net(part, 100 * seed + k) for k in range(N_NETS)] for part in among
    ]  # fmt: skip
    fit_many(
        [net for own in nets for net in own],
        [part.x["train"] for part in among for _ in range(N_NETS)],
        [part.y["train"] for part in among for _ in range(N_NETS)],
        loss=cross_entropy,
        n_epochs=N_EPOCHS,
        learning_rate=LEARNING_RATE,
    )
    return nets


def train_dropout_net(part: Part, seed: int) -> tuple[DropoutNet, float]:
    """Return a GRU trained with variational dropout, and the rate that was chosen.

    The one with the lowest log loss of its many passes on the validation series. A
    single input is not dropped: for yeast, that would take the gene away.
    """
    tried = []
    for rate in RATES:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            n_inputs = part.x["train"].shape[2]
            net = DropoutNet(
                n_inputs, HIDDEN_SIZE, part.n_classes,
                dropout=rate if n_inputs > 1 else 0.0, recurrent_dropout=rate,
            )  # fmt: skip
            fit(net, part.x["train"], part.y["train"], loss=cross_entropy,
                n_epochs=N_EPOCHS, learning_rate=LEARNING_RATE, seed=seed)  # fmt: skip
        p = many_passes(net, part.x["validation"], seed)
        tried.append((log_losses(part.y["validation"], p).mean(), rate, net))
    _, rate, net = min(tried, key=lambda row: row[0])
    return net, rate


def many_passes(net: DropoutNet, x: Series, seed: int) -> Floats:
    """Return the mean of the probabilities of ``N_PASSES`` passes, dropping in each."""
    values = torch.as_tensor(x)
    with torch.no_grad(), torch.random.fork_rng(devices=[]), keep_dropping(net):
        torch.manual_seed(seed)
        drawn = [softmax(net(values).numpy()) for _ in range(N_PASSES)]
    mean: Floats = np.mean(drawn, axis=0)
    return mean


def probabilities(
    part: Part, nets: Sequence[RecurrentClassifier], seed: int
) -> dict[str, dict[str, Floats]]:
    """Return ``(row, class)`` probabilities by method and test."""
    found: dict[str, dict[str, Floats]] = {name: {} for name in METHODS}
    first, (dropping, _) = nets[0], train_dropout_net(part, seed)
    logits = predict(first, part.x["validation"])
    temperature = best_temperature(part.y["validation"], logits)
    for test in part.tests:
        x = part.x[test]
        each = [predict(net, x) for net in nets]
        found["softmax"][test] = softmax(each[0])
        found["temperature"][test] = softmax(each[0] / temperature)
        found["ensemble"][test] = np.mean([softmax(z) for z in each], axis=0)
        found["dropout"][test] = many_passes(dropping, x, seed)
        found["dropout, one pass"][test] = softmax(predict(dropping, x))
        if x.shape[1] == part.x["train"].shape[1]:  # it needs the same times
            found["logistic"][test] = logistic(part, x)
    return found


def logistic(part: Part, x: Series) -> Floats:
    """Return probabilities of logistic regression on all values of a series."""
    train = part.x["train"]
    model = LogisticRegression(max_iter=2000)
    model.fit(train.reshape(len(train), -1), part.y["train"])
    shares: Floats = model.predict_proba(x.reshape(len(x), -1))
    return shares


def measures(y: Labels, p: Floats) -> dict[str, float]:
    """Return the metrics of one method's probabilities, and its accuracy."""
    confidence, right = confidence_and_hits(y, p)
    return {
        "log loss": float(log_losses(y, p).mean()),
        "Brier score": float(brier_scores(y, p).mean()),
        "calibration error": calibration_error(confidence, right, bins="mass"),
        "error detection": error_detection(confidence, right),
        "accuracy": float(right.mean()),
        "confidence": float(confidence.mean()),
    }


def _new_net(part: Part, seed: int) -> RecurrentClassifier:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        n_inputs = part.x["train"].shape[2]
        return RecurrentClassifier(n_inputs, HIDDEN_SIZE, "gru", part.n_classes)
