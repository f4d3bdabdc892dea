"""The adrenocortical tables, and that each defect of their card is really there."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from mudata import MuData
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from test_data_defects import card_text, says

from genex_helpers.datasets import load_multiomics

NAME = "adrenocortical"
SHAPES = {
    "rna": (79, 198),
    "mirna": (80, 471),
    "copy_number": (90, 198),
    "protein": (46, 33),
    "mutations": (90, 97),
}


@pytest.fixture(scope="module")
def patients() -> MuData:
    return load_multiomics(NAME)


def values(patients: MuData, name: str) -> pd.DataFrame:
    """One table as patients × genes, with plain names of genes."""
    table = patients[name]
    genes = table.var["gene"].astype(str).to_numpy()
    return pd.DataFrame(table.X.astype(float), table.obs_names, genes)


def logged(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(np.log2(table.to_numpy() + 1), table.index, table.columns)


def measured(patients: MuData) -> pd.DataFrame:
    """Which patient (row) has which table (column)."""
    columns = {name: np.ravel(patients.obsm[name]) for name in patients.mod}
    return pd.DataFrame(columns, index=patients.obs_names)


def auc(x: pd.DataFrame, y: pd.Series) -> float:
    """Cross-validated AUC of a linear classifier, over who has a label."""
    known = x.index.intersection(y.dropna().index)
    truth = y[known].astype(bool).to_numpy()
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))
    found = []
    for seed in range(5):
        folds = StratifiedKFold(5, shuffle=True, random_state=seed)
        scores = cross_val_predict(
            model, x.loc[known].to_numpy(), truth, cv=folds, method="decision_function"
        )
        found.append(roc_auc_score(truth, scores))
    return float(np.mean(found))


def test_tables_and_clinical_labels(patients: MuData) -> None:
    assert {name: table.shape for name, table in patients.mod.items()} == SHAPES
    assert patients.shape == (92, sum(genes for _, genes in SHAPES.values()))
    for name, table in patients.mod.items():
        assert table.X.dtype == np.float32 and np.isfinite(table.X).all()
        assert set(table.uns) == {"title", "units", "technology"}
        assert f"{table.uns['units']} ({name})" in patients.uns["units"]
        assert table.var_names.str.startswith(f"{name}:").all()
    obs = patients.obs
    assert obs.index.str.fullmatch(r"TCGA-\w\w-\w{4}").all()
    for state, number in obs["vital_status"].value_counts().items():
        says(NAME, f"{number} {state}")
    for stage, number in obs["stage"].value_counts().items():
        says(NAME, f"{stage} {number}")
    for subtype, number in obs["subtype"].value_counts().items():
        says(NAME, f"{subtype} {number}")
    sexes = obs["sex"].value_counts()
    says(NAME, f"{sexes['female']} women", f"{sexes['male']} men")
    assert {"race", "ethnicity"}.isdisjoint(obs.columns)


def test_genes_are_annotated(patients: MuData) -> None:
    copies = patients["copy_number"].var
    assert copies.loc["copy_number:TP53", "band"] == "17p13.1"
    assert copies.loc["copy_number:TP53", "entrez"] == "7157"
    assert set(patients["protein"].var["gene"]) <= set(patients["rna"].var["gene"])
    antibodies = patients["protein"].var["antibody"].astype(str)
    genes = patients["protein"].var["gene"].astype(str)
    plain = antibodies.str.upper().str.replace("PEA-15", "PEA15")
    assert [a.startswith(g) for a, g in zip(plain, genes, strict=True)] == [True] * 33
    assert "PDK1_pS241" in set(antibodies) and "TTF1" in set(genes)
    says(NAME, "PDK1_pS241")


def test_patients_differ_by_assay(patients: MuData) -> None:
    table = measured(patients)
    assert table.any(axis=1).all()
    says(NAME, f"{table['rna'].sum()} have RNA", f"{table['mirna'].sum()} microRNA")
    says(NAME, f"{table['copy_number'].sum()} copy number")
    says(NAME, f"{table['mutations'].sum()} mutations")
    says(NAME, f"{table['protein'].sum()} protein")
    says(NAME, f"{table.all(axis=1).sum()} of the 92 have all five")
    dna = table["copy_number"] & table["mutations"]
    only = dna & ~table[["rna", "mirna", "protein"]].any(axis=1)
    says(NAME, f"{only.sum()} only copy number and mutations")


def test_the_subtype_is_circular_and_the_outcome_is_not(patients: MuData) -> None:
    obs = patients.obs
    rna = logged(values(patients, "rna"))
    without = obs.index.difference(rna.index)
    assert len(without) == 13 and obs.loc[without, "subtype"].isna().all()
    subtype = (obs["subtype"] == "C1A").where(obs["subtype"].notna())
    late = obs["stage"].isin(["III", "IV"]).where(obs["stage"].notna())
    labels = [subtype, obs["vital_status"] == "dead", late]
    scores = [auc(rna, label) for label in labels]
    for value, said in zip(scores, ("0.99", "0.81", "0.77"), strict=True):
        assert abs(value - float(said)) < 0.015
        says(NAME, said)
    assert scores[0] > max(scores[1:]) + 0.15


def test_other_labels_stop_where_their_table_stops(patients: MuData) -> None:
    """Labels made from a table are known for no patient whom it does not hold."""
    obs, have = patients.obs, measured(patients)
    made_from = {
        "rna_cluster": "rna",
        "differentiation_score": "rna",
        "mirna_cluster": "mirna",
        "protein_cluster": "protein",
    }
    for label, table in made_from.items():
        assert obs.loc[~have[table], label].isna().all(), label
        assert obs.loc[have[table], label].notna().mean() > 0.95, label


def test_clinical_columns_agree_with_one_another(patients: MuData) -> None:
    """What would not survive if a column were out of order."""
    obs = patients.obs
    assert set(obs.loc[obs["stage"] == "I", "t_stage"]) == {"T1"}
    assert set(obs.loc[obs["stage"] == "II", "t_stage"]) == {"T2"}
    assert set(obs.loc[obs["stage"].isin(["I", "II"]), "n_stage"]) == {"N0"}
    dead = obs["vital_status"] == "dead"
    for column, bad in (("residual_tumour", "R2"), ("methylation", "CIMP-high")):
        group = obs[column] == bad
        assert dead[group].mean() > 2 * dead[~group & obs[column].notna()].mean()
    ploidy = obs["ploidy"].groupby(obs["genome_doublings"].astype(float))
    assert ploidy.max()[0.0] < ploidy.min()[1.0] < ploidy.median()[2.0]
    same = (obs["methylation"] == "CIMP-high") & (obs["cluster_of_clusters"] == "COC3")
    assert same.sum() == 17
    changed = (values(patients, "copy_number") != 0).mean(axis=1)
    groups = obs.loc[changed.index, "copy_number_cluster"].astype(str)
    medians = changed.groupby(groups).median()
    assert medians["Quiet"] < 0.2 < medians[["Chromosomal", "Noisy"]].min()


def test_survival_is_censored_and_the_living_were_chosen(patients: MuData) -> None:
    obs = patients.obs
    alive = obs["vital_status"] == "alive"
    says(NAME, f"{alive.sum()} patients were alive")
    says(NAME, f"{(obs['days'][alive] < 5 * 365.25).sum()} of them before five years")
    shortest = obs["days"][alive].min()
    says(NAME, f"at least {shortest:.0f} days")
    says(NAME, f"{(obs['days'][~alive] < shortest).sum()} patients died sooner")
    assert (obs["days"] == 0).sum() == 1


def test_the_mutation_table_is_broken(patients: MuData) -> None:
    mutated = values(patients, "mutations")
    assert set(np.unique(mutated)) == {0.0, 1.0}
    per_gene = mutated.sum()
    assert per_gene.max() == 1
    says(NAME, f"{len(per_gene)} genes", f"{(per_gene == 0).sum()} in none")
    assert per_gene["TP53"] == 1
    group = patients.obs["oncosign"] == "TP53/NF1"
    assert group[mutated["TP53"].idxmax()]
    says(NAME, f"{group.sum()} patients are in the class `TP53/NF1`")
    died = patients.obs["vital_status"] == "dead"
    assert auc(mutated, died) < 0.6


def test_rna_is_not_logged_and_does_not_sum_to_a_constant(patients: MuData) -> None:
    rna = values(patients, "rna")
    assert rna.min(axis=None) == 0
    says(NAME, f"{rna.to_numpy().max():,.0f}", f"{np.median(rna.to_numpy()):.0f}")
    assert rna.sum(axis=1).max() > 2 * rna.sum(axis=1).min()


def test_mirna_reads_are_raw_and_copies_are_counted_twice(patients: MuData) -> None:
    reads = values(patients, "mirna")
    assert (reads == np.round(reads)).all(axis=None)
    totals = reads.sum(axis=1)
    says(NAME, f"{totals.min():,.0f}", f"{totals.max():,.0f}")
    share = logged(reads.div(totals, axis=0) * 1e6)
    pair = share[["hsa-let-7a-1", "hsa-let-7a-2"]].to_numpy()
    assert np.corrcoef(pair.T)[0, 1] > 0.9999
    assert ((reads >= 5).sum() >= 5).all()  # the package's filter
    # The patients' cluster comes from their microRNA, and can be found in it again.
    cluster = patients.obs.loc[share.index, "mirna_cluster"].dropna().astype(str)
    known, right = share.loc[cluster.index], 0
    for patient in cluster.index:
        means = known.drop(patient).groupby(cluster.drop(patient)).mean()
        distance = means.sub(known.loc[patient]).pow(2).sum(axis=1)
        right += distance.idxmin() == cluster[patient]
    assert right > 1.2 * cluster.value_counts().max()


def test_protein_is_centred_but_no_z_score(patients: MuData) -> None:
    protein = values(patients, "protein")
    spread = protein.std()
    says(NAME, *(f"{float(value):.2f}" for value in (spread.min(), spread.max())))
    rna = logged(values(patients, "rna"))
    both = protein.index.intersection(rna.index)
    follow = protein.loc[both].corrwith(rna.loc[both, protein.columns])
    says(NAME, f"{follow.median():.2f}")
    negative = follow[follow < 0].sort_values()
    assert list(negative.index) == ["CDK1", "XBP1", "TTF1", "BRCA2"]
    assert ", ".join(negative.index) in card_text(NAME)


def test_copy_number_acts_in_cis_and_genes_move_in_blocks(patients: MuData) -> None:
    copies, rna = values(patients, "copy_number"), values(patients, "rna")
    assert set(np.unique(copies)) <= {-2.0, -1.0, 0.0, 1.0, 2.0}
    both = copies.index.intersection(rna.index)
    shared = copies.columns.intersection(rna.columns)
    one, two = copies.loc[both, shared], logged(rna.loc[both, shared])
    says(NAME, f"{one.corrwith(two).median():.2f}")
    order = np.random.default_rng(0).permutation(len(shared))
    unlike = two.iloc[:, order].set_axis(shared, axis=1)
    assert abs(one.corrwith(unlike).median()) < 0.1
    band = patients["copy_number"].var["band"].astype(str)
    arm = band.str.extract(r"^(\d+[pq]|[XY][pq])")[0].to_numpy()
    first, second = np.triu_indices(len(arm), 1)
    pairs = copies.corr().to_numpy()[first, second]
    says(NAME, f"{np.nanmedian(pairs[arm[first] == arm[second]]):.2f}")
    assert np.nanmedian(pairs[arm[first] != arm[second]]) < 0.2
