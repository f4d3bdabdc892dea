"""A table that describes the samples, joined by their names."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING

from genex_helpers.own_data.layout import find_layout, is_missing
from genex_helpers.own_data.lines import read_texts
from genex_helpers.own_data.names import check_sample_names
from genex_helpers.own_data.problems import (
    ConflictingColumnsError,
    LabelSpellingWarning,
    MetadataWithoutSamplesWarning,
    MissingSubjectsError,
    SamplesWithoutMetadataError,
    TimesError,
    TransposedTableError,
    UnknownColumnError,
    UnknownTimeUnitWarning,
)
from genex_helpers.own_data.report import KEY, Report, listed
from genex_helpers.own_data.source import find_source
from genex_helpers.times import UNITS, parse_times

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

_FEW_LABELS = 50


def join_metadata(
    adata: AnnData,
    metadata: pd.DataFrame | str | Path,
    *,
    sample: str | None = None,
    time: str | None = None,
    subject: str | None = None,
    time_unit: str | None = None,
) -> AnnData:
    """Join a table that describes the samples, by sample name.

    Every sample of the data must be described once. Descriptions of other samples
    are left out, with a warning. The order of the samples stays that of the data.

    Parameters
    ----------
    adata
        From `read_table`, `read_h5ad` or `read_geo`.
    metadata
        A data frame, or the path of a CSV or TSV file; one row a sample.
    sample
        The column with the sample names. Left out: the one column (or the index) in
        which all sample names are found.
    time, subject
        Columns that become ``obs["time"]`` (numbers) and ``obs["subject"]`` (text).
    time_unit
        ``"hours"``, ``"days"`` and so on, where the times are bare numbers.

    Returns
    -------
    AnnData
        A copy with the columns in `obs`; ``uns["read"]["metadata"]`` says what was
        joined, and ``uns["time_unit"]`` the unit, where it is known.

    Raises
    ------
    UnknownColumnError, ConflictingColumnsError
        If a column does not exist, or is there twice with different content.
    DuplicateSampleNamesError, MissingSampleNamesError, SamplesWithoutMetadataError
        If a sample is described twice or not at all.
    TransposedTableError
        If the metadata describe the genes of the data.
    TimesError, MissingSubjectsError
        If a time cannot be read, units are mixed, or a sample has no subject.
    """
    report = Report(adata.uns.get(KEY, {}))
    table = _as_frame(metadata, report)
    for name, value in (("sample", sample), ("time", time), ("subject", subject)):
        if value is not None and value not in table.columns:
            near = difflib.get_close_matches(value, list(table.columns), 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise UnknownColumnError(
                f"{name}={value!r} is no column of the metadata, which has "
                f"{listed(table.columns, 12)}.{hint}"
            )
    names = adata.obs_names.astype(str)
    sample = _sample_column(table, names, adata) if sample is None else sample
    keys = [_as_name(value) for value in table[sample]]
    check_sample_names(keys, report, _rows(table))
    table.index = _index(keys)
    _check_all_described(names, keys, adata)
    _warn_of_others(names, keys, report)
    joined = table.loc[names].drop(columns=sample)
    facts: dict[str, str | int] = {"sample_column": sample, "columns": 0}
    if subject is not None:
        joined = _with_subjects(joined, subject)
        facts["subject_column"] = subject
    unit: str | None = None
    if time is not None:
        joined, unit = _with_times(joined, time, time_unit, report)
        facts["time_column"] = time
        facts["time_unit"] = unit or "unknown"
    _warn_of_spelling(joined, report)
    result = adata.copy()
    if unit is not None:
        result.uns["time_unit"] = unit
    for name in joined.columns:
        _add(result, str(name).replace("/", "_"), joined[name])
    facts["columns"] = len(joined.columns)
    report.note("metadata", facts)
    return report.finish(result)


def _as_frame(metadata: pd.DataFrame | str | Path, report: Report) -> pd.DataFrame:
    """Return a copy whose index, if it has a name or holds text, is a column too."""
    import pandas as pd

    if isinstance(metadata, (str, Path)):
        return _from_file(metadata, report)
    if not isinstance(metadata, pd.DataFrame):
        raise TypeError(
            f"metadata is a {type(metadata).__name__}; expected a data frame or the "
            "path of a table"
        )
    table = metadata.copy()
    table.columns = [str(name) for name in table.columns]
    if not isinstance(table.index, pd.RangeIndex):
        name = str(table.index.name or "index")
        if name not in table.columns:
            table.insert(0, name, table.index)
    twice = table.columns[table.columns.duplicated()]
    if len(twice):
        raise ConflictingColumnsError(
            f"the metadata have more than one column {listed(twice)}"
        )
    return table


def _from_file(path: str | Path, report: Report) -> pd.DataFrame:
    """Read text, and make numbers of the columns in which all cells are numbers."""
    own = Report()  # the layout of this file is no fact about the data
    source = find_source(path, "detect", own)
    layout = find_layout(source, own, decimal=".")
    report.take_warnings(own)
    twice = sorted({n for n in layout.header if layout.header.count(n) > 1})
    if twice:
        raise ConflictingColumnsError(
            f"{source.path.name} has more than one column {listed(twice)}"
        )
    return read_texts(source, layout)


def _rows(table: pd.DataFrame) -> list[str]:
    return [f"row {k}" for k in range(1, len(table) + 1)]


def _index(keys: list[str]) -> pd.Index:
    import pandas as pd

    return pd.Index(keys, dtype=object)


def _as_name(value: object) -> str:
    """Return a sample name as text; 7.0 is the 7 of a column with gaps."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _sample_column(table: pd.DataFrame, names: pd.Index, adata: AnnData) -> str:
    """Return the column in which most sample names are found."""
    found = {
        column: len(set(names).intersection(map(_as_name, table[column])))
        for column in table.columns
    }
    best = max(found.values(), default=0)
    if best == 0:
        _refuse_genes(table, adata)
        raise SamplesWithoutMetadataError(
            f"no column of the metadata ({listed(table.columns, 12)}) holds a sample "
            f"name such as {listed(names, 3)}"
        )
    columns = [column for column, n in found.items() if n == best]
    if len(columns) > 1:
        raise UnknownColumnError(
            f"sample names are found in the columns {listed(columns)} alike; say which "
            f"one to use: sample={columns[0]!r}"
        )
    return str(columns[0])


