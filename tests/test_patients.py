"""The case of chapter 16b: nothing of the test patients leaks into a risk."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from genex_helpers import patient_nets as nets
from genex_helpers import patients as case
from genex_helpers.survival import cox_loss


@pytest.fixture(scope="module")
def everyone() -> case.Patients:
    return case.load_patients()


def test_who_is_in(everyone: case.Patients) -> None:
    n = len(everyone.names)
    assert n == len(set(everyone.names)) == len(everyone.days) == 75
    assert everyone.dead.sum() == 26
    np.testing.assert_array_equal(everyone.late, everyone.clinical[:, 0] >= 3)
    for name in case.TABLES:
        assert np.isfinite(everyone.tables[name]).all()
    lacking = np.isnan(everyone.tables["protein"]).any(axis=1)
    assert lacking.sum() == 30


def test_folds_are_folds(everyone: case.Patients) -> None:
    parts = [test for _, test in case.folds(everyone, 5, 0)]
    assert sorted(np.concatenate(parts)) == list(range(75))
    assert {int(everyone.dead[test].sum()) for test in parts} <= {4, 5, 6}
    inside = case.folds(everyone, 4, 0, np.arange(20, 60))
    assert all(set(a) | set(b) == set(range(20, 60)) for a, b in inside)


@pytest.mark.parametrize("outcome", case.OUTCOMES)
def test_risks_do_not_see_the_outcome_of_test_patients(
    everyone: case.Patients, outcome: str
) -> None:
    train, test = case.folds(everyone, 5, 1)[0]
    dead, late, days = (v.copy() for v in (everyone.dead, everyone.late, everyone.days))
    dead[test], late[test], days[test] = ~dead[test], ~late[test], 1.0
    lied = replace(everyone, dead=dead, late=late, days=days)
    one, other = (case.linear_risks(p, outcome, train, 0) for p in (everyone, lied))
    assert set(one) == set(other)
    for method, risk in one.items():
        np.testing.assert_allclose(risk, other[method])


def test_components_do_not_see_test_patients(everyone: case.Patients) -> None:
    train = np.arange(50)
    values = everyone.tables["rna"].copy()
    before = case.components(values, train)
    values[60] += 100
    after = case.components(values, train)
    np.testing.assert_allclose(before[:60], after[:60])
    assert before.shape == (75, 10)
    assert before[:50, 0].std(ddof=1) == pytest.approx(1.0)
    absent = np.isnan(everyone.tables["protein"]).any(axis=1)
    assert (case.components(everyone.tables["protein"], train)[absent] == 0).all()


def test_losses_are_the_library_s(everyone: case.Patients) -> None:
    rows = np.arange(30)
    risk = np.random.default_rng(0).normal(size=75)
    found = case.held_out_loss(everyone, "survival", risk, rows)
    parts = (risk[rows], everyone.days[rows], everyone.dead[rows])
    theirs = cox_loss(*(torch.as_tensor(v) for v in parts))
    assert found == pytest.approx(theirs.item())
    found = case.held_out_loss(everyone, "late stage", risk, rows)
    chance = 1 / (1 + np.exp(-risk[rows]))
    assert found == pytest.approx(log_loss(everyone.late[rows], chance))


def test_ranks_lie_between_0_and_1() -> None:
    ranks = case.rank_within(np.array([9.0, 3.0, 5.0, 3.0]), np.array([1, 2, 3]))
    np.testing.assert_allclose(ranks, [1 / 3, 5 / 6, 1 / 3])


def test_an_unknown_outcome(everyone: case.Patients) -> None:
    with pytest.raises(ValueError, match="outcome"):
        case.fitted(everyone, "weather", np.zeros((75, 1)), np.arange(9), 1.0)


@pytest.mark.parametrize("outcome", case.OUTCOMES)
def test_the_net_answers_for_everybody(everyone: case.Patients, outcome: str) -> None:
    risk = nets.gated_risk(
        everyone, outcome, np.arange(60), case.ALL_TABLES, seeds=(0,), n_epochs=3
    )
    assert risk.shape == (75,) and np.isfinite(risk).all()


def test_targets_of_the_heads() -> None:
    risk = torch.tensor([[0.3], [-0.2], [0.1]])
    target = torch.tensor([[1.0, 1.0], [2.0, 0.0], [3.0, 1.0]])
    found = nets.cox_target_loss(risk, target)
    assert float(found) == pytest.approx(
        float(cox_loss(risk[:, 0], target[:, 0], target[:, 1]))
    )
    logit = nets.logit_target_loss(risk, target)
    chance = 1 / (1 + np.exp(-risk[:, 0].numpy()))
    assert float(logit) == pytest.approx(log_loss([1, 0, 1], chance), rel=1e-5)
