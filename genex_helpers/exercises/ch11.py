"""Checks of chapter 11: regularisation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import WrongAnswer, call, one_number

Answer = Callable[..., Any]


def check_drop(answer: Answer) -> str:
    """``answer(values, kept, rate)`` drops, and keeps the mean."""
    values = np.array([2.0, -1.0, 3.0, 4.0, 0.5])
    kept = np.array([True, False, True, True, False])
    found = np.asarray(call(answer, values.copy(), kept, 0.2), dtype=float)
    if found.shape != values.shape:
        raise WrongAnswer(f"Five values were expected; yours has shape {found.shape}.")
    for wrong, words in (
        (values * kept, "Right places, but the mean shrinks: divide what is left."),
        (values * kept * 0.8, "Divide by the share that is kept; do not multiply."),
        (values * kept / 0.2, "Divide by the share that is *kept*, `1 - rate`."),
        (values * ~kept / 0.8, "`kept` is True where a value stays."),
        (values * kept / kept.mean(), "Divide by `1 - rate`, not by what this mask "
         "happened to keep: the mean is kept on average, not in each draw."),
    ):  # fmt: skip
        if np.allclose(found, wrong):
            raise WrongAnswer(words)
    if not np.allclose(found, values * kept / 0.8):
        raise WrongAnswer(
            f"With a rate of 0.2 a value of 2 that stays becomes 2.5; yours is "
            f"{found[0]:g}."
        )
    return "Right: on average nothing changes, so nothing is to be rescaled at the end."


def check_drop_series(answer: Answer) -> str:
    """``answer(x, rate, rng)`` uses one mask a series at every step."""
    x = np.ones((300, 7, 6))
    found = np.asarray(call(answer, x.copy(), 0.25, np.random.default_rng(0)))
    if found.shape != x.shape:
        raise WrongAnswer(
            f"The shape {x.shape} of the series stays; yours is {found.shape}."
        )
    values = np.unique(found.round(6))
    if np.allclose(values, [0, 1]):
        raise WrongAnswer("The mask is right; divide by `1 - rate` to keep the mean.")
    if len(values) == 1:
        raise WrongAnswer("Nothing was dropped, or everything.")
    if not np.allclose(values, [0, 1 / 0.75]):
        raise WrongAnswer(
            "Ones should become 0, or 1 / 0.75; yours become "
            f"{[f'{v:.3g}' for v in values[:4]]}."
        )
    gone = (found == 0).mean()
    if abs(gone - 0.75) < 0.05:
        raise WrongAnswer("You kept a quarter; a quarter was to be dropped.")
    if np.ptp(found, axis=1).any():
        raise WrongAnswer(
            "The mask changes from step to step; draw `(batch, 1, gene)` numbers, and "
            "let NumPy stretch them over time."
        )
    if not np.ptp(found, axis=2).any():
        raise WrongAnswer("A series keeps or loses all its genes together.")
    if not np.ptp(found, axis=0).any():
        raise WrongAnswer("All series share one mask; each needs its own.")
    if abs(gone - 0.25) > 0.05:
        raise WrongAnswer(f"A quarter was to be dropped; you drop {gone:.0%}.")
    again = np.asarray(call(answer, x.copy(), 0.25, np.random.default_rng(1)))
    if np.array_equal(again, found):
        raise WrongAnswer("Another generator gives the same mask: draw from `rng`.")
    return "Right: what is dropped at the first step stays dropped to the last."


def check_first_step(answer: Answer) -> str:
    """``answer(w, gradient, rate, decay)`` is AdamW's first step."""
    w, gradient = np.array([2.0, -1.0, 0.5]), np.array([0.3, 0.3, 0.01])
    found = np.asarray(call(answer, w.copy(), gradient.copy(), 0.1, 0.5), dtype=float)
    if found.shape != w.shape:
        raise WrongAnswer(f"Three weights were expected; yours is {found.shape}.")
    right = w * (1 - 0.1 * 0.5) - 0.1 * np.sign(gradient)
    l2 = w - 0.1 * np.sign(gradient + 0.5 * w)
    for wrong, words in (
        (l2, "That is L2 in Adam: the penalty went through the sign and lost its size"),
        (w - 0.1 * np.sign(gradient), "That is Adam without any decay"),
        (w * 0.95 - 0.1 * gradient, "That is SGD: Adam's first step has the size of "
         "the rate, whatever the gradient's"),
        (w * 0.5 - 0.1 * np.sign(gradient), "The decay is multiplied by the rate"),
        (w * 0.95 + 0.1 * np.sign(gradient), "The step goes against the gradient"),
        (w * 1.05 - 0.1 * np.sign(gradient), "The weight is to shrink"),
    ):  # fmt: skip
        if np.allclose(found, wrong, atol=1e-5):
            raise WrongAnswer(words + ".")
    if not np.allclose(found, right, atol=1e-5):
        raise WrongAnswer(
            f"A weight of 2 with a gradient of 0.3 becomes 1.8; yours is {found[0]:g}."
        )
    return (
        "Right: the decay does not pass through Adam's scaling, so it keeps its size."
    )


