"""The prose of a notebook, line by line, without code, mathematics and addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from .model import Cell, Notebook, argument, called, literal

# In this order: what is taken out first hides what is inside it.
_TAKEN_OUT: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"^[ >]*(```+|~~~+)[\s\S]*?^[ >]*\1\s*$", re.MULTILINE), ""),
    (re.compile(r"<!--[\s\S]*?-->"), ""),
    (re.compile(r"\$\$[\s\S]*?\$\$"), "maths"),
    (re.compile(r"\\begin\{(\w+\*?)\}[\s\S]*?\\end\{\1\}"), "maths"),
    (re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)"), "code"),
    (re.compile(r"(?<![\\$])\$(?=\S)[^$\n]*?(?<=\S)\$(?!\d)"), "maths"),
    (re.compile(r"(?<=\])\((?:[^()\n]|\([^()\n]*\))*\)"), ""),
    (re.compile(r"<?https?://[^\s>)]+>?"), "link"),
    (re.compile(r"</?[A-Za-z][^<>]*>"), ""),
    (re.compile(r"[\[\]]"), ""),
)


@dataclass(frozen=True)
class Line:
    """One source line of prose.

    ``raw`` is the line as typed, ``text`` what a reader takes for words; ``section`` is
    the second-level heading above it; ``kind`` is markdown, alt, code or quiz.
    """

    where: Cell | str
    raw: str
    text: str
    section: str = ""
    kind: str = "markdown"

    @property
    def cites(self) -> bool:
        """Whether the line links to the source of what it says."""
        return "doi.org/" in self.raw

    @property
    def heading(self) -> bool:
        """Whether the line is a heading."""
        return self.raw.lstrip().startswith("#")


def clean(source: str) -> str:
    """Blank out all that is not prose; line breaks stay where they are."""
    for pattern, word in _TAKEN_OUT:
        source = pattern.sub(partial(_same_lines, word), source)
    return source


def _same_lines(word: str, match: re.Match[str]) -> str:
    return word + "\n" * match[0].count("\n")


def markdown_lines(notebook: Notebook) -> Iterator[Line]:
    """Yield the lines of the Markdown cells."""
    section = ""
    for cell in notebook.markdown:
        words = clean(cell.source).split("\n")
        for raw, text in zip(cell.source.split("\n"), words, strict=True):
            if raw.startswith("## "):
                section = raw[3:].strip()
            yield Line(cell, raw, text, section)


def alt_text(cell: Cell) -> Any:
    """Return the description of a cell's figure, or ``None``."""
    return cell.metadata.get("mystnb", {}).get("image", {}).get("alt")


def alt_lines(notebook: Notebook) -> Iterator[Line]:
    """Yield the descriptions of figures."""
    for cell in notebook.code:
        alt = alt_text(cell)
        if isinstance(alt, str):
            yield Line(cell, alt, alt, kind="alt")


def shown_lines(notebook: Notebook) -> Iterator[Line]:
    """Yield the typed words of sentences that code shows as Markdown."""
    for cell in notebook.code:
        for call in cell.calls():
            typed = ""
            if called(call) in ("say", "Markdown"):
                typed = literal(argument(call, 0, "text"))
            elif called(call) == "claim":
                typed = literal(argument(call, 1, "statement"))
            pairs = zip(typed.split("\n"), clean(typed).split("\n"), strict=True)
            yield from (Line(cell, raw, text, kind="code") for raw, text in pairs)


def quiz_lines(notebook: Notebook) -> Iterator[Line]:
    """Yield the words of the chapter's quiz."""
    for item in notebook.quizzes:
        if item.get("chapter") != notebook.chapter:
            continue
        options = item.get("options", [])
        words = [item.get("question", "")]
        words += [str(o.get(key, "")) for o in options for key in ("text", "because")]
        for raw in words:
            yield Line(f"quiz {item.get('id')}", raw, clean(raw), kind="quiz")


def prose(notebook: Notebook) -> Iterator[Line]:
    """Yield every line that a reader reads as words."""
    yield from markdown_lines(notebook)
    yield from alt_lines(notebook)
    yield from shown_lines(notebook)
    yield from quiz_lines(notebook)
