"""A series matrix from GEO's public archive, kept in a cache with its checksum."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import os
import re
import tempfile
import urllib.error
import urllib.request
import zlib
from pathlib import Path

from genex_helpers.own_data.problems import CacheError, DownloadError

# FTP's content over HTTPS, as GEO recommends
GEO_ADDRESS = "https://ftp.ncbi.nlm.nih.gov/geo/series"
ACCESSION = re.compile(r"(GSE\d+)(-GPL\d+)?", re.IGNORECASE)
_TIMEOUT = 60  # seconds without an answer
_CHUNK = 1 << 20


def fetch_series_matrix(accession: str, cache: str | Path | None = None) -> Path:
    """Return the path of a series matrix, fetched once and checked at each use.

    The file and its checksum (``….sha256``) are written whole or not at all.

    Parameters
    ----------
    accession
        ``"GSE30550"``, or ``"GSE2990-GPL96"`` for one platform of several.
    cache
        A folder. Left out: ``genex_helpers/geo`` in the user's cache folder.

    Raises
    ------
    DownloadError
        If GEO has no such file, does not answer, or sends less than it announced.
    CacheError
        If the file in the cache is not the one that was fetched.
    """
    address = series_matrix_address(accession)
    folder = Path(cache).expanduser() if cache is not None else _default_cache()
    path = folder / address.rsplit("/", 1)[1]
    stored = path.with_name(path.name + ".sha256")
    if path.is_file():
        _check(path, stored)
        return path
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder, suffix=".part")
    os.close(handle)
    part = Path(name)
    try:
        _fetch(address, part)
        _check_whole(part, address)
        # the checksum first: a file in the cache always has one
        _write(stored, f"{_sha256(part)}  {path.name}\n")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return path


def series_matrix_address(accession: str) -> str:
    """Return the address of a series matrix in GEO's archive.

    Raises
    ------
    ValueError
        If it is not the accession of a series.
    """
    found = ACCESSION.fullmatch(accession.strip())
    if found is None:
        raise ValueError(
            f"{accession!r} is not the accession of a GEO series; expected one like "
            "'GSE30550', or 'GSE2990-GPL96' for one platform"
        )
    series, platform = found[1].upper(), (found[2] or "").upper()
    group = re.sub(r"\d{1,3}$", "nnn", series)
    file = f"{series}{platform}_series_matrix.txt.gz"
    return f"{GEO_ADDRESS}/{group}/{series}/matrix/{file}"


def _default_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "genex_helpers" / "geo"


def _fetch(address: str, part: Path) -> None:
    by_hand = (
        f"To fetch it by hand, open {address} in a browser and give read_geo the path "
        "of the file"
    )
    written = 0
    try:
        with urllib.request.urlopen(address, timeout=_TIMEOUT) as answer:
            announced = answer.headers.get("Content-Length")
            with part.open("wb") as file:
                while chunk := answer.read(_CHUNK):
                    written += file.write(chunk)
    except urllib.error.HTTPError as problem:
        if problem.code == 404:
            folder = address.rsplit("/", 1)[0] + "/"
            raise DownloadError(
                f"GEO has no file {address}. A series with several platforms has one "
                f"file for each: look into {folder} and name the platform, as in "
                "'GSE2990-GPL96'. If the folder is missing, the series is private or "
                "does not exist"
            ) from problem
        raise DownloadError(
            f"GEO answered {problem.code} ({problem.reason}); try again later. "
            f"{by_hand}"
        ) from problem
    except (OSError, http.client.HTTPException) as problem:
        reason = getattr(problem, "reason", problem)
        raise DownloadError(
            f"GEO could not be reached, or the connection broke ({reason}): this needs "
            f"a network. {by_hand}"
        ) from problem
    if announced is not None and written != int(announced):
        raise DownloadError(
            f"GEO announced {announced} bytes and {written} came; nothing was kept. "
            f"Try again. {by_hand}"
        )


def _check_whole(part: Path, address: str) -> None:
    """Unpack to the end: a page of a portal, or half a file, does not pass."""
    try:
        with gzip.open(part, "rb") as file:
            while file.read(_CHUNK):
                pass
    except (EOFError, OSError, zlib.error) as problem:
        raise DownloadError(
            f"what came from {address} is not a whole gzip file ({problem}); nothing "
            "was kept. A network that asks for a login does this"
        ) from problem


def _check(path: Path, stored: Path) -> None:
    cure = f"Delete {path} and fetch it again"
    if not stored.is_file():
        raise CacheError(f"{path} has no checksum beside it ({stored.name}). {cure}")
    expected = stored.read_text("utf-8").split()[:1]
    found = _sha256(path)
    if expected != [found]:
        raise CacheError(
            f"{path} is not the file that was fetched: expected sha256 "
            f"{''.join(expected)}, found {found}. {cure}"
        )


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _write(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)
