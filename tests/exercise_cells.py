"""What the stubs and the solutions of a notebook give as answers, and wrong answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


def answered(notebook: str, tag: str, place: int, name: str, **given: Any) -> Any:
    """Run a stub or a solution without its check, and return its answer.

    Parameters
    ----------
    notebook
        File name.
    tag
        ``"exercise"`` or ``"solution"``.
    place
        Which of the cells with this tag, from 0.
    name
        What the answer is called there.
    given
        Names that the notebook has imported.
    """
    cells = nbformat.read(NOTEBOOKS / notebook, as_version=4).cells
    sources = [c.source for c in cells if tag in c.metadata.get("tags", [])]
    names = dict(given)
    exec(sources[place].split("check(")[0], names)
    return names[name]


def mistaken(answer: Callable[..., Any], way: str) -> Callable[..., Any]:
    """Return an answer with one of its common mistakes, which it takes as ``way``."""
    return lambda *a, **k: answer(*a, way=way, **k)
