"""Keep the outputs that nbval compares in the notebooks, and strip all others.

    python tools/keep_outputs.py [notebooks…]            run in fast mode, then keep
    python tools/keep_outputs.py --strip [notebooks…]    only strip, run nothing

A notebook is named by its path or by its file name, with or without ``.ipynb``; without
names, all are meant. A cell keeps its outputs if it is tagged ``nbval-check-output``
and ``keep_output``. Only outputs and execution counts are written back, so nothing else
of a notebook changes, and a second run changes nothing at all.
"""

from __future__ import annotations

import argparse
import copy
import os
import sys
from pathlib import Path
from typing import Any

import nbformat

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.notebook_key import write_whole
from tools.notebook_lint import NOTEBOOKS
from tools.notebook_lint.model import COMPARED

# What editors and runners write into a notebook, and what differs between machines.
VOLATILE_IN_NOTEBOOK = ("papermill", "widgets", "execution", "vscode", "colab")
VOLATILE_IN_CELL = (
    "papermill", "execution", "ExecuteTime", "collapsed", "scrolled", "outputId",
    "colab", "id", "vscode",
)  # fmt: skip
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
FAST = {"GENEX_FAST": "1", "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
SECONDS_A_CELL = 120


class NothingToKeep(Exception):
    """A cell is tagged for comparison, but shows nothing when it runs."""


def is_compared(cell: Any) -> bool:
    """Tell whether nbval compares the output of a cell."""
    return set(cell.metadata.get("tags", [])) >= COMPARED


def stripped(node: Any) -> Any:
    """Return a copy of a notebook as it belongs in git.

    Outputs and counts stay in compared cells only: nbval refuses an output without a
    count. Cell ids stay, so that a change shows only what was changed.
    """
    node = copy.deepcopy(node)
    for key in VOLATILE_IN_NOTEBOOK:
        node.metadata.pop(key, None)
    node.metadata.get("language_info", {}).pop("version", None)
    node.metadata["kernelspec"] = nbformat.from_dict(KERNEL)
    for cell in node.cells:
        for key in VOLATILE_IN_CELL:
            cell.metadata.pop(key, None)
        if cell.cell_type == "code" and not is_compared(cell):
            cell.outputs = []
            cell.execution_count = None
    return node


def with_outputs(node: Any, executed: Any, name: str) -> Any:
    """Return a copy of a notebook with the outputs that its executed copy has.

    Raises
    ------
    NothingToKeep
        If a compared cell has no output.
    """
    node = copy.deepcopy(node)
    pairs = zip(node.cells, executed.cells, strict=True)
    for number, (cell, run) in enumerate(pairs, start=1):
        if cell.cell_type == "code" and is_compared(cell):
            if not run.outputs:
                problem = "tagged for comparison, but it shows nothing"
                raise NothingToKeep(f"{name}, cell {number}: {problem}")
            cell.outputs = run.outputs
            cell.execution_count = run.execution_count
    return stripped(node)


def executed(node: Any, folder: Path) -> Any:
    """Return a copy of a notebook that has run, in fast mode, in a folder.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell fails.
    """
    from nbclient import NotebookClient

    copied = copy.deepcopy(node)
    client = NotebookClient(
        copied,
        timeout=SECONDS_A_CELL,
        kernel_name=KERNEL["name"],
        resources={"metadata": {"path": str(folder)}},
        # how a kernel cuts its output into messages differs from run to run
        coalesce_streams=True,
    )
    client.execute(env={**os.environ, **FAST})
    return copied


def as_text(node: Any) -> str:
    """Return the file that a notebook is written to."""
    return str(nbformat.writes(node)).rstrip("\n") + "\n"


def kept(path: Path, *, run: bool) -> str:
    """Return what a notebook's file should hold.

    Parameters
    ----------
    path
        The notebook.
    run
        Whether to run it and keep the outputs of this run, or those that it has.
    """
    node = nbformat.read(path, as_version=4)
    if run:
        # the kernel starts in the notebook's folder, as in Jupyter
        node = with_outputs(node, executed(stripped(node), path.parent), path.name)
    return as_text(stripped(node))


def find(name: str) -> Path:
    """Return the notebook that a name on the command line means.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    for path in (Path(name), NOTEBOOKS / name, NOTEBOOKS / f"{name}.ipynb"):
        if path.is_file():
            return path
    raise FileNotFoundError(
        f"no notebook {name!r}, neither as a path nor in notebooks/"
    )


def main(arguments: list[str]) -> int:
    """Bring the notebooks' files up to date; return 1 if one of them fails."""
    from nbclient.exceptions import CellExecutionError, CellTimeoutError

    parser = argparse.ArgumentParser(
        description="Keep compared outputs, strip all others."
    )
    parser.add_argument("notebooks", nargs="*")
    parser.add_argument("--strip", action="store_true", help="run nothing")
    options = parser.parse_args(arguments)
    failed = False
    names = options.notebooks or map(str, sorted(NOTEBOOKS.glob("*.ipynb")))
    for path in map(find, names):
        try:
            text = kept(path, run=not options.strip)
        except (CellExecutionError, CellTimeoutError, NothingToKeep) as error:
            print(f"{path.name} is unchanged, it failed:\n{error}", file=sys.stderr)
            failed = True
            continue
        changed = text != path.read_text(encoding="utf-8")
        if changed:
            write_whole(path, text.encode("utf-8"))
        print(f"{path.name}: {'written' if changed else 'as it was'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
