"""Archives of PyPI: found in an index, checked, and opened without being installed."""

from __future__ import annotations

import hashlib
import http.server
import importlib
import io
import json
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from genex_helpers.paths import data_dir

FILE = "toy_genes-1.0.tar.gz"
MEMBER = "toy_genes-1.0/data/counts.tsv"
CONTENT = b"gene\tone\nA\t1\n"


@pytest.fixture
def archives(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(data_dir()))
    return importlib.import_module("archives")


@pytest.fixture
def sources(archives: ModuleType) -> ModuleType:
    return importlib.import_module("sources")


def sdist(**members: bytes) -> bytes:
    """A source archive; a build of it would fail."""
    held = {"toy_genes-1.0/setup.py": b"raise SystemExit('built')", MEMBER: CONTENT}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in {**held, **members}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


SDIST = sdist()


def wanted(archives: ModuleType, content: bytes = SDIST, **other: Any) -> Any:
    """A pinned archive of the fake index."""
    values = {
        "name": "Toy_Genes",
        "version": "1.0",
        "file": FILE,
        "sha256": hashlib.sha256(content).hexdigest(),
        "members": (MEMBER,),
        **other,
    }
    return archives.Archive(**values)


class Index(http.server.BaseHTTPRequestHandler):
    """Answers as a package index does; `pages` maps a path to type and content."""

    pages: dict[str, tuple[str, bytes]]

    def do_GET(self) -> None:
        if self.path not in self.pages:
            self.send_error(404)
            return
        kind, content = self.pages[self.path]
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def index(
    archives: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, tuple[str, bytes]]]:
    """The pages of a fake index on this machine, to which pip's setting points."""
    pages: dict[str, tuple[str, bytes]] = {}
    handler = type("Handler", (Index,), {"pages": pages})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}/simple/"
    monkeypatch.setenv("PIP_INDEX_URL", address)
    yield pages
    server.shutdown()
    thread.join()
    server.server_close()


def as_json(url: str, file: str = FILE) -> tuple[str, bytes]:
    entry = {"filename": file, "url": url, "hashes": {}}
    kind = "application/vnd.pypi.simple.v1+json"
    return kind, json.dumps({"files": [entry]}).encode()


def as_html(url: str) -> tuple[str, bytes]:
    page = f'<!DOCTYPE html><body><a href="{url}#sha256=0">{FILE}</a><br/></body>'
    return "text/html; charset=utf-8", page.encode()


