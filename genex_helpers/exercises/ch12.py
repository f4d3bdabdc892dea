"""Checks of chapter 12: optimisers and schedules."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import NotAnswered, WrongAnswer, call, one_number

Answer = Callable[..., Any]
Array = NDArray[np.float64]

CURVATURE = np.array([1.0, 100.0])  # of the chapter's valley
TURN = np.array([[1.0, -1.0], [1.0, 1.0]]) / np.sqrt(2)


def check_largest_stable_rate(answer: Answer) -> str:
    """``answer(curvatures)`` returns two over the largest."""
    for curvatures in ([1.0, 25.0], [4.0, 0.5, 2.0], [0.1]):
        found = one_number(call(answer, np.array(curvatures)))
        wrong = {
            1 / max(curvatures): "At one over the largest curvature the steep weight "
            "is at zero in one step. It may overshoot, as long as it shrinks: the "
            "factor may go down to -1.",
            2 / min(curvatures): "The flattest direction allows the largest rate. The "
            "steepest is the strictest.",
            2 / float(np.mean(curvatures)): "Not the mean: a single direction that "
            "grows is enough to be thrown out.",
            2 * max(curvatures): "The other way round: the steeper, the smaller the "
            "rate.",
        }
        if np.isclose(found, 2 / max(curvatures)):
            continue
        for value, message in wrong.items():
            if np.isclose(found, value):
                raise WrongAnswer(message)
        raise WrongAnswer(
            f"For the curvatures {curvatures} the limit is not {found:.4g}: solve "
            "|1 - rate * curvature| < 1 for each of them."
        )
    return "Right: the steepest direction sets the limit for all."


def check_adamw_step(answer: Answer) -> str:
    """``answer(w, g, m, s, t, rate, decay)`` returns the new w, m and s."""
    rng = np.random.default_rng(12)
    for t in (1, 7):
        w, g, m = rng.normal(size=3)
        s = abs(rng.normal())
        if t == 1:
            m = s = 0.0
        result = call(answer, w, g, m, s, t, 0.1, 0.5)
        if not isinstance(result, (tuple, list)) or len(result) != 3:
            raise WrongAnswer("Return three numbers: `return w, m, s`.")
        if any(item is ... for item in result):
            raise NotAnswered
        new_w, new_m, new_s = (one_number(item) for item in result)
        right = _adamw(w, g, m, s, t)
        _refuse(new_m, right[1], "m", _wrong_means(w, g, m, s, t))
        _refuse(new_s, right[2], "s", _wrong_squares(w, g, m, s, t))
        _refuse(new_w, right[0], "w", _wrong_weights(w, g, m, s, t))
    return "Right: the decay acts on the weight, and never meets the running means."


def _adamw(
    w: float, g: float, m: float, s: float, t: int, rate: float = 0.1,
    decay: float = 0.5, *, l2: bool = False, corrected: bool = True, late: bool = False,
) -> tuple[float, float, float]:  # fmt: skip
    """Return the step, right or with one of the common mistakes."""
    decayed = w if l2 or late else w - rate * decay * w
    g = g + decay * w if l2 else g
    m, s = 0.9 * m + 0.1 * g, 0.999 * s + 0.001 * g**2
    a, b = (1 - 0.9**t, 1 - 0.999**t) if corrected else (1.0, 1.0)
    new = decayed - rate * (m / a) / ((s / b) ** 0.5 + 1e-8)
    return (new - rate * decay * new if late else new), m, s


def _wrong_means(w: float, g: float, m: float, s: float, t: int) -> dict[float, str]:
    return {
        _adamw(w, g, m, s, t, l2=True)[1]: "The decay is in the gradient: that is L2 "
        "in Adam. Leave `g` as it came, and shrink `w` itself.",
        _adamw(w, g, m, s, t)[1] / (1 - 0.9**t): "`m` is returned corrected. The "
        "correction is for this step only; the running mean goes on without it.",
        0.1 * m + 0.9 * g: "The weights of old and new are swapped: the mean keeps "
        "nine tenths of the old.",
    }


def _wrong_squares(w: float, g: float, m: float, s: float, t: int) -> dict[float, str]:
    return {
        _adamw(w, g, m, s, t)[2] / (1 - 0.999**t): "`s` is returned corrected. The "
        "correction is for this step only; the running mean goes on without it.",
        0.999 * s + 0.001 * abs(g): "`s` is the running mean of the *squared* "
        "gradient.",
        0.9 * s + 0.1 * g**2: "`s` has its own, longer memory: use `b2`.",
    }


def _wrong_weights(w: float, g: float, m: float, s: float, t: int) -> dict[float, str]:
    right = _adamw(w, g, m, s, t)
    return {
        _adamw(w, g, m, s, t, corrected=False)[0]: "The corrections are missing: "
        "divide `m` by `1 - b1**t` and `s` by `1 - b2**t` before the step.",
        _adamw(w, g, m, s, t, decay=0.0)[0]: "The decay is missing.",
        right[0] + 0.05 * w - 0.5 * w: "The decay is `rate * decay`, so that a "
        "schedule of the rate scales it too; yours is `decay`.",
        _adamw(w, g, m, s, t, late=True)[0]: "The order: first the decay, then the "
        "step.",
    }


def _refuse(found: float, right: float, name: str, wrong: dict[float, str]) -> None:
    if np.isclose(found, right, rtol=1e-6, atol=1e-10):
        return
    for value, message in wrong.items():
        if np.isclose(found, value, rtol=1e-6, atol=1e-10):
            raise WrongAnswer(message)
    raise WrongAnswer(f"`{name}` is {found:.4g}, and should be {right:.4g}.")


def _momentum(w: Array, g: Array, state: Any, rate: float, momentum: float) -> Array:
    state["v"] = momentum * state["v"] + g if "v" in state else g
    moved: Array = w - rate * state["v"]
    return moved


def _turned(rate: float, start: Array, n_steps: int, *, how: str = "") -> float:
    """Return the loss after momentum's walk, right or with a common mistake."""
    w, state = np.array(start, dtype=float), dict[str, Any]()
    turn = TURN.T if how == "back" else TURN
    for _ in range(n_steps):
        if how == "forgets":
            state = {}
        g = CURVATURE * w if how == "straight" else turn.T @ (CURVATURE * (turn @ w))
        w = _momentum(w, g, state, rate, 0.9)
    end = w if how in ("straight", "loss") else turn @ w
    return float(0.5 * (CURVATURE * end**2).sum())


