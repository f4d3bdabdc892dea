"""Forecasts by a Gaussian process, one gene of one series at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from .forecast_windows import Windows

Floats = NDArray[np.float64]
# times of the measured values from the first on, sum of y y', and how many series
Pattern = tuple[Floats, Floats, int]

KINDS = ("smooth", "wave")
N_STARTS = 12  # lengths or periods tried before the search
N_SEARCHES = 2  # of them, how many a search begins from
SMALLEST_NOISE = 1e-6  # variance, as a share of the mean square


class GaussianProcess(BaseEstimator):  # type: ignore[misc]
    """A level, a curve in time and noise, each normal; the forecast is the mean.

    The covariance of two values that lie ``d`` apart is
    ``level + signal * k(d) + noise * (d == 0)``, and the prior mean is 0: series should
    be changes from something. The four numbers of each gene maximise the likelihood of
    the training series, put together again from their windows. The forecast conditions
    on the window's whole past, at its real times; missing values are left
    out. See Rasmussen and Williams 2006, chapters 2 and 5 (ISBN 978-0-262-18253-9).

    Parameters
    ----------
    kind
        ``"smooth"``: ``k(d) = exp(-(d / scale)**2 / 2)``.
        ``"wave"``: ``k(d) = cos(2 π d / scale)``, which is a sinusoid with the period
        ``scale``, fitted to the past by least squares that shrink the wave and the
        level towards 0 as far as noise demands.

    Attributes
    ----------
    level_, signal_, scale_, noise_
        ``(gene,)``: three variances, and a length or period in the unit of the times.
    """

    def __init__(self, kind: str = "smooth") -> None:
        self.kind = kind

    def fit(self, windows: Windows) -> GaussianProcess:
        """Estimate the four numbers of each gene."""
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {KINDS}, got {self.kind!r}")
        n_genes = windows.past.shape[2]
        found = [self._fit_gene(_patterns(windows, gene)) for gene in range(n_genes)]
        self.level_, self.signal_, self.noise_, self.scale_ = np.array(found).T
        return self

    def predict(self, windows: Windows) -> Floats:
        """Return ``(window, horizon, gene)``."""
        check_is_fitted(self)
        if windows.past.shape[2] != len(self.scale_):
            raise ValueError(
                f"fitted for {len(self.scale_)} genes, got {windows.past.shape[2]}"
            )
        forecast = np.empty(windows.target.shape)
        for gene in range(windows.past.shape[2]):
            forecast[..., gene] = self._predict_gene(windows, gene)
        return forecast

    def log_likelihood(self, windows: Windows) -> float:
        """Return the log likelihood of the series of windows, over all genes."""
        check_is_fitted(self)
        numbers = np.stack([self.level_, self.signal_, self.noise_, self.scale_])
        total = 0.0
        for gene in range(numbers.shape[1]):
            patterns = _patterns(windows, gene)
            n_values = sum(len(when) * n for when, _, n in patterns)
            total -= self._cost(numbers[:, gene], patterns)[0]
            total -= 0.5 * n_values * float(np.log(2 * np.pi))
        return total

    def _covariance(self, gaps: Floats, scale: float) -> tuple[Floats, Floats]:
        """Return ``k(gaps)``, and its slope by the scale."""
        if self.kind == "wave":
            angle = 2 * np.pi * gaps / scale
            return np.cos(angle), np.sin(angle) * angle / scale
        curve = np.exp(-0.5 * (gaps / scale) ** 2)
        return curve, curve * gaps**2 / scale**3

    def _cost(self, numbers: Floats, patterns: list[Pattern]) -> tuple[float, Floats]:
        """Return minus the log likelihood without its constant, and its slopes."""
        level, signal, noise, scale = (float(v) for v in numbers)
        total, slopes = 0.0, np.zeros(4)
        for when, squares, n_series in patterns:
            gaps, one = when[:, None] - when, np.eye(len(when))
            curve, bend = self._covariance(gaps, scale)
            factor = cho_factor(level + signal * curve + noise * one, lower=True)
            inverse = cho_solve(factor, one)
            fitted = inverse @ squares
            total += float(np.trace(fitted)) / 2
            total += n_series * float(np.log(np.diag(factor[0])).sum())
            weight = (n_series * inverse - fitted @ inverse) / 2
            changes = (np.ones_like(gaps), curve, one, signal * bend)
            slopes += [float((weight * change).sum()) for change in changes]
        return total, slopes

    def _fit_gene(self, patterns: list[Pattern]) -> Floats:
        """Return level, signal, noise and scale of least cost."""
        n_values = sum(len(when) * n for when, _, n in patterns)
        power = sum(float(np.trace(squares)) for _, squares, _ in patterns) / n_values
        if power == 0:
            return np.array([0.0, 0.0, 1.0, 1.0])  # all is 0, and so is the forecast
        span = max(float(when[-1]) for when, _, _ in patterns)
        shortest = min(float(np.diff(when).min()) for when, _, _ in patterns)
        least = 2 * shortest if self.kind == "wave" else shortest / 2
        bounds = [
            *[(np.log(SMALLEST_NOISE * power), np.log(100 * power))] * 3,
            (np.log(least), np.log(3 * span)),
        ]

        def cost(logs: Floats) -> tuple[float, Floats]:
            numbers = np.exp(logs)
            total, slopes = self._cost(numbers, patterns)
            return total / n_values, slopes * numbers / n_values

        middle = np.log([power / 3, power / 2, power / 5])
        scales = np.linspace(*bounds[3], N_STARTS)
        starts = sorted(
            (np.append(middle, s) for s in scales), key=lambda start: cost(start)[0]
        )
        searches = [
            minimize(cost, start, jac=True, method="L-BFGS-B", bounds=bounds)
            for start in starts[:N_SEARCHES]
        ]
        best = min(searches, key=lambda search: float(search.fun))
        found: Floats = np.exp(best.x)
        return found

    def _predict_gene(self, windows: Windows, gene: int) -> Floats:
        """Return ``(window, horizon)``; windows with the same times share the work."""
        level, signal, noise, scale = (
            float(part[gene])
            for part in (self.level_, self.signal_, self.noise_, self.scale_)
        )
        seen = np.isfinite(windows.past[..., gene])  # (window, time)
        origin = windows.past_times[:, -1:]
        when = np.where(seen, windows.past_times - origin, np.nan)
        ahead = windows.target_times - origin
        keys = np.round(np.concatenate([when, ahead], axis=1), 9)
        _, first, pattern = np.unique(
            keys, axis=0, return_index=True, return_inverse=True
        )
        forecast = np.empty(ahead.shape)
        for number, example in enumerate(first):
            rows = pattern.ravel() == number
            steps = seen[example]
            if not steps.any():
                forecast[rows] = 0.0  # nothing seen: the prior mean
                continue
            t, t_new = when[example, steps], ahead[example]
            k = level + signal * self._covariance(t[:, None] - t, scale)[0]
            k_new = level + signal * self._covariance(t_new[:, None] - t, scale)[0]
            factor = cho_factor(k + noise * np.eye(len(t)), lower=True)
            past = windows.past[rows][:, steps, gene]  # (window, time)
            forecast[rows] = (k_new @ cho_solve(factor, past.T)).T
        return forecast


def _patterns(windows: Windows, gene: int) -> list[Pattern]:
    """Return what the likelihood needs, for each set of measured times.

    Windows of a series overlap; here each series is whole again, each sample once.
    """
    y = np.concatenate([windows.past, windows.target], axis=1)[..., gene]
    times = np.concatenate([windows.past_times, windows.target_times], axis=1)
    groups = np.broadcast_to(windows.groups[:, None], y.shape)
    seen = np.isfinite(y)
    keys, once = np.unique(
        np.stack([groups[seen], times[seen]]), axis=1, return_index=True
    )
    starts = np.flatnonzero(np.diff(keys[0], prepend=-1))
    series: dict[bytes, list[Floats]] = {}
    shapes: dict[bytes, Floats] = {}
    for when, own in zip(
        np.split(keys[1], starts[1:]), np.split(y[seen][once], starts[1:]), strict=True
    ):
        if len(when) < 2:
            continue  # one value tells nothing of the curve
        when = np.round(when - when[0], 9)
        series.setdefault(when.tobytes(), []).append(own)
        shapes[when.tobytes()] = when
    if not series:
        raise ValueError(f"no series has two measured values of gene {gene}")
    found = []
    for key, rows in series.items():
        table = np.stack(rows)  # (series, measured)
        found.append((shapes[key], table.T @ table, len(table)))
    return found
