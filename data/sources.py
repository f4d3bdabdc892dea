"""Where the data files come from: pinned Debian packages, fetched and unpacked.

The packages are only unpacked, never installed, and R is not needed.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rdata

LIBRARY = "usr/lib/R/site-library"


class SourceError(RuntimeError):
    """A source package is not to be had on this machine."""


class ContentError(RuntimeError):
    """A source is to be had, but does not hold what it should."""


@dataclass(frozen=True)
class Package:
    """One pinned Debian package (bookworm)."""

    name: str
    version: str
    architecture: str
    sha256: str

    @property
    def deb(self) -> str:
        """File name of the package."""
        return f"{self.name}_{self.version}_{self.architecture}.deb"

    @property
    def request(self) -> str:
        """What apt-get is asked for; only compiled packages name a processor."""
        suffix = "" if self.architecture == "all" else f":{self.architecture}"
        return f"{self.name}{suffix}={self.version}"


QUSAGE = Package(
    "r-bioc-qusage",
    "2.32.0-1",
    "all",
    "80d3cedb21ff4a954e585db2e82ee394c5ef0254c93b95fa8a260f1eb7284c8b",
)
KOHONEN = Package(
    "r-cran-kohonen",
    "3.0.11+dfsg-1",
    "amd64",
    "0977a6f99079c24b35a78513f8ac2f6b296fcf4a04aa97c1ff410bd1bc00084c",
)
NOISEQ = Package(
    "r-bioc-noiseq",
    "2.42.0-1",
    "all",
    "d3e4463582007e48f94d799b960194c1927391117261a18a5a95094dfed5d360",
)
DESTINY = Package(
    "r-bioc-destiny",
    "3.12.0-1",
    "amd64",
    "da12db2ccaab8a8c0348767e948e8a71bb72bc21a5be0940d6ec3138f6d9d8b9",
)
BLADDERBATCH = Package(
    "r-bioc-bladderbatch",
    "1.36.0-1",
    "all",
    "ad40440450a8c3ff07e074d9096d8318c46ee5dd98ee95dd22de3fbb6d3de6db",
)
HSMM = Package(
    "r-bioc-hsmmsinglecell",
    "1.18.0-1",
    "all",
    "ae4c4323c5a18f9bf37a2f493c704610622323dd195cb11f5ef121bda36ad1be",
)
DEGREPORT = Package(
    "r-bioc-degreport",
    "1.34.0+dfsg-1",
    "all",
    "9666f0d0d86be4f166432b96c3e8a933b4d8a0f3d8a4efd2076c6c3e6ffc4d1b",
)
MULTIASSAY = Package(
    "r-bioc-multiassayexperiment",
    "1.24.0+dfsg-2",
    "all",
    "3ff729e9a8ecafdd3994430ce0d47d939ac9fea1fc78211cb4aae0f4ece017dd",
)
GENE_LENGTHS = Package(
    "r-bioc-genelendatabase",
    "1.34.0-1",
    "all",
    "7385259e2944e35ac537f618851d9a6331b85638c3199f16f43f1f88108ecb00",
)
PACKAGES = (
    QUSAGE,
    KOHONEN,
    NOISEQ,
    DESTINY,
    BLADDERBATCH,
    HSMM,
    DEGREPORT,
    MULTIASSAY,
    GENE_LENGTHS,
)


def fetch_all(folder: Path) -> dict[Package, Path]:
    """Fetch, check and unpack every package into `folder`.

    Returns:
        For each package, the folder of its unpacked R library.

    Raises:
        SourceError: Debian's tools are missing, or a version is not to be had.
        ContentError: a package is not the pinned one.
    """
    _need_debian_tools()
    folder.mkdir(parents=True, exist_ok=True)
    return {package: _unpack(package, _fetch(package, folder)) for package in PACKAGES}


def read_r(path: Path) -> dict[str, Any]:
    """Read the objects of an R data file, by name."""
    with warnings.catch_warnings():
        # Bioconductor's classes come back as plain namespaces, which is all we need.
        warnings.filterwarnings("ignore", message="Missing constructor for R class")
        objects: dict[str, Any] = rdata.conversion.convert(
            rdata.parser.parse_file(path),
            default_encoding="ASCII",  # files of old versions of R do not say
        )
    return objects


def sha256(path: Path) -> str:
    """Return the SHA-256 checksum of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _need_debian_tools() -> None:
    missing = [tool for tool in ("apt-get", "dpkg") if shutil.which(tool) is None]
    if missing:
        raise SourceError(
            f"{' and '.join(missing)} not found: rebuilding the data needs the tools "
            "of Debian or Ubuntu, with the package sources of Debian bookworm "
            "(the shipped files need neither)"
        )


def _fetch(package: Package, folder: Path) -> Path:
    deb = folder / package.deb
    if not deb.exists():
        done = subprocess.run(
            ["apt-get", "download", package.request],
            cwd=folder,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0 or not deb.exists():
            raise SourceError(_not_to_be_had(package, done.stderr.strip()))
    found = sha256(deb)
    if found != package.sha256:
        raise ContentError(
            f"{deb} is not the pinned package: expected sha256 {package.sha256}, "
            f"found {found}; delete it and run again"
        )
    return deb


def _not_to_be_had(package: Package, said: str) -> str:
    listing = subprocess.run(
        ["apt-cache", "madison", package.name], capture_output=True, text=True
    ).stdout
    versions = sorted(
        {row.split("|")[1].strip() for row in listing.splitlines() if row}
    )
    there = ", ".join(versions) or "no version at all"
    return (
        f"wanted {package.name} {package.version} ({package.architecture}) of Debian "
        f"bookworm; this machine's package lists have {there}. "
        "Add bookworm's sources, run `apt-get update` and try again; on a machine "
        "that is not amd64, run `dpkg --add-architecture amd64` first. "
        f"apt-get said: {said}"
    )


def _unpack(package: Package, deb: Path) -> Path:
    target = deb.with_suffix("")
    subprocess.run(["dpkg", "-x", str(deb), str(target)], check=True)
    return target / LIBRARY
