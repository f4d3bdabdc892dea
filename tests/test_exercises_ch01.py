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
        (np.log2(30 / 45), "raw counts, and upside down"),
        (2.0, "a ratio, and upside down"),
        (np.log2(3), "library sizes, 6 over 2"),
        (-np.log2(3), "library sizes, 2 over 6"),
        (np.log2(8.5 / 16), "with a pseudocount"),
        (np.nan, "NaN is not a number"),
        ("half", "One number was expected"),
        (np.array([15, 7.5]), "has the shape (2,)"),
    ],
)
def test_wrong_two_libraries(answer: Any, fragment: str) -> None:
    is_wrong("01.1", answer, fragment)


@pytest.mark.parametrize("answer", [-1, np.array([-1.0]), [[-1.0]], np.float32(-1)])
def test_one_number_in_any_form(answer: Any) -> None:
    assert grade("01.1", answer)[0] == "passed"


@pytest.mark.parametrize(
    ("a", "b", "c", "fragment"),
    [
        ("liver", "kidney", "both", "look at podocin"),
        ("kidney", "both", "liver", "fifty times less"),
        ("both", "liver", "kidney", "The other way round"),
        ("both", "kidney", "both", "compare it with tube B"),
        ("both", "kidney", "heart", "'heart' is none of"),
    ],
)
def test_wrong_three_tubes(a: str, b: str, c: str, fragment: str) -> None:
    is_wrong("01.2", {"A": a, "B": b, "C": c}, fragment)


def test_three_tubes_half_answered_is_unanswered() -> None:
    assert grade("01.2", {"A": "both", "B": ..., "C": ...})[0] == "unanswered"
    assert grade("01.2", {"A": "both", "B": None, "C": "liver"})[0] == "unanswered"


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
        (lambda before, after: 2 * (before - after), "two *doublings*"),
        (
            lambda before, after: (2.0 ** (before - after))[
                (before < 28) & (after < 28)
            ],
            "Keep a place for every pair",
        ),
        (
            lambda before, after: np.nan if before == 28 else 2.0 ** (before - after),
            "an `if` cannot judge four values",
        ),
    ],
)
def test_wrong_fold_change(answer: Callable[..., Any], fragment: str) -> None:
    is_wrong("01.3", answer, fragment)


def test_other_errors_of_the_learner_are_shown() -> None:
    def answer(before: np.ndarray, after: np.ndarray) -> Any:
        raise ValueError("something else")

    is_wrong("01.3", answer, "stopped with `ValueError: something else")


def test_fold_change_in_place() -> None:
    def answer(before: np.ndarray, after: np.ndarray) -> Any:
        before[before == 28] = np.nan
        after[after == 28] = np.nan
        before -= after
        return 2.0**before

    assert grade("01.3", answer)[0] == "passed"


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


def by_appearance(
    table: np.ndarray, subjects: np.ndarray, hours: np.ndarray
) -> np.ndarray:
    """Number subjects and hours as they first appear in the table."""
    names, times = list(dict.fromkeys(subjects)), list(dict.fromkeys(hours))
    tensor = np.full((len(names), len(times), table.shape[1]), np.nan)
    for values, subject, hour in zip(table, subjects, hours, strict=True):
        tensor[names.index(subject), times.index(hour)] = values
    return tensor


def as_text(table: np.ndarray, subjects: np.ndarray, hours: np.ndarray) -> np.ndarray:
    """Sort the hours as text."""
    return laid_out(table, subjects, hours.astype(str))


@pytest.mark.parametrize(
    ("answer", "fragment"),
    [
        (lambda t, s, h: laid_out(t, s, h, empty=0.0), "look like a measurement"),
        (lambda t, s, h: laid_out(t, s, h, empty=-1.0), "yours holds [-1.0, -1.0]"),
        (lambda t, s, h: laid_out(t, s, h).swapaxes(1, 2), "in another order"),
        (lambda t, s, h: laid_out(t, s, h).swapaxes(0, 1), "(2, 3, 2)"),
        (lambda t, s, h: laid_out(t, s, h)[:, ::-1], "The hours run backwards"),
        (lambda t, s, h: laid_out(t, s, h)[::-1], "q stands before p"),
        (by_appearance, "q stands before p. The hours stand as they first appear"),
        (lambda t, s, h: by_appearance(t, s, h)[::-1], "The hours stand as they first"),
        (as_text, "sorted as text"),
        (in_order_of_rows, "in wrong places"),
        (lambda t, s, h: t.reshape(2, 3, 2), "stopped with `ValueError"),
        (lambda t, s, h: None, "`return` missing"),
    ],
)
def test_wrong_tensor(answer: Callable[..., Any], fragment: str) -> None:
    is_wrong("01.4", answer, fragment)


def test_tensor_in_place() -> None:
    def answer(table: np.ndarray, subjects: np.ndarray, hours: np.ndarray) -> Any:
        tensor = laid_out(table, subjects, hours)
        table[:], hours[:], subjects[:] = 0, 0, ""
        return tensor

    assert grade("01.4", answer)[0] == "passed"


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


def test_share_in_place() -> None:
    def answer(values: np.ndarray, mask: np.ndarray) -> Any:
        values -= values[:, :1].copy()
        share = share_function()(*rows_from(values, mask, 1))
        mask[:] = False
        return share

    assert grade("01.5", answer)[0] == "passed"


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
