"""Checks of chapter 14: multi-task learning."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import WrongAnswer, call, one_number

Answer = Callable[..., Any]
Array = NDArray[np.float64]


def check_masked_cross_entropy(answer: Answer) -> str:
    """``answer(logit, target)`` returns the mean over observed targets."""
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits as loss

    for n_missing in (0, 2, 5):
        generator = torch.Generator().manual_seed(n_missing)
        logit = 2 * torch.randn(8, generator=generator, dtype=torch.float64) + 1
        logit.requires_grad_()
        target = (torch.arange(8) % 2).double()
        target[torch.randperm(8, generator=generator)[:n_missing]] = torch.nan
        result = call(answer, logit, target.clone())
        if not isinstance(result, torch.Tensor) or not result.requires_grad:
            raise WrongAnswer(
                "Return a tensor that still knows where it came from: no `.item()`, no "
                "NumPy, or nothing can be learned from it."
            )
        found = one_number(result.detach())
        x, seen = logit.detach(), ~target.isnan()
        each = loss(x[seen], target[seen], reduction="none")
        if np.isnan(found):
            raise WrongAnswer("The loss is NaN: one missing label spoils the mean.")
        mistakes = {
            float(each.sum() / 8): "You divide by all series. Divide by those that "
            "have a label, or a task with few labels gets a small weight by accident.",
            float(loss(x, target.nan_to_num())): "A missing label counts as a label of "
            "0: leave these series out.",
            float(each.sum()): "That is the sum; the mean was asked.",
            float(loss(torch.sigmoid(x[seen]), target[seen])): "The sigmoid is there "
            "twice: the function with `with_logits` has its own.",
            float((torch.sigmoid(x[seen]) - target[seen]).square().mean()): "That is a "
            "squared error; yes or no asks for the cross-entropy.",
            float((x[seen] - target[seen]).square().mean()): "That is a squared error; "
            "yes or no asks for the cross-entropy.",
        }
        if not np.isclose(found, float(each.mean())):
            for value, message in mistakes.items():
                if np.isclose(found, value):
                    raise WrongAnswer(message)
            raise WrongAnswer(
                f"With {n_missing} of 8 labels missing the loss is "
                f"{float(each.mean()):.4g}; yours is {found:.4g}."
            )
        (slope,) = torch.autograd.grad(result, logit)
        if not torch.isfinite(slope).all():
            raise WrongAnswer(
                "The loss is right, but its gradient is NaN: what was hidden after the "
                "loss comes back as 0 × NaN. Take the observed ones out, or put a "
                "number in place of NaN, before they meet."
            )
        if not torch.allclose(
            slope[seen], (torch.sigmoid(x) - target)[seen] / seen.sum()
        ):
            raise WrongAnswer("The loss is right, but its gradient is another one.")
    return "Right, and its gradient is finite too."


def _kept(w: Array, n_units: int, weights: Array, way: str = "") -> Array:
    """Return what each task keeps, right or with a common mistake."""
    scale = {"": weights**0.5, "squared": weights, "alike": np.ones_like(weights)}
    rows = scale.get(way, weights**0.5)[:, None] * w
    vectors = np.linalg.svd(rows)[2]
    chosen = {"one": vectors[:1], "last": vectors[-n_units:]}.get(
        way, vectors[:n_units]
    )
    kept = ((w @ chosen.T) ** 2).sum(axis=1)
    lengths = (w**2).sum(axis=1)
    found: Array = kept if way == "length" else kept / lengths
    return found


def check_kept_by_units(answer: Answer) -> str:
    """``answer(w, n_units, weights)`` returns what each task keeps, ``(task,)``."""
    rng = np.random.default_rng(14)
    mistakes = {
        "alike": "The weights have no effect: scale each row by the *square root* of "
        "its weight before you look for the directions.",
        "squared": "The weights count twice: the loss is a square, so a row is scaled "
        "by the square root of its weight.",
        "one": "That is what one unit keeps: take the first `n_units` directions.",
        "last": "Those are the last directions, which the tasks need least.",
        "length": "Divide by each task's own size, `(w**2).sum(axis=1)`: a share was "
        "asked.",
    }
    for n_tasks, n_inputs, n_units in ((3, 5, 2), (2, 4, 1), (4, 6, 3)):
        w = rng.normal(size=(n_tasks, n_inputs))
        weights = rng.uniform(0.2, 5, size=n_tasks)
        found = _one_a_task(call(answer, w.copy(), n_units, weights.copy()), n_tasks)
        right = _kept(w, n_units, weights)
        if np.allclose(found, right):
            continue
        for way, message in mistakes.items():
            if np.allclose(found, _kept(w, n_units, weights, way)):
                raise WrongAnswer(message)
        raise WrongAnswer(
            f"For {n_tasks} tasks and {n_units} units the shares are "
            f"{right.round(3)}; yours are {found.round(3)}."
        )
    return "Right. With as many units as tasks, what do all of them keep?"


def _one_a_task(result: Any, n_tasks: int) -> Array:
    try:
        found = np.asarray(result, dtype=float)
    except (TypeError, ValueError):
        raise WrongAnswer(f"An array with one number a task was expected; yours is "
                          f"{result!r}.") from None  # fmt: skip
    if found.shape != (n_tasks,):
        raise WrongAnswer(
            f"One number for each of {n_tasks} tasks was expected; yours has the shape "
            f"{found.shape}."
        )
    return found


def _uncertain(
    losses: dict[str, float], s: dict[str, float], kinds: dict[str, str], way: str = ""
) -> float:
    total = 0.0
    for name, kind in kinds.items():
        half = 0.5 if kind == "regression" else 1.0
        half = {"no half": 1.0, "all half": 0.5}.get(way, half)
        sign = 1 if way == "times" else -1
        term = {"no log": 0.0, "whole": s[name]}.get(way, s[name] / 2)
        total += half * np.exp(sign * s[name]) * losses[name] + term
    return float(total)


def check_uncertainty_total(answer: Answer) -> str:
    """``answer(losses, s, kinds)`` returns the weighed sum of Kendall et al."""
    rng = np.random.default_rng(3)
    names = {"ill": "binary", "age": "regression", "hour": "regression"}
    mistakes = {
        "no log": "`s` itself is missing from the sum: then the cheapest way is to let "
        "every `s` grow and learn nothing.",
        "whole": "`s` is the logarithm of a variance, so half of it is added.",
        "no half": "A regression's loss is halved: it is the exponent of a normal "
        "density.",
        "all half": "Only a regression's loss is halved, a cross-entropy's is not.",
        "times": "The loss is *divided* by the variance: `exp(-s)`.",
    }
    for _ in range(3):
        losses = {
            n: float(v) for n, v in zip(names, rng.uniform(0.1, 3, 3), strict=True)
        }
        s = {n: float(v) for n, v in zip(names, rng.normal(size=3), strict=True)}
        found = one_number(call(answer, dict(losses), dict(s), dict(names)))
        if np.isclose(found, _uncertain(losses, s, names)):
            continue
        for way, message in mistakes.items():
            if np.isclose(found, _uncertain(losses, s, names, way)):
                raise WrongAnswer(message)
        raise WrongAnswer(
            f"The sum is {_uncertain(losses, s, names):.4g}; yours is {found:.4g}."
        )
    return "Right: where the losses are at rest, each regression has s = log(loss)."


def _slope(
    weights: Array, norms: Array, losses: Array, first: Array, alpha: float,
    way: str = "",
) -> Array:  # fmt: skip
    weighed = norms if way == "unweighed" else weights * norms
    left = first / losses if way == "upside down" else losses / first
    pace = left if way == "not relative" else left / left.mean()
    wanted = weighed.mean() * pace ** (1.0 if way == "no alpha" else alpha)
    sign = np.sign(weighed - wanted)
    found: Array = sign * norms
    if way == "sign":
        found = sign
    elif way == "weighed":
        found = sign * weighed
    elif way == "other sign":
        found = -found
    return found


def check_grad_norm_slope(answer: Answer) -> str:
    """``answer(weights, norms, losses, first, alpha)`` returns ``(task,)``."""
    rng = np.random.default_rng(8)
    mistakes = {
        "sign": "The signs are right. But the derivative of `w * norm` for `w` is the "
        "norm: multiply.",
        "weighed": "The derivative of `w * norm` for `w` is the norm *without* the "
        "weight.",
        "other sign": "The other way round: a weight whose gradient is too long must "
        "fall, so its slope is positive.",
        "unweighed": "Compare the lengths of the gradients *with* their weights.",
        "upside down": "The share of the first loss that is left is `losses / first`.",
        "not relative": "The pace is relative: divide by its mean over the tasks.",
        "no alpha": "Raise the pace to the power `alpha`.",
    }
    seen: set[str] = set()
    for _ in range(40):  # signs alone differ little: many draws tell mistakes apart
        w, norms, losses, first = given = rng.uniform(0.3, 3, size=(4, 3))
        found = _one_a_task(call(answer, *(row.copy() for row in given), 1.7), 3)
        if np.allclose(found, _slope(w, norms, losses, first, 1.7)):
            continue
        own = {
            way
            for way in mistakes
            if np.allclose(found, _slope(w, norms, losses, first, 1.7, way))
        }
        seen = seen & own if seen else own
        if not seen:
            break
    else:
        if not seen:
            return "Right: a sign for each task, times the length of its gradient."
        raise WrongAnswer(mistakes[next(w for w in mistakes if w in seen)])
    right = _slope(w, norms, losses, first, 1.7).round(3)
    raise WrongAnswer(f"The slope is {right}; yours is {found.round(3)}.")


def check_labels_until_own(answer: Answer) -> str:
    """``answer(cosine, n_inputs, noise)`` returns the smallest number of labels."""
    for cosine, n_inputs, noise in ((0.9, 8, 0.5), (0.5, 20, 1.3), (-0.95, 5, 0.7)):
        found = one_number(call(answer, cosine, n_inputs, noise))
        sine = 1 - cosine**2
        edge = n_inputs + 1 + noise**2 * n_inputs / sine
        right = int(np.floor(edge)) + 1
        where = f"At a cosine of {cosine}, {n_inputs} inputs and noise {noise}"
        mistakes = {
            float(right - 1): "one more is needed: at this number borrowing is still "
            "as good or better.",
            edge: "a whole number was asked, the first one above the edge.",
            float(np.floor(noise**2 * n_inputs / sine)) + 1: "the `p + 1` is missing: "
            "with so few labels least squares has no solution of its own.",
            float(np.floor(n_inputs + 1 + noise * n_inputs / sine)) + 1: "the noise "
            "enters as a variance: square it.",
            float(np.floor(n_inputs + 1 + noise**2 * n_inputs / cosine**2)) + 1: "the "
            "loss of borrowing is the squared *sine*, `1 - cosine**2`.",
            float(np.floor(n_inputs + 1 + noise**2 * n_inputs / (1 - cosine))) + 1:
            "the loss of borrowing is `1 - cosine**2`: tasks of opposite sign are "
            "related too.",
        }  # fmt: skip
        if found == right:
            continue
        for value, message in mistakes.items():
            if np.isclose(found, value):
                raise WrongAnswer(f"{where}: {message}")
        raise WrongAnswer(f"{where} it is {right}; yours is {found:g}.")
    return "Right. And it falls as the tasks come apart."


def check_permuted_control(answer: Answer) -> str:
    """``answer(labels, main, train, rng)`` returns labels, some dealt out anew."""
    rng = np.random.default_rng(5)
    train = np.array([0, 2, 3, 5, 6, 8, 9, 10])
    labels = {name: rng.normal(size=(12, 3)) for name in ("age", "ill", "later")}
    dealt = [
        _one_deal(answer, labels, main, train, number)
        for main, number in (("ill", 1), ("ill", 2), ("ill", 1), ("later", 1))
    ]
    if np.array_equal(dealt[0], dealt[1]):
        raise WrongAnswer("Two generators dealt out alike: draw from `rng`.")
    if not np.array_equal(dealt[0], dealt[2]):
        raise WrongAnswer(
            "The same generator dealt out otherwise: draw from `rng`, and from nothing "
            "else, or nobody can repeat the control."
        )
    return (
        "Right: as many heads, losses and values as before, and nothing to learn about "
        "these people."
    )


def _one_deal(
    answer: Answer, labels: dict[str, Array], main: str, train: NDArray[np.int64],
    number: int,
) -> Array:  # fmt: skip
    """Check one control; return the labels of ``"age"``, which is never the main."""
    kept = {name: values.copy() for name, values in labels.items()}
    given = {name: values.copy() for name, values in labels.items()}
    found = call(answer, given, main, train.copy(), np.random.default_rng(number))
    if any(not np.array_equal(given[n], kept[n]) for n in kept):
        raise WrongAnswer("Your function changed `labels` itself: copy first.")
    if not isinstance(found, dict) or set(found) != set(kept):
        raise WrongAnswer(f"A dict with the tasks {sorted(kept)} was expected.")
    held_out = np.setdiff1d(np.arange(12), train)
    for name, values in kept.items():
        own = np.asarray(found[name], dtype=float)
        if own.shape != values.shape:
            raise WrongAnswer(
                f"The labels of {name!r} had the shape {values.shape}; yours have "
                f"{own.shape}."
            )
        if name == main:
            if not np.array_equal(own, values):
                raise WrongAnswer(
                    "The main labels have moved: then nothing could be learned, and "
                    "the control would be no fair rival."
                )
            continue
        if not np.array_equal(own[held_out], values[held_out]):
            raise WrongAnswer(
                "People held out got other labels: deal out among `train` alone."
            )
        if np.array_equal(own, values):
            raise WrongAnswer(
                f"The labels of {name!r} are where they were, and the main task was "
                f"{main!r}."
            )
        if not np.allclose(np.sort(own[train], axis=0), np.sort(values[train], axis=0)):
            raise WrongAnswer(
                "Labels were lost or moved between times: permute, do not draw, and "
                "along the people alone."
            )
        rows = {tuple(row) for row in values}
        if any(tuple(row) not in rows for row in own):
            raise WrongAnswer("A person's row was torn apart: move whole rows.")
    age: Array = np.asarray(found["age"], dtype=float)
    return age


CHECKS = {
    "14.1": check_masked_cross_entropy,
    "14.2": check_kept_by_units,
    "14.3": check_uncertainty_total,
    "14.4": check_grad_norm_slope,
    "14.5": check_labels_until_own,
    "14.6": check_permuted_control,
}
