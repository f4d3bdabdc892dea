"""Checks of chapter 11: regularisation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import WrongAnswer, call, one_number

Answer = Callable[..., Any]


def check_gap(answer: Answer) -> str:
    """``answer(p_train, y_train, p_test, y_test)`` is the gap of cross-entropies."""
    p_train, y_train = np.array([0.9, 0.2, 0.8, 0.1]), np.array([1, 0, 1, 0])
    p_test, y_test = np.array([0.6, 0.7, 0.95]), np.array([1, 0, 0])
    found = one_number(call(answer, p_train, y_train, p_test, y_test))

    def losses(p: Any, y: Any) -> Any:
        return -np.log(np.where(y == 1, p, 1 - p))

    train, test = losses(p_train, y_train), losses(p_test, y_test)
    right = test.mean() - train.mean()
    if np.isclose(found, right):
        return "Right: a number of nats, and not yet a word about who is right."
    ones = np.log(p_train) * y_train, np.log(p_test) * y_test
    for wrong, words in (
        (-right, "Held-out minus training, so that overfitting gives a positive gap."),
        (test.sum() - train.sum(), "The mean over the series, not the sum."),
        (right / np.log(2), "The natural logarithm gives nats; yours gives bits."),
        (-np.log(p_test).mean() + np.log(p_train).mean(), "Where the label is 0 the "
         "right class has the probability `1 - p`."),
        (-ones[1].mean() + ones[0].mean(), "Series of class 0 have a loss, too."),
        (test.mean(), "That is the held-out loss alone."),
        (1 - 1 / 3, "That is the gap of accuracies: take the losses."),
        (1 / 3 - 1, "That is the gap of accuracies: take the losses."),
    ):  # fmt: skip
        if np.isclose(found, wrong):
            raise WrongAnswer(words)
    raise WrongAnswer(
        f"{right:.3f} was expected for the check's two sets; yours is {found:.3f}."
    )


def check_two_layers(answer: Answer) -> str:
    """``answer(lower, upper, x, rate)`` is what ``nn.GRU(dropout=rate)`` returns."""
    import torch
    from torch import nn
    from torch.nn.functional import dropout

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        both = nn.GRU(3, 4, num_layers=2, dropout=0.5)
        lower, upper = nn.GRU(3, 4), nn.GRU(4, 4)
        for number, layer in enumerate((lower, upper)):
            for name, weight in layer.named_parameters():
                own = both.get_parameter(name.replace("l0", f"l{number}"))
                weight.data.copy_(own)
        x = torch.randn(6, 5, 3)

        def seeded(function: Answer) -> Any:
            torch.manual_seed(1)
            return call(function)

        read = []  # what the upper layer was given: a mask may be drawn in other ways
        with torch.no_grad():
            hook = upper.register_forward_hook(lambda _, given, __: read.append(given))
            found = seeded(lambda: answer(lower, upper, x, 0.5))
            hook.remove()
            if isinstance(found, tuple | list):
                raise WrongAnswer("Return the states alone, the first of the pair.")
            right = seeded(lambda: both(x)[0])
            wrongs = [
                (lambda: upper(lower(x)[0])[0], "Nothing is dropped yet."),
                (lambda: upper(lower(dropout(x, 0.5))[0])[0],
                 "The inputs of the lower layer are not dropped."),
                (lambda: dropout(upper(lower(x)[0])[0], 0.5),
                 "What the upper layer returns is not dropped."),
                (lambda: dropout(upper(dropout(lower(x)[0], 0.5))[0], 0.5),
                 "Between the layers is right; behind the upper one nothing is."),
                (lambda: dropout(lower(x)[0], 0.5),
                 "The upper layer still has to read what is left."),
                (lambda: lower(x)[0], "Where is the upper layer?"),
            ]  # fmt: skip
            for function, words in wrongs:
                wrong = seeded(function)
                if found.shape == wrong.shape and torch.allclose(found, wrong):
                    raise WrongAnswer(words)
            if found.shape == right.shape and torch.allclose(found, right, atol=1e-6):
                return "Right, from the same seed to the same numbers."
            if (
                len(read) == 1
                and found.shape == right.shape
                and torch.allclose(found, upper(read[0][0])[0], atol=1e-6)
                and _is_dropped(read[0][0], lower(x)[0], 0.5)
            ):
                return "Right: another draw than the library's, and the same dropout."
            raise WrongAnswer(
                "Not what `nn.GRU(num_layers=2, dropout=rate)` returns: call "
                "`nn.functional.dropout` once, on the states that pass from the lower "
                "layer to the upper one."
            )


def _is_dropped(found: Any, states: Any, rate: float) -> bool:
    """Say whether states were dropped at ``rate``, anew at each step and series."""
    if found.shape != states.shape:
        return False
    mask = np.asarray((found / states).numpy()).round(4)  # (time, batch, hidden)
    fresh = np.ptp(mask, axis=0).any() and np.ptp(mask, axis=1).any()
    values = np.isin(mask, [0.0, round(1 / (1 - rate), 4)]).all()
    return bool(values and fresh and abs((mask == 0).mean() - rate) < 0.2)


def check_drop_series(answer: Answer) -> str:
    """``answer(x, rate, rng)`` uses one mask a series at every step."""
    x = np.ones((300, 7, 6))
    found = np.asarray(call(answer, x.copy(), 0.25, np.random.default_rng(0)))
    if found.shape != x.shape:
        raise WrongAnswer(
            f"The shape {x.shape} of the series stays; yours is {found.shape}."
        )
    values = np.unique(found.astype(float).round(6))
    if np.array_equal(values, [0, 1]):
        raise WrongAnswer("The mask is right; divide by `1 - rate` to keep the mean.")
    if len(values) == 1:
        raise WrongAnswer("Nothing was dropped, or everything.")
    if len(values) != 2 or not np.allclose(values, [0, 1 / 0.75]):
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
    same = np.asarray(call(answer, x.copy(), 0.25, np.random.default_rng(0)))
    if not np.array_equal(same, found):
        raise WrongAnswer("The same generator gives another mask: draw from `rng`.")
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
    "11.1": check_gap,
    "11.2": check_two_layers,
    "11.3": check_drop_series,
    "11.4": check_first_step,
    "11.5": check_stopping,
    "11.6": check_honest_and_hindsight,
}
