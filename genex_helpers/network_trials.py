"""Who regulates whom, in simulated networks: the case of chapter 18.

Random networks of 10 and of 100 genes answer a known signal. A method sees the series
of one design and ranks all possible edges; its average precision is compared with the
share of edges that are true. All designs but the first cost the same samples.
The settings of the nets were chosen by validation loss on networks 1000 to 1002, which
the experiment does not use, and comparisons and smallest differences were set after
looking at these; see `SETTINGS`.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from . import network_motifs as motifs
from . import simulator as sim
from .network_nets import NetRates
from .network_scores import (
    average_precision,
    edge_density,
    forecast_skill,
    true_edges,
)
from .networks_from_series import Courses, DecayForest, LaggedCorrelation, LinearRates

DENSITY = {10: 0.15, 100: 0.02}
N_NETWORKS = {10: 16, 100: 6}
SEEDS = (0, 1)
N_TREES = {10: 100, 100: 25}
NET: dict[int, dict[str, Any]] = {
    10: {"hidden_size": 32, "learning_rate": 0.01, "weight_decay": 1.0},
    100: {"hidden_size": 128, "learning_rate": 0.003, "weight_decay": 5.0},
}
MOTIF_NET = {"hidden_size": 16, "learning_rate": 0.01, "weight_decay": 1.0}
N_MOTIF_SETS = 8

# the series: hours, molecules a unit of expression, spread of the measurement
LAST, PULSE, CHANGED = 80.0, (8.0, 32.0), 40.0  # a changed gene recovers at 40 hours
SYSTEM_SIZE, ERROR = 1000.0, 0.05
OVER = 3.0  # times its making, of an over-expressed gene
DESIGNS = {  # series, times
    "few": (5, 21),
    "more times": (5, 84),
    "more repeats": (20, 21),
    "perturbed": (20, 21),
}
N_TEST = 10

CORRELATION, RIDGE, LASSO, FOREST = "correlation", "ridge", "lasso", "forest"
JACOBIAN, ATTRIBUTION, WEIGHTS = "GRU, jacobian", "GRU, attribution", "GRU, weights"
FORECASTERS = (RIDGE, LASSO, FOREST, JACOBIAN)
READ_AS = {JACOBIAN: "jacobian", ATTRIBUTION: "attribution", WEIGHTS: "weights"}
METHODS = (CORRELATION, *FORECASTERS, ATTRIBUTION, WEIGHTS)
TOGETHER = "GRU, jacobians averaged"

# the smallest differences that matter: of an average precision, of a share of pairs
DELTA = {10: 0.05, 100: 0.02}
DELTA_PAIRS = 0.1
COMPARISONS = (  # a minus b, in the perturbed design
    (JACOBIAN, "chance"),
    (JACOBIAN, CORRELATION),
    (JACOBIAN, RIDGE),
    (FOREST, RIDGE),
    (JACOBIAN, WEIGHTS),
)
DESIGN_COMPARISONS = (  # a minus b, the mean of the four forecasters
    ("perturbed", "more times"),
    ("more times", "few"),
)
SETTINGS: dict[str, Any] = {
    "density": [f"{n} genes: {d}" for n, d in DENSITY.items()],
    "networks": [f"{n} genes: {k}" for n, k in N_NETWORKS.items()],
    "designs": {k: list(v) for k, v in DESIGNS.items()},
    "seeds": list(SEEDS),
    "nets": {str(k): v for k, v in NET.items()},
    "trees": {str(k): v for k, v in N_TREES.items()},
    "motif_sets": N_MOTIF_SETS,
    "delta": [f"{n} genes: {d}" for n, d in DELTA.items()],
    "delta_pairs": DELTA_PAIRS,
    "claims": [
        *(f"{a} has a higher average precision than {b}" for a, b in COMPARISONS),
        *(f"{a} shows more than {b}" for a, b in DESIGN_COMPARISONS),
        "of two forecasters of a network, the one that forecasts series without "
        "(and with) new perturbations better ranks its edges better",
    ],
}


def network_of(n_genes: int, number: int) -> sim.Network:
    """Return network ``number`` of this size; one input, the signal, is known."""
    return sim.random_network(
        n_genes, DENSITY[n_genes], 10_000 * n_genes + number, inputs=("signal",)
    )


def series_of(network: sim.Network, design: str, number: int) -> Courses:
    """Return the series of a design, measured with error.

    Every series gets the same pulse of the signal. In the perturbed design each gene is
    knocked out in one series and over-expressed in another, until `CHANGED`, a tenth of
    the genes in each series; ``free`` says when they were left alone.
    """
    n_series, n_times = DESIGNS[design]
    changes = _each_once(network, number) if design == "perturbed" else []
    return _simulated(network, n_series, n_times, changes, number, stream=0)


def new_series_of(
    network: sim.Network, design: str, number: int, *, perturbed: bool
) -> Courses:
    """Return new series, at the times of a design, to test forecasts on.

    ``perturbed``: in each, two tenths of the genes, drawn at random, are knocked out.
    """
    changes = []
    if perturbed:
        rng = np.random.default_rng([184, number])
        n_changed = max(1, network.n_genes // 5)
        for i in range(N_TEST):
            genes = rng.choice(network.n_genes, n_changed, replace=False)
            changes += [(i, int(gene), 0.0) for gene in genes]
    return _simulated(
        network, N_TEST, DESIGNS[design][1], changes, number, stream=1 + perturbed
    )


def _each_once(network: sim.Network, number: int) -> list[tuple[int, int, float]]:
    """Return series, gene and factor: out in one of ten series, over in one of ten."""
    genes = np.random.default_rng([185, number]).permutation(network.n_genes)
    tenths = np.array_split(genes, 10)
    return [
        (series, int(gene), factor)
        for k, tenth in enumerate(tenths)
        for gene in tenth
        for series, factor in ((k, 0.0), (10 + k, OVER))
    ]


def _simulated(
    network: sim.Network,
    n_series: int,
    n_times: int,
    changes: list[tuple[int, int, float]],
    number: int,
    stream: int,
) -> Courses:
    times = np.linspace(0, LAST, n_times)
    start, width = PULSE
    done: list[Any] = [sim.pulse("signal", 1.0, at=start, width=width)]
    free = np.ones((n_series, n_times, network.n_genes), dtype=bool)
    for series, gene, factor in changes:
        done.append(
            sim.GeneChange(network.genes[gene], factor, 0.0, CHANGED, (series,))
        )
        free[series, times < CHANGED, gene] = False
    seed = 10 * number + stream
    found = sim.simulate(network, times, n_series, seed=seed, settle=150,
                         system_size=SYSTEM_SIZE, perturbations=done)  # fmt: skip
    rng = np.random.default_rng([186, seed])
    levels = motifs.measured(found.expression, ERROR, rng)
    return Courses(levels, times, found.inputs, free)


def estimator(name: str, n_genes: int, seed: int = 0) -> Any:
    """Return a new estimator; any ``GRU`` gives the net, whatever its reading."""
    if name == CORRELATION:
        return LaggedCorrelation()
    if name in (RIDGE, LASSO):
        return LinearRates(name)
    if name == FOREST:
        return DecayForest(N_TREES.get(n_genes, 100), seed)
    if name in METHODS:
        return NetRates(**NET.get(n_genes, MOTIF_NET), seed=seed)
    raise ValueError(f"name must be one of {METHODS}, got {name!r}")


def trial(n_genes: int, number: int, design: str) -> pd.DataFrame:
    """Return one row a method and seed: average precision, and skill of forecasts.

    Only edges between genes count; what the signal acts on is left out.
    """
    network = network_of(n_genes, number)
    truth = true_edges(network)[:n_genes]
    seen = series_of(network, design, number)
    tests = [new_series_of(network, design, number, perturbed=p)
             for p in (False, True)]  # fmt: skip
    rows, jacobians = [], []
    for name in (CORRELATION, RIDGE, LASSO, FOREST, JACOBIAN):
        for seed in SEEDS if name == JACOBIAN else (0,):
            model = estimator(name, n_genes, seed).fit(seen)
            skills = [np.nan, np.nan]
            if name in FORECASTERS:
                skills = [forecast_skill(t, model.forecast(t)) for t in tests]
            scores = {name: model.scores_}
            if name == JACOBIAN:
                scores = {
                    word: model.readings_[reading] for word, reading in READ_AS.items()
                }
                jacobians.append(model.scores_)
            rows += [(m, seed, s[:n_genes], *skills) for m, s in scores.items()]
    rows.append((TOGETHER, 0, np.mean(jacobians, axis=0)[:n_genes], np.nan, np.nan))
    table = [(m, s, average_precision(e, truth), *skill) for m, s, e, *skill in rows]
    names = ["method", "seed", "precision", "skill", "skill_perturbed"]
    return pd.DataFrame(table, columns=names).assign(
        n_genes=n_genes, network=number, design=design, chance=edge_density(truth)
    )


def motif_trial(case: str, number: int) -> pd.DataFrame:
    """Return one row a method and possible edge: its score, and whether it is true.

    Scores are divided by the largest of the method.
    """
    motif = motifs.CASES[case](number)
    n_genes = motif.truth.shape[1]
    rows = []
    for name in (CORRELATION, RIDGE, LASSO, FOREST, JACOBIAN):
        scores = estimator(name, n_genes, number).fit(motif.courses).scores_
        off = [(i, j) for i in range(len(scores)) for j in range(n_genes) if i != j]
        most = max(scores[i, j] for i, j in off)
        rows += [(name, motif.names[i], motif.names[j], scores[i, j] / most,
                  int(motif.truth[i, j])) for i, j in off]  # fmt: skip
    names = ["method", "regulator", "gene", "score", "edge"]
    return pd.DataFrame(rows, columns=names).assign(case=case, set=number)


def agreement(skill: dict[str, float], precision: dict[str, float]) -> float:
    """Return the share of pairs of methods that two scores rank the same way.

    A tie of either counts one half.
    """
    if set(skill) != set(precision) or len(skill) < 2:
        raise ValueError(
            "skill and precision must name the same two or more methods, got "
            f"{sorted(skill)} and {sorted(precision)}"
        )
    agreed = [
        0.5 + 0.5 * np.sign(skill[a] - skill[b]) * np.sign(precision[a] - precision[b])
        for a, b in combinations(sorted(skill), 2)
    ]
    return float(np.mean(agreed))
