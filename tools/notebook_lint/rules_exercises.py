"""Rules about exercises and quizzes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .model import Cell, Finding, Notebook, argument, called, literal, rule
from .rules_template import objectives

_HEADING = re.compile(
    r"^### Exercise (\d+[a-z]?|[A-Z]\d)\.(\d+) "
    r"\(level ([123]), objectives? (\d(?:(?:, | and )\d)*)\): \S",
    re.MULTILINE,
)
_EXERCISES = (
    "Exercises at three levels, each tied to an objective (one may serve two): a stub, "
    "a check cell with helpful messages, a hint, a hidden, tested solution"
)
_QUIZ = "A short quiz: three to five questions, with a reason for each wrong answer"


@dataclass
class Exercise:
    """An exercise: its heading's cell, its id as ``check`` knows it, and its cells."""

    heading: Cell
    id: str
    level: int
    objectives: tuple[int, ...]
    cells: list[Cell] = field(default_factory=list)

    def place(self, tag: str) -> int:
        """Return where the first cell with a tag stands, or -1."""
        return next((c.number for c in self.cells if tag in c.tags), -1)

    @property
    def hint(self) -> int:
        """Where the hint stands, or -1."""
        hints = (c.number for c in self.cells if "<details" in c.source)
        return next(hints, -1)


def exercises(notebook: Notebook) -> list[Exercise]:
    """Return the exercises of a notebook, each up to the next heading."""
    found: list[Exercise] = []
    inside = False
    for cell in notebook.cells:
        match = _HEADING.search(cell.source) if cell.kind == "markdown" else None
        if match:
            chapter, number, level, served = match.groups()
            # 9, 9b and A1 in a heading; 09, 09b and a1 in a record
            padded = f"0{chapter}" if re.fullmatch(r"\d[a-z]?", chapter) else chapter
            name = f"{padded.lower()}.{number}"
            goals = tuple(int(n) for n in re.findall(r"\d", served))
            found.append(Exercise(cell, name, int(level), goals))
            inside = True
        elif cell.kind == "markdown" and re.search(r"^##", cell.source, re.MULTILINE):
            inside = False
        if inside:
            found[-1].cells.append(cell)
    return found


def checks(cell: Cell, exercise: str) -> bool:
    """Tell whether a cell calls ``check`` for an exercise."""
    calls = (call for call in cell.calls() if called(call) == "check")
    return any(literal(argument(call, 0, "exercise")) == exercise for call in calls)


@rule("exercise-heading", _EXERCISES)
def exercise_heading(notebook: Notebook) -> Iterator[Finding]:
    """A heading says the exercise's number, level and objectives."""
    for cell in notebook.markdown:
        for line in cell.source.splitlines():
            if re.match(r"#+ +Exercise\b", line) and not _HEADING.match(line):
                wanted = "### Exercise 1.2 (level 2, objective 3): title"
                yield Finding(cell, f"has {line!r}, not like {wanted!r}")
    for number, exercise in enumerate(exercises(notebook), start=1):
        wanted = f"{notebook.chapter}.{number}"
        if exercise.id != wanted:
            yield Finding(exercise.heading, f"is {exercise.id}, {wanted} is next")


@rule("exercise-levels", _EXERCISES)
def exercise_levels(notebook: Notebook) -> Iterator[Finding]:
    """Each of the three levels has an exercise, so there are three at least."""
    levels = {exercise.level for exercise in exercises(notebook)}
    for level in sorted({1, 2, 3} - levels):
        yield Finding("the notebook", f"has no exercise of level {level}")


@rule("exercise-parts", _EXERCISES)
def exercise_parts(notebook: Notebook) -> Iterator[Finding]:
    """Stub, check, hint and solution follow one another; both are checked."""
    for exercise in exercises(notebook):
        places = {
            "a stub (tag exercise)": exercise.place("exercise"),
            "a check (tag check)": exercise.place("check"),
            "a hint (<details>)": exercise.hint,
            "a solution (tag solution)": exercise.place("solution"),
        }
        missing = [what for what, place in places.items() if place < 0]
        for what in missing:
            yield Finding(exercise.heading, f"exercise {exercise.id} has no {what[2:]}")
        order = list(places.values())
        if not missing and order != sorted(order):
            wanted = "stub, check, hint, solution"
            yield Finding(exercise.heading, f"exercise {exercise.id} is not {wanted}")
        for cell in exercise.cells:
            if cell.tags & {"check", "solution"} and not checks(cell, exercise.id):
                yield Finding(cell, f"does not call check({exercise.id!r}, …)")


@rule("solution-cell", _EXERCISES)
def solution_cell(notebook: Notebook) -> Iterator[Finding]:
    """A solution is folded away in the book and in Colab."""
    for cell in notebook.tagged("solution"):
        if not cell.source.startswith("# @title Solution"):
            yield Finding(cell, "does not begin with '# @title Solution'")
        if "hide-cell" not in cell.tags or cell.metadata.get("cellView") != "form":
            yield Finding(cell, "is not hidden (tag hide-cell, cellView: form)")


def _questions(notebook: Notebook) -> list[dict[str, Any]]:
    return [q for q in notebook.quizzes if q.get("chapter") == notebook.chapter]


@rule(
    "objectives-practised",
    "each objective has at least one exercise and one quiz item",
)
def objectives_practised(notebook: Notebook) -> Iterator[Finding]:
    """Exercises and questions name objectives that exist, and leave none out."""
    known = set(objectives(notebook))
    trained = {n for exercise in exercises(notebook) for n in exercise.objectives}
    asked = {question.get("objective") for question in _questions(notebook)}
    for what, served in (("exercise", trained), ("quiz question", asked)):
        for number in sorted(known - served):
            yield Finding("the notebook", f"objective {number} has no {what}")
        for stray in sorted(served - known, key=str):
            yield Finding("the notebook", f"a {what} is for objective {stray}, unknown")


@rule("quiz", _QUIZ)
def quiz(notebook: Notebook) -> Iterator[Finding]:
    """Three to five questions, one right option each, a reason for every option."""
    questions = _questions(notebook)
    if not 3 <= len(questions) <= 5:
        yield Finding("quizzes.toml", f"has {len(questions)} questions for the chapter")
    for number, question in enumerate(questions, start=1):
        where = f"quiz {question.get('id')}"
        if question.get("id") != f"{notebook.chapter}.q{number}":
            yield Finding(where, f"is not {notebook.chapter}.q{number}, its place")
        if not str(question.get("question", "")).strip():
            yield Finding(where, "asks nothing")
        yield from (Finding(where, what) for what in _option_problems(question))


def _option_problems(question: dict[str, Any]) -> Iterator[str]:
    options = question.get("options", [])
    right = sum(option.get("right") is True for option in options)
    if right != 1:
        yield f"has {right} right options, one wanted"
    if len(options) < 2:
        yield f"has {len(options)} options"
    for option in options:
        for key in ("text", "because"):
            if not str(option.get(key, "")).strip():
                yield f"has an option without {key!r}"


@rule("quiz-cell", _QUIZ)
def quiz_cell(notebook: Notebook) -> Iterator[Finding]:
    """The notebook shows the quiz of its own chapter, once."""
    shown = [
        literal(argument(call, 0, "chapter"))
        for cell in notebook.code
        for call in cell.calls()
        if called(call) == "quiz"
    ]
    if shown != [notebook.chapter]:
        yield Finding("the notebook", f"shows the quizzes {shown}")
