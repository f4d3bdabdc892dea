"""Checks of chapter 1: gene expression basics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import NotAnswered, WrongAnswer, call, one_number

Answer = Callable[..., Any]
Array = NDArray[np.float64]


def check_two_libraries(answer: Any) -> str:
    """``answer`` is the log2 fold change of 15 to 7.5 counts per million."""
    value = one_number(answer)
    mistakes = {
        1.0: "Upside down: the change goes *from* the first sample *to* the second, so "
        "the second is divided by the first.",
        0.585: "That is the change of the raw counts, 45 over 30. The second library "
        "is three times as large: divide each count by its library size first.",
        -0.585: "That is the change of the raw counts, and upside down. Divide each "
        "count by its library size first, then the second sample by the first.",
        0.5: "That is the fold change itself. Now its logarithm to base 2.",
        2.0: "That is a ratio, and upside down: divide the second sample by the first, "
        "then take the logarithm to base 2.",
        1.585: "That is the change of the library sizes, 6 over 2. Divide each count "
        "by its own library size, and compare the results.",
        -1.585: "That is the change of the library sizes, 2 over 6. Divide each count "
        "by its own library size, and compare the results.",
        -0.912: "That is with a pseudocount. It is a remedy for zeros, and here are "
        "none: take the ratio as it is.",
        -0.693: "That is the natural logarithm; use `np.log2`.",
        -0.301: "That is the logarithm to base 10; use `np.log2`.",
        -7.5: "A difference of counts per million is no fold change: take the ratio.",
    }
    for wrong, message in mistakes.items():
        if np.isclose(value, wrong, atol=0.01):
            raise WrongAnswer(message)
    if np.isnan(value):
        raise WrongAnswer(
            "NaN is not a number: is there a logarithm of something negative, or a "
            "zero divided by a zero?"
        )
    if not np.isclose(value, -1.0, atol=0.01):
        raise WrongAnswer(
            "15 counts per million in the first sample, 7.5 in the second: what is the "
            "log2 of their ratio?"
        )
    return "Right: half as much, although the count rose from 30 to 45."


def check_three_tubes(answer: Any) -> str:
    """``answer`` names the tissue in each of the tubes A, B and C."""
    if not isinstance(answer, dict) or set(answer) != {"A", "B", "C"}:
        raise WrongAnswer('Keep the form `{"A": …, "B": …, "C": …}`.')
    if any(value is ... or value is None for value in answer.values()):
        raise NotAnswered
    named = {tube: str(value).strip().lower() for tube, value in answer.items()}
    unknown = sorted(set(named.values()) - {"liver", "kidney", "both"})
    if unknown:
        raise WrongAnswer(f'{unknown[0]!r} is none of "liver", "kidney" and "both".')
    if named["A"] == "liver":
        raise WrongAnswer(
            "Tube A has much albumin, as a liver has. But look at podocin and megalin: "
            "a liver does not make hundreds of their reads (see tube C)."
        )
    if named["B"] == "both":
        raise WrongAnswer(
            "Tube B has some albumin, but fifty times less than tube C. If half of it "
            "were liver, it would have about half of what tube C has."
        )
    if named["A"] == "kidney" or named["B"] == "liver" or named["C"] == "kidney":
        raise WrongAnswer(
            "The other way round: albumin and fibrinogen are made by the liver, "
            "podocin and megalin by the kidney."
        )
    if named["C"] == "both":
        raise WrongAnswer(
            "Tube C has a few reads of the kidney's genes, but compare it with tube B, "
            "where they are highest: a mixture would have hundreds of them."
        )
    return "Right. Which genes are on tells the tissue, and a mixture shows both."


def check_fold_change(answer: Answer) -> str:
    """``answer(before, after)`` returns ratios of RNA, NaN where undetected."""
    before = np.array([20.0, 22.0, 28.0, 25.0])
    after = np.array([18.0, 23.0, 24.0, 28.0])
    try:
        result = call(answer, before.copy(), after.copy())
    except ValueError as error:
        if "truth value" not in str(error):
            raise
        raise WrongAnswer(
            "`before` and `after` are whole arrays, and an `if` cannot judge four "
            "values at once. `np.where(condition, a, b)` chooses for each of them."
        ) from None
    found = np.asarray(result, dtype=float)
    if found.shape != (4,):
        raise WrongAnswer(
            f"Four pairs of cycles give four ratios; yours has shape {found.shape}. "
            "Keep a place for every pair, with NaN where the ratio is not known."
        )
    measured = found[:2]
    if np.allclose(measured, [0.25, 2.0]):
        raise WrongAnswer(
            "Upside down: from 20 to 18 cycles the RNA became *more*, because fewer "
            "cycles were enough."
        )
    if np.allclose(measured, [4.0, -2.0]):
        raise WrongAnswer(
            "Two cycles are two *doublings*: 2 to the power of the difference, not 2 "
            "times the difference. A ratio is never negative."
        )
    if np.allclose(measured, [2.0, -1.0]) or np.allclose(measured, [-2.0, 1.0]):
        raise WrongAnswer(
            "A difference of cycles is a *log2* fold change, with the sign turned. Two "
            "cycles fewer are two doublings: four times as much."
        )
    if np.allclose(measured, before[:2] / after[:2]) or np.allclose(
        measured, after[:2] / before[:2]
    ):
        raise WrongAnswer("Cycles are logarithms: subtract them, do not divide them.")
    if not np.allclose(measured, [4.0, 0.5]):
        raise WrongAnswer(
            "From 20 to 18 cycles the RNA became four times as much, and from 22 to 23 "
            f"half; yours are {measured.tolist()}."
        )
    if not np.isnan(found[2:]).all():
        raise WrongAnswer(
            "The measured ratios are right. But 28 is the end of the measuring, not a "
            "value: where either is 28 the ratio is not known, so return NaN."
        )
    return "Right, and silent where there is no more than a bound."


HOUR_ORDERS = {
    (0, 1, 2): "",
    (2, 1, 0): "The hours run backwards.",
    (1, 0, 2): "The hours stand as they first appear in the table, not in order.",
    (1, 2, 0): 'The hours are sorted as text, in which "12" comes before "5": sort '
    "them as numbers.",
}
SUBJECT_ORDERS = {
    (0, 1): "",
    (1, 0): "The subjects are not in ascending order: q stands before p.",
}


def check_to_tensor(answer: Answer) -> str:
    """``answer(table, subjects, hours)`` returns ``(subject, hour, gene)``."""
    subjects = np.array(["q", "p", "p", "q", "p"])
    hours = np.array([12.0, 5.0, 36.0, 5.0, 12.0])
    table = np.arange(10.0).reshape(5, 2)
    expected = np.array(
        [[[2.0, 3.0], [8.0, 9.0], [4.0, 5.0]], [[6.0, 7.0], [0.0, 1.0], [np.nan] * 2]]
    )
    result = call(answer, table.copy(), subjects.copy(), hours.copy())
    found = np.asarray(result, dtype=float)
    if found.shape != (2, 3, 2):
        hint = ""
        if found.ndim == 3 and sorted(found.shape) == [2, 2, 3]:
            hint = " The axes are there, in another order."
        raise WrongAnswer(
            "Two subjects, three hours and two genes make the shape (2, 3, 2), with a "
            f"place for the sample that is missing; yours is {found.shape}.{hint}"
        )
    if np.array_equal(found, expected, equal_nan=True):
        return "Right: every sample in its place, and the empty place is empty."
    for subject_order, about_subjects in SUBJECT_ORDERS.items():
        for hour_order, about_hours in HOUR_ORDERS.items():
            ordered = expected[list(subject_order)][:, list(hour_order)]
            if np.array_equal(found, ordered, equal_nan=True):
                raise WrongAnswer(f"{about_subjects} {about_hours}".strip())
    if np.array_equal(found, np.nan_to_num(expected)):
        raise WrongAnswer(
            "Subject q has no sample at 36 hours, so that place must hold NaN; yours "
            "holds zeros, and a zero would look like a measurement."
        )
    if not np.isnan(found[1, 2]).all():
        raise WrongAnswer(
            "Subject q has no sample at 36 hours, so that place must hold NaN; yours "
            f"holds {found[1, 2].tolist()}."
        )
    raise WrongAnswer(
        "The shape is right, but samples are in wrong places. The rows of the "
        "table come in any order: look up for each row whose it is, and when."
    )


def check_share_after_baseline(answer: Answer) -> str:
    """``answer(values, mask)`` returns the person's share after the subtraction."""
    rng = np.random.default_rng(3)
    values = rng.normal(size=(4, 5, 3)) + 4 * rng.normal(size=(4, 1, 3))
    mask = np.ones(values.shape, dtype=bool)
    mask[1, 2] = mask[3, 4] = False
    values[~mask] = np.nan
    found = call(answer, values.copy(), mask.copy())
    value = one_number(found)
    if np.isnan(value):
        raise WrongAnswer(
            "NaN: the missing samples are still among the rows. Leave out those for "
            "which the mask is false."
        )
    change = values - values[:, :1]
    mistakes = {
        "That is the share in the values as they are. Either nothing was subtracted, "
        "or the same from all people: subtract each person's own first sample.": _share(
            values, mask, first=1
        ),
        "That is the share with step 0 among the samples. Every first sample is zero "
        "now, by construction, so drop it.": _share(change, mask, first=0),
        "That is the share of the step. Group the rows by person.": _share(
            change, mask, first=1, axis=1
        ),
    }
    for message, wrong in mistakes.items():
        if np.isclose(value, wrong):
            raise WrongAnswer(message)
    if not np.isclose(value, _share(change, mask, first=1)):
        raise WrongAnswer(
            "Not the share we find. Check the three steps one by one: subtract "
            "`values[:, :1]`, keep the measured samples from step 1 on, and call "
            "`variance_share` with the person of each row."
        )
    return "Right. Now apply it to `sequences.values` and `sequences.mask`."


def _share(
    values: Array, mask: NDArray[np.bool_], *, first: int, axis: int = 0
) -> float:
    """Return the share of variance of the person (axis 0) or the step (axis 1)."""
    measured: NDArray[np.bool_] = np.all(mask, axis=2)[:, first:]
    table = values[:, first:][measured]
    groups = np.nonzero(measured)[axis]
    total = ((table - table.mean(axis=0)) ** 2).sum()
    parts = [table[groups == group] for group in np.unique(groups)]
    within = sum(((part - part.mean(axis=0)) ** 2).sum() for part in parts)
    return float(1 - within / total)


CHECKS: dict[str, Callable[[Any], str]] = {
    "01.1": check_two_libraries,
    "01.2": check_three_tubes,
    "01.3": check_fold_change,
    "01.4": check_to_tensor,
    "01.5": check_share_after_baseline,
}
