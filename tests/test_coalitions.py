"""Shapley values, LIME and kernel SHAP against enumeration and linear models."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from genex_helpers import coalitions as co
from genex_helpers import interpretation as ip
from genex_helpers.models import RecurrentClassifier

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 2, 2))
START = RNG.normal(size=(2, 2))


def net() -> nn.Module:
    torch.manual_seed(1)
    return RecurrentClassifier(2, 6).double()


def linear() -> tuple[nn.Module, Any]:
    torch.manual_seed(3)
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)).double()
    return model, model[1].weight.detach().numpy()[1].reshape(2, 2)


def by_all_orders(model: nn.Module, x: Any, start: Any) -> Any:
    """Return Shapley values of the four cells of one series, order by order."""
    total = np.zeros(4)
    orders = list(permutations(range(4)))
    for order in orders:
        mixed = start.copy().ravel()
        before = ip.outputs(model, mixed.reshape(1, 2, 2))[0]
        for cell in order:
            mixed[cell] = x.ravel()[cell]
            after = ip.outputs(model, mixed.reshape(1, 2, 2))[0]
            total[cell] += (after - before) / len(orders)
            before = after
    return total.reshape(2, 2)


def test_segments() -> None:
    assert co.segments(3, 2).tolist() == [[0, 1], [2, 3], [4, 5]]
    assert co.segments(3, 2, 2).tolist() == [[0, 1], [0, 1], [2, 3]]
    assert co.segments(3, 2, 3).tolist() == [[0, 1]] * 3


def test_exact_shapley_is_the_mean_over_all_orders() -> None:
    found = co.exact_shapley(net(), X, START)
    for row in range(len(X)):
        assert np.allclose(found.values[row], by_all_orders(net(), X[row], START))
    assert np.abs(found.gap).max() < 1e-12


def test_sampling_adds_up_and_comes_near() -> None:
    exact = co.exact_shapley(net(), X, START).values
    one = co.shapley_sampling(net(), X, START, n_orders=1)
    many = co.shapley_sampling(net(), X, START, n_orders=400)
    assert np.abs(one.gap).max() < 1e-12
    assert np.abs(many.values - exact).max() < 0.01
    assert np.abs(many.values - exact).max() < np.abs(one.values - exact).max()


def test_kernel_shap_with_all_coalitions_is_exact() -> None:
    exact = co.exact_shapley(net(), X, START).values
    assert np.allclose(co.kernel_shap(net(), X, START).values, exact)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_shapley_values_add_up_for_any_input(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, start = 2 * rng.normal(size=(2, 2, 5, 2))
    for found in (
        co.exact_shapley(net(), x, start),
        co.shapley_sampling(net(), x, start, n_orders=2, seed=seed),
        co.kernel_shap(net(), x, start, n_samples=60, seed=seed),
    ):
        assert np.abs(found.gap).max() < 1e-9


def test_kernel_shap_by_sampling_comes_near() -> None:
    x = RNG.normal(size=(2, 6, 2))
    exact = co.exact_shapley(net(), x).values
    found = co.kernel_shap(net(), x, n_samples=3000)
    assert np.abs(found.values - exact).max() < 0.02


@pytest.mark.parametrize("n_samples", [12, 100])
def test_linear_models_are_exact(n_samples: int) -> None:
    model, weight = linear()
    effects = weight * (X - START)
    for found in (
        co.exact_shapley(model, X, START, target=1),
        co.shapley_sampling(model, X, START, target=1, n_orders=1),
        co.kernel_shap(model, X, START, target=1, n_samples=n_samples),
        co.lime(model, X, START, target=1, ridge=0, n_samples=400),
    ):
        assert np.allclose(found.values, effects), found.method
    shrunk = co.lime(model, X, START, target=1, ridge=100.0, n_samples=400).values
    assert np.abs(shrunk).sum() < np.abs(effects).sum()


def test_groups_share_their_value() -> None:
    model, weight = linear()
    found = co.exact_shapley(model, X, START, co.segments(2, 2, 2), target=1)
    effects = (weight * (X - START)).sum(axis=1, keepdims=True) / 2
    assert np.allclose(found.values, np.repeat(effects, 2, axis=1))


def test_coalitions_mix_series_and_baseline() -> None:
    model, _ = linear()
    switches = np.array([[True] * 4, [False] * 4, [True, False, False, True]])
    found = co.coalition_outputs(model, X, START, co.segments(2, 2), switches, 1)
    mixed = np.where([[True, False], [False, True]], X, START)
    assert np.allclose(found[:, 0], ip.outputs(model, X, 1))
    assert np.allclose(found[:, 1], ip.outputs(model, START[None], 1))
    assert np.allclose(found[:, 2], ip.outputs(model, mixed, 1))


GAP = np.array([[0, 1], [2, 4]])


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: co.segments(3, 2, 4), "length must be 1 to 3"),
        (lambda: co.exact_shapley(net(), np.zeros((1, 8, 2))), "14 at most"),
        (lambda: co.exact_shapley(net(), X, None, GAP), "without a gap"),
        (lambda: co.exact_shapley(net(), X, None, GAP / 2), "whole numbers"),
        (lambda: co.kernel_shap(net(), X, None, np.zeros((2, 2), int)), "two or more"),
        (lambda: co.kernel_shap(net(), X, n_samples=3), "n_samples must be larger"),
        (lambda: co.lime(net(), X, width=0), "width must be above 0"),
        (lambda: co.shapley_sampling(net(), X, n_orders=0), "n_orders must be 1"),
        (
            lambda: co.coalition_outputs(net(), X, None, co.segments(2, 2), [[True]]),
            r"switches must be \(coalition, 4\)",
        ),
    ],
)
def test_bad_input(call: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        call()
