"""The questions at the end of each chapter, read from one data file."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE = Path(__file__).with_name("quizzes.toml")


@dataclass(frozen=True)
class Option:
    """One answer, and why it is right or wrong."""

    text: str
    right: bool
    because: str


@dataclass(frozen=True)
class Question:
    """One question, tied to an objective of its chapter."""

    id: str
    chapter: str
    objective: int
    question: str
    options: tuple[Option, ...]


def questions(chapter: str) -> list[Question]:
    """Return the questions of a chapter, by its name: ``"01"``, ``"01b"`` or ``"a1"``.

    Raises
    ------
    KeyError
        If the chapter has none.
    """
    with FILE.open("rb") as file:
        items = tomllib.load(file)["quiz"]
    found = [
        Question(**{**item, "options": tuple(Option(**o) for o in item["options"])})
        for item in items
        if item["chapter"] == chapter
    ]
    if not found:
        raise KeyError(f"no quiz for chapter {chapter!r}")
    return found
