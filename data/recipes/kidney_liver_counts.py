"""Reads of one kidney and one liver sample."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
from sources import NOISEQ, read_r

from recipes.common import Roots, gene_index, require, strings, table, titled
from recipes.mrna_lengths import mrna_lengths


def kidney_liver_counts(roots: Roots) -> ad.AnnData:
    """RNA-seq reads of one kidney and one liver sample, five lanes each."""
    source = read_r(roots[NOISEQ] / "NOISeq/data/Marioni.RData")
    counts, factors, place = source["mycounts"], source["myfactors"], source["mychroms"]
    genes = strings(counts.index)
    for part in (place.index, source["mygc"].dim_0, source["mylength"].dim_0):
        require(strings(getattr(part, "values", part)) == genes, "Marioni: genes")
    lanes = strings(counts.columns)
    require(lanes == strings(factors.index), "Marioni: lanes")
    runs = [text.rsplit("_", 1)[1] for text in strings(factors["TissueRun"])]
    obs = pd.DataFrame(
        {
            "tissue": [tissue.lower() for tissue in strings(factors["Tissue"])],
            "run": np.array(runs, dtype="int64"),
            "lane": np.array([int(lane[3]) for lane in lanes], dtype="int64"),
        },
        index=pd.Index(lanes, name="sample"),
    )
    var = pd.DataFrame(
        {
            "length": np.asarray(source["mylength"].values, dtype=float),
            "gc": np.asarray(source["mygc"].values, dtype=float),
            "biotype": strings(source["mybiotypes"]),
            "chromosome": strings(place["Chr"]),
            "start": place["GeneStart"].to_numpy(dtype="int64"),
            "end": place["GeneEnd"].to_numpy(dtype="int64"),
            "mrna_length": mrna_lengths(roots, genes),
        },
        index=gene_index(genes),
    )
    return titled(
        table(counts.to_numpy(dtype=float).T, obs, var),
        "Kidney and liver counts",
        "reads",
        "RNA-seq",
    )
