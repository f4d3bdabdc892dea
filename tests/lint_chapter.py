"""A chapter that keeps every house rule, for the tests of the lint to spoil."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools.notebook_lint import from_node, lint

SETUP = "import sys  # the set-up cell of these tests"
IMPORTS = """\
import matplotlib.pyplot as plt
import numpy as np
from genex_helpers.notebook import check, quiz, say, start
from genex_helpers.plots import label_axes
"""
ALT = (
    "Two lines over five days, one for each group of subjects: "
    "the solid one rises on the second day, the dashed one stays flat."
)
TITLE = """\
# A chapter for these tests

After this chapter you know what a house rule is.

Reading 10 min · running 1 min · device: CPU · data: none · prerequisites: none
"""
AIMS = """\
## By the end you can

1. say what a rule is;
2. write a notebook that keeps it;
3. find the one that does not.

## Before you start

Read `n_genes` in the [first chapter](01_start.ipynb), e.g. on Monday.
"""
BODY = """\
## A question

<a id="o1"></a>Here $x = 0.5$ of `0.25` in 17 subjects, with a 95 % interval.
We normalise the colour of the centre, which Dr. Smith et al. found in 0.4 of cells ([2020](https://doi.org/10.1/a(b)c)).
<a id="o2"></a>A rule follows, in Python 3.11:

| a table | of words |
|---|---|
| One. Two. | Three. |

<a id="o3"></a>
$$
h_t = 0.9 h_{t-1}
$$
"""
END = """\
## What we learned

1. We [said](01_start.ipynb) <a href="#o1">what a rule is</a>.
2. We <a href="#o2">wrote a notebook</a>.
3. We <a href="#o3">found the other</a>.

## Further reading

- A. Author. Tumor behavior. A journal, 2020.

## References

- B. Author. Analyzing color. [10.1000/xyz](https://doi.org/10.1000/xyz)
"""
HINT = "<details><summary>Hint</summary>\n\nThink of **one** cell.\n\n</details>"


def exercise(number: int) -> list[Any]:
    """The cells of one exercise."""
    name = f"03.{number}"
    solution = f'# @title Solution\nanswer = {number}\ncheck("{name}", answer)'
    tags = ["solution", "hide-cell"]
    return [
        new_markdown_cell(
            f"### Exercise 3.{number} (level {number}, objective {number}): a title"
        ),
        new_code_cell("answer = None", metadata={"tags": ["exercise"]}),
        new_code_cell(f'check("{name}", answer)', metadata={"tags": ["check"]}),
        new_markdown_cell(HINT),
        new_code_cell(solution, metadata={"tags": tags, "cellView": "form"}),
    ]


def clean_node() -> Any:
    """A chapter that breaks no rule."""
    parameters = 'device = "auto"\nfast = False\nseed = 0'
    figure = 'fig, ax = plt.subplots()\nax.plot([1, 2])\nlabel_axes(ax, "day", "level")'
    compared = new_code_cell(
        "def double(x):\n    return 2 * x\n\ndouble(2)",
        metadata={"tags": ["nbval-check-output", "keep_output"]},
        execution_count=5,
        outputs=[new_output("execute_result", {"text/plain": "4"}, execution_count=5)],
    )
    cells = [
        new_markdown_cell(TITLE),
        new_markdown_cell(AIMS),
        new_code_cell(SETUP, metadata={"tags": ["setup", "hide-cell"]}),
        new_code_cell(parameters, metadata={"tags": ["parameters"]}),
        new_code_cell(IMPORTS, metadata={"tags": ["imports"]}),
        new_markdown_cell(BODY),
        new_code_cell("run = start(device=device, fast=fast, seed=seed)"),
        compared,
        new_markdown_cell("What do we see?"),
        new_code_cell(figure, metadata={"mystnb": {"image": {"alt": ALT}}}),
        new_code_cell('say(f"The mean is {np.mean([1, 2]):.1%}, as expected.")'),
        new_markdown_cell("## What goes wrong\n\nNothing here."),
        new_markdown_cell("## Exercises\n\nOne for each level."),
        *(cell for number in (1, 2, 3) for cell in exercise(number)),
        new_markdown_cell("## Quiz"),
        new_code_cell('quiz("03")'),
        new_markdown_cell(END),
    ]
    return new_notebook(cells=cells)


def question(number: int, chapter: str = "03") -> dict[str, Any]:
    """One question of the quiz."""
    options = [
        {"text": "yes", "right": True, "because": "It is."},
        {"text": "no", "right": False, "because": "It is not."},
    ]
    return {
        "id": f"{chapter}.q{number}",
        "chapter": chapter,
        "objective": number,
        "question": "Is it so?",
        "options": options,
    }


class Draft:
    """A clean chapter that an offence spoils."""

    def __init__(self) -> None:
        self.node = clean_node()
        self.quizzes = [question(n) for n in (1, 2, 3)]
        self.siblings: list[Any] = []

    def tagged(self, tag: str, place: int = 0) -> Any:
        """One of the cells with a tag."""
        cells = self.node.cells
        return [c for c in cells if tag in c.metadata.get("tags", [])][place]

    def code(self, source: str, **metadata: Any) -> None:
        """Add a code cell after the body, with prose on either side."""
        cells = [new_markdown_cell("A line:"), new_code_cell(source, metadata=metadata)]
        self.node.cells[11:11] = cells

    def text(self, source: str) -> None:
        """Add a Markdown cell to the body."""
        self.node.cells.insert(11, new_markdown_cell(source))

    def swap(self, old: str, new: str) -> None:
        """Replace a text wherever it stands."""
        before = [cell.source for cell in self.node.cells]
        for cell in self.node.cells:
            cell.source = cell.source.replace(old, new)
        assert before != [cell.source for cell in self.node.cells], old

    def figure(self, source: str, alt: str = ALT) -> None:
        """Add a cell that draws."""
        self.code(source, mystnb={"image": {"alt": alt}})

    def sibling(self, source: str) -> None:
        """Put an earlier chapter with one code cell beside this one."""
        node = new_notebook(cells=[new_code_cell(source)])
        self.siblings.append(from_node("notebooks/02_before.ipynb", node))

    def found(self) -> list[Any]:
        """What the lint says of it."""
        book = from_node("notebooks/03_rules.ipynb", self.node, self.quizzes)
        return list(lint(replace(book, siblings=tuple(self.siblings))))
