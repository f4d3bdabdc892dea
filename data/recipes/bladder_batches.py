"""Bladder tumours and other bladder tissue, on arrays of five batches."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
from sources import BLADDERBATCH, read_r

from recipes.common import Roots, gene_index, require, strings, table, titled

# Affymetrix' own controls: no human genes, but part of every array.
CONTROL = "AFFX"
OUTCOMES = {"Normal": "normal", "Biopsy": "biopsy"}


def bladder_batches(roots: Roots) -> ad.AnnData:
    """57 arrays of 22283 probe sets, with the batch in which each was processed."""
    path = roots[BLADDERBATCH] / "bladderbatch/data/bladderdata.rda"
    source = read_r(path)["bladderEset"]
    values, meta = source.assayData["exprs"], source.phenoData.data
    files = strings(values.coords["dim_1"].values)
    require(files == strings(meta.index), "bladderdata: samples differ")
    require(all(file.endswith(".CEL") for file in files), "bladderdata: names")
    require(strings(source.annotation) == ["hgu133a"], "bladderdata: kind of array")
    batches = meta["batch"].to_numpy(dtype=float)
    require(set(batches) == {1.0, 2.0, 3.0, 4.0, 5.0}, "bladderdata: batches")
    outcomes = strings(meta["outcome"])
    obs = pd.DataFrame(
        {
            "batch": batches.astype("int64"),
            "tissue": [kind.lower() for kind in strings(meta["cancer"])],
            "outcome": [OUTCOMES.get(outcome, outcome) for outcome in outcomes],
        },
        index=pd.Index([file.removesuffix(".CEL") for file in files], name="sample"),
    )
    probe_sets = gene_index(values.coords["dim_0"].values)
    var = pd.DataFrame({"control": probe_sets.str.startswith(CONTROL)}, probe_sets)
    require(not np.isnan(values.values).any(), "bladderdata: missing values")
    return titled(
        table(values.values.T, obs, var),
        "Bladder batches",
        "log2 intensity",
        "microarray",
    )
