"""Single cells of mouse embryos, by qPCR."""

from __future__ import annotations

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd
from sources import DESTINY, read_r

from recipes.common import (
    FloatArray,
    Roots,
    gene_index,
    require,
    strings,
    table,
    titled,
)

NOT_DETECTED = 28.0  # Guo et al. counted 28 cycles; this value means "no signal"


def embryo_qpcr(roots: Roots) -> ad.AnnData:
    """Threshold cycles of 48 genes in 428 single cells of mouse embryos.

    The package holds these cycles minus the housekeeping mean of the *wrong*
    cells (see `threshold_cycles`). We undo that, keep what the package holds in
    the layer "packaged", and check the result in three ways.
    """
    guo = read_r(roots[DESTINY] / "destiny/data/guo.rda")["guo"]
    norm = read_r(roots[DESTINY] / "destiny/data/guo_norm.rda")["guo_norm"]
    packaged = np.asarray(norm.assayData["exprs"].values, dtype=float)
    # In `guo` every undetected value is 10, in `guo_norm` it is not.
    undetected = np.asarray(guo.assayData["exprs"].values) != packaged
    genes = strings(norm.featureData.data.index)
    housekeepers = [genes.index("Actb"), genes.index("Gapdh")]
    cycles = threshold_cycles(packaged, undetected, housekeepers)
    cells = norm.phenoData.data
    names = strings(cells["Cell"])
    number = cells["num_cells"].to_numpy(dtype="int64")
    obs = pd.DataFrame(
        {
            "stage": pd.Categorical(
                [f"{count}-cell" for count in number],
                categories=[f"{count}-cell" for count in sorted(set(number.tolist()))],
            ),
            "cells": number,
            "embryo": [name.split(".")[0] for name in names],
        },
        index=pd.Index(names, name="cell"),
    )
    adata = table(cycles.T, obs, pd.DataFrame(index=gene_index(genes)))
    adata.layers["packaged"] = packaged.T.astype(np.float32)
    return titled(
        adata, "Mouse embryo qPCR", "threshold cycle (28 = not detected)", "qPCR"
    )


def threshold_cycles(
    packaged: FloatArray, undetected: npt.NDArray[np.bool_], housekeepers: list[int]
) -> FloatArray:
    """Undo the normalisation of destiny's `guo_norm` (genes × cells).

    The package computed `exprs(ct) - normalizations`, a genes × cells matrix
    minus one number a cell. R walks down the columns, so gene g of cell c lost
    the number of cell (g + n_genes·c) mod n_cells. An undetected value was 28
    before, which gives the number that it lost, and so all of them.

    Raises:
        ContentError: the result contradicts the description above.
    """
    n_genes, n_cells = packaged.shape
    gene, cell = np.indices(packaged.shape)
    donor = (gene + n_genes * cell) % n_cells
    lost = np.full(n_cells, np.nan)
    lost[donor[undetected]] = NOT_DETECTED - packaged[undetected]
    cycles: FloatArray = np.round(packaged + lost[donor], 3)
    require(not np.isnan(cycles).any(), "guo_norm: a cell's number is unknown")
    require(bool((cycles[undetected] == NOT_DETECTED).all()), "guo_norm: 28 expected")
    require(bool((cycles[~undetected] < NOT_DETECTED).all()), "guo_norm: above 28")
    means = cycles[housekeepers].mean(axis=0)
    require(bool(np.allclose(means, lost, atol=1e-6)), "guo_norm: housekeepers")
    return cycles