def _refuse_genes(table: pd.DataFrame, adata: AnnData) -> None:
    genes = set(adata.var_names.astype(str))
    for column in table.columns:
        shared = genes.intersection(map(_as_name, table[column]))
        if shared:
            raise TransposedTableError(
                f"the metadata's column {column!r} holds names that the data have as "
                f"genes ({listed(sorted(shared), 3)}): the table was read the wrong "
                "way round. Read it again with the other orientation"
            )


def _check_all_described(names: pd.Index, keys: list[str], adata: AnnData) -> None:
    lacking = [name for name in names if name not in set(keys)]
    if not lacking:
        return
    if len(lacking) == len(names):
        shared = adata.var_names.astype(str).intersection(_index(keys))
        if len(shared):
            raise TransposedTableError(
                f"the samples of the metadata are the genes of the data "
                f"({listed(shared, 3)}): the table was read the wrong way round. Read "
                "it again with the other orientation"
            )
    near = difflib.get_close_matches(lacking[0], keys, 1)
    hint = f" (perhaps {near[0]!r} there)" if near else f"; they have {listed(keys, 3)}"
    raise SamplesWithoutMetadataError(
        f"samples that are not in the metadata ({len(lacking)} of {len(names)}): "
        f"{listed(lacking)}{hint}. Describe them, or leave them out first: "
        "adata[adata.obs_names.isin(names)]"
    )