@pytest.mark.parametrize("form", [as_json, as_html])
@pytest.mark.parametrize("url", [f"/files/{FILE}", f"../../files/{FILE}"])
def test_an_archive_is_fetched_and_opened(
    archives: ModuleType,
    index: dict[str, tuple[str, bytes]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    form: Any,
    url: str,
) -> None:
    index["/simple/toy-genes/"] = form(url)
    index[f"/files/{FILE}"] = ("application/octet-stream", SDIST)
    archive = wanted(archives)
    monkeypatch.setattr(archives, "ARCHIVES", (archive,))
    roots = archives.fetch_archives(tmp_path / "kept")
    assert (roots[archive] / MEMBER).read_bytes() == CONTENT
    # Only what was asked for is written: nothing is there to be built.
    written = [p.name for p in roots[archive].rglob("*") if p.is_file()]
    assert written == ["counts.tsv"]
    # A second run reads what was kept and asks nobody.
    index.clear()
    assert archives.fetch_archives(tmp_path / "kept") == roots


def test_a_wheel_is_opened_too(archives: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "toy_genes-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("toy_genes/counts.tsv", CONTENT)
    content = path.read_bytes()
    archive = wanted(
        archives, content, file=path.name, members=("toy_genes/counts.tsv",)
    )
    root = archives._extract(archive, archives._fetch(archive, tmp_path))
    assert (root / "toy_genes/counts.tsv").read_bytes() == CONTENT


def test_another_archive_than_the_pinned_one_is_refused(
    archives: ModuleType, sources: ModuleType, tmp_path: Path
) -> None:
    (tmp_path / FILE).write_bytes(b"something else")
    archive = wanted(archives)
    with pytest.raises(sources.ContentError) as caught:
        archives._fetch(archive, tmp_path)
    for part in (archive.sha256, sources.sha256(tmp_path / FILE), "delete it"):
        assert part in str(caught.value)


def test_a_missing_member_is_named(
    archives: ModuleType, sources: ModuleType, tmp_path: Path
) -> None:
    (tmp_path / FILE).write_bytes(SDIST)
    archive = wanted(archives, members=("toy_genes-1.0/data",))
    with pytest.raises(sources.ContentError, match=r"holds no file toy_genes-1\.0/dat"):
        archives._extract(archive, archives._fetch(archive, tmp_path))


def test_a_version_that_the_index_lacks_is_named(
    archives: ModuleType,
    sources: ModuleType,
    index: dict[str, tuple[str, bytes]],
    tmp_path: Path,
) -> None:
    index["/simple/toy-genes/"] = as_json("x", file="toy_genes-2.0.tar.gz")
    with pytest.raises(sources.SourceError) as caught:
        archives._fetch(wanted(archives), tmp_path)
    for part in (FILE, "Toy_Genes 1.0", "toy_genes-2.0.tar.gz"):
        assert part in str(caught.value)


@pytest.mark.parametrize("broken", ["no project", "no file"])
def test_without_an_answer_it_says_what_it_needs(
    archives: ModuleType,
    sources: ModuleType,
    index: dict[str, tuple[str, bytes]],
    tmp_path: Path,
    broken: str,
) -> None:
    if broken == "no file":
        index["/simple/toy-genes/"] = as_json(f"/files/{FILE}")
    with pytest.raises(sources.SourceError, match="404") as caught:
        archives._fetch(wanted(archives), tmp_path)
    for part in (FILE, "package index", "shipped files need none"):
        assert part in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_the_index_is_the_one_of_pip(
    archives: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    monkeypatch.delenv("PIP_CONFIG_FILE", raising=False)
    for variable in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(variable, str(tmp_path))
    settings = tmp_path / "pip/pip.conf"
    settings.parent.mkdir()
    settings.write_text("[global]\nindex-url = https://index.example/simple/\n")
    assert archives.index_address() == "https://index.example/simple"
    monkeypatch.setenv("PIP_INDEX_URL", "https://other.example/simple")
    assert archives.index_address() == "https://other.example/simple"


# --- parts of an R file -----------------------------------------------------


def test_r_matrices_and_tables_are_read(
    archives: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R writes a matrix column by column, and counts levels from one."""
    from types import SimpleNamespace as Node

    from rdata.parser import RObjectType as Type

    r_tree = importlib.import_module("r_tree")

    def text(*words: str | None) -> Any:
        values = [Node(value=None if w is None else w.encode()) for w in words]
        return Node(info=Node(type=Type.STR), value=values, attributes=None)

    def named(**values: Any) -> Any:
        head = None
        for name, value in reversed(values.items()):
            tag = Node(info=Node(type=Type.SYM), value=Node(value=name.encode()))
            head = Node(info=Node(type=Type.LIST), value=(value, head), tag=tag)
        return head

    def vector(kind: Any, values: Any, **attributes: Any) -> Any:
        held = named(**attributes) if attributes else None
        return Node(info=Node(type=kind), value=values, attributes=held)

    size = vector(Type.INT, [2, 3])
    names = vector(Type.VEC, [text("a", "b"), text("x", "y", "z")])
    square = vector(Type.REAL, np.arange(6.0), dim=size, dimnames=names)
    assert r_tree.matrix(square).tolist() == [[0, 2, 4], [1, 3, 5]]
    assert r_tree.dimension_names(square) == [["a", "b"], ["x", "y", "z"]]

    masked: Any = np.ma  # untyped in numpy 1
    missing = masked.array([7, 8], mask=[False, True])
    columns = vector(
        Type.VEC,
        [
            vector(Type.INT, missing),
            vector(Type.INT, [2, 1], levels=text("no", "yes")),
            text("one", None),
        ],
        names=text("number", "factor", "word"),
    )
    frame = r_tree.frame(
        vector(Type.S4, None, listData=columns, rownames=text("p", "q"))
    )
    assert frame["number"].tolist()[0] == 7 and np.isnan(frame["number"].tolist()[1])
    assert frame["factor"].tolist() == ["yes", "no"]
    assert frame["word"].tolist() == ["one", ""] and list(frame.index) == ["p", "q"]
