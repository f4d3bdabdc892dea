"""The checks of chapter 17b: right answers, stubs, and the common wrong answers."""

from __future__ import annotations

from typing import Any

import numpy as np
from exercise_cells import mistaken
from scipy.stats import binom, fisher_exact, hypergeom, pearsonr, rankdata, spearmanr

NOTEBOOK = "17b_sanity_and_genes.ipynb"
NAMES = {
    "17b.1": "rank_similarity",
    "17b.2": "top_overlap",
    "17b.3": "share_of_map",
    "17b.4": "enrichment_p",
    "17b.5": "aurocs_before",
}
GIVEN = {"np": np, "hypergeom": hypergeom, "rankdata": rankdata,
         "spearmanr": spearmanr}  # fmt: skip


def alike(one: Any, other: Any, way: str = "") -> Any:
    if way not in ("signed", "plain"):
        one, other = np.abs(one), np.abs(other)
    if way == "rows":
        return np.mean([spearmanr(u, v)[0] for u, v in zip(one, other, strict=True)])
    measure = pearsonr if way in ("pearson", "plain") else spearmanr
    found = measure(one.ravel(), other.ravel())
    return found if way == "both" else found[0]


def overlap(one: Any, other: Any, k: int, way: str = "") -> Any:
    sign = 1 if way == "lowest" else -1
    a, b = (np.argsort(sign * v)[:k] for v in (one, other))
    common = len(set(a) & set(b))
    if way == "places":
        return (a == b).mean()
    if way == "number":
        return common
    below = {"union": len(set(a) | set(b)), "all": len(one)}.get(way, k)
    return common / below


def share(values: Any, chosen: Any, way: str = "") -> Any:
    size = values if way == "signed" else np.abs(values)
    add = np.mean if way == "means" else np.sum
    part, whole = add(size[:, :, chosen], axis=(1, 2)), add(size, axis=(1, 2))
    if way == "sum":
        return part
    if way == "one total":
        return part / size.sum()
    return 1 - part / whole if way == "others" else part / whole


def p_value(n_genes: int, n_listed: int, n_top: int, n_hits: int, way: str = "") -> Any:
    law = hypergeom(n_genes, n_listed, n_listed if way == "swapped" else n_top)
    if way == "exactly":
        return law.pmf(n_hits)
    if way == "fewer":
        return law.cdf(n_hits)
    if way == "other":
        return law.cdf(n_hits - 1)
    return law.sf(n_hits if way == "more" else n_hits - 1)


def two_sided(n_genes: int, n_listed: int, n_top: int, n_hits: int) -> Any:
    other = n_genes - n_listed - n_top + n_hits
    return fisher_exact([[n_hits, n_listed - n_hits], [n_top - n_hits, other]])[1]


def before(levels: Any, y: Any, way: str = "") -> Any:
    values = levels[:, 0]
    if way == "after":
        values = levels[:, -1]
    elif way == "mean":
        values = levels.mean(axis=1)
    elif way == "changes":
        values = levels[:, -1] - levels[:, 0]
    ill, well = values[y == 1][:, None], values[y == 0][None]
    wins = (ill > well) + (0 if way == "ties" else 0.5) * (ill == well)
    found = wins.mean(axis=(0, 1))
    if way == "distance":
        return np.abs(found - 0.5)
    return 1 - found if way == "well" else found


RIGHT: dict[str, Any] = {
    "17b.1": alike,
    "17b.2": overlap,
    "17b.3": share,
    "17b.4": p_value,
    "17b.5": before,
}


WRONG: list[tuple[str, Any, str]] = [
    ("17b.1", mistaken(alike, "signed"), "*sizes*"),
    ("17b.1", mistaken(alike, "pearson"), "take ranks"),
    ("17b.1", mistaken(alike, "plain"), "plain correlation"),
    ("17b.1", mistaken(alike, "rows"), "in one ranking"),
    ("17b.1", mistaken(alike, "both"), "take the first"),
    ("17b.1", lambda *a: abs(alike(*a, way="signed")), "before ranking"),
    ("17b.1", lambda *a: 2.0, "yours is 2.000"),
    ("17b.2", mistaken(overlap, "number"), "divide by `k`"),
    ("17b.2", mistaken(overlap, "union"), "Jaccard"),
    ("17b.2", mistaken(overlap, "all"), "not by the number of genes"),
    ("17b.2", mistaken(overlap, "lowest"), "smallest"),
    ("17b.2", mistaken(overlap, "places"), "compare the sets"),
    ("17b.2", lambda *a: 2.5, "yours is 2.500"),
    ("17b.3", mistaken(share, "signed"), "take sizes first"),
    ("17b.3", mistaken(share, "means"), "take sums"),
    ("17b.3", mistaken(share, "one total"), "total of its own"),
    ("17b.3", mistaken(share, "sum"), "Divide by the sum"),
    ("17b.3", mistaken(share, "others"), "other genes"),
    ("17b.3", lambda values, chosen: share(values**2, chosen), "shares of squares"),
    ("17b.3", lambda *a: share(*a)[0], "One share a series"),
    ("17b.3", lambda *a: share(*a) + 2, "first share is"),
    ("17b.4", mistaken(p_value, "more"), "*more* than k"),
    ("17b.4", mistaken(p_value, "exactly"), "exactly so many"),
    ("17b.4", mistaken(p_value, "fewer"), "or fewer"),
    ("17b.4", mistaken(p_value, "other"), "other tail"),
    ("17b.4", mistaken(p_value, "swapped"), "not `n_listed`"),
    ("17b.4", lambda n, k, top, hits: binom(top, k / n).sf(hits - 1), "puts each gene"),
    ("17b.4", two_sided, "two-sided"),
    ("17b.4", lambda *a: 0.5, "yours is 0.5"),
    ("17b.5", mistaken(before, "after"), "after exposure"),
    ("17b.5", mistaken(before, "mean"), "mean over all samples"),
    ("17b.5", mistaken(before, "changes"), "in the levels"),
    ("17b.5", mistaken(before, "ties"), "one half"),
    ("17b.5", mistaken(before, "distance"), "distance from one half"),
    ("17b.5", mistaken(before, "well"), "*well* person"),
    ("17b.5", lambda *a: before(*a) + 2, "The first is"),
    ("17b.5", lambda *a: 0.5, "One AUROC a gene"),
]