def _warn_of_others(names: pd.Index, keys: list[str], report: Report) -> None:
    others = [key for key in keys if key not in set(names)]
    if others:
        report.warn(
            MetadataWithoutSamplesWarning,
            f"samples of the metadata that are not in the data, and were left out: "
            f"{listed(others)}",
        )


def _with_subjects(joined: pd.DataFrame, subject: str) -> pd.DataFrame:
    values = [_as_name(v) for v in joined[subject]]
    missing = [
        name for name, v in zip(joined.index, values, strict=True) if is_missing(v)
    ]
    if missing:
        raise MissingSubjectsError(
            f"{subject!r} is missing for samples {listed(missing)}; "
            "expected the subject of each sample"
        )
    return _renamed(joined, subject, "subject").assign(subject=values)


def _with_times(
    joined: pd.DataFrame, time: str, said: str | None, report: Report
) -> tuple[pd.DataFrame, str | None]:
    known = sorted(set(UNITS.values()))
    if said is not None and said not in known:
        raise TimesError(f"time_unit={said!r}; expected one of {', '.join(known)}")
    try:
        times, unit = parse_times(joined[time])
    except ValueError as problem:
        raise TimesError(str(problem)) from problem
    named = _unit_in_header(time)
    stated = {"the cells": unit, "the header": named, "time_unit": said}
    units = {where: u for where, u in stated.items() if u is not None}
    if len(set(units.values())) > 1:
        shown = ", ".join(f"{where} says {u}" for where, u in units.items())
        raise TimesError(f"the unit of {time!r} contradicts itself: {shown}")
    unit = next(iter(units.values()), None)
    if unit is None:
        report.warn(
            UnknownTimeUnitWarning,
            f"{time!r} holds bare numbers, so their unit is not known; say it, as in "
            'time_unit="hours"',
        )
    return _renamed(joined, time, "time").assign(time=times), unit


def _unit_in_header(header: str) -> str | None:
    """Return the unit that a header names, as in ``time_h`` or ``Days``."""
    words = "".join(c if c.isalnum() else " " for c in header.lower()).split()
    units = {UNITS[word] for word in words if word in UNITS}
    return units.pop() if len(units) == 1 else None


def _renamed(joined: pd.DataFrame, old: str, new: str) -> pd.DataFrame:
    if old != new and new in joined.columns:
        raise ConflictingColumnsError(
            f"{old!r} would become {new!r}, but the metadata have a column {new!r} as "
            "well; rename or drop one"
        )
    return joined.rename(columns={old: new})


def _warn_of_spelling(joined: pd.DataFrame, report: Report) -> None:
    for name in joined.columns:
        labels = {v for v in joined[name] if isinstance(v, str)}
        if not 1 < len(labels) <= _FEW_LABELS:
            continue
        alike: dict[str, list[str]] = {}
        for label in sorted(labels):
            alike.setdefault("".join(label.lower().split()), []).append(label)
        for same in alike.values():
            if len(same) > 1:
                report.warn(
                    LabelSpellingWarning,
                    f"{name!r} has labels that differ only in capitals or spaces: "
                    f"{listed(same)}; they count as different",
                )


def _add(adata: AnnData, name: str, column: pd.Series) -> None:
    """Add a column to obs; a column of that name must agree."""
    if name in adata.obs:
        old = [str(v) for v in adata.obs[name]]
        new = [str(v) for v in column]
        differ = [
            s for s, a, b in zip(adata.obs_names, old, new, strict=True) if a != b
        ]
        if differ:
            k = list(adata.obs_names).index(differ[0])
            raise ConflictingColumnsError(
                f"obs has a column {name!r} that differs from the metadata's in "
                f"{len(differ)} samples, first {differ[0]!r}: {old[k]!r} and {new[k]!r}"
            )
        return
    adata.obs[name] = column.set_axis(adata.obs_names)
