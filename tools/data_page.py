"""Write the book's page of data cards from the cards themselves.

    python tools/data_page.py

The page stands in git, so that links to it work on GitHub too; a test compares it with
the cards.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

from genex_helpers.datasets import load_card, registry
from genex_helpers.paths import data_dir

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.notebook_key import write_whole

PAGE = Path(__file__).resolve().parents[1] / "book" / "data_sets.md"

INTRODUCTION = """\
# The data, and what is wrong with them

Every number in this book that is called real comes from one of the files below.
They are small, they travel with the helper package, and each can be made again from
a package of Debian or of the Python Package Index with one command,
`make rebuild-data`.
`make check-data` makes them afresh and compares the content with what we ship.

Each data set has a card: where it comes from, who may use it, what was cut, and
what is wrong with it.
Read the last part first.
A model that finds a defect will look like a model that works.
"""


def data_page() -> str:
    """Return the page as MyST Markdown: a table, then a section for each card."""
    cards = [load_card(name) for name in _order()]
    parts = [INTRODUCTION, _overview(cards), *map(_section, cards)]
    return "\n".join(parts)


def _order() -> list[str]:
    """Names of the cards, the largest data set first."""
    names = [path.stem for path in (data_dir() / "cards").glob("*.toml")]
    return sorted(names, key=lambda name: -math.prod(load_card(name)["shape"]))


def _overview(cards: list[dict[str, Any]]) -> str:
    rows = [
        "| Data set | Shape | Technology | Time | Licence |",
        "| --- | --- | --- | --- | --- |",
    ]
    for card in cards:
        link = f"[{card['title']}](#{_anchor(card)})"
        cells = [link, _shape(card), card["technology"], card["time_axis"]]
        rows.append("| " + " | ".join([*cells, card["licence"]]) + " |")
    note = (
        "Shapes are samples × genes; for multi-omics, patients × all that was measured."
    )
    return "\n".join([*rows, "", note, ""])


def _section(card: dict[str, Any]) -> str:
    facts = [
        ("Organism", card["organism"]),
        ("Technology", card["technology"]),
        ("Shape", _shape(card)),
        ("Units", card["units"]),
        ("Time", card["times"]),
        ("Labels", card["labels"]),
        ("Origin", card["origin"]),
        ("Paper", f"{card['paper']}. [doi:{card['doi']}]({_doi_link(card['doi'])})"),
        ("Cite as", card["citation"]),
        ("Licence", f"{card['licence']}. {card['licence_note']}"),
        ("Taken from", _source(card["package"])),
        ("File", f"`{card['file']}`, {_kilobytes(card['file'])} kB"),
    ]
    lines = [f"({_anchor(card)})=", f"## {card['title']}", "", card["summary"].strip()]
    lines += ["", "```python", _loading(card), "```", ""]
    lines += [f"- **{name}**: {text}" for name, text in facts if text != "none"]
    # Each sub-heading names its data set, so that no two of them are alike.
    of = f": {_inside_a_line(card['title'])}"
    lines += ["", f"### What was cut{of}", "", card["cut"].strip(), ""]
    lines += [f"### Known defects{of}", "", *(f"- {each}" for each in card["defects"])]
    if "people" in card:
        lines += ["", f"### The people behind the data{of}", "", card["people"].strip()]
    return "\n".join([*lines, ""])


def _anchor(card: dict[str, Any]) -> str:
    return "data-" + str(card["name"]).replace("_", "-")


def _inside_a_line(title: str) -> str:
    """Begin a title in lower case, unless its first word is an abbreviation."""
    return title if title[:2].isupper() else title[0].lower() + title[1:]


def _source(package: dict[str, str]) -> str:
    """Say where a file was taken from: an archive of PyPI, or a Debian package."""
    if "archive" in package:
        origin = f"`{package['archive']}` of the Python Package Index"
    else:
        origin = f"Debian package `{package['name']}` {package['version']}"
    return f"{origin}, file `{package['object']}`"


def _shape(card: dict[str, Any]) -> str:
    return " × ".join(str(size) for size in card["shape"])


def _doi_link(doi: str) -> str:
    return f"https://doi.org/{doi}"


def _kilobytes(file: str) -> int:
    return round(int(registry()[file]["bytes"]) / 1000)


def _loading(card: dict[str, Any]) -> str:
    if len(card["shape"]) == 1:
        return (
            "from genex_helpers.datasets import interferon_genes\n\n"
            "genes = interferon_genes()"
        )
    several = card["file"].endswith(".h5mu")
    function, result = ("load_multiomics", "mdata") if several else ("load", "adata")
    return (
        f"from genex_helpers.datasets import {function}\n\n"
        f'{result} = {function}("{card["name"]}")'
    )


def main() -> None:
    write_whole(PAGE, data_page().encode())
    print(f"{PAGE.name}: written from the data cards")


if __name__ == "__main__":
    main()
