"""Genes that interferon switches on, from a source without our volunteers."""

from __future__ import annotations

from sources import QUSAGE, read_r

from recipes.common import Roots, strings


def interferon_genes(roots: Roots) -> list[str]:
    """Probable interferon-stimulated genes, after Schoggins et al. 2011."""
    source = read_r(roots[QUSAGE] / "qusage/data/GeneSets.RData")
    return strings(source["ISG.geneSet"])
