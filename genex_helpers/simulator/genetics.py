"""Single-nucleotide polymorphisms (SNPs) that act on the transcription of genes.

A person has two haplotypes, drawn alone: the dosage 0, 1 or 2 of the counted allele
follows Hardy–Weinberg proportions. Along a haplotype the alleles form a Markov chain,
so neighbours are linked: SNPs that do nothing still go with expression, because a
neighbour does something.

Not modelled: relatives, populations of different ancestry, selection, new mutations,
more than two alleles, and effects that depend on other SNPs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from genex_helpers.simulator.arguments import Floats, count, finite, generators, number

if TYPE_CHECKING:
    from anndata import AnnData

CODINGS = ("additive", "dominant")


@dataclass(frozen=True, eq=False)
class Genotypes:
    """The genotypes of some individuals, and how they were drawn.

    Attributes
    ----------
    dosage
        ``(individual, snp)`` int8: copies of the counted allele, 0, 1 or 2.
    snps
        Names, in their order along the chromosome.
    frequency
        ``(snp,)`` frequency of the counted allele in the population.
    linkage
        ``(snp - 1,)`` correlation r between each SNP and the next on a haplotype;
        0 begins a new block.
    """

    dosage: NDArray[np.int8]
    snps: tuple[str, ...]
    frequency: Floats
    linkage: Floats

    def correlation(self) -> Floats:
        """Return the correlation that any two SNPs have in the population.

        ``(snp, snp)``: along a chain it is the product of the linkages between them;
        that of dosages equals that of alleles.
        """
        n_snps = len(self.snps)
        table = np.eye(n_snps)
        for first in range(n_snps - 1):
            table[first, first + 1 :] = np.cumprod(self.linkage[first:])
        return np.triu(table, 1) + np.triu(table).T

    def to_adata(
        self, subjects: Sequence[str], effects: pd.DataFrame | None = None
    ) -> AnnData:
        """Return individuals × SNPs; ``var`` tells frequency, and which SNP is causal.

        Raises
        ------
        ValueError
            If there is not one subject an individual.
        """
        import anndata

        if len(subjects) != len(self.dosage):
            raise ValueError(
                f"subjects must name {len(self.dosage)} individuals, "
                f"got {len(subjects)}"
            )
        names = [str(subject) for subject in subjects]
        var = pd.DataFrame({"frequency": self.frequency}, index=list(self.snps))
        uns: dict[str, object] = {
            "title": "Simulated genotypes",
            "units": "copies of the counted allele",
            "technology": "simulated",
        }
        if effects is not None:
            var["causal"] = var.index.isin(effects["snp"])
            uns["truth"] = effects.reset_index(drop=True)
        obs = pd.DataFrame({"subject": names}, index=names)
        values = self.dosage.astype(np.float32)
        return anndata.AnnData(X=values, obs=obs, var=var, uns=uns)


def block_linkage(n_snps: int, r: float, block_size: int) -> Floats:
    """Return r between neighbours within blocks, and 0 between one block and the next.

    ``(snp - 1,)``; within a block, two SNPs that are k apart correlate by r**k.
    """
    count("n_snps", n_snps)
    count("block_size", block_size)
    linkage = np.full(n_snps - 1, number("r", r, 0, 1))
    linkage[block_size - 1 :: block_size] = 0.0
    return linkage


def draw_frequencies(
    linkage: ArrayLike, *, seed: int, low: float = 0.05, high: float = 0.5
) -> Floats:
    """Draw minor allele frequencies that allow the linkage between neighbours.

    The first of a block is uniform between ``low`` and ``high``; the log odds of
    each further one lie within -2 log r of its neighbour's, for a correlation r asks
    that the frequencies are alike (see `draw_genotypes`).

    Returns
    -------
    ``(snp,)``, one more than ``linkage`` has entries.
    """
    links = finite("linkage", linkage, 1, 0, 1)
    number("low", low, 1e-6, 0.5)
    number("high", high, low, 0.5)
    (random,) = generators(seed, 1)
    fresh = _log_odds(random.uniform(low, high, len(links) + 1))  # (snp,)
    step = random.uniform(-1, 1, len(links))
    odds = fresh.copy()
    for i, r in enumerate(links):
        if r > 0:
            odds[i + 1] = odds[i] - 2 * np.log(r) * step[i]
            # clipping two values never drives them apart
            odds[i + 1] = np.clip(odds[i + 1], _log_odds(low), _log_odds(high))
    return np.asarray(np.clip(1 / (1 + np.exp(-odds)), low, high))


def draw_genotypes(
    n_individuals: int, frequency: ArrayLike, linkage: ArrayLike, *, seed: int
) -> Genotypes:
    """Draw two haplotypes for each individual, and count their alleles.

    On a haplotype the allele x (0 or 1) of each SNP depends on the one before:
    P(x' = 1 | x) = p' + r s'/s (x - p), where s = sqrt(p (1 - p)). So each SNP keeps
    its frequency p, and neighbours correlate by r. Such a chain exists only where
    r² is at most the ratio of the two odds p/(1-p), the smaller over the larger
    (VanLiere & Rosenberg 2008, Theor. Popul. Biol. 74:130–137, on the bounds of r²).

    Parameters
    ----------
    frequency
        ``(snp,)`` frequencies of the counted allele, above 0 and below 1.
    linkage
        ``(snp - 1,)`` correlations between neighbours, from 0 to 1.

    Raises
    ------
    ValueError
        If frequencies do not allow a linkage: the message names the two SNPs and the
        largest r that they allow.
    """
    count("n_individuals", n_individuals)
    p = finite("frequency", frequency, 1, 1e-6, 1 - 1e-6)
    links = finite("linkage", linkage, 1, 0, 1)
    if len(links) != len(p) - 1:
        raise ValueError(
            f"linkage must have {len(p) - 1} entries, one less than frequency, "
            f"got {len(links)}"
        )
    snps = tuple(f"snp{i + 1}" for i in range(len(p)))
    _check_bounds(p, links, snps)
    (random,) = generators(seed, 1)
    chance = random.random((2, n_individuals, len(p)))
    spread = np.sqrt(p * (1 - p))
    allele = np.empty(chance.shape, dtype=np.int8)
    allele[..., 0] = chance[..., 0] < p[0]
    for i, r in enumerate(links):
        slope = r * spread[i + 1] / spread[i]
        given = p[i + 1] + slope * (allele[..., i] - p[i])  # (2, individual)
        allele[..., i + 1] = chance[..., i + 1] < given
    return Genotypes(allele.sum(axis=0, dtype=np.int8), snps, p, links)


def hide_genotypes(
    dosage: NDArray[np.int8], fraction: float, *, seed: int
) -> NDArray[np.float32]:
    """Return dosages with a fraction missing (NaN), completely at random."""
    share = number("fraction", fraction, 0, 1)
    (random,) = generators(seed, 1)
    seen = dosage.astype(np.float32)
    seen[random.random(dosage.shape) < share] = np.nan
    return seen


def additive(dosage: ArrayLike) -> Floats:
    """Return the copies of the counted allele: each adds the same. NaN stays NaN."""
    return _checked_dosage(dosage)


def dominant(dosage: ArrayLike) -> Floats:
    """Return 1 where there is a copy, else 0: one is as good as two. NaN stays NaN."""
    copies = _checked_dosage(dosage)
    return np.where(np.isnan(copies), np.nan, (copies > 0).astype(np.float64))


def draw_effects(
    snps: Sequence[str],
    genes: Sequence[str],
    n_effects: int,
    *,
    seed: int,
    size: float = 1.0,
    coding: str = "additive",
) -> pd.DataFrame:
    """Draw which SNPs act on which genes: each SNP and each gene at most once.

    Parameters
    ----------
    size
        Size of each effect, in log2 of the transcription rate; its sign is drawn.

    Returns
    -------
    The truth: columns snp, gene, coding, effect, in the order of the SNPs.

    Raises
    ------
    ValueError
        If there are fewer SNPs or genes than effects, or the coding is unknown.
    """
    if count("n_effects", n_effects, 0) > min(len(snps), len(genes)):
        raise ValueError(
            f"n_effects must be at most the number of SNPs ({len(snps)}) and of genes "
            f"({len(genes)}), got {n_effects}"
        )
    if coding not in CODINGS:
        raise ValueError(f"coding must be one of {CODINGS}, got {coding!r}")
    random, signs = generators(seed, 2)
    causal = np.sort(random.choice(len(snps), n_effects, replace=False))
    driven = random.choice(len(genes), n_effects, replace=False)
    return pd.DataFrame(
        {
            "snp": [snps[i] for i in causal],
            "gene": [genes[i] for i in driven],
            "coding": [coding] * n_effects,
            "effect": number("size", size) * signs.choice([-1.0, 1.0], n_effects),
        }
    )


def rate_factors(
    genotypes: Genotypes, effects: pd.DataFrame, genes: Sequence[str]
) -> Floats:
    """Return what the genotypes multiply each gene's transcription rate by.

    A gene's factor is 2 to the power of the sum of its effects times the coded
    dosages; a gene without an effect has 1.

    Parameters
    ----------
    effects
        Columns snp, gene, coding ("additive" or "dominant") and effect (log2).

    Returns
    -------
    ``(individual, gene)``, to hand to ``simulate(..., rate_factors=...)``.

    Raises
    ------
    ValueError
        If the table lacks a column, or names an unknown SNP, gene or coding.
    """
    _check_effects(effects, genotypes.snps, genes)
    power = np.zeros((len(genotypes.dosage), len(genes)))
    code = {"additive": additive, "dominant": dominant}
    rows = effects[["snp", "gene", "coding", "effect"]].itertuples(index=False)
    for snp, gene, coding, effect in rows:
        copies = genotypes.dosage[:, genotypes.snps.index(snp)]
        power[:, list(genes).index(gene)] += effect * code[coding](copies)
    return np.asarray(2.0**power)


def linked_snps(
    genotypes: Genotypes, effects: pd.DataFrame, least: float = 0.1
) -> pd.DataFrame:
    """List the SNPs that do nothing to a gene, yet are linked to one that does.

    Returns
    -------
    Columns snp, causal, gene, r: every other SNP whose correlation r with the causal
    one is at least ``least`` and that has no effect of its own on that gene.
    """
    number("least", least, 0, 1)
    correlation = genotypes.correlation()
    rows = []
    for causal, gene in effects[["snp", "gene"]].itertuples(index=False):
        acting = set(effects.loc[effects["gene"] == gene, "snp"])
        r = correlation[genotypes.snps.index(causal)]
        rows += [
            (snp, causal, gene, float(r[i]))
            for i, snp in enumerate(genotypes.snps)
            if r[i] >= least and snp not in acting
        ]
    return pd.DataFrame(rows, columns=["snp", "causal", "gene", "r"])


def _log_odds(p: ArrayLike) -> Floats:
    share = np.asarray(p, dtype=np.float64)
    return np.asarray(np.log(share / (1 - share)))


def _check_bounds(p: Floats, linkage: Floats, snps: tuple[str, ...]) -> None:
    largest = np.exp(-np.abs(np.diff(_log_odds(p))) / 2)  # (snp - 1,)
    wrong = np.flatnonzero(linkage > largest + 1e-9)
    if len(wrong):
        i = int(wrong[0])
        raise ValueError(
            f"linkage {linkage[i]:.3f} between {snps[i]} and {snps[i + 1]} is not "
            f"possible with frequencies {p[i]:.3f} and {p[i + 1]:.3f}: "
            f"they allow at most {largest[i]:.3f}"
        )


def _checked_dosage(dosage: ArrayLike) -> Floats:
    copies = np.asarray(dosage, dtype=np.float64)
    wrong = ~(np.isin(copies, (0, 1, 2)) | np.isnan(copies))
    if wrong.any():
        raise ValueError(f"dosage must be 0, 1, 2 or NaN, got {copies[wrong][0]}")
    return copies


def _check_effects(
    effects: pd.DataFrame, snps: Sequence[str], genes: Sequence[str]
) -> None:
    missing = {"snp", "gene", "coding", "effect"} - set(effects.columns)
    if missing:
        raise ValueError(f"effects lacks the columns {sorted(missing)}")
    for column, known in (("snp", snps), ("gene", genes), ("coding", CODINGS)):
        unknown = effects.loc[~effects[column].isin(list(known)), column]
        if len(unknown):
            raise ValueError(f"effects names an unknown {column}: {unknown.iloc[0]!r}")
    finite("effects['effect']", effects["effect"].to_numpy(), 1)
