"""Checks of chapter 8: splits and leakage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..leaks import strongest
from . import WrongAnswer, call, one_number

Answer = Callable[..., Any]


def check_on_both_sides(answer: Answer) -> str:
    """``answer(groups, train, test)`` returns the groups that are on both sides."""
    groups = np.array(["ann", "bo", "bo", "cy", "cy", "cy", "di", "ann"])
    train, test = np.array([0, 2, 4, 5]), np.array([7, 3, 6])
    found = list(call(answer, groups, train, test))
    if found == [True, True] or any(isinstance(f, (bool, np.bool_)) for f in found):
        raise WrongAnswer("Return the names of the groups, not `True` or `False`.")
    if [str(f) for f in found] == ["ann", "cy"]:
        clean = list(call(answer, groups, np.array([0, 7]), np.array([1, 2])))
        if clean:
            raise WrongAnswer(
                f"Nobody is on both sides of a clean split; yours says {clean}."
            )
        ordered = list(
            call(answer, np.array([9, 10, 2, 9, 10, 2]), np.arange(3), np.arange(3, 6))
        )
        if [int(f) for f in ordered] != [2, 9, 10]:
            raise WrongAnswer(f"Sort the groups: 2, 9, 10. Yours are {ordered}.")
        return "Right. Put it behind every split as `assert not on_both_sides(...)`."
    if sorted(map(str, found)) == ["ann", "cy", "cy"]:
        raise WrongAnswer("Each group once: a group may have several rows.")
    if sorted(map(str, found)) == ["ann", "cy"]:
        raise WrongAnswer("The right groups, but not sorted.")
    if sorted(map(str, found)) == ["ann", "bo", "cy", "di"]:
        raise WrongAnswer(
            "Those are the groups of either side; only those of both were asked for."
        )
    if not found:
        raise WrongAnswer(
            "Two people are on both sides. Rows are never shared; compare `groups` of "
            "the rows, not the row numbers."
        )
    raise WrongAnswer(f"'ann' and 'cy' are on both sides; yours are {found}.")


def check_prepare(answer: Answer) -> str:
    """``answer(x, y, train, n_genes)`` chooses and scales by training rows alone."""
    rng = np.random.default_rng(8)
    x = rng.normal(2.0, 1.5, size=(14, 60))
    y = np.array([0, 1] * 7)
    train = np.array([0, 1, 2, 3, 4, 5, 7, 8, 10, 13])
    found = np.asarray(call(answer, x.copy(), y, train, 6))
    if found.shape != (14, 6):
        if found.shape == (10, 6):
            raise WrongAnswer("Return all rows: test people must be scaled as well.")
        raise WrongAnswer(
            f"All 14 rows of 6 chosen genes were expected; yours is {found.shape}."
        )

    def scaled(rows_chosen: Any, rows_scaled: Any) -> Any:
        part = x[:, strongest(x[rows_chosen], y[rows_chosen], 6)]
        return (part - part[rows_scaled].mean(0)) / part[rows_scaled].std(0)

    everyone = np.arange(14)
    if np.allclose(found, scaled(train, train)):
        changed, flipped = x.copy(), y.copy()
        changed[6] += 100
        flipped[[6, 9]] = 1 - flipped[[6, 9]]
        again = np.asarray(call(answer, changed, flipped, train, 6))
        if not np.allclose(again[train], found[train]):
            raise WrongAnswer("A test person still moves the values of the training.")
        return "Right: whoever is held out has no part in it."
    if np.allclose(found, scaled(everyone, everyone)):
        raise WrongAnswer("Both leaks are still there: nothing uses `train` yet.")
    if np.allclose(found, scaled(everyone, train)):
        raise WrongAnswer("Scaling is mended; the genes are still chosen on everyone.")
    if np.allclose(found, scaled(train, everyone)):
        raise WrongAnswer("The choice is mended; means and spreads still see everyone.")
    own = x[:, strongest(x[train], y[train], 6)]
    test = np.setdiff1d(everyone, train)
    apart = scaled(train, train)
    apart[test] = (own[test] - own[test].mean(0)) / own[test].std(0)
    if np.allclose(found, apart):
        raise WrongAnswer(
            "Test rows were scaled by their own mean and spread: use the training's."
        )
    raise WrongAnswer(
        "Those are not z-scores of the six genes with the largest t on the training "
        "rows: take `strongest(x[train], y[train], n_genes)`."
    )


def check_permutation_p(answer: Answer) -> str:
    """``answer(value, null)`` returns the one-sided p with the true labels counted."""
    null = np.array([0.2, 0.5, 0.5, 0.6, 0.7, 0.7, 0.8, 0.3, 0.4])
    found = one_number(call(answer, 0.7, null))
    if not np.isclose(found, 4 / 10):
        if np.isclose(found, 3 / 9):
            raise WrongAnswer(
                "That is the share of dealings; count the true labelling in, above and "
                "below the line, or p can be zero."
            )
        if np.isclose(found, 2 / 10):
            raise WrongAnswer("A dealing that *equals* the value is as high: use `>=`.")
        if np.isclose(found, 4 / 9):
            raise WrongAnswer("One more above the line, so one more below it as well.")
        if np.isclose(found, 3 / 10):
            raise WrongAnswer("One more below the line, so one more above it as well.")
        if np.isclose(found, 7 / 10):
            raise WrongAnswer(
                "You counted the dealings that are lower; a high score is the rare one."
            )
        if np.isclose(found, 8 / 10):
            raise WrongAnswer("One-sided was asked for: do not double it.")
        raise WrongAnswer(
            "Three of nine dealings reach 0.7, so p = (1 + 3) / (1 + 9); yours is "
            f"{found:.3g}."
        )
    if not np.isclose(one_number(call(answer, 2.0, null)), 0.1):
        raise WrongAnswer("No dealing reaches 2, and p is 1 / 10, not zero.")
    return "Right: with nine dealings p can be 0.1 at the least, and never 0."


def check_resampled_accuracies(answer: Answer) -> str:
    """``answer(right, people, n, rng)`` draws people, with all of their samples."""
    # one person of ten has 30 samples, all right; the others have 2, all wrong
    people = np.repeat(np.arange(10), [30] + [2] * 9)
    right = (people == 0).astype(float)
    found = np.asarray(call(answer, right, people, 4000, np.random.default_rng(1)))
    if found.shape != (4000,):
        raise WrongAnswer(
            f"`n` accuracies were expected, (4000,); yours has the shape {found.shape}."
        )
    if np.ptp(found) == 0:
        raise WrongAnswer("All draws are equal: draw people anew, with replacement.")
    again = np.asarray(call(answer, right, people, 4000, np.random.default_rng(1)))
    if not np.array_equal(found, again):
        raise WrongAnswer("The same generator gave other draws: use `rng` alone.")
    if np.isin(found, [0, 1]).all():
        raise WrongAnswer(
            "Each of your means rests on one person or one sample: draw as many people "
            "as there are, ten here, for each."
        )
    never = np.mean(found == 0)  # the first person is not drawn: 0.9 ** 10
    if never < 0.01:
        raise WrongAnswer(
            "You drew samples. Then nobody is ever left out; draw *people*, with all "
            "their samples."
        )
    if np.isin(np.round(found * 10, 9), np.arange(11)).all():
        raise WrongAnswer(
            "You averaged the people's accuracies. One person has 30 samples and the "
            "others 2: sum over all samples drawn, and divide by their number."
        )
    counts = np.arange(1, 11)
    possible = np.append(0, 30 * counts / (30 * counts + 2 * (10 - counts)))
    if not np.isclose(found[:, None], possible[None, :]).any(axis=1).all():
        raise WrongAnswer(
            "Some of your means cannot come from ten people drawn with replacement: "
            "whoever is drawn twice counts twice, with all samples."
        )
    if abs(never - 0.9**10) > 0.05:
        raise WrongAnswer(
            f"The first of ten people is missing from {never:.0%} of your draws; with "
            "replacement it should be 35 %."
        )
    return "Right: whoever is drawn comes with all samples, as often as drawn."


def check_skill_of_past_mean(answer: Answer) -> str:
    """``answer(values, origin)`` returns the past mean's skill over persistence."""
    rng = np.random.default_rng(3)
    values = np.cumsum(rng.normal(size=(40, 9)), axis=1) * 0.6 + rng.normal(
        size=(40, 9)
    )
    values -= values.mean(axis=1, keepdims=True)
    values[3, 5] = values[7, 6] = values[9, 2] = values[9, 5] = np.nan
    origin = 5

    def last_of(row: Any) -> float:
        part = row[: origin + 1]
        return float(part[np.isfinite(part)][-1])

    def expected(mean: Any, measured: Any, last: Any) -> float:
        target = values[:, origin + 1]
        errors = ((target - mean) ** 2)[measured].sum()
        return float(1 - errors / ((target - last) ** 2)[measured].sum())

    past = np.nanmean(values[:, : origin + 1], axis=1)
    last = np.array([last_of(row) for row in values])
    measured = np.isfinite(values[:, origin + 1])
    found = one_number(call(answer, values.copy(), origin))
    if np.isnan(found):
        raise WrongAnswer(
            "Yours is not a number: some values are missing. Use `np.nanmean`, the "
            "last *measured* value, and the genes whose next value was measured."
        )
    if np.isclose(found, expected(past, measured, last)):
        moved = values.copy()
        moved[:, origin + 2 :] += 10
        if not np.isclose(one_number(call(answer, moved, origin)), found):
            raise WrongAnswer("Values after the target changed your skill: a leak.")
        return "Right, and nothing after the origin had a part in the forecast."
    if np.isclose(found, expected(0.0, measured, last)):
        raise WrongAnswer(
            "The genes are still centred as they came, over the whole course: the zero "
            "knows the future. Subtract the mean of the past."
        )
    late = np.nanmean(values[:, : origin + 2], axis=1)
    if np.isclose(found, expected(late, measured, last)):
        raise WrongAnswer("Your past ends one step too late: it holds the target.")
    early = np.nanmean(values[:, :origin], axis=1)
    if np.isclose(found, expected(early, measured, last)):
        raise WrongAnswer("The origin itself was measured: `values[:, : origin + 1]`.")
    if np.isclose(found, 1 - expected(past, measured, last)):
        raise WrongAnswer("That is the ratio of the errors; skill is one minus it.")
    if np.isclose(found, 1 - 1 / (1 - expected(past, measured, last))):
        raise WrongAnswer("The ratio is upside down: persistence's error goes below.")
    both = measured & np.isfinite(values[:, origin])
    if np.isclose(found, expected(past, both, np.nan_to_num(values[:, origin]))):
        raise WrongAnswer(
            "Genes without a value at the origin were left out: persistence takes the "
            "last value that was measured before."
        )
    raise WrongAnswer(
        f"{expected(past, measured, last):.3f} was expected, yours is {found:.3f}."
    )


CHECKS = {
    "08.1": check_on_both_sides,
    "08.2": check_prepare,
    "08.3": check_permutation_p,
    "08.4": check_resampled_accuracies,
    "08.5": check_skill_of_past_mean,
}
