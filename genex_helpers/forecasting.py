"""Forecasts of the next samples: windows of series, and a battery of baselines.

    windows = make_windows(values, mask, times, n_past=4, horizon=3)
    ridge = make_forecaster("ridge, pooled").fit(windows[train])
    y_pred = ridge.predict(windows[test])  # (window, horizon, gene)

Every forecaster reads what was measured up to the forecast's origin, and nothing after
it. Windows of one series overlap: hold out whole series (``windows.groups``), or what
comes later (``windows.target_times``). Series that were centred over their whole course
know their future: centre them on their past first, for instance on the first sample
(:func:`genex_helpers.preprocessing.subtract_baseline`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import RidgeCV
from sklearn.utils.validation import check_is_fitted

from .evaluation import Interval
from .forecast_windows import (
    Windows,
    lag_inputs,
    last_measured,
    make_windows,
    typical_gap,
)
from .resampling import bootstrap_groups

__all__ = [
    "FORECASTERS",
    "LagForest",
    "MeanTrajectory",
    "Persistence",
    "RidgeAutoregression",
    "Windows",
    "make_forecaster",
    "make_windows",
    "predict_iterated",
    "skill",
    "squared_errors",
]

Floats = NDArray[np.float64]

N_LAGS = 4  # levels that the regressions read
N_TREES = 100
LEAST_IN_LEAF = 5  # windows
ALPHAS = tuple(float(a) for a in np.logspace(-2, 4, 13))  # penalties of the ridge
FORECASTERS = (
    "persistence",
    "mean trajectory",
    "ridge, pooled",
    "ridge, per step",
    "sinusoid",
    "Gaussian process",
    "random forest",
)
RANDOM = ("random forest",)  # these depend on the seed
NEEDS_SEEN_TIMES = ("mean trajectory", "ridge, per step")  # no use for a later time


def make_forecaster(name: str, *, n_lags: int = N_LAGS, seed: int = 0) -> Any:
    """Return one forecaster of the battery, not fitted.

    ``fit(windows)`` learns from pasts and targets; ``predict(windows)`` reads the pasts
    and the target's times, and returns ``(window, horizon, gene)``.

    Parameters
    ----------
    name
        One of ``FORECASTERS``.
    n_lags
        Last samples of the past that the ridges and the forest read.
    seed
        For the forest.
    """
    from .forecast_processes import GaussianProcess

    if name not in FORECASTERS:
        raise ValueError(f"name must be one of {list(FORECASTERS)}, got {name!r}")
    made: dict[str, Any] = {
        "persistence": Persistence(),
        "mean trajectory": MeanTrajectory(),
        "ridge, pooled": RidgeAutoregression(n_lags),
        "ridge, per step": RidgeAutoregression(n_lags, per_step=True),
        "sinusoid": GaussianProcess("wave"),
        "Gaussian process": GaussianProcess("smooth"),
        "random forest": LagForest(n_lags, seed=seed),
    }
    return made[name]


class Persistence(BaseEstimator):  # type: ignore[misc]
    """Nothing will change: the last measured value, for every step to come."""

    def fit(self, windows: Windows) -> Persistence:
        """Learn nothing."""
        self.n_genes_ = windows.past.shape[2]
        return self

    def predict(self, windows: Windows) -> Floats:
        """Return ``(window, horizon, gene)``."""
        check_is_fitted(self)
        last = last_measured(windows)[:, None]  # (window, 1, gene)
        return np.repeat(last, windows.target_times.shape[1], axis=1)


class MeanTrajectory(BaseEstimator):  # type: ignore[misc]
    """All series alike: the mean of the training series at the target's time.

    Attributes
    ----------
    times_
        ``(time,)`` target times seen in training.
    means_
        ``(time, gene)``; each series counts once at each time.
    """

    def fit(self, windows: Windows) -> MeanTrajectory:
        """Average the targets, time by time."""
        horizon, n_genes = windows.target.shape[1:]
        groups = np.repeat(windows.groups, horizon)
        times = windows.target_times.ravel()
        # windows overlap: a sample is the target of several
        _, once = np.unique(np.stack([groups, times]), axis=1, return_index=True)
        targets = windows.target.reshape(-1, n_genes)[once]
        self.times_, place = np.unique(times[once], return_inverse=True)
        seen = np.isfinite(targets)
        totals, counts = np.zeros((2, len(self.times_), n_genes))
        np.add.at(totals, place, np.where(seen, targets, 0.0))
        np.add.at(counts, place, seen)
        if (counts == 0).any():
            empty = self.times_[(counts == 0).any(axis=1)].tolist()
            raise ValueError(f"no training series was measured at times {empty}")
        self.means_: Floats = totals / counts
        return self

    def predict(self, windows: Windows) -> Floats:
        """Return ``(window, horizon, gene)``; refuse a time not seen in training."""
        check_is_fitted(self)
        _require_seen(windows.target_times, self.times_)
        found: Floats = self.means_[np.searchsorted(self.times_, windows.target_times)]
        return found


class RidgeAutoregression(BaseEstimator):  # type: ignore[misc]
    """Ridge regression of the changes to come on the last levels, for every step ahead.

    What is penalised is any departure from persistence (plus a mean change, which is
    free). Pooled over times, it also reads how far apart the samples lie; per step, it
    is fitted for each forecast origin alone. Each step ahead and gene has a penalty of
    its own, the one of least squared error in leave-one-window-out among the training
    windows (which overlap, so it may shrink too little).

    Parameters
    ----------
    n_lags
        Samples read; more are ignored.
    per_step
        Own weights for each origin's time.
    alphas
        Penalties to choose from.
    """

    def __init__(
        self,
        n_lags: int = N_LAGS,
        per_step: bool = False,
        alphas: Sequence[float] = ALPHAS,
    ) -> None:
        self.n_lags = n_lags
        self.per_step = per_step
        self.alphas = alphas

    def fit(self, windows: Windows) -> RidgeAutoregression:
        """Fit on the windows whose target was measured."""
        self.unit_ = typical_gap(windows)
        self.shape_ = windows.target.shape[1:]
        changes = _changes(windows)  # (window, horizon * gene)
        x, at = self._inputs(windows), self._origin(windows)
        self.models_: dict[float, list[RidgeCV]] = {}
        for time in np.unique(at):
            rows = at == time
            self.models_[float(time)] = [
                self._one(x[rows], change[rows]) for change in changes.T
            ]
        return self

    def predict(self, windows: Windows) -> Floats:
        """Return ``(window, horizon, gene)``."""
        check_is_fitted(self)
        _require_horizon(windows, self.shape_)
        x, at = self._inputs(windows), self._origin(windows)
        _require_seen(at, np.array(sorted(self.models_)))
        forecast = np.empty((len(windows), int(np.prod(self.shape_))))
        for time in np.unique(at):
            rows = at == time
            models = self.models_[float(time)]
            forecast[rows] = np.stack([m.predict(x[rows]) for m in models], axis=1)
        return last_measured(windows)[:, None] + forecast.reshape(-1, *self.shape_)

    def _inputs(self, windows: Windows) -> Floats:
        return lag_inputs(windows, self.n_lags, self.unit_)

    def _origin(self, windows: Windows) -> Floats:
        """Return ``(window,)``: which weights a window has, by its origin's time."""
        if self.per_step:
            return windows.past_times[:, -1]
        return np.zeros(len(windows))

    def _one(self, x: Floats, change: Floats) -> RidgeCV:
        seen = np.isfinite(change)
        if seen.sum() < 2:
            raise ValueError("a ridge needs two measured targets, there are fewer")
        return RidgeCV(alphas=np.array(self.alphas)).fit(x[seen], change[seen])


