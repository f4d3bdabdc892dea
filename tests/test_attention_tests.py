"""Scores of weights against known drivers, and weights that would do as well."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from sklearn.metrics import average_precision_score

from genex_helpers.attention_tests import (
    average_precision,
    chance_precision,
    gradient_times_input,
    other_weights,
    pulls,
    total_variation,
)

torch = pytest.importorskip("torch")


@settings(max_examples=60, deadline=None)
@given(data=st.data(), places=st.integers(1, 8))
def test_average_precision_is_that_of_scikit_learn(
    data: st.DataObject, places: int
) -> None:
    few = st.lists(st.integers(0, 3), min_size=places, max_size=places)  # many ties
    truth = st.lists(st.booleans(), min_size=places, max_size=places).filter(any)
    scores, true = data.draw(few), data.draw(truth)
    ours = average_precision([scores, scores[::-1]], [true, true[::-1]])
    expected = average_precision_score(true, scores)
    assert np.allclose(ours, expected)


@pytest.mark.parametrize(("true", "places"), [(1, 1), (1, 4), (2, 5), (3, 6), (4, 4)])
def test_chance_is_the_mean_over_all_orders(true: int, places: int) -> None:
    found = [
        average_precision([order], [np.arange(places) < true])[0]
        for order in itertools.permutations(range(places))
    ]
    assert math.isclose(np.mean(found), chance_precision(true, places))


def test_scores_that_cannot_be_are_refused() -> None:
    for scores, truth, words in (
        ([[1.0, 2.0]], [[True]], r"\(1, 2\) and \(1, 1\)"),
        ([[1.0, np.nan]], [[True, False]], "finite"),
        ([[1.0, 2.0]], [[False, False]], "row 0 has no true place"),
    ):
        with pytest.raises(ValueError, match=words):
            average_precision(scores, truth)
    with pytest.raises(ValueError, match="from 1 to 4"):
        chance_precision(0, 4)


def test_gradient_times_input_of_a_linear_net_is_its_terms() -> None:
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 1)).double()
    x = torch.randn(5, 4, 3, dtype=torch.float64)
    expected = (x.reshape(5, 12) * net[1].weight[0]).abs().reshape(5, 4, 3)
    assert np.allclose(gradient_times_input(net, x), expected.detach())
    with pytest.raises(ValueError, match="one number a series"):
        gradient_times_input(torch.nn.Linear(3, 2), x[:, 0])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), places=st.integers(2, 6))
def test_other_weights_give_the_same_answer_and_are_the_farthest(
    seed: int, places: int
) -> None:
    rng = np.random.default_rng(seed)
    own = rng.dirichlet(np.ones(places), size=1)
    pull = rng.normal(size=(1, places))
    found = other_weights(own, pull)
    assert np.isclose((found * pull).sum(), (own * pull).sum())
    assert np.isclose(found.sum(), 1) and (found >= 0).all()
    assert (found > 0).sum() <= 2
    # farthest: for each set of places that gain, a linear programme
    best = 0.0
    for gains in itertools.product((0, 1), repeat=places):
        sign = np.where(gains, 1.0, -1.0)
        done = linprog(
            -sign, A_eq=[np.ones(places), pull[0]], b_eq=[1.0, (own * pull).sum()],
            bounds=(0, 1),
        )  # fmt: skip
        best = max(best, float(np.abs(done.x - own[0]).sum() / 2))
    assert np.isclose(total_variation(found, own)[0], best, atol=1e-7)


def test_other_weights_where_all_pulls_are_the_same() -> None:
    # any single place gives the answer; the one with the least weight is farthest
    own = np.array([[0.5, 0.3, 0.2]])
    found = other_weights(own, np.ones((1, 3)))
    assert found.tolist() == [[0.0, 0.0, 1.0]]
    assert total_variation(found, own)[0] == pytest.approx(0.8)


def test_other_weights_refuse_what_are_no_weights() -> None:
    with pytest.raises(ValueError, match="add to 1"):
        other_weights([[0.5, 0.2]], [[1.0, 2.0]])
    with pytest.raises(ValueError, match=r"\(1, 2\) and \(1, 3\)"):
        other_weights([[0.5, 0.5]], [[1.0, 2.0, 3.0]])


def test_pulls_and_weights_make_the_logit() -> None:
    from genex_helpers.attention_nets import AttentionClassifier

    net = AttentionClassifier(4, 5).double()
    said = net.explain(torch.randn(3, 6, 4, dtype=torch.float64))
    again = (said.time.detach().numpy() * pulls(net, said.states)).sum(1)
    assert np.allclose(again, said.output[:, 0].detach())
