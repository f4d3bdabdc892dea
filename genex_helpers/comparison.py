"""Models against one another: folds × seeds × models, one tidy table, paired intervals.

A model is anything with ``fit(x, y)`` and ``predict(x)``, made anew for each fold and
seed by a function of the seed. All models see the same folds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .evaluation import Interval, bootstrap_mean, bootstrap_pairs, pair_wins
from .resampling import bootstrap_groups

if TYPE_CHECKING:
    import pandas as pd

Factory = Callable[[int], Any]
Score = Callable[[Any, Any], ArrayLike]
Fold = tuple[NDArray[np.int64], NDArray[np.int64]]
METHODS = ("predict", "class_scores")


def hits(y_true: ArrayLike, y_pred: ArrayLike) -> NDArray[np.float64]:
    """Score rows: 1 where the prediction is right, else 0; the mean is the accuracy."""
    right: NDArray[np.float64] = (np.asarray(y_true) == np.asarray(y_pred)) * 1.0
    return right


def mean_squared_errors(y_true: ArrayLike, y_pred: ArrayLike) -> NDArray[np.float64]:
    """Score rows by the mean square of their errors; the mean is the MSE."""
    error = np.asarray(y_true, dtype=float) - np.asarray(y_pred, dtype=float)
    squares: NDArray[np.float64] = error.reshape(len(error), -1) ** 2
    mean: NDArray[np.float64] = squares.mean(axis=1)
    return mean


def run_models(
    models: Mapping[str, Factory],
    x: ArrayLike,
    y: ArrayLike,
    folds: Any,
    *,
    score: Score | None,
    seeds: Sequence[int] = (0,),
    fixed: Collection[str] = (),
    units: ArrayLike | None = None,
    method: str = "predict",
    permutations: int = 0,
    at_once: Collection[str] = (),
    progress: bool = False,
) -> pd.DataFrame:
    """Fit every model on every fold with every seed; return one row a test row.

    Parameters
    ----------
    models
        Name to a function ``make(seed)`` of a new estimator.
    x, y
        ``(row, ...)`` each. What is fitted to inputs belongs into the estimator (a
        scikit-learn pipeline), or it sees the test rows.
    folds
        ``(train, test)`` row numbers; or a splitter with ``split(x, y, units)``.
    score
        Function of true and predicted values of some rows that gives one number a row
        (:func:`hits`, :func:`mean_squared_errors`); ``None`` if only predictions are
        wanted.
    fixed
        Models that draw no random number: they are fitted with the first seed only.
    units
        ``(row,)`` what is resampled and, for the control, permuted: a subject, a
        cluster of genes. ``None``: every row is a unit.
    method
        What gives the prediction: ``"predict"``, or ``"class_scores"`` for how strongly
        a model speaks for the second of two classes (its decision function if it has
        one, else the probability).
    permutations
        How many times to repeat all of it with permuted labels, a control that should
        find nothing. Labels move with whole units, so they must agree within each.
    at_once
        Models that are recurrent nets (:mod:`genex_helpers.estimators`), or pipelines
        that end with one: those of all folds and seeds are trained together, to the
        same results but for rounding, and much sooner where they are small.

    Returns
    -------
    pandas.DataFrame
        ``labelling`` (0: the true labels), ``model``, ``fold``, ``seed``, ``row``,
        ``unit``, ``y``, ``prediction`` (both if they are one number a row) and
        ``score`` (if asked).
    """
    import pandas as pd

    x, y = np.asarray(x), np.asarray(y)
    groups = None if units is None else np.asarray(units)
    names = np.arange(len(y)) if groups is None else groups
    _check_rows(models, x, y, names, seeds, fixed, at_once, method)
    parts = []
    tasks = [
        (labelling, labels, number, fold, name, seed)
        for labelling, labels in _labellings(y, names, permutations)
        for number, fold in enumerate(_folds(folds, x, labels, groups))
        for name in models
        for seed in (seeds[:1] if name in fixed else seeds)
    ]
    ready = _fitted_at_once(models, x, tasks, at_once)
    for task in _bar(tasks, progress):
        labelling, labels, number, (train, test), name, seed = task
        model = ready.get((labelling, number, name, seed))
        if model is None:
            model = models[name](seed)
            model.fit(x[train], labels[train])
        found = _predicted(model, x[test], method)
        if len(found) != len(test):
            raise ValueError(f"model {name!r} gave {len(found)} predictions for "
                             f"{len(test)} rows")  # fmt: skip
        part: dict[str, Any] = {
            "labelling": labelling, "model": name, "fold": number, "seed": seed,
            "row": test, "unit": names[test],
        }  # fmt: skip
        if found.ndim == labels.ndim == 1:
            part |= {"y": labels[test], "prediction": found}
        if score is not None:
            part["score"] = _scored(score, labels[test], found, name)
        parts.append(pd.DataFrame(part))
    return pd.concat(parts, ignore_index=True)


def paired_intervals(
    table: pd.DataFrame,
    comparisons: Sequence[tuple[str, str]],
    *,
    weigh: str = "unit",
    n_resamples: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Return the mean score of each model, and differences, with intervals over units.

    Scores are averaged over seeds and folds for each row first: a seed is no subject.
    The models are not trained again, so the interval holds the luck of whom we test.

    Parameters
    ----------
    table
        From :func:`run_models`; of one labelling.
    comparisons
        ``(model, versus)``: the score of the first less that of the second.
    weigh
        ``"unit"``: every unit counts the same. ``"row"``: every row does, so a unit
        with more rows (a large cluster of genes) counts more.

    Returns
    -------
    pandas.DataFrame
        ``model``, ``versus`` (empty for a model's own mean), ``value``, ``low``,
        ``high``, ``units``.
    """
    if weigh not in ("unit", "row"):
        raise ValueError(f"weigh must be 'unit' or 'row', got {weigh!r}")
    _one_labelling(table)
    means = table.groupby(["unit", "row", "model"])["score"].mean().unstack("model")
    _check_paired(means, comparisons)

    def interval(values: Any) -> Interval:
        by_unit = values.groupby(level="unit")
        settings: dict[str, Any] = {"n_resamples": n_resamples, "level": level}
        if weigh == "unit":
            return bootstrap_mean(by_unit.mean().to_numpy(), seed=seed, **settings)
        return bootstrap_groups(by_unit.sum(), by_unit.size(), seed=seed, **settings)

    return _told(means, comparisons, interval, means.index.get_level_values("unit"))


