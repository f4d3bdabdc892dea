"""Fly cells in which the splicing factor pasilla was knocked down."""

from __future__ import annotations

import anndata as ad
import pandas as pd
from archives import INMOOSE

from recipes.common import Roots, gene_index, require, strings, table, titled

FOLDER = "inmoose-0.9.1/inmoose/data/pasilla"
TREATMENTS = {"untreated": "untreated", "treated": "pasilla knock-down"}
LIBRARIES = {"single-read": "single-end", "paired-end": "paired-end"}


def pasilla_counts(roots: Roots) -> ad.AnnData:
    """Seven samples of one cell line, sequenced in two ways."""
    folder = roots[INMOOSE] / FOLDER
    counts = pd.read_csv(folder / "pasilla_gene_counts.tsv", sep="\t", index_col=0)
    about = pd.read_csv(folder / "pasilla_sample_annotation.csv", index_col=0)
    require(bool((counts.dtypes == "int64").all()), "pasilla: not counts")
    require(bool((counts >= 0).all(axis=None)), "pasilla: negative counts")
    # The two files write one sample as treated1 and treated1fb.
    about.index = about.index.str.removesuffix("fb")
    require(set(about.index) == set(counts.columns), "pasilla: samples")
    about = about.loc[counts.columns]
    # "12242535 (x2)" are as many pairs of reads.
    reads = about["total number of reads"].str.removesuffix(" (x2)").astype("int64")
    obs = pd.DataFrame(
        {
            "treatment": strings(about["condition"].map(TREATMENTS)),
            "library": strings(about["type"].map(LIBRARIES)),
            "lanes": about["number of lanes"].to_numpy(dtype="int64"),
            "sequenced": reads.to_numpy(),
        },
        index=pd.Index(strings(counts.columns), name="sample"),
    )
    var = pd.DataFrame(index=gene_index(counts.index))
    return titled(
        table(counts.to_numpy(dtype=float).T, obs, var),
        "Pasilla counts",
        "reads",
        "RNA-seq",
    )
