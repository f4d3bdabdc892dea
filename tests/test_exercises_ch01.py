"""Chapter 1's exercises: solutions pass, stubs wait, common mistakes are explained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest

from genex_helpers.exercises import checks, grade

CHAPTER = Path(__file__).parents[1] / "notebooks" / "01_gene_expression_basics.ipynb"
EXERCISES = ("01.1", "01.2", "01.3", "01.4", "01.5")
NAMES = {
    "01.1": "answer",
    "01.2": "tubes",
    "01.3": "fold_change",
    "01.4": "to_tensor",
    "01.5": "share_after_baseline",
}


def cells(tag: str) -> list[str]:
    """Return the code of the chapter's cells with a tag, in order."""
    notebook = nbformat.read(CHAPTER, as_version=4)
    return [c.source for c in notebook.cells if tag in c.metadata.get("tags", [])]


def share_function() -> Any:
    """Return the chapter's own `variance_share`, which its exercise 5 may use."""
    notebook = nbformat.read(CHAPTER, as_version=4)
    source = next(c.source for c in notebook.cells if "def variance_share" in c.source)
    names: dict[str, Any] = {"np": np}
    exec(source, names)
    return names["variance_share"]


def answered(source: str, exercise: str) -> Any:
    """Run a cell up to its check, and return what it gives as the answer."""
    names: dict[str, Any] = {"np": np, "variance_share": share_function()}
    exec(source.split("check(")[0], names)
    return names[NAMES[exercise]]


def test_every_exercise_is_here() -> None:
    assert set(checks("01")) == set(EXERCISES)
    assert len(cells("exercise")) == len(cells("solution")) == len(EXERCISES)


@pytest.mark.parametrize("number", range(len(EXERCISES)))
def test_solution_passes(number: int) -> None:
    exercise = EXERCISES[number]
    status, message = grade(exercise, answered(cells("solution")[number], exercise))
    assert status == "passed", message


@pytest.mark.parametrize("number", range(len(EXERCISES)))
def test_stub_waits_for_an_answer(number: int) -> None:
    exercise = EXERCISES[number]
    status, message = grade(exercise, answered(cells("exercise")[number], exercise))
    assert status == "unanswered"
    assert "Replace the `...`" in message


def is_wrong(exercise: str, answer: Any, fragment: str) -> None:
    """Require that an answer is wrong, with a message that says why."""
    status, message = grade(exercise, answer)
    assert status == "wrong"
    assert fragment in message


@pytest.mark.parametrize(
    ("answer", "fragment"),
    [
        (1.0, "Upside down"),
        (np.log2(45 / 30), "raw counts"),
        (0.5, "Now its logarithm"),
        (np.log(0.5), "natural logarithm"),
        (np.log10(0.5), "base 10"),
        (-7.5, "take the ratio"),
        (3.0, "15 counts per million"),
        ("half", "One number was expected"),
    ],
)
def test_wrong_two_libraries(answer: Any, fragment: str) -> None:
    is_wrong("01.1", answer, fragment)


@pytest.mark.parametrize(
    ("a", "b", "c", "fragment"),
    [
        ("liver", "kidney", "both", "look at podocin"),
        ("kidney", "both", "liver", "fifty times less"),
        ("both", "liver", "kidney", "The other way round"),
        ("both", "kidney", "both", "A handful is not an expressed gene"),
        ("both", "kidney", "heart", "'heart' is none of"),
    ],
)
def test_wrong_three_tubes(a: str, b: str, c: str, fragment: str) -> None:
    is_wrong("01.2", {"A": a, "B": b, "C": c}, fragment)


def test_three_tubes_half_answered_is_unanswered() -> None:
    assert grade("01.2", {"A": "both", "B": ..., "C": ...})[0] == "unanswered"


def test_three_tubes_of_another_form() -> None:
    is_wrong("01.2", ["both", "kidney", "liver"], "Keep the form")


