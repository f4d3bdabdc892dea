"""The airway counts, and that each defect of their card is really there."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from test_data_defects import card_text, says, variance_share

from genex_helpers.datasets import load

NAME = "airway_counts"
XIST, RPS4Y1 = "ENSG00000229807", "ENSG00000129824"
# Himes et al. found these to rise with dexamethasone.
RISING = {
    "DUSP1": "ENSG00000120129",
    "KLF15": "ENSG00000163884",
    "PER1": "ENSG00000179094",
    "TSC22D3": "ENSG00000157514",
    "CRISPLD2": "ENSG00000103196",
}


@pytest.fixture(scope="module")
def counts() -> AnnData:
    return load(NAME)


def logged(counts: AnnData, least: int = 100) -> AnnData:
    """Log2 of reads per million, of the genes with at least so many reads."""
    x = counts.X.astype(float)
    kept = x.sum(axis=0) >= least
    per_million = x / x.sum(axis=1, keepdims=True) * 1e6
    return AnnData(np.log2(per_million[:, kept] + 1), counts.obs, counts.var[kept])


def percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def one_decimal(value: float) -> str:
    return f"{100 * value:.1f} %"


def test_counts_and_pairs(counts: AnnData) -> None:
    assert (counts.X >= 0).all() and (counts.X == np.round(counts.X)).all()
    assert list(counts.obs.columns) == ["cell_line", "treatment", "pair_length", "geo"]
    pairs = pd.crosstab(counts.obs["cell_line"], counts.obs["treatment"])
    assert pairs.shape == (4, 2) and (pairs == 1).all(axis=None)
    assert ", ".join(pairs.index) in card_text(NAME)
    assert counts.obs_names.str.fullmatch(r"SRR10395\d\d").all()
    assert counts.obs["geo"].str.fullmatch(r"GSM12758\d\d").all()
    # The archive and GEO count the runs of this study in the same order.
    run = counts.obs_names.str.removeprefix("SRR").astype(int)
    assert set(counts.obs["geo"].str.removeprefix("GSM").astype(int) - run) == {236354}
    assert counts.var_names.str.fullmatch(r"ENSG\d{11}").all()
    assert list(counts.var.columns) == ["mrna_length"]
    says(NAME, f"{64102 - counts.n_vars:,} of 64,102")


def test_the_known_genes_rise_with_dexamethasone(counts: AnnData) -> None:
    table = logged(counts).to_df()
    rise = table[counts.obs["treatment"].eq("dexamethasone").to_numpy()].mean()
    rise -= table[counts.obs["treatment"].eq("untreated").to_numpy()].mean()
    assert (rise[list(RISING.values())] > 1.5).all()


def test_the_line_is_a_strong_signal(counts: AnnData) -> None:
    table = logged(counts)
    says(NAME, percent(variance_share(table, "cell_line")), percent(3 / 7))
    says(NAME, percent(variance_share(table, "treatment")), percent(1 / 7))


def test_a_pair_says_more_than_two_groups(counts: AnnData) -> None:
    table = logged(counts)
    order = table.obs.sort_values(["treatment", "cell_line"]).index
    treated, untreated = table[order[:4]].X, table[order[4:]].X
    within = (treated - untreated).var(axis=0, ddof=1)
    unrelated = treated.var(axis=0, ddof=1) + untreated.var(axis=0, ddof=1)
    says(NAME, f"{np.median(within / unrelated):.2f}")


def test_totals_differ_twofold_and_in_both_directions(counts: AnnData) -> None:
    obs = counts.obs.assign(total=counts.X.astype(float).sum(axis=1) / 1e6)
    says(NAME, f"{obs['total'].min():.1f} to {obs['total'].max():.1f} million")
    wide = obs.pivot(index="cell_line", columns="treatment", values="total")
    more = wide["dexamethasone"] > wide["untreated"]
    assert more.any() and not more.all()
    lengths = obs.pivot(index="cell_line", columns="treatment", values="pair_length")
    says(NAME, f"between {obs['pair_length'].min()} and {obs['pair_length'].max()}")
    fewer = lengths.index[lengths["dexamethasone"] < lengths["untreated"]]
    assert list(fewer) == ["N052611", "N061011"]


def test_one_line_is_not_male(counts: AnnData) -> None:
    odd = (counts.obs["cell_line"] == "N061011").to_numpy()
    reads = counts.to_df()[[XIST, RPS4Y1]]
    for number in reads.loc[odd, XIST]:
        says(NAME, int(number))
    assert reads.loc[~odd, XIST].max() == 2 and reads.loc[odd, RPS4Y1].max() == 2
    assert reads.loc[~odd, RPS4Y1].min() > 2000
    says(NAME, XIST, RPS4Y1, "N061011")


def test_some_genes_have_no_length(counts: AnnData) -> None:
    unknown = counts.var["mrna_length"].isna().to_numpy()
    says(NAME, f"{unknown.sum():,} of the {counts.n_vars:,}")
    x = counts.X.astype(float)
    says(NAME, one_decimal(x[:, unknown].sum() / x.sum()))
    assert (counts.var["mrna_length"][~unknown] > 0).all()


def test_many_genes_are_hardly_read(counts: AnnData) -> None:
    x = counts.X.astype(float)
    assert x.sum(axis=0).min() >= 1
    says(NAME, f"{(x.sum(axis=0) < 10).sum():,} of the {counts.n_vars:,}")
    says(NAME, f"{(x == 0).sum():,} of the {x.size:,}")
