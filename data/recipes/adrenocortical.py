"""Five kinds of measurement on the tumours of 92 patients."""

from __future__ import annotations

from typing import Any

import anndata as ad
import mudata
import numpy as np
import pandas as pd
from r_tree import (
    Node,
    bindings,
    dimension_names,
    frame,
    items,
    matrix,
    parse,
    slots,
    unwrapped,
)
from sources import MULTIASSAY

from recipes.common import Roots, columns_stay, require, strings

UNITS = (
    "normalised counts (rna), reads (mirna), GISTIC level (copy_number), "
    "relative abundance (protein), 1 = mutated (mutations)"
)
# Our table: the source's table, title, units and technology.
TABLES = {
    "rna": ("RNASeq2GeneNorm", "Messenger RNA", "normalised counts", "RNA-seq"),
    "mirna": ("miRNASeqGene", "MicroRNA", "reads", "miRNA-seq"),
    "copy_number": ("gistict", "Copy number", "GISTIC level", "SNP array"),
    "protein": ("RPPAArray", "Protein", "relative abundance", "protein array"),
    "mutations": ("Mutations", "Mutations", "1 = mutated", "exome sequencing"),
}
# The source's column: ours. What was derived from which table stands in the card.
CATEGORIES = {
    "gender": "sex",
    "Histology": "histology",
    "radiation_therapy": "radiation",
    "C1A.C1B": "subtype",
    "mRNA_K4": "rna_cluster",
    "miRNA.cluster": "mirna_cluster",
    "SCNA.cluster": "copy_number_cluster",
    "MethyLevel": "methylation",
    "COC": "cluster_of_clusters",
    "OncoSign": "oncosign",
}
STAGES = {
    "pathologic_stage": "stage",
    "pathology_T_stage": "t_stage",
    "pathology_N_stage": "n_stage",
    "residual_tumor": "residual_tumour",
}
NUMBERS = {
    "purity": "purity",
    "ploidy": "ploidy",
    "genome_doublings": "genome_doublings",
    "ADS": "differentiation_score",
}
GENE_COLUMNS = {"Locus.ID": "entrez", "Cytoband": "band", "Protein": "antibody"}


def adrenocortical(roots: Roots) -> mudata.MuData:
    """Five tables of the adrenocortical tumours of TCGA, and their patients."""
    path = roots[MULTIASSAY] / "MultiAssayExperiment/data/miniACC.RData"
    source = slots(parse(path)["miniACC"])
    patients = clinical(frame(source["colData"]))
    experiments = items(slots(source["ExperimentList"])["listData"])
    require(
        set(experiments) == {name for name, *_ in TABLES.values()}, "miniACC: tables"
    )
    tables = {}
    for name, (key, title, units, technology) in TABLES.items():
        tables[name] = one_table(name, experiments[key], patients.index)
        tables[name].uns = {"title": title, "units": units, "technology": technology}
    with columns_stay():
        joined = mudata.MuData(tables)
    require(set(joined.obs_names) == set(patients.index), "miniACC: patients")
    joined.obs = patients.loc[joined.obs_names]
    joined.uns = {
        "title": "Adrenocortical multi-omics",
        "units": UNITS,
        "technology": "multi-omics",
    }
    return joined


def one_table(name: str, experiment: Node, patients: pd.Index) -> ad.AnnData:
    """Return one experiment as patients × features.

    MuData wants names that differ between tables, so a feature is called rna:TP53,
    and the column `gene` holds TP53.
    """
    parts = slots(experiment)
    values, described = experiment, pd.DataFrame()
    if "assays" in parts:
        assays = bindings(slots(parts["assays"])[".xData"])[".->data"]
        held = list(items(slots(unwrapped(assays))["listData"]).values())
        require(len(held) == 1, "miniACC: one matrix an experiment")
        values = held[0]
        described = frame(parts["elementMetadata"])
    genes, tubes = dimension_names(values)
    names = [tube[:12] for tube in tubes]  # TCGA-OR-A5J1-01A-…: patient, then sample
    require(all(tube[12:16] == "-01A" for tube in tubes), "miniACC: primary tumours")
    require(len(set(names)) == len(names), "miniACC: one sample a patient")
    require(set(names) <= set(strings(patients)), "miniACC: a sample without patient")
    features = pd.Index([f"{name}:{gene}" for gene in genes], name="feature")
    var = pd.DataFrame({"gene": genes}, index=features)
    for theirs, ours in GENE_COLUMNS.items():
        if theirs in described:
            var[ours] = described[theirs].to_numpy()
    obs = pd.DataFrame(index=pd.Index(names, name="patient"))
    made = ad.AnnData(matrix(values).T.astype(np.float32, order="C"), obs=obs, var=var)
    return made[[patient for patient in patients if patient in obs.index]].copy()


def clinical(source: pd.DataFrame) -> pd.DataFrame:
    """Return the patients' table in plain names, with missing values as missing."""
    require(strings(source["patientID"]) == strings(source.index), "miniACC: names")
    dead = source["vital_status"] == 1
    days = source["days_to_death"].where(dead, source["days_to_last_followup"])
    require(bool(days.notna().all()), "miniACC: a patient without follow-up")
    require(bool((source["days_to_death"].notna() == dead).all()), "miniACC: deaths")
    ours: dict[str, Any] = {
        "age": source["years_to_birth"].astype("int64"),
        "vital_status": pd.Categorical(np.where(dead, "dead", "alive")),
        "days": days,
    }
    for theirs, name in CATEGORIES.items():
        text = source[theirs].where(source[theirs] != "")
        ours[name] = pd.Categorical(text)
    for theirs, name in STAGES.items():
        text = source[theirs].where(source[theirs] != "")
        ours[name] = pd.Categorical(text.str.removeprefix("stage ").str.upper())
    clusters = source["protein.cluster"].map(
        "protein_{:.0f}".format, na_action="ignore"
    )
    ours["protein_cluster"] = pd.Categorical(clusters)
    for theirs, name in NUMBERS.items():
        ours[name] = source[theirs]
    return pd.DataFrame(ours, index=source.index.rename("patient"))
