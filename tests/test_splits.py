"""Leave-pair-out."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_score

from genex_helpers.evaluation import win_matrix
from genex_helpers.splits import LeavePairOut

LABELS = np.array([1, 0, 0, 1, 0])


def test_every_pair_once_and_never_trained_on() -> None:
    seen = []
    for train, test in LeavePairOut().split(None, LABELS):
        assert LABELS[test].tolist() == [1, 0]
        assert not set(train) & set(test) and len(train) == 3
        seen.append(tuple(test))
    assert sorted(seen) == [(0, 1), (0, 2), (0, 4), (3, 1), (3, 2), (3, 4)]
    assert LeavePairOut().get_n_splits(y=LABELS) == 6


def test_works_with_scikit_learn() -> None:
    x = np.arange(10.0).reshape(5, 2)
    scores = cross_val_score(LogisticRegression(), x, LABELS, cv=LeavePairOut())
    assert scores.shape == (6,)


def test_pairs_give_the_auroc() -> None:
    rng = np.random.default_rng(3)
    scores, labels = rng.integers(0, 5, 40), rng.integers(0, 2, 40)
    wins = win_matrix(scores[labels == 1], scores[labels == 0])
    assert wins.mean() == pytest.approx(roc_auc_score(labels, scores))


@pytest.mark.parametrize("labels", [[0, 1, 2], [[0, 1]], [1, 0, 0]])
def test_bad_labels_are_refused(labels: list[object]) -> None:
    with pytest.raises(ValueError, match=r"label|each class"):
        list(LeavePairOut().split(None, labels))  # type: ignore[arg-type]
