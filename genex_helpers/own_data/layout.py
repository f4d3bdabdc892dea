"""How the lines of a table are laid out: header, delimiter, decimal mark."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from genex_helpers.own_data.problems import (
    DecimalCommaError,
    DecimalCommaWarning,
    DelimiterError,
    EmptyFileError,
    HeaderError,
    NotATableError,
    NumericHeaderWarning,
    QuoteError,
    ShortHeaderWarning,
    ThousandsSeparatorError,
    UnknownColumnError,
)
from genex_helpers.own_data.report import Report, listed
from genex_helpers.own_data.source import Source

# where two cut alike, the first: a comma may be a decimal mark, a space part of a name
DELIMITERS = {"tab": "\t", "semicolon": ";", "bar": "|", "comma": ",", "space": " "}
MISSING = frozenset(
    ["", *"NA na N/A n/a #N/A <NA> NaN nan NAN -nan NULL null None none".split()]
)
# points or commas as decimal marks, and the separators between thousands
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_BY_COMMA = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?")
_BY_POINT = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+(,\d+)?")
_BY_SPACE = re.compile(r"[+-]?[1-9]\d{0,2}([ \u00a0\u2009\u202f'’]\d{3})+([.,]\d+)?")
_ONE_GROUP = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}")
_HEAD_LINES, _HEAD_CHARACTERS = 200, 4_000_000
_MIN_DOTTED = 3


@dataclass(frozen=True)
class Layout:
    """Where the table begins and how a line is cut.

    Attributes
    ----------
    header
        One name a column, that of the row names included.
    header_line
        Its line in the file, counted from 1.
    delimiter, decimal, thousands
        One character each; ``thousands`` may be ``None``.
    names
        Position of the column that names the rows.
    end
        A line that ends the table, in lower case; ``None`` for the end of the file.
    """

    header: list[str]
    header_line: int
    delimiter: str
    decimal: str
    thousands: str | None
    names: int = 0
    end: str | None = None


def cut(line: str, delimiter: str) -> list[str]:
    """Return the cells of a line, without their quotation marks.

    Raises
    ------
    csv.Error
        If a quotation mark is not closed.
    """
    if '"' not in line:
        return line.split(delimiter)
    return next(csv.reader([line], delimiter=delimiter, strict=True))


def is_missing(cell: str) -> bool:
    """Return whether a cell says that there is no value."""
    return cell.strip() in MISSING


def find_layout(
    source: Source,
    report: Report,
    *,
    delimiter: str = "detect",
    decimal: str = "detect",
    thousands: str | None = None,
    names: str | None = None,
) -> Layout:
    """Find out how the table is laid out, from its first lines.

    Raises
    ------
    EmptyFileError, HeaderError, DelimiterError, QuoteError
        If there is no table that all readings would agree on.
    DecimalCommaError, ThousandsSeparatorError
        If a comma or a point may mean two things.
    """
    head = _head(source)
    head = _without_comments(head, report)
    number, first = head[0]
    _refuse_geo(first, source)
    if len(head) < 2:
        raise EmptyFileError(
            f"{source.path.name} holds one line and no values: {first[:60]!r}"
        )
    if delimiter == "detect":
        delimiter = _find_delimiter([line for _, line in head], source)
    said = {mark: word for word, mark in DELIMITERS.items()}
    report.note("delimiter", said.get(delimiter, delimiter))
    rows = [_cut_checked(line, delimiter, at) for at, line in head]
    header = [name.strip() for name in rows[0]]
    cells = rows[1:]
    width = Counter(len(row) for row in cells).most_common(1)[0][0]
    if len(header) == width - 1:
        report.warn(
            ShortHeaderWarning,
            f"the header has {len(header)} cells and the rows {width}, as R's "
            "write.table leaves it: the first column was taken for the row names",
        )
        header = ["", *header]
    elif len(header) != width:
        raise _wrong_header(header, cells, width, delimiter, number)
    position = _names_column(header, names)
    _check_header(header, position, cells, number, report)
    texts = [c.strip() for row in cells for j, c in enumerate(row) if j != position]
    decimal, thousands = _number_style(texts, decimal, thousands, report)
    return Layout(header, number, delimiter, decimal, thousands, position)


def _head(source: Source) -> list[tuple[int, str]]:
    """Return the first lines that hold something, with their numbers."""
    head: list[tuple[int, str]] = []
    size = 0
    with source.open() as text:
        for number, line in islice(enumerate(text, 1), 10_000):
            if line.strip():
                head.append((number, line.rstrip("\n").lstrip("\ufeff")))
                size += len(line)
            full = len(head) >= _HEAD_LINES or size > _HEAD_CHARACTERS
            if full and len(head) > 2:
                break
    if not head:
        raise EmptyFileError(f"{source.path.name} begins with 10,000 empty lines")
    return head


def _without_comments(
    head: list[tuple[int, str]], report: Report
) -> list[tuple[int, str]]:
    """Leave out the lines that begin with ``#``, unless the last is the header."""
    n = 0
    while n < len(head) - 1 and head[n][1].startswith("#"):
        n += 1
    if n and n < len(head):
        above, below = head[n - 1][1], head[n][1]
        for mark in DELIMITERS.values():
            wide = above.count(mark) == below.count(mark) > 0
            if wide and any(NUMBER.fullmatch(c) for c in below.split(mark)[1:]):
                n -= 1
                head[n] = (head[n][0], above.lstrip("# "))
                break
    if n:
        report.note("comment_lines", n)
    return head[n:]


