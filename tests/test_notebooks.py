"""The committed notebooks are as the tools leave them, and nbval can compare them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools import keep_outputs
from tools.notebook_lint import NOTEBOOKS, ROOT, from_node, lint, load_all
from tools.notebook_lint.rules_clean import ABSOLUTE_PATH
from tools.notebook_lint.rules_exercises import checks, exercises

EXECUTED = ROOT / "_build" / "executed"
PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))
each_notebook = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)

COMPARED = {"tags": ["nbval-check-output", "keep_output"]}
# What only MyST understands; math is taken out before.
LEFTOVER = re.compile(r":::|\{[\w:+-]+\}$|^\([\w-]+\)=$|\[!\w+\]|\{\{")


def read(path: Path) -> Any:
    """The notebook as nbformat reads it."""
    return nbformat.read(path, as_version=4)


def markdown(node: Any) -> Iterator[tuple[int, str]]:
    """The Markdown cells, with the number that a reader counts."""
    for number, cell in enumerate(node.cells, start=1):
        if cell.cell_type == "markdown":
            yield number, cell.source


def tokens(source: str) -> Iterator[Token]:
    """What a plain CommonMark parser makes of a text, without its mathematics."""
    plain = re.sub(r"\$\$[\s\S]*?\$\$|\$[^$\n]+\$", "maths", source)
    for token in MarkdownIt("commonmark").parse(plain):
        yield token
        yield from token.children or ()


def link_targets(source: str) -> set[str]:
    """Where the links and pictures of a text lead, in Markdown and in HTML."""
    found = {
        str(token.attrGet(name))
        for token in tokens(source)
        for name in ("href", "src")
        if token.attrGet(name)
    }
    html = (token.content for token in tokens(source) if token.type.startswith("html"))
    return found | set(re.findall(r"\b(?:href|src)=\"([^\"]+)\"", "\n".join(html)))


def broken_links(source: str, folder: Path) -> list[str]:
    """The relative links of a text that lead to no file."""
    targets = (t.split("#")[0] for t in link_targets(source) if "://" not in t)
    files = {t for t in targets if t and not t.startswith("mailto:")}
    return sorted(t for t in files if not (folder / t).exists())


def leftovers(source: str) -> list[str]:
    """What a plain parser shows to the reader as raw directive syntax."""
    shown = [t.content for t in tokens(source) if t.type == "text"]
    shown += [t.info for t in tokens(source) if t.type == "fence"]
    return [text for text in shown if LEFTOVER.search(text)]


def test_there_are_notebooks() -> None:
    """Else the tests below would pass by having nothing to do."""
    assert PATHS


@each_notebook
def test_it_is_valid(path: Path) -> None:
    """By nbformat's own schema, with an id for each cell."""
    node = read(path)
    nbformat.validate(node)
    assert (node.nbformat, node.nbformat_minor) >= (4, 5)


@each_notebook
def test_it_is_stripped(path: Path) -> None:
    """`make outputs` leaves nothing to change."""
    assert path.read_text(encoding="utf-8") == keep_outputs.kept(path, run=False)


@each_notebook
def test_it_has_compared_cells_that_ran(path: Path) -> None:
    """Nbval passes a tagged cell without an output: it would compare nothing."""
    compared = [cell for cell in read(path).cells if keep_outputs.is_compared(cell)]
    assert compared
    for cell in compared:
        assert cell.outputs and cell.execution_count, cell.source
        kinds = {output.output_type for output in cell.outputs}
        names = {output.get("name") for output in cell.outputs}
        assert "error" not in kinds and "stderr" not in names, cell.source


@each_notebook
def test_it_keeps_the_house_rules(path: Path) -> None:
    """Each finding quotes its rule."""
    (notebook,) = load_all([path])
    assert [str(finding) for finding in lint(notebook)] == []


@each_notebook
def test_its_markdown_is_plain(path: Path) -> None:
    """A CommonMark parser leaves no directive syntax on the page."""
    found = {number: leftovers(source) for number, source in markdown(read(path))}
    assert {number: texts for number, texts in found.items() if texts} == {}


