"""Forecasters on data where they must be exact; windows; nothing looks ahead."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.linear_model import Ridge

from genex_helpers import forecasting as f
from genex_helpers.evaluation import bootstrap_mean
from genex_helpers.forecast_processes import GaussianProcess
from genex_helpers.forecast_windows import lag_inputs, last_measured, typical_gap

Floats = NDArray[np.float64]


def windows_of(
    values: Floats,
    times: Floats,
    horizon: int = 1,
    n_past: int = 4,
    whole: bool = False,
) -> f.Windows:
    mask = np.isfinite(values)
    return f.make_windows(values, mask, times, n_past, horizon, whole_past=whole)


def noise(n_series: int = 12, n_steps: int = 10, n_genes: int = 1) -> Floats:
    return np.random.default_rng(0).normal(size=(n_series, n_steps, n_genes))


def test_windows_on_paper() -> None:
    values = np.arange(5.0).reshape(1, 5, 1)
    mask = np.ones(values.shape, dtype=bool)
    mask[0, 1] = False
    times = np.array([0.0, 1.0, 3.0, 6.0, 10.0])
    cut = f.make_windows(values, mask, times, 2, 2)
    assert len(cut) == 2
    assert np.array_equal(cut.past[..., 0], [[0, np.nan], [np.nan, 2]], equal_nan=True)
    assert cut.past_times.tolist() == [[0, 1], [1, 3]]
    assert cut.target[..., 0].tolist() == [[2, 3], [3, 4]]
    assert cut.target_times.tolist() == [[3, 6], [6, 10]]
    assert cut.groups.tolist() == [0, 0] and cut.origins.tolist() == [1, 2]
    whole = f.make_windows(values, mask, times, 2, 2, whole_past=True)
    assert np.array_equal(
        whole.past[..., 0], [[np.nan, 0, np.nan], [0, np.nan, 2]], equal_nan=True
    )
    assert np.array_equal(whole.target, cut.target)


def test_series_with_times_of_their_own() -> None:
    times = np.array([[0.0, 2.0, 4.0, 9.0], [1.0, 2.0, 3.0, np.nan]])
    values = np.arange(8.0).reshape(2, 4, 1)
    mask = np.isfinite(times)[..., None]
    cut = f.make_windows(values, mask, times, 2, 1)
    assert cut.groups.tolist() == [0, 0, 1]
    assert cut.target_times[:, 0].tolist() == [4, 9, 3]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 4), st.integers(1, 3), st.integers(0, 1000), st.booleans())
def test_windows_hold_the_series(
    n_past: int, horizon: int, seed: int, whole: bool
) -> None:
    """Each value stands where its time says, each origin comes once."""
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0, 9, 8)) + np.arange(8)
    values = rng.normal(size=(3, 8, 2))
    mask = rng.random(values.shape) > 0.2
    cut = f.make_windows(values, mask, times, n_past, horizon, whole_past=whole)
    assert len(cut) == 3 * (8 - n_past - horizon + 1)
    assert len({*zip(cut.groups.tolist(), cut.origins.tolist(), strict=True)}) == len(
        cut
    )
    truth = np.where(mask, values, np.nan)
    for part, when in ((cut.past, cut.past_times), (cut.target, cut.target_times)):
        place = np.searchsorted(times, np.nan_to_num(when, nan=times[0]))
        expected = truth[cut.groups[:, None], place]
        expected[~np.isfinite(when)] = np.nan
        assert np.array_equal(part, expected, equal_nan=True)
    assert (cut.target_times[:, 0] > np.nanmax(cut.past_times, axis=1)).all()


@pytest.mark.parametrize("name", f.FORECASTERS)
def test_constant_series_stay(name: str) -> None:
    values = np.zeros((8, 9, 2))
    cut = windows_of(values, np.arange(9.0), horizon=2)
    assert np.allclose(f.make_forecaster(name).fit(cut).predict(cut), 0, atol=1e-9)


def test_persistence_is_the_last_measured_value() -> None:
    values = noise(n_genes=2)
    values[0, 5, 1] = np.nan
    cut = windows_of(values, np.arange(10.0), horizon=3)
    y_pred = f.Persistence().fit(cut).predict(cut)
    row = np.flatnonzero((cut.groups == 0) & (cut.origins == 5))[0]
    assert (y_pred[row, :, 0] == values[0, 5, 0]).all()
    assert (y_pred[row, :, 1] == values[0, 4, 1]).all()


def test_mean_trajectory_is_the_mean_of_the_training_series() -> None:
    values = noise(n_genes=2)
    values[3, 7, 0] = np.nan
    times = np.array([0.0, 1, 2, 4, 8, 16, 17, 18, 30, 31])
    cut = windows_of(values, times, horizon=3)
    fitted = f.MeanTrajectory().fit(cut)
    assert fitted.times_.tolist() == times[4:].tolist()
    assert np.allclose(fitted.means_, np.nanmean(values[:, 4:], axis=0))
    late = replace(cut, target_times=cut.target_times + 100)
    with pytest.raises(ValueError, match=r"not seen in training"):
        fitted.predict(late)


def autoregression(steps: int = 14) -> Floats:
    """Return x[t] = 1.5 x[t-1] - 0.8 x[t-2], each series from a start of its own."""
    values = np.zeros((20, steps, 1))
    values[:, :2, 0] = np.random.default_rng(1).normal(size=(20, 2))
    for t in range(2, steps):
        values[:, t] = 1.5 * values[:, t - 1] - 0.8 * values[:, t - 2]
    return values


@pytest.mark.parametrize("per_step", [False, True])
@pytest.mark.parametrize("horizon", [1, 3])
def test_ridge_finds_a_linear_rule(per_step: bool, horizon: int) -> None:
    cut = windows_of(autoregression(), np.arange(14.0), horizon, n_past=2)
    model = f.RidgeAutoregression(2, per_step=per_step, alphas=(1e-9,))
    train = cut.groups < 12
    y_pred = model.fit(cut[train]).predict(cut[~train])
    assert np.allclose(y_pred, cut[~train].target, atol=1e-5)
    one = windows_of(autoregression(), np.arange(14.0), 1, n_past=2)
    fed_back = f.predict_iterated(model.fit(one[one.groups < 12]), cut[~train])
    assert np.allclose(fed_back, cut[~train].target, atol=1e-5)


def test_ridge_shrinks_towards_persistence_and_a_mean_change() -> None:
    cut = windows_of(noise(), np.arange(10.0), horizon=2)
    y_pred = f.RidgeAutoregression(3, alphas=(1e12,)).fit(cut).predict(cut)
    change = cut.target - cut.past[:, -1:]
    assert np.allclose(y_pred, cut.past[:, -1:] + change.mean(axis=0), atol=1e-6)


def test_ridge_is_that_of_sklearn() -> None:
    times = np.cumsum([0, 1, 2, 1, 3, 1, 2, 2, 1, 4.0])
    cut = windows_of(noise(n_genes=2), times, horizon=2)
    x = lag_inputs(cut, 3, typical_gap(cut))
    y = (cut.target - cut.past[:, -1:]).reshape(len(cut), -1)
    expected = Ridge(alpha=2.0).fit(x, y).predict(x).reshape(-1, 2, 2)
    y_pred = f.RidgeAutoregression(3, alphas=(2.0,)).fit(cut).predict(cut)
    assert np.allclose(y_pred - cut.past[:, -1:], expected)
    own = cut.origins == 5
    per_step = f.RidgeAutoregression(3, per_step=True, alphas=(2.0,)).fit(cut)
    alone = Ridge(alpha=2.0).fit(x[own], y[own]).predict(x[own]).reshape(-1, 2, 2)
    assert np.allclose(per_step.predict(cut[own]) - cut[own].past[:, -1:], alone)


def test_forest_is_that_of_sklearn_and_leaves_missing_targets_out() -> None:
    values = noise()
    values[2, 8] = np.nan
    cut = windows_of(values, np.arange(10.0), horizon=2)
    ready = cut[np.isfinite(cut.past).all(axis=(1, 2))]
    seen = np.isfinite(ready.target).all(axis=(1, 2))
    assert not seen.all()
    x = lag_inputs(ready, 4, 1.0)
    y = (ready.target - ready.past[:, -1:])[..., 0]
    forest = RandomForestRegressor(
        f.N_TREES, min_samples_leaf=f.LEAST_IN_LEAF, random_state=3
    ).fit(x[seen], y[seen])
    y_pred = f.make_forecaster("random forest", seed=3).fit(ready).predict(ready)
    assert np.allclose((y_pred - ready.past[:, -1:])[..., 0], forest.predict(x))


def waves(period: float, times: Floats, n: int = 20) -> Floats:
    rng = np.random.default_rng(2)
    a, b, level = rng.normal(size=(3, n, 1))
    angle = 2 * np.pi * times / period
    return (level + a * np.cos(angle) + b * np.sin(angle))[..., None]


def test_sinusoid_finds_period_and_future() -> None:
    times = np.array([0.0, 5, 12, 18, 30, 33, 41, 50, 57, 66, 70, 81])
    cut = windows_of(waves(47.0, times), times, horizon=3, n_past=6, whole=True)
    train = cut.groups < 12
    fitted = f.make_forecaster("sinusoid").fit(cut[train])
    assert abs(fitted.scale_[0] - 47) < 0.1
    error = fitted.predict(cut[~train]) - cut[~train].target
    assert np.abs(error).max() < 0.05


def test_wave_is_least_squares_that_shrink() -> None:
    """Its forecast equals the ridge on a level, a cosine and a sine."""
    times = np.array([0.0, 3, 4, 8, 11, 15, 20, 22])
    cut = windows_of(noise(n_steps=8), times, horizon=2, n_past=5)
    model = GaussianProcess("wave").fit(cut)
    level, signal, scale, noise_ = (
        float(v[0]) for v in (model.level_, model.signal_, model.scale_, model.noise_)
    )

    def terms(t: Floats) -> Floats:
        angle = 2 * np.pi * t / scale
        return np.stack(
            [np.full(t.shape, level**0.5), np.cos(angle) * signal**0.5,
             np.sin(angle) * signal**0.5], axis=1,
        )  # fmt: skip

    for row in range(0, len(cut), 7):
        x = terms(cut.past_times[row])
        ridge = Ridge(alpha=noise_, fit_intercept=False).fit(x, cut.past[row, :, 0])
        expected = ridge.predict(terms(cut.target_times[row]))
        assert np.allclose(model.predict(cut[[row]])[0, :, 0], expected, atol=1e-8)


def test_gaussian_process_is_that_of_sklearn() -> None:
    times = np.array([0.0, 3, 4, 8, 11, 15, 20, 22])
    values = np.cumsum(noise(n_steps=8), axis=1)
    values[1, 2] = np.nan
    cut = windows_of(values, times, horizon=2, n_past=3, whole=True)
    model = GaussianProcess("smooth").fit(cut)
    level, signal, scale, noise_ = (
        float(v[0]) for v in (model.level_, model.signal_, model.scale_, model.noise_)
    )
    kernel = (
        ConstantKernel(level)
        + ConstantKernel(signal) * RBF(scale)
        + WhiteKernel(noise_)
    )
    total = 0.0
    for own in values:  # each series is whole again, once
        seen = np.isfinite(own[:, 0])
        gp = GaussianProcessRegressor(kernel, optimizer=None, alpha=1e-12)
        total += gp.fit(times[seen, None], own[seen, 0]).log_marginal_likelihood()
    assert np.isclose(model.log_likelihood(cut), total)
    for row in range(0, len(cut), 5):
        seen = np.isfinite(cut.past[row, :, 0])
        gp = GaussianProcessRegressor(kernel, optimizer=None, alpha=1e-12)
        gp.fit(cut.past_times[row, seen, None], cut.past[row, seen, 0])
        expected = gp.predict(cut.target_times[row][:, None])
        assert np.allclose(model.predict(cut[[row]])[0, :, 0], expected, atol=1e-7)


@pytest.mark.parametrize("kind", ["smooth", "wave"])
def test_likelihood_is_at_its_top(kind: str) -> None:
    """Moving any of the four numbers does not raise it (nor is its slope wrong)."""
    times = np.arange(12.0)
    values = waves(7.0, times, 30) + 0.3 * noise(30, 12)
    cut = windows_of(values, times, whole=True)
    model = GaussianProcess(kind).fit(cut)
    best = model.log_likelihood(cut)
    for name in ("level_", "signal_", "scale_", "noise_"):
        kept = getattr(model, name)
        for factor in (0.97, 1.03):
            setattr(model, name, kept * factor)
            assert model.log_likelihood(cut) < best + 1e-6
        setattr(model, name, kept)


@pytest.mark.parametrize("name", f.FORECASTERS)
def test_no_forecaster_reads_the_target_or_other_series(name: str) -> None:
    cut = windows_of(noise(n_genes=2), np.arange(10.0), horizon=2, whole=True)
    train, test = cut[cut.groups < 8], cut[cut.groups >= 8]
    model = f.make_forecaster(name).fit(train)
    y_pred = model.predict(test)
    assert y_pred.shape == test.target.shape
    changed = replace(test, target=np.full_like(test.target, np.nan))
    assert np.array_equal(model.predict(changed), y_pred)
    assert np.array_equal(model.predict(test[::-1])[::-1], y_pred)
    again = f.make_forecaster(name).fit(train).predict(test)
    assert np.array_equal(again, y_pred)


@pytest.mark.parametrize("name", f.FORECASTERS)
def test_what_comes_later_changes_nothing_fitted(name: str) -> None:
    """Windows that end by step 7, with and without another future."""
    values = noise()
    other = values.copy()
    other[:, 8:] = 100.0
    fitted = []
    for series in (values, other):
        cut = windows_of(series, np.arange(10.0), horizon=2, whole=True)
        early = cut.origins + 2 <= 7
        test = windows_of(values, np.arange(10.0), horizon=2, whole=True)[early]
        model = f.make_forecaster(name).fit(cut[early])
        fitted.append(model.predict(test))
    assert np.array_equal(*fitted)


@pytest.mark.parametrize("name", ["persistence", "ridge, pooled", "random forest"])
def test_a_shift_of_time_changes_nothing(name: str) -> None:
    values, times = noise(), np.cumsum([0, 1, 2, 1, 3, 1, 2, 2, 1, 4.0])
    found = []
    for shift in (0.0, 32.0):
        cut = windows_of(values, times + shift, horizon=2)
        found.append(f.make_forecaster(name).fit(cut).predict(cut))
    assert np.allclose(*found)


def test_skill_on_paper() -> None:
    interval = f.skill([1.0, 1.0, 2.0], [2.0, 2.0, 4.0])
    assert interval.value == interval.low == interval.high == 0.5
    assert f.skill([3.0, 3.0], [3.0, 3.0]).value == 0
    assert f.skill([6.0, 6.0], [3.0, 3.0]).value == -1


def test_skill_resamples_groups_with_their_pairs() -> None:
    rng = np.random.default_rng(0)
    reference = np.ones(40)
    errors = rng.uniform(0, 1, 40)
    groups = np.repeat(np.arange(10), 4)
    interval = f.skill(errors, reference, groups)
    by_group = 1 - errors.reshape(10, 4).mean(axis=1)
    expected = bootstrap_mean(by_group)
    assert np.isclose(interval.value, expected.value)
    assert np.isclose(interval.low, expected.low, atol=0.01)
    alone = f.skill(errors, reference)
    assert np.isclose(alone.value, interval.value)


def test_squared_errors_keep_what_was_not_measured() -> None:
    values = noise()
    values[0, 6] = np.nan
    cut = windows_of(values, np.arange(10.0), n_past=1)
    errors = f.squared_errors(cut, np.zeros(cut.target.shape))
    assert np.array_equal(np.isnan(errors), np.isnan(cut.target))
    assert np.isclose(np.nanmax(errors), np.nanmax(values[:, 1:] ** 2))


def test_last_measured_and_refusals() -> None:
    values = noise()
    mask = np.ones(values.shape, dtype=bool)
    times = np.arange(10.0)
    with pytest.raises(ValueError, match="batch, time, gene"):
        f.make_windows(values[0], mask[0], times, 2)
    with pytest.raises(ValueError, match="mask must be boolean"):
        f.make_windows(values, mask.astype(int), times, 2)
    with pytest.raises(ValueError, match="missing or infinite values where mask"):
        f.make_windows(np.where(values > 2, np.nan, values), mask, times, 2)
    with pytest.raises(ValueError, match=r"times must be \(10,\)"):
        f.make_windows(values, mask, times[:5], 2)
    with pytest.raises(ValueError, match="ascend"):
        f.make_windows(values, mask, times[::-1], 2)
    with pytest.raises(ValueError, match="horizon must be 1"):
        f.make_windows(values, mask, times, 2, 0)
    with pytest.raises(ValueError, match="need 11 samples"):
        f.make_windows(values, mask, times, 8, 3)
    own_times = np.tile(times, (12, 1))
    own_times[0, 7:] = np.nan
    with pytest.raises(ValueError, match="without a time"):
        f.make_windows(values, mask, own_times, 2)
    gap = values.copy()
    gap[0, 3] = np.nan
    cut = windows_of(gap, times)
    for name in ("ridge, pooled", "random forest"):
        with pytest.raises(ValueError, match="miss one of their last 4 levels"):
            f.make_forecaster(name).fit(cut)
    gap[0, :4] = np.nan
    with pytest.raises(ValueError, match="never measured"):
        last_measured(windows_of(gap, times))
    ready = windows_of(values, times)
    with pytest.raises(ValueError, match="n_lags must be 1 to 4"):
        f.make_forecaster("ridge, pooled", n_lags=5).fit(ready)
    with pytest.raises(ValueError, match="name must be one of"):
        f.make_forecaster("oracle")
    with pytest.raises(ValueError, match="fitted for"):
        ridge = f.make_forecaster("ridge, pooled").fit(ready)
        ridge.predict(windows_of(values, times, horizon=2))
    with pytest.raises(ValueError, match="y_pred must have shape"):
        f.squared_errors(ready, np.zeros(3))
    with pytest.raises(ValueError, match="finite and not negative"):
        f.skill([-1.0, 1.0], [1.0, 1.0])
    with pytest.raises(ValueError, match="kind must be one of"):
        GaussianProcess("rough").fit(ready)
