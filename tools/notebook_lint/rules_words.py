"""Rules about words: results, spelling, voice, one sentence a line."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .model import Finding, Notebook, rule
from .text import Line, markdown_lines, prose, shown_lines

# Numbers that are names or conventions, not results.
_NOT_A_RESULT = re.compile(
    r"(?:Exercise|Python|PyTorch|Ubuntu|CUDA|version|edition|BY|BY-SA)\s+\d+\.\d+"
    r"|\bv?\d+\.\d+\.\d[\w.]*|\bv\d+\.\d+"
    r"|\d+\s?%\s+(?:[\w-]+\s+)?(?:intervals?|confidence|credible|limits|band)\b"
)
_RESULT = re.compile(
    r"(?<![\w.])\d+\.\d+(?:e[-+]?\d+)?(?![\w.]*\d)\s?%?"
    r"|(?<![\w.])\d+e-\d+\b"
    r"|(?<![\w.])\d+\s?(?:%|per ?cent\b)"
)

# American form, British form. Words that are right in both, or terms of another field
# (program, gene names, "meter" as a device), are left alone.
_AMERICAN: tuple[tuple[str, str], ...] = (
    (r"(?:mis)?colo(?:r)(?:s|ed|ing|ful|less)?", "colour"),
    (r"behavior(?:s|al)?", "behaviour"),
    (r"neighbor(?:s|hood|hoods|ing)?", "neighbour"),
    (r"(?:un)?favor(?:s|ed|able|ite)?", "favour"),
    (r"(?:flavor|labor|harbor|honor|rumor|vigor|humor)(?:s|ed|ing)?", "-our"),
    (r"tumors?", "tumour"),
    (r"(?:un|mis|re)?label(?:ed|ing)", "labelled, labelling"),
    (r"model(?:ed|ing|er|ers)", "modelled, modelling"),
    (r"signal(?:ed|ing)", "signalled, signalling"),
    (r"(?:cancel|travel|channel|level|tunnel)(?:ed|ing)", "-lled, -lling"),
    (r"(?:re|de)?center(?:s|ed|ing)?", "centre"),
    (r"(?:micro)?fibers?", "fibre"),
    (r"(?:milli|micro)?liters?", "litre"),
    (r"(?:milli|micro|nano|kilo|centi)meters?", "-metre"),
    (r"catalogs?", "catalogue"),
    (r"(?:defense|offense)s?", "-ence"),
    (r"gray(?:s|scale)?", "grey"),
    (r"artifacts?", "artefact"),
    (r"aging", "ageing"),
    (r"(?:leukemia|anemia|ischemia)s?", "-aemia"),
    (r"(?:hemoglobin|estrogen|estradiol|edema|diarrhea)", "-ae-, -oe-"),
    (r"pediatrics?", "paediatric"),
    (r"(?:fulfill|enroll|skillful)s?", "-il, -ol"),
    (r"math", "maths"),
    (r"\w*ly(?:ze|zed|zes|zer|zing)", "-lyse"),
    (r"\w{2,}iz(?:e|es|ed|er|ers|ing|able|ation|ations)", "-ise"),
)
_AMERICAN_WORDS = [
    (re.compile(rf"\b{form}\b", re.IGNORECASE), british) for form, british in _AMERICAN
]
_ALWAYS_Z = re.compile(
    r"(?:re|over|under|down|up|out|mid)?siz(?:e|es|ed|ing|able)|"
    r"(?:prize|seize|capsize|maize|assize)[sd]?|(?:priz|seiz|capsiz)ing",
    re.IGNORECASE,
)

_HYPE = re.compile(
    r"\b(?:powerful|breathtaking|unlock(?:s|ed|ing)?|unleash\w*|delv(?:e|es|ed|ing)|"
    r"leverag(?:e|es|ed|ing)|cutting[- ]edge|seamless(?:ly)?|game[- ]chang\w+|"
    r"harness(?:es|ed|ing)?|revolution\w*|groundbreaking|ground-breaking|"
    r"amazing(?:ly)?|incredibl[ey]|exciting|supercharg\w+|tapestry|embark\w*|"
    r"transformative|effortless(?:ly)?|world[- ]class|next[- ]level|paradigm shift|"
    r"deep dive|dive into|treasure trove|state[- ]of[- ]the[- ]art)\b",
    re.IGNORECASE,
)

_SENTENCE_END = re.compile(r"(\S*?)[.!?][\"'”’)*_]*\s+[\"'“‘(*_]*(?=[A-Z])")
_ABBREVIATIONS = {
    "e.g", "i.e", "et al", "al", "cf", "vs", "fig", "figs", "eq", "eqs", "dr", "prof",
    "ca", "approx", "resp", "st", "etc", "no", "vol", "pp", "ref", "refs", "sect", "ch",
}  # fmt: skip
_LABEL = re.compile(r"^[ >]*(?:[-*+] |\d+\. )?\*\*[^*]+\*\*")
_LISTS_OF_SOURCES = ("References", "Further reading")


@rule("typed-results", "No typed results: a number that comes from a run is printed")
def typed_results(notebook: Notebook) -> Iterator[Finding]:
    """Look for decimals and percentages in prose and in sentences shown by code.

    Softened: whole numbers pass, since counts of a design cannot be told from counts of
    a result; so do lines with a DOI, versions, the numbers of exercises, the name of an
    interval ("95 % interval"), and mathematics and code, in which a number that was
    chosen, not found, can be set.
    """
    advice = "print a result; set a chosen number as `code` or $maths$"
    for line in [*markdown_lines(notebook), *shown_lines(notebook)]:
        if line.cites or line.section in _LISTS_OF_SOURCES:
            continue
        for number in _RESULT.findall(_NOT_A_RESULT.sub("", line.text)):
            yield Finding(line.where, f"{number.strip()} is typed ({advice})")


@rule("british-spelling", "Words: British spelling")
def british_spelling(notebook: Notebook) -> Iterator[Finding]:
    """Look for American forms in prose.

    Softened: names (a capital inside a sentence) and cited titles keep their spelling.
    """
    for line in prose(notebook):
        if line.cites or line.section in _LISTS_OF_SOURCES:
            continue
        for pattern, british in _AMERICAN_WORDS:
            for match in pattern.finditer(line.text):
                if not (_is_name(line.text, match.start()) or _always_z(match[0])):
                    yield Finding(line.where, f"says {match[0]!r}, British: {british}")


def _is_name(text: str, start: int) -> bool:
    """Tell whether a word has a capital that no sentence's beginning explains."""
    before = text[:start].rstrip(" \"'“‘(*_#>-|")
    return text[start].isupper() and bool(before) and before[-1] not in ".!?:"


