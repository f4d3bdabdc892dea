"""The checks of chapter 12: right answers, stubs, and the common wrong answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from exercise_cells import mistaken

from genex_helpers.exercises import grade

NOTEBOOK = "12_optimisers_and_schedules.ipynb"
NAMES = {
    "12.1": "largest_stable_rate",
    "12.2": "adamw_step",
    "12.3": "loss_after_turned_walk",
    "12.4": "slow_for",
    "12.5": "warm_cosine",
    "12.6": "fairly_chosen",
}
R = np.array([[1, -1], [1, 1]]) / np.sqrt(2)
CURVATURE = np.array([1.0, 100.0])


def valley(w: Any) -> Any:
    return 0.5 * (CURVATURE * w**2).sum(axis=-1)


GIVEN = {"np": np, "curvature": CURVATURE, "valley": valley}


def adamw(w: Any, g: Any, m: Any, s: Any, t: int, rate: float, decay: float,
          way: str = "") -> Any:  # fmt: skip
    if way == "L2":
        g = g + decay * w
    elif way == "whole":
        w = w - decay * w
    elif way not in ("late", "none"):
        w = w - rate * decay * w
    m = 0.9 * m + 0.1 * g if way != "swapped" else 0.1 * m + 0.9 * g
    s = 0.999 * s + 0.001 * (abs(g) if way == "absolute" else g**2)
    if way == "short":
        s = (s - 0.001 * g**2) / 0.999 * 0.9 + 0.1 * g**2
    a, b = (1, 1) if way == "raw" else (1 - 0.9**t, 1 - 0.999**t)
    w = w - rate * (m / a) / ((s / b) ** 0.5 + 1e-8)
    if way == "late":
        w = w - rate * decay * w
    if way == "corrected m":
        m = m / a
    if way == "corrected s":
        s = s / b
    return w, m, s


def turned(rule: Any, rate: float, start: Any, n_steps: int, way: str = "",
           **how: Any) -> Any:  # fmt: skip
    w, state = np.array(start, dtype=float), {}  # type: ignore[var-annotated]
    if way == "in place":
        w = start
    turn = R.T if way == "back" else R
    for _ in range(n_steps + (way == "many") - (way == "few")):
        if way == "forgets":
            state = {}
        g = CURVATURE * w if way == "straight" else turn.T @ (CURVATURE * (turn @ w))
        new = rule(w, g, state, rate, **how)
        if way == "in place":
            w[:] = new
        w = w if way == "in place" else new
    return valley(w if way in ("straight", "loss") else turn @ w)


def warm(t: int, n_steps: int, n_warm: int, way: str = "") -> float:
    if t < n_warm:
        return (t + (way != "from zero")) / n_warm
    start, length = n_warm, n_steps - n_warm
    if way == "counts all":
        start, length = 0, n_steps
    if way == "stretched":
        length = n_steps
    factor = 0.5 * (1 + np.cos(np.pi * (t - start) / length))
    return 1 - factor if way == "rises" else factor


def slow(wild: float, limit: float, b2: float = 0.999, way: str = "") -> float:
    g = wild if way == "no clip" else min(wild, limit)
    g = g if way == "absolute" else g**2
    s, n_steps = b2 + g * (1 if way == "whole" else 1 - b2), 0
    while s > (2 if way == "two" else 4):
        s, n_steps = b2 * s + 1 - b2, n_steps + 1
    return n_steps


def slow_closed(wild: float, limit: float, b2: float) -> float:
    s = b2 + (1 - b2) * min(wild, limit) ** 2
    return np.log(3 / (s - 1)) / np.log(b2)


def fair(table: Any, way: str = "") -> Any:
    groups = table.groupby(["method", "fold"])
    rows = groups["validation_loss"].idxmin()
    if way == "test":
        rows = groups["test_score"].idxmax()
    elif way == "highest":
        rows = groups["validation_loss"].idxmax()
    elif way == "one rate":
        columns = ["validation_loss", "test_score"]
        means = table.groupby(["method", "rate"])[columns].mean().reset_index()
        best = means.loc[means.groupby("method")["validation_loss"].idxmin()]
        return best.set_index("method")["test_score"]
    elif way == "all":
        return table.groupby("method")["test_score"].mean()
    elif way == "folds":
        return table.loc[rows].groupby("fold")["test_score"].mean()
    chosen = table.loc[rows].groupby("method")["test_score"].mean()
    return chosen.to_dict() if way == "dict" else chosen


RIGHT: dict[str, Any] = {
    "12.1": lambda c: 2 / np.max(c),
    "12.2": lambda *a, **k: adamw(*a[:7]),
    "12.3": turned,
    "12.4": slow,
    "12.5": warm,
    "12.6": fair,
}


WRONG: list[tuple[str, Any, str]] = [
    ("12.1", lambda c: 1 / max(c), "may overshoot"),
    ("12.1", lambda c: 2 / min(c), "steepest is the strictest"),
    ("12.1", lambda c: 2 / np.mean(c), "Not the mean"),
    ("12.1", lambda c: 2 * max(c), "other way round"),
    ("12.1", lambda c: 3.0, "solve"),
    ("12.2", lambda *a: adamw(*a)[0], "three numbers"),
    ("12.2", mistaken(adamw, "L2"), "that is L2 in Adam"),
    ("12.2", mistaken(adamw, "corrected m"), "`m` is returned corrected"),
    ("12.2", mistaken(adamw, "swapped"), "swapped"),
    ("12.2", mistaken(adamw, "corrected s"), "`s` is returned corrected"),
    ("12.2", mistaken(adamw, "absolute"), "*squared*"),
    ("12.2", mistaken(adamw, "short"), "use `b2`"),
    ("12.2", mistaken(adamw, "raw"), "corrections are missing"),
    ("12.2", mistaken(adamw, "none"), "decay is missing"),
    ("12.2", mistaken(adamw, "whole"), "scales it too"),
    ("12.2", mistaken(adamw, "late"), "The order"),
    ("12.2", lambda *a: (0.0, *adamw(*a)[1:]), "should be"),
    ("12.3", mistaken(turned, "straight"), "straight valley"),
    ("12.3", mistaken(turned, "loss"), "the loss is not"),
    ("12.3", mistaken(turned, "forgets"), "forgets its velocity"),
    ("12.3", mistaken(turned, "many"), "One step too many"),
    ("12.3", mistaken(turned, "few"), "One step too few"),
    ("12.3", mistaken(turned, "in place"), "changed `start`"),
    ("12.3", lambda *a, **k: 1.0, "yours is 1"),
    ("12.3", mistaken(turned, "back"), "the other way"),
    ("12.4", mistaken(slow, "no clip"), "the clip is missing"),
    ("12.4", mistaken(slow, "absolute"), "*squares*"),
    ("12.4", mistaken(slow, "whole"), "`1 - b2`, as any other"),
    ("12.4", mistaken(slow, "two"), "below 2"),
    ("12.4", lambda wild, limit, b2: 1 / (1 - b2), "by a factor of e"),
    ("12.4", slow_closed, "never above 4"),
    ("12.4", lambda *a: 77.0, "yours 77"),
    ("12.5", mistaken(warm, "from zero"), "would not move"),
    ("12.5", mistaken(warm, "counts all"), "counts from step 0"),
    ("12.5", mistaken(warm, "stretched"), "stretched"),
    ("12.5", mistaken(warm, "rises"), "rises"),
    ("12.5", lambda *a: 0.123, "yours 0.123"),
    ("12.6", mistaken(fair, "test"), "must not do"),
    ("12.6", mistaken(fair, "highest"), "*highest*"),
    ("12.6", mistaken(fair, "one rate"), "one rate for all folds"),
    ("12.6", mistaken(fair, "all"), "over all rates"),
    ("12.6", mistaken(fair, "folds"), "method as index"),
    ("12.6", mistaken(fair, "dict"), "pandas.Series"),
    ("12.6", lambda table: fair(table) + 1, "yours are"),
]


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        ("12.1", lambda c: 2 / c.max()),
        ("12.1", lambda c: min(2 / one for one in c)),
        ("12.4", lambda *a: max(0.0, slow_closed(*a))),
        ("12.4", lambda *a: np.ceil(max(0.0, slow_closed(*a)))),
    ],
)
def test_right_answers_in_another_style_pass(exercise: str, answer: Any) -> None:
    assert grade(exercise, answer)[0] == "passed"
