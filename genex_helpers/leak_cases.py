"""The leaks of chapter 8 on the book's data, each with true or permuted labels.

A case has labels to permute and two ways to score them, which differ in the leak alone.
Settings were fixed before the first run, and none was tuned.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, StratifiedKFold

from .datasets import load
from .influenza import interferon_score, series_and_labels
from .leaks import (
    N_CHOSEN,
    N_COMPONENTS,
    Floats,
    Ints,
    Outcome,
    compare_scores,
    kernel_of,
    leave_pair_out,
    leave_pair_out_with_inner,
    pairs_of,
    ridge_scores,
    strongest,
    t_statistics,
)
from .preprocessing import counts_per_million
from .splits import GeneKFold, coexpression_clusters

HOURS = 45.0
N_FOLDS = 10
N_SAMPLE_FOLDS = 5
N_CLUSTERS = 100
SHIFT, STRETCH, NOISE = 1.0, 0.2, 0.3  # the second platform, in log2 units
TRIALS = (1, 3, 10, 30, 100, 300, 1000)

Score = Callable[[Ints], Outcome]


@dataclass(frozen=True)
class Case:
    """One leak: what a label belongs to, and the two ways to score it.

    Attributes
    ----------
    y
        ``(unit,)`` true labels, 0 or 1.
    correct, leaky
        Functions of labels.
    within
        ``(unit,)`` labels stay within units of one value.
    """

    y: Ints
    correct: Score
    leaky: Score
    within: NDArray[np.int64] | None = None

    def labelling(self, number: int) -> Ints:
        """Return the true labels for 0, and permuted ones for other numbers."""
        if number == 0:
            return self.y
        rng = np.random.default_rng([number, len(self.y)])
        if self.within is None:
            return rng.permutation(self.y)
        dealt = self.y.copy()
        for value in np.unique(self.within):
            rows = np.flatnonzero(self.within == value)
            dealt[rows] = rng.permutation(self.y[rows])
        return dealt


@cache
def volunteers() -> tuple[Floats, Ints]:
    """Return each person's mean change up to 45 hours, ``(17, gene)``, and labels."""
    x, y, _ = series_and_labels(HOURS)
    return x[:, 1:].mean(axis=1, dtype=float), y


def selection() -> Case:
    """Genes chosen by their t on everyone, or on the training people of each pair."""
    x, y = volunteers()

    def correct(labels: Ints) -> Outcome:
        kernels = []
        for pair in pairs_of(labels):
            rest = np.delete(np.arange(len(labels)), pair)
            kernels.append(kernel_of(x[:, strongest(x[rest], labels[rest])]))
        return leave_pair_out(np.stack(kernels), labels)

    def leaky(labels: Ints) -> Outcome:
        return leave_pair_out(kernel_of(x[:, strongest(x, labels)]), labels)

    return Case(y, correct, leaky)


def gene_list() -> Case:
    """A list made from these very people, or one made without them; nothing is fitted.

    The list: the 50 genes with the largest t, and their signs; the score: their mean.
    """
    x, y = volunteers()
    series, _, sequences = series_and_labels(HOURS)
    frozen = interferon_score(series, sequences.genes)

    def correct(labels: Ints) -> Outcome:
        return compare_scores(frozen, labels)

    def leaky(labels: Ints) -> Outcome:
        t = t_statistics(x, labels)
        chosen = strongest(x, labels, N_CHOSEN)
        return compare_scores(x[:, chosen] @ np.sign(t[chosen]), labels)

    return Case(y, correct, leaky)


def label_free(step: str) -> Case:
    """Scaling, or scaling and principal components, on everyone or on training people.

    ``step`` is ``"scaling"`` or ``"components"``; neither looks at a label.
    """
    x, y = volunteers()
    n = len(y)
    everyone = _prepared(x, np.arange(n), step)
    by_pair = {}
    for i in range(n):
        for j in range(i):
            rest = np.delete(np.arange(n), [i, j])
            by_pair[frozenset((i, j))] = _prepared(x, rest, step)

    def correct(labels: Ints) -> Outcome:
        found = [by_pair[frozenset((int(i), int(j)))] for i, j in pairs_of(labels)]
        return leave_pair_out(np.stack(found), labels)

    def leaky(labels: Ints) -> Outcome:
        return leave_pair_out(everyone, labels)

    return Case(y, correct, leaky)


def _prepared(x: Floats, train: Ints, step: str) -> Floats:
    """Return the kernel after z-scores, and components, fitted on ``train``."""
    if step not in ("scaling", "components"):
        raise ValueError(f"step must be 'scaling' or 'components', got {step!r}")
    z = (x - x[train].mean(axis=0)) / x[train].std(axis=0)
    if step == "components":
        axes = np.linalg.svd(z[train], full_matrices=False)[2][:N_COMPONENTS]
        z = z @ axes.T
    return kernel_of(z)


