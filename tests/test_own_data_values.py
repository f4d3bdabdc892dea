"""What values and names say about themselves: counts, logarithms, dates."""

from __future__ import annotations

import warnings

import anndata
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from genex_helpers.datasets import load
from genex_helpers.own_data import OwnDataWarning, check_adata, problems
from genex_helpers.own_data.checks import guess_scale, logged_counts
from genex_helpers.own_data.names import excel_names
from genex_helpers.own_data.orientation import looks_transposed

RNG = np.random.default_rng(0)
COUNTS = RNG.negative_binomial(1, 0.02, size=(8, 60)).astype(float)


# ---------------------------------------------------------------------------- scale


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (COUNTS, "counts"),
        (np.log2(COUNTS + 1), "logged counts"),
        (np.log1p(COUNTS), "logged counts"),
        (np.log10(COUNTS + 1).astype(np.float32), "logged counts"),
        (RNG.normal(8, 2, size=(8, 60)).clip(0), "log"),
        (RNG.normal(0, 2, size=(8, 60)), "log ratios"),
        (COUNTS / COUNTS.sum(axis=1, keepdims=True) * 1e6, "per million"),
        (COUNTS * 1.37, "linear"),
        (COUNTS - 3, "negative"),
        (np.full((2, 3), np.nan), "nothing"),
    ],
)
def test_scales_are_told_apart(values: NDArray[np.float64], kind: str) -> None:
    assert guess_scale(values).kind == kind


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    p=st.floats(0.01, 0.3),
    base=st.sampled_from([2.0, np.e, 10.0]),
    digits=st.sampled_from([3, 5, 15]),
)
def test_logged_counts_are_found_whatever_their_base(
    seed: int, p: float, base: float, digits: int
) -> None:
    p = max(p, 0.1) if digits == 3 else p  # large counts need more digits
    counts = np.random.default_rng(seed).negative_binomial(2, p, size=(5, 40))
    values = np.round(np.log(counts + 1) / np.log(base), digits)
    names = {2.0: "log2", np.e: "natural log", 10.0: "log10"}
    assert logged_counts(values) == names[base]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), middle=st.floats(1, 10), spread=st.floats(0.5, 3))
def test_other_logarithms_are_not_taken_for_logged_counts(
    seed: int, middle: float, spread: float
) -> None:
    values = np.random.default_rng(seed).normal(middle, spread, size=(10, 60)).clip(0)
    assert logged_counts(values) is None


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("influenza_challenge", {"log"}),
        ("yeast_cell_cycle", {"log ratios"}),
        ("kidney_liver_counts", {"counts"}),
    ],
)
def test_the_books_own_data_are_recognised(name: str, kinds: set[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OwnDataWarning)
        found = check_adata(load(name)).uns["read"]["scale"]
    assert found in kinds


# --------------------------------------------------------------------------- checks


def told(values: NDArray[np.float64], units: str = "detect") -> dict[str, str]:
    """Return the warnings that a table of samples × genes gets."""
    n, m = values.shape
    adata = anndata.AnnData(X=values)
    adata.obs_names = [f"s{k}" for k in range(1, n + 1)]
    adata.var_names = [f"g{k}" for k in range(1, m + 1)]
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        check_adata(adata, units=units)
    own = [w for w in found if issubclass(w.category, OwnDataWarning)]
    return {w.category.__name__: str(w.message) for w in own}


def test_ordinary_values_get_no_warning() -> None:
    assert told(RNG.normal(8, 2, size=(4, 30))) == {}
    assert told(COUNTS, units="counts") == {}


def test_log_values_may_be_said_to_be_logged_counts() -> None:
    assert told(np.log2(COUNTS + 1), units="log") == {}
    assert set(told(np.log2(COUNTS + 1))) == {"AlreadyLoggedWarning"}


@settings(max_examples=30, deadline=None)
@given(logged=st.sets(st.integers(0, 7), min_size=1, max_size=7))
def test_samples_on_another_scale_are_named(logged: set[int]) -> None:
    values = np.random.default_rng(1).gamma(2.0, 300.0, size=(8, 40)) + 1
    rows = sorted(logged)
    values[rows] = np.log2(values[rows])
    said = told(values)["MixedScalesWarning"]
    first = said.split("; ")[0]
    for k in range(min(5, len(rows))):
        assert f"'s{rows[k] + 1}'" in first
    assert not any(f"'s{k + 1}'" in first for k in set(range(8)) - logged)


def test_a_shallow_sample_of_counts_is_no_other_scale() -> None:
    values = COUNTS.copy()
    values[0] = np.minimum(values[0], 5)
    assert "MixedScalesWarning" not in told(values)


def test_negative_counts() -> None:
    values = COUNTS.copy()
    values[2, 3] = -1
    assert "'g4' in 's3' (-1)" in told(values)["NegativeCountsWarning"]
    with pytest.raises(problems.NegativeCountsError, match="'g4' in 's3'"):
        told(values, units="counts")
    with pytest.raises(problems.NegativeCountsError, match="fractions"):
        told(RNG.normal(0, 2, size=(4, 9)), units="counts")


def test_empty_and_constant_genes_and_samples() -> None:
    values = RNG.normal(8, 2, size=(5, 9))
    values[:, 2], values[:, 4] = 0, 7
    values[:, 6] = np.nan
    values[3] = np.where(np.isnan(values[3]), np.nan, 0)
    said = told(values)
    assert said["EmptyGenesWarning"].endswith("'g3', 'g7'")
    assert "'s4'" in said["EmptySamplesWarning"]
    assert "ConstantGenesWarning" not in said  # g5 is zero in the empty sample
    assert "'g5'" in told(np.delete(values, 3, axis=0))["ConstantGenesWarning"]


def test_unknown_units_are_refused() -> None:
    with pytest.raises(ValueError, match="units='tpm'"):
        told(COUNTS, units="tpm")


# ---------------------------------------------------------------------------- names


SPOILT = (
    "1-Sep 2-Mar 10-Dec Sep-01 Mar-02 Sept-1 1-sept 01-MAR 1-Mär 1.Mrz 4-Okt 1-Dez "
    "1-mars 2006/09/02 2006-09-02 02/09/2006 43891 44075 2.31E+13 2,31E+13 7E+07"
).split()
GENUINE = (
    "SEPT1 SEPT9 SEPTIN1 MARCH1 MARCHF1 MARC1 DEC1 DELEC1 OCT4 NOV TP53 sep-1 DEC-205 "
    "HLA-DRB1 C1orf43 7SK 2310009E13Rik A1BG 1007_s_at 28S RP11-34P13.7 12-LOX 5_8S "
    "AC000001.1 MIR-21 let-7a H2-K1"
).split()


@pytest.mark.parametrize("name", SPOILT)
def test_names_that_a_spreadsheet_made(name: str) -> None:
    assert excel_names([*GENUINE, name]) == [name]


def test_genuine_names_pass() -> None:
    assert excel_names(GENUINE) == []
    assert excel_names(["43891", "44075", "7157"]) == []  # Entrez identifiers


def test_names_exchanged() -> None:
    genes, samples = ["ENSG00000000003", "ENSG00000000005"], ["GSM1", "GSM2"]
    assert looks_transposed(genes, samples)
    assert not looks_transposed(samples, genes)
    assert not looks_transposed(["a", "b"], ["c", "d"])
