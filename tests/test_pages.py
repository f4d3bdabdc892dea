"""The pages without code, their references, and the drawings."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import pytest
import yaml

from genex_helpers.paths import data_dir
from genex_helpers.plots import PALETTE

ROOT = Path(__file__).resolve().parents[1]
BOOK = ROOT / "book"
PAGES = ("index", "how_to_use", "believe", "coverage", "glossary", "references")
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
DIAGRAMS = sorted((ROOT / "genex_helpers" / "diagrams").glob("*.svg"))
DRAWINGS = [*DIAGRAMS, *sorted((BOOK / "_static").glob("*.svg"))]

DOI = re.compile(r"10\.\d{4,9}/[-._;()/:a-zA-Z0-9]+[a-zA-Z0-9]")
LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
PLACEHOLDER = re.compile(
    r"coming soon|\bTODO\b|\bTBD\b|\bFIXME\b|lorem ipsum|to be written"
    r"|work in progress|under construction",
    re.IGNORECASE,
)
SVG = "{http://www.w3.org/2000/svg}"
GROUNDS = ("#ffffff", "#14181e")


def page(name: str) -> str:
    return (BOOK / f"{name}.md").read_text(encoding="utf-8")


def markdown(path: Path) -> str:
    """Return the Markdown of a page or a notebook, without fenced code."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        text = "\n\n".join(
            "".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"
        )
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def sources() -> list[Path]:
    return [*sorted(BOOK.rglob("*.md")), *NOTEBOOKS]


def headings(path: Path) -> dict[str, str]:
    """Return anchor → heading, with the anchors that GitHub and MyST both make."""
    found = re.findall(r"^#{1,3} +(.+?) *$", markdown(path), flags=re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-"): heading
        for heading in found
    }


def links(path: Path) -> list[tuple[str, str]]:
    return [(label, target) for label, target in LINK.findall(markdown(path))]


# Pages


@pytest.mark.parametrize("name", PAGES)
def test_page_is_in_the_contents(name: str) -> None:
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    listed = re.findall(r"'(?:root|file)': '([^']+)'", repr(toc))
    assert f"book/{name}" in {entry.removesuffix(".md") for entry in listed}
    assert page(name).startswith("# ")


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.name)
def test_nothing_is_promised(path: Path) -> None:
    found = PLACEHOLDER.search(markdown(path))
    assert found is None, f"{path.name} says {found.group()!r}"


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.name)
def test_links_inside_the_book_lead_somewhere(path: Path) -> None:
    for label, target in links(path):
        if re.match(r"[a-z]+:|#", target):
            continue
        file, _, anchor = target.partition("#")
        goal = (path.parent / file).resolve()
        assert goal.is_file(), f"[{label}] leads to {file}, which does not exist"
        if anchor:
            assert anchor in headings(goal), f"[{label}]: no #{anchor} in {file}"


@pytest.mark.parametrize("name", PAGES)
def test_pictures_are_described(name: str) -> None:
    pictures = re.findall(r"^```\{(?:image|figure)\}.*?^```", page(name), re.M | re.S)
    for picture in pictures:
        alt = re.search(r"^:alt: (.+)$", picture, re.MULTILINE)
        assert alt, f"no alt text in {picture.splitlines()[0]}"
        assert 15 <= len(alt.group(1).split()) <= 60


# Glossary


def test_glossary_terms_are_sorted_and_unique() -> None:
    terms = re.findall(r"^## (.+)$", page("glossary"), re.MULTILINE)
    assert len(terms) >= 45
    assert terms == sorted(terms, key=str.casefold)
    assert len(headings(BOOK / "glossary.md")) == len(terms) + 1


def test_every_term_is_explained() -> None:
    for entry in page("glossary").split("\n## ")[1:]:
        term, _, text = entry.partition("\n")
        assert len(text.split()) >= 6, f"{term!r} has no explanation"


# References


def listed_dois() -> list[str]:
    return re.findall(r"\(https://doi\.org/(\S+)\)$", page("references"), re.MULTILINE)


