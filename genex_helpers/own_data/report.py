"""What was detected and noticed while reading: kept with the data, and printable."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from genex_helpers.own_data.problems import OwnDataWarning

if TYPE_CHECKING:
    from anndata import AnnData

KEY = "read"  # in `uns`
# the order of the printed facts: a file of HDF5 keeps none
_ORDER = (
    "file accession packed encoding comment_lines delimiter decimal_mark "
    "thousands_separator layer stored orientation orientation_evidence shape "
    "gene_annotation sample_annotation characteristics missing_values checked scale "
    "scale_evidence units metadata earlier_read warnings"
).split()


class Report:
    """Facts in the order in which they were found, and warnings to come.

    Only text, numbers and dictionaries are kept, so that the report survives
    `write_h5ad` unchanged.
    """

    def __init__(self, facts: dict[str, Any] | None = None) -> None:
        self.facts: dict[str, Any] = dict(facts or {})
        self._waiting: list[tuple[type[OwnDataWarning], str]] = []

    def note(self, fact: str, value: str | int | float | dict[str, Any]) -> None:
        """Keep a fact."""
        self.facts[fact] = value

    def warn(self, kind: type[OwnDataWarning], message: str) -> None:
        """Keep a warning; `finish` shows it."""
        self._waiting.append((kind, message))
        said = dict(self.facts.get("warnings", {}))
        name = kind.__name__
        said[name] = f"{said[name]}\n{message}" if name in said else message
        self.facts["warnings"] = said

    def take_warnings(self, other: Report) -> None:
        """Take over the warnings of a second file."""
        for kind, message in other._waiting:
            self.warn(kind, message)

    def finish(self, adata: AnnData) -> AnnData:
        """Store the facts in ``adata.uns["read"]`` and show the warnings.

        Called by the functions a reader calls, so that a warning points at the
        reader's line.
        """
        adata.uns[KEY] = self.facts
        for kind, message in self._waiting:
            warnings.warn(message, kind, stacklevel=3)
        self._waiting = []
        return adata


def describe_read(adata: AnnData) -> str:
    """Return what was detected while reading, a line a fact, for `print`.

    Raises
    ------
    ValueError
        If the AnnData was not read by `genex_helpers.own_data`.
    """
    if KEY not in adata.uns:
        raise ValueError(
            'adata.uns has no "read": expected an AnnData from read_table, '
            "read_h5ad or read_geo"
        )
    return "\n".join(_lines(adata.uns[KEY], ""))


def _lines(facts: dict[str, Any], indent: str) -> Iterable[str]:
    for fact in sorted(facts, key=_place):
        value = facts[fact]
        if isinstance(value, dict):
            yield f"{indent}{fact}:"
            yield from _lines(value, indent + "  ")
        else:
            text = str(value).replace("\n", f"\n{indent}  ")
            yield f"{indent}{fact}: {text}"


def _place(fact: str) -> tuple[int, str]:
    return (_ORDER.index(fact) if fact in _ORDER else len(_ORDER), fact)


def listed(names: Iterable[object], limit: int = 5) -> str:
    """Return the first names, texts in quotes, and how many more there are."""
    everything = [repr(str(n)) if isinstance(n, str) else str(n) for n in names]
    more = len(everything) - limit
    shown = ", ".join(everything[:limit])
    return f"{shown} and {more} more" if more > 0 else shown
