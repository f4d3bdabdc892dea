"""Losses, bins and temperature, against scikit-learn and by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import log_loss, roc_auc_score

from genex_helpers import calibration as cal

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(300, 4)) * 2
P = cal.softmax(LOGITS)
Y = np.array([RNG.choice(4, p=p) for p in P])


def test_softmax_is_stable_and_sums_to_one() -> None:
    np.testing.assert_allclose(P.sum(axis=1), 1)
    np.testing.assert_allclose(cal.softmax(LOGITS + 1e4), P)


def test_log_loss_is_scikit_learns() -> None:
    assert cal.log_losses(Y, P).mean() == pytest.approx(log_loss(Y, P), rel=1e-12)
    sure = np.array([[1.0, 0.0]])
    assert (
        np.isfinite(cal.log_losses([1], sure)).all() and cal.log_losses([0], sure) == 0
    )


def test_brier_by_hand() -> None:
    found = cal.brier_scores([0, 1], [[0.7, 0.3, 0.0], [0.7, 0.3, 0.0]])
    np.testing.assert_allclose(found, [0.09 + 0.09, 0.49 + 0.49])


@pytest.mark.parametrize("bins, strategy", [("width", "uniform"), ("mass", "quantile")])
def test_bins_are_scikit_learns(bins: str, strategy: str) -> None:
    confidence, right = cal.confidence_and_hits(Y, P)
    table = cal.reliability_table(confidence, right, n_bins=6, bins=bins)
    accuracy, mean = calibration_curve(right, confidence, n_bins=6, strategy=strategy)
    np.testing.assert_allclose(table["accuracy"], accuracy)
    np.testing.assert_allclose(table["confidence"], mean)
    assert table["n"].sum() == len(Y)


def test_calibration_error_by_hand() -> None:
    confidence, right = [0.55, 0.58, 0.95, 0.95], [1, 0, 1, 1]
    # bins 0.5 to 0.6 and 0.9 to 1.0: gaps of 0.065 and 0.05, two rows each
    assert cal.calibration_error(confidence, right) == pytest.approx(0.0575)
    assert cal.calibration_error([1.0, 1.0], [1, 1]) == 0
    # one bin: the mean gap
    assert cal.calibration_error(confidence, right, n_bins=1) == pytest.approx(0.0075)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40),
    st.integers(1, 12),
    st.sampled_from(cal.BINNINGS),
)
def test_calibration_error_lies_between_its_limits(
    rows: list[tuple[float, bool]], n_bins: int, bins: str
) -> None:
    """At least the gap of the means, at most 1, whatever the order of the rows."""
    c, right = (np.array(v, dtype=float) for v in zip(*rows, strict=True))
    found = cal.calibration_error(c, right, n_bins=n_bins, bins=bins)
    assert abs(c.mean() - right.mean()) - 1e-9 <= found <= 1 + 1e-9
    if bins == "width":
        again = cal.calibration_error(c[::-1], right[::-1], n_bins=n_bins)
        assert again == pytest.approx(found, abs=1e-12)


def test_error_detection_is_an_auroc() -> None:
    confidence, right = cal.confidence_and_hits(Y, P)
    found = cal.error_detection(confidence, right)
    assert found == pytest.approx(roc_auc_score(right, confidence))
    with pytest.raises(ValueError, match="both right and wrong"):
        cal.error_detection([0.3, 0.4], [True, True])


@pytest.mark.parametrize("factor", [0.3, 1.0, 4.0])
def test_a_temperature_is_found_again(factor: float) -> None:
    """Logits that were multiplied need that temperature, and no other does better."""
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(20_000, 3))
    y = (rng.random((len(logits), 1)) > cal.softmax(logits).cumsum(axis=1)).sum(axis=1)
    found = cal.best_temperature(y, factor * logits)
    assert found == pytest.approx(factor, rel=0.06)
    losses = [cal.log_losses(y, cal.softmax(factor * logits / t)).mean()
              for t in found * np.array([1.0, 0.9, 1.1])]  # fmt: skip
    assert np.argmin(losses) == 0


@pytest.mark.parametrize(
    "y, p, words",
    [
        ([0, 1], [[0.5, 0.5]], r"shapes \(1, 2\) and \(2,\)"),
        ([2], [[0.5, 0.5]], "from 0 to 1, the classes"),
        ([0.0], [[0.5, 0.5]], "whole numbers"),
        ([0], [[0.5, 0.6]], "sum to 1"),
        ([0], [[1.5, -0.5]], "at least 0"),
        ([0], [[np.nan, 1.0]], "at least 0"),
    ],
)
def test_what_are_no_probabilities(y: Any, p: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        cal.log_losses(y, p)


def test_what_are_no_bins() -> None:
    for how, words in (
        ({"bins": "depth"}, "bins must be one of"),
        ({"n_bins": 0}, "n_bins must be at least 1"),
    ):
        with pytest.raises(ValueError, match=words):
            cal.reliability_table([0.5], [1], **how)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="from 0 to 1"):
        cal.reliability_table([1.5], [1])
    with pytest.raises(ValueError, match=r"shapes \(1,\) and \(2,\)"):
        cal.reliability_table([0.5], [1, 0])