def test_each_reference_is_listed_once_in_order_with_its_doi() -> None:
    entries = re.findall(r"^- (.+)$", page("references"), re.MULTILINE)
    assert entries == sorted(entries, key=str.casefold)
    repeated = [
        doi for doi, n in Counter(map(str.lower, listed_dois())).items() if n > 1
    ]
    assert not repeated
    for entry in entries:
        assert re.match(r".+ \(\d{4}\)\. ", entry), f"no year: {entry}"
        label, _, target = entry.rpartition("](https://doi.org/")
        if label:  # a few old papers have no DOI
            assert label.endswith("[" + target.removesuffix(")")), entry


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.name)
def test_every_cited_doi_is_well_formed_and_listed(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    known = {doi.lower() for doi in listed_dois()}
    for address in re.findall(r"doi\.org/([^\s\"\\<>`\]]+)", text):
        assert DOI.match(address), f"{path.name}: not a DOI: {address}"
    for doi in DOI.findall(text):
        assert doi.lower() in known, f"{path.name} cites {doi}, not in references.md"


def test_the_data_cards_cite_listed_papers() -> None:
    known = {doi.lower() for doi in listed_dois()}
    cards = sorted((data_dir() / "cards").glob("*.toml"))
    assert cards
    for card in cards:
        text = card.read_text(encoding="utf-8")
        found = re.findall(r'doi(?:\.org/| = ")([^\s")]+)', text)
        assert found and {doi.lower() for doi in found} <= known, card.name


# Coverage


def coverage_rows() -> list[tuple[str, str, str]]:
    """Return (topic, label, target) of each row of the table."""
    pattern = r"^\| ([^|]+) \| \[([^\]]+)\]\(([^)]+)\) \|$"
    return re.findall(pattern, page("coverage"), re.MULTILINE)


def test_the_page_counts_its_rows() -> None:
    stated = re.search(r"It has (\d+) rows", page("coverage"))
    table = re.findall(r"^\|.*\|$", page("coverage"), re.MULTILINE)
    assert stated and int(stated.group(1)) == len(coverage_rows()) == len(table) - 2
    topics = [topic for topic, _, _ in coverage_rows()]
    assert len(set(topics)) == len(topics)


@pytest.mark.parametrize(("topic", "label", "target"), coverage_rows())
def test_a_covered_topic_has_its_section(topic: str, label: str, target: str) -> None:
    file, _, anchor = target.partition("#")
    assert anchor, f"{topic}: the link names no section"
    found = headings((BOOK / file).resolve()).get(anchor)
    assert found, f"{topic}: no section #{anchor} in {file}"
    if file.endswith(".ipynb"):
        assert found == label, f"{topic}: the section is called {found!r}"


# Drawings


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [
        p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("colour", PALETTE)
def test_the_palette_shows_in_both_modes(colour: str, ground: str) -> None:
    light, dark = sorted((luminance(colour), luminance(ground)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 3


def test_all_drawings_are_there() -> None:
    names = {path.stem for path in DRAWINGS}
    assert names >= {
        *("logo", "favicon", "cover", "central_dogma", "expression_matrix"),
        *("recurrent_classifier", "leave_pair_out"),
    }


@pytest.mark.parametrize("path", DRAWINGS, ids=lambda path: path.stem)
def test_a_drawing_is_sound_and_described(path: Path) -> None:
    root = ET.fromstring(path.read_text(encoding="utf-8"))
    assert root.tag == f"{SVG}svg"
    assert len(root.get("viewBox", "").split()) == 4
    described = root.get("aria-labelledby", "").split()
    for part in ("title", "desc"):
        element = root.find(f"{SVG}{part}")
        assert element is not None and (element.text or "").strip()
        assert element.get("id") in described


@pytest.mark.parametrize("path", DRAWINGS, ids=lambda path: path.stem)
def test_a_drawing_stands_alone(path: Path) -> None:
    root = ET.fromstring(path.read_text(encoding="utf-8"))
    for element in root.iter():
        assert element.tag.removeprefix(SVG) not in {"image", "script", "style"}
        for key, value in element.attrib.items():
            assert "url(" not in value or "url(#" in value
            assert not key.endswith("href") or value.startswith("#")


def test_ids_are_unique_over_all_drawings() -> None:
    used: Counter[str] = Counter()
    for path in DRAWINGS:
        for element in ET.fromstring(path.read_text(encoding="utf-8")).iter():
            if "id" in element.attrib:
                assert element.attrib["id"].startswith(f"{path.stem}-")
                used[element.attrib["id"]] += 1
    assert not [name for name, n in used.items() if n > 1]


@pytest.mark.parametrize("path", DRAWINGS, ids=lambda path: path.stem)
def test_a_drawing_uses_the_palette(path: Path) -> None:
    allowed = {colour.lower() for colour in PALETTE} | {"none", "currentcolor"}
    for element in ET.fromstring(path.read_text(encoding="utf-8")).iter():
        for key in ("fill", "stroke"):
            colour = element.get(key)
            assert colour is None or colour.lower() in allowed, colour


@pytest.mark.parametrize("path", DIAGRAMS, ids=lambda path: path.stem)
def test_text_in_a_diagram_can_be_read(path: Path) -> None:
    root = ET.fromstring(path.read_text(encoding="utf-8"))
    width = float(root.get("viewBox", "").split()[2])
    sizes = [float(e.get("font-size", "")) for e in root.iter() if e.get("font-size")]
    assert sizes and min(sizes) / width >= 13 / 720
    families = {e.get("font-family") for e in root.iter()} - {None}
    assert families == {"sans-serif"}
