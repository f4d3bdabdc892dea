"""Who regulates whom? Score matrices from series of expression.

An estimator is fitted to `Courses` and has ``scores_``, ``(regulator, gene)``: the
larger, the likelier that the row's gene or input acts on the column's gene. All but
the correlation also forecast the next level. A recurrent net of the same form is in
`network_nets`, and how to judge scores in `network_scores`.

The rate of change is ``(x(t_{k+1}) - x(t_k)) / (t_{k+1} - t_k)``, and the sample of
`DecayForest` is that of dynGENIE3 (Huynh-Thu and Geurts 2018,
doi:10.1038/s41598-018-21715-0), which adds ``alpha * x(t_k)``: what a gene loses by
decay has to be made again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
PENALTIES = ("none", "ridge", "lasso")
RIDGE_GRID = np.logspace(-1, 5, 13)
LASSO_GRID = np.logspace(0, -2.5, 16)  # 1 removes every scaled regulator


@dataclass(frozen=True, eq=False)
class Courses:
    """Series of expression, with what was given and what was done.

    Attributes
    ----------
    levels
        ``(batch, time, gene)``.
    times
        ``(time,)``, ascending, the same for all series.
    inputs
        ``(batch, time, input)`` known levels from outside; ``None``: there are none.
    free
        ``(batch, time, gene)``, ``False`` where somebody changed the making of a gene
        after that time, so that its course says nothing of its regulators there;
        ``None``: nobody did.

    Raises
    ------
    ValueError
        If shapes do not fit, times do not ascend or a number is not finite.
    """

    levels: Floats
    times: Floats
    inputs: Floats | None = None
    free: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        levels = np.asarray(self.levels, dtype=float)
        times = np.asarray(self.times, dtype=float)
        if levels.ndim != 3 or levels.shape[1] < 2:
            raise ValueError(
                "levels must be (batch, time, gene) with two or more times, got shape "
                f"{levels.shape}"
            )
        if times.shape != levels.shape[1:2] or not (np.diff(times) > 0).all():
            raise ValueError(
                f"times must be {levels.shape[1]} ascending numbers, got shape "
                f"{times.shape}"
            )
        given = np.zeros((*levels.shape[:2], 0)) if self.inputs is None else self.inputs
        inputs = np.asarray(given, dtype=float)
        if inputs.ndim != 3 or inputs.shape[:2] != levels.shape[:2]:
            raise ValueError(
                f"inputs must be (batch, time, input) = {levels.shape[:2]} and a "
                f"number of inputs, got shape {inputs.shape}"
            )
        free = np.ones(levels.shape, bool) if self.free is None else self.free
        free = np.asarray(free)
        if free.shape != levels.shape or free.dtype != bool:
            raise ValueError(
                f"free must be booleans of shape {levels.shape}, got {free.dtype} of "
                f"shape {free.shape}"
            )
        for name, part in (("levels", levels), ("inputs", inputs)):
            if not np.isfinite(part).all():
                raise ValueError(f"{name} has values that are not finite")
        for name, part in (
            ("levels", levels), ("times", times), ("inputs", inputs), ("free", free)
        ):  # fmt: skip
            object.__setattr__(self, name, part)

    @property
    def regulators(self) -> Floats:
        """``(batch, time, regulator)``: the genes, then the inputs."""
        assert self.inputs is not None
        return np.concatenate([self.levels, self.inputs], axis=2)

    def take(self, series: ArrayLike) -> Courses:
        """Return some of the series, by number or by a mask."""
        rows = np.asarray(series)
        assert self.inputs is not None and self.free is not None
        return Courses(
            self.levels[rows], self.times, self.inputs[rows], self.free[rows]
        )


@dataclass(frozen=True, eq=False)
class Steps:
    """The learning sample: one row a step of a series, series after series.

    Attributes
    ----------
    now
        ``(step, regulator)`` levels when the step begins.
    rate
        ``(step, gene)`` change over the step, per unit of time.
    free
        ``(step, gene)`` which of them to learn from.
    length
        ``(step,)`` in units of time.
    """

    now: Floats
    rate: Floats
    free: NDArray[np.bool_]
    length: Floats


def steps_of(courses: Courses) -> Steps:
    """Cut series into steps."""
    n_series, n_times, n_genes = courses.levels.shape
    length = np.diff(courses.times)
    rate = np.diff(courses.levels, axis=1) / length[:, None]
    assert courses.free is not None
    return Steps(
        now=courses.regulators[:, :-1].reshape(n_series * (n_times - 1), -1),
        rate=rate.reshape(-1, n_genes),
        free=courses.free[:, :-1].reshape(-1, n_genes),
        length=np.tile(length, n_series),
    )


def decay_rates(levels: ArrayLike, times: ArrayLike) -> Floats:
    """Return ``(gene,)`` decay rates, guessed from series as dynGENIE3 guesses them.

    In each series a gene is taken to fall exponentially from its highest to its lowest
    level, towards the lowest level of all genes; the fastest series counts.

    Parameters
    ----------
    levels
        ``(batch, time, gene)``.
    times
        ``(time,)``.
    """
    x, t = np.asarray(levels, dtype=float), np.asarray(times, dtype=float)
    above = np.maximum(x - x.min(), 1e-6)
    low, high = x.argmin(axis=1), x.argmax(axis=1)  # (batch, gene)
    fall = np.log(np.take_along_axis(above, high[:, None], 1)[:, 0])
    fall -= np.log(np.take_along_axis(above, low[:, None], 1)[:, 0])
    apart = np.abs(t[high] - t[low])
    flat = apart == 0
    rates = np.where(flat, 0.0, fall / np.where(flat, 1.0, apart))
    found: Floats = rates.max(axis=0)
    return found


class LaggedCorrelation:
    """Absolute correlation of a regulator with a gene one step later."""

    scores_: Floats

    def fit(self, courses: Courses) -> LaggedCorrelation:
        """Correlate; a pair of which one does not vary gets 0."""
        now, n_genes = courses.regulators[:, :-1], courses.levels.shape[2]
        after = courses.levels[:, 1:].reshape(-1, n_genes)
        assert courses.free is not None
        free = courses.free[:, :-1].reshape(-1, n_genes)
        before = now.reshape(len(after), -1)
        self.scores_ = np.zeros((before.shape[1], n_genes))
        for gene in range(n_genes):
            rows = free[:, gene]
            x, y = before[rows], after[rows, gene]
            x, y = x - x.mean(axis=0), y - y.mean()
            norm = np.sqrt((x**2).sum(axis=0) * (y**2).sum())
            varies = norm > 1e-12
            self.scores_[varies, gene] = np.abs(x.T @ y)[varies] / norm[varies]
        return self


class _Rates:
    """What the models of the rate of change share: scaling and forecasts."""

    scores_: Floats
    _mean: Floats
    _spread: Floats

    def _scaled(self, now: Floats) -> Floats:
        scaled: Floats = (now - self._mean) / self._spread
        return scaled

    def _learn_scale(self, now: Floats) -> Floats:
        self._mean, self._spread = now.mean(axis=0), now.std(axis=0)
        self._spread = np.where(self._spread > 1e-12, self._spread, 1.0)
        return self._scaled(now)

    def _rate(self, now: Floats) -> Floats:
        raise NotImplementedError

    def forecast(self, courses: Courses) -> Floats:
        """Return ``(batch, time - 1, gene)``: from each level but the last the next."""
        steps = steps_of(courses)
        n_series, n_times, n_genes = courses.levels.shape
        change = self._rate(steps.now) * steps.length[:, None]
        return courses.levels[:, :-1] + change.reshape(n_series, n_times - 1, n_genes)


class LinearRates(_Rates):
    """The rate of change as a weighted sum of all levels; the score is |weight|.

    Regulators are scaled to one standard deviation, and weights divided by the standard
    deviation of the gene's rate, so that genes compare. A gene's own weight is its
    decay, and no edge.

    Parameters
    ----------
    penalty
        ``"ridge"`` (strength by leave-one-out over the steps), ``"lasso"`` (by three
        folds of whole runs of steps), ``"none"`` (least squares).

    Attributes
    ----------
    weights_
        ``(regulator, gene)`` in the units of the data: rate per level.
    """

    weights_: Floats

    def __init__(self, penalty: str = "ridge") -> None:
        if penalty not in PENALTIES:
            raise ValueError(f"penalty must be one of {PENALTIES}, got {penalty!r}")
        self.penalty = penalty

    def fit(self, courses: Courses) -> LinearRates:
        """Fit one regression a gene, on the steps where it was left alone."""
        steps = steps_of(courses)
        x = self._learn_scale(steps.now)
        n_genes = steps.rate.shape[1]
        weights, start = np.zeros((x.shape[1], n_genes)), np.zeros(n_genes)
        self.scores_ = np.zeros_like(weights)
        for gene in range(n_genes):
            rows = steps.free[:, gene]
            y = steps.rate[rows, gene]
            spread = y.std() if y.std() > 1e-12 else 1.0
            model = self._model().fit(x[rows], y / spread)
            weights[:, gene] = model.coef_ * spread
            start[gene] = model.intercept_ * spread
            self.scores_[:, gene] = np.abs(model.coef_)
        self.weights_ = weights / self._spread[:, None]
        self._start = start - self._mean @ self.weights_
        return self

    def _model(self) -> Any:
        from sklearn.linear_model import LassoCV, LinearRegression, RidgeCV

        if self.penalty == "ridge":
            return RidgeCV(RIDGE_GRID)
        if self.penalty == "lasso":
            return LassoCV(alphas=LASSO_GRID, cv=3, max_iter=5000, tol=1e-3)
        return LinearRegression()

    def _rate(self, now: Floats) -> Floats:
        rate: Floats = now @ self.weights_ + self._start
        return rate


class DecayForest(_Rates):
    """A forest a gene for what is made of it; the score is the regulator's importance.

    The target is the rate of change plus ``decay * level``. Importances are scikit-
    learn's, from the fall of variance; a gene's own level is set to 0, and the others
    add up to 1, as in dynGENIE3.

    Parameters
    ----------
    n_trees
        Trees a gene.
    seed
        Of the forests.
    decay
        ``(gene,)`` or one number; ``None``: guessed by `decay_rates`.
    """

    def __init__(
        self, n_trees: int = 100, seed: int = 0, decay: ArrayLike | None = None
    ) -> None:
        if n_trees < 1:
            raise ValueError(f"n_trees must be at least 1, got {n_trees}")
        self.n_trees, self.seed, self.decay = n_trees, seed, decay

    def fit(self, courses: Courses) -> DecayForest:
        """Grow one forest a gene, on the steps where it was left alone."""
        from sklearn.ensemble import RandomForestRegressor

        steps = steps_of(courses)
        x = self._learn_scale(steps.now)
        n_genes = steps.rate.shape[1]
        guessed = self.decay is None
        self.decay_ = np.broadcast_to(
            decay_rates(courses.levels, courses.times)
            if guessed
            else np.asarray(self.decay, dtype=float),
            n_genes,
        )
        made = steps.rate + self.decay_ * steps.now[:, :n_genes]
        self.forests_ = [
            RandomForestRegressor(
                self.n_trees, max_features="sqrt", random_state=self.seed + gene
            ).fit(x[steps.free[:, gene]], made[steps.free[:, gene], gene])
            for gene in range(n_genes)
        ]
        importances = [forest.feature_importances_ for forest in self.forests_]
        scores = np.stack(importances, axis=1)
        np.fill_diagonal(scores[:n_genes], 0.0)
        total = scores.sum(axis=0)
        self.scores_ = scores / np.where(total > 0, total, 1.0)
        return self

    def _rate(self, now: Floats) -> Floats:
        x = self._scaled(now)
        made = np.stack([forest.predict(x) for forest in self.forests_], axis=1)
        rate: Floats = made - self.decay_ * now[:, : made.shape[1]]
        return rate
