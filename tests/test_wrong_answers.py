"""Common wrong answers, each chapter's list `WRONG`: each gets its own message."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch

from genex_helpers.exercises import grade

FILES = sorted(Path(__file__).parent.glob("test_exercises_*.py"))
LISTS = [getattr(import_module(file.stem), "WRONG", []) for file in FILES]
ANSWERS = [answer for answers in LISTS for answer in answers]


def test_the_lists_are_found() -> None:
    assert sum(map(bool, LISTS)) >= len(FILES) - 1  # chapter 1 has its own tests


@pytest.mark.parametrize(("exercise", "answer", "message"), ANSWERS)
def test_a_wrong_answer_gets_its_own_message(
    exercise: str, answer: Any, message: str
) -> None:
    torch.manual_seed(0)
    status, text = grade(exercise, answer)
    assert (status, message in text) == ("wrong", True), text
