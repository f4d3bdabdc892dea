"""The influenza vaccine file, and that each defect of its card is really there."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy.stats import mannwhitneyu
from test_data_defects import says, variance_share

from genex_helpers.datasets import interferon_genes, load

NAME = "influenza_vaccine"
MIXED_UP = "SUB113019"
FIRST, SECOND = "GSE59635", "GSE59654"


@pytest.fixture(scope="module")
def vaccine() -> AnnData:
    return load(NAME)


def changes(table: AnnData, study: str) -> pd.DataFrame:
    """Day 7 minus day 0, one row a volunteer, one column a gene."""
    part = table[table.obs["study"] == study]
    frame: pd.DataFrame = part.to_df().set_index(part.obs["subject"].astype(str))
    after = (part.obs["days"] == 7).to_numpy()
    change: pd.DataFrame = frame[after] - frame[~after]
    return change


def nearest(table: AnnData) -> np.ndarray:
    """Row number of the sample that correlates best with each."""
    correlation = np.corrcoef(table.X.astype(float))
    np.fill_diagonal(correlation, -np.inf)
    rows: np.ndarray = correlation.argmax(axis=1)
    return rows


def same(table: AnnData, column: str) -> int:
    labels = table.obs[column].astype(str).to_numpy()
    return int((labels[nearest(table)] == labels).sum())


def test_samples_and_labels(vaccine: AnnData) -> None:
    obs = vaccine.obs
    assert list(obs.columns) == ["study", "subject", "days", "responder"]
    assert obs["days"].dtype == float
    ordered = obs.sort_values(["study", "subject", "days"], kind="stable")
    assert obs.index.equals(ordered.index)
    subjects = obs.groupby("subject", observed=True)
    assert subjects.ngroups == 19
    assert (subjects["days"].agg(list).map(tuple) == (0.0, 7.0)).all()
    for column in ("study", "responder"):
        assert (subjects[column].nunique() == 1).all()
    first = obs[obs["days"] == 0]
    numbers = pd.crosstab(first["study"], first["responder"])
    assert numbers.loc[FIRST].to_dict() == {"high": 5, "low": 3}
    assert numbers.loc[SECOND].to_dict() == {"high": 4, "low": 7}
    says(NAME, "5 high and 3 low", "4 high and 7 low", "5 of 8", "4 of 11")
    says(NAME, "GSE59635 with 8", "GSE59654 with 11")
    assert not np.isnan(vaccine.X).any()
    assert 6 < vaccine.X.min() and vaccine.X.max() < 15


def test_one_volunteer_is_two_people(vaccine: AnnData) -> None:
    frame = vaccine.to_df()
    woman, man = frame["XIST"] > 8, frame["RPS4Y1"] > 9
    assert (woman == ~man).all()
    sexes = woman.groupby(vaccine.obs["subject"].astype(str)).nunique()
    assert sexes[sexes > 1].index.tolist() == [MIXED_UP]
    for gene in ("XIST", "RPS4Y1", "HLA-DRB5"):
        pair = frame.loc[[f"{MIXED_UP}.d0", f"{MIXED_UP}.d7"], gene]
        assert pair.max() - pair.min() > 1.5
        says(NAME, *(f"{value:.1f}" for value in pair))
    # In everybody else HLA-DRB5 is a person's own, present or absent on both days.
    others = [changes(vaccine, study)["HLA-DRB5"] for study in (FIRST, SECOND)]
    assert pd.concat(others).drop(MIXED_UP).abs().max() < 1.5
    # A man of the same study who lacks HLA-DRB5: not the owner of the sample either.
    men = vaccine.obs_names[man & (vaccine.obs["study"] == FIRST)]
    assert set(men) == {"SUB112995.d0", "SUB112995.d7", f"{MIXED_UP}.d7"}
    assert frame.loc["SUB112995.d0", "HLA-DRB5"] < 7


def test_the_other_volunteers_fit_their_own_day_0(vaccine: AnnData) -> None:
    own, others = [], []
    for study in (FIRST, SECOND):
        part = vaccine[vaccine.obs["study"] == study]
        days = part.obs["days"].to_numpy()
        frame = part.to_df().astype(float)
        frame -= frame.groupby(days).transform("mean")
        people = part.obs["subject"].astype(str).to_numpy()
        for person in np.unique(people):
            # Genes that tell the others apart: the person has no part in choosing.
            known = frame[~np.isin(people, [person, MIXED_UP])]
            spread = known.var()
            within = known.groupby(people[known.index.map(part.obs_names.get_loc)])
            share = within.var().mean() / spread
            genes = share[spread > spread.quantile(0.7)].nsmallest(100).index
            alike = np.corrcoef(frame[genes])[np.ix_(days == 7, days == 0)]
            at = np.flatnonzero(np.unique(people) == person)[0]
            if person == MIXED_UP:
                others += [alike[at, at], alike[at].max(), alike[:, at].max()]
            else:
                assert alike[at].argmax() == alike[:, at].argmax() == at, person
                own.append(alike[at, at])
    says(NAME, f"each of the {len(own)} others", f"correlation {min(own):.2f} or more")
    says(NAME, f"correlate at {others[0]:.2f}", f"else's at most {max(others):.2f}")


def test_the_study_is_the_strongest_signal(vaccine: AnnData) -> None:
    assert same(vaccine, "study") == len(vaccine)
    says(NAME, f"{len(vaccine)} samples")
    says(NAME, f"{100 * variance_share(vaccine, 'study'):.0f} % of the variance")


def test_the_change_does_not_repeat_in_the_other_study(vaccine: AnnData) -> None:
    means = [changes(vaccine, study).mean() for study in (FIRST, SECOND)]
    correlation = np.corrcoef(means)[0, 1]
    assert correlation < 0
    says(NAME, f"{correlation:.2f}")


def test_in_one_study_the_day_looks_like_a_batch(vaccine: AnnData) -> None:
    first = vaccine[vaccine.obs["study"] == FIRST]
    second = vaccine[vaccine.obs["study"] == SECOND]
    assert same(first, "days") > same(first, "subject")
    says(NAME, f"{same(first, 'days')} of its {len(first)} samples")
    says(NAME, f"only {same(first, 'subject')} from the same volunteer")
    says(NAME, f"{same(second, 'subject')} of {len(second)} in {SECOND}")


def test_antibody_genes_rise_more_in_high_responders(vaccine: AnnData) -> None:
    responder = vaccine.obs.drop_duplicates("subject").set_index("subject")["responder"]
    for study in (FIRST, SECOND):
        rise = changes(vaccine, study)["TNFRSF17"]
        high = rise[[responder[subject] == "high" for subject in rise.index]]
        low = rise.drop(high.index)
        area = mannwhitneyu(high, low).statistic / (len(high) * len(low))
        assert area > 0.8
        says(NAME, f"AUC {area:.2f}")


def test_much_of_the_table_is_background(vaccine: AnnData) -> None:
    share = float((vaccine.X < 6.8).mean())
    says(NAME, f"{100 * share:.0f} % of the values", f"{vaccine.X.min():.2f}")


def test_sex_by_xist(vaccine: AnnData) -> None:
    first = vaccine[vaccine.obs["days"] == 0]
    woman = first.to_df()["XIST"] > 8
    women = woman.groupby(first.obs["study"].astype(str)).agg(["sum", "size"])
    says(NAME, f"{women.loc[FIRST, 'sum']} of the {women.loc[FIRST, 'size']}")
    says(NAME, f"{women.loc[SECOND, 'sum']} of the {women.loc[SECOND, 'size']}")


def test_genes(vaccine: AnnData) -> None:
    genes = vaccine.var_names
    assert {"IGJ", "SEPT5", "MARCH1"} <= set(genes)
    assert not {"JCHAIN", "SEPTIN5", "MARCHF1"} & set(genes)
    says(NAME, f"{genes.str.startswith('LOC').sum()} names")
    shared = genes.intersection(load("influenza_challenge").var_names)
    says(NAME, f"{len(shared)} of the genes")
    assert set(interferon_genes()) <= set(genes)
