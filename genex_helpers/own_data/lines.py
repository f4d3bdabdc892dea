"""The lines of a table, checked one by one while pandas reads them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from genex_helpers.own_data.layout import MISSING, NUMBER, Layout, cut
from genex_helpers.own_data.problems import (
    EmptyFileError,
    QuoteError,
    RaggedRowsError,
    TruncatedFileError,
)
from genex_helpers.own_data.source import Source

if TYPE_CHECKING:
    import pandas as pd


def read_texts(source: Source, layout: Layout) -> pd.DataFrame:
    """Read a table that describes samples, all columns alike; NaN where nothing stands.

    A column becomes numbers if all its cells are; ``001`` is a name, and stays text.
    """
    import pandas as pd

    lines = Lines(source, layout)
    table = parse(lines, layout, sorted(MISSING), dtype=str)
    table.columns = pd.Index(
        [name or f"column {k}" for k, name in enumerate(layout.header, 1)], dtype=object
    )
    table = table.loc[table.notna().any(axis=1)].reset_index(drop=True)
    for name in table.columns:
        cells = table[name].dropna().str.strip()
        if len(cells) and all(map(_is_plain_number, cells)):
            table[name] = pd.to_numeric(table[name])
        else:
            table[name] = table[name].str.strip().astype(object)
    return table


def _is_plain_number(cell: str) -> bool:
    digits = cell.lstrip("+-")
    leading = len(digits) > 1 and digits[0] == "0" and digits[1].isdigit()
    return not leading and bool(NUMBER.fullmatch(cell))


@dataclass
class Lines:
    """The lines below the header, as a file that pandas reads; each is checked."""

    source: Source
    layout: Layout
    names: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    problem: Exception | None = None

    def __post_init__(self) -> None:
        self._checked = self._check()

    def __iter__(self) -> Iterator[str]:
        return self._checked

    def read(self, size: int = -1) -> str:
        """Return whole lines of at least ``size`` characters, all if negative."""
        taken: list[str] = []
        room = size
        try:
            for line in self._checked:
                taken.append(line)
                room -= len(line)
                if size >= 0 and room <= 0:
                    break
        except Exception as problem:  # pandas would hide it behind its own
            self.problem = problem
            raise
        return "".join(taken)

    def _check(self) -> Iterator[str]:
        layout, ended = self.layout, self.layout.end is None
        width = len(layout.header)
        with self.source.open() as text:
            for number, line in enumerate(text, 1):
                line = line.rstrip("\n")
                if number <= layout.header_line or not line.strip(" "):
                    continue
                if layout.end is not None and line.strip().lower() == layout.end:
                    ended = True
                    break
                try:
                    cells = cut(line, layout.delimiter)
                except csv.Error as problem:
                    raise QuoteError(
                        f"line {number} has a quotation mark that is not closed: "
                        f"{line[:60]!r}; expected each cell in one line"
                    ) from problem
                if len(cells) != width:
                    raise RaggedRowsError(
                        f"line {number} has {len(cells)} cells, expected {width} as "
                        f"in the header; it begins {line[:60]!r}"
                    )
                self.names.append(cells[layout.names].strip())
                self.numbers.append(number)
                yield line + "\n"
        if not ended:
            raise TruncatedFileError(
                f"{self.source.path.name} ends without the line {layout.end!r}: its "
                "download was cut short. Fetch it again"
            )


def parse(
    lines: Lines, layout: Layout, missing: list[str], **more: Any
) -> pd.DataFrame:
    """Read the lines as cells with pandas; a line that is refused is not hidden."""
    import pandas as pd

    if tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1):
        # the number nearest to the text, as later versions always read it
        more["float_precision"] = "round_trip"
    if layout.thousands:
        more["thousands"] = layout.thousands
    try:
        frame: pd.DataFrame = pd.read_csv(
            lines,  # type: ignore[call-overload]
            sep=layout.delimiter,
            header=None,
            names=range(len(layout.header)),
            index_col=False,
            decimal=layout.decimal,
            na_values=missing,
            keep_default_na=False,
            low_memory=False,
            **more,
        )
    except Exception as problem:
        if lines.problem is not None:
            raise lines.problem from None
        if isinstance(problem, pd.errors.EmptyDataError):
            raise EmptyFileError(
                f"{lines.source.path.name} has a header and no row of values"
            ) from None
        raise
    return frame