def check_turned_walk(answer: Answer) -> str:
    """``answer(rule, rate, start, n_steps, **how)`` returns the last loss."""
    for rate, start, n_steps in ((0.01, (-9.0, 1.0), 30), (0.002, (3.0, 2.0), 7)):
        kept = np.array(start)
        walk = partial(answer, momentum=0.9)
        result = call(walk, _momentum, rate, kept, n_steps)
        found, right = one_number(result), _turned(rate, kept, n_steps)
        if not np.array_equal(kept, start):
            raise WrongAnswer("Your walk changed `start` itself: copy it first.")
        if np.isclose(found, right, rtol=1e-6):
            continue
        mistakes = {
            "straight": "That is the walk in the straight valley: turn `w` before the "
            "curvature, and the gradient back after it.",
            "loss": "The walk is right, the loss is not: in the turned valley it is "
            "`valley(R @ w)`.",
            "forgets": "The rule forgets its velocity: one `state` for the whole walk, "
            "made before the loop.",
        }
        mistakes["back"] = (
            "You turned the other way: the loss at `w` is `valley(R @ w)`, and its "
            "gradient `R.T @ (curvature * (R @ w))`."
        )
        for how, message in mistakes.items():
            if np.isclose(found, _turned(rate, kept, n_steps, how=how), rtol=1e-6):
                raise WrongAnswer(message)
        for steps, word in ((n_steps + 1, "many"), (n_steps - 1, "few")):
            if np.isclose(found, _turned(rate, kept, steps), rtol=1e-6):
                raise WrongAnswer(f"One step too {word}.")
        raise WrongAnswer(
            f"From {start} with momentum at {rate} the loss after {n_steps} steps is "
            f"{right:.4g}; yours is {found:.4g}."
        )
    return "Right. Now walk with `adam` in both valleys."


def check_slow_for(answer: Answer) -> str:
    """``answer(wild, limit, b2)`` returns a number of steps."""
    cases = ((1000.0, np.inf, 0.999), (100.0, 50.0, 0.99), (1000.0, 2.0, 0.999))
    for wild, limit, b2 in cases:
        found = one_number(call(answer, wild, limit, b2))
        right = _slow_for(min(wild, limit), b2)
        if abs(found - right) <= 1.5:  # a closed form, or the wild step counted too
            continue
        where = f"After a gradient of {wild:g}, limit {limit:g} and b2 {b2:g}:"
        mistakes = {
            _slow_for(wild, b2): "the clip is missing: what Adam meets is "
            "`min(wild, limit)`.",
            _slow_for(np.sqrt(min(wild, limit)), b2): "the mean is of the *squares*.",
            _slow_for(min(wild, limit), b2, share=1.0): "the wild square enters the "
            "mean with the weight `1 - b2`, as any other.",
            _slow_for(min(wild, limit), b2, above=2.0): "you wait until the mean is "
            "below 2. A step is divided by its root, so half a step is a mean of 4.",
            1 / (1 - b2): "`1 / (1 - b2)` is how long the mean remembers, by a factor "
            "of e; a square as large as this one takes many times that to fade.",
        }
        for value, message in mistakes.items():
            if abs(found - value) <= 1.5:
                raise WrongAnswer(f"{where} {message}")
        if right == 0 and found < 0:
            raise WrongAnswer(f"{where} the mean is never above 4, so return 0.")
        raise WrongAnswer(f"{where} {right} steps; yours {found:.6g}.")
    return "Right: a limit near the usual size spares Adam the wait."


