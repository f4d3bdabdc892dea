"""From samples to sequences, and back to the table."""

from __future__ import annotations

import anndata
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genex_helpers.sequences import subject_labels, to_sequences, to_table


def table(rows: list[tuple[str, float]], n_genes: int = 3) -> anndata.AnnData:
    """Return one sample a row; its values tell the row apart."""
    values = np.arange(len(rows) * n_genes, dtype=np.float32).reshape(len(rows), -1)
    obs = pd.DataFrame(
        {
            "subject": [who for who, _ in rows],
            "hours": [when for _, when in rows],
            "ill": [who > "b" for who, _ in rows],
        },
        index=[f"s{i}" for i in range(len(rows))],
    )
    var = pd.DataFrame(index=[f"g{i}" for i in range(n_genes)])
    return anndata.AnnData(X=values, obs=obs, var=var)


def test_places_each_sample_and_masks_what_is_missing() -> None:
    adata = table([("b", 0.0), ("a", 0.0), ("b", 5.0)])
    found = to_sequences(adata, subject="subject", time="hours")
    assert found.values.shape == (2, 2, 3)
    assert found.subjects.tolist() == ["a", "b"] and found.times.tolist() == [0.0, 5.0]
    np.testing.assert_array_equal(found.values[1, 1], adata.X[2])
    np.testing.assert_array_equal(found.values[0, 0], adata.X[1])
    assert np.isnan(found.values[0, 1]).all() and not found.mask[0, 1].any()
    assert found.missing_samples() == [("a", 5.0)]


ROWS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from([-24.0, 0.0, 1.5, 7.0, 30.0])),
    min_size=1,
    unique=True,
).map(lambda rows: sorted(rows, key=lambda row: row[1]))


@settings(max_examples=40, deadline=None)
@given(rows=ROWS)
def test_every_sample_has_its_place_on_the_grid(rows: list[tuple[str, float]]) -> None:
    adata = table(rows)
    found = to_sequences(adata, subject="subject", time="hours")
    for number, (who, when) in enumerate(rows):
        i, t = list(found.subjects).index(who), list(found.times).index(when)
        np.testing.assert_array_equal(found.values[i, t], adata.X[number])
        assert found.samples[i, t] == f"s{number}"
    assert found.mask.sum() == adata.X.size
    assert len(found.missing_samples()) == found.mask[..., 0].size - len(rows)


@settings(max_examples=40, deadline=None)
@given(rows=ROWS)
def test_irregular_series_keep_their_own_times(rows: list[tuple[str, float]]) -> None:
    adata = table(rows)
    found = to_sequences(adata, "subject", "hours", shared_times=False)
    assert found.times.shape == found.values.shape[:2] == found.samples.shape
    assert found.values.shape[1] == found.lengths.max()
    for i, who in enumerate(found.subjects):
        own = [(t, n) for n, (w, t) in enumerate(rows) if w == who]
        assert found.lengths[i] == len(own)
        assert found.times[i, : len(own)].tolist() == [t for t, _ in own]
        for step, (_, number) in enumerate(own):
            np.testing.assert_array_equal(found.values[i, step], adata.X[number])
        assert np.isnan(found.times[i, len(own) :]).all()
        assert not found.mask[i, len(own) :].any()
    assert found.missing_samples() == []


@settings(max_examples=40, deadline=None)
@given(rows=ROWS, shared=st.booleans(), data=st.data())
def test_the_way_back_returns_the_table(
    rows: list[tuple[str, float]], shared: bool, data: st.DataObject
) -> None:
    adata = table(rows)
    hole = data.draw(st.tuples(st.integers(0, len(rows) - 1), st.integers(0, 2)))
    adata.X[hole] = np.nan
    adata.X[0] = np.nan  # a sample without a value stays a sample
    found = to_sequences(adata, "subject", "hours", shared_times=shared)
    back = to_table(found, "subject", "hours")
    assert sorted(back.obs_names) == sorted(adata.obs_names)
    back = back[adata.obs_names]
    np.testing.assert_array_equal(back.X, adata.X)
    assert back.var_names.equals(adata.var_names)
    for column in ("subject", "hours"):
        assert back.obs[column].tolist() == adata.obs[column].tolist()
    assert (rows[0][0], rows[0][1]) in found.missing_samples()


