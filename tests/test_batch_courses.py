"""Simulated time courses in batches: what each batch moves, and what undoes it."""

from __future__ import annotations

import numpy as np
import pytest

from genex_helpers import batch_courses as courses


def test_batches_move_what_they_should() -> None:
    plain, person, time = (courses.draw_courses(b, 5) for b in courses.BATCHES)
    for part in ("x", "new_x"):
        gap = getattr(person, part) - getattr(plain, part)
        np.testing.assert_allclose(gap - gap[:, :1], 0, atol=1e-5)
        assert gap[:, 0].std() == pytest.approx(courses.SHIFT_SPREAD, rel=0.1)
        gap = getattr(time, part) - getattr(plain, part)
        np.testing.assert_allclose(gap - gap[:1], 0, atol=1e-5)
        assert gap[0].std() == pytest.approx(courses.SHIFT_SPREAD, rel=0.2)
    assert not np.allclose((time.x - plain.x)[0], (time.new_x - plain.new_x)[0])
    assert plain.x.shape == (courses.N_PEOPLE, courses.N_TIMES, courses.N_GENES)
    assert plain.y.mean() == plain.new_y.mean() == 0.5


def test_what_undoes_a_batch() -> None:
    plain, person, time = (courses.draw_courses(b, 5) for b in courses.BATCHES)
    for other, how in ((person, "own baseline"), (time, "mean of the hour")):
        for part in ("x", "new_x"):
            np.testing.assert_allclose(
                courses.prepared(getattr(other, part), how),
                courses.prepared(getattr(plain, part), how),
                atol=1e-5,
            )
    for other in (person, time):
        np.testing.assert_allclose(
            courses.prepared(other.x, "both"),
            courses.prepared(plain.x, "both"),
            atol=1e-5,
        )
    left = courses.prepared(time.x, "own baseline")
    assert not np.allclose(left, courses.prepared(plain.x, "own baseline"), atol=1)


def test_an_own_baseline_is_the_first_sample() -> None:
    x = courses.draw_courses("one a time", 5).x
    found = courses.prepared(x, "own baseline")
    np.testing.assert_array_equal(found[:, 0], 0)
    np.testing.assert_array_equal(found[:, 3], x[:, 3] - x[:, 0])


def test_noise_lasts_and_keeps_its_spread() -> None:
    """In people and genes that do not answer: stationary, with the stated memory."""
    data = courses.draw_courses("none", 5)
    calm = data.new_x[:, :, courses.N_RISING :].astype(float)
    step = np.diff(calm, axis=1)  # free of the levels
    expected = 2 * courses.NOISE_SPREAD**2 * (1 - courses.LASTING)
    np.testing.assert_allclose((step**2).mean(axis=(0, 2)), expected, rtol=0.15)


def test_a_constant_leaves_the_order_of_a_linear_model() -> None:
    """So batches along time move its accuracy and not its AUROC."""
    plain, _, time = (courses.draw_courses(b, 5) for b in courses.BATCHES)
    one, other = (courses.logistic_scores(d, "as measured") for d in (plain, time))
    np.testing.assert_allclose(one - one.mean(), other - other.mean(), atol=1e-2)


def test_the_same_seed_gives_the_same_scores() -> None:
    data = courses.draw_courses("none", 1)
    one, other = (courses.gru_scores(data, "own baseline", 1) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert one.shape == (courses.N_NEW,)


def test_refuses() -> None:
    with pytest.raises(ValueError, match="batches must be one of"):
        courses.draw_courses("two", 0)
    with pytest.raises(ValueError, match="how must be one of"):
        courses.prepared(np.zeros((2, 3, 4), dtype=np.float32), "mean")
