"""Single cells of a culture of human muscle precursors that begins to differentiate."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
from sources import HSMM, read_r

from recipes.common import Roots, gene_index, require, strings, table, titled

DETECTED = 0.1  # FPKM; the limit of detection in the package authors' own examples
MIN_CELLS = 10
MEDIA = {"GM": "growth", "DM": "differentiation"}


def myoblast_cells(roots: Roots) -> ad.AnnData:
    """271 cells and the genes that at least ten of them express."""
    folder = roots[HSMM] / "HSMMSingleCell/data"
    values = read_r(folder / "HSMM_expr_matrix.rda")["HSMM_expr_matrix"]
    cells = read_r(folder / "HSMM_sample_sheet.rda")["HSMM_sample_sheet"]
    genes = read_r(folder / "HSMM_gene_annotation.rda")["HSMM_gene_annotation"]
    require(
        strings(values.coords["dim_1"].values) == strings(cells.index), "HSMM: cells"
    )
    require(
        strings(values.coords["dim_0"].values) == strings(genes.index), "HSMM: genes"
    )
    fpkm = np.asarray(values.values, dtype=float).T
    require(bool(np.isfinite(fpkm).all() and (fpkm >= 0).all()), "HSMM: values")
    kept = (fpkm > DETECTED).sum(axis=0) >= MIN_CELLS
    annotation = genes.loc[kept]
    var = pd.DataFrame(
        {
            "symbol": strings(annotation["gene_short_name"]),
            "biotype": strings(annotation["biotype"]),
            "used_for_pseudotime": annotation["use_for_ordering"].to_numpy(dtype=bool),
        },
        index=gene_index(annotation.index),
    )
    return titled(
        table(fpkm[:, kept], _cells(cells), var), "Myoblast cells", "FPKM", "RNA-seq"
    )


def _cells(sheet: pd.DataFrame) -> pd.DataFrame:
    """Describe the cells: when, in which medium, and on which capture chip."""
    names = strings(sheet.index)
    hours = [float(hour) for hour in strings(sheet["Hours"])]
    libraries = [library.split("_") for library in strings(sheet["Library"])]
    wells = strings(sheet["Well"])
    require([well for _, well in libraries] == wells, "HSMM: wells")
    require(
        names == [f"T{hour:g}_CT_{w}" for hour, w in zip(hours, wells, strict=True)],
        "HSMM: names of cells",
    )
    return pd.DataFrame(
        {
            "hours": hours,
            "medium": [MEDIA[medium] for medium in strings(sheet["Media"])],
            "chip": [chip for chip, _ in libraries],
            "well": wells,
            "fragments": sheet["Mapped.Fragments"].to_numpy(dtype="int64"),
            "pseudotime": sheet["Pseudotime"].to_numpy(dtype=float),
            "state": strings(sheet["State"]),
        },
        index=pd.Index(names, name="cell"),
    )
