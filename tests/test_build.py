"""The build shuts on every defect: a small book is built with each of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml
from conftest import ROOT, write_notebook
from nbformat.v4 import new_code_cell, new_markdown_cell

from tools import build_book, check_pages, run_notebooks
from tools.notebook_key import load_record, save_executed

CONFIG = """
title: A small book
author: Nobody
only_build_toc_files: true
execute: {execute_notebooks: "off"}
parse: {myst_enable_extensions: [dollarmath]}
sphinx:
  local_extensions: {book_tweaks: tools}
  config: {nb_render_markdown_format: myst, html_context: {default_mode: auto}}
"""
TOC = """
format: jb-book
root: book/index
chapters:
  - file: notebooks/01_small
"""
INDEX = "# Start\n\nA formula, $x^2$, and [the chapter](../notebooks/01_small.ipynb).\n"
ALT = (
    "A line over three time points that rises from one to three, "
    "with time in hours on the horizontal axis"
)
BUTTONS = ("use_repository_button", "use_issues_button")
FIGURE = 'import matplotlib.pyplot as plt\nplt.plot([1, 2, 3])\nplt.xlabel("time (h)");'


def chapter_cells() -> list[Any]:
    """The cells of a chapter without a fault."""
    text = '<a href="#o1">down</a>, <a id="o1"></a> and [back](../book/index.md)'
    figure = new_code_cell(FIGURE, metadata={"mystnb": {"image": {"alt": ALT}}})
    return [new_markdown_cell(text), 'print("printed", 6 * 7)', figure]


@pytest.fixture(scope="session")
def executed_book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small book without a fault, its notebook executed."""
    root = tmp_path_factory.mktemp("book")
    for folder in ("book", "tools"):
        (root / folder).mkdir()
    (root / "_config.yml").write_text(CONFIG)
    (root / "_toc.yml").write_text(TOC)
    (root / "book/index.md").write_text(INDEX)
    shutil.copy(ROOT / "tools/book_tweaks.py", root / "tools")
    write_notebook(root / "notebooks/01_small.ipynb", *chapter_cells())
    assert run_notebooks.main(["--root", str(root)]) == 0
    return root


@pytest.fixture
def book(executed_book: Path, tmp_path: Path) -> Path:
    """A copy of the small book, to damage."""
    return Path(shutil.copytree(executed_book, tmp_path / "book"))


def refused(book: Path) -> str:
    """Build a book that must not be built; return the reasons, check what is left."""
    (book / "_build/html").mkdir(exist_ok=True)
    (book / "_build/html/index.html").write_text("an older book")
    with pytest.raises(build_book.BuildError) as caught:
        build_book.build(book)
    assert not (book / "_build/html").exists(), "an older book passes for this one"
    return str(caught.value)


def execute_again(book: Path, *cells: Any) -> int:
    """Replace the cells of the small book's notebook and run it."""
    write_notebook(book / "notebooks/01_small.ipynb", *cells)
    return run_notebooks.main(["--root", str(book)])


def test_book_without_a_fault_is_built(book: Path) -> None:
    html = build_book.build(book)
    assert html == book / "_build/html"
    assert "book/index.html" in (html / "index.html").read_text()
    page = (html / "notebooks/01_small.html").read_text()
    assert "printed 42" in page and ALT in page and "thebe" not in page.lower()
    assert "unpkg" not in page and "cdn" not in page
    script = check_pages.read_pages(html)[html / "book/index.html"].find(
        "script", src=lambda src: src is not None and "mathjax/tex-chtml.js" in src
    )
    assert script is not None
    assert (html / "_static/mathjax/tex-chtml.js").is_file()
    assert not (book / "_build/new").exists()
    # and once more over the book that is there now
    assert build_book.build(book) == html


