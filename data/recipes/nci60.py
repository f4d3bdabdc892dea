"""Cancer cell lines in culture: a wide table without a time axis."""

from __future__ import annotations

import csv

import anndata as ad
import numpy as np
import pandas as pd
from archives import ISLP

from recipes.common import Roots, gene_index, require, table, titled

SHAPE = (64, 6830)


def nci60(roots: Roots) -> ad.AnnData:
    """64 arrays of cancer cell lines; the source names neither lines nor genes."""
    folder = roots[ISLP] / "ISLP/data"
    values = np.load(folder / "NCI60data.npy", allow_pickle=False)
    require(values.shape == SHAPE and bool(np.isfinite(values).all()), "NCI60: values")
    with (folder / "NCI60labs.csv").open(encoding="utf-8", newline="") as lines:
        labels = [row["label"] for row in csv.DictReader(lines)]
    require(len(labels) == SHAPE[0], "NCI60: labels")
    # Numbers in the order of the source, because there are no names.
    obs = pd.DataFrame(
        {"tumour": [_plain(label) for label in labels]},
        index=pd.Index([f"array_{i:02d}" for i in range(1, 65)], name="array"),
    )
    genes = gene_index(f"column_{i:04d}" for i in range(1, SHAPE[1] + 1))
    return titled(
        table(values, obs, pd.DataFrame(index=genes)),
        "NCI-60 cell lines",
        "log ratio",
        "microarray",
    )


def _plain(label: str) -> str:
    """Write RENAL as renal, but leave abbreviations and names of lines alone."""
    return label if label in ("CNS", "NSCLC") or "-" in label else label.lower()
