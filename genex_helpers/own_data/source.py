"""A file of text as it comes: packed or not, in some encoding, or no text at all."""

from __future__ import annotations

import codecs
import gzip
import io
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TextIO, cast

from genex_helpers.own_data.problems import (
    EmptyFileError,
    EncodingError,
    MissingFileError,
    NotATableError,
    NotUtf8Warning,
    TruncatedFileError,
)
from genex_helpers.own_data.report import Report

CHUNK = 1 << 20
GZIP = b"\x1f\x8b"
HDF5 = b"\x89HDF\r\n\x1a\n"
EXPORT = "Open it in its own program and save it as CSV or as tab-separated text."
UNPACK = "Unpack it, and read the table inside."
# the first bytes of what people give the ending .csv or .txt by mistake
_KINDS = {
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook (.xls)", EXPORT),
    b"%PDF": ("a PDF", "Take the table from its source."),
    HDF5: ("an HDF5 file", "An .h5ad file is read by read_h5ad."),
    b"BZh": ("packed with bzip2", UNPACK),
    b"\xfd7zXZ": ("packed with xz", UNPACK),
    b"\x28\xb5\x2f\xfd": ("packed with zstandard", UNPACK),
    b"PAR1": ("a Parquet file", "Read it with pandas.read_parquet and save it as CSV."),
    b"RDX": ("R data (.RData)", "Save it in R with write.csv."),
    b"X\n\x00\x00\x00": ("R data (.rds)", "Save it in R with write.csv."),
}
_BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True)
class Source:
    """A readable file of text.

    Attributes
    ----------
    path
        Where it is.
    packed
        Whether it is packed with gzip.
    encoding
        A name that `open` takes.
    """

    path: Path
    packed: bool
    encoding: str

    def open(self) -> TextIO:
        """Return the text from its beginning; line ends of any kind as ``\\n``."""
        return io.TextIOWrapper(_bytes(self.path, self.packed), self.encoding)


def find_source(path: str | Path, encoding: str, report: Report) -> Source:
    """Find out how the file is to be opened, and that it can be read to its end.

    Parameters
    ----------
    path
        A file of text, packed with gzip or not.
    encoding
        ``"detect"``, or an encoding's name.

    Raises
    ------
    MissingFileError, EmptyFileError, NotATableError, TruncatedFileError, EncodingError
        If there is no text to read.
    """
    path = existing_file(path)
    with path.open("rb") as file:
        packed = file.read(2) == GZIP
    report.note("file", path.name)
    report.note("packed", "gzip" if packed else "no")
    try:
        start = _start(path, packed)
        _refuse_other_kinds(path, start)
        if encoding == "detect":
            encoding = _encoding(path, packed, start, report)
        else:
            _decode_all(path, packed, encoding)
    except (EOFError, zlib.error, gzip.BadGzipFile) as problem:
        raise TruncatedFileError(
            f"{path.name} is a damaged gzip file ({problem}): its download or copy "
            "was cut short. Fetch it again; nothing of it was read"
        ) from problem
    except UnicodeDecodeError as problem:
        raise EncodingError(
            f"{path.name} is not in encoding {encoding!r}: {problem}. "
            'Leave encoding="detect", or name the right one'
        ) from problem
    except LookupError as problem:
        raise EncodingError(
            f"encoding={encoding!r} is not known to Python; expected a name like "
            '"utf-8", "utf-16" or "latin-1"'
        ) from problem
    report.note("encoding", {"utf-8-sig": "utf-8 with BOM"}.get(encoding, encoding))
    return Source(path, packed, encoding)


def existing_file(path: str | Path) -> Path:
    """Return the path of a file that has content.

    Raises
    ------
    MissingFileError, EmptyFileError
    """
    path = Path(path).expanduser()
    if not path.is_file():
        what = "a folder" if path.is_dir() else "no file"
        raise MissingFileError(f"path={str(path)!r} is {what}; expected a data file")
    if path.stat().st_size == 0:
        raise EmptyFileError(f"{path.name} is empty (0 bytes)")
    return path


