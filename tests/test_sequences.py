"""From samples to sequences, and back to the table."""

from __future__ import annotations

import anndata
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genex_helpers.sequences import subject_labels, to_sequences


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
    adata = table([("b", 5.0), ("a", 0.0), ("b", 0.0)])
    found = to_sequences(adata, subject="subject", time="hours")
    assert found.values.shape == (2, 2, 3)
    assert found.subjects.tolist() == ["a", "b"] and found.times.tolist() == [0.0, 5.0]
    np.testing.assert_array_equal(found.values[1, 1], adata.X[0])
    np.testing.assert_array_equal(found.values[0, 0], adata.X[1])
    assert np.isnan(found.values[0, 1]).all() and not found.mask[0, 1].any()
    assert found.missing_samples() == [("a", 5.0)]


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.sampled_from("abcd"), st.sampled_from([0.0, 1.5, 7.0, 30.0])),
        min_size=1,
        unique=True,
    )
)
def test_every_sample_comes_back(rows: list[tuple[str, float]]) -> None:
    adata = table(rows)
    found = to_sequences(adata, subject="subject", time="hours")
    for number, (who, when) in enumerate(rows):
        i, t = list(found.subjects).index(who), list(found.times).index(when)
        np.testing.assert_array_equal(found.values[i, t], adata.X[number])
    assert found.mask.sum() == adata.X.size
    assert len(found.missing_samples()) == found.mask[..., 0].size - len(rows)


def test_sample_order_does_not_matter() -> None:
    adata = table([("a", 0.0), ("a", 5.0), ("c", 0.0)])
    there = to_sequences(adata, "subject", "hours")
    back = to_sequences(adata[::-1].copy(), "subject", "hours")
    np.testing.assert_array_equal(there.values, back.values)


def test_bad_tables_are_refused_by_name() -> None:
    with pytest.raises(KeyError, match="obs has no column 'day'"):
        to_sequences(table([("a", 0.0)]), "subject", "day")
    with pytest.raises(ValueError, match=r"more than one sample.*s1"):
        to_sequences(table([("a", 0.0), ("a", 0.0)]), "subject", "hours")
    with pytest.raises(ValueError, match=r"finite number.*s1"):
        to_sequences(table([("a", 0.0), ("a", float("nan"))]), "subject", "hours")


def test_labels_follow_the_subjects_and_must_agree() -> None:
    adata = table([("c", 0.0), ("a", 0.0), ("c", 1.0)])
    found = to_sequences(adata, "subject", "hours")
    assert subject_labels(adata, found, "subject", "ill").tolist() == [0, 1]
    adata.obs["ill"] = [True, False, False]
    with pytest.raises(ValueError, match=r"differs within \['c'\]"):
        subject_labels(adata, found, "subject", "ill")