@each_notebook
def test_its_links_lead_to_files(path: Path) -> None:
    """Seen from the folder of the notebooks."""
    node = read(path)
    found = {number: broken_links(text, path.parent) for number, text in markdown(node)}
    assert {number: links for number, links in found.items() if links} == {}


@pytest.mark.parametrize(
    "source",
    [
        ":::note\nText\n:::",
        "```{note}\nText\n```",
        "See {cite}`this`.",
        "(a-target)=\n\nText",
        "> [!NOTE]\n> Text",
        "A {{ value }}",
    ],
)
def test_leftover_syntax_is_seen(source: str) -> None:
    """Else the test of the notebooks would pass on anything."""
    assert leftovers(source)


def test_plain_markdown_has_no_leftovers() -> None:
    """Neither braces in mathematics nor in code are directives."""
    text = "A set $\\{x\\}$, a `{cite}` and\n\n```python\nx = {y}\n```\n\n$$h_{t}$$"
    assert leftovers(text) == []


def test_broken_links_are_seen(tmp_path: Path) -> None:
    """In Markdown, in pictures and in HTML; anchors and addresses are left alone."""
    (tmp_path / "here.md").touch()
    text = (
        "[a](here.md#part) [b](gone.md) ![c](gone.png) [d](https://a.org) [e](#f)\n"
        'and <a href="gone.html">g</a>, <a href="#h">i</a>, `[j](code.md)`.\n'
    )
    assert broken_links(text, tmp_path) == ["gone.html", "gone.md", "gone.png"]


# The executed copies, where the book was built ---------------------------------


def executed_copy(path: Path) -> Any:
    """The executed copy of a notebook; the test is skipped without a fresh one."""
    copy = EXECUTED / path.name
    if not copy.is_file():
        pytest.skip("the notebook has not been executed yet (make book)")
    node = read(copy)
    # papermill adds a cell with the parameters of the run
    node.cells = [
        cell
        for cell in node.cells
        if "injected-parameters" not in cell.metadata.get("tags", [])
    ]
    if [c.source for c in node.cells] != [c.source for c in read(path).cells]:
        pytest.skip("the executed copy is older than the notebook (make book)")
    return node


def statuses(node: Any, tag: str) -> dict[str, list[str]]:
    """What the cells with a tag say of each exercise: ``{"01.1": ["passed"]}``."""
    notebook = from_node("notebooks/executed.ipynb", node)
    found: dict[str, list[str]] = {}
    for exercise in exercises(notebook):
        for cell in exercise.cells:
            if tag in cell.tags and checks(cell, exercise.id):
                records = [out.get("metadata", {}) for out in cell.outputs]
                found[exercise.id] = [
                    record["exercise"]["status"]
                    for record in records
                    if record.get("exercise", {}).get("id") == exercise.id
                ]
    return found


@each_notebook
def test_stubs_are_unanswered_and_solutions_pass(path: Path) -> None:
    """As a learner finds them, in the copy that the book shows."""
    node = executed_copy(path)
    stubs, solutions = statuses(node, "check"), statuses(node, "solution")
    assert stubs and stubs.keys() == solutions.keys()
    assert stubs == {name: ["unanswered"] for name in stubs}
    assert solutions == {name: ["passed"] for name in solutions}


@each_notebook
def test_executed_outputs_are_clean(path: Path) -> None:
    """No error, and no path of the machine that ran it."""
    for number, cell in enumerate(executed_copy(path).cells, start=1):
        for output in cell.get("outputs", []):
            assert output.output_type != "error", f"cell {number}: {output.ename}"
            data = output.get("data", {})
            shown = [v for k, v in data.items() if not k.startswith("image/")]
            text = "\n".join(map(str, [output.get("text", ""), *shown]))
            assert not ABSOLUTE_PATH.findall(text), f"cell {number}"


def test_statuses_are_read_from_outputs() -> None:
    """A wrong solution or a check without a record cannot pass unseen."""
    record = {"exercise": {"id": "01.1", "status": "wrong"}}
    shown = new_output("display_data", {"text/markdown": "✗"}, metadata=record)
    call = 'check("01.1", None)'
    cells = [
        new_markdown_cell("### Exercise 1.1 (level 1, objective 1): a title"),
        new_code_cell(call, metadata={"tags": ["check"]}),
        new_code_cell(call, metadata={"tags": ["solution"]}, outputs=[shown]),
    ]
    node = new_notebook(cells=cells)
    assert statuses(node, "check") == {"01.1": []}
    assert statuses(node, "solution") == {"01.1": ["wrong"]}


