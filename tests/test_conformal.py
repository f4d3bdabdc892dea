"""Conformal ranks by enumeration, and intervals against MAPIE."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mapie.classification import SplitConformalClassifier
from mapie.regression import CrossConformalRegressor, SplitConformalRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import LeaveOneOut

from genex_helpers import conformal as co

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 3))
Z = X @ [1.0, -0.5, 0.2] + 0.4 * RNG.normal(size=90)
LABELS = (X[:, 0] + 0.5 * RNG.normal(size=90) > 0).astype(int) + (X[:, 1] > 1)


@pytest.mark.parametrize("n", [1, 3, 5])
@pytest.mark.parametrize("alpha", ["1/2", "1/3", "1/4", "1/6", "2/5"])
def test_the_rank_covers_as_promised_and_none_below_does(n: int, alpha: str) -> None:
    """All orders of n + 1 exchangeable scores, the last of them new."""
    share, rank = Fraction(alpha), co.conformal_rank(n, float(Fraction(alpha)))
    orders = list(permutations(range(n + 1)))

    def covered(k: int) -> Fraction:
        if k > n:
            return Fraction(1)
        hits = sum(order[-1] <= sorted(order[:-1])[k - 1] for order in orders)
        return Fraction(hits, len(orders))

    assert covered(rank) >= 1 - share
    assert rank == 1 or covered(rank - 1) < 1 - share


@given(st.integers(1, 500), st.integers(1, 99))
def test_the_rank_is_exact(n: int, hundredths: int) -> None:
    """Not off by one where (n + 1)(1 - alpha) is whole up to rounding."""
    exact = math.ceil((n + 1) * (1 - Fraction(hundredths, 100)))
    assert co.conformal_rank(n, hundredths / 100) == exact
    needed = co.units_needed(hundredths / 100)
    assert (n >= needed) == (exact <= n)


@given(st.integers(1, 30), st.sampled_from([0.05, 0.1, 0.2]))
def test_units_for_a_whole_course(n_steps: int, alpha: float) -> None:
    needed = co.units_needed(alpha, n_steps)
    errors = np.arange(1.0, needed + 1)[:, None] * np.ones(n_steps)
    assert np.isfinite(co.interval_widths(errors, alpha, joint="bonferroni")).all()
    if needed > 1:
        fewer = co.interval_widths(errors[1:], alpha, joint="bonferroni")
        assert np.isinf(fewer).all()


def test_split_intervals_are_mapies() -> None:
    model = LinearRegression().fit(X[:40], Z[:40])
    errors = (Z[40:70] - model.predict(X[40:70]))[:, None]
    for alpha in (0.1, 0.25):
        mapie = SplitConformalRegressor(model, confidence_level=1 - alpha, prefit=True)
        mapie.conformalize(X[40:70], Z[40:70])
        points, ends = mapie.predict_interval(X[70:])
        width = co.interval_widths(errors, alpha)[0]
        np.testing.assert_allclose(ends[:, 0, 0], points - width)
        np.testing.assert_allclose(ends[:, 1, 0], points + width)


def test_jackknife_plus_is_mapies() -> None:
    x, z, new = X[:25], Z[:25], X[70:]
    residuals, forecasts = [], []
    for train, out in LeaveOneOut().split(x):
        model = LinearRegression().fit(x[train], z[train])
        residuals.append(abs(z[out] - model.predict(x[out])).item())
        forecasts.append(model.predict(new))
    for alpha in (0.1, 0.3):
        low, high = co.jackknife_plus(residuals, forecasts, alpha)
        mapie = CrossConformalRegressor(
            LinearRegression(), confidence_level=1 - alpha, cv=LeaveOneOut()
        ).fit_conformalize(x, z)
        _, ends = mapie.predict_interval(new)
        np.testing.assert_allclose(low, ends[:, 0, 0])
        np.testing.assert_allclose(high, ends[:, 1, 0])


def test_sets_are_mapies() -> None:
    model = LogisticRegression().fit(X[:40], LABELS[:40])
    for alpha in (0.1, 0.3):
        found = co.prediction_sets(
            model.predict_proba(X[40:70]), LABELS[40:70], model.predict_proba(X[70:]),
            alpha,
        )  # fmt: skip
        mapie = SplitConformalClassifier(model, confidence_level=1 - alpha, prefit=True)
        _, sets = mapie.conformalize(X[40:70], LABELS[40:70]).predict_set(X[70:])
        np.testing.assert_array_equal(found, sets[..., 0])


def test_widths_by_hand() -> None:
    errors = np.array([[1.0, -4.0], [-2.0, 1.0], [3.0, 0.5]])
    np.testing.assert_allclose(co.interval_widths(errors, 0.25), [3, 4])
    np.testing.assert_allclose(co.interval_widths(errors, 0.5), [2, 1])
    np.testing.assert_allclose(co.interval_widths(errors, 0.5, joint="largest"), [3, 3])
    found = co.interval_widths(errors, 0.5, joint="bonferroni")
    np.testing.assert_allclose(found, [3, 4])
    assert np.isinf(co.interval_widths(errors, 0.2)).all()


def test_too_few_units_give_no_bound() -> None:
    low, high = co.jackknife_plus([1.0, 2.0], [[0.0], [0.0]], 0.1)
    assert low[0] == -np.inf and high[0] == np.inf
    few = co.prediction_sets([[0.9, 0.1]], [0], [[1.0, 0.0]], 0.1)
    assert few.all()


def test_coverage_of_rows_and_of_courses() -> None:
    truth = np.array([[0.0, 0.0], [0.0, 2.0]])
    assert co.coverage(truth, [-1, -1], [1, 1]) == 0.75
    assert co.coverage(truth, [-1, -1], [1, 1], joint=True) == 0.5


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: co.conformal_rank(0, 0.1), "n must be at least 1, got 0"),
        (lambda: co.conformal_rank(5, 1.0), "alpha must lie between 0 and 1"),
        (lambda: co.units_needed(0.1, 0), "n_steps must be at least 1"),
        (lambda: co.conformal_quantile([1.0, np.nan], 0.1), "one finite number"),
        (lambda: co.interval_widths([1.0], 0.1), r"\(unit, time\), got shape \(1,\)"),
        (lambda: co.interval_widths([[1.0]], 0.1, joint="all"), "joint must be"),
        (lambda: co.prediction_sets([[1.0]], [0, 0], [[1.0]], 0.1), "and y"),
        (lambda: co.jackknife_plus([1.0], [[1.0], [2.0]], 0.1), "residuals must be"),
    ],
)
def test_what_cannot_be(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
