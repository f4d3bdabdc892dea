"""The battery: features with known values, and classifiers with known answers."""

from __future__ import annotations

import os
import sys

os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from genex_helpers import baselines as b

AEON = ("nearest neighbour, time warping", "MiniRocket")
needs_aeon = pytest.mark.skipif(
    sys.version_info < (3, 11), reason="aeon needs Python 3.11"
)
MODELS = [
    pytest.param(name, marks=needs_aeon if name in AEON else ())
    for name in b.BATTERY
    if name != "majority"
]
Sequences = tuple[NDArray[np.float64], NDArray[np.int64]]


def level_apart(n: int, seed: int, n_steps: int = 12) -> Sequences:
    """Two classes that differ in height, at all times."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    x = rng.normal(scale=0.3, size=(n, n_steps, 2))
    x[:, :, 0] += np.linspace(0, 2, n_steps) * y[:, None]
    return x, y


def bump(n: int, seed: int, starts: tuple[int, int], noise: float) -> Sequences:
    """Two classes, the bump of each at a place of its own."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    x = rng.normal(scale=noise, size=(n, 20, 1))
    for row, label in zip(x, y, strict=True):
        row[starts[label] : starts[label] + 3] += 1
    return x, y


def test_features_on_paper() -> None:
    x = np.array([[[1.0, 0.0], [2.0, 4.0], [6.0, 2.0]]])  # (1, 3, 2)
    assert b.last_value(x).tolist() == [[6, 2]]
    assert b.flattened(x).tolist() == [[1, 0, 2, 4, 6, 2]]
    assert np.allclose(b.summaries(x), [[3, 2, 2.5, 1, 6, 4]])
    assert b.channels_first(x).tolist() == [[[1, 2, 6], [0, 4, 2]]]
    padded = b.padded_channels(x)
    assert padded.shape == (1, 2, b.MINIROCKET_STEPS)
    assert padded[0, 0].tolist() == [1] * 7 + [2, 6]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 12))
def test_slope_is_that_of_least_squares(seed: int, n_steps: int) -> None:
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0, 50, n_steps)) + np.arange(n_steps)
    x = rng.normal(size=(3, n_steps, 2))
    slope = b.summaries(x, times)[:, 2:4]
    for series in range(3):
        assert np.allclose(slope[series], np.polyfit(times, x[series], 1)[0])


@pytest.mark.parametrize("name", MODELS)
def test_every_model_finds_a_clear_difference(name: str) -> None:
    model = b.make_baseline(name, seed=1).fit(*level_apart(60, seed=0))
    x, y = level_apart(40, seed=1)
    assert model.score(x, y) >= 0.9
    assert (
        b.class_scores(model, x)[y == 1].mean()
        > b.class_scores(model, x)[y == 0].mean()
    )


def test_majority_says_one_class_and_scores_all_alike() -> None:
    x, y = level_apart(30, seed=0)
    y[:20] = 1
    model = b.make_baseline("majority").fit(x, y)
    assert set(model.predict(x)) == {1}
    assert len(set(b.class_scores(model, x))) == 1


@needs_aeon
def test_time_warping_forgives_a_shift() -> None:
    """A bump is the same bump wherever it is; a column model tells places apart."""
    from aeon.distances import dtw_distance  # type: ignore[import-untyped]

    (early, late), _ = bump(2, seed=0, starts=(3, 13), noise=0.0)
    assert dtw_distance(early.T.copy(), late.T.copy()) == 0
    train, test = (bump(40, seed=s, starts=(3, 13), noise=0.05) for s in (0, 1))
    assert b.make_baseline("logistic, all times").fit(*train).score(*test) == 1.0


@needs_aeon
def test_time_warping_agrees_with_the_textbook() -> None:
    from aeon.distances import dtw_distance  # type: ignore[import-untyped]

    rng = np.random.default_rng(0)
    a, c = rng.normal(size=(7, 2)), rng.normal(size=(7, 2))
    cost = ((a[:, None] - c[None]) ** 2).sum(axis=2)
    total = np.full((8, 8), np.inf)
    total[0, 0] = 0.0
    for i in range(7):
        for j in range(7):
            before = min(total[i, j], total[i, j + 1], total[i + 1, j])
            total[i + 1, j + 1] = cost[i, j] + before
    assert np.isclose(dtw_distance(a.T.copy(), c.T.copy()), total[-1, -1])


@pytest.mark.parametrize("name", MODELS)
def test_same_seed_same_scores(name: str) -> None:
    train, (x, _) = level_apart(30, seed=2), level_apart(10, seed=3)
    first, second = (
        b.class_scores(b.make_baseline(name, seed=4).fit(*train), x) for _ in range(2)
    )
    assert np.array_equal(first, second)


@pytest.mark.parametrize("name", ["logistic, all times", "linear SVM", "RBF SVM"])
def test_column_models_are_blind_to_a_common_permutation(name: str) -> None:
    train, (x, _) = level_apart(40, seed=5), level_apart(20, seed=6)
    order = np.random.default_rng(0).permutation(12)
    first = b.class_scores(b.make_baseline(name).fit(*train), x)
    moved = b.make_baseline(name).fit(train[0][:, order], train[1])
    # solvers stop at a tolerance
    assert np.allclose(first, b.class_scores(moved, x[:, order]), atol=1e-2)


def test_wrong_arguments_are_named() -> None:
    x, _ = level_apart(10, seed=0)
    with pytest.raises(ValueError, match="name must be one of"):
        b.make_baseline("deep net")
    with pytest.raises(ValueError, match="batch, time, feature"):
        b.flattened(x[0])
    with pytest.raises(ValueError, match="missing"):
        b.flattened(np.where(x > 1, np.nan, x))
    with pytest.raises(ValueError, match=r"times must have shape \(12,\)"):
        b.summaries(x, np.arange(5))
    with pytest.raises(ValueError, match="two different times"):
        b.summaries(x, np.ones(12))
    three = b.make_baseline("RBF SVM").fit(x, np.arange(10) % 3)
    with pytest.raises(ValueError, match="two classes"):
        b.class_scores(three, x)
