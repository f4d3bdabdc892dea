"""A series matrix of GEO: the description of the samples, and the table below it."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from genex_helpers.own_data.cells import read_cells
from genex_helpers.own_data.checks import UNITS_SAID, check_values
from genex_helpers.own_data.download import ACCESSION, fetch_series_matrix
from genex_helpers.own_data.layout import Layout, cut
from genex_helpers.own_data.names import check_sample_names
from genex_helpers.own_data.orientation import GENES
from genex_helpers.own_data.problems import (
    CharacteristicsWarning,
    HeaderError,
    NoExpressionError,
    NotATableError,
    QuoteError,
    RaggedRowsError,
    TruncatedFileError,
)
from genex_helpers.own_data.report import Report, listed
from genex_helpers.own_data.source import Source, find_source
from genex_helpers.own_data.tables import check_table_memory, to_anndata

if TYPE_CHECKING:
    from anndata import AnnData

_BEGIN, _END = "!series_matrix_table_begin", "!series_matrix_table_end"
_SAMPLE, _SERIES = "!sample_", "!series_"
_CHARACTERISTICS = "characteristics_ch"
_NAME = "geo_accession"


@dataclass
class _Described:
    """What stands above the table.

    Attributes
    ----------
    series
        Text by field; repeated fields are joined by line breaks.
    samples
        Rows of one text a sample, by field; a field may have several rows.
    """

    series: dict[str, str] = field(default_factory=dict)
    samples: dict[str, list[list[str]]] = field(default_factory=dict)


def read_geo(
    path_or_accession: str | Path,
    *,
    cache: str | Path | None = None,
    units: str = "detect",
    encoding: str = "detect",
) -> AnnData:
    """Read a GEO series matrix: a file, or an accession such as ``"GSE30550"``.

    An accession is fetched once from GEO's public archive into a cache folder, where
    its checksum (sha256) is kept beside it and compared at each later use.

    The characteristics of the samples ("time: 5 h") become columns of `obs`, with
    keys in lower case; so does every field that differs between samples. What is the
    same for all is kept in ``uns["geo"]``.

    Parameters
    ----------
    path_or_accession
        ``…_series_matrix.txt``, packed or not; or ``"GSE30550"``; or
        ``"GSE2990-GPL96"`` where a series has several platforms.
    cache
        The folder of fetched files.
    units
        ``"counts"`` or ``"log"``, and the values are held against it.
    encoding
        Such as ``"utf-8"`` or ``"latin-1"``.

    Returns
    -------
    AnnData
        Samples × genes (probes, on an array) in float64.

    Raises
    ------
    DownloadError, CacheError
        If the file could not be fetched, or has changed in the cache.
    NoExpressionError
        If the file has no values: those of most RNA-seq series stand in
        supplementary files of their own.
    OwnDataError
        As `read_table` does.
    """
    if units not in UNITS_SAID:
        raise ValueError(f"units={units!r}; expected one of {UNITS_SAID}")
    report = Report()
    text = str(path_or_accession).strip()
    if ACCESSION.fullmatch(text) and not Path(text).exists():
        path = fetch_series_matrix(text, cache)
        report.note("accession", text.upper())
    else:
        path = Path(path_or_accession)
    source = find_source(path, encoding, report)
    described, layout = _read_head(source)
    check_table_memory(source, layout)
    cells = read_cells(source, layout, report, text_columns=())
    report.note("orientation", GENES)
    report.note("orientation_evidence", "GEO writes a series matrix so")
    adata = to_anndata(cells, GENES, report)
    _describe(adata, described, source, report)
    check_values(adata, units, report)
    return report.finish(adata)


def _read_head(source: Source) -> tuple[_Described, Layout]:
    """Read down to the header of the table."""
    found = _Described()
    with source.open() as text:
        lines = enumerate(text, 1)
        for number, line in lines:
            key = line.split("\t", 1)[0].strip().lower()
            if key == _BEGIN:
                break
            _take(found, key, line.rstrip("\n"), number)
        else:
            raise _no_table(found, source)
        number, line = next(lines, (number, ""))
        after = next(lines, (0, ""))[1]
    if not line.strip():
        raise TruncatedFileError(f"{source.path.name} ends where its table begins")
    header = [name.strip() for name in _cut(line.rstrip("\n"), number)]
    if after.strip().lower() == _END:
        raise _no_values(found, source)
    return found, Layout(header, number, "\t", ".", None, end=_END)


def _take(found: _Described, key: str, line: str, number: int) -> None:
    if key.startswith(_SERIES):
        name, cells = key[len(_SERIES) :], _cut(line, number)[1:]
        value = "\n".join(cell for cell in cells if cell)
        old = found.series.get(name)
        found.series[name] = value if old is None else f"{old}\n{value}"
    elif key.startswith(_SAMPLE):
        name, cells = key[len(_SAMPLE) :], _cut(line, number)[1:]
        found.samples.setdefault(name, []).append([cell.strip() for cell in cells])


def _cut(line: str, number: int) -> list[str]:
    try:
        return cut(line, "\t")
    except csv.Error:
        # GEO does not double the quotation marks inside its texts
        cells = line.split("\t")
        if any(cell.count('"') == 1 for cell in cells):
            raise QuoteError(
                f"line {number} has a quotation mark that is not closed: {line[:60]!r}"
            ) from None
        return [cell.removeprefix('"').removesuffix('"') for cell in cells]


def _no_table(found: _Described, source: Source) -> NotATableError | TruncatedFileError:
    if found.series or found.samples:
        return TruncatedFileError(
            f"{source.path.name} ends before the line {_BEGIN}: its download was cut "
            "short, or it is not a series matrix. Fetch it again"
        )
    return NotATableError(
        f"{source.path.name} is no GEO series matrix (no line begins with !Series_ or "
        "!Sample_); a table of text is read by read_table"
    )


def _no_values(found: _Described, source: Source) -> NoExpressionError:
    files = found.series.get("supplementary_file", "")
    where = f": {files}" if files else ""
    return NoExpressionError(
        f"the table of {source.path.name} has no rows, as for most RNA-seq series: the "
        f"values stand in supplementary files{where}. Fetch these and read them with "
        "read_table; this file may still serve as metadata"
    )


def _describe(
    adata: AnnData, found: _Described, source: Source, report: Report
) -> None:
    """Put the descriptions of the samples into obs, the others into uns."""
    rows = found.samples.get(_NAME)
    if rows is None:
        raise HeaderError(
            f"{source.path.name} has no line !Sample_geo_accession; expected one, with "
            "the names of the samples"
        )
    names = rows[0]
    check_sample_names(names, Report())
    if names != list(adata.obs_names):
        odd = sorted(set(names).symmetric_difference(adata.obs_names))
        raise HeaderError(
            f"the header of the table and the line !Sample_geo_accession differ: "
            f"{listed(odd) if odd else 'in their order'}; expected the same samples"
        )
    same: dict[str, str] = {}
    for name, values in _fields(found, len(names)):
        if len(set(values)) > 1 or name in ("title", "source_name_ch1"):
            adata.obs[name] = values
        else:
            same[name] = values[0]
    columns = characteristics(found.samples, names, report)
    for name, texts in columns.items():
        place = name if name not in adata.obs else f"{name}_characteristic"
        adata.obs[place] = texts
    report.note("characteristics", ", ".join(columns) or "none")
    adata.uns["geo"] = {"series": dict(found.series), "samples": same}
    if "title" in found.series:
        adata.uns["title"] = found.series["title"]


def _fields(found: _Described, n: int) -> list[tuple[str, list[str]]]:
    """Return the fields besides the characteristics, one text a sample."""
    fields = []
    for name, rows in found.samples.items():
        for row in rows:
            if len(row) != n:
                raise RaggedRowsError(
                    f"the line !Sample_{name} has {len(row)} values for {n} samples"
                )
        if name != _NAME and not name.startswith(_CHARACTERISTICS):
            each = zip(*rows, strict=True)
            texts = ["\n".join(part for part in parts if part) for parts in each]
            fields.append((name.replace("/", "_"), texts))
    return fields


def characteristics(
    samples: dict[str, list[list[str]]], names: list[str], report: Report
) -> dict[str, list[str | None]]:
    """Return one column a key from the lines of ``key: value``; ``None`` where none is.

    A line may hold different keys for different samples. A second value of one key, and
    a text without a key, get columns of their own, with a warning.
    """
    columns: dict[str, dict[int, str]] = {}
    twice: list[str] = []
    bare: list[str] = []
    for line, rows in samples.items():
        if not line.startswith(_CHARACTERISTICS):
            continue
        for row in rows:
            for i, text in enumerate(row):
                if not text:
                    continue
                key, colon, value = text.partition(":")
                key = re.sub(r"\s+", " ", key).strip().lower().replace("/", "_")
                if not colon or not key:
                    bare.append(f"{names[i]}: {text}")
                    key, value = "characteristic", text
                place, k = key, 1
                while i in columns.get(place, {}):
                    if columns[place][i] == value.strip():
                        break
                    k += 1
                    place = f"{key}_{k}"
                if k > 1 and colon:
                    both = f"{columns[key][i]} / {value.strip()}"
                    twice.append(f"{names[i]}: {both} ({key})")
                columns.setdefault(place, {})[i] = value.strip()
    if twice:
        report.warn(
            CharacteristicsWarning,
            f"characteristics that occur twice with different values: "
            f"{listed(twice, 3)}; both were kept, the second in a column of its own",
        )
    if bare:
        report.warn(
            CharacteristicsWarning,
            f"characteristics without a key: {listed(bare, 3)}; they are in "
            "the column 'characteristic'",
        )
    return {
        name: [found.get(i) for i in range(len(names))]
        for name, found in columns.items()
    }