def _refuse_geo(first: str, source: Source) -> None:
    if first.startswith(("!Series_", "!Sample_")):
        raise NotATableError(
            f"{source.path.name} is a GEO series matrix; read it with read_geo"
        )
    if first.startswith(("^DATABASE", "^SERIES", "^SAMPLE", "^PLATFORM")):
        raise NotATableError(
            f"{source.path.name} is a GEO SOFT file; fetch the series matrix "
            "instead and read it with read_geo"
        )


def _find_delimiter(lines: Sequence[str], source: Source) -> str:
    """Return the mark that cuts most lines alike; numbers decide between two."""
    best, best_score = "", (0.0, 0.0, 0)
    for mark in DELIMITERS.values():
        rows = [_cut_loosely(line, mark) for line in lines]
        width, often = Counter(len(row) for row in rows[1:]).most_common(1)[0]
        if width < 2:
            continue
        fit = {width: 1.0, width - 1: 0.9}.get(len(rows[0]), 0.5)
        cells = [cell.strip() for row in rows[1:] for cell in row[1:]]
        numbers = sum(_looks_like_number(cell) for cell in cells) / len(cells)
        score = (fit * often / (len(rows) - 1), numbers, width)
        if score > best_score:
            best, best_score = mark, score
    if not best:
        raise DelimiterError(
            f"no tab, comma, semicolon, bar or space cuts the lines of "
            f"{source.path.name} into columns; the first is {lines[0][:60]!r}. "
            'If another mark does, name it: delimiter=":"'
        )
    return best


def _cut_loosely(line: str, mark: str) -> list[str]:
    try:
        return cut(line, mark)
    except csv.Error:  # the line is named once the delimiter is known
        return line.split(mark)


def _looks_like_number(cell: str) -> bool:
    return cell in MISSING or is_numeral(cell)


def _cut_checked(line: str, delimiter: str, number: int) -> list[str]:
    try:
        return cut(line, delimiter)
    except csv.Error as problem:
        raise QuoteError(
            f"line {number} has a quotation mark that is not closed, or text after "
            f"one that is: {line[:60]!r}; expected each cell in one line"
        ) from problem


def _wrong_header(
    header: list[str], rows: list[list[str]], width: int, delimiter: str, line: int
) -> HeaderError | DecimalCommaError:
    split_numbers = delimiter == "," and width - 1 == 2 * (len(header) - 1)
    if split_numbers and all(c.strip().isdigit() for c in rows[0][2::2]):
        return DecimalCommaError(
            f"line {line} has {len(header)} cells and the rows {width}: commas seem to "
            "stand between the cells and within the numbers as well, which no "
            "program can tell apart. Save the table again with semicolons or tabs "
            "between the cells"
        )
    return HeaderError(
        f"the header (line {line}) has {len(header)} cells and the rows have {width}; "
        f"expected {width}, or one fewer. It begins {listed(header, 3)}. Remove lines "
        'above the header, or begin them with "#"'
    )


def _names_column(header: list[str], names: str | None) -> int:
    if names is None:
        return 0
    if header.count(names) != 1:
        found = "no column" if names not in header else "more than one column"
        raise UnknownColumnError(
            f"names={names!r} is {found} of the header, which is {listed(header, 8)}"
        )
    return header.index(names)


