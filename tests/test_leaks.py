"""Leaks: the linear model equals scikit-learn's, and each leak leaks where it must."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import LeaveOneOut, cross_val_predict

from genex_helpers import leak_cases
from genex_helpers.evaluation import bootstrap_pairs
from genex_helpers.leaks import (
    Outcome,
    compare_scores,
    kernel_of,
    leave_pair_out,
    leave_pair_out_with_inner,
    outcome_interval,
    pairs_of,
    ridge_scores,
    strongest,
    t_statistics,
)
from genex_helpers.splits import LeavePairOut

RNG = np.random.default_rng(3)
X = RNG.normal(size=(13, 40)) + 5
Y = np.array([0, 1] * 6 + [1])


def alpha_of(train: np.ndarray, penalty: float) -> float:
    centred = X[train] - X[train].mean(axis=0)
    return float(penalty * (centred**2).sum() / len(train))


@pytest.mark.parametrize("penalty", [0.01, 0.1, 3.0])
def test_ridge_by_the_kernel_is_scikit_learns(penalty: float) -> None:
    train, test = np.arange(9), np.arange(9, 13)
    model = Ridge(alpha=alpha_of(train, penalty)).fit(X[train], 2 * Y[train] - 1)
    found = ridge_scores(kernel_of(X), Y, train, test, penalty)
    np.testing.assert_allclose(found, model.predict(X[test]))


def test_leave_pair_out_is_one_ridge_a_pair() -> None:
    outcome = leave_pair_out(kernel_of(X), Y)
    wins = []
    for train, pair in LeavePairOut().split(X, Y):
        first, second = ridge_scores(kernel_of(X), Y, train, pair)
        wins.append(first > second)
    assert np.array_equal(outcome.wins.ravel(), np.array(wins, dtype=float))
    assert outcome.counted.all() and outcome.auroc == np.mean(wins)


def test_pairs_may_have_features_of_their_own() -> None:
    kernels = [kernel_of(X[:, : 10 + k]) for k in range(len(pairs_of(Y)))]
    found = leave_pair_out(np.stack(kernels), Y).wins.ravel()
    for k, (i, j) in enumerate(pairs_of(Y)):
        train = np.delete(np.arange(len(Y)), [i, j])
        first, second = ridge_scores(kernels[k], Y, train, np.array([i, j]))
        assert found[k] == (first > second)


def test_the_inner_error_is_leave_one_out() -> None:
    _, inner = leave_pair_out_with_inner(kernel_of(X), Y, 0.1)
    for k in (0, 17, 41):
        train = np.delete(np.arange(len(Y)), pairs_of(Y)[k])
        model = Ridge(alpha=alpha_of(train, 0.1))
        target = 2.0 * Y[train] - 1
        held_out = cross_val_predict(model, X[train], target, cv=LeaveOneOut())
        assert inner[k] == pytest.approx(np.mean((target - held_out) ** 2))


def test_wins_are_the_auroc_and_folds_limit_them() -> None:
    scores = RNG.normal(size=13)
    assert compare_scores(scores, Y).auroc == pytest.approx(roc_auc_score(Y, scores))
    folds = np.arange(13) // 5
    parts = [(scores[folds == f], Y[folds == f]) for f in range(3)]
    pairs = [int(y.sum() * (1 - y).sum()) for _, y in parts]
    expected = np.average([roc_auc_score(y, s) for s, y in parts], weights=pairs)
    assert compare_scores(scores, Y, folds).auroc == pytest.approx(expected)
    with pytest.raises(ValueError, match="no fold holds"):
        compare_scores(scores, Y, np.arange(13))


def test_the_interval_is_that_of_bootstrap_pairs() -> None:
    first, second = (compare_scores(RNG.normal(size=13), Y) for _ in range(2))
    assert outcome_interval(first) == bootstrap_pairs(first.wins)
    expected = bootstrap_pairs(first.wins - second.wins)
    found = outcome_interval(first, second)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    with pytest.raises(ValueError, match="same units"):
        outcome_interval(first, Outcome(np.ones((2, 2)), np.ones((2, 2), dtype=bool)))


def test_t_is_welchs() -> None:
    from scipy.stats import ttest_ind

    expected = ttest_ind(X[Y == 1], X[Y == 0], equal_var=False).statistic
    np.testing.assert_allclose(t_statistics(X, Y), expected)
    assert set(strongest(X, Y, 5)) == set(np.argsort(-np.abs(expected))[:5])


@pytest.mark.parametrize("name", leak_cases.CASES)
def test_labels_are_permuted_as_the_case_says(name: str) -> None:
    case = leak_cases.CASES[name]()
    assert np.array_equal(case.labelling(0), case.y)
    dealt = case.labelling(1)
    assert not np.array_equal(dealt, case.y)
    within = np.zeros(len(case.y)) if case.within is None else case.within
    for value in np.unique(within):
        rows = within == value
        assert sorted(dealt[rows]) == sorted(case.y[rows])
    assert np.array_equal(dealt, case.labelling(1))


LABELS = ["genes chosen on everyone", "gene list from the same people",
          "samples of one person on both sides", "same people under two accessions",
          "replicates on both sides", "batch that is the label"]  # fmt: skip


@pytest.mark.parametrize("name", LABELS)
def test_permuted_labels_betray_the_leak(name: str) -> None:
    case = leak_cases.CASES[name]()
    scores = np.array(
        [
            (case.correct(labels).auroc, case.leaky(labels).auroc)
            for labels in map(case.labelling, range(1, 7))
        ]
    )
    assert scores[:, 1].mean() > scores[:, 0].mean() + 0.1
    assert 0.2 < scores[:, 0].mean() < 0.75


def test_a_leak_without_labels_hides_from_permuted_labels() -> None:
    """The mean over all labelings is one half, whatever the features were fitted on."""
    case = leak_cases.CASES["components on everyone"]()
    scores = [case.leaky(case.labelling(k)).auroc for k in range(1, 101)]
    assert abs(np.mean(scores) - 0.5) < 4 * np.std(scores) / 10


def test_a_step_is_one_that_exists() -> None:
    with pytest.raises(ValueError, match="'scaling' or 'components'"):
        leak_cases.label_free("whitening")


def test_zero_sum_gives_the_last_value_away() -> None:
    values, _ = leak_cases._alpha_course()
    assert np.abs(values.sum(axis=1)).max() < 0.1
    exact = LinearRegression().fit(values[:, :-1], values[:, -1]).coef_
    np.testing.assert_allclose(exact, -1, atol=0.05)
    for number in (0, 1):
        assert leak_cases.zero_sum(number, recentre=False).skill > 0.9
    assert leak_cases.zero_sum(1, recentre=True).skill < 0.1


def test_more_trials_never_lower_the_best() -> None:
    labels = np.random.default_rng(1).permutation(leak_cases.volunteers()[1])
    found = leak_cases.tuning(labels, (1, 5, 25))
    best = [leaky.mean() for leaky, _ in found]
    assert best == sorted(best) and best[-1] > best[0]
    np.testing.assert_array_equal(found[0][0], found[0][1])  # one trial: no choice


def test_each_pair_is_judged_by_what_the_others_chose(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Three scripted trials: wins and inner errors of every pair are known."""
    _, y = leak_cases.volunteers()
    n_pairs = len(pairs_of(y))
    draw = np.random.default_rng(0)
    wins = draw.integers(0, 2, size=(3, n_pairs)).astype(float)
    errors = draw.permuted(np.tile([[1.0], [2.0], [3.0]], n_pairs), axis=0)
    script = iter(zip(wins, errors, strict=True))
    monkeypatch.setattr(
        leak_cases, "leave_pair_out_with_inner", lambda *_: next(script)
    )
    for n, (leaky, correct) in zip(
        (1, 2, 3), leak_cases.tuning(y, (1, 2, 3)), strict=True
    ):
        assert leaky.mean() == wins[:n].mean(axis=1).max()
        for pair in range(n_pairs):
            chosen = min(range(n), key=lambda k: errors[k, pair])
            assert correct[pair] == wins[chosen, pair]
