"""Six experiments on the cell cycle of yeast."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
from sources import KOHONEN, read_r

from recipes.common import Roots, gene_index, require, strings, table, titled


def yeast_cell_cycle(roots: Roots) -> ad.AnnData:
    """Six yeast experiments on 800 genes, one array a row."""
    source = read_r(roots[KOHONEN] / "kohonen/data/yeast.rda")["yeast"]
    courses = {str(name): part for name, part in source.items() if name != "class"}
    genes = strings(courses["alpha"].coords["dim_0"].values)
    arrays: list[str] = []
    names: list[str] = []
    for name in ("alpha", "cdc15", "cdc28", "elu", "cln", "clb"):
        part = courses[name]
        require(strings(part.coords["dim_0"].values) == genes, f"{name}: genes")
        arrays += strings(part.coords["dim_1"].values)
        names += [name] * part.shape[1]
    obs = pd.DataFrame(
        {
            "course": names,
            "minutes": [
                _minutes(array, name) for array, name in zip(arrays, names, strict=True)
            ],
        },
        index=pd.Index(arrays, name="array"),
    )
    phases = pd.Categorical(
        strings(source["class"]), categories=strings(source["class"].categories)
    )
    var = pd.DataFrame({"phase": phases}, index=gene_index(genes))
    values = np.concatenate([courses[name].values for name in dict.fromkeys(names)], 1)
    return titled(
        table(values.T, obs, var), "Yeast cell cycle", "log2 ratio", "microarray"
    )


def _minutes(array: str, course: str) -> float:
    """Read the time from an array's name, such as cdc15_30; cyclins have none."""
    if course in ("cln", "clb"):
        return float("nan")
    return float(array.removeprefix(course).removeprefix("_"))
