"""Waves that decide, waves that do not: chapter 17's task with a known answer.

Two genes carry a wave, up and then down or the other way round, and its sign is the
class; two more carry a wave whose sign means nothing; four carry none. Every gene has a
level of its own in every series. Which cells were put in as drivers is known for each
series, and so is the best possible answer.
Heights, sizes and comparisons were set on one other simulated set, before the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from .attribution_tests import rescaled, truth_scores
from .coalitions import kernel_shap, lime, segments, shapley_sampling
from .interpretation import (
    BASELINES,
    Attribution,
    Method,
    baseline_series,
    expected_gradients,
    gradient_times_input,
    integrated_gradients,
    occlusion,
    outputs,
    saliency,
    smooth_gradient,
)
from .models import RecurrentClassifier
from .training import fit

N_STEPS, N_GENES = 16, 8
DRIVERS, DECOYS = (0, 1), (2, 3)
WAVE = np.array([1.0, 1.0, 1.0, -1.0, -1.0, -1.0])
HEIGHT, LEVEL = 1.5, 1.0  # in standard deviations of the noise
N_ONSETS = N_STEPS - len(WAVE) + 1

HIDDEN_SIZE = 16
LEARNING_RATE, BATCH_SIZE, PATIENCE = 0.01, 50, 10
N_EPOCHS = 60
N_VALIDATION, N_TEST, N_EXPLAINED = 500, 500, 40
SIZES = (100, 400, 1600)
N_SETS, SEEDS = 16, (0, 1)
POINTS, ORDERS, SAMPLES, SEGMENT = 16, 25, 500, 4
OWN = "own first"
NETS = (*(f"gru, {n}" for n in SIZES), f"lstm, {SIZES[-1]}", "perfect reader")
LARGE = f"gru, {SIZES[-1]}"

# the smallest difference of two average precisions that matters
DELTA = 0.05
IG, GXI = "integrated gradients", "gradient × input"
COMPARISONS = (
    # (net, method, against net, against method, kind), of average precision by cell
    (LARGE, "saliency", "none", "size of the input", "superiority"),
    (LARGE, "saliency", "none", "logistic, weight × input", "superiority"),
    (LARGE, f"{IG}, {OWN}", "none", "logistic, weight × input", "superiority"),
    (LARGE, f"{IG}, {OWN}", LARGE, f"{GXI}, {OWN}", "superiority"),
    (LARGE, f"{IG}, own mean", LARGE, f"{IG}, {OWN}", "superiority"),
    (LARGE, "saliency, rescaled", LARGE, "saliency", "superiority"),
    (LARGE, f"{IG}, rescaled", LARGE, f"{IG}, {OWN}", "superiority"),
    (LARGE, "Shapley sampling", LARGE, f"{IG}, {OWN}", "equivalence"),
    (LARGE, "kernel SHAP, segments", LARGE, "LIME, segments", "equivalence"),
    (f"lstm, {SIZES[-1]}", f"{IG}, {OWN}", LARGE, f"{IG}, {OWN}", "equivalence"),
    (LARGE, f"{IG}, {OWN}", f"gru, {SIZES[1]}", f"{IG}, {OWN}", "superiority"),
    ("perfect reader", f"{IG}, {OWN}", LARGE, f"{IG}, {OWN}", "superiority"),
)
SETTINGS: dict[str, Any] = {
    "series": [N_STEPS, N_GENES, HEIGHT, LEVEL, N_VALIDATION, N_TEST, N_EXPLAINED],
    "net": [HIDDEN_SIZE, LEARNING_RATE, BATCH_SIZE, PATIENCE, N_EPOCHS],
    "methods": [POINTS, ORDERS, SAMPLES, SEGMENT],
    "sizes": list(SIZES),
    "sets": N_SETS,
    "seeds": list(SEEDS),
    "delta": DELTA,
    "comparisons": [list(c) for c in COMPARISONS],
}


class Waves(NamedTuple):
    """Series ``(batch, time, gene)``, classes ``(batch,)``, and where the drivers are.

    ``truth`` has the shape of ``x`` and is ``True`` at the cells of the driving wave.
    """

    x: NDArray[np.float32]
    y: NDArray[np.int64]
    truth: NDArray[np.bool_]


def draw_waves(n: int, rng: np.random.Generator) -> Waves:
    """Return series of 16 times and 8 genes; in class 1 the drivers go up first.

    Genes 0 and 1 drive, 2 and 3 are decoys; each pair has one onset a series. Noise has
    a standard deviation of 1, and so have the levels of the genes.
    """
    y = rng.integers(0, 2, n)
    x = rng.normal(size=(n, N_STEPS, N_GENES)) + rng.normal(0, LEVEL, (n, 1, N_GENES))
    truth = np.zeros(x.shape, dtype=bool)
    for genes, signs in ((DRIVERS, y), (DECOYS, rng.integers(0, 2, n))):
        onsets = rng.integers(0, N_ONSETS, n)
        cells = onsets[:, None] + np.arange(len(WAVE))  # (n, 6)
        rows = np.arange(n)[:, None]
        for gene in genes:
            x[rows, cells, gene] += HEIGHT * (2 * signs[:, None] - 1) * WAVE
            truth[rows, cells, gene] = genes == DRIVERS
    return Waves(x.astype(np.float32), y.astype(np.int64), truth)


class PerfectReader(nn.Module):
    """The log odds of class 1 by Bayes' rule: no net answers better.

    A wave adds up to zero, so levels drop out, and the evidence for an onset is the
    inner product of the wave with the drivers there; onsets are added up.
    """

    wave: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("wave", torch.tensor(HEIGHT * WAVE, dtype=torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(batch, 1)`` log odds of ``x``, ``(batch, time, gene)``."""
        both = x[:, :, list(DRIVERS)].sum(dim=2)  # (batch, time)
        fits = both.unfold(1, len(WAVE), 1) @ self.wave  # (batch, onset)
        odds = torch.logsumexp(fits, dim=1) - torch.logsumexp(-fits, dim=1)
        return odds[:, None]


