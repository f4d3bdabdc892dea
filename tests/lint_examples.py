"""Ways to break each house rule."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from lint_chapter import ALT, HINT, IMPORTS, Draft, question
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

Offence = Callable[[Draft], Any]
LABELLED = 'fig, ax = plt.subplots()\nax.plot([1])\nlabel_axes(ax, "day", "level")\n'
EIGHT = "\n".join(f"{name} = double({n})" for n, name in enumerate("abcdefgh"))


def pop(draft: Draft, tag: str, place: int = 0) -> None:
    """Take a cell out."""
    draft.node.cells.remove(draft.tagged(tag, place))


def tag(draft: Draft, where: str, tags: list[str]) -> None:
    """Change a cell's tags."""
    draft.tagged(where).metadata["tags"] = tags


def move_solution(draft: Draft) -> None:
    """Show the solution before the hint."""
    cell = draft.tagged("solution")
    place = draft.node.cells.index(cell)
    draft.node.cells.remove(cell)
    draft.node.cells.insert(place - 1, cell)


def swap_cells(draft: Draft, one: str, two: str) -> None:
    """Let two cells change places."""
    cells = draft.node.cells
    a, b = cells.index(draft.tagged(one)), cells.index(draft.tagged(two))
    cells[a], cells[b] = cells[b], cells[a]


def exchange(draft: Draft, one: str, two: str) -> None:
    """Let two texts change places."""
    for old, new in ((one, "\0"), (two, one), ("\0", two)):
        draft.swap(old, new)


def untie(draft: Draft) -> None:
    """Let no question serve the third objective."""
    draft.quizzes[2]["objective"] = 1


