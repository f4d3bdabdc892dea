"""The cells of a table: each line checked, numbers read by pandas, the rest named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from genex_helpers.own_data.layout import (
    MISSING,
    NUMBER,
    Layout,
    is_grouped,
    is_numeral,
)
from genex_helpers.own_data.lines import Lines, parse
from genex_helpers.own_data.orientation import GENE_COLUMNS, SAMPLE_COLUMNS, plain
from genex_helpers.own_data.problems import (
    DecimalCommaError,
    EmptyFileError,
    EmptyRowsWarning,
    InfiniteValuesError,
    RaggedRowsError,
    TextInNumbersError,
    ThousandsSeparatorError,
)
from genex_helpers.own_data.report import Report, listed
from genex_helpers.own_data.source import Source

if TYPE_CHECKING:
    import pandas as pd

_INFINITE = {"inf", "+inf", "-inf", "infinity", "+infinity", "-infinity"}
_SHOWN = 5


@dataclass
class Cells:
    """The table as it lies in the file: rows × columns, names not yet judged.

    Attributes
    ----------
    row_names, column_names
        As in the file, without surrounding spaces.
    values
        ``(row, column)`` float64, the columns of numbers; NaN for a missing value.
    texts
        The other columns, one row a row.
    lines
        ``(row,)`` lines of the file, counted from 1.
    names_header
        The header above the row names.
    """

    row_names: list[str]
    column_names: list[str]
    values: NDArray[np.float64]
    texts: pd.DataFrame
    lines: NDArray[np.int64]
    names_header: str


def read_cells(
    source: Source,
    layout: Layout,
    report: Report,
    *,
    missing: Sequence[str] = (),
    text_columns: Sequence[str] | None = None,
) -> Cells:
    """Read a table, or say which line or cell cannot be read.

    Parameters
    ----------
    missing
        What stands for a missing value, besides what usually does.
    text_columns
        Columns that describe the rows. ``None``: those that hold mostly text.

    Raises
    ------
    RaggedRowsError, QuoteError, TruncatedFileError
        If a line cannot be cut into the cells of the header.
    TextInNumbersError, InfiniteValuesError, DecimalCommaError
        If a cell is not a finite number; the first few are named.
    """
    lines = Lines(source, layout)
    frame = parse(lines, layout, sorted(MISSING | set(missing)))
    keep = _rows_with_content(frame, lines, report)
    frame = frame.loc[keep]
    names = [name for name, kept in zip(lines.names, keep, strict=True) if kept]
    numbers = np.asarray(lines.numbers, dtype=np.int64)[keep]
    if not names:
        raise EmptyFileError(f"{source.path.name} has a header and no row of values")
    where = _Where(names, layout.header, numbers)
    columns: list[int] = []
    texts: dict[int, pd.Series] = {}
    values: list[NDArray[np.float64]] = []
    bad: list[tuple[int, int, str]] = []
    for j in range(len(layout.header)):
        if j == layout.names:
            continue
        column = frame.iloc[:, j]
        if text_columns is not None and layout.header[j] in text_columns:
            texts[j] = column
            continue
        found, wrong = _numbers(column, layout, set(missing))
        if text_columns is None and _is_text(layout.header[j], column, wrong):
            texts[j] = column
            continue
        columns.append(j)
        values.append(found)
        bad += [(i, j, text) for i, text in wrong]
    columns, values = _columns_with_content(layout, columns, values, report)
    _refuse_bad(bad, where, layout)
    table = np.stack(values, axis=1) if values else np.empty((len(names), 0))
    _refuse_infinite(table, columns, where)
    return Cells(
        row_names=names,
        column_names=[layout.header[j] for j in columns],
        values=table,
        texts=_text_table(texts, layout, names),
        lines=numbers,
        names_header=layout.header[layout.names],
    )


@dataclass(frozen=True)
class _Where:
    """Says where a cell stands, in the words of the table."""

    names: list[str]
    header: list[str]
    lines: NDArray[np.int64]

    def __call__(self, i: int, j: int) -> str:
        row, column = self.names[i], self.header[j]
        return f"row {row!r}, column {column!r} (line {self.lines[i]})"


def _rows_with_content(
    frame: pd.DataFrame, lines: Lines, report: Report
) -> NDArray[np.bool_]:
    """Return which rows have a name or a value; the others are left out, and said."""
    named = np.array([bool(name) for name in lines.names], dtype=bool)
    if len(frame) != len(named):  # a reading that lost a row must never pass
        raise RaggedRowsError(
            f"{len(named)} lines became {len(frame)} rows; expected one row a line"
        )
    keep = named | frame.notna().any(axis=1).to_numpy(dtype=bool)
    if not keep.all():
        left = [lines.numbers[i] for i in np.flatnonzero(~keep)]
        report.warn(
            EmptyRowsWarning,
            f"without a name or a value, and left out: lines {listed(left)}",
        )
    return keep


def _columns_with_content(
    layout: Layout,
    columns: list[int],
    values: list[NDArray[np.float64]],
    report: Report,
) -> tuple[list[int], list[NDArray[np.float64]]]:
    empty = [
        k
        for k, j in enumerate(columns)
        if not layout.header[j] and np.isnan(values[k]).all()
    ]
    if empty:
        report.warn(
            EmptyRowsWarning,
            f"without a name or a value, and left out: columns "
            f"{listed(columns[k] + 1 for k in empty)}",
        )
    keep = [k for k in range(len(columns)) if k not in set(empty)]
    return [columns[k] for k in keep], [values[k] for k in keep]


def _numbers(
    column: pd.Series, layout: Layout, missing: set[str]
) -> tuple[NDArray[np.float64], list[tuple[int, str]]]:
    """Return a column's numbers, and the cells that are none."""
    import pandas as pd

    numeric = pd.api.types.is_numeric_dtype(column.dtype)
    if numeric and not pd.api.types.is_bool_dtype(column.dtype):
        return column.to_numpy(dtype=float, na_value=np.nan), []
    values = np.full(len(column), np.nan)
    wrong = []
    for i, (cell, known) in enumerate(zip(column, column.notna(), strict=True)):
        text = str(cell).strip()
        if not known or text in MISSING or text in missing:
            continue
        plain = text
        if layout.thousands:
            plain = plain.replace(layout.thousands, "")
        if layout.decimal != ".":
            plain = plain.replace(".", "?").replace(layout.decimal, ".")
        if NUMBER.fullmatch(plain) or plain.lower() in _INFINITE:
            values[i] = float(plain)
        else:
            wrong.append((i, text))
    return values, wrong


