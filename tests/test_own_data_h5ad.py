"""AnnData of one's own, from a file or in memory."""

from __future__ import annotations

from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from genex_helpers.own_data import checks, memory, problems, read_h5ad
from genex_helpers.own_data.h5ad import check_adata

RNG = np.random.default_rng(0)
COUNTS = RNG.negative_binomial(1, 0.02, size=(6, 40)).astype(np.float32)


def example(x: object = COUNTS, **more: object) -> anndata.AnnData:
    """Return six samples of 40 genes."""
    obs = pd.DataFrame(index=[f"s{k}" for k in range(6)])
    var = pd.DataFrame(index=[f"ENSG{k:011d}" for k in range(40)])
    return anndata.AnnData(X=x, obs=obs, var=var, **more)


def written(adata: anndata.AnnData, tmp_path: Path) -> Path:
    path = tmp_path / "own.h5ad"
    adata.write_h5ad(path)
    return path


def test_comes_back_as_it_is(tmp_path: Path) -> None:
    path = written(example(), tmp_path)
    adata = read_h5ad(path, units="counts")
    np.testing.assert_array_equal(adata.X, COUNTS)
    facts = adata.uns["read"]
    assert facts["scale"] == "counts" and facts["stored"] == "dense"
    assert facts["file"] == "own.h5ad" and "warnings" not in facts
    again = read_h5ad(written(adata, tmp_path))
    assert again.uns["read"]["earlier_read"] == facts


@settings(max_examples=30, deadline=None)
@given(
    share=st.floats(0, 1),
    seed=st.integers(0, 99),
    form=st.sampled_from(["csr_matrix", "csc_matrix", "csr_array"]),
)
def test_sparse_is_judged_as_dense(share: float, seed: int, form: str) -> None:
    keep = np.random.default_rng(seed).random(COUNTS.shape) < share
    values = COUNTS * keep + keep * 0.25
    with pytest.warns(problems.OwnDataWarning):
        dense = check_adata(example(np.vstack([values[:5], values[:1] * 0])))
    sparse = getattr(scipy.sparse, form)(dense.X)
    with pytest.warns(problems.OwnDataWarning):
        found = check_adata(example(sparse))
    assert (
        scipy.sparse.issparse(found.X) and found.uns["read"].pop("stored") == "sparse"
    )
    assert dense.uns["read"].pop("stored") == "dense"
    assert found.uns["read"] == dense.uns["read"]


