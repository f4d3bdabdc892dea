"""What the data sets hold, and that each defect of their cards is really there."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neighbors import NearestCentroid

from genex_helpers.datasets import interferon_genes, load, load_card

LONG_COURSES = ("alpha", "cdc15", "cdc28", "elu")


@pytest.fixture(scope="module")
def influenza() -> AnnData:
    return load("influenza_challenge")


@pytest.fixture(scope="module")
def yeast() -> AnnData:
    return load("yeast_cell_cycle")


@pytest.fixture(scope="module")
def counts() -> AnnData:
    return load("kidney_liver_counts")


@pytest.fixture(scope="module")
def embryo() -> AnnData:
    return load("embryo_qpcr")


def card_text(name: str) -> str:
    return json.dumps(load_card(name), ensure_ascii=False)


def says(name: str, *numbers: object) -> None:
    """Require that the card states these numbers, as whole words."""
    text = card_text(name)
    for number in numbers:
        assert re.search(rf"(?<![\d.]){re.escape(str(number))}(?![\d])", text), (
            f"the card of {name} does not say {number}"
        )


# --- influenza --------------------------------------------------------------


def test_influenza_samples_and_labels(influenza: AnnData) -> None:
    obs = influenza.obs
    assert list(obs.columns) == ["subject", "hours", "symptomatic", "sex", "age"]
    assert obs.index.str.fullmatch(r"GSM\d+").all()
    assert obs["symptomatic"].dtype == bool
    assert obs["hours"].dtype == float
    subjects = obs.drop_duplicates("subject")
    assert len(subjects) == 17
    for column in ("symptomatic", "sex", "age"):
        assert (obs.groupby("subject", observed=True)[column].nunique() == 1).all()
    assert subjects["symptomatic"].sum() == 9
    assert obs["symptomatic"].sum() == 133
    assert subjects["sex"].value_counts().to_dict() == {"male": 9, "female": 8}
    assert (subjects["age"].min(), subjects["age"].max()) == (22, 41)
    says("influenza_challenge", "9 of 17", "8 women", "9 men", "22 to 41")
    assert not np.isnan(influenza.X).any()
    assert 3.1 <= influenza.X.min() and influenza.X.max() < 15


def test_influenza_series_are_sorted_and_three_samples_are_missing(
    influenza: AnnData,
) -> None:
    obs = influenza.obs
    ordered = obs.sort_values(["subject", "hours"], kind="stable")
    assert obs.index.equals(ordered.index)
    hours = sorted(obs["hours"].unique())
    assert hours == [0, 5, 12, 21, 29, 36, 45, 53, 60, 69, 77, 84, 93, 101, 108]
    grid = pd.crosstab(obs["subject"], obs["hours"])
    assert grid.to_numpy().max() == 1
    missing = {(s, h) for s in grid.index for h in hours if grid.loc[s, h] == 0}
    assert missing == {("flu008", 21.0), ("flu013", 36.0), ("flu017", 36.0)}
    says("influenza_challenge", "`flu008` at 21", "`flu013` and `flu017` at 36")


def variance_share(table: AnnData, column: str) -> float:
    """Share of the total variance that lies between the groups of a column."""
    centred = pd.DataFrame(table.X - table.X.mean(axis=0))
    means = centred.groupby(table.obs[column].astype(str).to_numpy()).transform("mean")
    return float((means.to_numpy() ** 2).sum() / (centred.to_numpy() ** 2).sum())


def test_influenza_subject_is_the_strongest_signal(influenza: AnnData) -> None:
    subject = variance_share(influenza, "subject")
    hours = variance_share(influenza, "hours")
    assert subject > 3 * hours
    says("influenza_challenge", f"{subject:.0%}".replace("%", " %"))
    says("influenza_challenge", f"{hours:.0%}".replace("%", " %"))


def test_influenza_nearest_neighbour_is_the_same_person(influenza: AnnData) -> None:
    x = influenza.X.astype(float)
    squares = (x**2).sum(axis=1)
    distances = squares[:, None] + squares[None] - 2 * x @ x.T
    np.fill_diagonal(distances, np.inf)
    subject = influenza.obs["subject"].astype(str).to_numpy()
    same = int((subject[distances.argmin(axis=1)] == subject).sum())
    assert same > 0.9 * len(subject)
    says("influenza_challenge", f"{same} of the 252")


def test_influenza_three_samples_are_poor(influenza: AnnData) -> None:
    frame = influenza.to_df()
    subject = influenza.obs["subject"].astype(str)
    medians = frame.groupby(subject).median()
    fit = pd.Series(
        [np.corrcoef(frame.loc[s], medians.loc[subject[s]])[0, 1] for s in frame.index],
        index=frame.index,
    )
    worst = fit.sort_values().head(3)
    assert list(worst.index) == ["GSM758081", "GSM758095", "GSM757903"]
    assert fit.median() > 0.99
    says("influenza_challenge", *(f"{value:.2f}" for value in worst))


def test_influenza_sex_genes_agree_with_the_sex(influenza: AnnData) -> None:
    assert "XIST" not in influenza.var_names
    female = (influenza.obs["sex"] == "female").to_numpy()
    for gene in ("RPS4Y1", "DDX3Y"):
        values = influenza.to_df()[gene]
        assert values[female].max() < values[~female].min()
    values = influenza.to_df()["RPS4Y1"]
    women = values[female].sort_values(ascending=False)
    men = values[~female].sort_values()
    assert list(women.index[:3]) == ["GSM757903", "GSM757954", "GSM758095"]
    assert men.index[0] == "GSM758081"
    says("influenza_challenge", *(f"{v:.1f}" for v in [*women[:4], *men[:2]]))
    hours = influenza.obs["hours"]
    assert (hours[["GSM757954", "GSM758095", "GSM758081"]] == 60).all()


# --- yeast ------------------------------------------------------------------


def test_yeast_arrays_and_phases(yeast: AnnData) -> None:
    sizes = {"alpha": 18, "cdc15": 24, "cdc28": 17, "elu": 14, "cln": 2, "clb": 2}
    assert yeast.obs["course"].value_counts().to_dict() == sizes
    times = {
        "alpha": list(range(0, 120, 7)),
        "cdc15": [10, 30, 50, *range(70, 251, 10), 270, 290],
        "cdc28": list(range(0, 161, 10)),
        "elu": list(range(0, 391, 30)),
    }
    for course, minutes in times.items():
        rows = yeast.obs[yeast.obs["course"] == course]
        assert rows["minutes"].tolist() == minutes
    cyclins = yeast.obs["course"].isin(["cln", "clb"])
    assert yeast.obs.loc[cyclins, "minutes"].isna().all()
    phases = yeast.var["phase"]
    assert list(phases.cat.categories) == ["M/G1", "G1", "S", "G2", "M"]
    for phase, number in phases.value_counts().items():
        says("yeast_cell_cycle", f"{phase} {number}")
    # CLN2 peaks in G1, CLB2 in M, a histone in S.
    assert phases["YPL256C"] == "G1"
    assert phases["YPR119W"] == "M"
    assert phases["YDR224C"] == "S"


def test_yeast_missing_values(yeast: AnnData) -> None:
    missing = pd.DataFrame(np.isnan(yeast.X)).groupby(
        yeast.obs["course"].astype(str).to_numpy()
    )
    numbers = missing.sum().sum(axis=1)
    says("yeast_cell_cycle", numbers.sum(), numbers[list(LONG_COURSES)].sum())
    late = (yeast.obs["course"] == "cdc28") & (yeast.obs["minutes"] >= 130)
    assert late.sum() == 4
    says(
        "yeast_cell_cycle",
        f"{np.isnan(yeast.X[late.to_numpy()]).sum()} of {numbers['cdc28']}",
    )
    for course, number in missing.all().sum(axis=1).items():
        says("yeast_cell_cycle", f"{number} in {course}")


def test_yeast_is_zero_sum_within_each_long_course(yeast: AnnData) -> None:
    for course in LONG_COURSES:
        sums = np.nansum(yeast[yeast.obs["course"] == course].X, axis=0)
        assert np.abs(sums).max() < 0.051, course
    for course in ("cln", "clb"):
        sums = np.nansum(yeast[yeast.obs["course"] == course].X, axis=0)
        assert np.median(np.abs(sums)) > 0.5, course


def test_yeast_a_hidden_value_leaks_through_the_zero_sum(yeast: AnnData) -> None:
    alpha = yeast[yeast.obs["course"] == "alpha"].to_df()
    alpha = alpha.loc[:, alpha.notna().all()]
    hidden = alpha.iloc[9]
    guess = -alpha.drop(index=hidden.name).sum()
    assert np.abs(hidden - guess).max() < 0.051


def test_yeast_phase_is_read_off_one_course_alone(yeast: AnnData) -> None:
    phase = yeast.var["phase"].astype(str).to_numpy()
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    accuracy = {}
    for course in LONG_COURSES:
        curves = np.nan_to_num(yeast[yeast.obs["course"] == course].X.T.astype(float))
        curves /= np.maximum(np.linalg.norm(curves, axis=1, keepdims=True), 1e-9)
        found = cross_val_predict(NearestCentroid(), curves, phase, cv=folds)
        accuracy[course] = float((found == phase).mean())
    for course, value in accuracy.items():
        card = re.search(rf"(\d\d) % \({course}\)", card_text("yeast_cell_cycle"))
        assert card and abs(100 * value - int(card[1])) <= 1.5, course
    assert min(accuracy, key=accuracy.__getitem__) == "elu"
    assert min(accuracy["alpha"], accuracy["cdc15"], accuracy["cdc28"]) > 0.6


def test_yeast_cdc15_array_means_zigzag(yeast: AnnData) -> None:
    def reversals(course: str) -> tuple[int, int, float]:
        means = np.nanmean(yeast[yeast.obs["course"] == course].X, axis=1)
        steps = np.diff(means)
        turned = np.sign(steps[1:]) != np.sign(steps[:-1])
        return int(turned.sum()), len(turned), np.corrcoef(steps[1:], steps[:-1])[0, 1]

    turned, inner, correlation = reversals("cdc15")
    says("yeast_cell_cycle", f"{turned} of {inner}")
    assert f"{correlation:.2f}" in card_text("yeast_cell_cycle")
    for course in ("alpha", "cdc28", "elu"):
        assert reversals(course)[0] / reversals(course)[1] <= 0.5


# --- counts -----------------------------------------------------------------


def test_counts_are_whole_and_described(counts: AnnData) -> None:
    assert (counts.X >= 0).all() and (counts.X == np.round(counts.X)).all()
    assert list(counts.obs.columns) == ["tissue", "run", "lane"]
    tissue = counts.obs["tissue"]
    assert tissue.value_counts().to_dict() == {"kidney": 5, "liver": 5}
    expected = [f"R{r}L{lane}" for r, lane in counts.obs[["run", "lane"]].to_numpy()]
    assert [name[:4] for name in counts.obs_names] == expected
    assert [name[4:].lower() for name in counts.obs_names] == tissue.tolist()
    columns = ["length", "gc", "biotype", "chromosome", "start", "end"]
    assert list(counts.var.columns) == [*columns, "mrna_length"]
    assert not counts.var.isna().to_numpy().any()
    assert set(counts.var["chromosome"]) == {"1", "2", "3", "4"}
    assert (counts.X.sum(axis=0) > 0).all()
    says("kidney_liver_counts", int((counts.X == 0).sum()), counts.X.size)
    totals = counts.X.sum(axis=1)
    says("kidney_liver_counts", f"{int(totals.min()):,}", f"{int(totals.max()):,}")


def test_counts_albumin_takes_a_large_share_of_the_liver(counts: AnnData) -> None:
    liver = counts[counts.obs["tissue"] == "liver"]
    share = float(liver[:, "ENSG00000163631"].X.sum() / liver.X.sum())
    says("kidney_liver_counts", f"{100 * share:.0f} %")
    kidney = counts[counts.obs["tissue"] == "kidney"]
    assert kidney[:, "ENSG00000163631"].X.mean() < liver.X.sum() * share / 5 / 40


def test_counts_length_is_not_that_of_the_messenger(counts: AnnData) -> None:
    length = counts.var["length"]
    span = counts.var["end"] - counts.var["start"]
    says("kidney_liver_counts", f"{int(length.max()):,}", int((length > 1e5).sum()))
    correlation = np.corrcoef(np.log(span), np.log(length))[0, 1]
    says("kidney_liver_counts", f"{correlation:.2f}")


def test_counts_mrna_length_is_one_number_a_gene(counts: AnnData) -> None:
    bases = counts.var["mrna_length"]
    says("kidney_liver_counts", f"{int(bases.min())} to {int(bases.max()):,} bases")
    correlation = np.corrcoef(np.log(bases), np.log(counts.var["length"]))[0, 1]
    says("kidney_liver_counts", f"at {correlation:.2f}")
    short = (bases < 100).to_numpy()
    says("kidney_liver_counts", f"{short.sum()} genes is below 100")
    share = counts.X[:, short].sum() / counts.X.sum()
    says("kidney_liver_counts", f"{100 * share:.3f} %")
    kinds = counts.var["biotype"][short].value_counts()
    small = ["snoRNA", "miRNA", "misc_RNA", "snRNA", "rRNA"]
    assert kinds[small].sum() >= 0.9 * short.sum()


def test_counts_lanes_repeat_one_sample(counts: AnnData) -> None:
    depth = counts.X.sum(axis=1)
    for tissue in ("kidney", "liver"):
        rows = (counts.obs["tissue"] == tissue).to_numpy()
        x = counts.X[rows].astype(float)
        share = depth[rows] / depth[rows].sum()
        expected = share[:, None] * x.sum(axis=0)
        often = x.mean(axis=0) >= 5
        index = ((x - expected) ** 2 / np.maximum(expected, 1e-9)).sum(axis=0) / 4
        says("kidney_liver_counts", f"{np.median(index[often]):.2f} in {tissue}")


# --- qPCR -------------------------------------------------------------------


def test_embryo_stages(embryo: AnnData) -> None:
    assert list(embryo.obs.columns) == ["stage", "cells", "embryo"]
    stages = [f"{n}-cell" for n in (2, 4, 8, 16, 32, 64)]
    assert list(embryo.obs["stage"].cat.categories) == stages
    for stage, number in embryo.obs["stage"].value_counts().items():
        says("embryo_qpcr", f"{stage} {number}")
    per_embryo = embryo.obs.groupby("embryo", observed=True)
    says("embryo_qpcr", f"{per_embryo.ngroups} embryos")
    assert (per_embryo["cells"].nunique() == 1).all()
    assert (per_embryo.size() <= per_embryo["cells"].first()).all()


def test_embryo_detection_limit(embryo: AnnData) -> None:
    undetected = embryo.X == 28
    assert embryo.X.max() == 28
    assert embryo.X[~undetected].max() < 28
    says("embryo_qpcr", f"{undetected.sum()} of the {embryo.X.size}")
    assert f"({undetected.mean():.0%}".replace("%", " %)") in card_text("embryo_qpcr")
    frame = embryo.to_df()
    assert (frame[["Actb", "Gapdh"]] < 28).all(axis=None)
    # Known biology, which would not survive a scrambled table: the trophectoderm
    # gene Krt8 comes on, and Gata4 goes off, between 2 and 32 cells.
    medians = frame.groupby(embryo.obs["stage"], observed=True).median()
    assert medians.loc["2-cell", "Krt8"] == 28 and medians.loc["32-cell", "Krt8"] < 20
    assert medians.loc["2-cell", "Gata4"] < 15


def test_embryo_packaged_values_lost_the_number_of_another_cell(
    embryo: AnnData,
) -> None:
    n_cells, n_genes = embryo.shape
    cycles = embryo.X.astype(float)
    mean = embryo[:, ["Actb", "Gapdh"]].X.astype(float).mean(axis=1)
    cell, gene = np.indices(embryo.shape)
    recycled = mean[(gene + n_genes * cell) % n_cells]
    packaged = embryo.layers["packaged"]
    assert np.allclose(packaged, cycles - recycled, atol=1e-4)
    proper = cycles - mean[:, None]
    correlation = np.corrcoef(proper.ravel(), packaged.ravel())[0, 1]
    says("embryo_qpcr", f"{correlation:.2f}")


def test_embryo_housekeepers_move_with_the_stage(embryo: AnnData) -> None:
    mean = embryo.to_df()[["Actb", "Gapdh"]].mean(axis=1)
    by_stage = mean.groupby(embryo.obs["stage"], observed=True).mean()
    says("embryo_qpcr", f"{by_stage['4-cell']:.1f}", f"{by_stage['32-cell']:.1f}")
    assert by_stage.max() - by_stage.min() > 3


# --- interferon genes -------------------------------------------------------


def test_interferon_genes(influenza: AnnData) -> None:
    genes = interferon_genes()
    assert len(genes) == len(set(genes)) == 227
    assert {"RSAD2", "IFI44L", "ISG15", "MX1", "STAT1"} <= set(genes)
    assert not {"OAS1", "OAS3", "IFIH1", "IRF7", "HERC5"} & set(genes)
    present = sum(gene in influenza.var_names for gene in genes)
    says("interferon_genes", f"{present} of the {len(genes)}")