def _is_text(header: str, column: pd.Series, wrong: list[tuple[int, str]]) -> bool:
    """Most cells are text; a single one never makes a column of text."""
    text = sum(not is_numeral(cell) for _, cell in wrong)
    if text and plain(header) in GENE_COLUMNS | SAMPLE_COLUMNS:
        return True  # chromosome: 1, 2, X
    return text >= 2 and text > int(column.notna().sum()) / 2


def _text_table(
    texts: dict[int, pd.Series], layout: Layout, names: list[str]
) -> pd.DataFrame:
    import pandas as pd

    columns = {}
    for j, column in texts.items():
        name = layout.header[j].replace("/", "_") or f"column {j + 1}"
        name = name if name not in columns else f"{name} ({j + 1})"
        columns[name] = column.to_numpy(dtype=object)
    return pd.DataFrame(columns, index=pd.Index(names, dtype=object))


def _refuse_bad(bad: list[tuple[int, int, str]], where: _Where, layout: Layout) -> None:
    if not bad:
        return
    bad = sorted(bad)
    shown = "; ".join(f"{where(i, j)}: {text!r}" for i, j, text in bad[:_SHOWN])
    cells = f"{len(bad)} cells are not numbers: {shown}"
    if len(bad) == 1:
        cells = f"a cell is not a number: {shown}"
    if len(bad) > _SHOWN:
        cells += f" and {len(bad) - _SHOWN} more"
    if all(is_grouped(text) for _, _, text in bad):
        raise ThousandsSeparatorError(
            f"{cells}. They seem to have separators between thousands; if all numbers "
            'do, say thousands="," or thousands="."; spaces must go'
        )
    if all(is_numeral(text) for _, _, text in bad):
        raise DecimalCommaError(
            f"{cells}. Elsewhere the decimal mark is {layout.decimal!r}; expected one "
            'mark for all numbers. To choose it, say decimal="." or decimal=","'
        )
    rows = {i for i, _, _ in bad}
    if len(bad) > 1 and len(rows) == 1:
        cells += (
            ". All are in one row: if it describes the samples, move it to a metadata "
            "table and join it with join_metadata"
        )
    raise TextInNumbersError(
        f"{cells}. Correct the cells, or, if such a text means “not measured”, say so: "
        f"missing=[{bad[0][2]!r}]; a column that describes the rows goes into "
        "annotation=[…]"
    )


def _refuse_infinite(
    table: NDArray[np.float64], columns: list[int], where: _Where
) -> None:
    rows, places = np.nonzero(np.isinf(table))
    if len(rows):
        shown = "; ".join(
            f"{where(i, columns[k])}: {table[i, k]}"
            for i, k in list(zip(rows, places, strict=True))[:_SHOWN]
        )
        raise InfiniteValuesError(
            f"infinite values: {len(rows)}, as in {shown}. A logarithm of zero gives "
            "-inf: use log(x + 1), or say missing=['-inf', '-Inf', 'inf', 'Inf'] if "
            "they are to count as missing"
        )
