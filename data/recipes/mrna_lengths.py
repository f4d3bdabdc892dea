"""Lengths of human messenger RNAs, by Ensembl gene."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from sources import GENE_LENGTHS, read_r

from recipes.common import FloatArray, Roots, require, strings

TABLE = "hg19.ensGene.LENGTH"


def mrna_lengths(roots: Roots, genes: Iterable[object]) -> FloatArray:
    """Return each gene's length in bases, the median over its transcripts.

    Genes that the table does not know get NaN. The median is what goseq takes, the R
    package that these tables were made for.
    """
    path = roots[GENE_LENGTHS] / "geneLenDataBase" / "data" / f"{TABLE}.RData"
    transcripts = read_r(path)[TABLE]
    names = strings(transcripts["Transcript"])
    require(len(set(names)) == len(names), f"{TABLE}: a transcript twice")
    bases = transcripts["Length"].astype(float)
    require(bool((bases > 0).all()), f"{TABLE}: a length that is not above 0")
    by_gene = bases.groupby(strings(transcripts["Gene"])).median()
    lengths: FloatArray = by_gene.reindex(strings(genes)).to_numpy(dtype=np.float64)
    return lengths
