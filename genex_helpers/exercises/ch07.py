"""Checks of chapter 7: batch effects, and when correcting them misleads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import NotAnswered, WrongAnswer, call, one_number

Answer = Callable[..., Any]


def check_share_by_chance(answer: Answer) -> str:
    """``answer(n_classes, n_samples)`` is what a factor takes from noise."""
    found = one_number(call(answer, 5, 57))
    if np.isclose(found, 5 / 57):
        raise WrongAnswer(
            "Close: one class alone explains nothing, and yours gives it a share."
        )
    if np.isclose(found, 4 / 57) or np.isclose(found, 5 / 56):
        raise WrongAnswer(
            "Close: one mean is subtracted from both, from the classes and from the "
            "samples."
        )
    if np.isclose(found, 52 / 56):
        raise WrongAnswer("That is what is left within the classes: turn it round.")
    if np.isclose(found, 100 * 4 / 56):
        raise WrongAnswer("Right, but as a share: between 0 and 1.")
    if not np.isclose(found, 4 / 56):
        raise WrongAnswer(
            f"For 5 classes in 57 samples we expected {4 / 56:.4f}, yours is "
            f"{found:.4g}. With as many classes as samples it must be 1."
        )
    if not np.isclose(one_number(call(answer, 8, 8)), 1.0):
        raise WrongAnswer("Right for 5 classes in 57 samples, but for no others.")
    return "Right: with few samples, a large share may be nothing."


def check_comparing_batches(answer: Answer) -> str:
    """``answer(batch, group)`` lists the batches that hold more than one group."""
    batch = np.array([1, 1, 1, 2, 2, 3, 3, 4, 4, 4])
    group = np.array(list("aabbbabccb"))
    listed = np.asarray(call(answer, batch, group))
    if listed.ndim != 1:
        raise WrongAnswer("Return a list of the names of batches.")
    found = np.sort(listed).tolist()
    if found == []:
        raise WrongAnswer("No batch holds *all* groups; two of them are enough.")
    if found == [2]:
        raise WrongAnswer("Those are the batches that cannot compare: turn it round.")
    if found == [1, 3]:
        raise WrongAnswer(
            "There may be more than the groups a and b; batch 4 compares b with c."
        )
    if found == [1, 2, 3, 4]:
        raise WrongAnswer("You got every batch; batch 2 holds one group only.")
    if found == [False, True, True, True] or found == [0, 1, 1, 1]:
        raise WrongAnswer("Return the names of the batches, not whether they compare.")
    if found == [1, 2, 2, 2]:
        raise WrongAnswer("Those are numbers of groups. Return the names of batches.")
    if found != [1, 3, 4]:
        raise WrongAnswer(f"We expected [1, 3, 4], yours is {found}.")
    kinds = np.array(list("xxyy")), np.array(list("abaa"))
    if np.asarray(call(answer, *kinds)).tolist() != ["x"]:
        raise WrongAnswer("Right for numbered batches; batches may have names as well.")
    return "Right: all other batches say nothing about a difference between groups."


def check_shrunk_shift(answer: Answer) -> str:
    """``answer(shift, variance, n)`` is the posterior mean of shifts."""
    shift, variance = np.array([1.0, 2.0, 3.0, 6.0]), np.array([1.0, 2.0, 0.5, 1.0])
    n = 5

    def posterior(tau2: float, count: float, prior: float) -> Any:
        return (count * tau2 * shift + variance * prior) / (count * tau2 + variance)

    tau2 = float(shift.var(ddof=1))
    found = np.asarray(call(answer, shift.copy(), variance.copy(), n), dtype=float)
    if found.shape != shift.shape:
        raise WrongAnswer(f"One shift a gene was expected, (4,), got {found.shape}.")
    if np.allclose(found, posterior(tau2, n, 3.0)):
        return "Right: a gene with a small variance moves least."
    if np.allclose(found, posterior(float(shift.var()), n, 3.0)):
        raise WrongAnswer(
            "Close: numpy divides a variance by the number of genes unless you say "
            "`ddof=1`."
        )
    if np.allclose(found, posterior(tau2, 1, 3.0)):
        raise WrongAnswer("n is missing: more samples must pull less.")
    if np.allclose(found, posterior(tau2, n, 0.0)):
        raise WrongAnswer("You pull towards 0; the prior's mean is that of the shifts.")
    if np.allclose(found, posterior(float(np.sqrt(tau2)), n, 3.0)):
        raise WrongAnswer("τ² is the variance of the shifts, not their spread.")
    swapped = (variance * shift + n * tau2 * 3.0) / (n * tau2 + variance)
    if np.allclose(found, swapped):
        raise WrongAnswer("The two weights have changed places: nτ² goes with γ̂.")
    pooled = (n * tau2 * shift + variance.mean() * 3.0) / (n * tau2 + variance.mean())
    if np.allclose(found, pooled):
        raise WrongAnswer("Each gene is pulled by its own variance, not by their mean.")
    if np.allclose(found, 3.0):
        raise WrongAnswer("All genes were pulled all the way to the mean.")
    if np.allclose(found, shift):
        raise WrongAnswer("Nothing was pulled: those are the shifts themselves.")
    raise WrongAnswer("Not yet: two weights, nτ² and δ², over their sum.")


def check_shift_test_samples(answer: Answer) -> str:
    """``answer(x_train, batch_train, x_test, batch_test)`` corrects test samples."""
    rng = np.random.default_rng(0)
    batch_train, batch_test = np.array([0] * 6 + [1] * 3), np.array([1, 0, 1])
    x_train = rng.normal(size=(9, 4)) + 3 * batch_train[:, None]
    x_test = rng.normal(size=(3, 4)) + 3 * batch_test[:, None]
    given = x_test.copy()
    found = np.asarray(call(answer, x_train, batch_train, x_test, batch_test))
    if not np.array_equal(x_test, given):
        raise WrongAnswer("You changed the test samples in place: work on a copy.")
    if found.shape != x_test.shape:
        raise WrongAnswer(f"Expected {x_test.shape}, yours is {found.shape}.")
    own = np.array([x_train[batch_train == b].mean(axis=0) for b in (0, 1)])
    seen = np.array([x_test[batch_test == b].mean(axis=0) for b in (0, 1)])
    centre = x_train.mean(axis=0)
    if np.allclose(found, x_test):
        raise WrongAnswer("Nothing was corrected.")
    if np.allclose(found, x_test + own[batch_test] - centre):
        raise WrongAnswer("The shift was added; subtract it.")
    if np.allclose(found, x_test - own[batch_test]):
        raise WrongAnswer(
            "The level is gone as well: add the mean of all training samples."
        )
    if np.allclose(found, x_test - own[batch_test] + own.mean(axis=0)):
        raise WrongAnswer(
            "You add the mean of the batch means; here the mean of all samples is "
            "asked for, in which a large batch counts for more."
        )
    if np.allclose(found - x_test, (centre - seen)[batch_test]) or np.allclose(
        found - x_test, (x_test.mean(axis=0) - seen)[batch_test]
    ):
        raise WrongAnswer(
            "You used the means of the *test* samples. A single new sample would then "
            "be moved onto its own mean, and nothing of it would be left."
        )
    if not np.allclose(found, x_test - own[batch_test] + centre):
        raise WrongAnswer(
            "Not yet: test value, minus the training mean of its batch, plus the "
            "training mean of all."
        )
    try:
        answer(x_train, batch_train, x_test, np.array([1, 0, 2]))
    except ValueError:
        return "Right, and a batch that was not there is refused."
    raise WrongAnswer(
        "The numbers are right; but a batch without training samples got through. "
        "Raise a ValueError."
    )


def check_permute_within(answer: Answer) -> str:
    """``answer(labels, batch, rng)`` permutes labels within batches."""
    rng = np.random.default_rng(0)
    batch = np.tile([0, 1, 2], 20)
    labels = np.where(batch == 0, "a", np.where(np.arange(60) % 4 < 2, "a", "b"))
    given = labels.copy()
    draws = []
    for _ in range(3):
        found = answer(labels, batch, rng)
        if found is ...:
            raise NotAnswered
        draws.append(np.asarray(found))
    if not np.array_equal(labels, given):
        raise WrongAnswer("You changed the labels that were given: work on a copy.")
    if any(d.shape != labels.shape for d in draws):
        raise WrongAnswer("Return one label a sample, in the order of the samples.")
    if all(np.array_equal(d, labels) for d in draws):
        raise WrongAnswer("Nothing was permuted.")
    same_total = all(np.array_equal(np.sort(d), np.sort(labels)) for d in draws)
    if not same_total:
        raise WrongAnswer(
            "Some labels are lost and others doubled: permute, do not draw anew."
        )
    kept = all(
        np.array_equal(np.sort(d[batch == b]), np.sort(labels[batch == b]))
        for d in draws
        for b in (0, 1, 2)
    )
    if not kept:
        raise WrongAnswer(
            "Labels have moved between batches. A batch that holds one group in the "
            "study must hold it in every permutation."
        )
    if np.array_equal(draws[0], draws[1]) and np.array_equal(draws[1], draws[2]):
        raise WrongAnswer("Three calls gave the same order: draw with `rng`.")
    return "Right: what the design fixed stays fixed."


CHECKS = {
    "07.1": check_share_by_chance,
    "07.2": check_comparing_batches,
    "07.3": check_shrunk_shift,
    "07.4": check_shift_test_samples,
    "07.5": check_permute_within,
}
