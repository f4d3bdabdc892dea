"""Permutation tests and the null of an AUROC, against enumeration and scipy."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from genex_helpers import permutation as p
from genex_helpers.evaluation import win_matrix


def mean_difference(x: np.ndarray):  # type: ignore[type-arg]
    return lambda labels: float(x[labels == 1].mean() - x[labels == 0].mean())


def test_p_is_close_to_that_of_all_permutations() -> None:
    x = np.array([5.0, 4.0, 6.5, 1.0, 2.0, 3.0, 4.5])
    labels = np.array([1, 1, 1, 0, 0, 0, 0])
    true = mean_difference(x)(labels)
    every = []
    for chosen in combinations(range(7), 3):
        other = np.zeros(7, dtype=int)
        other[list(chosen)] = 1
        every.append(mean_difference(x)(other))
    exact = np.mean(np.array(every) >= true - 1e-12)
    found = p.permutation_test(mean_difference(x), labels, 4000, seed=0)
    assert found.value == true
    assert abs(found.p - exact) < 3.5 * np.sqrt(exact * (1 - exact) / 4000) + 1 / 4001


def test_formula_of_p() -> None:
    """No permutation reaches it: 1 / (n + 1); all do: 1."""
    labels = np.array([0] * 10 + [1] * 10)
    best = p.permutation_test(lambda y: float(y[10:].mean()), labels, 99, seed=1)
    assert best.p == 1 / 100 and best.null.shape == (99,)
    flat = p.permutation_test(lambda y: 0.0, labels, 99, seed=1)
    assert flat.p == 1.0


def test_p_values_under_no_effect_are_not_too_small() -> None:
    """P(p <= alpha) <= alpha: uniform on 1/20, 2/20, …, so alpha of 0.25 is exact."""
    rng = np.random.default_rng(0)
    labels = np.array([0] * 6 + [1] * 6)
    ps = [
        p.permutation_test(mean_difference(rng.normal(size=12)), labels, 19, seed=k).p
        for k in range(800)
    ]
    share = np.mean(np.array(ps) <= 0.25 + 1e-9)
    assert abs(share - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 800)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_labels_move_by_subject(seed: int) -> None:
    rng = np.random.default_rng(seed)
    subjects = rng.permutation(np.repeat(np.arange(8), 3))
    labels = (subjects < 3).astype(int)
    seen = []

    def statistic(y: np.ndarray) -> float:  # type: ignore[type-arg]
        by_subject = [set(y[subjects == s].tolist()) for s in range(8)]
        assert all(len(kinds) == 1 for kinds in by_subject)
        assert sum(kinds == {1} for kinds in by_subject) == 3
        seen.append(tuple(y))
        return 0.0

    p.permutation_test(statistic, labels, 20, seed=seed, groups=subjects)
    assert len(set(seen)) > 5


@pytest.mark.parametrize(("n1", "n0"), [(1, 1), (2, 3), (4, 3), (3, 5)])
def test_null_by_enumeration(n1: int, n0: int) -> None:
    values, probabilities = p.auroc_null(n1, n0)
    counts = np.zeros(n1 * n0 + 1)
    for positive in combinations(range(n1 + n0), n1):
        rest = [k for k in range(n1 + n0) if k not in positive]
        counts[round(win_matrix(list(positive), rest).sum())] += 1
    assert np.allclose(probabilities, counts / counts.sum())
    assert np.allclose(values, np.arange(n1 * n0 + 1) / (n1 * n0))


@pytest.mark.parametrize("sides", ["one", "two"])
def test_p_values_are_those_of_scipy(sides: str) -> None:
    rng = np.random.default_rng(3)
    values, ps = p.auroc_p_values(9, 8, sides)
    other = {"one": "greater", "two": "two-sided"}[sides]
    for _ in range(30):
        x, y = rng.normal(0.5, 1, 9), rng.normal(size=8)
        auroc = win_matrix(x, y).mean()
        expected = mannwhitneyu(x, y, alternative=other, method="exact").pvalue
        assert np.isclose(ps[np.isclose(values, auroc)][0], expected)


def test_null_is_symmetric_and_has_the_known_variance() -> None:
    for n1, n0 in [(9, 8), (20, 35), (100, 100)]:
        values, probabilities = p.auroc_null(n1, n0)
        assert np.isclose(probabilities.sum(), 1)
        assert np.allclose(probabilities, probabilities[::-1])
        variance = ((values - 0.5) ** 2 * probabilities).sum()
        assert np.isclose(variance, (n1 + n0 + 1) / (12 * n1 * n0))


def test_smallest_significant_auroc() -> None:
    """Table of the Mann-Whitney test: U <= 15 of 72 for 9 and 8, two-sided 0.05."""
    assert np.isclose(p.smallest_significant_auroc(9, 8), 1 - 15 / 72)
    assert np.isclose(p.smallest_significant_auroc(9, 8, sides="one"), 1 - 18 / 72)
    with pytest.raises(ValueError, match="3 and 3 subjects no AUROC"):
        p.smallest_significant_auroc(3, 3)
    assert p.smallest_significant_auroc(3, 3, sides="one") == 1.0


def test_power_of_chance_is_the_size_of_the_test() -> None:
    least = p.smallest_significant_auroc(9, 8)
    values, probabilities = p.auroc_null(9, 8)
    size = probabilities[values >= least - 1e-9].sum()
    power = p.auroc_power(0.5, 9, 8, n_simulated=20_000)
    assert abs(power - size) < 4 * np.sqrt(size / 20_000)


def test_power_where_it_is_known() -> None:
    """One against one: significant if it wins, at alpha = 0.5 and one side."""
    power = p.auroc_power(0.8, 1, 1, alpha=0.5, sides="one", n_simulated=20_000)
    assert abs(power - 0.8) < 4 * np.sqrt(0.16 / 20_000)
    assert p.auroc_power(0.99, 3, 3) == 0.0  # nothing is significant


def test_power_curve_rises() -> None:
    curve = p.power_curve([0.6, 0.8], [10, 20, 40], n_simulated=2000)
    assert list(curve.columns) == ["auroc", "n_subjects", "n_positive", "power"]
    for _, own in curve.groupby("auroc"):
        assert own["power"].is_monotonic_increasing
    wide = curve.pivot(index="n_subjects", columns="auroc", values="power")
    assert (wide[0.8] > wide[0.6]).all()


def test_same_seed_same_result() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1])
    x = np.arange(6.0)
    a, b = (p.permutation_test(mean_difference(x), labels, 50, seed=7) for _ in "ab")
    assert np.array_equal(a.null, b.null)
    assert p.auroc_power(0.7, 9, 8) == p.auroc_power(0.7, 9, 8)


def test_wrong_arguments_are_named() -> None:
    labels = np.array([0, 0, 1, 1])
    with pytest.raises(ValueError, match="n must be 1"):
        p.permutation_test(lambda y: 0.0, labels, 0, seed=0)
    with pytest.raises(ValueError, match="same in all samples"):
        p.permutation_test(lambda y: 0.0, labels, 5, seed=0, groups=[0, 0, 0, 1])
    with pytest.raises(ValueError, match="groups must have shape"):
        p.permutation_test(lambda y: 0.0, labels, 5, seed=0, groups=[0, 1])
    with pytest.raises(ValueError, match="one label a sample"):
        p.permutation_test(lambda y: 0.0, labels[None], 5, seed=0)
    with pytest.raises(ValueError, match="statistic is nan"):
        p.permutation_test(lambda y: float("nan"), labels, 5, seed=0)
    with pytest.raises(ValueError, match="n_positive"):
        p.auroc_null(0, 3)
    with pytest.raises(ValueError, match="sides must be"):
        p.auroc_p_values(3, 3, "both")
    with pytest.raises(ValueError, match="auroc must lie"):
        p.auroc_power(1.0, 5, 5)
    with pytest.raises(ValueError, match="share_positive"):
        p.power_curve([0.7], [10], share_positive=1.0)
    with pytest.raises(ValueError, match="n_subjects"):
        p.power_curve([0.7], [1])
