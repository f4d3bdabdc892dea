"""Rules about Markdown: it reads well in the book, in Colab and on GitHub."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .model import Finding, Notebook, called, rule

_PLAIN = (
    "it uses only Markdown that reads well in all three places: no directives, "
    "no roles, no `glue`"
)
_LINKS = 'in-page links are raw HTML (`<a href="#o1">`, `<a id="o1"></a>`)'

_CODE_OR_MATHS = re.compile(
    r"^[ >]*(```+|~~~+)(?!\{)[\s\S]*?^[ >]*\1\s*$"
    r"|\$\$[\s\S]*?\$\$(?!\s*\()|(?<!\$)\$(?!\$)[^$\n]+\$(?!\$)",
    re.MULTILINE,
)
_DIRECTIVES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"^[ >]*:::", re.M), "a directive (:::)"),
    (re.compile(r"^[ >]*(?:```+|~~~+)\{", re.M), "a directive (```{…})"),
    (re.compile(r"(?<!`)\{[\w:+-]+\}`[^`]+`"), "a role ({…}`…`)"),
    (re.compile(r"^\([\w-]+\)=\s*$", re.M), "a MyST target ((…)=)"),
    (re.compile(r"\$\$\s*\([\w:-]+\)\s*$", re.M), "a MyST equation label"),
    (re.compile(r"^ *> *\[!\w+\]", re.M), "a note that only GitHub knows ([!…])"),
    (re.compile(r"<script\b", re.I), "a script"),
)


def leftovers(source: str) -> list[str]:
    """Return what in a Markdown text only one of the three places understands."""
    text = _CODE_OR_MATHS.sub(" ", source)
    return [what for pattern, what in _DIRECTIVES if pattern.search(text)]


@rule("plain-markdown", _PLAIN)
def plain_markdown(notebook: Notebook) -> Iterator[Finding]:
    """Look for directives, roles, labels, scripts, and for ``glue`` in code."""
    for cell in notebook.markdown:
        for what in leftovers(cell.source):
            yield Finding(cell, f"has {what}")
    for cell in notebook.code:
        if any(called(call) == "glue" for call in cell.calls()):
            yield Finding(cell, "calls glue")


@rule("details", "hints and quiz answers are `<details>` (no scripts)")
def details(notebook: Notebook) -> Iterator[Finding]:
    """Each opens and closes; a blank line lets the Markdown inside it be Markdown."""
    for cell in notebook.markdown:
        text = cell.source
        if text.count("<details") != text.count("</details>"):
            yield Finding(cell, "has a <details> that does not close")
        if text.count("<details") != text.count("</summary>"):
            yield Finding(cell, "has a <details> without <summary>")
        for rest in text.split("</summary>")[1:]:
            if not re.match(r"[ \t]*\n[ \t]*\n", rest):
                yield Finding(cell, "needs a blank line after </summary>")


@rule("in-page-links", _LINKS)
def in_page_links(notebook: Notebook) -> Iterator[Finding]:
    """Links within the page are HTML, and lead to one anchor that exists."""
    anchors = [
        name
        for cell in notebook.markdown
        for name in re.findall(r"\bid=\"([^\"]+)\"", cell.source)
    ]
    for cell in notebook.markdown:
        if re.search(r"\]\(#", cell.source):
            yield Finding(cell, "links within the page by [...](#...)")
        for name in re.findall(r"href=\"#([^\"]+)\"", cell.source):
            if anchors.count(name) != 1:
                times = anchors.count(name)
                yield Finding(cell, f"links to #{name}, which stands {times} times")
