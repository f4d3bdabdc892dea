"""Ways to hold data out: by subject, by gene, by time, by pair, and nested.

All are scikit-learn splitters: ``cross_val_score(model, x, y, groups=…, cv=…)``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.cluster import AgglomerativeClustering
from sklearn.model_selection import (
    BaseCrossValidator,
    GridSearchCV,
    StratifiedGroupKFold,
)
from sklearn.utils.multiclass import type_of_target

Indices = NDArray[np.int64]
Split = tuple[Indices, Indices]


class _WholeGroups(BaseCrossValidator):  # type: ignore[misc]
    """Folds that keep every group in one piece, shuffled by a seed."""

    group = "group"

    def __init__(self, n_splits: int = 5, seed: int = 0, stratify: bool = True) -> None:
        self.n_splits = n_splits
        self.seed = seed
        self.stratify = stratify

    def get_n_splits(
        self, x: object = None, y: object = None, groups: object = None
    ) -> int:
        """Return the number of folds."""
        return self.n_splits

    def split(
        self, x: ArrayLike, y: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> Iterator[Split]:
        """Yield ``(train, test)`` row indices; no group is in both.

        Raises
        ------
        ValueError
            If ``groups`` is missing or names fewer groups than folds, or a label is to
            be spread over the folds and has fewer groups than folds.
        """
        names = self._groups(groups)
        kinds = np.zeros(len(names), dtype=np.int64)
        if y is not None and self._spreads(names, np.asarray(y)):
            kinds = np.unique(np.asarray(y), return_inverse=True)[1]
            self._check_enough(names, np.asarray(y))
        folds = StratifiedGroupKFold(
            self.n_splits, shuffle=True, random_state=self.seed
        )
        yield from folds.split(kinds, kinds, names)

    def _spreads(self, names: NDArray[Any], y: NDArray[Any]) -> bool:
        """Return whether y is a class that whole groups share."""
        is_class = type_of_target(y) in ("binary", "multiclass")
        return self.stratify and is_class and _constant_within(names, y)

    def _groups(self, groups: ArrayLike | None) -> NDArray[Any]:
        if groups is None:
            raise ValueError(f"groups is needed: the {self.group} of each row")
        names = np.asarray(groups)
        if pd.isna(names).any():
            rows = np.flatnonzero(pd.isna(names))[:5].tolist()
            raise ValueError(f"groups has no {self.group} in rows {rows}")
        found = len(np.unique(names))
        if found < self.n_splits:
            raise ValueError(
                f"n_splits={self.n_splits} needs as many {self.group}s, got {found}"
            )
        return names

    def _check_enough(self, names: NDArray[Any], labels: NDArray[Any]) -> None:
        table = pd.DataFrame({"name": names, "label": labels})
        counts = table.groupby("label", observed=True)["name"].nunique()
        few = counts[counts < self.n_splits]
        if len(few):
            raise ValueError(
                f"n_splits={self.n_splits} needs as many {self.group}s of each label; "
                f"there are {few.to_dict()}; if y is no class, set stratify=False"
            )


class SubjectKFold(_WholeGroups):
    """Hold out whole subjects: all samples of a subject are on one side.

    Parameters
    ----------
    n_splits
        Number of folds.
    seed
        Decides which subjects share a fold.
    stratify
        Spread each class evenly over the folds, if y is a class and is the same in all
        samples of a subject.
    """

    group = "subject"


class GeneKFold(_WholeGroups):
    """Hold out whole genes, or clusters of genes, where rows are genes.

    Genes that rise and fall together are no independent rows: pass the result of
    :func:`coexpression_clusters` as ``groups``, so that near-twins share a fold.
    Labels are spread over folds only where a cluster has one label.
    """

    group = "gene or cluster"


def coexpression_clusters(profiles: ArrayLike, n_clusters: int) -> Indices:
    """Return a cluster for each gene, by average linkage of ``1 - correlation``.

    Parameters
    ----------
    profiles
        ``(gene, time)``, without missing values.
    n_clusters
        Number of clusters.

    Raises
    ------
    ValueError
        If a value is missing or a profile is constant, so that it has no correlation.
    """
    table = np.asarray(profiles, dtype=float)
    if table.ndim != 2 or not np.isfinite(table).all():
        raise ValueError(
            "profiles must be (gene, time) without missing values, "
            f"got shape {table.shape} with {int((~np.isfinite(table)).sum())} missing"
        )
    flat = np.flatnonzero(np.ptp(table, axis=1) == 0)
    if len(flat):
        raise ValueError(f"profiles of genes {flat[:5].tolist()} are constant")
    distance = np.clip(1 - np.corrcoef(table), 0, None)
    clustering = AgglomerativeClustering(
        n_clusters, metric="precomputed", linkage="average"
    )
    clusters: Indices = clustering.fit_predict(distance).astype(np.int64)
    return clusters


class Chronological(BaseCrossValidator):  # type: ignore[misc]
    """Train on the past and test on what comes after, for all subjects at once.

    The times are cut into ``n_splits + 1`` blocks of nearly equal number; fold k trains
    on the first k + 1 blocks and tests on the next. Pass the time of each row as
    ``groups``: for windows the time of the *target*.

    Parameters
    ----------
    n_splits
        Number of folds.
    gap
        Rows within this time before the first tested one are not trained on. A window
        that reaches back over several samples needs a gap as long as it reaches
        forward, or its targets are seen in training.
    """

    def __init__(self, n_splits: int = 3, gap: float = 0.0) -> None:
        self.n_splits = n_splits
        self.gap = gap

    def get_n_splits(
        self, x: object = None, y: object = None, groups: object = None
    ) -> int:
        """Return the number of folds."""
        return self.n_splits

    def split(
        self, x: ArrayLike, y: object = None, groups: ArrayLike | None = None
    ) -> Iterator[Split]:
        """Yield ``(train, test)`` row indices; every tested row is later than trained.

        Raises
        ------
        ValueError
            If ``groups`` is missing or no time, there are too few times, or the gap
            leaves nothing to train on.
        """
        if groups is None:
            raise ValueError("groups is needed: the time of each row")
        times = np.asarray(groups, dtype=float)
        if not np.isfinite(times).all():
            rows = np.flatnonzero(~np.isfinite(times))[:5].tolist()
            raise ValueError(f"groups must be finite times; not so in rows {rows}")
        if self.gap < 0:
            raise ValueError(f"gap must not be negative, got {self.gap:g}")
        points = np.unique(times)
        if len(points) <= self.n_splits:
            raise ValueError(
                f"n_splits={self.n_splits} needs more than as many times, "
                f"got {len(points)}"
            )
        for block in np.array_split(points, self.n_splits + 1)[1:]:
            train = np.flatnonzero(times < block[0] - self.gap)
            if not len(train):
                raise ValueError(
                    f"gap={self.gap:g} leaves no row to train on before {block[0]:g}"
                )
            yield train, np.flatnonzero((times >= block[0]) & (times <= block[-1]))


class LeavePairOut:
    """Hold out every pair of one positive and one negative subject in turn.

    The fraction of pairs that are ranked rightly estimates the AUROC, and unlike
    pooled leave-one-out it is not pulled below one half when there is no effect
    (Airola et al. 2011, doi:10.1016/j.csda.2010.11.018).
    Follows scikit-learn's splitter interface.
    """

    def split(
        self, x: object, y: ArrayLike, groups: ArrayLike | None = None
    ) -> Iterator[Split]:
        """Yield ``(train, test)`` indices; ``test`` is (positive, negative).

        With ``groups``, the subject of each row, ``test`` holds all rows of the two.
        """
        rows = self._rows(y, groups)
        positive, negative = self._classes([label for label, _ in rows])
        everyone = np.arange(sum(len(own) for _, own in rows))
        for i in positive:
            for j in negative:
                test = np.concatenate([rows[i][1], rows[j][1]])
                yield np.setdiff1d(everyone, test), test

    def get_n_splits(
        self,
        x: object = None,
        y: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> int:
        """Return the number of pairs."""
        if y is None:
            raise ValueError("y is needed: the number of pairs depends on the labels")
        labels = [label for label, _ in self._rows(y, groups)]
        positive, negative = self._classes(labels)
        return len(positive) * len(negative)

    @staticmethod
    def _rows(y: ArrayLike, groups: ArrayLike | None) -> list[tuple[Any, Indices]]:
        """Return the label and the rows of each subject."""
        labels = np.asarray(y)
        if labels.ndim != 1:
            raise ValueError("y must be one label, 0 or 1, a row")
        names = np.arange(len(labels)) if groups is None else np.asarray(groups)
        if not _constant_within(names, labels):
            raise ValueError("y must be the same in all rows of a subject")
        own = [np.flatnonzero(names == name) for name in pd.unique(names)]
        return [(labels[rows[0]], rows) for rows in own]

    @staticmethod
    def _classes(y: ArrayLike) -> tuple[Indices, Indices]:
        labels = np.asarray(y)
        if not np.isin(labels, (0, 1)).all():
            raise ValueError("y must be one label, 0 or 1, a subject")
        positive, negative = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
        if min(len(positive), len(negative)) < 2:
            raise ValueError(
                "each class needs two subjects, so that one remains for training; "
                f"got {len(positive)} positive and {len(negative)} negative"
            )
        return positive, negative


def nested_splits(
    outer: Any,
    inner: Any,
    x: ArrayLike,
    y: ArrayLike | None = None,
    groups: ArrayLike | None = None,
) -> Iterator[tuple[Indices, Indices, Indices]]:
    """Yield ``(train, validation, test)`` row indices.

    Each outer fold is tested once for each inner fold; whatever is chosen, is chosen on
    ``validation``, which the inner splitter takes from the outer training rows.

    Parameters
    ----------
    outer, inner
        Splitters, for instance two :class:`SubjectKFold`.
    groups
        What both keep in one piece, or order by.
    """
    rows = np.asarray(x)
    labels = None if y is None else np.asarray(y)
    names = None if groups is None else np.asarray(groups)
    for rest, test in outer.split(rows, labels, names):
        parts = [None if part is None else part[rest] for part in (labels, names)]
        for train, validation in inner.split(rows[rest], *parts):
            yield rest[train], rest[validation], test


def nested_cross_val_score(
    estimator: BaseEstimator,
    grid: dict[str, list[Any]],
    x: ArrayLike,
    y: ArrayLike,
    *,
    outer: Any,
    inner: Any,
    groups: ArrayLike | None = None,
    scoring: str | None = None,
) -> pd.DataFrame:
    """Tune inside, score outside: the test rows have no part in the choice.

    Returns
    -------
    DataFrame
        One row an outer fold: ``score`` on its test rows, ``inner_score`` of the chosen
        parameters (which is optimistic), and the parameters.
    """
    rows, labels = np.asarray(x), np.asarray(y)
    names = None if groups is None else np.asarray(groups)
    found = []
    for train, test in outer.split(rows, labels, names):
        search = GridSearchCV(estimator, grid, cv=inner, scoring=scoring)
        own = None if names is None else names[train]
        search.fit(rows[train], labels[train], groups=own)
        found.append(
            {
                "score": search.score(rows[test], labels[test]),
                "inner_score": search.best_score_,
                **search.best_params_,
            }
        )
    return pd.DataFrame(found)


def _constant_within(names: NDArray[Any], labels: NDArray[Any]) -> bool:
    """Return whether each group has one label."""
    if labels.shape != names.shape:
        return False
    table = pd.DataFrame({"name": names, "label": labels})
    kinds = table.groupby("name", observed=True)["label"].nunique(dropna=False)
    return bool((kinds == 1).all())
