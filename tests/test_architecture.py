"""Chapter 10's case: its sets, its choices about data, and the spread of scores."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from genex_helpers import architecture as arch
from genex_helpers.models import count_parameters


def test_a_longer_training_set_begins_with_the_shorter_one() -> None:
    x, y, x_test, _ = arch.simulated_set(3, 24)
    longer, labels, same_test, _ = arch.simulated_set(3, 96)
    assert np.array_equal(longer[:24], x) and np.array_equal(labels[:24], y)
    assert np.array_equal(x_test, same_test)
    wide, _, wide_test, _ = arch.simulated_set(3, 24, 5)
    assert wide.shape == (24, 12, 13) and wide_test.shape[2] == 13
    assert np.array_equal(wide[:, :, :8], x)
    assert not np.array_equal(wide[:, :, 8:], wide_test[:24, :, 8:])
    assert not np.array_equal(arch.simulated_set(4, 24)[0], x)


def test_a_class_that_was_not_trained_is_never_said() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(9, 3, 2)).astype("f4")
    y = np.array([0, 2, 3] * 3)
    said = arch.logistic_logits(x, y, x)
    assert said.shape == (9, 4) and np.isneginf(said[:, 1]).all()
    assert np.allclose(np.exp(said).sum(axis=1), 1)


def test_shapes_have_nearly_one_number_of_parameters() -> None:
    counts = [
        count_parameters(arch.shaped_net(name, 8, 2, settings))
        for name, settings in arch.SHAPES.items()
    ]
    assert max(counts) / min(counts) < 1.12


def test_one_choice_is_changed_at_a_time() -> None:
    default, y, n = arch.influenza_inputs(arch.DEFAULT)
    raw, _, _ = arch.influenza_inputs("no own baseline")
    assert np.allclose(raw - raw[:, :1], default, atol=1e-5)
    linear, _, _ = arch.influenza_inputs("not logged")
    assert np.allclose(linear, 2.0**raw - 2.0 ** raw[:, :1], rtol=1e-4, atol=1e-2)
    z_scores, _, _ = arch.influenza_inputs("z-score within a sample")
    assert np.allclose(z_scores[:, 0], 0) and z_scores.std() > 0
    few, _, two = arch.influenza_inputs("2 components")
    assert np.array_equal(few, default) and (n, two) == (8, 2)
    assert len(y) == len(default) == 17
    with pytest.raises(ValueError, match="choice must be one of"):
        arch.influenza_inputs("5 pieces")


def test_spread_of_equal_choices_is_none_and_is_in_the_units_of_the_score() -> None:
    rng = np.random.default_rng(0)
    wins = rng.random((1, 5, 4))
    assert np.allclose(arch.spreads(np.repeat(wins, 3, axis=0)), 0)
    shifted = wins + np.array([0.0, 0.1, 0.2])[:, None, None]
    assert np.allclose(arch.spreads(shifted, 50), 0.1)
    found = arch.spread_difference(shifted, np.repeat(wins, 2, axis=0))
    assert (found.value, found.low, found.high) == pytest.approx((0.1, 0.1, 0.1))
    with pytest.raises(ValueError, match="two options or more"):
        arch.spreads(wins)


def test_first_spread_is_that_of_the_people_as_they_are() -> None:
    wins = np.random.default_rng(1).random((4, 5, 3))
    expected = wins.mean(axis=(1, 2)).std(ddof=1)
    assert arch.spreads(wins, 10)[0] == pytest.approx(expected)
    assert len(arch.spreads(wins, 10)) == 11