def text_size(source: Source) -> int:
    """Return the bytes of the text; of a packed file, estimated from its beginning."""
    size = source.path.stat().st_size
    if not source.packed:
        return size
    unpacker = zlib.decompressobj(wbits=31)
    with source.path.open("rb") as file:
        packed = file.read(CHUNK)
    text = len(unpacker.decompress(packed))
    return int(size * text / len(packed))


def _bytes(path: Path, packed: bool) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path)) if packed else path.open("rb")


def _start(path: Path, packed: bool) -> bytes:
    with _bytes(path, packed) as file:
        start = file.read(4096)
    if not start.strip(b"\x00 \t\r\n\xef\xbb\xbf\xff\xfe"):
        raise EmptyFileError(f"{path.name} holds nothing but white space")
    return start


def _refuse_other_kinds(path: Path, start: bytes) -> None:
    for magic, (kind, advice) in _KINDS.items():
        if start.startswith(magic):
            raise NotATableError(
                f"{path.name} is {kind}, whatever its name says; "
                f"expected a table of text. {advice}"
            )
    if start.startswith(b"PK\x03\x04"):
        raise NotATableError(f"{path.name} is {_zip_kind(path)}")
    if start[257:262] == b"ustar":
        raise NotATableError(f"{path.name} is a tar archive of several files. {UNPACK}")
    page = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if page.startswith((b"<!doctype", b"<html", b"<?xml", b"<table", b"<head")):
        raise NotATableError(
            f"{path.name} is a web page or XML, whatever its name says; a download "
            "often saves the page around a table, or an error message, instead of "
            "the table. Fetch the table itself"
        )


def _zip_kind(path: Path) -> str:
    try:
        names = zipfile.ZipFile(path).namelist()
    except zipfile.BadZipFile:
        names = []
    if any(name.startswith("xl/") for name in names):
        return (
            "an Excel workbook (.xlsx), whatever its name says; expected a table of "
            f"text. {EXPORT}"
        )
    return f"a zip archive; expected a table of text. {UNPACK}"


def _encoding(path: Path, packed: bool, start: bytes, report: Report) -> str:
    for bom, name in _BOMS.items():
        if start.startswith(bom):
            _decode_all(path, packed, name)
            if name != "utf-8-sig":
                report.warn(
                    NotUtf8Warning,
                    f"{path.name} is in {name.upper()}, as Excel's “Unicode text” is; "
                    "it was read as such",
                )
            return name
    if b"\x00" in start:
        raise EncodingError(
            f"{path.name} holds zero bytes: it is binary, or UTF-16 without its mark. "
            'Try encoding="utf-16-le", or save it as UTF-8'
        )
    try:
        _decode_all(path, packed, "utf-8")
    except UnicodeDecodeError as problem:
        line, shown = _first_line_not_utf8(path, packed)
        report.warn(
            NotUtf8Warning,
            f"{path.name} is not in UTF-8 ({problem.reason}, line {line}); it was "
            f"read as Latin-1, where that line is {shown!r}. If a character is "
            'wrong, name the encoding, as in encoding="mac-roman"',
        )
        return "latin-1"
    return "utf-8"


def _decode_all(path: Path, packed: bool, encoding: str) -> None:
    """Read to the end, so that damage is found before any value is used."""
    decoder = codecs.getincrementaldecoder(encoding)()
    with _bytes(path, packed) as file:
        while chunk := file.read(CHUNK):
            decoder.decode(chunk)
    decoder.decode(b"", final=True)


def _first_line_not_utf8(path: Path, packed: bool) -> tuple[int, str]:
    with _bytes(path, packed) as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as problem:
                first = max(0, problem.start - 20)
                return number, line[first : problem.end + 20].decode("latin-1").strip()
    raise AssertionError("every line is UTF-8")
