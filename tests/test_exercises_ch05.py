"""The checks of chapter 5: right answers, stubs, and the common wrong answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from exercise_cells import answered
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from genex_helpers.exercises import grade
from genex_helpers.normalisation import SizeFactors

NOTEBOOK = "05_preprocessing.ipynb"
NAMES = ("robust_score", "per_million", "effect_within", "new_size_factor",
         "selecting_classifier", "with_gaps")  # fmt: skip
GIVEN = {
    "np": np,
    "make_pipeline": make_pipeline,
    "StandardScaler": StandardScaler,
    "SelectKBest": SelectKBest,
    "f_classif": f_classif,
    "LogisticRegression": LogisticRegression,
}


def mad(x: Any, centre: float | None = None) -> Any:
    return np.median(np.abs(x - (np.median(x) if centre is None else centre)))


def robust(x: Any) -> Any:
    return 0.6745 * (x - np.median(x)) / mad(x)


def tpm(k: Any, n: Any) -> Any:
    return 1e6 * (k / n) / (k / n).sum(axis=1, keepdims=True)


def cpm(k: Any) -> Any:
    return 1e6 * k / k.sum(axis=1, keepdims=True)


def within(v: Any, line: Any, t: Any) -> Any:
    return np.array([v[(line == n) & t][0] - v[(line == n) & ~t][0] for n in "abc"])


def usable(train: Any, new: Any) -> Any:
    return (train > 0).all(axis=0) & (new > 0)


def ratios(train: Any, new: Any, reference: Any = None) -> Any:
    u = usable(train, new)
    base = np.exp(np.log(train[:, u]).mean(axis=0)) if reference is None else reference
    return new[u] / base


def joint(train: Any, new: Any) -> Any:
    both = np.vstack([train, new])[:, usable(train, new)]
    return np.exp(np.log(both).mean(axis=0))


def fitted(k: int) -> Any:
    pipe = make_pipeline(StandardScaler(), SelectKBest(k=k), LogisticRegression())
    return pipe.fit(np.random.default_rng(0).normal(size=(9, 5)), [0, 1, 1] * 3)


def gaps(values: Any, times: Any, extra: Any = None) -> Any:
    own = np.diff(times, axis=1, prepend=times[:, :1]) if extra is None else extra
    return np.concatenate([values, np.nan_to_num(own)[..., None]], axis=2)


WRONG = [
    ("05.1", lambda x: robust(x) / 0.6745, "factor 0.6745"),
    ("05.1", lambda x: np.abs(robust(x)), "sign is lost"),
    ("05.1", lambda x: 0.6745 * (x - x.mean()) / mad(x), "Subtract the median"),
    ("05.1", lambda x: 0.6745 * (x - np.median(x)) / mad(x, x.mean()), "from the med"),
    ("05.1", lambda x: 0.6745 * (x - np.median(x)) / np.abs(x - np.median(x)).mean(),
     "not a mean"),
    ("05.1", lambda x: (x - x.mean()) / x.std(), "usual z-score"),
    ("05.1", lambda x: x, "Not yet"),
    ("05.1", lambda x: x.mean(), "shape"),
    ("05.2", lambda k, n: cpm(k) / n * 1000, "That is RPKM"),
    ("05.2", lambda k, n: cpm(k), "That is CPM"),
    ("05.2", lambda k, n: 1e6 * (k / n) / (k / n).sum(), "over all samples"),
    ("05.2", lambda k, n: 1e6 * (k / n) / (k / n).sum(axis=0), "axis=1"),
    ("05.2", lambda k, n: tpm(k, n) / 1e6, "per *million*"),
    ("05.2", lambda k, n: tpm(k, 1 / n), "Divide by the length"),
    ("05.2", lambda k, n: k, "Not yet"),
    ("05.3", lambda v, i, t: within(v, i, t).mean(), "two numbers"),
    ("05.3", lambda v, i, t: (-within(v, i, t).mean(), 1), "sign is turned"),
    ("05.3", lambda v, i, t: ((v[t] - v[~t])[0], 1), "not sorted"),
    ("05.3", lambda v, i, t: (within(v, i, t).mean(), within(v, i, t).std()), "ddof=1"),
    ("05.3", lambda v, i, t: (within(v, i, t).mean(), v[t].std()), "between lines"),
    ("05.3", lambda v, i, t: (within(v, i, t).mean(),
                              within(v, i, t).std(ddof=1) / 3**0.5), "standard error"),
    ("05.3", lambda v, i, t: (within(v, i, t).mean(), 9.0), "The mean is right"),
    ("05.4", lambda t, n: np.median(ratios(t, n, joint(t, n))), "part of your ref"),
    ("05.4", lambda t, n: np.median(ratios(t, n, t[:, usable(t, n)].mean(axis=0))),
     "geometric mean"),
    ("05.4", lambda t, n: ratios(t, n).mean(), "median over genes"),
    ("05.4", lambda t, n: n.sum() / t.sum(axis=1).mean(), "library sizes"),
    ("05.4", lambda t, n: 1 / np.median(ratios(t, n)), "Turned round"),
    ("05.4", lambda t, n: np.nan, "zero has got in"),
    ("05.4", lambda t, n: 99.0, "We expected"),
    ("05.5", lambda k: SelectKBest(k=k), "Return a pipeline"),
    ("05.5", lambda k: make_pipeline(StandardScaler(), LogisticRegression()),
     "No step"),
    ("05.5", lambda k: make_pipeline(SelectKBest(), LogisticRegression()), "keeps 10"),
    ("05.5", lambda k: make_pipeline(SelectKBest(k=k), LogisticRegression()),
     "not standardised"),
    ("05.5", fitted, "fitted already"),
    ("05.5", lambda k: make_pipeline(StandardScaler(), SelectKBest(k=k)), "predict"),
    ("05.5", lambda k: make_pipeline(
        StandardScaler(), SelectKBest(lambda x, y: -f_classif(x, y)[0], k=k),
        LogisticRegression()), "the one that differs"),
    ("05.6", lambda v, t: gaps(np.nan_to_num(v), t), "has been filled"),
    ("05.6", lambda v, t: gaps(v + 1, t), "stay as they are"),
    ("05.6", lambda v, t: gaps(v, t)[..., :2], "shape"),
    ("05.6", lambda v, t: np.concatenate(
        [v, np.diff(t, axis=1, prepend=t[:, :1])[..., None]], axis=2), "NaN is left"),
    ("05.6", lambda v, t: gaps(v, t, t), "Those are the times"),
    ("05.6", lambda v, t: gaps(v, t, np.diff(t, axis=1, append=np.nan)), "step early"),
    ("05.6", lambda v, t: gaps(v, t, np.diff(t, axis=1, prepend=0)), "whatever"),
    ("05.6", lambda v, t: gaps(v, t, np.zeros((2, 3))), "Expected gaps"),
]  # fmt: skip


@pytest.mark.parametrize(("place", "name"), list(enumerate(NAMES)))
def test_the_solution_passes_and_the_stub_is_unanswered(place: int, name: str) -> None:
    exercise = f"05.{place + 1}"
    solution = answered(NOTEBOOK, "solution", place, name, **GIVEN)
    assert grade(exercise, solution)[0] == "passed"
    stub = answered(NOTEBOOK, "exercise", place, name, **GIVEN)
    assert grade(exercise, stub)[0] == "unanswered"
    assert grade(exercise, ...)[0] == "unanswered"


RIGHT = [
    ("05.1", lambda x: (x - np.median(x)) / (1.4826 * mad(x))),
    ("05.3", lambda v, i, t: np.array([within(v, i, t).mean(),
                                       within(v, i, t).std(ddof=1)])),
    ("05.4", lambda t, n: np.exp(np.median(np.log(ratios(t, n))))),
    ("05.4", lambda t, n: SizeFactors().fit(t).size_factors(n[None])[0]),
]  # fmt: skip


@pytest.mark.parametrize(("exercise", "answer"), RIGHT)
def test_other_right_answers_pass(exercise: str, answer: Any) -> None:
    assert grade(exercise, answer)[0] == "passed"
