"""Tables in every layout come back equal; a spoilt cell is named."""

from __future__ import annotations

import csv
import gzip
import io
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from genex_helpers.own_data import (
    OwnDataError,
    OwnDataWarning,
    describe_read,
    problems,
    read_table,
)
from genex_helpers.own_data.layout import MISSING, NUMBER

GENES, SAMPLES = "genes-in-rows", "samples-in-rows"


@dataclass(frozen=True)
class Written:
    """A table ``(sample, gene)``, and how it is written."""

    values: NDArray[np.float64]
    samples: list[str]
    genes: list[str]
    delimiter: str
    decimal: str
    orientation: str
    missing: str
    line_end: str
    quote_all: bool
    short_header: bool
    encoding: str
    packed: bool

    def cells(self) -> list[list[str]]:
        """Return the lines of the file, cut into cells."""
        in_rows = self.orientation == GENES
        rows, columns = (
            (self.genes, self.samples) if in_rows else (self.samples, self.genes)
        )
        table = self.values.T if in_rows else self.values
        first = [] if self.short_header else ["gene" if in_rows else "sample"]
        lines = [[*first, *columns]]
        for name, row in zip(rows, table, strict=True):
            lines.append([name, *(self.cell(value) for value in row)])
        return lines

    def cell(self, value: float) -> str:
        """Return a number as text: the shortest that is read as the same number."""
        if np.isnan(value):
            return self.missing
        short = repr(int(value)) if value == int(value) else repr(float(value))
        return short.replace(".", self.decimal)

    def content(self, cells: list[list[str]]) -> bytes:
        """Return the bytes of the file."""
        text = io.StringIO()
        quoting = csv.QUOTE_ALL if self.quote_all else csv.QUOTE_MINIMAL
        writer = csv.writer(
            text,
            delimiter=self.delimiter,
            lineterminator=self.line_end,
            quoting=quoting,
        )
        writer.writerows(cells)
        content = text.getvalue().encode(self.encoding)
        return gzip.compress(content) if self.packed else content


