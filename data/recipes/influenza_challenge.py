"""Blood of volunteers before and after they were given influenza A."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
from sources import QUSAGE, read_r

from recipes.common import Roots, gene_index, require, strings, table, titled


def influenza_challenge(roots: Roots) -> ad.AnnData:
    """Blood of 17 volunteers before and after they were given influenza A."""
    source = read_r(roots[QUSAGE] / "qusage/data/fluExample.RData")
    values, meta = source["eset.full"], source["flu.meta"]
    samples = strings(values.coords["dim_1"].values)
    require(samples == strings(meta["SampleID"]), "fluExample: samples differ")
    hours = meta["Hours.Numeric"].to_numpy(dtype=float)
    require(
        [float(hour) for hour in strings(meta["Hours"])] == hours.tolist(),
        "fluExample: the two columns of hours differ",
    )
    obs = pd.DataFrame(
        {
            "subject": strings(meta["Subject"]),
            "hours": hours,
            "symptomatic": (meta["Condition"] == "sx").to_numpy(dtype=bool),
            "sex": [sex.lower() for sex in strings(meta["Gender"])],
            "age": meta["Age"].to_numpy(dtype="int64"),
        },
        index=pd.Index(samples, name="sample"),
    )
    var = pd.DataFrame(index=gene_index(values.coords["dim_0"].values))
    adata = table(values.values.T, obs, var)
    # One sample stands at the end of the source; here each series is in one piece.
    order = np.lexsort((obs["hours"].to_numpy(), obs["subject"].astype(str)))
    return titled(
        adata[order].copy(), "Influenza challenge", "log2 intensity", "microarray"
    )