# The tool that keeps outputs ---------------------------------------------------


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A notebook with every kind of thing that git should not see."""
    cells = [
        new_markdown_cell("# A title", metadata={"id": "abc"}),
        new_code_cell(
            "import os",
            execution_count=3,
            outputs=[new_output("stream", text="old")],
            metadata={"execution": {"iopub.execute_input": "2026"}, "collapsed": True},
        ),
        new_code_cell("for n in (2, 3):\n    print(n)\n2 + 2", metadata=COMPARED),
        new_code_cell("os.environ['GENEX_FAST'], os.getcwd()"),
        new_code_cell(
            "print(os.environ['GENEX_FAST'], os.path.isfile('a.ipynb'))",
            metadata=COMPARED,
        ),
    ]
    node = new_notebook(cells=cells)
    node.metadata.update(
        papermill={"duration": 1},
        widgets={},
        language_info={"name": "python", "version": "3.9.1"},
    )
    path = tmp_path / "a.ipynb"
    nbformat.write(node, path)
    return path


def nbval(path: Path) -> subprocess.CompletedProcess[str]:
    """Run nbval on a notebook as the book's tests do."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q"]
    command += ["--nbval-lax", "--nbval-sanitize-with", "tests/sanitize.cfg"]
    environment = {**os.environ, "GENEX_FAST": "1", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*command, str(path)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_only_compared_outputs_are_kept_and_nbval_compares_them(small: Path) -> None:
    """In fast mode, in the notebook's folder; a changed reference fails."""
    ids = [cell.id for cell in read(small).cells]
    assert keep_outputs.main([str(small)]) == 0
    node = read(small)
    assert [cell.id for cell in node.cells] == ids
    assert node.cells[1].outputs == node.cells[3].outputs == []
    assert node.cells[1].execution_count is None
    assert node.cells[2].outputs[0].text == "2\n3\n"
    assert node.cells[2].outputs[1].data["text/plain"] == "4"
    assert node.cells[2].execution_count == 2
    assert node.cells[4].outputs[0].text == "1 True\n"
    assert node.cells[0].metadata == node.cells[1].metadata == {}
    assert set(node.metadata) == {"kernelspec", "language_info"}
    assert "version" not in node.metadata.language_info

    first = small.read_bytes()
    assert keep_outputs.main([str(small)]) == 0
    assert keep_outputs.main(["--strip", str(small)]) == 0
    assert small.read_bytes() == first
    assert nbval(small).returncode == 0

    small.write_bytes(first.replace(b'"4"', b'"5"'))
    failed = nbval(small)
    assert failed.returncode == 1
    assert "Cell outputs differ" in failed.stdout


def test_stripping_runs_nothing(small: Path) -> None:
    """The compared cell has no output yet, and gets none."""
    assert keep_outputs.main(["--strip", str(small)]) == 0
    assert all(cell.get("outputs", []) == [] for cell in read(small).cells)


@pytest.mark.parametrize(
    ("source", "message"),
    [("1 / 0", "ZeroDivisionError"), ("silent = 1", "cell 6: tagged for comparison")],
)
def test_a_failing_notebook_stays_as_it_was(
    small: Path, capsys: pytest.CaptureFixture[str], source: str, message: str
) -> None:
    """Neither an error nor an empty output is written into it."""
    node = read(small)
    node.cells.append(new_code_cell(source, metadata=COMPARED))
    nbformat.write(node, small)
    before = small.read_bytes()
    assert keep_outputs.main([str(small)]) == 1
    assert message in capsys.readouterr().err
    assert small.read_bytes() == before
    assert list(small.parent.iterdir()) == [small]


def test_an_unknown_notebook_is_named() -> None:
    """The message says where it was looked for."""
    with pytest.raises(FileNotFoundError, match=r"'no_such'.*notebooks/"):
        keep_outputs.find("no_such")
