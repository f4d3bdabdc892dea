"""The book's address: one place, one command, and a set-up cell that depends on it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.set_address import address_texts, clean_address, set_address
from tools.setup_cell import (
    PLACEHOLDER,
    addressed,
    edition,
    pages_url,
    read_exact,
    repository_url,
    setup_cell_source,
    write_setup_cells,
)

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
FORK = "https://github.com/reader/fork-of-the-book"
PARTS = ("_config.yml", "CITATION.cff", "README.md", "pyproject.toml", "notebooks")


def address() -> str:
    """Return the address that this copy of the book is set to."""
    return repository_url(read_exact(ROOT / "_config.yml"))["url"]


def small_notebook(*sources: str, tags: tuple[str, ...] = ("setup",)) -> str:
    """Return a notebook: a title, then code cells that have these tags."""
    cells: list[dict[str, Any]] = [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": ["# Títle µ"]}
    ]
    for number, source in enumerate(sources):
        cells.append(
            {
                "cell_type": "code",
                "execution_count": None,
                "id": f"b{number}",
                "metadata": {"tags": list(tags)},
                "outputs": [],
                "source": source.splitlines(keepends=True),
            }
        )
    whole = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def run_cell(
    code: str, folder: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a set-up cell in a folder where genex_helpers cannot be found.

    What it would run instead of pip leaves a file ``pip-ran`` behind.
    """
    fake = (
        "import subprocess, sys\n"
        "from importlib import metadata\n"
        "from pathlib import Path\n"
        "real = metadata.distributions\n"
        "def none(**words):\n"
        "    return [] if words else real()\n"
        "metadata.distributions = none\n"
        "def run(command, **words):\n"
        "    Path('pip-ran').write_text(repr([str(word) for word in command]))\n"
        "    pins = [w for w in map(str, command) if w.endswith('pins.txt')]\n"
        "    pins and Path('pins').write_text(Path(pins[0]).read_text())\n"
        "    listed = 'torch==2.11.0+cu128\\ngenex-helpers==0.0.1\\nnumpy==2.1.3\\n'\n"
        "    return subprocess.CompletedProcess(command, 1, listed, 'no such tag')\n"
        "subprocess.run = run\n"
    )
    clean = {k: v for k, v in os.environ.items() if k != "GENEX_PIP_SOURCE"}
    return subprocess.run(
        [sys.executable, "-c", fake + code],
        cwd=folder,
        env={**clean, **environment},
        capture_output=True,
        text=True,
    )


# ---------------------------------------------------------------- every place agrees


def test_every_place_agrees_with_the_config() -> None:
    texts = address_texts(ROOT, address())
    stale = [str(p.relative_to(ROOT)) for p in texts if read_exact(p) != texts[p]]
    cure = f"another address or an old set-up cell: make address URL={address()}"
    assert not stale, cure


def test_the_config_is_read_as_yaml_reads_it() -> None:
    config = yaml.safe_load(read_exact(ROOT / "_config.yml"))
    assert config["repository"]["url"] == address()
    assert config["repository"]["branch"] == "main"  # the links to Colab say so too


def test_no_other_file_names_the_placeholder(project_files: list[str]) -> None:
    generated = {str(p.relative_to(ROOT)) for p in address_texts(ROOT, PLACEHOLDER)}
    # what writes the address, what asks whether it is set, and this test
    makers = {"tools/setup_cell.py", "tools/build_book.py", "tests/test_address.py"}
    for name in set(project_files) - generated - makers:
        path = ROOT / name
        if path.is_file() and not name.startswith("tests/"):
            assert PLACEHOLDER.encode() not in path.read_bytes(), name


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_written_in_the_one_form(path: Path) -> None:
    # otherwise setting the address would change lines that it has nothing to do with
    text = read_exact(path)
    again = json.dumps(json.loads(text), indent=1, ensure_ascii=False) + "\n"
    assert again == text, f"{path.name}: not as nbformat writes it"


