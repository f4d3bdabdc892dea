"""Rules about figures: description, labels, colours.

A cell's figure is what its own lines draw, together with the functions that they call
and that are defined in the notebook or in ``genex_helpers.plots``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import lru_cache

from .model import (
    ROOT,
    Cell,
    Finding,
    Notebook,
    argument,
    called,
    dotted,
    literal,
    rule,
)
from .text import alt_text

PLOTS = ROOT / "genex_helpers" / "plots.py"
PALETTE = {"#0072b2", "#d55e00", "#009e73", "#b55a93", "#71767d"}
MISLEADING_MAPS = {"jet", "rainbow", "hsv", "gist_rainbow", "RdYlGn", "Spectral"}

DRAWS_ON_ANYTHING = {
    "plot", "bar", "barh", "hist", "hist2d", "hexbin", "boxplot", "violinplot",
    "imshow", "matshow", "pcolormesh", "errorbar", "fill_between", "stackplot",
    "axhline", "axvline", "semilogx", "semilogy", "loglog", "stem", "quiver",
    "from_estimator", "from_predictions",
}  # fmt: skip
# Tensors and optimisers have methods of these names too.
DRAWS_ON_AXES = {"scatter", "step", "contour", "contourf", "pie", "figure", "subplots"}
SEABORN_STYLE = {"set_theme", "set_style", "set_context", "set_palette", "despine"}
LABEL_SETTERS = {
    "xlabel": {"xlabel", "set_xlabel", "supxlabel"},
    "ylabel": {"ylabel", "set_ylabel", "supylabel"},
}
COLOUR_ARGUMENTS = {"color", "c", "facecolor", "edgecolor", "ecolor", "colors"}

_NEEDS_UNIT = re.compile(
    r"(?:time|age|duration|expression|intensity|concentration|dose|memory|"
    r"temperature|length)\b",
    re.IGNORECASE,
)
_RUN_NUMBER = re.compile(r"\d+[.,]\d+|\d+\s?(?:%|per ?cent)")
_FREE_COLOUR = re.compile(r"none|C\d|auto")


def _functions(statements: list[ast.stmt]) -> dict[str, list[ast.stmt]]:
    return {s.name: s.body for s in statements if isinstance(s, ast.FunctionDef)}


@lru_cache(maxsize=1)
def _plot_helpers() -> dict[str, list[ast.stmt]]:
    """Return the bodies of the package's own plot functions, by name."""
    if not PLOTS.is_file():
        return {}
    return _functions(ast.parse(PLOTS.read_text(encoding="utf-8")).body)


def _direct_calls(statements: list[ast.stmt]) -> Iterator[ast.Call]:
    """Yield the calls that run with these lines: not those inside a definition."""
    waiting: list[ast.AST] = list(statements)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.Call):
            yield node
        waiting.extend(ast.iter_child_nodes(node))


def reached_calls(cell: Cell, known: dict[str, list[ast.stmt]]) -> list[ast.Call]:
    """Return the calls that a cell makes, through the known functions too."""
    found: list[ast.Call] = []
    entered: set[str] = set()
    waiting = [cell.statements]
    while waiting:
        for call in _direct_calls(waiting.pop()):
            found.append(call)
            name = dotted(call.func).removeprefix("plots.")
            if name in known and name not in entered:
                entered.add(name)
                waiting.append(known[name])
    return found


