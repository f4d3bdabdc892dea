"""Rules about the frame of a chapter: title, first cells, headings, objectives."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise

from .model import ROOT, Cell, Finding, Notebook, rule

FACTS = ("reading", "running", "device", "data", "prerequisites|before this")
HEADINGS = (
    "By the end you can",
    "Before you start",
    "What goes wrong",
    "Exercises",
    "Quiz",
    "What we learned",
    "Further reading",
    "References",
)
PARAMETERS = "device = 'auto'\nfast = False\nseed = 0"

_FIRST = (
    "Title, and one sentence that promises something. A line of facts: reading and "
    "running time, device, data, prerequisites"
)
_CELLS = (
    "The set-up cell (identical in every notebook, generated, hidden in the book), the "
    "parameters cell, one visible import cell"
)
_EARNED = (
    "What we learned: the objectives in the past tense, each linked to where it was "
    "earned"
)


def expected_setup() -> str:
    """Return the set-up cell that tools/setup_cell.py generates."""
    # imported late: the other rules need nothing of it
    from tools.setup_cell import edition, repository_url, setup_cell_source

    config = (ROOT / "_config.yml").read_text(encoding="utf-8")
    return setup_cell_source(edition(), repository_url(config)["url"])


def section(notebook: Notebook, heading: str) -> str:
    """Return the Markdown below a second-level heading, across cells."""
    text = "\n\n".join(cell.source for cell in notebook.markdown)
    parts = re.split(r"^## +", text, flags=re.MULTILINE)
    found = [part for part in parts[1:] if part.split("\n")[0].strip() == heading]
    return found[0] if found else ""


def objectives(notebook: Notebook) -> list[int]:
    """Return the numbers of the chapter's objectives, as they stand in its list."""
    listed = section(notebook, HEADINGS[0])
    return [int(n) for n in re.findall(r"^(\d+)\. ", listed, flags=re.MULTILINE)]


@rule("first-cell", _FIRST)
def first_cell(notebook: Notebook) -> Iterator[Finding]:
    """The first cell has a title, a promise and the facts; there is no other title."""
    if not notebook.cells:
        yield Finding("the notebook", "is empty")
        return
    first = notebook.cells[0]
    lines = [line for line in first.source.splitlines() if line.strip()]
    if first.kind != "markdown" or not lines or not lines[0].startswith("# "):
        yield Finding(first, "does not begin with a title (# …)")
        return
    if len(lines) < 2 or not re.search(r"[.!?][*_]*\s*$", lines[1]):
        yield Finding(first, "has no sentence below the title")
    if not any(all(re.search(fact, line.lower()) for fact in FACTS) for line in lines):
        yield Finding(first, f"has no line with all the facts: {', '.join(FACTS)}")
    for cell in notebook.markdown[1:]:
        if re.search(r"^# ", _without_fences(cell.source), re.MULTILINE):
            yield Finding(cell, "has a second title (# …)")


def _without_fences(source: str) -> str:
    return re.sub(r"^```[\s\S]*?^```", "", source, flags=re.MULTILINE)


@rule("frame-cells", _CELLS)
def frame_cells(notebook: Notebook) -> Iterator[Finding]:
    """There is one of each, in order, before any other code."""
    names = ("setup", "parameters", "imports")
    for place, name in enumerate(names):
        cells = notebook.tagged(name)
        if len(cells) != 1:
            where: Cell | str = cells[1] if cells else "the notebook"
            yield Finding(where, f"has {len(cells)} cells tagged {name!r}, one wanted")
        elif notebook.code.index(cells[0]) != place:
            yield Finding(cells[0], f"is not code cell number {place + 1}")


@rule("setup-cell", _CELLS)
def setup_cell(notebook: Notebook) -> Iterator[Finding]:
    """The set-up cell is the generated one, and hidden."""
    for cell in notebook.tagged("setup"):
        if cell.source.strip() != expected_setup().strip():
            yield Finding(cell, "differs from tools/setup_cell.py (make setup-cells)")
        if "hide-cell" not in cell.tags:
            yield Finding(cell, "is the set-up cell, but not tagged hide-cell")


@rule(
    "parameters-cell",
    'Each notebook has a `parameters` cell: `device="auto"`, `fast=False`, `seed=0`',
)
def parameters_cell(notebook: Notebook) -> Iterator[Finding]:
    """Exactly these three; a comment beside them may explain."""
    for cell in notebook.tagged("parameters"):
        if cell.tree is None or ast.unparse(cell.tree) != PARAMETERS:
            yield Finding(cell, "does not set exactly device, fast and seed")


@rule("import-cell", _CELLS)
def import_cell(notebook: Notebook) -> Iterator[Finding]:
    """All imports stand in it, and it is seen; answers may import for themselves."""
    for cell in notebook.code:
        if "imports" in cell.tags:
            if any(tag.startswith(("hide-", "remove-")) for tag in cell.tags):
                yield Finding(cell, "is the import cell, but hidden")
        elif not cell.tags & {"setup", "exercise", "solution"}:
            nodes = ast.walk(ast.Module(cell.statements, []))
            if any(isinstance(node, ast.Import | ast.ImportFrom) for node in nodes):
                yield Finding(cell, "imports outside the import cell")


@rule("headings", "A chapter: " + ", ".join(HEADINGS))
def headings(notebook: Notebook) -> Iterator[Finding]:
    """The headings that every chapter has stand in it once, in this order."""
    found = [
        (line[3:].strip(), cell)
        for cell in notebook.markdown
        for line in _without_fences(cell.source).splitlines()
        if line.startswith("## ")
    ]
    names = [name for name, _ in found]
    for name in HEADINGS:
        if names.count(name) != 1:
            count = names.count(name)
            what = f"has {count} headings '## {name}', one wanted"
            yield Finding("the notebook", what)
    known = [(name, cell) for name, cell in found if name in HEADINGS]
    for (before, _), (name, cell) in pairwise(known):
        if HEADINGS.index(name) < HEADINGS.index(before):
            yield Finding(cell, f"has '## {name}' after '## {before}'")


@rule("objectives", "By the end you can: three to five numbered, testable objectives")
def objectives_listed(notebook: Notebook) -> Iterator[Finding]:
    """They are numbered from 1 without a gap."""
    numbers = objectives(notebook)
    if not 3 <= len(numbers) <= 5 or numbers != list(range(1, len(numbers) + 1)):
        yield Finding("the notebook", f"has objectives numbered {numbers}")


@rule("objectives-earned", _EARNED)
def objectives_earned(notebook: Notebook) -> Iterator[Finding]:
    """Each has its anchor in the body, and a link to it at the end."""
    text = "\n".join(cell.source for cell in notebook.markdown)
    learned = section(notebook, "What we learned")
    for number in objectives(notebook):
        if f'<a id="o{number}"></a>' not in text:
            yield Finding("the notebook", f'has no <a id="o{number}"></a>')
        elif f'href="#o{number}"' not in learned:
            what = f"does not link to #o{number} in What we learned"
            yield Finding("the notebook", what)
