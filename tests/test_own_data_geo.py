"""GEO series matrices: files, and accessions from a server on this machine."""

from __future__ import annotations

import functools
import gzip
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pytest

from genex_helpers.own_data import download, problems, read_geo
from genex_helpers.own_data.download import series_matrix_address

MATRIX = """!Series_title\t"Flu"
!Series_geo_accession\t"GSE99999"
!Series_summary\t"one"
!Series_summary\t"two"

!Sample_title\t"pat 1, 0 h"\t"pat 1, 5 h"\t"pat 2, 0 h"
!Sample_geo_accession\t"GSM1"\t"GSM2"\t"GSM3"
!Sample_organism_ch1\t"Homo sapiens"\t"Homo sapiens"\t"Homo sapiens"
!Sample_characteristics_ch1\t"Subject: 1"\t"subject: 1"\t"subject: 2"
!Sample_characteristics_ch1\t"time: 0 h"\t"time: 5 h"\t"sex: F"
!Sample_characteristics_ch1\t"sex: M"\t"sex: M"\t"time: 0 h"
!series_matrix_table_begin
"ID_REF"\t"GSM1"\t"GSM2"\t"GSM3"
"1007_s_at"\t8.5\t8.25\tnull
"1053_at"\t6.125\t6.5\t5.75
!series_matrix_table_end
"""


def write(tmp_path: Path, text: str = MATRIX, packed: bool = False) -> Path:
    path = tmp_path / "GSE99999_series_matrix.txt"
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    return path


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.filterwarnings("ignore::genex_helpers.own_data.OwnDataWarning")
def test_values_and_descriptions(packed: bool, tmp_path: Path) -> None:
    adata = read_geo(write(tmp_path, packed=packed))
    np.testing.assert_array_equal(adata.X, [[8.5, 6.125], [8.25, 6.5], [np.nan, 5.75]])
    assert list(adata.obs_names) == ["GSM1", "GSM2", "GSM3"]
    assert list(adata.var_names) == ["1007_s_at", "1053_at"]
    # keys may change places between samples, and are written in several ways
    assert adata.obs["subject"].tolist() == ["1", "1", "2"]
    assert adata.obs["time"].tolist() == ["0 h", "5 h", "0 h"]
    assert adata.obs["sex"].tolist() == ["M", "M", "F"]
    assert adata.obs["title"].tolist()[2] == "pat 2, 0 h"
    assert adata.uns["geo"]["samples"] == {"organism_ch1": "Homo sapiens"}
    assert adata.uns["geo"]["series"]["summary"] == "one\ntwo"
    assert adata.uns["title"] == "Flu"
    assert adata.uns["read"]["characteristics"] == "subject, time, sex"
    adata.write_h5ad(tmp_path / "geo.h5ad")
    back = anndata.read_h5ad(tmp_path / "geo.h5ad")
    assert back.uns["read"] == adata.uns["read"] and back.uns["geo"] == adata.uns["geo"]


def test_null_is_missing_and_said(tmp_path: Path) -> None:
    with pytest.warns(problems.MissingValuesWarning, match="1 of 6.*'GSM3'"):
        read_geo(write(tmp_path))


@pytest.mark.filterwarnings("ignore::genex_helpers.own_data.OwnDataWarning")
def test_characteristics_that_contradict_are_both_kept(tmp_path: Path) -> None:
    text = MATRIX.replace('"sex: M"\t"sex: M"', '"sex: M"\t"time: 6 h"')
    with pytest.warns(problems.CharacteristicsWarning, match="GSM2: 5 h / 6 h"):
        adata = read_geo(write(tmp_path, text))
    assert adata.obs["time"].tolist() == ["0 h", "5 h", "0 h"]
    assert adata.obs["time_2"].fillna("-").tolist() == ["-", "6 h", "-"]
    adata.write_h5ad(tmp_path / "geo.h5ad")


@pytest.mark.filterwarnings("ignore::genex_helpers.own_data.OwnDataWarning")
def test_characteristics_without_a_key(tmp_path: Path) -> None:
    text = MATRIX.replace('"Subject: 1"', '"blood"')
    with pytest.warns(problems.CharacteristicsWarning, match="GSM1: blood"):
        adata = read_geo(write(tmp_path, text))
    assert adata.obs["characteristic"].fillna("-").tolist() == ["blood", "-", "-"]
    assert adata.obs["subject"].fillna("-").tolist() == ["-", "1", "2"]


@pytest.mark.filterwarnings("ignore::genex_helpers.own_data.OwnDataWarning")
def test_a_key_named_like_a_field(tmp_path: Path) -> None:
    text = MATRIX.replace("Subject: ", "Title: ").replace("subject: ", "title: ")
    adata = read_geo(write(tmp_path, text))
    assert adata.obs["title"].iloc[0] == "pat 1, 0 h"
    assert adata.obs["title_characteristic"].tolist() == ["1", "1", "2"]


@pytest.mark.filterwarnings("ignore::genex_helpers.own_data.OwnDataWarning")
def test_quotation_marks_within_texts(tmp_path: Path) -> None:
    text = MATRIX.replace('"pat 1, 0 h"', '"the "first" hour"')
    adata = read_geo(write(tmp_path, text))
    assert adata.obs["title"].iloc[0] == 'the "first" hour'


