"""Survival: equal to lifelines and statsmodels, to enumeration, and bad input."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genex_helpers.survival import (
    CoxRidge,
    bootstrap_concordance,
    comparable,
    concordance,
    cox_loss,
    crowds,
    kaplan_meier,
)

FROZEN: dict[str, Any] = json.loads(
    (Path(__file__).parent / "frozen" / "survival.json").read_text("utf-8")
)
X, TIME, EVENT = (np.array(FROZEN[k], dtype=float) for k in ("x", "time", "event"))


def loss(risk: Any, time: Any = TIME, event: Any = EVENT, ties: str = "efron") -> Any:
    return cox_loss(*(torch.as_tensor(v, dtype=torch.float64)
                      for v in (risk, time, event)), ties)  # fmt: skip


def test_the_frozen_table_has_ties() -> None:
    days = TIME[EVENT == 1]
    assert len(np.unique(days)) < len(days) - 5


@pytest.mark.parametrize("ties", ["breslow", "efron"])
def test_likelihood_and_slope_are_statsmodels(ties: str) -> None:
    theirs = FROZEN[f"statsmodels {ties}"]
    at = torch.tensor(theirs["at"], dtype=torch.float64, requires_grad=True)
    found = loss(torch.as_tensor(X) @ at, ties=ties) * EVENT.sum()
    found.backward()
    assert -found.item() == pytest.approx(theirs["log_likelihood_at"], abs=1e-9)
    assert at.grad is not None
    np.testing.assert_allclose(-at.grad.numpy(), theirs["score_at"], atol=1e-8)


@pytest.mark.parametrize("ties", ["breslow", "efron"])
def test_coefficients_are_theirs(ties: str) -> None:
    ours = CoxRidge(0.0, ties).fit(X, TIME, EVENT).coef_
    theirs = FROZEN[f"statsmodels {ties}"]["coef"]
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    if ties == "efron":
        np.testing.assert_allclose(ours, FROZEN["lifelines"]["coef"], atol=1e-4)


def test_concordance_and_curve_are_lifelines() -> None:
    theirs = FROZEN["lifelines"]
    found = concordance(TIME, EVENT, X @ [1.0, -1.0, 0.5])
    assert found == pytest.approx(theirs["concordance"], abs=1e-12)
    curve = dict(zip(theirs["curve_times"], theirs["curve"], strict=True))
    days, alive = kaplan_meier(TIME, EVENT)
    np.testing.assert_allclose(alive, [curve[d] for d in days], atol=1e-9)


def test_without_ties_it_is_the_chance_of_the_order() -> None:
    """The likelihood is that of an order of draws without replacement, in which
    everybody's chance is in proportion to exp(risk): over all orders it sums to 1."""
    eta = np.array([0.3, -1.0, 0.8, 0.1])
    total = 0.0
    for order in permutations(range(4)):
        time = np.argsort(order) + 1.0  # the place of each in the order
        total += float(torch.exp(-4 * loss(eta, time, np.ones(4))))
    assert total == pytest.approx(1.0)


def test_efron_by_hand() -> None:
    """Two die on one day out of three: the second sees half of each of the dying."""
    a, b, c = (float(w) for w in np.exp([0.2, 0.5, -0.3]))
    by_hand = np.log(a * b / ((a + b + c) * (c + (a + b) / 2)))
    found = loss([0.2, 0.5, -0.3], [1, 1, 2], [1, 1, 0])
    assert -2 * float(found) == pytest.approx(by_hand)


def test_crowds_of_a_small_table() -> None:
    found = crowds([1, 1, 2, 1], [1, 1, 1, 0])
    assert found.tolist() == [[1, 1, 1, 1], [0.5, 0.5, 1, 1], [0, 0, 1, 0]]
    whole = crowds([1, 1, 2, 1], [1, 1, 1, 0], "breslow")
    assert whole.tolist() == [[1, 1, 1, 1], [1, 1, 1, 1], [0, 0, 1, 0]]