class LagForest(BaseEstimator):  # type: ignore[misc]
    """A random forest of the changes to come on the last levels and on the gaps.

    Windows with a missing target are not learned from.
    """

    def __init__(self, n_lags: int = N_LAGS, seed: int = 0) -> None:
        self.n_lags = n_lags
        self.seed = seed

    def fit(self, windows: Windows) -> LagForest:
        """Fit on the windows whose targets were all measured."""
        self.unit_ = typical_gap(windows)
        self.shape_ = windows.target.shape[1:]
        changes = _changes(windows)
        complete = np.isfinite(changes).all(axis=1)
        if not complete.any():
            raise ValueError("no window has all of its targets measured")
        forest = RandomForestRegressor(
            N_TREES, min_samples_leaf=LEAST_IN_LEAF, random_state=self.seed
        )
        x = lag_inputs(windows, self.n_lags, self.unit_)[complete]
        y = changes[complete]
        self.forest_ = forest.fit(x, y[:, 0] if y.shape[1] == 1 else y)
        return self

    def predict(self, windows: Windows) -> Floats:
        """Return ``(window, horizon, gene)``."""
        check_is_fitted(self)
        _require_horizon(windows, self.shape_)
        x = lag_inputs(windows, self.n_lags, self.unit_)
        forecast = self.forest_.predict(x).reshape(-1, *self.shape_)
        found: Floats = last_measured(windows)[:, None] + forecast
        return found