def _check_header(
    header: list[str],
    position: int,
    rows: list[list[str]],
    line: int,
    report: Report,
) -> None:
    """Refuse a first row of data, and a first column without names."""
    others = [name for j, name in enumerate(header) if j != position and name]
    if others and all(NUMBER.fullmatch(name) for name in others):
        if not all(name.isdigit() for name in others):
            raise HeaderError(
                f"line {line} holds numbers only ({listed(others, 3)}): the table has "
                "no header. Add a first line with a name for each column; if these are "
                "names, put a letter before them"
            )
        report.warn(
            NumericHeaderWarning,
            f"the header (line {line}) holds whole numbers only "
            f"({listed(others, 3)}); they were taken as names. If they are values, "
            "add a header",
        )
    names = [row[position].strip() for row in rows if len(row) > position]
    counting = [str(k) for k in range(len(names) + 1)]
    if not header[position] and len(header) > 2 and _counts(names, counting):
        raise HeaderError(
            "the first column has no header and only counts the rows; expected "
            "names. Say which column holds them, as in "
            f"names={next((n for n in header[1:] if n), 'gene')!r}"
        )
    fractions = [n for n in names if NUMBER.fullmatch(n) and not n.isdigit()]
    spoilt = [n for n in fractions if "e" in n.lower()]  # a spreadsheet's 2.31E+13
    if names and len(fractions) - len(spoilt) == len(names):
        raise HeaderError(
            f"the first column holds numbers ({listed(names, 3)}), not names of genes "
            "or samples; expected names. If another column holds them: names=…"
        )


def _counts(names: list[str], counting: list[str]) -> bool:
    return len(names) > 1 and names in (counting[:-1], counting[1:])


def _number_style(
    cells: list[str], decimal: str, thousands: str | None, report: Report
) -> tuple[str, str | None]:
    """Return the decimal mark and the separator of thousands, never by a guess."""
    if decimal not in ("detect", ".", ","):
        raise ValueError(f'decimal={decimal!r} is not "detect", "." or ","')
    if thousands is not None:
        _check_thousands(cells, thousands)
    if decimal == "detect":
        decimal = _decimal_mark(cells, thousands, report)
    if thousands == decimal:
        raise ValueError(f"thousands={thousands!r} is the decimal mark as well")
    report.note("decimal_mark", decimal)
    if thousands is not None:
        report.note("thousands_separator", thousands)
    return decimal, thousands


def _decimal_mark(cells: list[str], thousands: str | None, report: Report) -> str:
    if thousands is not None:
        return "," if thousands == "." else "."
    commas = [c for c in cells if _COMMA.fullmatch(c)]
    points = [c for c in cells if "." in c and NUMBER.fullmatch(c)]
    if not commas:
        _refuse_dotted(cells)
    if len(points) >= len(commas):
        return "."  # cells with a comma, if there are any, are named later
    if not points and all(_ONE_GROUP.fullmatch(c) for c in commas):
        raise DecimalCommaError(
            f"{listed(commas, 3)} may be a decimal comma or a separator of thousands: "
            'all that have one have three digits after it. Say decimal="," or '
            'thousands=","'
        )
    report.warn(
        DecimalCommaWarning,
        f"the numbers have decimal commas: {commas[0]!r} was read as "
        f"{commas[0].replace(',', '.')}",
    )
    return ","


def is_grouped(cell: str) -> bool:
    """Return whether a cell is a number with separators between thousands."""
    return any(rule.fullmatch(cell) for rule in (_BY_COMMA, _BY_POINT, _BY_SPACE))


def is_numeral(cell: str) -> bool:
    """Return whether a cell is a number in any of the styles known here."""
    shapes = (NUMBER, _COMMA)
    return is_grouped(cell) or any(shape.fullmatch(cell) for shape in shapes)


def _check_thousands(cells: list[str], thousands: str) -> None:
    """Refuse 1,5 where commas are said to stand between thousands."""
    if thousands not in (",", "."):
        raise ValueError(f'thousands={thousands!r} is not None, "," or "."')
    rule = _BY_COMMA if thousands == "," else _BY_POINT
    wrong = [c for c in cells if thousands in c and not rule.fullmatch(c)]
    if wrong:
        raise ThousandsSeparatorError(
            f"{listed(wrong, 3)} cannot have {thousands!r} between thousands"
        )


def _refuse_dotted(cells: list[str]) -> None:
    """Whole numbers below 1000 beside 1.234 and nothing else: 1234 may be meant."""
    numbers = [c for c in cells if c not in MISSING]
    dotted = [c for c in numbers if _ONE_GROUP.fullmatch(c) and "." in c]
    whole = [c for c in numbers if c.isdigit() and len(c) <= 3]
    if (
        len(dotted) >= _MIN_DOTTED
        and whole
        and len(dotted) + len(whole) == len(numbers)
    ):
        raise ThousandsSeparatorError(
            f"{listed(dotted, 3)} may be fractions or thousands: all other numbers are "
            'whole and below 1000. Say thousands="." or decimal="."'
        )