def check_stopping(answer: Answer) -> str:
    """``answer(losses, patience)`` gives the epoch that is kept, and the last one."""
    cases = [
        ([0.9, 0.7, 0.6, 0.65, 0.61, 0.7, 0.8, 0.9, 0.5], 3, (3, 6)),
        ([0.9, 0.8, 0.7, 0.6], 2, (4, 4)),
        ([0.5, 0.6, 0.7, 0.4], 2, (1, 3)),
        ([0.5, 0.4, 0.4, 0.4, 0.45, 0.45, 0.3], 2, (2, 4)),
    ]
    for losses, patience, (kept, last) in cases:
        found = call(answer, list(losses), patience)
        try:
            one, other = (int(one_number(v)) for v in found)
        except (TypeError, ValueError):
            raise WrongAnswer(
                f"Two numbers were expected, the epoch kept and the last; yours is "
                f"{found!r}."
            ) from None
        told = f"For {losses} and a patience of {patience}"
        if (one, other) == (kept, last):
            continue
        if (one + 1, other + 1) == (kept, last):
            raise WrongAnswer("Epochs are counted from 1.")
        if (one, other) == (last, kept):
            raise WrongAnswer("The epoch that is kept comes first, then the last one.")
        if 0 < one != kept and losses[one - 1 : one] == [losses[kept - 1]]:
            raise WrongAnswer(
                f"{told}: an equal loss is no lower loss, and the waiting goes on."
            )
        if other == len(losses) and last < other:
            raise WrongAnswer(
                f"{told} training ends after epoch {last}: nobody sees what comes "
                "later, however low."
            )
        if one == last and kept < last:
            raise WrongAnswer(
                f"{told} the weights of the lowest loss are kept, those of epoch "
                f"{kept}, not the last ones."
            )
        if other == last + 1:
            raise WrongAnswer(f"{told} you wait an epoch too long.")
        if other == last - 1:
            raise WrongAnswer(f"{told} you stop an epoch too soon.")
        raise WrongAnswer(
            f"{told} epoch {kept} is kept and {last} the last; yours are {one}, "
            f"{other}."
        )
    return "Right, and that is what `fit(..., patience=...)` does."


def check_mix(answer: Answer) -> str:
    """``answer(x, y, own, partner)`` mixes series and labels alike."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(4, 3, 2)), np.eye(2)[[0, 1, 1, 0]]
    partner = np.array([2, 0, 3, 1])
    found = call(answer, x.copy(), y.copy(), 0.4, partner)
    if not isinstance(found, tuple | list) or len(found) != 2:
        raise WrongAnswer("Return two things: the mixed series and the mixed labels.")
    series, labels = (np.asarray(part, dtype=float) for part in found)
    if series.shape != x.shape or labels.shape != y.shape:
        raise WrongAnswer(
            f"Shapes {x.shape} and {y.shape} stay; yours are {series.shape} and "
            f"{labels.shape}."
        )

    def mixed(values: Any, own: float) -> Any:
        return own * values + (1 - own) * values[partner]

    right = [np.allclose(series, mixed(x, 0.4)), np.allclose(labels, mixed(y, 0.4))]
    if all(right):
        return "Right: a series that is 40 % itself has a label that is, too."
    if right[0] and np.allclose(labels, y):
        raise WrongAnswer("The series are mixed; their labels have to be mixed, too.")
    if right[1] and np.allclose(series, x):
        raise WrongAnswer("The labels are mixed; the series are not.")
    if np.allclose(series, mixed(x, 0.6)) and np.allclose(labels, mixed(y, 0.6)):
        raise WrongAnswer("`own` is the share of the series itself, not its partner's.")
    if right[0] and np.allclose(labels, mixed(y, 0.4).round()):
        raise WrongAnswer("Leave the labels soft: do not round them.")
    if np.allclose(series, 0.4 * x + 0.6 * x.mean(axis=0)):
        raise WrongAnswer("Mix with the partner's series, not with the mean of all.")
    raise WrongAnswer(
        "Each series should be `own` of itself and `1 - own` of `x[partner]`, and each "
        "label likewise."
    )


def check_honest_and_hindsight(answer: Answer) -> str:
    """``answer(inner_loss, test_score)`` returns honest and hindsight means."""
    inner = np.array([[0.9, 0.6, 0.7], [0.5, 0.8, 0.9], [0.4, 0.6, 0.3]])
    test = np.array([[0.70, 0.60, 0.80], [0.62, 0.75, 0.66], [0.80, 0.50, 0.70]])
    found = call(answer, inner.copy(), test.copy())
    try:
        honest, hindsight = (one_number(v) for v in found)
    except (TypeError, ValueError):
        raise WrongAnswer(
            f"Two numbers were expected, honest and in hindsight; yours is {found!r}."
        ) from None
    right = test[np.arange(3), inner.argmin(axis=1)].mean(), test.max(axis=1).mean()
    if np.allclose((honest, hindsight), right):
        return "Right. The difference is what choosing on the test series would add."
    if np.allclose((hindsight, honest), right):
        raise WrongAnswer("The honest mean comes first.")
    if np.isclose(honest, test[np.arange(3), inner.argmax(axis=1)].mean()):
        raise WrongAnswer("An inner *loss* is better if it is lower: `argmin`.")
    if np.isclose(honest, test[:, inner.mean(axis=0).argmin()].mean()):
        raise WrongAnswer(
            "You chose one strength for all sets, from inner folds of them all; each "
            "set chooses for itself."
        )
    if np.isclose(honest, right[1]):
        raise WrongAnswer("The honest choice must not look at the test scores.")
    if np.isclose(honest, right[0]) and np.isclose(hindsight, test.mean(axis=0).max()):
        raise WrongAnswer(
            "In hindsight each set takes its own best test score: a maximum in each "
            "row, then the mean."
        )
    if np.isclose(honest, right[0]):
        raise WrongAnswer("The honest mean is right; the hindsight one is not.")
    raise WrongAnswer(
        f"The honest mean should be {right[0]:.3f} on the check's table; yours is "
        f"{honest:.3f}."
    )


CHECKS = {
    "11.1": check_drop,
    "11.2": check_drop_series,
    "11.3": check_first_step,
    "11.4": check_stopping,
    "11.5": check_mix,
    "11.6": check_honest_and_hindsight,
}
