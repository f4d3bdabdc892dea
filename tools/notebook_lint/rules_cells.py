"""Rules about cells: outputs, tags, length, what is defined and where."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from .model import ANSWERS, COMPARED, FRAME, Cell, Finding, Notebook, called, rule

LINES = 20
LINES_OF_ONE_PIECE = 35
COLUMNS = 88
COPIED_LINES = 8

KNOWN_TAGS = (
    FRAME
    | COMPARED
    | {"quiz"}
    | {"hide-cell", "hide-input", "hide-output"}
    | {"remove-cell", "remove-input", "remove-output"}
)

_LENGTH = (
    "Cells: at most 20 lines (one class or training loop may have 35), "
    "at most 88 columns"
)
_TWICE = "anything used in two notebooks moves into the package"
_COMPARED = "no outputs in git but in cells tagged for comparison"


@rule("outputs", _COMPARED)
def outputs(notebook: Notebook) -> Iterator[Finding]:
    """Outputs and counts stand where nbval compares them, and nowhere else."""
    for cell in notebook.code:
        tags = cell.tags & COMPARED
        if not tags and (cell.outputs or cell.execution_count is not None):
            yield Finding(cell, "holds an output or an execution count")
        elif tags and tags != COMPARED:
            yield Finding(cell, f"is tagged {min(tags)} without {min(COMPARED - tags)}")
        elif tags and not (cell.outputs and cell.execution_count):
            # nbval passes a tagged cell that was never run
            yield Finding(cell, "is tagged for comparison but holds no run output")


@rule("tags", "Fail closed: a deliberate error is caught and shown by one helper")
def tags(notebook: Notebook) -> Iterator[Finding]:
    """A mistyped tag does nothing; one that lets a cell fail opens the gate."""
    for cell in notebook.cells:
        for tag in sorted(cell.tags - KNOWN_TAGS):
            yield Finding(cell, f"has the tag {tag!r}, which this book does not use")


@rule("python", "The build stops on a failing cell")
def python(notebook: Notebook) -> Iterator[Finding]:
    """Every code cell parses, so that the other rules can read it."""
    for cell in notebook.code:
        if cell.tree is None:
            yield Finding(cell, "is not Python")


def in_one_piece(cell: Cell) -> bool:
    """Tell whether a cell is one class or function, or holds one top-level loop.

    Softened: a function counts like a class, because a training loop that the chapter
    calls for several models has to be one.
    """
    alone = (ast.ClassDef, ast.FunctionDef)
    if len(cell.statements) == 1 and isinstance(cell.statements[0], alone):
        return True
    loops = [s for s in cell.statements if isinstance(s, ast.For | ast.While)]
    return len(loops) == 1


@rule("cell-length", _LENGTH)
def cell_length(notebook: Notebook) -> Iterator[Finding]:
    """Count the lines that are not blank."""
    for cell in notebook.code:
        if cell.tags & FRAME:
            continue
        count = sum(bool(line.strip()) for line in cell.source.splitlines())
        most = LINES_OF_ONE_PIECE if in_one_piece(cell) else LINES
        if count > most:
            yield Finding(cell, f"has {count} lines, at most {most} are allowed")


@rule("cell-width", _LENGTH)
def cell_width(notebook: Notebook) -> Iterator[Finding]:
    """Measure the lines of code; lines of Markdown are as long as their sentence."""
    for cell in notebook.code:
        if cell.tags & FRAME:
            continue
        for number, line in enumerate(cell.source.splitlines(), start=1):
            if len(line) > COLUMNS:
                yield Finding(cell, f"line {number} has {len(line)} columns")


def _ends_in_a_sentence(cell: Cell) -> bool:
    last = cell.statements[-1] if cell.statements else None
    call = last.value if isinstance(last, ast.Expr) else None
    return isinstance(call, ast.Call) and called(call) in ("say", "claim")


@rule("prose-between", "no more than two code cells in a row without prose")
def prose_between(notebook: Notebook) -> Iterator[Finding]:
    """Count code cells since the last prose; the frame's cells do not count.

    Softened: a computed sentence is the prose that reads what stands above it, so a
    cell that ends in ``say`` or ``claim`` counts as prose.
    """
    row = 0
    for cell in notebook.cells:
        if cell.kind != "code" or _ends_in_a_sentence(cell):
            row = 0
        elif not cell.tags & FRAME:
            row += 1
            if row == 3:
                yield Finding(cell, "is the third code cell in a row")


Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def definitions(notebook: Notebook) -> Iterator[tuple[Cell, Definition]]:
    """Yield the top-level functions and classes, but not all.

    An exercise's function is handed to ``check``, and may have its name in every
    chapter; the set-up cell is generated, and the same everywhere.
    """
    for cell in notebook.code:
        if not cell.tags & (ANSWERS | {"setup"}):
            for node in cell.statements:
                if isinstance(node, Definition):
                    yield cell, node


def _names_used(node: ast.AST) -> Iterator[str]:
    """Yield the names read in a tree, but not those of type annotations."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        yield node.id
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _names_used(child)


@rule(
    "defined-and-called",
    "Every function and class defined in a notebook is also called in it",
)
def defined_and_called(notebook: Notebook) -> Iterator[Finding]:
    """Look for each name outside its own definition.

    Softened: a function that is handed over as a value counts as called, and so does a
    base class.
    """
    statements = [s for cell in notebook.code for s in cell.statements]
    used_by = [(statement, set(_names_used(statement))) for statement in statements]
    for cell, node in definitions(notebook):
        if not any(node.name in used for owner, used in used_by if owner is not node):
            yield Finding(cell, f"defines {node.name}, which the notebook never calls")


@rule("defined-twice", _TWICE)
def defined_twice(notebook: Notebook) -> Iterator[Finding]:
    """Compare the names defined here with those of the notebooks before it."""
    known = {
        node.name: other.name
        for other in notebook.siblings
        if other.name < notebook.name
        for _, node in definitions(other)
    }
    for cell, node in definitions(notebook):
        if node.name in known:
            yield Finding(cell, f"defines {node.name}, as does {known[node.name]}")


def _essence(cell: Cell) -> list[str]:
    """Return the lines of code without comments, spaces, texts and numbers."""
    lines = []
    for line in cell.source.splitlines():
        line = re.sub(r"\"[^\"]*\"|'[^']*'", "''", line)
        line = re.sub(r"#.*|\s+|\b\d[\d.e_]*\b", "", line)
        if re.search(r"[A-Za-z]", line):
            lines.append(line)
    return lines


def _blocks(notebook: Notebook) -> Iterator[tuple[Cell, tuple[str, ...]]]:
    """Yield every run of eight lines in a cell that is not part of the frame."""
    for cell in notebook.code:
        if not cell.tags & FRAME:
            lines = _essence(cell)
            for start in range(len(lines) - COPIED_LINES + 1):
                yield cell, tuple(lines[start : start + COPIED_LINES])


@rule("copied-code", _TWICE)
def copied_code(notebook: Notebook) -> Iterator[Finding]:
    """Look for eight lines in a row that an earlier notebook has too.

    They are alike if they differ in no more than comments, texts and numbers.
    """
    known = {
        block: (other, cell)
        for other in notebook.siblings
        if other.name < notebook.name
        for cell, block in _blocks(other)
    }
    reported: set[int] = set()
    for cell, block in _blocks(notebook):
        if block in known and cell.number not in reported:
            reported.add(cell.number)
            other, where = known[block]
            yield Finding(cell, f"repeats {where} of {other.name}")