def predict_iterated(forecaster: Any, windows: Windows) -> Floats:
    """Forecast step by step, each forecast read as if it had been measured.

    ``forecaster`` was fitted on windows with a horizon of 1; returns
    ``(window, horizon, gene)``.
    """
    past, past_times = windows.past, windows.past_times
    found = []
    for step in range(windows.target_times.shape[1]):
        now = windows.target_times[:, step : step + 1]
        one = replace(
            windows,
            past=past,
            past_times=past_times,
            target=np.full_like(windows.target[:, :1], np.nan),
            target_times=now,
        )
        found.append(forecaster.predict(one))
        past = np.concatenate([past[:, 1:], found[-1]], axis=1)
        past_times = np.concatenate([past_times[:, 1:], now], axis=1)
    return np.concatenate(found, axis=1)


def squared_errors(windows: Windows, y_pred: ArrayLike) -> Floats:
    """Return squared errors ``(window, horizon, gene)``; NaN where not measured.

    Raises
    ------
    ValueError
        If the forecasts have another shape, or one is missing.
    """
    forecasts = np.asarray(y_pred, dtype=float)
    if forecasts.shape != windows.target.shape:
        raise ValueError(
            f"y_pred must have shape {windows.target.shape}, got {forecasts.shape}"
        )
    if not np.isfinite(forecasts).all():
        raise ValueError("y_pred has missing or infinite forecasts")
    squared: Floats = (forecasts - windows.target) ** 2
    return squared


def skill(
    errors: ArrayLike,
    reference: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    n_resamples: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Return which part of a reference's error a forecaster avoids, with an interval.

    One minus the sum of ``errors`` over that of ``reference``: 1 is perfect, 0 is as
    good as the reference, and below 0 is worse. Pairs stay together when whole groups
    are resampled.

    Parameters
    ----------
    errors, reference
        ``(n,)`` not negative, for the same targets in the same order: squared errors,
        averaged over seeds.
    groups
        ``(n,)`` subject or gene cluster of each; by default each is a unit of its own.

    Raises
    ------
    ValueError
        If shapes differ, an error is missing or negative, or the reference is perfect
        in a whole group.
    """
    own, other = np.asarray(errors, dtype=float), np.asarray(reference, dtype=float)
    if own.ndim != 1 or own.shape != other.shape:
        raise ValueError(
            "errors and reference must be one number a target each, got shapes "
            f"{own.shape} and {other.shape}"
        )
    both = np.stack([own, other])
    if not np.isfinite(both).all() or (both < 0).any():
        raise ValueError("errors and reference must be finite and not negative")
    names = np.arange(len(own)) if groups is None else np.asarray(groups)
    if names.shape != own.shape:
        raise ValueError(f"groups must have shape {own.shape}, got {names.shape}")
    _, unit = np.unique(names, return_inverse=True)
    by_unit = [np.bincount(unit, weights=part) for part in both]
    return bootstrap_groups(
        by_unit[1] - by_unit[0],
        by_unit[1],
        n_resamples=n_resamples,
        level=level,
        seed=seed,
    )


def _changes(windows: Windows) -> Floats:
    """Return targets minus the last measured value, ``(window, horizon * gene)``."""
    changes = windows.target - last_measured(windows)[:, None]
    return changes.reshape(len(windows), -1)


def _require_horizon(windows: Windows, shape: tuple[int, ...]) -> None:
    if windows.target.shape[1:] != shape:
        raise ValueError(
            f"fitted for (horizon, gene) {shape}, got {windows.target.shape[1:]}"
        )


def _require_seen(times: Floats, known: Floats) -> None:
    new = np.setdiff1d(times, known)
    if len(new):
        raise ValueError(
            f"times {new[:5].tolist()} were not seen in training: "
            f"this forecaster knows {len(known)} times and no others"
        )