# ------------------------------------------------------------------- one command


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of every file that names the address, with a notebook of its own."""
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, tmp_path / part)
        else:
            shutil.copy(source, tmp_path / part)
    text = small_notebook("# an old set-up cell")
    (tmp_path / "notebooks" / "99_small.ipynb").write_text(text, encoding="utf-8")
    set_address(PLACEHOLDER, tmp_path)
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file below a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_the_address_goes_everywhere_and_back(copy: Path) -> None:
    before = contents(copy)
    changed = {str(path.relative_to(copy)) for path in set_address(FORK, copy)}
    after = contents(copy)
    assert changed == {name for name in before if before[name] != after[name]}
    assert changed == set(before) - {"pyproject.toml"}
    for name in changed:
        assert PLACEHOLDER.encode() not in after[name], name
        assert FORK.encode() in after[name], name
    assert set_address(FORK + ".git/", copy) == []  # a second time changes nothing
    set_address("https://github.com/other/Name_2.x", copy)
    assert FORK.encode() not in b"".join(contents(copy).values())
    set_address(PLACEHOLDER, copy)
    assert contents(copy) == before


def test_only_the_lines_of_the_address_change(copy: Path) -> None:
    before = read_exact(copy / "_config.yml").splitlines()
    set_address(FORK, copy)
    after = read_exact(copy / "_config.yml").splitlines()
    pairs = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    assert pairs == [(f"  url: {PLACEHOLDER}", f"  url: {FORK}")]
    one = read_exact(copy / "notebooks/99_small.ipynb")
    cells = json.loads(one)["cells"]
    assert "".join(cells[0]["source"]) == (
        "# Títle µ\n\n[This chapter in the book](https://reader.github.io/"
        "fork-of-the-book/notebooks/99_small.html) · [open it in Colab](https://colab."
        "research.google.com/github/reader/fork-of-the-book/blob/main/notebooks/"
        "99_small.ipynb)"
    )
    assert cells[1]["metadata"]["tags"] == ["setup", "hide-cell"]
    assert "".join(cells[1]["source"]) == setup_cell_source(edition(), FORK)


def test_the_citation_stays_valid_yaml(copy: Path) -> None:
    path = copy / "CITATION.cff"
    assert "repository-code" not in yaml.safe_load(read_exact(path))
    set_address(FORK, copy)
    citation = yaml.safe_load(read_exact(path))
    assert citation["repository-code"] == FORK
    assert citation["url"] == pages_url(FORK)


def test_windows_line_ends_stay(copy: Path) -> None:
    config = copy / "_config.yml"
    config.write_bytes(config.read_bytes().replace(b"\n", b"\r\n"))
    before = contents(copy)
    set_address(FORK, copy)
    assert f"url: {FORK}\r\n".encode() in config.read_bytes()
    set_address(PLACEHOLDER, copy)
    assert contents(copy) == before


def test_a_file_without_its_place_changes_nothing(copy: Path) -> None:
    readme = copy / "README.md"
    readme.write_text("# No marks\n", encoding="utf-8")
    before = contents(copy)
    with pytest.raises(ValueError, match=r"README\.md: expected one line <!-- address"):
        set_address(FORK, copy)
    assert contents(copy) == before


def test_a_config_without_an_address_is_named() -> None:
    with pytest.raises(ValueError, match=r"_config\.yml: expected a line url"):
        repository_url("title: x\nrepository:\n  branch: main\nother:\n  url: y\n")


def test_the_command_line(copy: Path) -> None:
    shutil.copytree(ROOT / "tools", copy / "tools", dirs_exist_ok=True)
    command = [sys.executable, "tools/set_address.py"]
    done = subprocess.run([*command, FORK], cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "_config.yml\n" in done.stdout and f"address: {FORK}" in done.stdout
    assert FORK in read_exact(copy / "notebooks/99_small.ipynb")
    bad = subprocess.run([*command, "x"], cwd=copy, capture_output=True, text=True)
    assert bad.returncode == 1
    assert bad.stderr.startswith("address: URL='x' is not an https address")
    assert subprocess.run(command, cwd=copy, capture_output=True).returncode == 2


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("", "not an https address on github.com"),
        ("owner/book", "not an https address on github.com"),
        ("http://github.com/owner/book", "not an https address on github.com"),
        ("git@github.com:owner/book.git", "not an https address on github.com"),
        ("https://gitlab.com/owner/book", "not an https address on github.com"),
        ("https://github.com.evil.org/owner/book", "not an https address"),
        ("https://github.com/owner", "'' cannot be the name of a GitHub repository"),
        ("https://github.com/owner/", "'' cannot be the name of a GitHub repository"),
        ("https://github.com/-owner/book", "'-owner' cannot be the name of a GitHub a"),
        ("https://github.com/o--o/book", "'o--o' cannot be the name of a GitHub acc"),
        ("https://github.com/owner/book/tree/main", "no further slash"),
        ("https://github.com/owner/..", "'..' cannot be the name"),
        ("https://github.com/owner/bo ok", "'bo ok' cannot be the name"),
        ('https://github.com/owner/book"', "cannot be the name of a GitHub repository"),
        ("https://github.com/owner/book?x=1", "cannot be the name of a GitHub repo"),
    ],
)
def test_bad_addresses_are_refused(typed: str, message: str, copy: Path) -> None:
    before = contents(copy)
    with pytest.raises(ValueError, match=re.escape(message)) as refused:
        set_address(typed, copy)
    assert "https://github.com/owner/book" in str(refused.value)  # an example
    assert repr(typed) in str(refused.value)
    assert contents(copy) == before


def test_an_address_has_one_form() -> None:
    for typed in (FORK, f" {FORK}\n", f"{FORK}/", f"{FORK}.git", f"{FORK}.git/"):
        assert clean_address(typed) == FORK


def test_pages_of_a_site_repository_stand_at_its_top() -> None:
    assert pages_url("https://github.com/Lab/book") == "https://lab.github.io/book/"
    assert pages_url("https://github.com/Lab/lab.github.io") == "https://lab.github.io/"


# ----------------------------------------------------------------- the set-up cell


def test_a_new_chapter_gets_the_cell(copy: Path) -> None:
    path = copy / "notebooks" / "98_new.ipynb"
    path.write_text(small_notebook(""), encoding="utf-8")
    assert write_setup_cells(copy) == [path]
    source = json.loads(read_exact(path))["cells"][1]["source"]
    assert "".join(source) == setup_cell_source(edition(), PLACEHOLDER)


@pytest.mark.parametrize("sources", [(), ("a", "b")])
def test_a_notebook_needs_one_cell_for_it(sources: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=rf"^x\.ipynb has {len(sources)} cells tagged"):
        addressed(small_notebook(*sources), "x", "1.0", PLACEHOLDER)


def test_a_notebook_begins_with_markdown() -> None:
    content = json.loads(small_notebook(""))
    del content["cells"][0]
    with pytest.raises(ValueError, match=r"^x\.ipynb: its first cell must be Markdown"):
        addressed(json.dumps(content), "x", "1.0", PLACEHOLDER)


def test_the_cell_is_short_and_clean() -> None:
    code = setup_cell_source("0.1.0", PLACEHOLDER)
    assert code.startswith("# @title Set-up (run this first)\n")
    assert len(code.splitlines()) <= 42
    for command in (["check", "--select", "E,F,I,B,UP,RUF"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--line-length", "88", "-"]
        done = subprocess.run(ruff, input=code + "\n", capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_without_an_address_nothing_is_installed(tmp_path: Path) -> None:
    done = run_cell(setup_cell_source("0.1.0", PLACEHOLDER), tmp_path)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("RuntimeError: No address to install from.")
    for cure in ("the published book", "make address URL=", "GENEX_PIP_SOURCE"):
        assert cure in last
    assert done.returncode == 1
    assert not (tmp_path / "pip-ran").exists()


@pytest.mark.parametrize("folder", [".", "notebooks"])
@pytest.mark.parametrize("repository", [PLACEHOLDER, FORK])
def test_in_a_checkout_nothing_is_installed(
    tmp_path: Path, folder: str, repository: str
) -> None:
    (tmp_path / "genex_helpers").mkdir()
    (tmp_path / "notebooks").mkdir()
    code = setup_cell_source("0.1.0", repository)
    done = run_cell(code, tmp_path / folder, GENEX_PIP_SOURCE="whatever")
    assert "RuntimeError: Not installed: run `make book`" in done.stderr
    assert not (tmp_path / folder / "pip-ran").exists()


def test_with_an_address_the_tag_is_installed_and_nothing_moves(tmp_path: Path) -> None:
    done = run_cell(setup_cell_source("0.1.0", FORK), tmp_path)
    command = (tmp_path / "pip-ran").read_text()
    assert command.endswith(f"'genex-helpers[book] @ git+{FORK}@v0.1.0']")
    # whatever was there is pinned; the package itself may change its version
    assert (tmp_path / "pins").read_text() == "torch==2.11.0+cu128\nnumpy==2.1.3"
    # pip's own words reach the reader
    assert "RuntimeError: pip could not install genex_helpers: no such tag" in (
        done.stderr
    )


def test_another_source_replaces_the_address(tmp_path: Path) -> None:
    code = setup_cell_source("0.1.0", PLACEHOLDER)
    run_cell(code, tmp_path, GENEX_PIP_SOURCE="./a.whl[book]")
    assert (tmp_path / "pip-ran").read_text().endswith("'./a.whl[book]']")


def test_where_the_edition_is_installed_the_cell_does_nothing(tmp_path: Path) -> None:
    code = "import subprocess\nsubprocess.run = None\n" + setup_cell_source(
        edition(), PLACEHOLDER
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