def test_a_data_frame_gives_the_same_as_an_anndata() -> None:
    adata = table([("a", 0.0), ("b", 0.0), ("b", 5.0)])
    frame = adata.to_df()
    found = to_sequences(frame, "subject", "hours", metadata=adata.obs)
    expected = to_sequences(adata, "subject", "hours")
    np.testing.assert_array_equal(found.values, expected.values)
    assert found.genes.tolist() == expected.genes.tolist()
    with pytest.raises(ValueError, match="metadata is needed"):
        to_sequences(frame, "subject", "hours")
    with pytest.raises(ValueError, match=r"only in table: \['s2'\]"):
        to_sequences(frame, "subject", "hours", metadata=adata.obs[:2])
    with pytest.raises(ValueError, match="same order"):
        to_sequences(frame[::-1], "subject", "hours", metadata=adata.obs)
    with pytest.raises(ValueError, match=r"numbers only; \['g1'\]"):
        text = frame.assign(g1="high")
        to_sequences(text, "subject", "hours", metadata=adata.obs)
    with pytest.raises(ValueError, match="has its own obs"):
        to_sequences(adata, "subject", "hours", metadata=adata.obs)


def test_the_unit_comes_along() -> None:
    adata = table([("a", 0.0), ("a", 7.0)])
    adata.obs["when"] = ["day 0", "day 7"]
    found = to_sequences(adata, "subject", "when")
    assert found.unit == "days" and found.times.tolist() == [0.0, 7.0]
    assert to_table(found, "subject", "when").uns["time_unit"] == "days"
    assert to_sequences(adata, "subject", "hours").unit is None
    back = to_table(found, "subject", "when")
    assert to_sequences(back, "subject", "when").unit == "days"


def test_two_units_for_the_same_times_are_refused() -> None:
    adata = table([("a", 0.0), ("a", 7.0)])
    adata.obs["when"] = ["day 0", "day 7"]
    adata.uns["time_unit"] = "hours"
    with pytest.raises(ValueError, match=r"in days, but uns.* says 'hours'"):
        to_sequences(adata, "subject", "when")


def test_bad_tables_are_refused_by_name() -> None:
    with pytest.raises(KeyError, match="no column 'day'"):
        to_sequences(table([("a", 0.0)]), "subject", "day")
    with pytest.raises(ValueError, match=r"more than one sample.*'s0', 's1'"):
        to_sequences(table([("a", 0.0), ("a", 0.0)]), "subject", "hours")
    with pytest.raises(ValueError, match=r"must be a number.*s1"):
        to_sequences(table([("a", 0.0), ("a", float("nan"))]), "subject", "hours")
    with pytest.raises(ValueError, match=r"\['s2'\] go back in time"):
        to_sequences(table([("a", 0.0), ("a", 9.0), ("a", 5.0)]), "subject", "hours")
    mixed = table([("a", 0.0), ("a", 1.0)])
    mixed.obs["when"] = ["5 h", "1 d"]
    with pytest.raises(ValueError, match=r"mixes units \(hours in row s0, days in"):
        to_sequences(mixed, "subject", "when")
    nobody = table([("a", 0.0), ("b", 1.0)])
    nobody.obs["subject"] = ["a", None]
    with pytest.raises(ValueError, match=r"'subject' is missing in rows \['s1'\]"):
        to_sequences(nobody, "subject", "hours")
    endless = table([("a", 0.0), ("b", 1.0)])
    endless.X[1, 0] = -np.inf
    with pytest.raises(ValueError, match=r"infinite values in rows \['s1'\]"):
        to_sequences(endless, "subject", "hours")
    twins = table([("a", 0.0), ("b", 1.0)])
    twins.obs_names = ["s", "s"]
    with pytest.raises(ValueError, match=r"samples must differ.*\['s'\]"):
        to_sequences(twins, "subject", "hours")


def test_labels_follow_the_subjects_and_must_agree() -> None:
    adata = table([("c", 0.0), ("a", 0.0), ("c", 1.0)])
    found = to_sequences(adata, "subject", "hours")
    assert subject_labels(adata, found, "subject", "ill").tolist() == [0, 1]
    adata.obs["ill"] = [True, False, False]
    with pytest.raises(ValueError, match=r"differs within \['c'\]"):
        subject_labels(adata, found, "subject", "ill")
