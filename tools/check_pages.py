"""Check the built pages: outputs, links, alternative texts, weight, no outside files.

    python tools/check_pages.py [HTML_FOLDER EXECUTED_FOLDER]

Prints each problem on a line; the exit status is 1 if there is one.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import nbformat
from bs4 import BeautifulSoup, Tag

ROOT = Path(__file__).resolve().parents[1]
PAGE_BUDGET = 3e6  # bytes of a page and its images: a rule of the book
ALT_WORDS = 15  # at least, for a figure that code has drawn
NOT_SHOWN = {"remove-cell", "remove-output", "remove_cell", "remove_output"}
TRACEBACK = "Traceback (most recent call last)"
ANSI = re.compile(r"\x1b\[[0-9;]*m")
OUTSIDE = re.compile(r"^(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
CSS_OUTSIDE = re.compile(r"""(?:url\(|@import)\s*["']?((?:https?:)?//[^"')\s]+)""")
# What a browser fetches by itself when it opens a page.
LOADED_RELS = {
    "dns-prefetch",
    "icon",
    "modulepreload",
    "preconnect",
    "prefetch",
    "preload",
    "stylesheet",
}


def read_pages(html: Path) -> dict[Path, BeautifulSoup]:
    """Parse every page of the book; files that are only copied are not pages."""
    return {
        path: BeautifulSoup(path.read_text("utf-8"), "html.parser")
        for path in sorted(html.rglob("*.html"))
        if not {"_static", "_sources"} & set(path.relative_to(html).parts)
    }


def text_of(node: Tag | str) -> str:
    """Return text without its white space and colours, for comparing."""
    text = node if isinstance(node, str) else node.get_text()
    return "".join(ANSI.sub("", text).split())


def has_image(output: Any) -> bool:
    """Say whether the page shows the output as an image (HTML would come first)."""
    kinds = output.get("data", {})
    return "text/html" not in kinds and any(k.startswith("image/") for k in kinds)


def shown_cells(notebook: Any) -> list[tuple[int, Any]]:
    """Return the code cells with an output on the page.

    They are numbered as in the source, which has no cell of injected parameters.
    """
    tagged = [(cell, set(cell.metadata.get("tags", []))) for cell in notebook.cells]
    own = [(cell, tags) for cell, tags in tagged if "injected-parameters" not in tags]
    return [
        (number, cell)
        for number, (cell, tags) in enumerate(own, start=1)
        if cell.cell_type == "code" and cell.outputs and not NOT_SHOWN & tags
    ]


def check_cell(cell: Any, block: Tag) -> Iterator[str]:
    """Yield what is wrong with the outputs of one cell on its page."""
    images = sum(has_image(output) for output in cell.outputs)
    drawn = len(block.find_all(["img", "object"]))
    if drawn < images:
        yield f"shows {drawn} of its {images} images"
    seen = text_of(block)
    for output in cell.outputs:
        if output.output_type == "error":
            yield f"raised {output.ename}: {output.evalue}"
        elif output.output_type == "stream" and text_of(output.text) not in seen:
            yield "does not show what it printed"
        if TRACEBACK in str(output.get("text", "")):
            yield "printed a traceback"


def check_outputs(source: Path, page: BeautifulSoup) -> Iterator[str]:
    """Yield what the page lacks of the outputs of its executed notebook."""
    cells = shown_cells(nbformat.read(source, as_version=4))
    blocks = page.select("div.cell div.cell_output")
    if len(blocks) != len(cells):
        yield f"{len(cells)} cells have outputs, but the page shows {len(blocks)}"
        return
    for (number, cell), block in zip(cells, blocks, strict=True):
        for problem in check_cell(cell, block):
            yield f"cell {number} {problem}"


def references(page: BeautifulSoup) -> Iterator[tuple[Tag, str]]:
    """Yield every element that names a file or a link, with the address."""
    for tag in page.find_all(True):
        for attribute in ("href", "src", "data", "poster"):
            value = tag.get(attribute)
            if isinstance(value, str) and value:
                yield tag, value
        for part in str(tag.get("srcset") or "").split(","):
            if part.strip():
                yield tag, part.split()[0]
        if tag.name == "meta" and str(tag.get("http-equiv")).lower() == "refresh":
            yield tag, str(tag.get("content")).partition("url=")[2].strip()


def is_loaded(tag: Tag) -> bool:
    """Say whether a browser fetches the reference without being asked."""
    if tag.name == "link":
        return bool(LOADED_RELS & {str(rel) for rel in tag.get("rel") or []})
    return tag.name not in ("a", "area")


def check_references(
    path: Path, pages: dict[Path, BeautifulSoup], html: Path
) -> Iterator[str]:
    """Yield broken internal links, and files that a page fetches from outside."""
    for tag, address in references(pages[path]):
        parts = urlsplit(address)
        if OUTSIDE.match(address):
            if is_loaded(tag):
                yield f"<{tag.name}> loads {address} from outside the book"
            continue
        if parts.scheme:  # mailto:, data:
            continue
        target = path
        if parts.path:
            base = html if parts.path.startswith("/") else path.parent
            target = (base / unquote(parts.path).lstrip("/")).resolve()
        anchor = unquote(parts.fragment)
        if not target.is_file():
            yield f"broken link: {address}"
        elif anchor and target in pages and not has_anchor(pages[target], anchor):
            yield f"broken link: {address} has no such anchor"
    for block in pages[path].find_all("style"):
        for address in CSS_OUTSIDE.findall(block.get_text()):
            yield f"<style> loads {address} from outside the book"


def has_anchor(page: BeautifulSoup, name: str) -> bool:
    """Say whether a page has the place that a link's ``#name`` means."""
    return bool(page.find(id=name) or page.find("a", attrs={"name": name}))


def check_alt(page: BeautifulSoup) -> Iterator[str]:
    """Yield images without an alternative text that says what they show."""
    for image in page.select("article img"):
        alt, name = str(image.get("alt") or ""), str(image.get("src")).rsplit("/")[-1]
        if image.find_parent("div", class_="cell_output"):
            if len(alt.split()) < ALT_WORDS:
                yield (
                    f"alternative text of {len(alt.split())} words for the figure "
                    f"{name}, expected {ALT_WORDS} or more: {alt!r}"
                )
        elif not alt or alt.endswith(name):
            yield f"no alternative text for the image {name}"


def weight(path: Path, page: BeautifulSoup) -> int:
    """Return the bytes of a page and of the images that it alone shows."""
    total = path.stat().st_size
    for name in {str(image.get("src")) for image in page.find_all("img")}:
        image = path.parent / unquote(urlsplit(name).path)
        total += image.stat().st_size if image.is_file() else 0
    return total


def check(html: Path, executed: Path) -> list[str]:
    """Return all problems of the book in ``html``, each naming its page.

    Args:
        html: the folder with ``index.html``.
        executed: the folder with the executed notebooks that the pages came from.
    """
    html = html.resolve()
    pages = read_pages(html)
    problems = [] if html / "index.html" in pages else ["the book has no index.html"]
    for source in sorted(executed.glob("*.ipynb")):
        path = html / "notebooks" / f"{source.stem}.html"
        if path not in pages:
            problems.append(f"{source.name} has no page")
            continue
        found = check_outputs(source, pages[path])
        problems += [f"{path.name}: {problem}" for problem in found]
    for path, page in pages.items():
        name = path.relative_to(html).as_posix()
        problems += [f"{name}: {p}" for p in check_references(path, pages, html)]
        problems += [f"{name}: {p}" for p in check_alt(page)]
        if weight(path, page) > PAGE_BUDGET:
            size = f"{weight(path, page) / 1e6:.1f} MB, more than"
            problems.append(f"{name} weighs {size} {PAGE_BUDGET / 1e6:.0f} MB")
        if page.select(".math") and not (html / "_static/mathjax").is_dir():
            problems.append(f"{name} has formulas, but the book holds no MathJax")
    for sheet in sorted(html.rglob("*.css")):
        name = sheet.relative_to(html).as_posix()
        for address in CSS_OUTSIDE.findall(sheet.read_text("utf-8")):
            problems.append(f"{name} loads {address} from outside the book")
    return problems


def main() -> int:
    build = ROOT / "_build"
    places = [Path(name) for name in sys.argv[1:]] or [
        build / "html",
        build / "executed",
    ]
    problems = check(*places)
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems in {places[0]}")
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