def test_a_constant_in_the_risk_changes_nothing() -> None:
    eta = X @ [1.0, 0.0, 2.0]
    assert float(loss(eta)) == pytest.approx(float(loss(eta + 5)))


@pytest.mark.parametrize("ties", ["breslow", "efron"])
def test_gradients_agree_with_finite_differences(ties: str) -> None:
    eta = torch.as_tensor(X[:12, 0]).requires_grad_()
    t, e = torch.as_tensor(TIME[:12]), torch.as_tensor(EVENT[:12])
    assert torch.autograd.gradcheck(lambda r: cox_loss(r, t, e, ties), (eta,))


def test_ridge_is_at_rest_and_shrinks() -> None:
    model = CoxRidge(0.3).fit(X, TIME, EVENT)
    w = torch.tensor(model.coef_, requires_grad=True)
    (loss(torch.as_tensor(X) @ w) + 0.15 * (w @ w)).backward()
    assert w.grad is not None and float(w.grad.abs().max()) < 1e-7
    free = CoxRidge(0.0).fit(X, TIME, EVENT)
    assert np.linalg.norm(model.coef_) < np.linalg.norm(free.coef_)
    np.testing.assert_allclose(model.predict(X), X @ model.coef_)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_concordance_is_a_count_of_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    time, event = rng.integers(1, 6, 9) * 1.0, rng.random(9) < 0.7
    risk = rng.integers(0, 4, 9) * 1.0
    right = known = 0.0
    for i in range(9):
        for j in range(9):
            sooner = time[i] < time[j] or (time[i] == time[j] and not event[j])
            if event[i] and sooner:
                known += 1
                right += (risk[i] > risk[j]) + 0.5 * (risk[i] == risk[j])
    assert comparable(time, event).sum() == known
    if known:
        found = concordance(time, event, risk)
        assert found == pytest.approx(right / known)
        assert concordance(time, event, -risk) == pytest.approx(1 - found)


def test_intervals_hold_the_estimate_and_pair_the_people() -> None:
    risk = X @ [1.0, -1.0, 0.5]
    own = bootstrap_concordance(TIME, EVENT, risk, n_resamples=500)
    assert own.low < own.value < own.high
    assert own.value == pytest.approx(concordance(TIME, EVENT, risk))
    same = bootstrap_concordance(TIME, EVENT, risk, risk, n_resamples=100)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    both = np.stack([risk, -risk])
    half = bootstrap_concordance(TIME, EVENT, both, n_resamples=100)
    assert half.value == pytest.approx(0.5)


def test_kaplan_meier_by_hand() -> None:
    days, alive = kaplan_meier([1, 2, 2, 3, 4], [1, 0, 1, 0, 1])
    assert days.tolist() == [1, 2, 4]
    np.testing.assert_allclose(alive, [4 / 5, 4 / 5 * 3 / 4, 0])


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="ties"):
        loss([1.0, 2.0], [1, 2], [1, 1], "exact")
    with pytest.raises(ValueError, match="nobody died"):
        loss([1.0, 2.0], [1, 2], [0, 0])
    with pytest.raises(ValueError, match="as many entries"):
        loss([1.0], [1, 2], [0, 1])
    with pytest.raises(ValueError, match="penalty"):
        CoxRidge(-1.0)
    with pytest.raises(ValueError, match="ties"):
        CoxRidge(ties="exact")
    with pytest.raises(ValueError, match="x must be"):
        CoxRidge().fit(X[:5], TIME, EVENT)
    with pytest.raises(ValueError, match="no two people"):
        concordance([1, 2], [0, 0], [1, 2])
    with pytest.raises(ValueError, match="no two people"):
        bootstrap_concordance([1, 2], [0, 0], [1, 2])
    with pytest.raises(ValueError, match="risk must be"):
        concordance([1, 2], [1, 1], [1, np.nan])
    with pytest.raises(ValueError, match="time must be"):
        comparable([-1, 2], [1, 1])
    with pytest.raises(ValueError, match="event must be"):
        comparable([1, 2], [1, 3])
    with pytest.raises(ValueError, match="shapes"):
        comparable([1, 2], [1])
