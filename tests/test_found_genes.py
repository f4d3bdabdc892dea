"""The genes that nets find: folds, inputs, maps of people left out."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from genex_helpers import found_genes as fg

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def group() -> fg.People:
    return fg.people()


def test_people(group: fg.People) -> None:
    assert group.inputs["changes"].shape == group.inputs["levels"].shape
    assert group.inputs["levels"].shape == (17, 7, 4147)
    assert not group.inputs["changes"][:, 0].any()
    later = group.inputs["levels"] - group.before[:, None]
    assert np.allclose(later, group.inputs["changes"], atol=1e-4)


def test_choice_and_scaling_use_training_people_only(group: fg.People) -> None:
    x, train = group.inputs["changes"], np.arange(15)
    spoilt = x.copy()
    spoilt[15:] = 100 * RNG.normal(size=spoilt[15:].shape)
    own = fg.chosen_genes(x, train)
    assert len(own) == fg.N_GENES and np.array_equal(
        own, fg.chosen_genes(spoilt, train)
    )
    for kind, zero in (("changes", True), ("levels", False)):
        one = fg.standardised(x[:, :, own], train, kind)
        two = fg.standardised(spoilt[:, :, own], train, kind)
        assert np.array_equal(one[train], two[train])
        assert np.allclose(one[train].std(axis=(0, 1)), 1, atol=1e-4)
        assert (not one[:, 0].any()) == zero


def test_folds(group: fg.People) -> None:
    every, few = fg.pair_folds(group.y), fg.pair_folds(group.y, every=False)
    assert len(every) == 72 and len(few) == 8
    for train, test in every:
        assert len(train) == 15 and not np.intersect1d(train, test).size
        assert group.y[test].tolist() == [1, 0]
    assert len({int(p) for _, test in few for p in test}) == 16


def test_maps_and_their_means(group: fg.People) -> None:
    folds = fg.pair_folds(group.y, every=False)[:2]
    found = fg.maps_of_left_out(group, "changes", folds, seed=0)
    maps = found.sizes
    assert maps.shape == found.signed.shape == (2, 2, 4147)
    assert found.logits.shape == (2, 2)
    assert (np.abs(found.signed) <= maps + 1e-9).all()
    by_hand = (found.signed[0, 0] - found.signed[0, 1]) / 2
    by_hand += (found.signed[1, 0] - found.signed[1, 1]) / 2
    assert np.allclose(fg.contrast(found.signed), by_hand)
    for number, (train, _) in enumerate(folds):
        outside = np.setdiff1d(
            np.arange(4147), fg.chosen_genes(group.inputs["changes"], train)
        )
        assert not maps[number][:, outside].any()
    people = fg.by_person(maps, folds, 17)
    seen = np.concatenate([test for _, test in folds])
    assert np.allclose(people[seen].sum(axis=1), 1)
    assert not people[np.setdiff1d(np.arange(17), seen)].any()
    again = fg.maps_of_left_out(group, "changes", folds, seed=0)
    assert np.array_equal(maps, again.sizes)


def test_aurocs_are_scikit_learns() -> None:
    values, y = RNG.integers(0, 5, (17, 4)), np.repeat([0, 1], [8, 9])
    right = [roc_auc_score(y, column) for column in values.T]
    assert np.allclose(fg.aurocs(values, y), right)


def test_top_and_rivals(group: fg.People) -> None:
    assert fg.top_genes(np.array([1.0, 3.0, 2.0, 3.0]), 3).tolist() == [1, 3, 2]
    scores = fg.rivals(group)
    assert set(scores) == {"variance", "difference", "logistic", "forest"}
    assert all(s.shape == (4147,) and (s >= 0).all() for s in scores.values())
    assert (scores["forest"] > 0).sum() <= fg.N_GENES