def read(content: bytes, **options: Any) -> anndata.AnnData:
    """Read a table from bytes, and let warnings pass."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", OwnDataWarning)
        path = Path(folder) / "table.txt"
        path.write_bytes(content)
        return read_table(path, **options)


NUMBERS = st.floats(allow_nan=True, allow_infinity=False) | st.integers(-5, 10**6).map(
    float
)
PLAIN_GENES = st.integers(0, 10**6).map(lambda n: f"ENSG{n:011d}")
PLAIN_SAMPLES = st.integers(0, 10**6).map(lambda n: f"GSM{n}")
ANY_NAME = st.text("aZé1 ,;|\t\"'#.-_", min_size=1, max_size=6).filter(
    lambda name: (
        name.strip() == name
        and name not in MISSING
        # a line of numbers is refused as a header
        and not NUMBER.fullmatch(name)
    )
)


@st.composite
def tables(draw: st.DrawFn, *, plain: bool) -> Written:
    """A table with any numbers, in any layout that can be told apart."""
    n, m = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    row = st.lists(NUMBERS, min_size=m, max_size=m)
    decimal = draw(st.sampled_from(".,"))
    delimiter = draw(st.sampled_from("\t;| " if decimal == "," else "\t;|, "))
    samples, genes = (PLAIN_SAMPLES, PLAIN_GENES) if plain else (ANY_NAME, ANY_NAME)
    return Written(
        values=np.array(draw(st.lists(row, min_size=n, max_size=n)), dtype=float),
        samples=draw(st.lists(samples, min_size=n, max_size=n, unique=True)),
        genes=draw(st.lists(genes, min_size=m, max_size=m, unique=True)),
        delimiter=delimiter,
        decimal=decimal,
        orientation=draw(st.sampled_from([GENES, SAMPLES])),
        missing=draw(st.sampled_from(["NA", "NaN", "null", ""])),
        line_end=draw(st.sampled_from(["\n", "\r\n"])),
        quote_all=draw(st.booleans()),
        short_header=draw(st.booleans()) if plain else False,
        encoding=draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])),
        packed=draw(st.booleans()),
    )


def assert_same(adata: anndata.AnnData, written: Written) -> None:
    np.testing.assert_array_equal(adata.X, written.values)
    assert list(adata.obs_names) == written.samples
    assert list(adata.var_names) == written.genes


# ---------------------------------------------------------------------- properties


@settings(max_examples=100, deadline=None)
@given(written=tables(plain=True))
def test_any_layout_is_detected_or_refused_never_misread(written: Written) -> None:
    try:
        adata = read(written.content(written.cells()))
    except OwnDataError as problem:
        # only where all commas or points could be separators of thousands
        assert isinstance(
            problem, (problems.DecimalCommaError, problems.ThousandsSeparatorError)
        )
        adata = read(written.content(written.cells()), decimal=written.decimal)
    assert_same(adata, written)
    found = adata.uns["read"]
    assert found["orientation"] == written.orientation
    assert found["packed"] == ("gzip" if written.packed else "no")
    if any(written.decimal in cell for row in written.cells()[1:] for cell in row[1:]):
        assert found["decimal_mark"] == written.decimal


@settings(max_examples=100, deadline=None)
@given(written=tables(plain=False))
def test_any_names_come_back_if_the_marks_are_said(written: Written) -> None:
    content = written.content(written.cells())
    adata = read(
        content,
        delimiter=written.delimiter,
        decimal=written.decimal,
        orientation=written.orientation,
        annotation=[],
    )
    assert_same(adata, written)


@settings(max_examples=100, deadline=None)
@given(
    written=tables(plain=True),
    text=st.text("xyz?*<µ", min_size=1, max_size=8),
    where=st.tuples(st.integers(0, 99), st.integers(0, 99)),
)
def test_any_single_spoilt_cell_is_named(
    written: Written, text: str, where: tuple[int, int]
) -> None:
    cells = written.cells()
    i, j = where[0] % (len(cells) - 1) + 1, where[1] % (len(cells[1]) - 1) + 1
    cells[i][j] = text
    with pytest.raises(problems.TextInNumbersError) as found:
        read(
            written.content(cells),
            delimiter=written.delimiter,
            decimal=written.decimal,
            orientation=written.orientation,
        )
    column = cells[0][j - written.short_header]
    place = f"row {cells[i][0]!r}, column {column!r} (line {i + 1}): {text!r}"
    assert place in str(found.value)


@settings(max_examples=100, deadline=None)
@given(written=tables(plain=True), cut=st.integers(1, 40))
def test_a_packed_file_cut_anywhere_is_refused(written: Written, cut: int) -> None:
    content = gzip.compress(written.content(written.cells()), mtime=0)
    assume(not written.packed and cut < len(content) - 2)
    with pytest.raises((problems.TruncatedFileError, problems.EmptyFileError)):
        read(content[:-cut])


@settings(max_examples=15, deadline=None)
@given(written=tables(plain=True))
def test_the_report_survives_the_h5ad_file(written: Written) -> None:
    adata = read(written.content(written.cells()), decimal=written.decimal)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.h5ad"
        adata.write_h5ad(path)
        back = anndata.read_h5ad(path)
    assert back.uns["read"] == adata.uns["read"]
    assert describe_read(back) == describe_read(adata)
    np.testing.assert_array_equal(back.X, adata.X)


# -------------------------------------------------------------------------- layouts

FEATURE_COUNTS = (
    "# Program:featureCounts v2.0.1\n"
    "Geneid\tChr\tStart\tEnd\tStrand\tLength\ta.bam\tb.bam\n"
    "ENSG00000000003\tX;X\t1;5\t3;9\t-;-\t8\t10\t0\n"
    "ENSG00000000005\tX\t40\t90\t+\t51\t3\t7\n"
)


def test_what_featurecounts_writes() -> None:
    adata = read(FEATURE_COUNTS.encode())
    assert list(adata.obs_names) == ["a.bam", "b.bam"]
    np.testing.assert_array_equal(adata.X, [[10, 3], [0, 7]])
    assert list(adata.var) == ["Chr", "Start", "End", "Strand", "Length"]
    assert adata.var["Length"].tolist() == [8, 51]
    assert adata.uns["read"]["comment_lines"] == 1
    assert adata.uns["read"]["scale"] == "counts"


def test_samples_in_rows_with_their_description() -> None:
    content = b"sample,time,group,TP53,MYC\nx,0,a,1,2\ny,5,b,3,4\n"
    adata = read(content)
    np.testing.assert_array_equal(adata.X, [[1, 2], [3, 4]])
    assert adata.obs["time"].tolist() == [0, 5]
    assert adata.obs["group"].tolist() == ["a", "b"]


def test_the_list_of_annotation_is_taken_by_the_letter() -> None:
    content = b"gene,symbol,weight,s1,s2\nENSG1,A,7,1,2\nENSG2,B,8,3,4\n"
    adata = read(content, annotation=["symbol", "weight"])
    assert adata.var["weight"].tolist() == [7, 8] and adata.n_obs == 2
    with pytest.raises(problems.TextInNumbersError, match="'symbol'"):
        read(content, annotation=["weight"])


def test_another_column_may_hold_the_names() -> None:
    content = b"row,gene,s1,s2\n1,TP53,1,2\n2,MYC,3,4\n"
    adata = read(content, names="gene", annotation=["row"])
    assert list(adata.var_names) == ["TP53", "MYC"]
    assert list(adata.obs_names) == ["s1", "s2"]


@pytest.mark.parametrize(
    ("content", "orientation"),
    [
        (b"x,a,b\nENSMUSG00000000001.4,1,2\nENSMUSG00000000028.15,3,4\n", GENES),
        (b"x,a,b\n1007_s_at,1,2\n1053_at,3,4\n", GENES),
        (b"x,YAL001C,YBR002W\na,1,2\nb,3,4\n", SAMPLES),
        (b"x,GSM1_a.CEL,GSM2_b.CEL\na,1,2\nb,3,4\n", GENES),
        (b"x,a,b\nSRR1234567,1,2\nSRR1234568,3,4\n", SAMPLES),
        (b"x,0h,12h\na,1,2\nb,3,4\n", GENES),
        (b"x,Gapdh,Actb,Zzz\na,1,2,3\nb,3,4,5\n", SAMPLES),
        (b"sample_id,q,r\na,1,2\nb,3,4\n", SAMPLES),
        (b"ID_REF,q,r\na,1,2\nb,3,4\n", GENES),
        (b"x,q,r,age\na,1,2,40\nb,3,4,50\n", SAMPLES),
        (b"x,q,r,gene_biotype\na,1,2,rRNA\nb,3,4,rRNA\n", GENES),
    ],
)
def test_orientation_from_each_kind_of_evidence(
    content: bytes, orientation: str
) -> None:
    found = read(content).uns["read"]
    assert found["orientation"] == orientation
    assert found["orientation_evidence"]


def test_known_sample_names_decide() -> None:
    content = b"gene,a,b\nq,1,2\nr,3,4\n"
    assert read(content).uns["read"]["orientation"] == GENES
    found = read(content, samples=["q", "r", "s"]).uns["read"]
    assert found["orientation"] == SAMPLES and "2 rows" in found["orientation_evidence"]


def test_separators_of_thousands_if_said() -> None:
    content = b'gene\ts1\ts2\nTP53\t1,234\t2.5\nMYC\t3\t"4,500,000"\n'
    adata = read(content, thousands=",")
    np.testing.assert_array_equal(adata.X, [[1234, 3], [2.5, 4_500_000]])
    with pytest.raises(problems.ThousandsSeparatorError, match="'1,5' cannot"):
        read(b"gene\ts1\nTP53\t1,5\n", thousands=",")


def test_other_texts_may_mean_missing() -> None:
    content = b"gene,s1,s2\nTP53,n.d.,2\nMYC,3,-Inf\n"
    adata = read(content, missing=["n.d.", "-Inf"])
    np.testing.assert_array_equal(adata.X, [[np.nan, 3], [2, np.nan]])
    assert adata.uns["read"]["missing_values"] == 2


def test_spaces_around_cells_do_not_matter() -> None:
    adata = read(b"gene , s1 , s2\n TP53 , 1 , NA \n MYC,2.5,3\n")
    np.testing.assert_array_equal(adata.X, [[1, 2.5], [np.nan, 3]])
    assert list(adata.obs_names) == ["s1", "s2"] and adata.var_names[0] == "TP53"


def test_a_description_needs_a_report() -> None:
    with pytest.raises(ValueError, match="read_table"):
        describe_read(anndata.AnnData(np.ones((1, 1))))