def _always_z(word: str) -> bool:
    return bool(_ALWAYS_Z.fullmatch(word))


@rule("no-hype", 'Voice: "we", present tense, calm, one claim at a time')
def no_hype(notebook: Notebook) -> Iterator[Finding]:
    """Look for words that praise instead of showing; cited titles may."""
    for line in prose(notebook):
        if line.cites or line.section in _LISTS_OF_SOURCES:
            continue
        for match in _HYPE.finditer(line.text):
            yield Finding(line.where, f"says {match[0]!r}")


def sentence_ends(text: str) -> int:
    """Count the sentences that end inside a line."""
    count = 0
    text = _LABEL.sub("", text)
    for match in _SENTENCE_END.finditer(text):
        word = match[1].lstrip("(\"'“‘*_[").lower()
        initial = re.fullmatch(r"(?:\w\.)*\w", word) and match[0].count(".") == 1
        list_number = word.isdigit() and not text[: match.start()].strip(" >")
        if not (word in _ABBREVIATIONS or initial or list_number):
            count += 1
    return count


def _is_running_text(line: Line) -> bool:
    """Tell whether a line is a paragraph or a list item, not a table or a source."""
    start = line.raw.lstrip(" >")
    source = line.section in _LISTS_OF_SOURCES or (
        line.cites and re.match(r"[-*+] |\d+\. ", start) is not None
    )
    return not (source or line.heading or start.startswith("|"))


@rule("one-sentence-a-line", "Words: one sentence a source line")
def one_sentence(notebook: Notebook) -> Iterator[Finding]:
    """Look for a line with two sentences, and for a sentence on two lines.

    Softened: tables, headings and lists of sources keep their own form, and a bold
    label that opens a line ("**Note.**") is not a sentence.
    """
    before: Line | None = None
    for line in markdown_lines(notebook):
        if not _is_running_text(line):
            before = None
            continue
        if sentence_ends(line.text):
            yield Finding(line.where, f"two sentences in {line.text.strip()[:60]!r}")
        if before and before.where == line.where and _goes_on(before.text, line.text):
            yield Finding(line.where, f"a sentence goes on in {line.text.strip()!r}")
        before = line


def _goes_on(before: str, text: str) -> bool:
    """Tell whether a line ends without a stop and the next begins in lower case."""
    ends = before.rstrip().rstrip("\"'”’)*_")
    begins = text.lstrip(" >")
    open_end = bool(ends) and (ends[-1].isalnum() or ends[-1] == ",")
    return open_end and bool(begins) and begins[0].islower()
