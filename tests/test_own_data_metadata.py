"""Metadata are joined by sample name, and nobody is left out in silence."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genex_helpers.own_data import OwnDataWarning, join_metadata, problems, read_table
from genex_helpers.sequences import to_sequences


def data(names: list[str] | None = None) -> anndata.AnnData:
    """Return samples × two genes, whose values tell the samples apart."""
    names = ["a1", "a2", "b1"] if names is None else names
    values = np.arange(2.0 * len(names)).reshape(len(names), 2)
    obs = pd.DataFrame(index=names)
    return anndata.AnnData(X=values, obs=obs, var=pd.DataFrame(index=["TP53", "MYC"]))


def described(**changed: Any) -> pd.DataFrame:
    """Return metadata in another order than the data, with columns changed."""
    columns = {
        "sample": ["b1", "a1", "a2"],
        "patient": ["b", "a", "a"],
        "time": ["0 h", "0 h", "5 h"],
        "dose": [1.5, 2.5, 2.5],
    }
    return pd.DataFrame({**columns, **changed})


def test_every_sample_gets_its_own_row() -> None:
    adata = data()
    joined = join_metadata(adata, described(), time="time", subject="patient")
    assert list(joined.obs_names) == ["a1", "a2", "b1"]
    np.testing.assert_array_equal(joined.X, adata.X)
    assert joined.obs["time"].tolist() == [0, 5, 0]
    assert joined.obs["subject"].tolist() == ["a", "a", "b"]
    assert joined.obs["dose"].tolist() == [2.5, 2.5, 1.5]
    facts = joined.uns["read"]["metadata"]
    assert facts["sample_column"] == "sample" and facts["time_unit"] == "hours"
    assert list(adata.obs) == [] and "read" not in adata.uns  # the argument stays


@settings(max_examples=40, deadline=None)
@given(
    names=st.lists(st.text("abc_1.-", min_size=1), min_size=1, unique=True),
    more=st.lists(st.text("xyz", min_size=1), max_size=3, unique=True),
    seed=st.integers(0, 99),
)
def test_any_order_joins_the_same(names: list[str], more: list[str], seed: int) -> None:
    everyone = names + more
    table = pd.DataFrame({"id": everyone, "label": [f"{n}!" for n in everyone]})
    table = table.sample(frac=1, random_state=seed)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        joined = join_metadata(data(names), table, sample="id")
    assert joined.obs["label"].tolist() == [f"{n}!" for n in names]
    kinds = {w.category for w in told}
    assert (problems.MetadataWithoutSamplesWarning in kinds) == bool(more)


def test_an_index_of_sample_names_will_do() -> None:
    joined = join_metadata(data(), described().set_index("sample"))
    assert joined.obs["dose"].tolist() == [2.5, 2.5, 1.5]
    table = described(sample=[3, 1, 2]).drop(columns=["patient"])
    assert join_metadata(data(["1", "2", "3"]), table).obs["dose"].tolist() == [
        2.5,
        2.5,
        1.5,
    ]


def test_metadata_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "samples.csv"
    path.write_text("sample;subject;day;note\n002;01;7;x\n001;02;0;\n")
    joined = join_metadata(data(["001", "002"]), path, time="day", subject="subject")
    assert joined.obs["subject"].tolist() == ["02", "01"]
    assert joined.obs["time"].tolist() == [0, 7]
    assert joined.uns["read"]["metadata"]["time_unit"] == "days"
    assert to_sequences(joined, "subject", "time").unit == "days"
    assert joined.obs["note"].isna().tolist() == [True, False]
    joined.write_h5ad(tmp_path / "joined.h5ad")
    back = anndata.read_h5ad(tmp_path / "joined.h5ad")
    assert back.uns["read"] == joined.uns["read"]


def test_joined_to_what_was_read(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    path.write_text("gene,a1,a2,b1\nTP53,1,2,4\nMYC,3,NA,5\n")
    with pytest.warns(problems.MissingValuesWarning):
        adata = read_table(path)
    facts = join_metadata(adata, described(), time="time").uns["read"]
    assert facts["orientation"] == "genes-in-rows" and facts["metadata"]["columns"] == 3
    assert "MissingValuesWarning" in facts["warnings"]


BAD = {
    "no such column": (
        {"metadata": described(), "time": "tme"},
        problems.UnknownColumnError,
        "time='tme'.*Did you mean 'time'",
    ),
    "not described": (
        {"metadata": described(sample=["b1", "a1", "a-2"])},
        problems.SamplesWithoutMetadataError,
        "1 of 3\\): 'a2' \\(perhaps 'a-2'",
    ),
    "nobody described": (
        {"metadata": described(sample=["x", "y", "z"])},
        problems.SamplesWithoutMetadataError,
        "no column.*'a1'",
    ),
    "described twice": (
        {"metadata": described(sample=["a1", "a1", "a2"]), "sample": "sample"},
        problems.DuplicateSampleNamesError,
        "'a1'.*row 1.*row 2",
    ),
    "a nameless row": (
        {"metadata": described(sample=["a1", None, "a2"]), "sample": "sample"},
        problems.MissingSampleNamesError,
        "row 2",
    ),
    "two columns of names": (
        {"metadata": described(name=["b1", "a1", "a2"])},
        problems.UnknownColumnError,
        "sample='sample'",
    ),
    "genes for samples": (
        {"metadata": described(sample=["TP53", "MYC", "x"])},
        problems.TransposedTableError,
        "wrong way round",
    ),
    "genes for samples, said": (
        {"metadata": described(sample=["TP53", "MYC", "x"]), "sample": "sample"},
        problems.TransposedTableError,
        "wrong way round",
    ),
    "no subject": (
        {"metadata": described(patient=["b", None, "a"]), "subject": "patient"},
        problems.MissingSubjectsError,
        "'a1'",
    ),
    "time of text": (
        {"metadata": described(time=["0 h", "early", "5 h"]), "time": "time"},
        problems.TimesError,
        "a1 \\('early'\\)",
    ),
    "time missing": (
        {"metadata": described(time=[0, np.nan, 5]), "time": "time"},
        problems.TimesError,
        "a1",
    ),
    "mixed units": (
        {"metadata": described(time=["0 h", "0 h", "5 d"]), "time": "time"},
        problems.TimesError,
        "mixes units",
    ),
    "unknown unit": (
        {"metadata": described(time=["0 x", "0 x", "5 x"]), "time": "time"},
        problems.TimesError,
        "not known",
    ),
    "unit against unit": (
        {"metadata": described(), "time": "time", "time_unit": "days"},
        problems.TimesError,
        "cells says hours, time_unit says days",
    ),
    "unit of fancy": (
        {"metadata": described(), "time": "time", "time_unit": "ages"},
        problems.TimesError,
        "expected one of days",
    ),
    "two columns time": (
        {"metadata": described(hours=[0, 0, 5]), "time": "hours"},
        problems.ConflictingColumnsError,
        "'hours' would become 'time'",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_metadata_are_refused(what: str) -> None:
    options, kind, words = BAD[what]
    with pytest.raises(kind, match=words):
        join_metadata(data(), **options)  # type: ignore[arg-type]


def test_a_column_of_the_data_is_never_replaced() -> None:
    adata = data()
    adata.obs["dose"] = [2.5, 2.5, 1.5]
    assert join_metadata(adata, described()).obs["dose"].tolist() == [2.5, 2.5, 1.5]
    adata.obs["dose"] = [2.5, 9.5, 1.5]
    with pytest.raises(
        problems.ConflictingColumnsError, match=r"'a2': '9.5' and '2.5'"
    ):
        join_metadata(adata, described())


def test_times_without_a_unit() -> None:
    table = described(time=[0, 0, 5])
    with pytest.warns(problems.UnknownTimeUnitWarning, match="time_unit="):
        joined = join_metadata(data(), table, time="time")
    assert joined.uns["read"]["metadata"]["time_unit"] == "unknown"
    with warnings.catch_warnings():
        warnings.simplefilter("error", OwnDataWarning)
        joined = join_metadata(data(), table, time="time", time_unit="days")
        assert joined.uns["read"]["metadata"]["time_unit"] == "days"
        table = table.rename(columns={"time": "time_h"})
        joined = join_metadata(data(), table, time="time_h")
    assert joined.uns["read"]["metadata"]["time_unit"] == "hours"
    assert "time_h" not in joined.obs


def test_labels_that_differ_in_spelling() -> None:
    table = described(group=["Control", "control ", "case"])
    with pytest.warns(problems.LabelSpellingWarning, match="'Control', 'control '"):
        joined = join_metadata(data(), table)
    assert joined.obs["group"].tolist() == ["control ", "case", "Control"]


def test_what_is_no_metadata() -> None:
    with pytest.raises(TypeError, match="expected a data frame"):
        join_metadata(data(), [1])  # type: ignore[arg-type]
    twice = pd.DataFrame([["a1", 1, 2]], columns=["sample", "x", "x"])
    with pytest.raises(problems.ConflictingColumnsError, match="'x'"):
        join_metadata(data(["a1"]), twice)