@cache
def _samples() -> tuple[Floats, Ints, Floats, Ints]:
    """Return log2 values, subject numbers and hours of all samples, and labels."""
    adata = load("influenza_challenge")
    _, y, _ = series_and_labels(HOURS)
    subject = np.unique(adata.obs["subject"].to_numpy(str), return_inverse=True)[1]
    hours = adata.obs["hours"].to_numpy(float)
    return np.asarray(adata.X, dtype=float), subject, hours, y


def samples_of_a_person() -> Case:
    """Samples dealt to folds one by one, or people held out; scores are means."""
    x, subject, _, y = _samples()
    kernel = kernel_of(x)

    def correct(labels: Ints) -> Outcome:
        return _people_held_out(kernel, subject, subject, labels)

    def leaky(labels: Ints) -> Outcome:
        scores = np.empty(len(x))
        folds = KFold(N_SAMPLE_FOLDS, shuffle=True, random_state=0)
        for train, test in folds.split(x):
            scores[test] = ridge_scores(kernel, labels[subject], train, test)
        return compare_scores(
            np.bincount(subject, scores) / np.bincount(subject), labels
        )

    return Case(y, correct, leaky)


def second_accession() -> Case:
    """A model of one "study" tried on another that holds the same people, or not.

    A re-enactment: every other hour of each person goes to a second study, whose
    platform moves and stretches each gene and adds noise; each study is centred by
    itself, as one does across platforms. The correct score leaves both samples' people
    out of the first study.
    """
    x, subject, hours, y = _samples()
    second = np.isin(hours, np.unique(hours)[1::2])
    rng = np.random.default_rng(8)
    shift = rng.normal(0, SHIFT, x.shape[1])
    stretch = np.exp(rng.normal(0, STRETCH, x.shape[1]))
    measured = x.copy()
    measured[second] = x[second] * stretch + shift
    measured[second] += rng.normal(0, NOISE, measured[second].shape)
    for study in (second, ~second):
        measured[study] -= measured[study].mean(axis=0)
    kernel = kernel_of(measured)
    first_study = np.where(second, -1, subject)  # rows to train on
    second_study = np.where(second, subject, -1)  # rows to test on
    n = len(y)

    def correct(labels: Ints) -> Outcome:
        return _people_held_out(kernel, first_study, second_study, labels)

    def leaky(labels: Ints) -> Outcome:
        train, test = np.flatnonzero(~second), np.flatnonzero(second)
        scores = ridge_scores(kernel, labels[subject], train, test)
        means = np.bincount(subject[test], scores, n) / np.bincount(subject[test])
        return compare_scores(means, labels)

    return Case(y, correct, leaky)


def _people_held_out(
    kernel: Floats, train_subject: Ints, test_subject: Ints, labels: Ints
) -> Outcome:
    """Leave pairs of people out; -1 marks rows that are in neither part."""
    rows = labels[np.maximum(train_subject, test_subject)]
    wins = []
    for pair in pairs_of(labels):
        train = np.flatnonzero((train_subject >= 0) & ~np.isin(train_subject, pair))
        parts = [np.flatnonzero(test_subject == person) for person in pair]
        scores = ridge_scores(kernel, rows, train, np.concatenate(parts))
        gap = scores[: len(parts[0])].mean() - scores[len(parts[0]) :].mean()
        wins.append((np.sign(gap) + 1) / 2)
    matrix = np.reshape(wins, (int(labels.sum()), -1))
    return Outcome(matrix, np.ones(matrix.shape, dtype=bool))


def batch_as_label() -> Case:
    """Cancer against the rest on arrays of five batches.

    One set of held-out scores, counted over all pairs, or over pairs of one batch.
    Labels are permuted *within* batches, so that all there is to find is the batch.
    """
    adata = load("bladder_batches")
    y = (adata.obs["tissue"].to_numpy(str) == "cancer").astype(np.int64)
    batch = adata.obs["batch"].to_numpy().astype(str).astype(np.int64)
    kernel = kernel_of(np.asarray(adata.X)[:, ~adata.var["control"].to_numpy(bool)])

    def scored(labels: Ints) -> Floats:
        scores = np.empty(len(y))
        folds = StratifiedKFold(N_SAMPLE_FOLDS, shuffle=True, random_state=0)
        for train, test in folds.split(y, labels):
            scores[test] = ridge_scores(kernel, labels, train, test)
        return scores

    def correct(labels: Ints) -> Outcome:
        return compare_scores(scored(labels), labels, batch)

    def leaky(labels: Ints) -> Outcome:
        return compare_scores(scored(labels), labels)

    return Case(y, correct, leaky, within=batch)


