"""Does it help a net to know what is missing? Tasks, contestants and settings.

Chapter 6 shows the tasks and recomputes a slice;
``experiments/gru_d_against_filling.py`` does the whole, with the settings that stand
here; ``gap_nets.py`` trains the nets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .datasets import load
from .gru_d import last_observed, time_gaps
from .simulator import cascade, class_labels, simulate
from .simulator.measurement import lost_at_random, lost_by_value
from .splits import GeneKFold, coexpression_clusters
from .yeast import N_CLUSTERS, N_FOLDS, PHASES

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

PATTERNS = ("at random", "by value", "by visit")
LOST = 0.6  # share of the values that is lost, the same in all patterns
HOURS: Floats = np.asarray(np.arange(24), dtype=np.float64)
DRIVER = ("g2", 8.0, 1.0)  # gene, hour and weight of what decides the label
FLIP = 0.05  # share of labels turned round
N_TRAIN, N_TEST = 800, 400  # series of a simulated set
TUNING_SETS = (0, 1)  # on these the learning rate is chosen, and nothing else
TEST_SETS = tuple(range(10, 20))
SEEDS = tuple(range(5))
LEARNING_RATES = (0.003, 0.01, 0.03)
N_UPDATES, BATCH_SIZE = 250, 32
SIZE = 16  # hidden units of the plain GRU; the others get as many parameters
CLIP = 1.0
COURSE, HIDDEN = "cdc15", 0.5  # yeast: the irregular course; share hidden by us
DELTA = 0.03  # smallest difference of AUROC, or of accuracy, that matters

CONTESTANTS = (
    "mean fill",
    "forward fill",
    "line fill",
    "forward fill, mask",
    "forward fill, mask, gaps",
    "GRU-D",
)
BASELINES = ("logistic, shares", "logistic, series", "logistic, series, mask")
COMPARISONS = (
    ("forward fill", "mean fill"),
    ("line fill", "forward fill"),
    ("forward fill, mask", "forward fill"),
    ("forward fill, mask, gaps", "forward fill, mask"),
    ("GRU-D", "forward fill"),
    ("GRU-D", "forward fill, mask, gaps"),
    ("GRU-D", "logistic, series, mask"),
)  # each: is the first better than the second, by more than DELTA?
TASKS = (*PATTERNS, "yeast")
GUESSES = {  # what we expected of each of TASKS before the first run
    COMPARISONS[0]: ("supported", "supported", "supported", "undecided"),
    COMPARISONS[1]: ("refuted", "refuted", "refuted", "supported"),
    COMPARISONS[2]: ("refuted", "supported", "supported", "supported"),
    COMPARISONS[3]: ("refuted", "refuted", "refuted", "refuted"),
    COMPARISONS[4]: ("refuted", "supported", "supported", "supported"),
    COMPARISONS[5]: ("refuted", "refuted", "refuted", "refuted"),
    COMPARISONS[6]: ("refuted", "refuted", "refuted", "supported"),
}
SETTINGS: dict[str, Any] = {
    "lost": LOST,
    "driver": list(DRIVER),
    "flip": FLIP,
    "series": [N_TRAIN, N_TEST],
    "tuning_sets": list(TUNING_SETS),
    "test_sets": list(TEST_SETS),
    "seeds": list(SEEDS),
    "learning_rates": list(LEARNING_RATES),
    "updates": N_UPDATES,
    "batch_size": BATCH_SIZE,
    "size": SIZE,
    "clip": CLIP,
    "yeast": [COURSE, HIDDEN],
    "delta": DELTA,
    "comparisons": [list(c) for c in COMPARISONS],
    "guesses": [list(GUESSES[c]) for c in COMPARISONS],
}


@dataclass(frozen=True)
class GapSet:
    """Series with gaps, and what is asked of them.

    Attributes
    ----------
    values
        ``(batch, time, gene)``, standardised by the observed training values; NaN where
        missing.
    times
        ``(time,)`` in units of the usual step.
    y
        ``(batch,)`` class.
    train, test
        Rows.
    """

    values: Floats
    times: Floats
    y: NDArray[np.int64]
    train: NDArray[np.int64]
    test: NDArray[np.int64]

    @property
    def mask(self) -> Mask:
        """``(batch, time, gene)``, ``True`` where observed."""
        return np.isfinite(self.values)


def simulated_series(number: int) -> tuple[Floats, NDArray[np.int64], Floats]:
    """Return the whole series of a simulated set, its labels, and what drives them.

    People meet a virus at different hours, for different times and in different doses;
    a cascade of three genes answers. The label says whether the second gene stood above
    the median at one early hour, so it must be remembered to the end.

    Returns
    -------
    x
        ``(batch, time, gene)`` natural logarithm of expression, with noise.
    y
        ``(batch,)``, 0 or 1.
    score
        ``(batch,)`` what the label is made from, mean 0 and variance 1.
    """
    rng = np.random.default_rng([number, 1])
    n_series = N_TRAIN + N_TEST
    begins = rng.uniform(1, 12, (n_series, 1))
    lasts, dose = rng.uniform(3, 9, (n_series, 1)), rng.lognormal(0, 0.5, (n_series, 1))
    signal = 0.2 + dose * ((begins <= HOURS) & (begins + lasts > HOURS))
    simulation = simulate(
        cascade(3, decay=0.4), HOURS, n_series, seed=number, system_size=100,
        inputs={"signal": signal}, subject_spread=0.2, settle=20,
    )  # fmt: skip
    labels = class_labels(simulation, [DRIVER], seed=number, flip=FLIP)
    x = np.log(simulation.expression + 0.05)
    noisy = x + 0.2 * rng.standard_normal(x.shape)
    return noisy, labels.values.astype(np.int64), labels.score


def lose(x: Floats, score: Floats, pattern: str, seed: int) -> Mask:
    """Return what is still observed, ``(batch, time, gene)``, after a pattern of loss.

    ``"at random"``: each value alone, whatever it is. ``"by value"``: the higher a
    value, the likelier it is lost. ``"by visit"``: whole samples, and the higher a
    person's score, the *more* samples there are. The share lost is about the same.
    """
    rng = np.random.default_rng([seed, 2])
    if pattern == "at random":
        lost_values = lost_at_random((len(x), x[0].size), LOST, rng)
        return ~lost_values.reshape(x.shape)
    if pattern == "by value":
        lost = [lost_by_value(x[..., g], LOST, rng) for g in range(x.shape[2])]
        return ~np.stack(lost, axis=-1)
    if pattern == "by visit":
        height = np.broadcast_to(-score[:, None], x.shape[:2])
        lost_samples = lost_by_value(height, LOST, rng, slope=1.0)
        return np.broadcast_to(~lost_samples[..., None], x.shape).copy()
    raise ValueError(f"pattern must be one of {list(PATTERNS)}, got {pattern!r}")


def simulated_set(number: int, pattern: str) -> GapSet:
    """Return a simulated set with gaps; sets of one number differ in the gaps only."""
    x, y, score = simulated_series(number)
    mask = lose(x, score, pattern, seed=number)
    rows = np.arange(len(y))
    train, test = rows[:N_TRAIN], rows[N_TRAIN:]
    values = standardised(np.where(mask, x, np.nan), train)
    return GapSet(values, HOURS, y, train, test)


def yeast_sets() -> tuple[list[GapSet], NDArray[np.int64]]:
    """Return one set a fold of genes, and the cluster of each gene.

    The irregular course as measured, half of its values hidden besides, at random; the
    phase of the gene is asked for. Genes with fewer than half of the course measured
    are left out, so that all have some values. Clusters come from the whole course, its
    gaps filled by lines, and decide only which genes share a fold.
    """
    adata = load("yeast_cell_cycle")
    rows = adata.obs["course"].to_numpy(dtype=str) == COURSE
    x = np.asarray(adata.X)[rows].T.astype(float)  # (gene, time)
    minutes = adata.obs["minutes"].to_numpy(float)[rows]
    keep = np.isfinite(x).mean(axis=1) >= 0.5
    phase = adata.var["phase"].to_numpy(dtype=str)[keep]
    x, y = x[keep], np.array([PHASES.index(p) for p in phase], dtype=np.int64)
    seen = np.isfinite(x)
    clusters = coexpression_clusters(
        line_filled(x[..., None], seen[..., None], minutes)[..., 0], N_CLUSTERS
    )
    left = seen & (np.random.default_rng(0).random(x.shape) >= HIDDEN)
    shown = np.where(left, x, np.nan)
    shown = shown - np.nanmean(shown, axis=1, keepdims=True)  # centred on what is left
    folds = GeneKFold(N_FOLDS, seed=0).split(y, y, clusters)
    times = minutes / np.median(np.diff(minutes))
    sets = [
        GapSet(standardised(shown[..., None], train), times, y, train, test)
        for train, test in folds
    ]
    return sets, clusters


def standardised(values: Floats, train: NDArray[np.int64]) -> Floats:
    """Return values with mean 0 and spread 1 over what is observed in ``train``."""
    known = values[train].reshape(-1, values.shape[2])
    scaled: Floats = (values - np.nanmean(known, axis=0)) / np.nanstd(known, axis=0)
    return scaled


def line_filled(values: Floats, mask: Mask, times: Floats) -> Floats:
    """Return values with gaps joined by lines in each row; 0 where nothing is known.

    Beyond the first and the last observation the nearest one is repeated.
    """
    filled = np.zeros(values.shape)
    for row in range(values.shape[0]):
        for gene in range(values.shape[2]):
            seen = mask[row, :, gene]
            if seen.any():
                known = values[row, seen, gene]
                filled[row, :, gene] = np.interp(times, times[seen], known)
    return filled


def inputs_of(contestant: str, data: GapSet) -> NDArray[np.float32]:
    """Return what a contestant sees, ``(batch, time, input)``, without NaN.

    A filled course, and beside it, where the name says so, the mask and the gaps.
    GRU-D gets 0 for what is missing, the mask and the gaps, and fills for itself.
    """
    if contestant not in CONTESTANTS:
        raise ValueError(
            f"contestant must be one of {list(CONTESTANTS)}, got {contestant!r}"
        )
    mask = data.mask
    if contestant.startswith("forward fill"):
        filled = last_observed(data.values, mask)
    elif contestant == "line fill":
        filled = line_filled(data.values, mask, data.times)
    else:
        filled = np.where(mask, data.values, 0.0)
    parts = [filled]
    if "mask" in contestant or contestant == "GRU-D":
        parts.append(mask.astype(float))
    if "gaps" in contestant or contestant == "GRU-D":
        parts.append(time_gaps(mask, data.times))
    return np.concatenate(parts, axis=-1).astype(np.float32)


def baseline_scores(baseline: str, data: GapSet) -> Floats:
    """Return logits ``(test, class)`` of logistic regression, fitted on ``train``.

    ``"logistic, shares"`` sees only how much of each gene was observed;
    ``"logistic, series"`` the forward-filled course as one long row;
    ``"logistic, series, mask"`` the mask as well.
    """
    from sklearn.linear_model import LogisticRegression

    if baseline == "logistic, shares":
        flat = data.mask.mean(axis=1)
    elif baseline in BASELINES:
        flat = inputs_of(baseline.replace("logistic, series", "forward fill"), data)
        flat = flat.reshape(len(flat), -1)
    else:
        raise ValueError(f"baseline must be one of {list(BASELINES)}, got {baseline!r}")
    model = LogisticRegression(max_iter=2000).fit(flat[data.train], data.y[data.train])
    logits: Floats = model.decision_function(flat[data.test])
    return logits