def _slow_for(
    g: float, b2: float, *, share: float | None = None, above: float = 4.0
) -> int:
    """Return the steps until the mean of squares is no longer above a limit."""
    s, n_steps = b2 + (1 - b2 if share is None else share) * g**2, 0
    while s > above:
        s, n_steps = b2 * s + (1 - b2), n_steps + 1
    return n_steps


def check_warm_cosine(answer: Answer) -> str:
    """``answer(t, n_steps, n_warm)`` returns the factor in step t."""
    for n_steps, n_warm in ((20, 4), (10, 1), (12, 6)):
        for t in range(n_steps):
            found = one_number(call(answer, t, n_steps, n_warm))
            if np.isclose(found, _warm_cosine(t, n_steps, n_warm), atol=1e-9):
                continue
            where = f"In step {t} of {n_steps}, with {n_warm} steps of warm-up,"
            mistakes = {
                t / n_warm: "your line begins at 0, so the first step would not move "
                "at all: it should begin at `1 / n_warm`.",
                0.5 * (1 + np.cos(np.pi * t / n_steps)): "your cosine counts from step "
                "0. It begins at the end of the warm-up, and has `n_steps - n_warm` "
                "steps.",
                0.5 * (1 + np.cos(np.pi * (t - n_warm) / n_steps)): "your cosine is "
                "stretched: it has only the steps after the warm-up.",
                1 - _warm_cosine(t, n_steps, n_warm): "your cosine rises.",
            }
            for value, message in mistakes.items():
                if np.isclose(found, value, atol=1e-9):
                    raise WrongAnswer(f"{where} {message}")
            right = _warm_cosine(t, n_steps, n_warm)
            raise WrongAnswer(f"{where} the factor is {right:.3f}; yours {found:.3f}.")
    return "Right: up on a line, down on a cosine, and no gap between them."


def _warm_cosine(t: int, n_steps: int, n_warm: int) -> float:
    if t < n_warm:
        return (t + 1) / n_warm
    return float(0.5 * (1 + np.cos(np.pi * (t - n_warm) / (n_steps - n_warm))))


def check_fairly_chosen(answer: Answer) -> str:
    """``answer(table)`` returns the mean test score of each method."""
    import pandas as pd

    rng = np.random.default_rng(5)
    grid = pd.MultiIndex.from_product(
        [["adam", "sgd"], range(4), [0.01, 0.1, 1.0]], names=["method", "fold", "rate"]
    )
    values = rng.uniform(size=(len(grid), 2))
    table = pd.DataFrame(values, grid, ["validation_loss", "test_score"]).reset_index()
    table = table.sample(frac=1, random_state=3)  # in no order, the index kept
    result = call(answer, table.copy())
    if not isinstance(result, pd.Series):
        raise WrongAnswer(
            f"A pandas.Series was expected, with the methods as its index; yours is a "
            f"{type(result).__name__}."
        )
    if set(result.index) != {"adam", "sgd"}:
        raise WrongAnswer(
            "One number for each method was expected, with the method as index; yours "
            f"has the index {list(result.index)[:6]}."
        )
    found = result.loc[["adam", "sgd"]].to_numpy(dtype=float)
    by_fold, loss, score = ["method", "fold"], "validation_loss", "test_score"
    picks = {
        "": table.groupby(by_fold)[loss].idxmin(),
        "That takes the best rate on the test series, which is what we must not "
        "do.": table.groupby(by_fold)[score].idxmax(),
        "That takes the rate with the *highest* validation loss.": table.groupby(
            by_fold
        )[loss].idxmax(),
    }
    means = {
        message: table.loc[rows].groupby("method")[score].mean().to_numpy()
        for message, rows in picks.items()
    }
    by_rate = table.groupby(["method", "rate"])[[loss, score]].mean().reset_index()
    means["That takes one rate for all folds, by the mean validation loss. Each fold "
          "chooses for itself, or its test genes help to choose through the other "
          "folds."] = by_rate.loc[by_rate.groupby("method")[loss].idxmin(), score
                                  ].to_numpy()  # fmt: skip
    means["That is the mean over all rates: choose one in each fold first."] = (
        table.groupby("method")[score].mean().to_numpy()
    )
    right = means.pop("")
    if np.allclose(found, right):
        return "Right: the test scores were only looked up."
    for message, values in means.items():
        if np.allclose(found, values):
            raise WrongAnswer(message)
    raise WrongAnswer(f"On our table the means are {right.round(3)}, yours are "
                      f"{found.round(3)}.")  # fmt: skip


CHECKS = {
    "12.1": check_largest_stable_rate,
    "12.2": check_adamw_step,
    "12.3": check_turned_walk,
    "12.4": check_slow_for,
    "12.5": check_warm_cosine,
    "12.6": check_fairly_chosen,
}