def test_empty_corner_of_a_table_is_no_header(book: Path) -> None:
    table = "import pandas as pd\npd.DataFrame({'a': [1]}, index=['b'])"
    assert (
        execute_again(book, table, new_markdown_cell("| | a |\n|-|-|\n| b | 1 |")) == 0
    )
    html = build_book.build(book)
    page = check_pages.read_pages(html)[html / "notebooks/01_small.html"]
    headers = [
        [th.get_text() for th in table.select("thead th")]
        for table in page.find_all("table")
    ]
    assert headers == [["a"], ["a"]]


def test_canary_with_a_failing_cell_stops_the_build(
    book: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute_again(book, *chapter_cells(), "1/0") == 1
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert "01_small.ipynb has not been run" in refused(book)


def test_canary_whose_error_was_executed_stops_the_build(book: Path) -> None:
    # as if another tool had executed it and gone on after the error
    executed = book / "_build/executed/01_small.ipynb"
    record = load_record(executed)
    assert record is not None
    notebook = nbformat.read(executed, as_version=4)
    error = {"output_type": "error", "ename": "ZeroDivisionError", "evalue": "oh"}
    cell = new_code_cell(
        "1/0", outputs=[nbformat.from_dict({**error, "traceback": []})]
    )
    notebook.cells.append(cell)
    save_executed(executed, nbformat.writes(notebook).encode(), record)
    assert "raised ZeroDivisionError: oh" in refused(book)


def test_notebook_outside_the_contents(book: Path) -> None:
    shutil.copy(book / "notebooks/01_small.ipynb", book / "notebooks/02_lost.ipynb")
    assert "notebooks/02_lost is not in _toc.yml" in refused(book)


def test_page_outside_the_contents(book: Path) -> None:
    (book / "book/lost.md").write_text("# Lost\n")
    assert "book/lost is not in _toc.yml" in refused(book)


def test_contents_without_their_file(book: Path) -> None:
    more = "  - file: notebooks/02_planned\n  - file: notebooks/01_small\n"
    (book / "_toc.yml").write_text(TOC + more)
    reasons = refused(book)
    assert "_toc.yml lists notebooks/02_planned: no such file" in reasons
    assert "_toc.yml lists notebooks/01_small more than once" in reasons


def test_no_notebooks(book: Path) -> None:
    (book / "notebooks/01_small.ipynb").unlink()
    assert "there is no notebook" in refused(book)


def test_notebook_changed_after_it_was_run(book: Path) -> None:
    write_notebook(book / "notebooks/01_small.ipynb", "2 + 2")
    assert "01_small.ipynb changed since it was run" in refused(book)


def test_edited_output(book: Path) -> None:
    executed = book / "_build/executed/01_small.ipynb"
    executed.write_text(executed.read_text().replace("printed 42", "printed 43"))
    assert "01_small.ipynb has not been run" in refused(book)


@pytest.mark.parametrize(
    "text",
    [
        "```{no-such-directive}\n```\n",
        "[nowhere](nowhere.md)\n",
        "[no such place](#no-such-place)\n",
        "{doc}`nowhere`\n",
        "### A level is missing\n",
    ],
)
def test_sphinx_warning(book: Path, text: str) -> None:
    (book / "book/index.md").write_text(f"{INDEX}\n{text}")
    assert "Sphinx warned" in refused(book)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('<a href="#o9">nine</a>', "broken link: #o9 has no such anchor"),
        ('<a href="nine.html">nine</a>', "broken link: nine.html"),
        ('<a href="../notebooks/01_small.html#o9">9</a>', "has no such anchor"),
        ('<img src="https://a.org/b.png" alt="b">', "loads https://a.org/b.png"),
        ('<script src="//a.org/b.js"></script>', "loads //a.org/b.js"),
        ("<style>@import 'https://a.org/b.css'</style>", "https://a.org/b.css"),
        ('<img src="../_static/file.png">', "no alternative text"),
    ],
)
def test_faults_that_sphinx_does_not_see(book: Path, text: str, reason: str) -> None:
    (book / "book/index.md").write_text(f"{INDEX}\n<div>{text}</div>\n")
    assert reason in refused(book)