END = "!series_matrix_table_end\n"
BAD = {
    "cut in the table": (MATRIX[:-60], problems.RaggedRowsError, "line 14"),
    "cut before the end": (
        MATRIX.replace(END, ""),
        problems.TruncatedFileError,
        "series_matrix_table_end",
    ),
    "cut above the table": (MATRIX[:300], problems.TruncatedFileError, "table_begin"),
    "cut at the table": (
        MATRIX[: MATRIX.index('"ID_REF"')],
        problems.TruncatedFileError,
        "where its table begins",
    ),
    "no rows": (
        MATRIX[: MATRIX.index('"1007')] + END,
        problems.NoExpressionError,
        "supplementary",
    ),
    "another table": ("gene\ts1\nTP53\t1\n", problems.NotATableError, "read_table"),
    "other samples": (
        MATRIX.replace('"GSM1"', '"GSM9"', 1),
        problems.HeaderError,
        "'GSM1', 'GSM9'",
    ),
    "no names": (
        MATRIX.replace("Sample_geo_accession", "Sample_x"),
        problems.HeaderError,
        "Sample_geo_accession",
    ),
    "sample twice": (
        MATRIX.replace("GSM2", "GSM1"),
        problems.DuplicateSampleNamesError,
        "GSM1",
    ),
    "short line": (
        MATRIX.replace('\t"sex: F"', ""),
        problems.RaggedRowsError,
        "2 values for 3",
    ),
    "text": (MATRIX.replace("8.25", "high"), problems.TextInNumbersError, "GSM2.*high"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_files_are_refused(what: str, tmp_path: Path) -> None:
    text, kind, words = BAD[what]
    with pytest.raises(kind, match=words):
        read_geo(write(tmp_path, text))


# ----------------------------------------------------------------------- accessions


class Archive(http.server.BaseHTTPRequestHandler):
    """Answers with what `files` says: bytes, and the length that is announced."""

    files: dict[str, tuple[bytes, int]] = {}  # noqa: RUF012
    asked: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        self.asked.append(self.path)
        content, length = self.files.get(self.path, (b"", -1))
        self.send_response(200 if length >= 0 else 404 if length == -1 else 503)
        self.send_header("Content-Length", str(max(length, 0)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


PLACE = "/GSE99nnn/GSE99999/matrix/GSE99999_series_matrix.txt.gz"
CONTENT = gzip.compress(MATRIX.encode(), mtime=0)


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Archive]]:
    """A server on this machine in GEO's place; proxies do not come between."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    Archive.files, Archive.asked = {PLACE: (CONTENT, len(CONTENT))}, []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Archive)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(download, "GEO_ADDRESS", address)
    yield Archive
    server.shutdown()
    thread.join()
    server.server_close()


fetch = functools.partial(download.fetch_series_matrix, "GSE99999")


def test_fetched_once_and_checked_at_each_use(
    archive: type[Archive], tmp_path: Path
) -> None:
    with pytest.warns(problems.MissingValuesWarning):
        first = read_geo("GSE99999", cache=tmp_path)
    with pytest.warns(problems.MissingValuesWarning):
        again = read_geo("gse99999", cache=tmp_path)
    assert archive.asked == [PLACE]
    assert first.uns["read"]["accession"] == "GSE99999"
    np.testing.assert_array_equal(first.X, again.X)
    names = sorted(path.name for path in tmp_path.iterdir())
    file = "GSE99999_series_matrix.txt.gz"
    assert names == [file, f"{file}.sha256"]  # no half of anything is left
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert (tmp_path / f"{file}.sha256").read_text() == f"{digest}  {file}\n"


def test_a_changed_file_in_the_cache_is_refused(
    archive: type[Archive], tmp_path: Path
) -> None:
    path = fetch(tmp_path)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(problems.CacheError, match="not the file that was fetched"):
        fetch(tmp_path)
    path.with_name(path.name + ".sha256").unlink()
    with pytest.raises(problems.CacheError, match="no checksum"):
        fetch(tmp_path)


@pytest.mark.parametrize(
    ("content", "length", "words"),
    [
        (CONTENT[:-9], len(CONTENT), "announced"),
        (CONTENT[:-9], len(CONTENT) - 9, "not a whole gzip"),
        (b"<html>log in", 12, "not a whole gzip"),
        (b"", -1, "several platforms"),
        (b"", -2, "answered 503"),
    ],
)
def test_nothing_is_kept_of_what_is_not_whole(
    content: bytes, length: int, words: str, archive: type[Archive], tmp_path: Path
) -> None:
    archive.files = {PLACE: (content, length)}
    with pytest.raises(problems.DownloadError, match=words):
        fetch(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: Any, **__: Any) -> None:
        raise download.urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(download.urllib.request, "urlopen", unreachable)
    with pytest.raises(problems.DownloadError) as found:
        read_geo("GSE30550", cache=tmp_path)
    said = str(found.value)
    assert "needs a network" in said and "in a browser" in said
    assert "GSE30nnn/GSE30550/matrix/GSE30550_series_matrix.txt.gz" in said
    assert list(tmp_path.iterdir()) == []


def test_addresses() -> None:
    def end(accession: str) -> str:
        return series_matrix_address(accession).removeprefix(download.GEO_ADDRESS)

    assert end("GSE5") == "/GSEnnn/GSE5/matrix/GSE5_series_matrix.txt.gz"
    assert end("GSE2990") == "/GSE2nnn/GSE2990/matrix/GSE2990_series_matrix.txt.gz"
    assert end("gse123456-gpl96").endswith("GSE123456-GPL96_series_matrix.txt.gz")
    assert download.GEO_ADDRESS.startswith("https://ftp.ncbi.nlm.nih.gov/")
    with pytest.raises(ValueError, match="expected one like 'GSE30550'"):
        series_matrix_address("GDS5")


def test_the_cache_is_the_users_own(
    archive: type[Archive], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert fetch().parent == tmp_path / "genex_helpers" / "geo"