class WaveSet(NamedTuple):
    """One simulated set: series to train on, to stop by, to test, and to explain."""

    train: Waves
    validation: Waves
    test: Waves
    explained: Waves


def wave_set(number: int) -> WaveSet:
    """Return simulated set ``number``; smaller training sets are its first series."""
    rng = np.random.default_rng([17, number])
    sizes = (SIZES[-1], N_VALIDATION, N_TEST, N_EXPLAINED)
    return WaveSet(*(draw_waves(n, rng) for n in sizes))


def trained_net(
    waves: WaveSet, n_train: int, cell: str = "gru", seed: int = 0, device: str = "cpu"
) -> RecurrentClassifier:
    """Return a net trained on the first ``n_train`` series, stopped by validation."""
    torch.manual_seed(seed)
    net = RecurrentClassifier(N_GENES, HIDDEN_SIZE, cell)
    train, held_out = (
        (w.x, w.y[:, None].astype(np.float32)) for w in (waves.train, waves.validation)
    )
    fit(net, train[0][:n_train], train[1][:n_train],
        loss=binary_cross_entropy_with_logits, n_epochs=N_EPOCHS,
        learning_rate=LEARNING_RATE, batch_size=BATCH_SIZE, validation=held_out,
        patience=PATIENCE, seed=seed, device=device)  # fmt: skip
    return net


def accuracy(net: nn.Module, waves: Waves) -> float:
    """Return the share of series whose sign of the logit is right."""
    return float(((outputs(net, waves.x) > 0) == waves.y).mean())