def test_outside_links_may_be_followed_but_not_loaded(book: Path) -> None:
    text = '<a href="https://a.org/b">b</a> [c](https://a.org/c) <mailto:a@b.org>'
    (book / "book/index.md").write_text(f"{INDEX}\n{text}\n")
    build_book.build(book)


@pytest.mark.parametrize("alt", ["", "A line", " ".join(["word"] * 14)])
def test_figure_without_a_description(book: Path, alt: str) -> None:
    metadata = {"mystnb": {"image": {"alt": alt}}} if alt else {}
    assert execute_again(book, new_code_cell(FIGURE, metadata=metadata)) == 0
    assert "for the figure" in refused(book)


def test_printed_traceback(book: Path) -> None:
    code = "import sys, traceback\ntry:\n    1/0\nexcept ZeroDivisionError:\n"
    code += "    traceback.print_exc(file=sys.stdout)"
    assert execute_again(book, code) == 0
    assert "cell 3 printed a traceback" in refused(book)


def _without(selector: str) -> Callable[[Path], None]:
    def damage(html: Path) -> None:
        path = html / "notebooks/01_small.html"
        page = check_pages.read_pages(html)[path]
        page.select(selector)[0].decompose()
        path.write_text(str(page))

    return damage


def _delete_page(html: Path) -> None:
    (html / "notebooks/01_small.html").unlink()


def _older_output(html: Path) -> None:
    path = html / "notebooks/01_small.html"
    path.write_text(path.read_text().replace("printed 42", "printed 41"))


def _heavy_image(html: Path) -> None:
    for image in (html / "_images").iterdir():
        image.write_bytes(b"0" * 3_000_000)


def _without_mathjax(html: Path) -> None:
    shutil.rmtree(html / "_static/mathjax")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (_without(".cell_output"), "2 cells have outputs, but the page shows 1"),
        (_without(".cell_output img"), "cell 5 shows 0 of its 1 images"),
        (_without(".cell_output pre"), "cell 4 does not show what it printed"),
        (_older_output, "cell 4 does not show what it printed"),
        (_delete_page, "01_small.ipynb has no page"),
        (_heavy_image, "notebooks/01_small.html weighs 3.0 MB"),
        (_without_mathjax, "has formulas, but the book holds no MathJax"),
    ],
)
def test_page_that_is_not_what_was_executed(
    book: Path,
    monkeypatch: pytest.MonkeyPatch,
    damage: Callable[[Path], None],
    reason: str,
) -> None:
    build = build_book.run_sphinx

    def build_and_damage(place: Path, output: Path) -> Path:
        html = build(place, output)
        damage(html)
        return html

    monkeypatch.setattr(build_book, "run_sphinx", build_and_damage)
    assert reason in refused(book)


def test_placeholder_address_shows_no_buttons(tmp_path: Path) -> None:
    text = (ROOT / "_config.yml").read_text("utf-8")
    address = yaml.safe_load(text)["repository"]["url"]
    for url in (build_book.PLACEHOLDER, "https://github.com/someone/book"):
        (tmp_path / "_config.yml").write_text(text.replace(address, url))
        config = yaml.safe_load(build_book.staged_config(tmp_path))
        buttons = [config.get("launch_buttons"), *map(config["html"].get, BUTTONS)]
        assert any(buttons) == (url != build_book.PLACEHOLDER)


def test_fast_book_says_so(book: Path) -> None:
    assert "announcement" not in build_book.staged_config(book)
    assert run_notebooks.main(["--root", str(book), "--fast"]) == 0
    html = build_book.build(book)
    assert build_book.FAST_NOTE in (html / "book/index.html").read_text()


def test_built_book_prints_no_warnings(built_book: Path) -> None:
    spoken = []
    for path in sorted((ROOT / "_build/executed").glob("*.ipynb")):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        for number, cell in enumerate(cells, start=1):
            for output in cell.get("outputs", []):
                if output.get("name") == "stderr":
                    spoken.append(f"{path.name} cell {number}: {output['text']}")
    assert not spoken
