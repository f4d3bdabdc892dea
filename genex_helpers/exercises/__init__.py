"""Checks of the exercises: they display what is right or wrong, and never raise.

A check takes the learner's answer and raises :class:`WrongAnswer` with a message that
teaches. ``...`` stands for "not answered yet": as the answer, or returned by it.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

Check = Callable[[Any], str]


class WrongAnswer(Exception):
    """An answer that is wrong in a way we can explain."""


class NotAnswered(Exception):
    """The stub was left as it is."""


def call(answer: Callable[..., Any], *arguments: Any) -> Any:
    """Call the learner's function; ``...`` as its result means "not answered"."""
    result = answer(*arguments)
    if result is ...:
        raise NotAnswered
    if result is None:
        raise WrongAnswer("Your function returned nothing: is `return` missing?")
    return result


def one_number(answer: Any) -> float:
    """Return the one number that was expected; an array of size one will do."""
    try:
        numbers = np.asarray(answer, dtype=float)
    except (TypeError, ValueError):
        raise WrongAnswer(
            f"One number was expected, such as 1.5; yours is {answer!r}."
        ) from None
    if numbers.size != 1:
        raise WrongAnswer(
            f"One number was expected; yours has the shape {numbers.shape}."
        )
    return float(numbers.item())


def checks(chapter: str) -> dict[str, Check]:
    """Return the checks of a chapter, by exercise: ``{"01.1": …}``."""
    try:
        module = import_module(f"{__name__}.ch{chapter}")
    except ModuleNotFoundError as error:
        raise KeyError(f"chapter {chapter!r} has no exercises") from error
    found: dict[str, Check] = module.CHECKS
    return found


def grade(exercise: str, answer: Any) -> tuple[str, str]:
    """Return ``(status, message)``; the status is passed, wrong or unanswered.

    Raises
    ------
    KeyError
        If there is no such exercise (a slip of the author, not of the learner).
    """
    chapter = exercise.split(".")[0]
    check = checks(chapter)[exercise]
    if answer is ... or answer is None:
        return "unanswered", "Replace the `...` by your answer and run this cell again."
    try:
        return "passed", check(answer)
    except NotAnswered:
        return "unanswered", "Replace the `...` by your answer and run this cell again."
    except WrongAnswer as wrong:
        return "wrong", str(wrong)
    except Exception as error:  # the learner's own function failed: say so, kindly
        return "wrong", f"Your answer stopped with `{type(error).__name__}: {error}`."
