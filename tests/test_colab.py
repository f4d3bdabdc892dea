"""What Colab will do, rehearsed: a notebook alone, a set-up cell, packages that stay.

All of it installs packages, so it is marked `network`; `make test-colab` runs it. The
first test asks the resolver about Colab's own Python and versions. The others build an
environment with those versions for the Python at hand (PyTorch apart, which is the
lock's: its older builds are large), copy a notebook into an empty folder, send the
address of a fork to a repository on this machine, and run the notebook's own cells.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools.set_address import set_address
from tools.setup_cell import edition, setup_cell_source, write_setup_cells

pytestmark = pytest.mark.network

ROOT = Path(__file__).resolve().parents[1]
FORK = "https://github.com/reader/fork-of-the-book"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PREINSTALLED = dict(
    line.split("==")
    for line in (ROOT / "tests/colab_preinstalled.txt").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
)
COLAB_PYTHON = "3.13"
# not needed by any chapter, and large
LEFT_OUT = {"shap", "statsmodels", "torch"}


def uv(*words: str | Path, **environment: str) -> str:
    """Run uv with the local wheels that pip is told of, and return what it says."""
    command = [sys.executable, "-m", "pip", "config", "get", "global.find-links"]
    links = subprocess.run(command, capture_output=True, text=True).stdout.split()
    found = {"UV_FIND_LINKS": ",".join(links)} if links else {}
    done = subprocess.run(
        [sys.executable, "-m", "uv", *map(str, words)],
        env={**os.environ, **found, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def pinned(lines: str) -> dict[str, str]:
    """Return name: version of the lines name==version."""
    pairs = re.findall(r"(?m)^([\w.-]+)==([^\s;]+)", lines)
    return {name.lower().replace("_", "-"): version for name, version in pairs}


def test_the_package_resolves_on_colab_without_moving_anything() -> None:
    words = ("pip", "compile", "pyproject.toml", "--extra", "book", "--no-annotate")
    where = ("--python-version", COLAB_PYTHON, "--python-platform", "linux")
    pins = ("--constraint", "tests/colab_preinstalled.txt", "--no-header")
    # a wheel folder of this machine would offer its own build of PyTorch
    chosen = pinned(uv(*words, *where, *pins, UV_FIND_LINKS=""))
    shared = set(chosen) & set(PREINSTALLED)
    assert {"torch", "numpy", "pandas", "scipy", "ipython"} <= shared
    assert {name: chosen[name] for name in shared} == {
        name: PREINSTALLED[name] for name in shared
    }
    assert {"anndata", "captum", "optuna"} <= set(chosen)


@dataclass(frozen=True)
class Colab:
    """An environment like Colab's, and the repository that stands in for GitHub."""

    python: Path
    repository: Path
    before: dict[str, str]

    def versions(self) -> dict[str, str]:
        """Return name: version of all that is installed now."""
        return pinned(uv("pip", "list", "--format=freeze", "--python", self.python))

    def run(self, notebook: Path, **environment: str) -> nbformat.NotebookNode:
        """Run a notebook in the folder where it lies, with the environment's kernel."""
        node = nbformat.read(notebook, as_version=4)
        bare = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("GENEX_", "PYTHON", "VIRTUAL_ENV"))
        }
        redirected = {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{self.repository.as_uri()}.insteadOf",
            "GIT_CONFIG_VALUE_0": FORK,
            "OMP_NUM_THREADS": "1",
            "GENEX_FAST": "1",
        }
        client = NotebookClient(
            node,
            timeout=600,
            kernel_name="colab",
            resources={"metadata": {"path": str(notebook.parent)}},
        )
        client.execute(env={**bare, **redirected, **environment})
        return node


def publish(repository: Path, version: str) -> None:
    """Commit all that is in a repository, under the tag of an edition."""
    who = ["-c", "user.name=A reader", "-c", "user.email=reader@example.org"]
    for words in (
        ["init", "--quiet"],
        ["add", "--all", "--force"],
        [*who, "commit", "--quiet", "--message", version],
        ["tag", f"v{version}"],
    ):
        subprocess.run(["git", *words], cwd=repository, check=True)


