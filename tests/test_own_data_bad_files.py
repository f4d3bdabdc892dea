"""Tables as they go wrong: each gets its own error or its own warning."""

from __future__ import annotations

import gzip
import io
import warnings
import zipfile
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pytest

from genex_helpers.own_data import problems, read_table
from genex_helpers.own_data.problems import OwnDataError, OwnDataWarning


class Case(NamedTuple):
    """A file, what it must get, and words that must be in the message."""

    what: str
    content: bytes
    kind: str
    words: tuple[str, ...]
    options: dict[str, Any] = MappingProxyType({})  # type: ignore[assignment]
    name: str = "table.csv"


GOOD = "gene,s1,s2,s3\nALB,1,2,3\nMYC,4,5,6\nEGFR,7,8,9\n"
LINES = GOOD.splitlines()


def text(old: str = "", new: str = "", table: str = GOOD) -> bytes:
    """Return a good table with one thing changed."""
    assert old in table
    return table.replace(old, new, 1).encode()


def workbook() -> bytes:
    """Return the beginning of an Excel workbook."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return file.getvalue()


def table(rows: list[list[object]], samples: int, sep: str = "\t") -> bytes:
    """Return a table of genes × samples."""
    header = ["gene", *(f"s{k}" for k in range(1, samples + 1))]
    lines = [header, *rows]
    return "\n".join(sep.join(map(str, line)) for line in lines).encode()


def logged(base: float) -> bytes:
    """Return the logarithms of 20 × 4 counts, as text with four decimals."""
    counts = np.arange(80).reshape(20, 4) % 23
    logs = np.round(np.log(counts + 1) / np.log(base), 4)
    return table([[f"ENSG{k:011d}", *row] for k, row in enumerate(logs)], 4)


def mixed() -> bytes:
    """Return 30 genes in four samples, of which the first two are logged."""
    values = np.random.default_rng(0).gamma(2.0, 300.0, size=(30, 4)) + 1
    values[:, :2] = np.log2(values[:, :2])
    return table([[f"g{k}", *row] for k, row in enumerate(values)], 4)


PACKED = gzip.compress(GOOD.encode() * 50)
MESS = (
    "gene,s1,s2,s3\nALB,1,2,3\n1-Sep,4,5,6\n2-Mar,7,8,9\n43891,1,1,2\n2.31E+13,0,3,1\n"
)
LOG = {"units": "log"}
ERRORS = [
    Case("no bytes", b"", "EmptyFileError", ("0 bytes",)),
    Case("white space only", b"\n \n\t\n", "EmptyFileError", ("white space",)),
    Case("header only", b"gene,s1,s2\n", "EmptyFileError", ("no values",)),
    Case("truncated gzip", PACKED[:60], "TruncatedFileError", ("cut short",)),
    Case(
        "damaged gzip",
        PACKED[:20] + b"\xff\xff\xff" + PACKED[23:],
        "TruncatedFileError",
        ("damaged",),
    ),
    Case("xlsx named .csv", workbook(), "NotATableError", ("Excel", "save it as CSV")),
    Case(
        "xls named .csv", b"\xd0\xcf\x11\xe0" + b"\0" * 99, "NotATableError", ("xls",)
    ),
    Case("zip named .csv", b"PK\x03\x04" + b"\0" * 99, "NotATableError", ("zip",)),
    Case("page named .csv", b"<!DOCTYPE html><p>", "NotATableError", ("web page",)),
    Case("HDF5 named .csv", b"\x89HDF\r\n\x1a\n...", "NotATableError", ("read_h5ad",)),
    Case("xz named .gz", b"\xfd7zXZ\0...", "NotATableError", ("Unpack",)),
    Case("R data, packed", gzip.compress(b"RDX3\n"), "NotATableError", ("write.csv",)),
    Case("binary", b"a\x01b\x00c,\x00\x02", "EncodingError", ("zero bytes",)),
    Case(
        "wrong encoding said",
        "gene,s1\nTNF-α,1\n".encode("latin-1", "replace") + b"\xe9,2\n",
        "EncodingError",
        ("utf-8",),
        {"encoding": "utf-8"},
    ),
    Case("GEO matrix", b'!Series_title\t"x"\n', "NotATableError", ("read_geo",)),
    Case("one column", b"gene\nALB\nMYC\n", "DelimiterError", ("delimiter=",)),
    Case("short row", text("4,5,6", "4,5"), "RaggedRowsError", ("line 3", "3 cells")),
    Case(
        "long row", text("4,5,6", "4,5,6,7"), "RaggedRowsError", ("line 3", "5 cells")
    ),
    Case("open quote", text("MYC", '"MYC'), "QuoteError", ("line 3", '"MYC')),
    Case("title above", b"My data\n" + GOOD.encode(), "HeaderError", ("My data", "#")),
    Case("no header", text(LINES[0], "GC,1.5,2,3"), "HeaderError", ("no header",)),
    Case(
        "running numbers first",
        b",gene,s1,s2\n0,ALB,1,2\n1,MYC,3,4\n",
        "HeaderError",
        ("counts the rows", "names='gene'"),
    ),
    Case("no names", b"s0,s1,s2\n1.5,1,2\n2.5,3,4\n", "HeaderError", ("not names",)),
    Case("text", text("5", "high"), "TextInNumbersError", ("MYC", "s2", "3", "high")),
    Case("Excel error", text("5", "#DIV/0!"), "TextInNumbersError", ("#DIV/0!", "MYC")),
    Case("two numbers", text("5", "5/6"), "TextInNumbersError", ("'5/6'", "s2")),
    Case(
        "second header row",
        text("ALB", "group,ctl,ctl,trt\nALB"),
        "TextInNumbersError",
        ("one row", "join_metadata"),
    ),
    Case("infinite", text("5", "-Inf"), "InfiniteValuesError", ("MYC", "log(x + 1)")),
    Case(
        "decimal comma in CSV",
        b"gene,s1,s2\nALB,1,5,2,5\nMYC,3,1,4,2\n",
        "DecimalCommaError",
        ("tell apart",),
    ),
    Case(
        "comma among points",
        table([["ALB", 1.5, 2.5], ["MYC", "3,25", 4.5]], 2),
        "DecimalCommaError",
        ("MYC", "s1", "3,25"),
    ),
    Case(
        "comma or thousands",
        table([["ALB", "1,234", 2], ["MYC", 3, "4,500"]], 2),
        "DecimalCommaError",
        ('decimal=","', 'thousands=","'),
    ),
    Case(
        "thousands",
        table([["ALB", "1,234,567", 2], ["MYC", 3, 4]], 2),
        "ThousandsSeparatorError",
        ("ALB", "1,234,567", 'thousands=","'),
    ),
    Case(
        "thousands by points",
        table([["ALB", "1.234", 2], ["MYC", "2.500", "1.999"]], 2),
        "ThousandsSeparatorError",
        ('thousands="."',),
    ),
    Case(
        "thousands by spaces",
        table([["ALB", "1 234", 2], ["MYC", 3, 4]], 2),
        "ThousandsSeparatorError",
        ("spaces must go",),
    ),
    Case(
        "no evidence",
        b"x,a,b\nq,1,2\nr,3,4\n",
        "OrientationError",
        ("genes-in-rows", "samples="),
    ),
    Case(
        "contradicting evidence",
        b"gene,ALB,MYC\nGSM1,1,2\nGSM2,3,4\n",
        "OrientationError",
        ("contradicts", "'gene'", "MYC"),
    ),
    Case(
        "same sample twice",
        text("s3", "s1"),
        "DuplicateSampleNamesError",
        ("'s1'", "column 1", "column 3"),
    ),
    Case("sample unnamed", text("s2", ""), "MissingSampleNamesError", ("column 2",)),
    Case("sample named NA", text("s2", "NA"), "MissingSampleNamesError", ("column 2",)),
    Case("gene unnamed", text("MYC", ""), "MissingGeneNamesError", ("line 3",)),
    Case("gene named NA", text("MYC", "NA"), "MissingGeneNamesError", ("line 3",)),
    Case(
        "negative counts",
        text("5", "-5"),
        "NegativeCountsError",
        ("MYC", "s2", "-5"),
        {"units": "counts"},
    ),
    Case(
        "metadata instead",
        b"sample,group\ns1,a\ns2,b\ns3,a\n",
        "NoExpressionError",
        ("metadata",),
    ),
    Case(
        "unknown annotation",
        GOOD.encode(),
        "UnknownColumnError",
        ("'symbol'",),
        {"annotation": ["symbol"]},
    ),
]
WARNINGS = [
    Case(
        "decimal comma",
        table([["ALB", "1,5"]], 1),
        "DecimalCommaWarning",
        ("1.5",),
    ),
    Case("R's short header", text("gene,", ""), "ShortHeaderWarning", ("write.table",)),
    Case("UTF-16", GOOD.encode("utf-16"), "NotUtf8Warning", ("UTF-16",)),
    Case(
        "Latin-1",
        text("MYC", "µ").decode().encode("latin-1"),
        "NotUtf8Warning",
        ("line 3", "µ"),
    ),
    Case("numbered header", text("s1,s2,s3", "1,2,3"), "NumericHeaderWarning", ("1",)),
    Case("empty row", GOOD.encode() + b",,,\n", "EmptyRowsWarning", ("lines 5",)),
    Case(
        "empty tab row",
        (GOOD + ",,,\n").replace(",", "\t").encode(),
        "EmptyRowsWarning",
        ("lines 5",),
    ),
    Case(
        "empty column",
        "\n".join(line + "," for line in LINES).encode(),
        "EmptyRowsWarning",
        ("columns 5",),
    ),
    Case(
        "longer side only",
        "\n".join(["x,a,b", *(f"q{k}z,{k},1" for k in range(200))]).encode(),
        "OrientationWarning",
        ("200 rows", "orientation="),
    ),
    Case(
        "transposed, though said",
        GOOD.encode(),
        "TransposedTableWarning",
        ("'gene'",),
        {"orientation": "samples-in-rows"},
    ),
    Case(
        "numbers that describe",
        text(table="gene,Length,s1,s2\nALB,900,1,2\nMYC,800,3,4\n"),
        "AnnotationWarning",
        ("'Length'",),
    ),
    Case(
        "sample of text",
        text(table="gene,s1,s2\nALB,P,2\nMYC,A,4\n"),
        "AnnotationWarning",
        ("'s1'",),
    ),
    Case("same gene twice", text("EGFR", "MYC"), "DuplicateGeneNamesWarning", ("MYC",)),
    Case(
        "Excel's names",
        MESS.encode(),
        "ExcelNamesWarning",
        ("gene", "43891"),
    ),
    Case("missing", text("5", "NA"), "MissingValuesWarning", ("1 of 9", "'s2'")),
    Case("empty cell", text("5", ""), "MissingValuesWarning", ("1 of 9", "'s2'")),
    Case("null", text("5", "null"), "MissingValuesWarning", ("1 of 9", "'s2'")),
    Case("log2 counts", logged(2), "AlreadyLoggedWarning", ("log2(count + 1)",)),
    Case("ln counts", logged(np.e), "AlreadyLoggedWarning", ("natural log",)),
    Case(
        "log values called counts",
        text("5", "5.5"),
        "AlreadyLoggedWarning",
        ("counts",),
        {"units": "counts"},
    ),
    Case("not logged", text("5", "900"), "NotLoggedWarning", ("900",), LOG),
    Case("negative in counts", text("5", "-1"), "NegativeCountsWarning", ("MYC",)),
    Case("TPM", text("5", "512.25"), "NonIntegerCountsWarning", ("TPM", "RSEM")),
    Case(
        "sample of zeros",
        text(table="gene,s1,s2\nALB,0,2\nMYC,0,4\n"),
        "EmptySamplesWarning",
        ("'s1'",),
    ),
    Case("gene of zeros", text("4,5,6", "0,0,0"), "EmptyGenesWarning", ("'MYC'",)),
    Case("constant gene", text("4,5,6", "4,4,4"), "ConstantGenesWarning", ("'MYC'",)),
    Case("two scales", mixed(), "MixedScalesWarning", ("'s1', 's2'", "'s3', 's4'")),
]


def named(case: Case) -> str:
    return case.what


@pytest.mark.parametrize("case", ERRORS, ids=named)
def test_gets_its_error(case: Case, tmp_path: Path) -> None:
    path = tmp_path / case.name
    path.write_bytes(case.content)
    with pytest.raises(OwnDataError) as found:
        read_table(path, **case.options)
    assert type(found.value).__name__ == case.kind, found.value
    for words in case.words:
        assert words in str(found.value)


@pytest.mark.parametrize("case", WARNINGS, ids=named)
def test_gets_its_warning(case: Case, tmp_path: Path) -> None:
    path = tmp_path / case.name
    path.write_bytes(case.content)
    with pytest.warns(OwnDataWarning) as found:
        adata = read_table(path, **case.options)
    told = {type(w.message).__name__: str(w.message) for w in found}
    assert case.kind in told, told
    for words in case.words:
        assert words in told[case.kind]
    # the report keeps what was said, and the warning points at the reader's line
    assert adata.uns["read"]["warnings"][case.kind] == told[case.kind]
    own = [w for w in found if issubclass(w.category, OwnDataWarning)]
    assert {w.filename for w in own} == {__file__}


def test_a_good_table_gets_neither(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(GOOD)
    with warnings.catch_warnings():
        warnings.simplefilter("error", OwnDataWarning)
        assert "warnings" not in read_table(path).uns["read"]


def test_every_name_is_an_error_or_a_warning_of_ours() -> None:
    for name, kind in vars(problems).items():
        if isinstance(kind, type) and kind.__module__ == problems.__name__:
            ours = OwnDataWarning if name.endswith("Warning") else OwnDataError
            assert issubclass(kind, ours) and kind.__doc__


def test_a_missing_file_is_a_file_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no file"):
        read_table(tmp_path / "nothing.csv")
    with pytest.raises(problems.MissingFileError, match="a folder"):
        read_table(tmp_path)