def paired_aurocs(
    table: pd.DataFrame,
    comparisons: Sequence[tuple[str, str]],
    *,
    positive: Any = 1,
    n_resamples: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Return AUROCs after leave-pair-out, and differences, with intervals over rows.

    Each fold holds out one positive and one negative row. A pair is won if the positive
    one has the higher prediction; wins are averaged over seeds, and the two groups are
    resampled separately (:func:`genex_helpers.evaluation.bootstrap_pairs`).

    Parameters
    ----------
    table
        From :func:`run_models` with ``method="class_scores"``; of one labelling.
    positive
        The label of a positive row.

    Returns
    -------
    pandas.DataFrame
        As :func:`paired_intervals`.
    """
    _one_labelling(table)
    is_positive = table["y"] == positive
    keys = ["model", "fold", "seed"]
    counts = table.assign(positive=is_positive).groupby(keys)["positive"]
    if not ((counts.size() == 2) & (counts.sum() == 1)).all():
        raise ValueError(
            "each fold must hold out one positive and one negative row; the label "
            f"{positive!r} must be that of the positive ones"
        )
    ill = table[is_positive].set_index(keys)
    well = table[~is_positive].set_index(keys).loc[ill.index]
    won = ill[[]].assign(
        win=pair_wins(ill["prediction"], well["prediction"]),
        positive=ill["row"].to_numpy(),
        negative=well["row"].to_numpy(),
    )
    means = won.groupby(["positive", "negative", "model"])["win"].mean()
    means = means.unstack("model")
    _check_paired(means, comparisons)

    def interval(values: Any) -> Interval:
        matrix = values.unstack("negative").to_numpy()
        return bootstrap_pairs(matrix, n_resamples=n_resamples, level=level, seed=seed)

    rows = [*means.index.get_level_values(0), *means.index.get_level_values(1)]
    return _told(means, comparisons, interval, rows)


def _told(
    means: pd.DataFrame,
    comparisons: Sequence[tuple[str, str]],
    interval: Callable[[Any], Interval],
    units: Iterable[Any],
) -> pd.DataFrame:
    """Return a row for each model and for each comparison."""
    import pandas as pd

    asked: list[tuple[Any, str, Any]] = [(n, "", means[n]) for n in means.columns]
    asked += [(a, b, means[a] - means[b]) for a, b in comparisons]
    n_units, rows = len(set(units)), []
    for model, versus, values in asked:
        found = interval(values)
        rows.append(
            {"model": model, "versus": versus, "value": found.value,
             "low": found.low, "high": found.high, "units": n_units}
        )  # fmt: skip
    return pd.DataFrame(rows)


def _one_labelling(table: pd.DataFrame) -> None:
    if table["labelling"].nunique() != 1:
        raise ValueError(
            "table must hold one labelling, got "
            f"{sorted(table['labelling'].unique().tolist())}: choose one, 0 is the "
            "true one"
        )


def _check_paired(means: pd.DataFrame, comparisons: Sequence[tuple[str, str]]) -> None:
    """Refuse models that are unknown, or were not tested on the same rows."""
    for name in {name for pair in comparisons for name in pair}:
        if name not in means.columns:
            raise ValueError(f"there is no model {name!r}; known: {list(means)}")
    lacking = means.isna()
    if lacking.to_numpy().any():
        worst = lacking.sum().idxmax()
        raise ValueError(
            f"model {worst!r} has no score for {int(lacking[worst].sum())} rows that "
            "others have: a comparison needs the same rows"
        )


def _check_rows(
    models: Mapping[str, Factory],
    x: NDArray[Any],
    y: NDArray[Any],
    units: NDArray[Any],
    seeds: Sequence[int],
    fixed: Collection[str],
    at_once: Collection[str],
    method: str,
) -> None:
    if not models or not len(seeds):
        raise ValueError("models and seeds must each have at least one entry")
    if not len(x) == len(y) == len(units) or units.ndim != 1:
        raise ValueError(
            f"x, y and units must have as many rows, got {len(x)}, {len(y)} and "
            f"{units.shape}"
        )
    if unknown := set(fixed) - set(models):
        raise ValueError(f"fixed names no model: {sorted(unknown)}")
    if unknown := set(at_once) - set(models):
        raise ValueError(f"at_once names no model: {sorted(unknown)}")
    if method not in METHODS:
        raise ValueError(f"method must be one of {METHODS}, got {method!r}")


def _labellings(
    y: NDArray[Any], units: NDArray[Any], permutations: int
) -> Iterator[tuple[int, NDArray[Any]]]:
    """Give the true labels as number 0, then permuted ones."""
    yield 0, y
    if permutations == 0:
        return
    _, first, unit_of_row = np.unique(units, return_index=True, return_inverse=True)
    of_unit = y[first]
    if not np.array_equal(of_unit[unit_of_row], y):
        raise ValueError(
            "permutations moves labels with whole units, but y differs within a unit"
        )
    rng = np.random.default_rng(0)
    for number in range(1, permutations + 1):
        yield number, rng.permutation(of_unit)[unit_of_row]


def _folds(
    folds: Any, x: NDArray[Any], y: NDArray[Any], units: NDArray[Any] | None
) -> list[Fold]:
    """Return the folds, from a splitter or as given; no row is on both sides."""
    if hasattr(folds, "split"):
        pairs = folds.split(x, y, units)
    elif isinstance(folds, Iterator):
        raise ValueError("folds must be a list or a splitter: an iterator is used up")
    else:
        pairs = folds
    found = [(np.asarray(train), np.asarray(test)) for train, test in pairs]
    if not found:
        raise ValueError("folds must hold at least one fold, got none")
    for number, (train, test) in enumerate(found):
        if len(both := np.intersect1d(train, test)):
            raise ValueError(f"fold {number} trains and tests on row {both[0]}")
    return found


def _fitted_at_once(
    models: Mapping[str, Factory],
    x: NDArray[Any],
    tasks: Sequence[tuple[Any, ...]],
    names: Collection[str],
) -> dict[tuple[int, int, str, int], Any]:
    """Return fitted models by labelling, fold, name and seed."""
    ready = {}
    for name, labelling in sorted({(t[4], t[0]) for t in tasks if t[4] in names}):
        from .estimators import fit_at_once

        own = [t for t in tasks if (t[4], t[0]) == (name, labelling)]
        made = [models[name](seed) for *_, seed in own]
        trains = [train for _, _, _, (train, _), _, _ in own]
        fit_at_once(made, [x[t] for t in trains], [own[0][1][t] for t in trains])
        for (_, _, number, _, _, seed), model in zip(own, made, strict=True):
            ready[labelling, number, name, seed] = model
    return ready


def _predicted(model: Any, x: NDArray[Any], method: str) -> NDArray[Any]:
    if method == "class_scores":
        from .baselines import class_scores

        return class_scores(model, x)
    return np.asarray(model.predict(x))


def _scored(score: Score, y: Any, found: Any, name: str) -> NDArray[np.float64]:
    values = np.asarray(score(y, found), dtype=float)
    if values.shape != (len(y),):
        raise ValueError(
            f"score must give one number a row, shape ({len(y)},), got {values.shape} "
            f"for model {name!r}"
        )
    if not np.isfinite(values).all():
        raise ValueError(f"the score of model {name!r} is not finite")
    return values


def _bar(tasks: list[Any], progress: bool) -> Iterable[Any]:
    if not progress:
        return tasks
    from tqdm import tqdm

    bar: Iterable[Any] = tqdm(tasks, unit="fit")
    return bar