@pytest.fixture(scope="module")
def colab(
    tmp_path_factory: pytest.TempPathFactory, project_files: list[str]
) -> Iterator[Colab]:
    """An environment with Colab's versions, and a fork with its address set."""
    folder = tmp_path_factory.mktemp("colab")
    for name in project_files:
        target = folder / "repository" / name
        if (ROOT / name).is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target)
    set_address(FORK, folder / "repository")
    publish(folder / "repository", edition())

    uv("venv", "--quiet", "--seed", "--python", sys.executable, folder / "venv")
    python = folder / "venv" / "bin" / "python"
    lock = pinned((ROOT / "requirements.lock").read_text("utf-8"))
    index = os.environ.get("TORCH_INDEX")
    torch = [f"torch=={lock['torch']}", *(["--index-url", index] if index else [])]
    rest = [f"{k}=={v}" for k, v in PREINSTALLED.items() if k not in LEFT_OUT]
    for packages in (torch, rest):
        uv("pip", "install", "--quiet", "--python", python, *packages)

    spec = {
        "argv": [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Colab",
        "language": "python",
    }
    kernel = folder / "jupyter" / "kernels" / "colab"
    kernel.mkdir(parents=True)
    (kernel / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    before = pinned(uv("pip", "list", "--format=freeze", "--python", python))
    assert "genex-helpers" not in before
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(folder / "jupyter"))
        yield Colab(python, folder / "repository", before)
    shutil.rmtree(folder / "venv")  # pytest would keep it, and it is large


@pytest.fixture(scope="module")
def first_run(
    colab: Colab, tmp_path_factory: pytest.TempPathFactory
) -> nbformat.NotebookNode:
    """A chapter that has run alone, where the package was not installed."""
    alone = tmp_path_factory.mktemp("alone") / NOTEBOOKS[0].name
    shutil.copy(colab.repository / "notebooks" / alone.name, alone)
    node = colab.run(alone)
    assert [path.name for path in alone.parent.iterdir()] == [alone.name]
    return node


def small(folder: Path, *sources: str) -> Path:
    """Write a small notebook alone into a folder."""
    cells = [new_markdown_cell("# Alone"), *map(new_code_cell, sources)]
    nbformat.write(new_notebook(cells=cells), folder / "alone.ipynb")
    return folder / "alone.ipynb"


def printed(cell: nbformat.NotebookNode) -> str:
    """Return what a cell printed."""
    return "".join(out.get("text", "") for out in cell.outputs)


def tagged(node: nbformat.NotebookNode, tag: str) -> nbformat.NotebookNode:
    """Return the one cell of a notebook that has a tag."""
    (cell,) = [cell for cell in node.cells if tag in cell.metadata.get("tags", [])]
    return cell


# The tests below follow one another in one environment, in this order.


def test_a_chapter_installs_what_it_needs_and_runs(
    colab: Colab, first_run: nbformat.NotebookNode
) -> None:
    code = [cell for cell in first_run.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code if cell.source.strip())
    said = printed(tagged(first_run, "setup"))
    assert f"Installing genex_helpers {edition()}" in said
    assert f"genex-helpers {edition()}; torch {colab.before['torch']}; numpy" in said
    now = colab.versions()
    assert {name: now.get(name) for name in colab.before} == colab.before
    assert {"genex-helpers", "captum", "optuna", "anndata"} <= set(now)


def test_the_next_notebook_installs_nothing(
    colab: Colab, first_run: nbformat.NotebookNode, tmp_path: Path
) -> None:
    # pip would fail on such a source, and the cell with it
    again = small(tmp_path, setup_cell_source(edition(), FORK))
    node = colab.run(again, GENEX_PIP_SOURCE="./there-is-no-such-wheel.whl")
    assert node.cells[1].outputs == []


@pytest.mark.parametrize("path", NOTEBOOKS[1:], ids=lambda path: path.stem)
def test_the_other_chapters_find_what_they_import(
    colab: Colab, first_run: nbformat.NotebookNode, path: Path, tmp_path: Path
) -> None:
    node = nbformat.read(path, as_version=4)
    # the weekly workflow runs every chapter to its end, which would take long here
    if path not in NOTEBOOKS[:2]:
        node.cells = [tagged(node, "parameters"), tagged(node, "imports")]
    nbformat.write(node, tmp_path / path.name)
    done = colab.run(tmp_path / path.name)
    assert tagged(done, "imports").execution_count


def test_a_missing_tag_is_explained(
    colab: Colab, first_run: nbformat.NotebookNode, tmp_path: Path
) -> None:
    with pytest.raises(CellExecutionError, match="pip could not install") as failed:
        colab.run(small(tmp_path, setup_cell_source("77.0", FORK)))
    assert "v77.0" in str(failed.value)
    assert colab.versions()["genex-helpers"] == edition()


def test_another_edition_is_installed_instead(
    colab: Colab, first_run: nbformat.NotebookNode, tmp_path: Path
) -> None:
    for name in ("pyproject.toml", "genex_helpers/__init__.py"):
        path = colab.repository / name
        text = path.read_text("utf-8")
        assert (
            f'version__ = "{edition()}"' in text or f'version = "{edition()}"' in text
        )
        path.write_text(text.replace(f'"{edition()}"', '"98.7.6"', 1), "utf-8")
    assert write_setup_cells(colab.repository)
    publish(colab.repository, "98.7.6")
    here = "import genex_helpers, genex_helpers.paths\nprint(genex_helpers.__version__)"
    cells = [here, setup_cell_source("98.7.6", FORK), here]
    node = colab.run(small(tmp_path, *cells))
    assert [printed(node.cells[n]).strip() for n in (1, 3)] == [edition(), "98.7.6"]
    now = colab.versions()
    assert now.pop("genex-helpers") == "98.7.6"
    assert {name: now.get(name) for name in colab.before} == colab.before