def _root(node: ast.expr) -> str:
    """Return the name that a chain such as ``axes[0].twinx()`` begins with."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def draws(call: ast.Call) -> bool:
    """Tell whether a call draws."""
    if not isinstance(call.func, ast.Attribute):
        return False
    name, root = call.func.attr, _root(call.func.value)
    if root == "sns":
        return name not in SEABORN_STYLE and "palette" not in name
    on_axes = root == "plt" or root.startswith(("ax", "fig"))
    return name in DRAWS_ON_ANYTHING or (on_axes and name in DRAWS_ON_AXES)


def figures(notebook: Notebook) -> Iterator[tuple[Cell, list[ast.Call]]]:
    """Yield each cell that draws a figure, with all the calls that it reaches."""
    statements = [s for cell in notebook.code for s in cell.statements]
    known = {**_plot_helpers(), **_functions(statements)}
    for cell in notebook.code:
        calls = reached_calls(cell, known)
        if any(draws(call) for call in calls):
            yield cell, calls


def _alt_problem(alt: object) -> str:
    """Return what is wrong with a description, or nothing."""
    if not isinstance(alt, str) or not alt.strip():
        return "draws a figure without alt text (metadata mystnb: image: alt)"
    words = len(alt.split())
    if not 15 <= words <= 60:
        return f"has an alt text of {words} words"
    number = _RUN_NUMBER.search(alt)
    return f"has the run number {number[0]} in its alt text" if number else ""


@rule(
    "figure-alt",
    "Figures: alt text of 15 to 60 words (`mystnb: image: alt` in the cell's metadata) "
    "that says what is drawn, without run numbers",
)
def figure_alt(notebook: Notebook) -> Iterator[Finding]:
    """Look at every figure, and at the description of every ``diagram``.

    Softened: whole numbers may stand in it, as counts of the design do.
    """
    drawn = {cell.number for cell, _ in figures(notebook)}
    for cell in notebook.code:
        texts: list[object] = [alt_text(cell)] if cell.number in drawn else []
        for call in cell.calls():
            if called(call) == "diagram":
                texts.append(literal(argument(call, 1, "alt")))
        for problem in filter(None, map(_alt_problem, texts)):
            yield Finding(cell, problem)


def _axes_off(call: ast.Call) -> bool:
    if called(call) == "set_axis_off":
        return True
    state = argument(call, 0, "arg")
    return (
        called(call) == "axis"
        and isinstance(state, ast.Constant)
        and state.value in ("off", False)
    )


def _labels(call: ast.Call, axis: str) -> list[ast.expr]:
    """Return what a call sets as the label of an axis."""
    if called(call) == "label_axes":
        value = argument(call, 1 if axis == "xlabel" else 2, axis[0])
    else:
        setter = called(call) in LABEL_SETTERS[axis]
        value = argument(call, 0 if setter else 99, axis)
    return [value] if value is not None else []


@rule("figure-labels", "Figures: axis labels with units")
def figure_labels(notebook: Notebook) -> Iterator[Finding]:
    """Both axes have a label, and a quantity has its unit in brackets.

    Softened: an empty label says openly that the names at the ticks are enough; whether
    a unit is missing is judged only for quantities that always have one.
    """
    for cell, calls in figures(notebook):
        if any(_axes_off(call) for call in calls):
            continue
        for axis in LABEL_SETTERS:
            labels = [label for call in calls for label in _labels(call, axis)]
            if not labels:
                yield Finding(cell, f"draws a figure without {axis}")
            for text in filter(None, map(literal, labels)):
                if _NEEDS_UNIT.match(text) and "(" not in text:
                    yield Finding(cell, f"labels an axis {text!r} without its unit")


@rule(
    "figure-colours",
    "colours that survive colour blindness and grey, in light and dark mode",
)
def figure_colours(notebook: Notebook) -> Iterator[Finding]:
    """Colours typed by hand are those of the package's palette."""
    for cell, _ in figures(notebook):
        for call in cell.calls():
            for keyword in call.keywords:
                text = literal(keyword.value)
                by_hand = keyword.arg in COLOUR_ARGUMENTS and not (
                    text.lower() in PALETTE or _FREE_COLOUR.fullmatch(text)
                )
                misleading = keyword.arg == "cmap" and text in MISLEADING_MAPS
                if text and (by_hand or misleading):
                    yield Finding(cell, f"draws with {keyword.arg}={text!r}")