def methods(waves: WaveSet) -> dict[str, Method]:
    """Return each method by name, as a function of a net and series.

    The baseline is the series' own first sample where the name says no other.
    """
    parts = segments(N_STEPS, N_GENES, SEGMENT)

    def with_baseline(
        method: Callable[..., Attribution], kind: str = OWN, *extra: Any, **more: Any
    ) -> Method:
        def attribute(net: nn.Module, x: Any) -> Attribution:
            return method(net, x, baseline_series(x, kind, waves.train.x), *extra,
                          **more)  # fmt: skip

        return attribute

    def two_steps(method: Callable[..., Attribution], keep: float = 1.0) -> Method:
        def attribute(net: nn.Module, x: Any) -> Attribution:
            start = baseline_series(x, OWN)
            return rescaled(_against(method, start), net, x, start, keep=keep)

        return attribute

    exact_enough = partial(integrated_gradients, n_points=POINTS)
    found = {
        "saliency": with_baseline(saliency),
        "smoothed gradient": with_baseline(smooth_gradient),
    }
    for kind in BASELINES:
        found[f"{GXI}, {kind}"] = with_baseline(gradient_times_input, kind)
        found[f"{IG}, {kind}"] = with_baseline(exact_enough, kind)
    return found | {
        "expected gradients": partial(_with_background, background=waves.train.x[:100]),
        "occlusion": with_baseline(occlusion),
        "Shapley sampling": with_baseline(shapley_sampling, n_orders=ORDERS),
        "LIME, segments": with_baseline(lime, OWN, parts, n_samples=SAMPLES),
        "kernel SHAP, segments": with_baseline(
            kernel_shap, OWN, parts, n_samples=SAMPLES
        ),
        "saliency, rescaled": two_steps(saliency),
        f"{GXI}, rescaled": two_steps(gradient_times_input),
        f"{IG}, rescaled": two_steps(exact_enough, keep=0.5),
    }


def _with_background(net: nn.Module, x: Any, background: Any) -> Attribution:
    return expected_gradients(net, x, background)


def _against(method: Callable[..., Attribution], baseline: Any) -> Method:
    """Return the method with each series' own baseline, also for masked copies.

    Masked copies of a batch come in the order of their series, each equally often.
    """

    def attribute(net: nn.Module, x: Any) -> Attribution:
        rows = np.repeat(np.arange(len(baseline)), len(x) // len(baseline))
        return method(net, x, baseline[rows])

    return attribute


def models_without_net(waves: WaveSet) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Give maps ``(batch, time, gene)`` that need no net, by name."""
    x = waves.explained.x
    flat, y = waves.train.x.reshape(len(waves.train.x), -1), waves.train.y
    yield "chance", np.random.default_rng(0).random(x.shape)
    yield "size of the input", (x - baseline_series(x, OWN)).astype(float)
    linear = LogisticRegression(C=0.1, max_iter=2000).fit(flat, y)
    yield (
        "logistic, weight × input",
        linear.coef_.reshape(x.shape[1:]) * (x - baseline_series(x, OWN)),
    )
    forest = RandomForestClassifier(200, min_samples_leaf=5, random_state=0)
    importances = forest.fit(flat, y).feature_importances_.reshape(x.shape[1:])
    yield "forest, importance", importances + np.zeros(x.shape)


def score_rows(
    net: str, seed: int, name: str, attribution: Attribution, waves: WaveSet
) -> dict[str, Any]:
    """Return one row of the table: the mean precisions of one map, and its gap."""
    scores = truth_scores(attribution, waves.explained.truth)
    means = {level: float(values.mean()) for level, values in scores.items()}
    row = {"net": net, "seed": seed, "method": name, **means}
    return row | {"relative_gap": attribution.relative_gap}


def scored_set(number: int) -> pd.DataFrame:
    """Return the rows of all nets and methods on one simulated set.

    Columns: ``set``, ``net``, ``method``, ``accuracy`` (of the net), ``gene``, ``time``
    and ``cell`` (mean average precision) and ``relative_gap``, averaged over seeds.
    """
    waves = wave_set(number)
    x, rows = waves.explained.x, []
    everything = methods(waves)
    for name in NETS:
        cell, _, size = name.partition(", ")
        for seed in SEEDS[:1] if name == "perfect reader" else SEEDS:
            net: nn.Module = PerfectReader()
            if size:
                net = trained_net(waves, int(size), cell, seed)
            right = accuracy(net, waves.test)
            for method, attribute in everything.items():
                row = score_rows(name, seed, method, attribute(net, x), waves)
                rows.append(row | {"accuracy": right})
    for name, values in models_without_net(waves):
        one = Attribution(values, name, np.full(len(x), np.nan))
        rows.append(score_rows("none", 0, name, one, waves) | {"accuracy": np.nan})
    table = pd.DataFrame(rows).drop(columns="seed")
    means = table.groupby(["net", "method"], sort=False).mean().reset_index()
    return means.assign(set=number)
