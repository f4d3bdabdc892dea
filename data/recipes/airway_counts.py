"""Muscle cells of the airways, with and without a glucocorticoid."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
from archives import INMOOSE

from recipes.common import Roots, gene_index, require, strings, table, titled
from recipes.mrna_lengths import mrna_lengths

FILE = "inmoose-0.9.1/inmoose/data/airway/airway.h5ad"


def airway_counts(roots: Roots) -> ad.AnnData:
    """Eight samples: four cell lines, each untreated and with dexamethasone."""
    source = ad.read_h5ad(roots[INMOOSE] / FILE)
    counts = np.asarray(source.X)
    require(
        bool((counts >= 0).all() and (counts == np.round(counts)).all()),
        "airway: not counts",
    )
    require(set(source.obs["albut"]) == {"untrt"}, "airway: a sample with albuterol")
    treatments = source.obs["dex"].map({"untrt": "untreated", "trt": "dexamethasone"})
    obs = pd.DataFrame(
        {
            "cell_line": strings(source.obs["cell"]),
            "treatment": strings(treatments),
            "pair_length": source.obs["avgLength"].to_numpy(dtype="int64"),
            "geo": strings(source.obs["SampleName"]),
        },
        index=pd.Index(strings(source.obs_names), name="sample"),
    )
    pairs = pd.crosstab(obs["cell_line"], obs["treatment"]).to_numpy()
    require(pairs.shape == (4, 2) and bool((pairs == 1).all()), "airway: pairs")
    read = counts.sum(axis=0) > 0
    genes = gene_index(source.var_names[read])
    var = pd.DataFrame({"mrna_length": mrna_lengths(roots, genes)}, index=genes)
    return titled(table(counts[:, read], obs, var), "Airway counts", "reads", "RNA-seq")
