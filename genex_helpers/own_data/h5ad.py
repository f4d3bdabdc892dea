"""An AnnData of one's own: from an .h5ad file, or already in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genex_helpers.own_data.checks import COUNTS, LOG, check_values, guess_scale
from genex_helpers.own_data.layout import NUMBER
from genex_helpers.own_data.memory import check_memory
from genex_helpers.own_data.names import check_gene_names, check_sample_names
from genex_helpers.own_data.orientation import looks_transposed, plain
from genex_helpers.own_data.problems import (
    BackedFileError,
    ColumnTypeWarning,
    CountsElsewhereWarning,
    InfiniteValuesError,
    NoExpressionError,
    NotATableError,
    TextInNumbersError,
    TransposedTableWarning,
    TruncatedFileError,
)
from genex_helpers.own_data.report import KEY, Report, listed
from genex_helpers.own_data.source import HDF5, existing_file

if TYPE_CHECKING:
    import h5py  # type: ignore[import-untyped]
    import pandas as pd
    from anndata import AnnData

# Memory at the peak, by the size of the values: 3.3 times measured on 3,000 × 20,000.
_PEAK = 3.5
# columns in which a number is a quantity, not the name of a cluster
_QUANTITIES = frozenset("time times hour hours day days week weeks age dose".split())
_LOOKED_AT = 200
RAW = "raw"


def read_h5ad(
    path: str | Path, *, layer: str | None = None, units: str = "detect"
) -> AnnData:
    """Read an .h5ad file, and look at names, types and values as `check_adata` does.

    Parameters
    ----------
    path
        A file written by AnnData, scanpy or alike.
    layer
        The layer to use as X, or ``"raw"`` for ``adata.raw``. Left out: X.
    units
        ``"counts"`` or ``"log"``, and the values are held against it.

    Returns
    -------
    AnnData
        In memory; X stays sparse if it is.

    Raises
    ------
    NotATableError, TruncatedFileError
        If the file is no .h5ad file, or not a whole one.
    OwnDataError
        As `check_adata` does.
    """
    import anndata
    import h5py  # type: ignore[import-untyped]

    path = existing_file(path)
    with path.open("rb") as file:
        start = file.read(len(HDF5))
    if start != HDF5:
        raise NotATableError(
            f"{path.name} is no .h5ad file (it does not begin like HDF5); tables of "
            "text are read by read_table"
        )
    try:
        with h5py.File(path, "r") as opened:
            _check_groups(opened, path)
            size = _size(opened)
    except OSError as problem:
        raise TruncatedFileError(
            f"{path.name} cannot be opened as HDF5 ({problem}): it is damaged, or its "
            "download was cut short. Fetch it again"
        ) from problem
    check_memory(
        size * _PEAK,
        path.name,
        "Use a machine with more memory, or cut the file: anndata.read_h5ad(path, "
        'backed="r")[:, genes].to_memory() reads only some genes.',
    )
    try:
        adata = anndata.read_h5ad(path)
    except Exception as problem:
        raise NotATableError(
            f"anndata cannot read {path.name}: {type(problem).__name__}: {problem}"
        ) from problem
    report = Report({"file": path.name})
    return report.finish(_checked(adata, layer, units, report))


def check_adata(
    adata: AnnData, *, layer: str | None = None, units: str = "detect"
) -> AnnData:
    """Look at an AnnData that is already in memory.

    Parameters
    ----------
    adata
        Samples × genes. It is not changed.
    layer, units
        As in `read_h5ad`.

    Returns
    -------
    AnnData
        A copy with the report in ``uns["read"]``.

    Raises
    ------
    BackedFileError, NoExpressionError
        If the values are on disk, or there are none.
    DuplicateSampleNamesError, MissingSampleNamesError, MissingGeneNamesError
        If samples or genes cannot be told apart.
    TextInNumbersError, InfiniteValuesError, NegativeCountsError
        If values are not numbers, not finite, or counts below zero.
    """
    _refuse_backed(adata)
    report = Report()
    return report.finish(_checked(adata.copy(), layer, units, report))


def _refuse_backed(adata: AnnData) -> None:
    if adata.isbacked:
        raise BackedFileError(
            "the AnnData reads its values from disk (backed); expected one in memory: "
            "adata.to_memory(), or adata[:, genes].to_memory() for some genes"
        )


def _checked(adata: AnnData, layer: str | None, units: str, report: Report) -> AnnData:
    adata = _with_layer(adata, layer, report)
    _refuse_what_is_no_number(adata)
    earlier = adata.uns.get(KEY)
    if isinstance(earlier, dict):
        report.note("earlier_read", dict(earlier))
    report.note("shape", f"{adata.n_obs} samples × {adata.n_vars} genes")
    report.note("stored", "sparse" if hasattr(adata.X, "toarray") else "dense")
    check_sample_names(list(adata.obs_names.astype(str)), report)
    check_gene_names(list(adata.var_names.astype(str)), report)
    why = looks_transposed(list(adata.obs_names), list(adata.var_names))
    if why:
        report.warn(
            TransposedTableWarning,
            f"the table looks transposed: {why}, where samples should be in the rows. "
            "If it is: adata.T",
        )
    _check_columns(adata, report)
    check_values(adata, units, report)
    if units != LOG:
        _look_for_counts(adata, layer, report)
    return adata


def _check_groups(opened: h5py.File, path: Path) -> None:
    if "obs" in opened and "var" in opened:
        return
    kind, advice = "an HDF5 file without obs and var", "expected one of AnnData's"
    if "matrix" in opened and "barcodes" in opened["matrix"]:
        kind, advice = "a 10x Genomics .h5 file", "read it with scanpy.read_10x_h5"
    if "row_attrs" in opened:
        kind, advice = "a loom file", "read it with scanpy.read_loom"
    raise NotATableError(f"{path.name} is {kind}; {advice} and save it as .h5ad")


def _size(opened: h5py.File) -> int:
    """Return the unpacked bytes of X, the layers and raw."""
    total = 0
    for name in ("X", "layers", "raw"):
        if name in opened:
            arrays = _arrays(opened[name])
            total += sum(array.size * array.dtype.itemsize for array in arrays)
    return total


def _arrays(item: Any) -> Iterator[Any]:
    if hasattr(item, "keys"):
        for name in item:
            yield from _arrays(item[name])
    else:
        yield item


def _with_layer(adata: AnnData, layer: str | None, report: Report) -> AnnData:
    """Return the AnnData with the values that were asked for in X."""
    held = [*adata.layers, *([RAW] if adata.raw is not None else [])]
    report.note("layer", layer or "X")
    if layer is None:
        if adata.X is None:
            raise NoExpressionError(
                f"the AnnData has no X; other tables: {listed(held) or 'none'}. "
                f"{f'Say layer={held[0]!r}' if held else 'There are no values to read'}"
            )
        return adata
    if layer not in held:
        raise NoExpressionError(
            f"layer={layer!r} does not exist; the AnnData has {listed(held) or 'none'}"
        )
    if layer == RAW and RAW not in adata.layers:
        return adata.raw.to_adata()
    adata.X = adata.layers[layer].copy()
    return adata


def _refuse_what_is_no_number(adata: AnnData) -> None:
    stored = adata.X.data if hasattr(adata.X, "toarray") else np.asarray(adata.X)
    if stored.dtype.kind not in "biuf":
        raise TextInNumbersError(
            f"X holds {stored.dtype} instead of numbers; expected integers or floats"
        )
    if stored.dtype.kind == "f" and np.isinf(stored).any():
        n = int(np.isinf(stored).sum())
        rows = np.asarray(np.isinf(_evenly(adata, adata.n_obs)).any(axis=1))
        raise InfiniteValuesError(
            f"infinite values: {n}, in samples {listed(adata.obs_names[rows])}; a "
            "logarithm of zero gives -inf: use log(x + 1)"
        )


def _evenly(adata: AnnData, n: int, table: Any = None) -> np.ndarray[Any, Any]:
    """Return ``n`` samples of a table, evenly spread, as an array."""
    table = adata.X if table is None else table
    rows = np.unique(np.linspace(0, adata.n_obs - 1, min(n, adata.n_obs)).astype(int))
    some = table[rows]
    return np.asarray(some.toarray() if hasattr(some, "toarray") else some)


def _check_columns(adata: AnnData, report: Report) -> None:
    names = adata.obs_names.astype(str)
    if len(names) and names.str.startswith(("b'", 'b"')).all():
        report.warn(
            ColumnTypeWarning,
            f"the sample names look like Python's bytes: {listed(adata.obs_names, 2)}; "
            "decode them before they are compared with other tables",
        )
    for name in adata.obs.columns:
        problem = _type_problem(adata.obs[name], plain(str(name)) in _QUANTITIES)
        if problem:
            report.warn(ColumnTypeWarning, f"obs[{name!r}] {problem}")


def _type_problem(column: pd.Series, quantity: bool) -> str:
    """Return what is odd about the type of a column, ``""`` if nothing is."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column.dtype):
        return ""
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return ""
    values = list(column.dropna())
    kinds = sorted({type(value).__name__ for value in values})
    if len(kinds) > 1:
        return f"mixes types ({', '.join(kinds)}); it cannot be written to a file"
    if kinds == ["bytes"]:
        return "holds Python's bytes; decode them to text"
    if isinstance(column.dtype, pd.CategoricalDtype) and not quantity:
        return ""  # clusters are named by numbers
    if kinds == ["str"] and all(NUMBER.fullmatch(value.strip()) for value in values):
        return (
            f"holds numbers as text ({listed(dict.fromkeys(values), 3)}); as text, 10 "
            "comes before 9. If they are quantities, make them numbers"
        )
    return ""


def _look_for_counts(adata: AnnData, layer: str | None, report: Report) -> None:
    """Tell where raw counts are, if X holds none."""
    if report.facts["scale"] == COUNTS:
        return
    places = {name: adata.layers[name] for name in adata.layers if name != layer}
    if adata.raw is not None and layer != RAW:
        places[RAW] = adata.raw.X
    for name, table in places.items():
        if guess_scale(_evenly(adata, _LOOKED_AT, table)).kind == COUNTS:
            report.warn(
                CountsElsewhereWarning,
                f"X does not hold counts ({report.facts['scale_evidence']}), but "
                f"{name!r} does; to read that instead, say layer={name!r}",
            )
