"""Time as an input, and the two cases it is tried on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genex_helpers import time_inputs as ti

VALUES = np.arange(12.0).reshape(2, 3, 2)
TIMES = np.array([[0.0, 2, 10], [0, 4, 5]])


def test_hours_and_gaps_by_hand() -> None:
    hours = ti.add_time(VALUES, TIMES, "values and hours")
    gaps = ti.add_time(VALUES, TIMES, "values and gaps")
    assert np.array_equal(hours[..., :2], VALUES) and hours.dtype == np.float32
    assert np.allclose(hours[..., 2], TIMES / 10)
    assert np.allclose(gaps[..., 2], [[0, 0.2, 0.8], [0, 0.4, 0.1]])
    assert np.array_equal(ti.add_time(VALUES, TIMES, "values"), VALUES)


def test_a_shared_grid_gives_everyone_the_same_time() -> None:
    for inputs in ti.INPUTS[1:]:
        extra = ti.add_time(VALUES, [0.0, 3, 4], inputs)[..., 2]
        assert np.array_equal(extra[0], extra[1])


@given(st.integers(0, 10_000), st.integers(1, 7))
def test_kept_samples_are_samples_of_the_series(seed: int, n_kept: int) -> None:
    times = np.array([0.0, 5, 12, 21, 29, 36, 45])
    values = np.stack([times + 100 * k for k in range(5)])[..., None]  # (5, 7, 1)
    kept, hours = ti.keep_own_samples(values, times, n_kept, seed)
    assert kept.shape == (5, n_kept, 1) and hours.shape == (5, n_kept)
    assert (hours[:, 0] == 0).all() and (np.diff(hours, axis=1) > 0).all()
    assert np.array_equal(kept[..., 0] - 100 * np.arange(5)[:, None], hours)


def test_decay_falls_by_one_in_a_half_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ti, "NOISE", 0.0)
    values, times, is_slow = ti.decay_series(40, seed=3)
    slope = ti.slope_scores(values, times)
    assert np.allclose(-1 / slope, np.asarray(ti.HALF_LIVES)[is_slow], atol=1e-2)
    assert (times[:, 0] == 0).all() and is_slow.sum() == 20


def test_slope_equals_polyfit() -> None:
    values, times, _ = ti.decay_series(5, seed=0)
    expected = [
        np.polyfit(t, v[:, 0], 1)[0] for t, v in zip(times, values, strict=True)
    ]
    assert np.allclose(ti.slope_scores(values, times), expected, atol=1e-5)


def test_one_seed_one_result() -> None:
    one, two, other = (ti.decay_series(6, seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(one, two) and not np.array_equal(one, other)


@pytest.mark.parametrize(
    ("times", "inputs", "message"),
    [
        (TIMES, "hours", "inputs must be one of"),
        (TIMES[:, ::-1], "values and gaps", "fall back"),
        (TIMES[:, :2], "values", "broadcast"),
    ],
)
def test_refusals(times: np.ndarray, inputs: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ti.add_time(VALUES, times, inputs)


def test_too_many_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="n_kept"):
        ti.keep_own_samples(VALUES, [0.0, 1, 2], 4, seed=0)