def replicates() -> Case:
    """Two lanes of every cell line: the second in training while the first is tested.

    A re-enactment: each read goes to one of two lanes by a coin, which is how lanes of
    one sample differ. Genes are log2 counts per million; all are used.
    """
    adata = load("lymphoblastoid_counts")
    counts = np.asarray(adata.X).astype(np.int64)
    lane = np.random.default_rng(7).binomial(counts, 0.5)
    both = np.concatenate([lane, counts - lane])  # first lanes, then second lanes
    kernel = kernel_of(np.log2(counts_per_million(both) + 1))
    y = (adata.obs["sex"].to_numpy(str) == "male").astype(np.int64)
    n = len(y)

    def scored(labels: Ints, astride: bool) -> Outcome:
        scores, fold_of = np.empty(n), np.empty(n, dtype=np.int64)
        folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=0)
        for fold, (train, test) in enumerate(folds.split(y, labels)):
            rows = np.concatenate([train, np.arange(n) + n if astride else train + n])
            scores[test] = ridge_scores(kernel, np.tile(labels, 2), rows, test)
            fold_of[test] = fold
        return compare_scores(scores, labels, fold_of)

    def correct(labels: Ints) -> Outcome:
        return scored(labels, astride=False)

    def leaky(labels: Ints) -> Outcome:
        return scored(labels, astride=True)

    return Case(y, correct, leaky)


Choices = list[tuple[Floats, Floats]]


def tuning(labels: Ints, trials: tuple[int, ...] = TRIALS) -> Choices:
    """Try settings at random, and choose on the test people or inside the training.

    A setting is an hour, a number of genes, which genes, and a penalty; the list of
    trials is the same for all labels.

    Returns
    -------
    list of (leaky, correct)
        For each number of trials the wins ``(pair,)`` of the setting whose
        leave-pair-out score was best, and of the one that each pair's other people
        chose by leave-one-out among themselves.
    """
    x, _, _ = series_and_labels(HOURS)
    rng = np.random.default_rng(5)
    wins, errors = [], []
    for _ in range(max(trials)):
        hour = rng.integers(1, x.shape[1])
        n_genes = rng.choice([10, 30, 100, 300])
        genes = rng.choice(x.shape[2], n_genes, replace=False)
        penalty = rng.choice([0.01, 0.1, 1.0])
        kernel = kernel_of(x[:, hour, genes])
        won, error = leave_pair_out_with_inner(kernel, labels, penalty)
        wins.append(won)
        errors.append(error)
    table, inner = np.array(wins), np.array(errors)  # (trial, pair)
    found = []
    for n in trials:
        best = table[:n].mean(axis=1).argmax()
        own = inner[:n].argmin(axis=0)  # (pair,)
        found.append((table[best], table[own, np.arange(table.shape[1])]))
    return found


@dataclass(frozen=True)
class ZeroSum:
    """Squared errors by cluster of genes: ours, and those of the past mean."""

    error: Floats
    reference: Floats

    @property
    def skill(self) -> float:
        """The share of the squared error that a forecast removes."""
        return float(1 - self.error.sum() / self.reference.sum())


@cache
def _alpha_course() -> tuple[Floats, Ints]:
    """Return complete genes of the alpha course, ``(gene, time)``, and clusters."""
    adata = load("yeast_cell_cycle")
    rows = adata.obs["course"].to_numpy(str) == "alpha"
    values = np.asarray(adata.X, dtype=float)[rows].T
    values = values[np.isfinite(values).all(axis=1)]
    return values, coexpression_clusters(values, N_CLUSTERS)


def zero_sum(number: int, recentre: bool) -> ZeroSum:
    """Forecast the last value of yeast genes from those before it, by ridge.

    Parameters
    ----------
    number
        0 for the true order; else each gene's times are permuted, so that nothing is
        left to forecast.
    recentre
        Centre each gene on the values before the forecast, as is correct; ``False``
        keeps the authors' centring over the whole course.
    """
    values, clusters = _alpha_course()
    if number > 0:
        values = np.random.default_rng(number).permuted(values, axis=1)
    past_mean = values[:, :-1].mean(axis=1)
    x = values - past_mean[:, None] if recentre else values
    forecast = np.empty(len(x))
    for train, test in GeneKFold(N_SAMPLE_FOLDS, seed=0).split(x, groups=clusters):
        model = Ridge(alpha=1.0).fit(x[train, :-1], x[train, -1])
        forecast[test] = model.predict(x[test, :-1])
    error = (forecast - x[:, -1]) ** 2
    reference = (past_mean - values[:, -1]) ** 2
    sums = [np.bincount(clusters, part).astype(float) for part in (error, reference)]
    return ZeroSum(*sums)


CASES: dict[str, Callable[[], Case]] = {
    "genes chosen on everyone": selection,
    "gene list from the same people": gene_list,
    "samples of one person on both sides": samples_of_a_person,
    "same people under two accessions": second_accession,
    "replicates on both sides": replicates,
    "batch that is the label": batch_as_label,
    "scaling on everyone": lambda: label_free("scaling"),
    "components on everyone": lambda: label_free("components"),
}
TUNING = "settings chosen on the test people"
CENTRING = "centring over the whole course"
