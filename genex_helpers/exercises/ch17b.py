"""Checks of chapter 17b: sanity of maps, and the genes that nets find."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.stats import binom, hypergeom, pearsonr, rankdata, spearmanr

from . import WrongAnswer, call, one_number
from .ch17 import _array

Answer = Callable[..., Any]


def check_similarity(answer: Answer) -> str:
    """``answer(one, other)`` is the rank correlation of the sizes of two maps."""
    rng = np.random.default_rng(0)
    one = rng.normal(size=(7, 4)) ** 3
    other = -one + rng.normal(size=one.shape) ** 3
    given = call(answer, one.copy(), other.copy())
    if isinstance(given, tuple) and len(given) == 2:
        raise WrongAnswer("`spearmanr` returns the correlation and a p value: take the "
                          "first, `[0]`.")  # fmt: skip
    found = one_number(given)
    a, b = np.abs(one).ravel(), np.abs(other).ravel()
    right = spearmanr(a, b)[0]
    if np.isclose(found, right):
        return "Right: what is large in one map is looked for in the other."
    rows = [spearmanr(np.abs(u), np.abs(v))[0] for u, v in zip(one, other, strict=True)]
    for wrong, words in (
        (spearmanr(one.ravel(), other.ravel())[0], "Of the *sizes*: these maps differ "
         "in sign, and agree in where they are large."),
        (pearsonr(a, b)[0], "That is Pearson's correlation, which a few large cells "
         "decide: take ranks."),
        (pearsonr(one.ravel(), other.ravel())[0], "Sizes, and ranks: that is the plain "
         "correlation of the values."),
        (abs(spearmanr(one.ravel(), other.ravel())[0]), "Take the size of each cell "
         "before ranking, not of the correlation at the end."),
        (float(np.mean(rows)), "All cells of the map in one ranking, not one a row."),
    ):  # fmt: skip
        if np.isclose(found, wrong):
            raise WrongAnswer(words)
    raise WrongAnswer(f"It is {right:.3f} for the check's maps; yours is {found:.3f}.")


def check_overlap(answer: Answer) -> str:
    """``answer(one, other, k)`` is the share of the top k that two rankings share."""
    rng = np.random.default_rng(1)
    one = rng.random(30)
    other = one + 0.5 * rng.random(30)
    for k in (5, 12):
        found = one_number(call(answer, one.copy(), other.copy(), k))
        tops = [set(np.argsort(-v)[:k].tolist()) for v in (one, other)]
        lows = [set(np.argsort(v)[:k].tolist()) for v in (one, other)]
        common = len(tops[0] & tops[1])
        if np.isclose(found, common / k):
            continue
        places = np.argsort(-one)[:k] == np.argsort(-other)[:k]
        for wrong, words in (
            (common, "That is the number; divide by `k`."),
            (common / len(tops[0] | tops[1]), "That divides by the union (Jaccard's "
             "index); divide by `k`."),
            (common / 30, "Divide by `k`, not by the number of genes."),
            (len(lows[0] & lows[1]) / k, "Those are the smallest scores."),
            (places.mean(), "Order within the top does not count: compare the sets."),
        ):  # fmt: skip
            if np.isclose(found, wrong):
                raise WrongAnswer(words)
        raise WrongAnswer(f"With k = {k} it is {common / k:.3f}; yours is {found:.3f}.")
    return "Right."


def check_share(answer: Answer) -> str:
    """``answer(values, chosen)`` is the share of each map on chosen genes, (batch,)."""
    rng = np.random.default_rng(2)
    values, chosen = rng.normal(size=(4, 6, 5)), np.array([1, 0, 0, 1, 0], dtype=bool)
    found = _array(call(answer, values.copy(), chosen), (4,), "One share a series")
    size = np.abs(values)
    right = size[:, :, chosen].sum(axis=(1, 2)) / size.sum(axis=(1, 2))
    if np.allclose(found, right):
        return "Right. A list of genes gets its size as its share from a blind map."
    for wrong, words in (
        (values[:, :, chosen].sum(axis=(1, 2)) / values.sum(axis=(1, 2)), "Values of "
         "opposite sign cancel: take sizes first."),
        (size[:, :, chosen].mean(axis=(1, 2)) / size.mean(axis=(1, 2)), "That compares "
         "means, which is how much more than its size the list gets; take sums."),
        ((size**2)[:, :, chosen].sum(axis=(1, 2)) / (size**2).sum(axis=(1, 2)),
         "Those are shares of squares: take sizes as they are."),
        (size[:, :, chosen].sum(axis=(1, 2)) / size.sum(), "Each series has a total of "
         "its own."),
        (size[:, :, chosen].sum(axis=(1, 2)), "Divide by the sum over all genes."),
        (1 - right, "That is the share of the other genes."),
    ):  # fmt: skip
        if np.allclose(found, wrong):
            raise WrongAnswer(words)
    raise WrongAnswer(f"The first share is {right[0]:.3f}; yours is {found[0]:.3f}.")


def check_enrichment(answer: Answer) -> str:
    """``answer(n_genes, n_listed, n_top, n_hits)`` is the hypergeometric p value."""
    for case in ((4000, 200, 50, 9), (200, 50, 50, 14), (30, 10, 6, 4)):
        found = one_number(call(answer, *case))
        n_genes, n_listed, n_top, n_hits = case
        law = hypergeom(n_genes, n_listed, n_top)
        right = law.sf(n_hits - 1)
        hits = np.arange(n_top + 1)
        likely = law.pmf(hits)
        two_sided = likely[likely <= law.pmf(n_hits) * (1 + 1e-7)].sum()
        if np.isclose(found, right, rtol=1e-6, atol=1e-14):
            continue
        for wrong, words in (
            (law.sf(n_hits), "`sf(k)` is the probability of *more* than k hits. That "
             "many itself belongs to it, too."),
            (law.pmf(n_hits), "That is the probability of exactly so many hits. Add "
             "that of more."),
            (law.cdf(n_hits), "That is the other tail: so many hits or fewer."),
            (hypergeom(n_genes, n_listed, n_listed).sf(n_hits - 1), "The number drawn "
             "is `n_top`, not `n_listed`."),
            (1 - right, "That is the other tail."),
            (binom(n_top, n_listed / n_genes).sf(n_hits - 1), "That is the binomial "
             "law, which puts each gene back before the next is drawn."),
            (two_sided, "That is the two-sided test, which counts lists with too few "
             "hits, too. Only many hits speak for enrichment."),
        ):  # fmt: skip
            if np.isclose(found, wrong, rtol=1e-6, atol=1e-14):
                raise WrongAnswer(words)
        raise WrongAnswer(
            f"For {n_hits} hits among {n_top} of {n_genes} genes with {n_listed} "
            f"listed, p is {right:.3g}; yours is {found:.3g}."
        )
    return "Right, if genes were drawn independently. They are not."


def check_before(answer: Answer) -> str:
    """``answer(levels, y)`` is each gene's AUROC before exposure, (gene,)."""
    rng = np.random.default_rng(3)
    y = np.repeat([0, 1], [6, 7])
    levels = np.round(rng.normal(size=(13, 4, 5)) + 0.4 * y[:, None, None], 1)
    levels[:4, 0] = levels[7:11, 0]  # ties
    found = _array(call(answer, levels.copy(), y.copy()), (5,), "One AUROC a gene")

    def aurocs(values: Any, labels: Any, ranks: Any = rankdata) -> Any:
        n = int(labels.sum())
        total = np.array([ranks(v)[labels == 1].sum() for v in values.T])
        return (total - n * (n + 1) / 2) / (n * (len(labels) - n))

    right = aurocs(levels[:, 0], y)
    if np.allclose(found, right):
        return "Right: no infection can have done this."
    changes = levels - levels[:, :1]

    def strict(values: Any) -> Any:
        return (values[y == 1][:, None] > values[y == 0][None]).mean(axis=(0, 1))

    for wrong, words in (
        (1 - right, "That is how often a *well* person is higher."),
        (aurocs(levels[:, -1], y), "That is after exposure: take the first sample."),
        (aurocs(levels.mean(axis=1), y), "That is the mean over all samples: take the "
         "first."),
        (aurocs(changes[:, -1], y), "Those are changes since the first sample; what "
         "differed before is in the levels."),
        (strict(levels[:, 0]), "A tie counts one half."),
        (np.abs(right - 0.5), "That is the distance from one half; return the AUROC."),
    ):  # fmt: skip
        if np.allclose(found, wrong):
            raise WrongAnswer(words)
    raise WrongAnswer(f"The first is {right[0]:.3f}; yours is {found[0]:.3f}.")


CHECKS = {
    "17b.1": check_similarity,
    "17b.2": check_overlap,
    "17b.3": check_share,
    "17b.4": check_enrichment,
    "17b.5": check_before,
}
