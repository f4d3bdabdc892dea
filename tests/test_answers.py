"""The answers that each chapter's tests list: right ones pass, wrong ones are told why.

A chapter's file has its ``NOTEBOOK``, a dictionary ``NAMES`` of what its exercises
define, what the notebook has ``GIVEN`` by then, and the answers: ``RIGHT`` by exercise,
and ``WRONG`` as (exercise, answer, words of its message). Files without ``GIVEN``, and
that of chapter 5, test their right answers themselves.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from exercise_cells import answered

from genex_helpers.exercises import checks, grade

FILES = sorted(Path(__file__).parent.glob("test_exercises_*.py"))
MODULES = [import_module(file.stem) for file in FILES]
LISTS = [getattr(module, "WRONG", []) for module in MODULES]
ANSWERS = [answer for answers in LISTS for answer in answers]
WHOLE = [m for m in MODULES if hasattr(m, "GIVEN") and isinstance(m.NAMES, dict)]
EXERCISES = [(module, exercise) for module in WHOLE for exercise in module.NAMES]
each_exercise = pytest.mark.parametrize(
    ("module", "exercise"), EXERCISES, ids=[exercise for _, exercise in EXERCISES]
)


def test_the_lists_are_found() -> None:
    assert sum(map(bool, LISTS)) >= len(FILES) - 1  # chapter 1 has its own tests


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_no_chapter_goes_without_right_answers(module: Any) -> None:
    own = " ".join(name for name in vars(module) if name.startswith("test_"))
    assert module in WHOLE or "solution" in own or "right" in own


@pytest.mark.parametrize(("exercise", "answer", "message"), ANSWERS)
def test_a_wrong_answer_gets_its_own_message(
    exercise: str, answer: Any, message: str
) -> None:
    torch.manual_seed(0)
    status, text = grade(exercise, answer)
    assert (status, message in text) == ("wrong", True), text


@each_exercise
def test_a_right_answer_passes(module: Any, exercise: str) -> None:
    status, text = grade(exercise, module.RIGHT[exercise])
    assert status == "passed", text


@each_exercise
def test_stub_and_solution_of_the_notebook(module: Any, exercise: str) -> None:
    place, name = list(module.NAMES).index(exercise), module.NAMES[exercise]
    for tag, status in (("exercise", "unanswered"), ("solution", "passed")):
        answer = answered(module.NOTEBOOK, tag, place, name, **module.GIVEN)
        assert grade(exercise, answer)[0] == status


@pytest.mark.parametrize("module", WHOLE, ids=lambda module: module.__name__)
def test_every_check_is_tested(module: Any) -> None:
    chapter = next(iter(module.NAMES)).split(".")[0]
    wrong = {name for name, *_ in module.WRONG}
    assert set(checks(chapter)) == set(module.NAMES) == set(module.RIGHT) == wrong
