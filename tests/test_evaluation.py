"""Intervals and verdicts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genex_helpers.evaluation import (
    Interval,
    bootstrap_mean,
    bootstrap_pairs,
    pair_wins,
    verdict,
)


def test_pair_wins_count_ties_half() -> None:
    assert pair_wins([1, 2, 3], [2, 2, 2]).tolist() == [0.0, 0.5, 1.0]


def test_bootstrap_of_pairs_against_a_plain_loop() -> None:
    wins = np.random.default_rng(0).random((5, 4))
    rng = np.random.default_rng(1)
    means = [
        wins[rng.integers(0, 5, 5)][:, rng.integers(0, 4, 4)].mean()
        for _ in range(20_000)
    ]
    found = bootstrap_pairs(wins, n_resamples=20_000)
    assert found.value == pytest.approx(wins.mean())
    assert found.low == pytest.approx(np.quantile(means, 0.025), abs=0.01)
    assert found.high == pytest.approx(np.quantile(means, 0.975), abs=0.01)


def test_people_are_resampled_not_pairs() -> None:
    """One row of wins and one of losses: two people, so the interval is everything."""
    wins = np.vstack([np.ones(50), np.zeros(50)])
    found = bootstrap_pairs(wins)
    assert (found.low, found.high) == (0.0, 1.0)


def test_bootstrap_of_a_mean() -> None:
    values = np.random.default_rng(0).normal(size=200)
    found = bootstrap_mean(values)
    error = 1.96 * values.std() / np.sqrt(200)
    assert found.low == pytest.approx(values.mean() - error, abs=0.02)
    assert found.high == pytest.approx(values.mean() + error, abs=0.02)
    assert bootstrap_mean(values) == found, "the same twice"


def test_bad_values_are_refused() -> None:
    with pytest.raises(ValueError, match="two or more finite"):
        bootstrap_mean([1.0])
    with pytest.raises(ValueError, match="2-D"):
        bootstrap_pairs([1.0, 2.0])


@pytest.mark.parametrize(
    ("low", "high", "kind", "expected"),
    [
        (0.06, 0.2, "superiority", "supported"),
        (-0.2, 0.04, "superiority", "refuted"),
        (0.01, 0.2, "superiority", "undecided"),
        (-0.04, 0.04, "equivalence", "supported"),
        (0.06, 0.2, "equivalence", "refuted"),
        (-0.2, -0.06, "equivalence", "refuted"),
        (-0.2, 0.04, "equivalence", "undecided"),
    ],
)
def test_verdicts(low: float, high: float, kind: str, expected: str) -> None:
    assert verdict(Interval((low + high) / 2, low, high), 0.05, kind=kind) == expected


@given(low=st.floats(-1, 1), width=st.floats(0, 1), delta=st.floats(0, 0.5))
def test_a_wider_interval_never_decides_more(
    low: float, width: float, delta: float
) -> None:
    high = low + width
    wide = Interval(low, low - 0.1, high + 0.1)
    for kind in ("superiority", "equivalence"):
        narrow = verdict(Interval(low, low, high), delta, kind=kind)
        assert verdict(wide, delta, kind=kind) in (narrow, "undecided")


def test_bad_verdicts_are_refused() -> None:
    with pytest.raises(ValueError, match="not an interval"):
        verdict(Interval(0, 1, 0), 0.1)
    with pytest.raises(ValueError, match="delta"):
        verdict(Interval(0, 0, 1), -0.1)
    with pytest.raises(ValueError, match="kind"):
        verdict(Interval(0, 0, 1), 0.1, kind="better")
