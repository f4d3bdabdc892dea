"""The checks of chapter 10b: right answers, stubs, and the common wrong answers."""

from __future__ import annotations

from typing import Any

import numpy as np
from exercise_cells import mistaken

from genex_helpers.exercises import ch10b, grade

NOTEBOOK = "10b_tuning.ipynb"
NAMES = {
    "10b.1": "draw_rates",
    "10b.2": "epochs_trained",
    "10b.3": "optimism_and_regret",
    "10b.4": "nested_score",
    "10b.5": "main_effect",
}
GIVEN = {"np": np}


def rates(n: int, low: float, high: float, rng: Any, way: str = "") -> Any:
    if way == "uniform":
        return rng.uniform(low, high, n)
    if way == "own":
        rng = np.random.default_rng(0)
    if way == "base":
        return 10 ** rng.uniform(np.log(low), np.log(high), n)
    if way == "powers":
        return 10.0 ** rng.integers(-4, 1, n)
    if way == "one":
        n = 1
    logs = rng.uniform(np.log(low), np.log(high), n)
    if way == "crowded":
        logs = np.log(low) + (np.log(high) - np.log(low)) * rng.random(n) ** 2
    return logs if way == "logs" else np.exp(logs)


def pruner(course: Any, courses: Any, warm_up: int, way: str = "") -> Any:
    return 3 if way == "three" else ch10b._epochs(course, courses, warm_up, way)


def optimism(validation: Any, test: Any, tried: Any, way: str = "") -> Any:
    scores = test if way == "test" else validation
    place = np.argmin(scores[tried])
    if way == "highest":
        place = np.argmax(scores[tried])
    chosen = {"all": np.argmin(validation), "place": place}.get(way, tried[place])
    low = test[tried].min() if way == "tried" else test.min()
    found = (test[chosen] - validation[chosen], test[chosen] - low)
    if way == "swapped":
        return found[::-1]
    if way == "sign":
        return -found[0], found[1]
    return {"one": found[0], "odd": (0.0, 0.0)}.get(way, found)


def nested(score: Any, settings: Any, outer: Any, inner: Any, way: str = "") -> Any:
    values = ch10b._nested_values(score, settings, outer, inner)
    keys = {"": 0, "inner": 1, "test": 2, "one": 3, "part": 4, "lowest": 5}
    if way == "leak":
        score(settings[0], outer[0][0], outer[0][0])
        way = ""
    return 9.0 if way == "odd" else list(values.values())[keys[way]]


def effect(table: Any, name: str, way: str = "") -> Any:
    groups = table.groupby(name)["loss"]
    means, total = groups.mean(), table["loss"].var(ddof=0)
    return {
        "": means.var(ddof=0) / total, "variance": means.var(ddof=0),
        "mixed": means.var() / total, "sample": means.var() / table["loss"].var(),
        "within": groups.var(ddof=0).mean() / total,
        "std": means.std(ddof=0) / table["loss"].std(ddof=0), "odd": 7.0,
    }[way]  # fmt: skip


RIGHT: dict[str, Any] = {
    "10b.1": rates, "10b.2": pruner, "10b.3": optimism, "10b.4": nested,
    "10b.5": effect,
}  # fmt: skip


WRONG: list[tuple[str, Any, str]] = [
    ("10b.1", mistaken(rates, "uniform"), "Uniform between the ends"),
    ("10b.1", mistaken(rates, "own"), "Draw with `rng`"),
    ("10b.1", mistaken(rates, "base"), "the same base"),
    ("10b.1", mistaken(rates, "powers"), "between the powers of ten"),
    ("10b.1", mistaken(rates, "one"), "were asked for"),
    ("10b.1", mistaken(rates, "crowded"), "a quarter of the rates"),
    ("10b.1", mistaken(rates, "logs"), "take the exponential"),
    ("10b.2", mistaken(pruner, "cold"), "warm-up is not kept"),
    ("10b.2", mistaken(pruner, "late"), "epoch `warm_up` itself"),
    ("10b.2", mistaken(pruner, "mean"), "spoils a mean"),
    ("10b.2", mistaken(pruner, "lowest"), "not the best so far"),
    ("10b.2", mistaken(pruner, "below"), "*above* the median"),
    ("10b.2", mistaken(pruner, "before"), "it counts"),
    ("10b.2", mistaken(pruner, "three"), "from you"),
    ("10b.3", mistaken(optimism, "one"), "Return two numbers"),
    ("10b.3", mistaken(optimism, "all"), "among all settings"),
    ("10b.3", mistaken(optimism, "test"), "Validation chooses"),
    ("10b.3", mistaken(optimism, "place"), "place in `tried`"),
    ("10b.3", mistaken(optimism, "highest"), "highest validation"),
    ("10b.3", mistaken(optimism, "swapped"), "The order"),
    ("10b.3", mistaken(optimism, "sign"), "test less validation"),
    ("10b.3", mistaken(optimism, "tried"), "*whole* table"),
    ("10b.3", mistaken(optimism, "odd"), "Ours are"),
    ("10b.4", mistaken(nested, "inner"), "the optimistic one"),
    ("10b.4", mistaken(nested, "test"), "outer test chose"),
    ("10b.4", mistaken(nested, "one"), "one setting for all folds"),
    ("10b.4", mistaken(nested, "part"), "on all of `rest`"),
    ("10b.4", mistaken(nested, "lowest"), "higher score is better"),
    ("10b.4", mistaken(nested, "leak"), "trained and scored at once"),
    ("10b.4", mistaken(nested, "odd"), "yours is 9"),
    ("10b.5", mistaken(effect, "variance"), "Divide by the variance"),
    ("10b.5", mistaken(effect, "mixed"), "different kinds"),
    ("10b.5", mistaken(effect, "sample"), "above and below"),
    ("10b.5", mistaken(effect, "within"), "share *within*"),
    ("10b.5", mistaken(effect, "std"), "not standard deviations"),
    ("10b.5", mistaken(effect, "odd"), "yours is 7"),
]


def test_an_array_of_two_is_two_numbers() -> None:
    status, message = grade("10b.3", lambda *a: np.array(optimism(*a)))
    assert status == "passed", message
