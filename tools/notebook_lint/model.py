"""What a rule sees of a notebook, and what it answers."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"

COMPARED = frozenset({"nbval-check-output", "keep_output"})
FRAME = frozenset({"setup", "parameters", "imports", "exercise", "check", "solution"})
ANSWERS = frozenset({"exercise", "solution"})

_MAGIC = re.compile(r"^(\s*)[%!].*$", re.MULTILINE)


@dataclass(frozen=True)
class Cell:
    """One cell; ``number`` counts from 1, as a reader would."""

    number: int
    kind: str
    source: str
    tags: frozenset[str]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    outputs: tuple[Any, ...] = ()
    execution_count: int | None = None

    def __str__(self) -> str:
        """Return how a message names the cell."""
        return f"cell {self.number} ({self.kind})"

    @property
    def exemption(self) -> dict[str, Any]:
        """What the cell's metadata says under ``lint``."""
        return dict(self.metadata.get("lint", {}))

    @property
    def allowed(self) -> list[str]:
        """The rules that the cell exempts itself from."""
        return list(self.exemption.get("allow", []))

    @cached_property
    def tree(self) -> ast.Module | None:
        """The code as a tree; ``None`` where it is not Python."""
        # magics only as a second try: a line of Python may begin with % or != too
        for source in (self.source, _MAGIC.sub(r"\1pass", self.source)):
            try:
                return ast.parse(source)
            except SyntaxError:
                continue
        return None

    @property
    def statements(self) -> list[ast.stmt]:
        """The top-level statements; none where the cell is not Python."""
        return self.tree.body if self.tree else []

    def calls(self) -> Iterator[ast.Call]:
        """Yield each call in the cell."""
        for node in ast.walk(ast.Module(self.statements, [])):
            if isinstance(node, ast.Call):
                yield node


@dataclass(frozen=True)
class Notebook:
    """A notebook, the others beside it, and the book's quizzes."""

    name: str
    cells: tuple[Cell, ...]
    quizzes: tuple[dict[str, Any], ...] = ()
    siblings: tuple[Notebook, ...] = ()

    @property
    def code(self) -> list[Cell]:
        """The code cells."""
        return [cell for cell in self.cells if cell.kind == "code"]

    @property
    def markdown(self) -> list[Cell]:
        """The Markdown cells."""
        return [cell for cell in self.cells if cell.kind == "markdown"]

    @property
    def chapter(self) -> str:
        """What the file's name begins with: "01", "01b", or "a1" for a primer."""
        return Path(self.name).name.split("_")[0]

    def tagged(self, tag: str) -> list[Cell]:
        """Return the cells with a tag."""
        return [cell for cell in self.cells if tag in cell.tags]


@dataclass(frozen=True)
class Finding:
    """Something that a rule found, in a cell or in another named place."""

    where: Cell | str
    what: str
    notebook: str = ""
    rule: str = ""
    quote: str = ""

    def __str__(self) -> str:
        """Return the one line that the lint prints."""
        return f'{self.notebook}, {self.where}: {self.what}. Rule: "{self.quote}"'


Check = Callable[[Notebook], Iterator[Finding]]


@dataclass(frozen=True)
class Rule:
    """One house rule: its name, its text, and the function that looks for breaches."""

    name: str
    quote: str
    check: Check


RULES: list[Rule] = []


def rule(name: str, quote: str) -> Callable[[Check], Check]:
    """Register a function as a rule."""

    def register(check: Check) -> Check:
        RULES.append(Rule(name, quote, check))
        return check

    return register


def from_node(name: str, node: Any, quizzes: Any = ()) -> Notebook:
    """Turn a notebook as nbformat reads it into what the rules see."""
    cells = tuple(
        Cell(
            number=number,
            kind=cell.cell_type,
            source=cell.source,
            tags=frozenset(cell.metadata.get("tags", [])),
            metadata=cell.metadata,
            outputs=tuple(cell.get("outputs", [])),
            execution_count=cell.get("execution_count"),
        )
        for number, cell in enumerate(node.cells, start=1)
    )
    return Notebook(name, cells, tuple(quizzes))


def dotted(node: ast.expr) -> str:
    """Return ``"a.b.c"`` for such an expression, and ``""`` for any other."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        left = dotted(node.value)
        return f"{left}.{node.attr}" if left else ""
    return ""


def called(call: ast.Call) -> str:
    """Return the last part of the name of what is called: ``"c"`` for ``a.b.c()``."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def literal(node: ast.expr | None) -> str:
    """Return the typed part of a string or f-string, and ``""`` for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        # "value" stands for what is computed, so that words around it stay apart
        return "".join(literal(part) or "value" for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return literal(node.left) + literal(node.right)
    return ""


def argument(call: ast.Call, position: int, name: str) -> ast.expr | None:
    """Return an argument of a call, given by position or by name."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    return call.args[position] if len(call.args) > position else None