OFFENCES: dict[str, list[Offence]] = {
    "outputs": [
        lambda d: d.tagged("check").outputs.append(new_output("stream", text="a")),
        lambda d: d.tagged("check").update(execution_count=7),
        lambda d: d.tagged("keep_output").update(outputs=[]),
        lambda d: d.tagged("keep_output").update(execution_count=None),
        lambda d: tag(d, "keep_output", ["keep_output"]),
        lambda d: tag(d, "keep_output", ["nbval-check-output"]),
    ],
    "tags": [
        lambda d: d.code("2 + 2", tags=["keep-output"]),
        lambda d: d.code("2 + 2", tags=["raises-exception"]),
    ],
    "python": [lambda d: d.code("for x in:\n    pass")],
    "cell-length": [
        lambda d: d.code("\n".join(f"a_{n} = {n}" for n in range(21))),
        lambda d: d.code("for n in range(3):" + "\n    run" * 35),
    ],
    "cell-width": [lambda d: d.code("a = 1  # " + "w" * 80)],
    "prose-between": [lambda d: d.node.cells.insert(7, new_code_cell("1 + 1"))],
    "defined-and-called": [
        lambda d: d.code("def unused():\n    return unused"),
        lambda d: d.code("class Unused:\n    x: int = 0"),
        lambda d: d.code(
            "class Unused: ...\n\ndef f(x: Unused) -> Unused:\n    return x\n\nf(1)"
        ),
    ],
    "defined-twice": [lambda d: d.sibling("def double(x): ...")],
    "copied-code": [
        lambda d: (d.sibling(EIGHT), d.code("# again\n" + EIGHT.replace("7", "9.5")))
    ],
    "figure-alt": [
        lambda d: d.code(LABELLED),
        lambda d: d.figure(LABELLED, "Too short."),
        lambda d: d.figure(LABELLED, "word " * 61),
        lambda d: d.figure(LABELLED, ALT + " It ends at 0.83."),
        lambda d: d.figure(LABELLED, ALT + " It ends at 83 %."),
        lambda d: d.code('diagram("cell", alt="A cell.")'),
        lambda d: d.code(
            "def draw(ax):\n    ax.plot([1])\n\ndraw(axis)\n"
            'label_axes(axis, "day", "level")'
        ),
    ],
    "figure-labels": [
        lambda d: d.figure("plt.plot([1])\nplt.ylabel('level')"),
        lambda d: d.figure("ax = np.array([1])\nax.scatter(1, 2, xlabel='day')"),
        lambda d: d.figure(LABELLED.replace('"day"', '"time"')),
        lambda d: d.figure("plt.hist([1])\nplt.xlabel('expression')\nplt.ylabel('')"),
    ],
    "figure-colours": [
        lambda d: d.figure(LABELLED + "ax.plot([1], color='red')"),
        lambda d: d.figure(LABELLED + "ax.imshow(x, cmap='jet')"),
    ],
    "typed-results": [
        lambda d: d.text("The accuracy is 0.87 here."),
        lambda d: d.text("It is right in 87 % of all cases."),
        lambda d: d.text("It is right in 87 per cent of all cases."),
        lambda d: d.text("| model | p |\n|---|---|\n| LSTM | 1e-3 |"),
        lambda d: d.code('say(f"The mean of {seed} is 3.5.")'),
    ],
    "british-spelling": [
        lambda d: d.text("The tumor grows."),
        lambda d: d.text("We normalize first."),
        lambda d: d.text("Color comes first."),
        lambda d: d.figure(LABELLED, ALT + " It is gray."),
        lambda d: d.code('say(f"We analyze {seed}.")'),
        lambda d: d.quizzes[0].update(question="Is it labeled?"),
    ],
    "no-hype": [
        lambda d: d.text("This powerful model learns."),
        lambda d: d.text("We delve into it."),
    ],
    "one-sentence-a-line": [
        lambda d: d.text("One sentence ends. Another begins."),
        lambda d: d.text('<a id="here"></a>One sentence ends. Another begins.'),
        lambda d: d.text("- Does it end? **It** does."),
        lambda d: d.text("A sentence that goes on\nover two lines."),
    ],
    "vocabulary": [
        lambda d: d.code("X_train = 1"),
        lambda d: d.code("f = lambda hidden_dim: hidden_dim"),
    ],
    "absolute-path": [
        lambda d: d.code('open("/home/me/data.csv")'),
        lambda d: d.text("Look into /tmp/data for it."),
        lambda d: d.code(r'open(r"C:\data")'),
        lambda d: d.tagged("keep_output").outputs.append(
            new_output("stream", text="/usr/lib/python")
        ),
    ],
    "network": [
        lambda d: d.code('url = "https://example.org/data"'),
        lambda d: d.code("urlopen(address)"),
        lambda d: d.tagged("imports").update(source=IMPORTS + "import requests"),
        lambda d: d.tagged("imports").update(source=IMPORTS + "import urllib.request"),
    ],
    "shell": [
        lambda d: d.code("!pip install this"),
        lambda d: d.code("%pip install this"),
        lambda d: d.code('os.system("ls")'),
        lambda d: d.tagged("imports").update(source=IMPORTS + "import subprocess"),
    ],
    "warnings": [
        lambda d: d.code('warnings.filterwarnings("ignore")'),
        lambda d: d.code('warnings.simplefilter(action="ignore")'),
    ],
    "bare-except": [
        lambda d: d.code("try:\n    run\nexcept:\n    run = 1"),
        lambda d: d.code("try:\n    run\nexcept Exception:\n    pass"),
    ],
    "seeds": [
        lambda d: d.code("torch.manual_seed(1)"),
        lambda d: d.code("np.random.seed(1)"),
        lambda d: d.code("rng = np.random.default_rng()"),
    ],
    "plain-markdown": [
        lambda d: d.text(":::note\nA note.\n:::"),
        lambda d: d.text("```{note}\nA note.\n```"),
        lambda d: d.text("See {cite}`smith`."),
        lambda d: d.text("(a-target)=\n\nA paragraph."),
        lambda d: d.text("$$ x $$ (equation)"),
        lambda d: d.text("> [!NOTE]\n> A note."),
        lambda d: d.text("<script>x</script>"),
        lambda d: d.code('glue("x", 1)'),
    ],
    "details": [
        lambda d: d.swap("</summary>\n\n", "</summary>\n"),
        lambda d: d.text("<details><summary>Why</summary>\n\nSo."),
        lambda d: d.text("<details>\n\nSo.\n\n</details>"),
    ],
    "in-page-links": [
        lambda d: d.text("See [above](#a-question)."),
        lambda d: d.text('See <a href="#nowhere">there</a>.'),
        lambda d: d.text('<a id="o1"></a>'),
    ],
    "first-cell": [
        lambda d: d.swap("# A chapter for", "A chapter for"),
        lambda d: d.swap("After this chapter you know what a house rule is.\n\n", ""),
        lambda d: d.swap("device: CPU · ", ""),
        lambda d: d.text("# A second title"),
        lambda d: d.node.cells.insert(0, new_markdown_cell("")),
    ],
    "frame-cells": [
        lambda d: pop(d, "setup"),
        lambda d: swap_cells(d, "parameters", "imports"),
        lambda d: d.node.cells.insert(3, copy.deepcopy(d.tagged("imports"))),
        lambda d: d.node.cells.insert(1, new_code_cell("1 + 1")),
    ],
    "setup-cell": [
        lambda d: d.tagged("setup").update(source="import os"),
        lambda d: tag(d, "setup", ["setup"]),
    ],
    "parameters-cell": [
        lambda d: d.swap("seed = 0", "seed = 1"),
        lambda d: d.swap("seed = 0", "seed = 0\nepochs = 3"),
    ],
    "import-cell": [
        lambda d: d.code("import scipy"),
        lambda d: tag(d, "imports", ["imports", "hide-input"]),
    ],
    "headings": [
        lambda d: d.swap("## What goes wrong", "## What goes well"),
        lambda d: d.text("## Further reading"),
        lambda d: exchange(d, "## Further reading", "## References"),
    ],
    "objectives": [lambda d: exchange(d, "2. write", "3. find")],
    "objectives-earned": [
        lambda d: (d.swap('<a id="o3"></a>', ""), d.swap(' href="#o3"', "")),
        lambda d: d.swap('<a href="#o3">found the other</a>', "found the other"),
    ],
    "exercise-heading": [
        lambda d: d.text("### Exercise four, and no more"),
        lambda d: (d.swap("3.3 (", "3.4 ("), d.swap("03.3", "03.4")),
    ],
    "exercise-levels": [lambda d: d.swap("(level 3", "(level 2")],
    "exercise-parts": [
        lambda d: pop(d, "exercise"),
        lambda d: pop(d, "check"),
        lambda d: pop(d, "solution", 2),
        lambda d: d.tagged("check").update(source="check(name, answer)"),
        lambda d: d.tagged("solution").update(source="# @title Solution\nanswer = 1"),
        lambda d: d.swap(HINT, "No hint."),
        move_solution,
    ],
    "solution-cell": [
        lambda d: d.tagged("solution").update(source='check("03.1", 1)'),
        lambda d: tag(d, "solution", ["solution"]),
        lambda d: d.tagged("solution").metadata.pop("cellView"),
    ],
    "objectives-practised": [
        untie,
        lambda d: d.swap("(level 3, objective 3)", "(level 3, objectives 1 and 2)"),
        lambda d: d.swap("(level 3, objective 3)", "(level 3, objectives 3 and 4)"),
    ],
    "quiz": [
        lambda d: d.quizzes.extend(
            {**question(n), "objective": 1} for n in (4, 5, 6)
        ),
        lambda d: d.quizzes[0]["options"][1].update(right=True),
        lambda d: d.quizzes[0]["options"][0].update(right=False),
        lambda d: d.quizzes[0]["options"][1].pop("because"),
        lambda d: d.quizzes[0].update(id="03.q9"),
        lambda d: d.quizzes[0].update(question=" "),
        lambda d: d.quizzes[0]["options"].pop(1),
    ],
    "quiz-cell": [
        lambda d: d.swap('quiz("03")', 'quiz("02")'),
        lambda d: d.swap('quiz("03")', "1 + 1"),
    ],
    "exemption": [
        lambda d: d.code("import this", lint={"allow": ["import-cell"]}),
        lambda d: d.code("run", lint={"allow": ["import-cell"], "because": "so"}),
        lambda d: d.code("run", lint={"allow": ["no-rule"], "because": "so"}),
    ],
}  # fmt: skip
