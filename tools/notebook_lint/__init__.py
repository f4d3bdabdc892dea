"""The house rules of the book, as a lint over its notebooks.

Each rule is one small function from a notebook to findings, registered with its text.
A cell is exempt from a rule where its metadata says so and why::

    "lint": {"allow": ["cell-length"], "because": "the table is read as a whole"}
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import tomllib

from . import (
    rules_cells,
    rules_clean,
    rules_exercises,
    rules_figures,
    rules_markdown,
    rules_template,
    rules_words,
)
from .model import (
    NOTEBOOKS,
    ROOT,
    RULES,
    Cell,
    Finding,
    Notebook,
    Rule,
    from_node,
    rule,
)

__all__ = [
    "NOTEBOOKS",
    "ROOT",
    "RULES",
    "Cell",
    "Finding",
    "Notebook",
    "Rule",
    "from_node",
    "lint",
    "load",
    "load_all",
    "rules_cells",
    "rules_clean",
    "rules_exercises",
    "rules_figures",
    "rules_markdown",
    "rules_template",
    "rules_words",
]

QUIZZES = ROOT / "genex_helpers" / "quizzes.toml"
EXEMPTION = "exemption"


@rule(EXEMPTION, "An exemption names a rule that it needs, and says why")
def exemption(notebook: Notebook) -> Iterator[Finding]:
    """Every exemption has a reason and a known rule."""
    known = {item.name for item in RULES} - {EXEMPTION}
    for cell in notebook.cells:
        for name in cell.allowed:
            if name not in known:
                yield Finding(cell, f"allows {name!r}, which is no rule")
        if cell.exemption and not str(cell.exemption.get("because", "")).strip():
            yield Finding(cell, "allows a breach without 'because'")


def lint(notebook: Notebook) -> Iterator[Finding]:
    """Yield what the rules find, less what the notebook's cells openly allow."""
    used: set[tuple[int, str]] = set()
    for item in RULES:
        for finding in item.check(notebook):
            where = finding.where
            exempt = isinstance(where, Cell) and item.name in where.allowed
            if exempt and isinstance(where, Cell) and item.name != EXEMPTION:
                used.add((where.number, item.name))
                continue
            yield _of(finding, notebook, item)
    yield from _unused(notebook, used)


def _of(finding: Finding, notebook: Notebook, item: Rule) -> Finding:
    return replace(finding, notebook=notebook.name, rule=item.name, quote=item.quote)


def _unused(notebook: Notebook, used: set[tuple[int, str]]) -> Iterator[Finding]:
    """Yield the exemptions that hide nothing: they would hide the next mistake."""
    known = {item.name: item for item in RULES}
    for cell in notebook.cells:
        for name in cell.allowed:
            if name in known and (cell.number, name) not in used:
                found = Finding(cell, f"allows {name!r} without need")
                yield _of(found, notebook, known[EXEMPTION])


def load_quizzes(path: Path = QUIZZES) -> list[dict[str, Any]]:
    """Return the questions of the quiz file; none where there is no file yet."""
    if not path.is_file():
        return []
    return list(tomllib.loads(path.read_text(encoding="utf-8")).get("quiz", []))


def load(path: Path) -> Notebook:
    """Read a notebook; its name is its path, seen from the repository's root.

    Raises
    ------
    ValueError
        If the file is not a notebook.
    """
    try:
        node = nbformat.read(path, as_version=4)
    except (nbformat.reader.NotJSONError, nbformat.ValidationError, KeyError) as error:
        raise ValueError(f"{path} is not a notebook: {error}") from error
    full = path.resolve()
    inside = full.is_relative_to(ROOT)
    name = full.relative_to(ROOT).as_posix() if inside else path.as_posix()
    return from_node(name, node, load_quizzes())


def load_all(paths: Sequence[Path]) -> list[Notebook]:
    """Read notebooks; each knows the others, and those of the book besides."""
    chosen = [load(path) for path in paths]
    names = {notebook.name for notebook in chosen}
    book = [load(path) for path in sorted(NOTEBOOKS.glob("*.ipynb"))]
    everything = chosen + [other for other in book if other.name not in names]
    return [
        replace(
            notebook,
            siblings=tuple(o for o in everything if o.name != notebook.name),
        )
        for notebook in chosen
    ]
