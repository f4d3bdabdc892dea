"""Reads of cell lines that were made from the blood of 85 people of Tuscany."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
from sources import DEGREPORT, read_r

from recipes.common import Roots, gene_index, require, strings, table, titled

CHROMOSOMES = {"X": "X", "Y": "Y", "Autosomic": "autosome"}


def lymphoblastoid_counts(roots: Roots) -> ad.AnnData:
    """Reads of 10101 genes in 85 cell lines, with the sex of their donors."""
    folder = roots[DEGREPORT] / "DEGreport/data"
    source = read_r(folder / "humanGender.rda")["humanGender"]
    places = read_r(folder / "geneInfo.rda")["geneInfo"]
    values, described = source.assays.data.listData[0], source.colData
    samples = strings(values.coords["dim_1"].values)
    genes = strings(values.coords["dim_0"].values)
    require(samples == strings(described.rownames), "humanGender: samples")
    require(genes == strings(source.NAMES), "humanGender: genes")
    counts = np.asarray(values.values)
    require(np.issubdtype(counts.dtype, np.integer), "humanGender: whole numbers")
    require(0 <= counts.min() and counts.max() < 2**24, "humanGender: exact in float32")
    columns = described.listData
    require(
        bool((counts.sum(axis=0) == np.asarray(columns["lib.size"])).all()),
        "humanGender: the library sizes are not the sums of these genes",
    )
    obs = pd.DataFrame(
        {
            "sex": [sex.lower() for sex in strings(columns["group"])],
            "size_factor": np.asarray(columns["sizeFactor"], dtype=float),
        },
        index=pd.Index(samples, name="sample"),
    )
    known = dict(zip(strings(places["genes"]), strings(places["colors"]), strict=True))
    require(set(known) <= set(genes), "geneInfo: a gene that is not in the table")
    place = [CHROMOSOMES[known[gene]] if gene in known else "unknown" for gene in genes]
    var = pd.DataFrame({"chromosome": place}, index=gene_index(genes))
    return titled(
        table(counts.T, obs, var), "Lymphoblastoid counts", "reads", "RNA-seq"
    )
