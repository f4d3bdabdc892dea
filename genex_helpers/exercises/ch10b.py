"""Checks of chapter 10b: searches and their optimism."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import NotAnswered, WrongAnswer, call, one_number

Answer = Callable[..., Any]
Array = NDArray[np.float64]


def check_draw_rates(answer: Answer) -> str:
    """``answer(n, low, high, rng)`` returns log-uniform rates."""
    low, high, n = 1e-4, 1.0, 4000
    found = np.asarray(
        call(answer, n, low, high, np.random.default_rng(1)), dtype=float
    )
    if found.shape != (n,):
        raise WrongAnswer(
            f"{n} rates were asked for; yours have the shape {found.shape}."
        )
    if found.min() < 0 and found.max() <= np.log(high) + 1e-9:
        raise WrongAnswer(
            "Those are logarithms: take the exponential of what you drew."
        )
    if found.min() < low * (1 - 1e-9) or found.max() > high * (1 + 1e-9):
        raise WrongAnswer(
            f"Rates must lie from {low:g} to {high:g}; yours lie from "
            f"{found.min():.3g} to {found.max():.3g}. Powers and logarithms must have "
            "the same base."
        )
    if len(np.unique(found)) < n / 2:
        raise WrongAnswer("Rates between the powers of ten are wanted as well.")
    shares = np.histogram(np.log10(found), [-4, -3, -2, -1, 0])[0] / n
    if shares[-1] > 0.8:
        raise WrongAnswer(
            f"Uniform between the ends: {shares[-1]:.0%} of your rates are above a "
            "tenth. Draw the logarithm uniformly."
        )
    if np.abs(shares - 0.25).max() > 0.04:
        raise WrongAnswer(
            "Each power of ten should get a quarter of the rates; yours get "
            + ", ".join(f"{s:.0%}" for s in shares) + "."
        )  # fmt: skip
    again = np.asarray(call(answer, 5, low, high, np.random.default_rng(1)))
    other = np.asarray(call(answer, 5, low, high, np.random.default_rng(2)))
    if np.array_equal(again, other):
        raise WrongAnswer("Draw with `rng`: yours are the same for every generator.")
    return "Right: as many small rates as large ones."


def _epochs(course: Array, courses: Array, warm_up: int, how: str = "") -> int:
    for number, loss in enumerate(course, start=1):
        column = courses[:, number - 1]
        middle = float(np.median(column))
        if how in ("mean", "lowest"):
            middle = float(column.mean() if how == "mean" else column.min())
        late = number > warm_up if how == "late" else number >= warm_up
        worse = loss < middle if how == "below" else loss > middle
        if (late or how == "cold") and worse:
            return number - 1 if how == "before" else number
    return len(course)


def check_pruner(answer: Answer) -> str:
    """``answer(course, courses, warm_up)`` returns the epochs trained."""
    rng = np.random.default_rng(7)
    names = {
        "cold": "The warm-up is not kept: no trial stops before `warm_up` epochs.",
        "late": "A trial may stop after epoch `warm_up` itself.",
        "mean": "The median was asked for: one exploded trial spoils a mean.",
        "lowest": "That stops all that are not the best so far. The median was asked "
        "for.",
        "below": "Lower is better: a trial stops if its loss is *above* the median.",
        "before": "The epoch that condemns it has been trained: it counts.",
    }
    differing: set[str] = set()
    for _ in range(40):
        courses = rng.exponential(size=(7, 12)) ** 2
        course = rng.exponential(0.6, size=12)
        warm_up = int(rng.integers(1, 6))
        found = one_number(call(answer, course.copy(), courses.copy(), warm_up))
        right = _epochs(course, courses, warm_up)
        if found == right:
            differing |= {
                n for n in names if _epochs(course, courses, warm_up, n) != right
            }
            continue
        for name, message in names.items():
            same = found == _epochs(course, courses, warm_up, name)
            if same and name not in differing:
                raise WrongAnswer(message)
        raise WrongAnswer(
            f"A trial that should get {right} of 12 epochs, with a warm-up of "
            f"{warm_up}, gets {found:g} from you."
        )
    return "Right: half of all trials are above the median, late bloomers among them."


def check_optimism(answer: Answer) -> str:
    """``answer(validation, test, tried)`` returns optimism and regret."""
    rng = np.random.default_rng(11)
    test = rng.uniform(1, 2, size=40)
    validation = test + rng.normal(0, 0.3, size=40)
    tried = rng.choice(40, 12, replace=False)
    result = call(answer, validation.copy(), test.copy(), tried.copy())
    if not isinstance(result, (tuple, list, np.ndarray)) or len(result) != 2:
        raise WrongAnswer("Return two numbers: `return optimism, regret`.")
    if any(item is ... for item in result):
        raise NotAnswered
    found = np.array([one_number(item) for item in result])

    def pair(k: int) -> Array:
        return np.array([test[k] - validation[k], test[k] - test.min()])

    right = pair(int(tried[np.argmin(validation[tried])]))
    if np.allclose(found, right):
        return (
            "Right: one is luck that does not carry over, the other is what was missed."
        )
    mistakes = {
        "You chose among all settings; the search has seen only `tried`.": pair(
            int(np.argmin(validation))
        ),
        "The test chose. Validation chooses, the test judges.": pair(
            int(tried[np.argmin(test[tried])])
        ),
        "`np.argmin(validation[tried])` is a place in `tried`, not the number of a "
        "setting: look it up there.": pair(int(np.argmin(validation[tried]))),
        "That is the highest validation loss.": pair(
            int(tried[np.argmax(validation[tried])])
        ),
        "The order: first optimism, then regret.": right[::-1],
        "Optimism is test less validation, above zero where the choice flatters.": (
            right * [-1, 1]
        ),
        "Regret compares with the lowest test loss of the *whole* table.": np.array(
            [right[0], right[1] + test.min() - test[tried].min()]
        ),
    }
    for message, values in mistakes.items():
        if np.allclose(found, values):
            raise WrongAnswer(message)
    raise WrongAnswer(f"Ours are {right.round(3)}, yours {found.round(3)}.")


def check_nested(answer: Answer) -> str:
    """``answer(score, settings, outer, inner)`` returns the mean outer score."""
    rows = np.arange(12)
    outer = [(np.setdiff1d(rows, t), t) for t in np.split(rows, 3)]
    quality = np.random.default_rng(10).uniform(size=(3, 12))
    settings = ["a", "b", "c"]
    seen: list[tuple[str, Any, Any]] = []

    def score(setting: str, train: Any, test: Any) -> float:
        seen.append((setting, np.asarray(train), np.asarray(test)))
        bonus = 0.05 * len(train)
        return float(quality[settings.index(setting)][np.asarray(test)].mean() + bonus)

    def inner(rest: Any) -> list[tuple[Any, Any]]:
        half = len(rest) // 2
        return [(rest[:half], rest[half:]), (rest[half:], rest[:half])]

    found = one_number(call(answer, score, settings, outer, inner))
    calls = list(seen)
    values = _nested_values(score, settings, outer, inner)
    right = values.pop("")
    for message, value in values.items():
        if np.isclose(found, value) and not np.isclose(value, right):
            raise WrongAnswer(message)
    if not np.isclose(found, right):
        raise WrongAnswer(f"The mean outer score is {right:.4f}; yours is {found:.4f}.")
    for _, train, test in calls:
        if len(np.intersect1d(train, test)):
            raise WrongAnswer("Some rows were trained and scored at once.")
    return "Right: the search is inside, the score outside."


def _nested_values(
    score: Callable[..., float], settings: list[str], outer: Any, inner: Any
) -> dict[str, float]:
    inside = [
        [np.mean([score(s, *fold) for fold in inner(rest)]) for s in settings]
        for rest, _ in outer
    ]
    picks = [settings[int(np.argmax(values))] for values in inside]
    one = settings[int(np.argmax(np.mean(inside, axis=0)))]
    folds = list(zip(picks, outer, strict=True))
    return {
        "": float(np.mean([score(p, *fold) for p, fold in folds])),
        "That is the inner score of the chosen settings: the optimistic one.": float(
            np.mean(np.max(inside, axis=1))
        ),
        "The outer test chose: that is the highest outer score of each fold.": float(
            np.mean([max(score(s, *fold) for s in settings) for fold in outer])
        ),
        "That takes one setting for all folds; then each fold's test has helped to "
        "choose, inside the other folds.": float(
            np.mean([score(one, *fold) for fold in outer])
        ),
        "Train the chosen setting on all of `rest`, not on an inner part of it.": float(
            np.mean([score(p, inner(rest)[0][0], test) for p, (rest, test) in folds])
        ),
        "A higher score is better; you took the lowest.": float(
            np.mean(
                [score(settings[int(np.argmin(v))], *fold)
                 for v, fold in zip(inside, outer, strict=True)]
            )
        ),
    }  # fmt: skip


def check_main_effect(answer: Answer) -> str:
    """``answer(table, name)`` returns a share of the variance."""
    import pandas as pd

    rng = np.random.default_rng(10)
    index = pd.MultiIndex.from_product(
        [["a", "b"], [1, 2, 3, 4]], names=["cell", "size"]
    )
    table = index.to_frame(index=False)
    table["loss"] = table["size"] * 0.3 + (table["cell"] == "b") + rng.normal(size=8)
    for name in ("size", "cell"):
        groups = table.groupby(name)["loss"]
        means, total = groups.mean(), table["loss"].var(ddof=0)
        found = one_number(call(answer, table.copy(), name))
        mistakes = {
            "That is the variance of the means. Divide by the variance of all "
            "losses.": means.var(ddof=0),
            "The two variances are of different kinds: use `ddof=0` for both.": (
                means.var() / total
            ),
            "The two variances are of different kinds: use `ddof=0` above and "
            "below.": means.var() / table["loss"].var(),
            "That is the share *within* the values of the setting: what is left when "
            "it is fixed.": groups.var(ddof=0).mean() / total,
            "Variances, not standard deviations.": means.std(ddof=0) / np.sqrt(total),
        }
        right = means.var(ddof=0) / total
        if np.isclose(found, right):
            continue
        for message, value in mistakes.items():
            if np.isclose(found, value):
                raise WrongAnswer(message)
        raise WrongAnswer(
            f"For {name!r} the share is {right:.3f}; yours is {found:.3f}."
        )
    return "Right: what is left when everything else is averaged away."


CHECKS = {
    "10b.1": check_draw_rates,
    "10b.2": check_pruner,
    "10b.3": check_optimism,
    "10b.4": check_nested,
    "10b.5": check_main_effect,
}
