"""Variance shares, components, guessing the batch: exact mathematics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import f_oneway, ttest_ind

from genex_helpers.batches import (
    balanced_accuracy,
    component_table,
    group_difference,
    guess_batch,
    shared_variance,
    total_share,
    variance_shares,
)


def test_shares_on_paper() -> None:
    """1, 1, 3, 3 lies between classes wholly; 1, 3, 1, 3 not at all."""
    x = [[1.0, 1.0, 1.0], [1.0, 3.0, 2.0], [3.0, 1.0, 3.0], [3.0, 3.0, 4.0]]
    found = variance_shares(x, ["a", "a", "b", "b"])
    np.testing.assert_allclose(found, [1.0, 0.0, 0.8], atol=1e-12)
    # variances 1, 1 and 1.25
    assert total_share(x, found) == pytest.approx((1 + 0 + 1.25 * 0.8) / 3.25)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), n_classes=st.integers(2, 5))
def test_shares_agree_with_the_f_test(seed: int, n_classes: int) -> None:
    rng = np.random.default_rng(seed)
    factor = np.append(np.arange(n_classes), rng.integers(0, n_classes, 20))
    x = rng.normal(size=(len(factor), 4))
    share = variance_shares(x, factor)
    freedom = n_classes - 1, len(x) - n_classes
    f = share / freedom[0] / ((1 - share) / freedom[1])
    expected = f_oneway(*(x[factor == k] for k in range(n_classes))).statistic
    np.testing.assert_allclose(f, expected, rtol=1e-8)


def test_of_noise_a_factor_takes_what_its_classes_give_it() -> None:
    x = np.random.default_rng(0).normal(size=(30, 20_000))
    found = variance_shares(x, np.arange(30) % 4).mean()
    assert found == pytest.approx(3 / 29, abs=0.002)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_shared_variance_adds_up(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = np.arange(24) % 3, rng.integers(0, 2, 24)
    x = rng.normal(size=(24, 5)) + one[:, None]
    found = shared_variance(x, one, other)
    np.testing.assert_allclose(sum(found), 1.0)
    np.testing.assert_allclose(found.only_one + found.either, variance_shares(x, one))
    np.testing.assert_allclose(
        found.only_other + found.either, variance_shares(x, other)
    )
    assert (found.only_one > -1e-12).all() and (found.only_other > -1e-12).all()
    swapped = shared_variance(x, other, one)
    np.testing.assert_allclose(swapped.either, found.either, atol=1e-12)


def test_shared_variance_at_both_ends() -> None:
    x = np.random.default_rng(0).normal(size=(24, 5))
    crossed = shared_variance(x, np.repeat([0, 1], 12), np.arange(24) % 2)
    np.testing.assert_allclose(crossed.either, 0.0, atol=1e-12)
    same = shared_variance(x, np.repeat([0, 1], 12), np.repeat(["x", "y"], 12))
    np.testing.assert_allclose(same.only_one, 0.0, atol=1e-12)
    np.testing.assert_allclose(same.only_other, 0.0, atol=1e-12)
    assert (same.either > 0).all()


def test_components() -> None:
    rng = np.random.default_rng(0)
    batch = np.repeat(["a", "b"], 10)
    x = 0.1 * rng.normal(size=(20, 6))
    x[batch == "b"] += [1, 2, 3, 0, 0, 0]
    table = component_table(x, pd.DataFrame({"batch": batch}), 3)
    assert table.index.tolist() == [1, 2, 3]
    assert table.loc[1, "batch"] > 0.99 > 0.9 > table.loc[1, "share of variance"] - 0.09
    assert table["share of variance"].is_monotonic_decreasing
    values = np.linalg.svd(x - x.mean(axis=0), compute_uv=False) ** 2
    np.testing.assert_allclose(table["share of variance"], (values / values.sum())[:3])


def test_guessing_the_batch() -> None:
    rng = np.random.default_rng(0)
    batch = np.repeat(["a", "b"], 20)
    x = rng.normal(size=(40, 30))
    apart = x + 3 * (batch == "b")[:, None]
    assert balanced_accuracy(guess_batch(apart, batch), batch) == 1.0
    noise = [
        balanced_accuracy(guess_batch(rng.normal(size=(40, 30)), batch), batch)
        for _ in range(10)
    ]
    assert 0.35 < np.mean(noise) < 0.65


def test_guessing_holds_out_whole_subjects() -> None:
    """People differ, batches do not: with grouped folds nothing is left to find."""
    rng = np.random.default_rng(1)
    people = np.repeat(np.arange(16), 5)
    batch = np.where(people % 2, "a", "b")
    x = rng.normal(size=(16, 200))[people] + 0.1 * rng.normal(size=(80, 200))
    by_sample = balanced_accuracy(guess_batch(x, batch), batch)
    by_subject = balanced_accuracy(guess_batch(x, batch, people), batch)
    assert by_sample > 0.95 and by_subject < 0.75


def test_balanced_accuracy_on_paper() -> None:
    assert balanced_accuracy(["a", "a", "a", "a"], ["a", "a", "a", "b"]) == 0.5


def test_group_difference_without_batch_is_the_t_test() -> None:
    x = np.random.default_rng(0).normal(size=(15, 6))
    group = np.arange(15) % 3 == 0
    found = group_difference(x, group)
    expected = ttest_ind(x[group], x[~group])
    np.testing.assert_allclose(found.p, expected.pvalue)
    np.testing.assert_allclose(found.value / found.error, expected.statistic)
    assert found.freedom == 13


def test_pairs_in_the_model_are_the_paired_test() -> None:
    rng = np.random.default_rng(0)
    pair = np.repeat(np.arange(8), 2)
    group = np.arange(16) % 2
    x = 5 * rng.normal(size=(8, 4))[pair] + rng.normal(size=(16, 4))
    from scipy.stats import ttest_rel

    expected = ttest_rel(x[group == 1], x[group == 0])
    np.testing.assert_allclose(group_difference(x, group, pair).p, expected.pvalue)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_shifts_of_batches_do_not_move_the_difference(seed: int) -> None:
    rng = np.random.default_rng(seed)
    batch = np.repeat([0, 1, 2], 6)
    group = np.append([0, 1], rng.integers(0, 2, 16))
    x = rng.normal(size=(18, 4))
    moved = x + 10 * rng.normal(size=(3, 4))[batch]
    one, other = (group_difference(v, group, batch) for v in (x, moved))
    np.testing.assert_allclose(one.value, other.value, atol=1e-9)
    np.testing.assert_allclose(one.p, other.p, atol=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: variance_shares([[1.0], [np.nan]], [0, 1]), "1 missing"),
        (lambda: variance_shares([[1.0, 1.0], [1.0, 2.0]], [0, 1]), r"genes \[0\]"),
        (lambda: variance_shares([[1.0], [2.0]], [0, 1, 1]), r"one entry a sample"),
        (lambda: guess_batch(np.eye(6), [0, 0, 0, 0, 0, 1]), r"got \[5, 1\]"),
        (lambda: group_difference(np.eye(4), [0, 0, 1, 1], [0, 0, 1, 1]), "confounded"),
        (lambda: group_difference(np.eye(4), [0, 0, 1, 2]), "0 and 1"),
        (lambda: group_difference(np.eye(3), [0, 1, 0], [0, 0, 1]), "too few"),
    ],
)
def test_refuses(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
