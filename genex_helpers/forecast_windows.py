"""Windows of series with real times: what was measured, and what came next."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Windows:
    """Pieces of series: some samples, and those that came next.

    Attributes
    ----------
    past
        ``(window, time, gene)``; NaN where nothing was measured, or before the start.
    past_times
        ``(window, time)``; NaN before the start.
    target
        ``(window, horizon, gene)``; NaN where nothing was measured.
    target_times
        ``(window, horizon)``.
    groups
        ``(window,)`` row of the series in the array that was cut.
    origins
        ``(window,)`` step of the last sample of the past.
    """

    past: Floats
    past_times: Floats
    target: Floats
    target_times: Floats
    groups: NDArray[np.int64]
    origins: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.groups)

    def __getitem__(self, rows: Any) -> Windows:
        """Return some windows, by a mask, indices or a slice."""
        parts = {name: value[rows] for name, value in vars(self).items()}
        return replace(self, **parts)


def make_windows(
    values: ArrayLike,
    mask: ArrayLike,
    times: ArrayLike,
    n_past: int,
    horizon: int = 1,
    *,
    whole_past: bool = False,
) -> Windows:
    """Cut series into every window of ``n_past`` samples and the ``horizon`` next ones.

    Nothing is filled: what the mask denies is NaN in the windows, and a window without
    any measured target stays, for forecasts. A forecaster that cannot do with missing
    values says so.

    Parameters
    ----------
    values, mask
        ``(batch, time, gene)``; the mask is True where a value was measured.
    times
        ``(time,)`` ascending, or ``(batch, time)`` with NaN after a series' end.
    n_past
        Samples before a forecast, at least.
    horizon
        Samples to forecast.
    whole_past
        Give each window all samples up to its origin in place of the last ``n_past``;
        the shorter ones begin with NaN.

    Raises
    ------
    ValueError
        If shapes do not fit, times do not ascend, a measured value is not finite, or
        no series is long enough.
    """
    x, when = _checked_series(values, mask, times)
    for name, number in (("n_past", n_past), ("horizon", horizon)):
        if number < 1:
            raise ValueError(f"{name} must be 1 or more, got {number}")
    lengths = np.isfinite(when).sum(axis=1)  # (batch,)
    if lengths.max() < n_past + horizon:
        raise ValueError(
            f"n_past={n_past} and horizon={horizon} need {n_past + horizon} samples, "
            f"the longest series has {lengths.max()}"
        )
    places = [
        (series, origin)
        for series, length in enumerate(lengths)
        for origin in range(n_past - 1, length - horizon)
    ]
    groups, origins = np.array(places, dtype=np.int64).T
    width = int(origins.max()) + 1 if whole_past else n_past
    steps = origins[:, None] + np.arange(1 - width, 1)  # (window, time)
    before_start = steps < 0
    past = x[groups[:, None], np.maximum(steps, 0)]
    past_times = when[groups[:, None], np.maximum(steps, 0)]
    past[before_start] = np.nan
    past_times[before_start] = np.nan
    ahead = origins[:, None] + np.arange(1, horizon + 1)  # (window, horizon)
    return Windows(
        past=past,
        past_times=past_times,
        target=x[groups[:, None], ahead],
        target_times=when[groups[:, None], ahead],
        groups=groups,
        origins=origins,
    )


def last_measured(windows: Windows) -> Floats:
    """Return the last measured value of each gene, ``(window, gene)``.

    Raises
    ------
    ValueError
        If a gene was never measured in a window's past.
    """
    seen = np.isfinite(windows.past)  # (window, time, gene)
    never = ~np.all(seen.any(axis=1), axis=1)  # (window,)
    if never.any():
        rows = np.flatnonzero(never)[:5].tolist()
        raise ValueError(f"windows {rows} have a gene that was never measured before")
    steps_back = seen[:, ::-1].argmax(axis=1)[:, None]  # (window, 1, gene)
    last = seen.shape[1] - 1 - steps_back
    found: Floats = np.take_along_axis(windows.past, last, axis=1)[:, 0]
    return found


def typical_gap(windows: Windows) -> float:
    """Return the median time from a forecast's origin to the next sample."""
    return float(np.median(windows.target_times[:, 0] - windows.past_times[:, -1]))


def lag_inputs(windows: Windows, n_lags: int, unit: float) -> Floats:
    """Return the last ``n_lags`` levels of all genes, latest first, then the times.

    The times are those of the earlier lags and of the targets, from the window's
    origin, divided by ``unit``: ``(window, n_lags * gene + n_lags - 1 + horizon)``.

    Raises
    ------
    ValueError
        If the past is too short, or one of these levels is missing.
    """
    if not 1 <= n_lags <= windows.past.shape[1]:
        raise ValueError(
            f"n_lags must be 1 to {windows.past.shape[1]}, the past's length; "
            f"got {n_lags}"
        )
    levels = windows.past[:, ::-1][:, :n_lags]  # (window, lag, gene)
    missing = ~np.isfinite(levels).all(axis=(1, 2))
    if missing.any():
        raise ValueError(
            f"{int(missing.sum())} windows miss one of their last {n_lags} levels, "
            f"the first is {int(missing.argmax())}: fill the series in time before "
            "cutting it (preprocessing.fill_forward), or leave these windows out"
        )
    origin = windows.past_times[:, -1:]
    earlier = windows.past_times[:, ::-1][:, 1:n_lags] - origin
    ahead = windows.target_times - origin
    flat = levels.reshape(len(windows), -1)
    return np.concatenate([flat, earlier / unit, ahead / unit], axis=1)


def _checked_series(
    values: ArrayLike, mask: ArrayLike, times: ArrayLike
) -> tuple[Floats, Floats]:
    """Return values with NaN where masked, and times ``(batch, time)``."""
    x = np.array(values, dtype=float)
    seen, when = np.asarray(mask), np.asarray(times, dtype=float)
    if x.ndim != 3:
        raise ValueError(f"values must be (batch, time, gene), got {x.shape}")
    if seen.shape != x.shape or seen.dtype != bool:
        raise ValueError(
            f"mask must be boolean of shape {x.shape}, got {seen.dtype} {seen.shape}"
        )
    if not np.isfinite(x[seen]).all():
        raise ValueError("values has missing or infinite values where mask is True")
    x[~seen] = np.nan
    if when.shape not in (x.shape[1:2], x.shape[:2]):
        raise ValueError(
            f"times must be ({x.shape[1]},) or {x.shape[:2]}, got {when.shape}"
        )
    if when.ndim == 1 and not np.isfinite(when).all():
        raise ValueError("times must be finite")
    when = np.broadcast_to(when, x.shape[:2])
    there = np.isfinite(when)
    if (np.diff(there.astype(int), axis=1) > 0).any() or seen[~there].any():
        raise ValueError("a series has a value without a time, or a time after its end")
    if (np.diff(when, axis=1) <= 0).any():
        raise ValueError("times must ascend within each series")
    return x, when
