"""Blood of two groups of volunteers before and after the seasonal influenza vaccine."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from sources import QUSAGE, read_r

from recipes.common import Roots, gene_index, require, strings, table, titled

STUDIES = ("GSE59635", "GSE59654")
DAYS = {"d0": 0.0, "d7": 7.0}


def influenza_vaccine(roots: Roots) -> ad.AnnData:
    """Two studies under one another: 19 volunteers, each at day 0 and day 7."""
    path = roots[QUSAGE] / "qusage/data/fluVaccine.RData"
    source = read_r(path)["fluVaccine"]
    values = [source["esets"][study] for study in STUDIES]
    genes = strings(values[0].coords["dim_0"].values)
    require(
        strings(values[1].coords["dim_0"].values) == genes,
        "fluVaccine: the studies have different genes",
    )
    parts = zip(STUDIES, values, strict=True)
    obs = pd.concat(
        [_samples(study, part, source["phenoData"][study]) for study, part in parts]
    )
    adata = table(
        np.concatenate([part.values.T for part in values]),
        obs,
        pd.DataFrame(index=gene_index(genes)),
    )
    order = adata.obs.sort_values(["study", "subject", "days"]).index
    return titled(
        adata[order].copy(), "Influenza vaccine", "log2 intensity", "microarray"
    )


def _samples(study: str, values: Any, meta: pd.DataFrame) -> pd.DataFrame:
    """Describe the samples of one study, in the order of its columns."""
    samples = strings(values.coords["dim_1"].values)
    subjects, days = strings(meta["subjectId"]), strings(meta["bloodDrawDay"])
    require(
        samples == [f"{one}.{day}" for one, day in zip(subjects, days, strict=True)],
        f"fluVaccine: the samples of {study} and their description differ",
    )
    obs = pd.DataFrame(
        {
            "study": study,
            "subject": subjects,
            "days": [DAYS[day] for day in days],
            "responder": strings(meta["responder"]),
        },
        index=pd.Index(samples, name="sample"),
    )
    grouped = obs.groupby("subject")
    require(
        bool((grouped["days"].nunique() == 2).all() and (grouped.size() == 2).all()),
        f"fluVaccine: a volunteer of {study} has not exactly two days",
    )
    return obs
