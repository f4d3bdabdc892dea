"""What is held out stays out: subjects, genes, times, pairs, nested folds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_score
from sklearn.tree import DecisionTreeClassifier

from genex_helpers.datasets import load
from genex_helpers.evaluation import win_matrix
from genex_helpers.splits import (
    Chronological,
    GeneKFold,
    LeavePairOut,
    SubjectKFold,
    coexpression_clusters,
    nested_cross_val_score,
    nested_splits,
)

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
    # on one pair scikit-learn's AUROC is the win: 1, 0, or one half for a tie
    ties = cross_val_score(
        DummyClassifier(), x, LABELS, cv=LeavePairOut(), scoring="roc_auc"
    )
    assert ties.tolist() == [0.5] * 6


def test_pairs_of_subjects_take_all_their_rows_along() -> None:
    subjects = np.repeat(list("abcde"), 3)[::-1]
    labels = np.repeat(LABELS, 3)
    seen = set()
    for train, test in LeavePairOut().split(None, labels, subjects):
        ill, well = test[:3], test[3:]
        assert len({*subjects[ill]}) == len({*subjects[well]}) == 1
        assert labels[ill].all() and not labels[well].any()
        assert not {*subjects[train]} & {*subjects[test]}
        seen.add((subjects[ill[0]], subjects[well[0]]))
    assert len(seen) == LeavePairOut().get_n_splits(None, labels, subjects) == 6
    with pytest.raises(ValueError, match="same in all rows of a subject"):
        list(LeavePairOut().split(None, LABELS, ["a", "a", "b", "c", "d"]))


def test_pairs_give_the_auroc() -> None:
    rng = np.random.default_rng(3)
    scores, labels = rng.integers(0, 5, 40), rng.integers(0, 2, 40)
    wins = win_matrix(scores[labels == 1], scores[labels == 0])
    assert wins.mean() == pytest.approx(roc_auc_score(labels, scores))


@pytest.mark.parametrize("labels", [[0, 1, 2], [[0, 1]], [1, 0, 0]])
def test_bad_labels_are_refused(labels: list[object]) -> None:
    with pytest.raises(ValueError, match=r"label|each class"):
        list(LeavePairOut().split(None, labels))  # type: ignore[arg-type]


# --- by subject and by gene -------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(
    subjects=st.lists(st.integers(0, 9), min_size=30, max_size=60),
    n_splits=st.integers(2, 4),
    seed=st.integers(0, 5),
    regression=st.booleans(),
)
def test_no_subject_is_on_both_sides_and_each_row_is_tested_once(
    subjects: list[int], n_splits: int, seed: int, regression: bool
) -> None:
    names = np.array([*range(10), *subjects])
    y = np.sin(names) if regression else names % 2
    tested = []
    for train, test in SubjectKFold(n_splits, seed).split(names, y, names):
        assert not {*names[train]} & {*names[test]}
        assert len(train) + len(test) == len(names)
        if not regression:
            assert {*y[train]} == {*y[test]} == {0, 1}
        tested += test.tolist()
    assert sorted(tested) == list(range(len(names)))


def test_the_seed_decides_who_shares_a_fold() -> None:
    names = np.arange(20)

    def folds(seed: int) -> list[list[int]]:
        split = SubjectKFold(4, seed).split(names, None, names)
        return [test.tolist() for _, test in split]

    assert folds(0) == folds(0) and folds(0) != folds(1)


def test_subjects_that_cannot_be_split_are_refused() -> None:
    rows = np.zeros(4)

    def split(y: object, groups: object, **how: Any) -> list[Any]:
        return list(SubjectKFold(3, **how).split(rows, y, groups))  # type: ignore[arg-type]

    with pytest.raises(ValueError, match="groups is needed: the subject of each row"):
        split(None, None)
    with pytest.raises(ValueError, match=r"no subject in rows \[1\]"):
        split(None, ["a", None, "b", "c"])
    with pytest.raises(ValueError, match="n_splits=3 needs as many subjects, got 2"):
        split(None, ["a", "b", "a", "b"])
    with pytest.raises(ValueError, match=r"subjects of each label.*\{1: 1\}.*stratify"):
        split([0, 0, 0, 1], list("abcd"))
    assert len(split([0, 0, 0, 1], list("abcd"), stratify=False)) == 3


def test_influenza_volunteers_leak_when_their_samples_are_split() -> None:
    """Whose blood is it? No one can tell for a person held out, and anyone else can."""
    adata = load("influenza_challenge")
    x, y = adata.X[:, ::20], adata.obs["symptomatic"].to_numpy(dtype=int)
    subjects = adata.obs["subject"].to_numpy()
    model = LogisticRegression(max_iter=200)
    fair = cross_val_score(model, x, y, groups=subjects, cv=SubjectKFold(4))
    assert fair.shape == (4,) and fair.mean() < 0.85
    rows = np.arange(len(y))  # each sample its own "subject"
    leaky = cross_val_score(model, x, y, groups=rows, cv=SubjectKFold(4))
    assert leaky.mean() > 0.95


def test_genes_of_one_cluster_stay_together() -> None:
    rng = np.random.default_rng(0)
    shapes = rng.normal(size=(6, 12))
    profiles = np.repeat(shapes, 5, axis=0) + rng.normal(scale=0.05, size=(30, 12))
    clusters = coexpression_clusters(profiles, 6)
    assert [len({*clusters[i : i + 5]}) for i in range(0, 30, 5)] == [1] * 6
    assert len({*clusters}) == 6
    for train, test in GeneKFold(3).split(profiles, None, clusters):
        assert not {*clusters[train]} & {*clusters[test]}
    # scale and level do not matter, only the shape
    stretched = profiles * rng.uniform(1, 9, (30, 1)) + rng.normal(size=(30, 1))
    np.testing.assert_array_equal(coexpression_clusters(stretched, 6), clusters)
    with pytest.raises(ValueError, match=r"genes \[2\] are constant"):
        coexpression_clusters(np.where(np.arange(30)[:, None] == 2, 1, profiles), 6)
    with pytest.raises(ValueError, match="with 1 missing"):
        coexpression_clusters([[0.0, 1.0], [np.nan, 2.0]], 2)
    with pytest.raises(ValueError, match="the gene or cluster of each row"):
        list(GeneKFold(3).split(profiles))


# --- by time ----------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(
    times=st.lists(st.sampled_from([0.0, 5, 12, 21, 29, 36, 45, 53]), min_size=1),
    n_splits=st.integers(1, 4),
    gap=st.sampled_from([0.0, 4.0]),
)
def test_the_past_is_trained_on_and_the_future_tested(
    times: list[float], n_splits: int, gap: float
) -> None:
    when = np.array([0.0, 5, 12, 21, 29, *times])
    splitter = Chronological(n_splits, gap)
    tested: list[int] = []
    for train, test in splitter.split(when, None, when):
        assert when[train].max() < when[test].min() - gap
        assert not {*test} & {*tested}
        tested += test.tolist()
    assert splitter.get_n_splits() == n_splits
    assert when[tested].max() == when.max()


def test_chronological_folds_on_paper() -> None:
    when = [3, 1, 2, 4, 2]
    folds = [
        (train.tolist(), test.tolist())
        for train, test in Chronological(3).split(when, None, when)
    ]
    assert folds == [([1], [2, 4]), ([1, 2, 4], [0]), ([0, 1, 2, 4], [3])]
    gapped = Chronological(1, gap=1).split(when, None, when)
    assert next(gapped)[0].tolist() == [1]
    scores = cross_val_score(
        Ridge(),
        np.c_[when],
        when,
        groups=when,
        cv=Chronological(2),
        scoring="neg_max_error",
    )
    assert scores.shape == (2,)


@pytest.mark.parametrize(
    ("splitter", "groups", "message"),
    [
        (Chronological(2), None, "the time of each row"),
        (Chronological(2), [1.0, np.nan, 2.0], r"not so in rows \[1\]"),
        (Chronological(3), [1, 2, 3], "more than as many times, got 3"),
        (Chronological(1, gap=9), [1, 2, 3], "leaves no row to train on before 3"),
        (Chronological(1, gap=-1), [1, 2, 3], "must not be negative"),
    ],
)
def test_bad_times_are_refused(
    splitter: Chronological, groups: object, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        list(splitter.split([0, 0, 0], None, groups))  # type: ignore[arg-type]


# --- nested -----------------------------------------------------------------


def triples(outer: Any, inner: Any, names: Any) -> Iterator[Any]:
    return nested_splits(outer, inner, names, names % 2, names)


def test_nested_folds_keep_three_parts_apart() -> None:
    names = np.repeat(np.arange(12), 2)
    found = list(triples(SubjectKFold(3), SubjectKFold(2), names))
    assert len(found) == 6
    for parts in found:
        who = [{*names[part]} for part in parts]
        assert not who[0] & who[1] and not who[0] & who[2] and not who[1] & who[2]
        assert sum(map(len, parts)) == len(names)


def test_the_choice_inside_is_optimistic_on_noise() -> None:
    """Tuning the seed of a tree on noise lifts the inner score, not the outer."""
    inner, outer = [], []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(24, 30)), np.arange(24) % 2
        table = nested_cross_val_score(
            DecisionTreeClassifier(max_features=1, max_depth=3),
            {"random_state": list(range(15))},
            x,
            y,
            groups=np.arange(24),
            outer=SubjectKFold(4, seed),
            inner=SubjectKFold(3, seed),
            scoring="roc_auc",
        )
        assert list(table.columns) == ["score", "inner_score", "random_state"]
        assert len(table) == 4
        inner.append(table["inner_score"].mean())
        outer.append(table["score"].mean())
    assert np.mean(inner) > 0.65
    assert abs(np.mean(outer) - 0.5) < 0.1