def test_a_sparse_table_too_large_to_unpack_is_sampled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # room for half of the samples: an eighth of what is free
    monkeypatch.setattr(checks, "available_memory", lambda: 8 * COUNTS.nbytes // 2)
    adata = check_adata(example(scipy.sparse.csr_matrix(COUNTS)))
    assert adata.uns["read"]["checked"] == "3 of 6 samples, evenly spread"


def test_counts_that_stand_elsewhere() -> None:
    adata = example(np.log1p(COUNTS / COUNTS.sum(axis=1, keepdims=True) * 1e4))
    adata.layers["counts"] = COUNTS
    adata.raw = example()
    with pytest.warns(problems.CountsElsewhereWarning) as found:
        check_adata(adata)
    said = " ".join(str(w.message) for w in found)
    assert "layer='counts'" in said and "layer='raw'" in said
    np.testing.assert_array_equal(check_adata(adata, layer="counts").X, COUNTS)
    np.testing.assert_array_equal(check_adata(adata, layer="raw").X, COUNTS)
    with pytest.raises(problems.NoExpressionError, match=r"'normal'.*'counts', 'raw'"):
        check_adata(adata, layer="normal")


def test_no_x(tmp_path: Path) -> None:
    empty = example(None, layers={"counts": COUNTS})
    with pytest.raises(problems.NoExpressionError, match="Say layer='counts'"):
        read_h5ad(written(empty, tmp_path))
    assert read_h5ad(tmp_path / "own.h5ad", layer="counts").X.sum() == COUNTS.sum()
    with pytest.raises(problems.NoExpressionError, match="no values to read"):
        check_adata(example(None))


@pytest.mark.filterwarnings("ignore:Observation names are not unique")
def test_samples_of_one_name(tmp_path: Path) -> None:
    adata = example()
    adata.obs_names = ["s0", "s1", "s2", "s1", "s4", "s5"]
    with pytest.raises(
        problems.DuplicateSampleNamesError, match=r"'s1'.*number 2, number 4"
    ):
        read_h5ad(written(adata, tmp_path))


@pytest.mark.filterwarnings("ignore:Variable names are not unique")
def test_genes_of_one_name() -> None:
    adata = example()
    adata.var_names = ["MYC", "MYC", "1-Mar", *adata.var_names[3:]]
    with pytest.warns() as found:
        check_adata(adata)
    kinds = {w.category.__name__ for w in found}
    assert {"DuplicateGeneNamesWarning", "ExcelNamesWarning"} <= kinds


def test_transposed() -> None:
    with pytest.warns(problems.TransposedTableWarning, match="adata.T"):
        check_adata(example().T)


def test_backed(tmp_path: Path) -> None:
    backed = anndata.read_h5ad(written(example(), tmp_path), backed="r")
    with pytest.raises(problems.BackedFileError, match="to_memory"):
        check_adata(backed)
    backed.file.close()


def test_the_argument_stays_as_it_is() -> None:
    adata = example()
    check_adata(adata)
    assert "read" not in adata.uns


def test_values_that_are_no_finite_numbers() -> None:
    bad = COUNTS.copy()
    bad[3, 5] = np.inf
    for table in (bad, scipy.sparse.csr_matrix(bad)):
        with pytest.raises(problems.InfiniteValuesError, match=r"values: 1, .*'s3'"):
            check_adata(example(table))
    with pytest.raises(problems.TextInNumbersError, match="instead of numbers"):
        check_adata(example(COUNTS.astype(str).astype(object)))


def test_columns_of_odd_types() -> None:
    adata = example()
    adata.obs["mixed"] = np.array([1, "a", 2, "b", 3, "c"], dtype=object)
    adata.obs["day"] = pd.Categorical(["0", "7", "0", "7", "10", "0"])
    adata.obs["raw"] = np.array([b"x"] * 6, dtype=object)
    adata.obs["cluster"] = pd.Categorical(["0", "7", "0", "7", "10", "0"])
    adata.obs["fine"] = pd.Categorical(["a", "b", None, "a", "b", "a"])
    with pytest.warns(problems.ColumnTypeWarning) as found:
        check_adata(adata)
    said = "\n".join(str(w.message) for w in found)
    assert "obs['mixed'] mixes types (int, str)" in said
    assert "obs['day'] holds numbers as text ('0', '7', '10')" in said
    assert "obs['raw'] holds Python's bytes" in said
    assert "fine" not in said and "cluster" not in said


def test_names_of_bytes() -> None:
    adata = example()
    adata.obs_names = [f"b's{k}'" for k in range(6)]
    with pytest.warns(problems.ColumnTypeWarning, match="Python's bytes"):
        check_adata(adata)


# ---------------------------------------------------------------------------- files


def test_files_of_another_kind(tmp_path: Path) -> None:
    path = tmp_path / "own.h5ad"
    path.write_text("gene,s1\n")
    with pytest.raises(problems.NotATableError, match="read_table"):
        read_h5ad(path)
    path.write_bytes(b"")
    with pytest.raises(problems.EmptyFileError):
        read_h5ad(path)
    with h5py.File(path, "w") as file:
        file.create_group("matrix")["barcodes"] = [1, 2]
    with pytest.raises(problems.NotATableError, match="read_10x_h5"):
        read_h5ad(path)
    with h5py.File(path, "w") as file:
        file.create_group("row_attrs")
    with pytest.raises(problems.NotATableError, match="loom"):
        read_h5ad(path)
    with h5py.File(path, "w") as file:
        for name in ("obs", "var"):
            file.create_group(name).attrs["encoding-type"] = "a-later-invention"
            file[name].attrs["encoding-version"] = "9.0"
    with pytest.raises(problems.NotATableError, match="anndata cannot read"):
        read_h5ad(path)


@settings(max_examples=20, deadline=None)
@given(share=st.floats(0.05, 0.95))
def test_half_a_file_is_never_read(
    share: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    path = written(example(), folder)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(problems.TruncatedFileError, match="cut short"):
        read_h5ad(path)


def test_a_file_larger_than_memory_is_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(example(), tmp_path)
    # 960 bytes of values
    monkeypatch.setattr(memory, "available_memory", lambda: COUNTS.nbytes * 2)
    monkeypatch.setattr(anndata, "read_h5ad", None)
    with pytest.raises(problems.TooBigError, match='backed="r"'):
        read_h5ad(path)
