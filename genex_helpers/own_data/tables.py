"""Tables of text: CSV, TSV and their relatives, into an AnnData."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genex_helpers.own_data.cells import Cells, read_cells
from genex_helpers.own_data.checks import UNITS_SAID, check_values
from genex_helpers.own_data.layout import Layout, find_layout
from genex_helpers.own_data.memory import check_memory
from genex_helpers.own_data.names import check_gene_names, check_sample_names
from genex_helpers.own_data.orientation import (
    GENE_COLUMNS,
    GENES,
    SAMPLE_COLUMNS,
    Sides,
    find_orientation,
    looks_like_gene,
    looks_like_sample,
    plain,
)
from genex_helpers.own_data.problems import (
    AnnotationWarning,
    NoExpressionError,
    UnknownColumnError,
)
from genex_helpers.own_data.report import Report, listed
from genex_helpers.own_data.source import Source, find_source, text_size

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

# At the peak, what pandas, AnnData and the checks hold: 34 bytes a cell were measured
# on tables of 20,000 genes × 500 samples, either way round.
_BYTES_PER_CELL = 40
_FIRST_LINES = 50


def read_table(
    path: str | Path,
    *,
    orientation: str = "detect",
    samples: Iterable[str] | None = None,
    units: str = "detect",
    annotation: Sequence[str] | None = None,
    names: str | None = None,
    missing: Sequence[str] = (),
    delimiter: str = "detect",
    decimal: str = "detect",
    thousands: str | None = None,
    encoding: str = "detect",
) -> AnnData:
    """Read a table of expression values, packed with gzip or not.

    What is not said is detected from the file. Whatever was detected stands in
    ``adata.uns["read"]``; `describe_read` prints it. If the file leaves a doubt, an
    error says how to settle it. Values are read as they stand: nothing is filled,
    logged, scaled or reordered.

    Parameters
    ----------
    path
        A file with one line a gene and one column a sample, or the other way round.
    orientation
        ``"genes-in-rows"`` or ``"samples-in-rows"``.
    samples
        Names known to be samples, such as those of your metadata: the best evidence
        for the orientation.
    units
        ``"counts"`` (raw) or ``"log"``, and the values are held against it.
    annotation
        All columns that describe the rows instead of holding values. Left out: the
        columns of text, and those with a usual name such as ``Length``.
    names
        The column with the names of the rows, if it is not the first.
    missing
        Texts that stand for a missing value, besides NA, NaN, null and nothing.
    delimiter, decimal, thousands
        The marks between cells, before the decimals, and between thousands.
    encoding
        Such as ``"utf-8"`` or ``"latin-1"``.

    Returns
    -------
    AnnData
        Samples × genes in float64, NaN where a value is missing; `obs` or `var` holds
        the columns that describe samples or genes.

    Raises
    ------
    OwnDataError
        One of the errors in `genex_helpers.own_data.problems`.
    """
    if units not in UNITS_SAID:
        raise ValueError(f"units={units!r}; expected one of {UNITS_SAID}")
    report = Report()
    source = find_source(path, encoding, report)
    layout = find_layout(
        source,
        report,
        delimiter=delimiter,
        decimal=decimal,
        thousands=thousands,
        names=names,
    )
    _check_annotation(annotation, layout)
    check_table_memory(source, layout)
    cells = read_cells(source, layout, report, missing=missing, text_columns=annotation)
    sides = Sides(
        cells.row_names,
        cells.column_names,
        cells.names_header,
        [*cells.texts.columns, *cells.column_names],
        frozenset(str(name).strip() for name in samples or ()),
    )
    found = find_orientation(sides, orientation, report)
    if annotation is None:
        _warn_of_texts(cells, found, report)
        cells = _set_aside(cells, found, report)
    adata = to_anndata(cells, found, report)
    check_values(adata, units, report)
    return report.finish(adata)


def check_table_memory(source: Source, layout: Layout) -> None:
    """Estimate, from the size and the first lines, what the table needs.

    Raises
    ------
    TooBigError
    """
    characters = cells = 0
    with source.open() as text:
        for number, line in enumerate(text, 1):
            if number > layout.header_line and line.strip():
                characters += len(line)
                cells += len(layout.header)
            if number > layout.header_line + _FIRST_LINES:
                break
    size = text_size(source)
    needed = size / max(1, characters) * cells * _BYTES_PER_CELL
    check_memory(
        needed,
        f"{source.path.name} ({size / 1e9:.2f} GB of text)",
        "Close other programs, use a machine with more memory, or keep fewer genes or "
        "samples: a table of counts is far smaller as a sparse .h5ad file.",
    )


def to_anndata(cells: Cells, orientation: str, report: Report) -> AnnData:
    """Turn cells into samples × genes, after a look at the names.

    Raises
    ------
    MissingSampleNamesError, DuplicateSampleNamesError, MissingGeneNamesError
    NoExpressionError
        If no column holds numbers.
    """
    import anndata
    import pandas as pd

    if not cells.column_names:
        raise NoExpressionError(
            f"no column holds numbers; {len(cells.texts.columns)} columns hold text: "
            f"{listed(cells.texts.columns)}. A wrong delimiter or decimal mark does "
            "this, and so does a table of metadata"
        )
    in_rows = orientation == GENES
    lines = [f"line {n}" for n in cells.lines]
    columns = [f"column {k}" for k in range(1, len(cells.column_names) + 1)]
    check_sample_names(
        cells.column_names if in_rows else cells.row_names,
        report,
        columns if in_rows else lines,
    )
    check_gene_names(
        cells.row_names if in_rows else cells.column_names,
        report,
        lines if in_rows else columns,
    )
    values = np.ascontiguousarray(cells.values.T if in_rows else cells.values)
    rows = _described(cells.texts)
    others = pd.DataFrame(index=pd.Index(cells.column_names, dtype=object))
    obs, var = (others, rows) if in_rows else (rows, others)
    adata = anndata.AnnData(X=values, obs=obs, var=var)
    report.note("shape", f"{adata.n_obs} samples × {adata.n_vars} genes")
    if len(cells.texts.columns):
        place = "gene_annotation" if in_rows else "sample_annotation"
        report.note(place, ", ".join(cells.texts.columns))
    return adata


def _described(texts: pd.DataFrame) -> pd.DataFrame:
    """Return columns as numbers where all of a column are numbers."""
    import pandas as pd

    described = texts.copy()
    for name in described.columns:
        numbers = pd.to_numeric(described[name], errors="coerce")
        if numbers.notna().equals(described[name].notna()):
            described[name] = numbers
    return described


def _check_annotation(annotation: Sequence[str] | None, layout: Layout) -> None:
    if isinstance(annotation, str):
        raise ValueError(
            f"annotation={annotation!r} is a text; expected a list of column names"
        )
    unknown = [name for name in annotation or () if name not in layout.header]
    if unknown:
        raise UnknownColumnError(
            f"annotation names {listed(unknown)}, which the header does not have; it "
            f"is {listed(layout.header, 8)}"
        )


def _warn_of_texts(cells: Cells, orientation: str, report: Report) -> None:
    """Warn of a column that is named like those with values, and holds text."""
    like = looks_like_sample if orientation == GENES else looks_like_gene
    texts = [name for name in cells.texts.columns if like(name)]
    if texts:
        report.warn(
            AnnotationWarning,
            f"columns that mostly hold text were set aside, although their names are "
            f"like those of columns with values: {listed(texts)}",
        )


def _set_aside(cells: Cells, orientation: str, report: Report) -> Cells:
    """Move columns of numbers that describe the rows, judged by their names."""
    usual = GENE_COLUMNS if orientation == GENES else SAMPLE_COLUMNS
    aside = [j for j, name in enumerate(cells.column_names) if plain(name) in usual]
    if not aside:
        return cells
    moved = [cells.column_names[j] for j in aside]
    report.warn(
        AnnotationWarning,
        f"columns of numbers that seem to describe the rows were set aside: "
        f"{listed(moved, 20)}. If one holds expression values, list the columns that "
        "do not: annotation=[…]",
    )
    keep = [j for j in range(len(cells.column_names)) if j not in set(aside)]
    texts = cells.texts.copy()
    for j, name in zip(aside, moved, strict=True):
        texts[name.replace("/", "_")] = cells.values[:, j]
    return Cells(
        row_names=cells.row_names,
        column_names=[cells.column_names[j] for j in keep],
        values=cells.values[:, keep],
        texts=texts,
        lines=cells.lines,
        names_header=cells.names_header,
    )
