"""The comparison of scales with and without each person's own first sample."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from genex_helpers import own_baseline as ob
from genex_helpers.splits import LeavePairOut


def test_series_on_both_scales() -> None:
    series, y, sequences = ob.series_on_both_scales()
    assert tuple(series) == ob.SCALES and y.sum() == 9
    measured, change = (series[s] for s in ob.SCALES)
    assert measured.shape == sequences.values.shape
    seen = sequences.mask
    assert np.array_equal(measured[seen], sequences.values[seen])
    assert (change[:, 0] == 0).all()
    assert np.allclose(change, measured - measured[:, :1], atol=1e-5)


def test_states_by_hand() -> None:
    found = ob.states(np.array([1, 0]), np.array([0.0, 36.0, 45.0, 108.0]))
    assert found.tolist() == [[1, 1, 2, 2], [0, 0, 0, 0]]


def test_pair_scores_see_no_held_out_person() -> None:
    """A held-out person's own values may change that person's score, no weights."""
    rng = np.random.default_rng(0)
    y = np.array([1, 1, 1, 0, 0, 0])
    x = rng.normal(size=(6, 20)).astype(np.float32) + y[:, None]
    scores = ob.pair_scores(x, y)
    assert scores.shape == (9, 2)
    train, pair = next(iter(LeavePairOut().split(x, y)))
    changed = x.copy()
    changed[pair[1]] += 100
    assert np.isclose(ob.pair_scores(changed, y)[0, 0], scores[0, 0])
    fitted = ob.model().fit(x[train], y[train])
    assert np.allclose(scores[0], fitted.decision_function(x[pair]))


def test_rotation_changes_no_prediction() -> None:
    """The rotated model of the states equals one on all genes."""
    rng = np.random.default_rng(1)
    y, times = np.array([1, 1, 1, 0, 0, 0]), np.array([0.0, 20, 50, 70])
    x = rng.normal(size=(6, 4, 60)).astype(np.float32)
    x[:3, 2:, :10] += 1.5
    pair = np.array([0, 3])
    train = np.setdiff1d(np.arange(6), pair)
    label = ob.states(y, times)[:, 1:]
    scaler = StandardScaler().fit(x[train, 1:].reshape(-1, 60))
    plain = LogisticRegression(max_iter=1000)
    plain.fit(scaler.transform(x[train, 1:].reshape(-1, 60)), label[train].ravel())
    expected = [
        (plain.predict(scaler.transform(x[p, 1:])) != label[p]).mean() for p in pair
    ]
    assert np.allclose(ob.state_errors(x, y, times, pair), expected)
