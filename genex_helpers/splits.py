"""Ways to hold subjects out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray


class LeavePairOut:
    """Hold out every pair of one positive and one negative subject in turn.

    The fraction of pairs that are ranked rightly estimates the AUROC, and unlike
    pooled leave-one-out it is not pulled below one half when there is no effect
    (Airola et al. 2011, doi:10.1016/j.csda.2010.11.018).
    Follows scikit-learn's splitter interface.
    """

    def split(
        self, x: object, y: ArrayLike, groups: object = None
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Yield ``(train, test)`` indices; ``test`` is (positive, negative)."""
        positive, negative = self._classes(y)
        everyone = np.arange(len(positive) + len(negative))
        for i in positive:
            for j in negative:
                test = np.array([i, j], dtype=np.int64)
                yield np.setdiff1d(everyone, test), test

    def get_n_splits(
        self, x: object = None, y: ArrayLike | None = None, groups: object = None
    ) -> int:
        """Return the number of pairs."""
        if y is None:
            raise ValueError("y is needed: the number of pairs depends on the labels")
        positive, negative = self._classes(y)
        return len(positive) * len(negative)

    @staticmethod
    def _classes(y: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        labels = np.asarray(y)
        if labels.ndim != 1 or not np.isin(labels, (0, 1)).all():
            raise ValueError("y must be one label, 0 or 1, a subject")
        positive, negative = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
        if min(len(positive), len(negative)) < 2:
            raise ValueError(
                "each class needs two subjects, so that one remains for training; "
                f"got {len(positive)} positive and {len(negative)} negative"
            )
        return positive, negative