@pytest.mark.parametrize(
    ("answer", "fragment"),
    [
        (lambda before, after: 2.0 ** (after - before), "Upside down"),
        (lambda before, after: before - after, "*log2* fold change"),
        (lambda before, after: after - before, "*log2* fold change"),
        (lambda before, after: before / after, "do not divide them"),
        (lambda before, after: 2.0 ** (before - after), "28 is the end"),
        (lambda before, after: np.exp(before - after), "became four times as much"),
        (lambda before, after: 4.0, "four ratios"),
    ],
)
def test_wrong_fold_change(answer: Callable[..., Any], fragment: str) -> None:
    is_wrong("01.3", answer, fragment)


def laid_out(
    table: np.ndarray, subjects: np.ndarray, hours: np.ndarray, empty: float = np.nan
) -> np.ndarray:
    """Return the right tensor, or one with another filling."""
    names, row = np.unique(subjects, return_inverse=True)
    times, step = np.unique(hours, return_inverse=True)
    tensor = np.full((len(names), len(times), table.shape[1]), empty)
    tensor[row, step] = table
    return tensor


def in_order_of_rows(
    table: np.ndarray, subjects: np.ndarray, hours: np.ndarray
) -> np.ndarray:
    """Fill the places in the order of the table: the mistake of a plain reshape."""
    tensor = np.full((2, 3, table.shape[1]), np.nan)
    tensor.reshape(6, -1)[:5] = table
    return tensor


@pytest.mark.parametrize(
    ("answer", "fragment"),
    [
        (lambda t, s, h: laid_out(t, s, h, empty=0.0), "look like a measurement"),
        (lambda t, s, h: laid_out(t, s, h).swapaxes(1, 2), "in another order"),
        (lambda t, s, h: laid_out(t, s, h).swapaxes(0, 1), "(2, 3, 2)"),
        (lambda t, s, h: laid_out(t, s, h)[:, ::-1], "must hold NaN"),
        (in_order_of_rows, "in wrong places"),
        (lambda t, s, h: t.reshape(2, 3, 2), "stopped with `ValueError"),
    ],
)
def test_wrong_tensor(answer: Callable[..., Any], fragment: str) -> None:
    is_wrong("01.4", answer, fragment)


Parts = tuple[np.ndarray, np.ndarray]


def rows_from(values: np.ndarray, mask: np.ndarray, first: int, axis: int = 0) -> Parts:
    """Return a table of samples, and the person or the step of each."""
    measured = np.asarray(mask.all(axis=2))[:, first:]
    return values[:, first:][measured], np.nonzero(measured)[axis]


@pytest.mark.parametrize(
    ("first", "subtract", "axis", "fragment"),
    [
        (1, False, 0, "in the values as they are"),
        (0, True, 0, "step 0 among the samples"),
        (1, True, 1, "share of the step"),
        (2, True, 0, "Not the share we find"),
    ],
)
def test_wrong_share(first: int, subtract: bool, axis: int, fragment: str) -> None:
    def answer(values: np.ndarray, mask: np.ndarray) -> Any:
        change = values - values[:, :1] if subtract else values
        return share_function()(*rows_from(change, mask, first, axis))

    is_wrong("01.5", answer, fragment)


def test_share_of_a_common_baseline() -> None:
    def answer(values: np.ndarray, mask: np.ndarray) -> Any:
        change = values - values[:, :1].mean(axis=0)
        return share_function()(*rows_from(change, mask, 1))

    is_wrong("01.5", answer, "subtract each person's own")


def test_share_with_missing_samples_left_in() -> None:
    def answer(values: np.ndarray, mask: np.ndarray) -> Any:
        change = (values - values[:, :1])[:, 1:]
        who = np.repeat(np.arange(len(change)), change.shape[1])
        return share_function()(change.reshape(len(who), -1), who)

    is_wrong("01.5", answer, "NaN")


def test_share_of_the_wrong_shape() -> None:
    is_wrong("01.5", lambda values, mask: values[0], "One number was expected")
