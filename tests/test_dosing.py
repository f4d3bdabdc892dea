"""Doses as inputs: layouts and scores by hand, and nets that cannot see the future."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from genex_helpers import dosing

DOSES = arrays(float, (3, 6), elements=st.floats(0, 5))


@given(DOSES)
def test_lagged_doses_are_the_doses_so_far(dose: np.ndarray) -> None:
    found = dosing.lagged(dose)
    for step in range(6):
        for lag in range(6):
            expected = dose[:, step - lag] if lag <= step else 0
            assert (found[:, step, lag] == expected).all()


@given(DOSES, st.integers(1, 5))
def test_ridge_does_not_see_later_doses(dose: np.ndarray, step: int) -> None:
    later = dose.copy()
    later[:, step:] += 1
    same = dosing.lagged(dose)[:, :step] == dosing.lagged(later)[:, :step]
    assert same.all()


def test_bent_is_the_curve_of_the_simulator() -> None:
    network = dosing.random_network(6, 0.3, 900, inputs=("drug",), input_share=0.34)
    drug = network.edges[network.edges["source"] == "drug"]
    k, n = drug["threshold"].iloc[0], drug["hill"].iloc[0]
    assert len(drug) == 2
    dose = np.linspace(0, 4, 9)
    assert np.allclose(dosing.bent(dose), dose**n / (k**n + dose**n))


def test_a_response_begins_at_rest_and_after_its_dose() -> None:
    found = dosing.dosed(0, (0.0, 2.0), noise=0.0).y
    drift = np.ptp(found[0], axis=0)
    assert (drift < 1e-3).all()
    assert np.allclose(found[0, 0], found[1, 0])
    assert np.abs(found[0] - found[1]).max() > 0.2


def test_constant_doses_and_pulses_agree_where_they_are_the_same() -> None:
    pulse = np.zeros((1, len(dosing.HOURS)))
    pulse[0, 1:] = 0.5
    one = dosing.respond(3, pulse, noise=0.0)
    assert np.array_equal(one, dosing.dosed(3, (0.5,), noise=0.0).y)


def test_noise_has_the_size_that_it_should() -> None:
    noisy, clean = (dosing.dosed(1, (0.0,) * 40, noise=n).y for n in (0.1, 0.0))
    assert np.isclose((noisy - clean).std(), 0.1, rtol=0.05)


def test_pulses_begin_after_the_first_sample_and_are_there() -> None:
    dose = dosing.random_pulses(200, np.random.default_rng(0))
    assert (dose[:, 0] == 0).all() and (dose.max(axis=1) >= dosing.HEIGHTS[0]).all()
    assert dose.max() <= 2 * dosing.HEIGHTS[1]


def test_shares_missed_on_paper() -> None:
    y = np.array([[[0.0]], [[2.0]]])  # the mean is 1
    assert dosing.share_missed(y, y) == 0
    assert dosing.share_missed(y, np.ones_like(y)) == 100
    assert dosing.share_missed(y, np.zeros_like(y)) == 200
    control, course = np.array([[1.0]]), np.array([[3.0]])
    assert dosing.distance(course, control, control) == 100
    assert dosing.distance(course, np.array([[2.0]]), control) == 25


def test_the_line_is_half_way_and_stops_at_the_last_dose() -> None:
    steps = len(dosing.HOURS)
    y = np.repeat(np.array([0.0, 4.0, 5.0])[:, None, None], steps, axis=1)
    train = dosing.Courses(dosing.constant_doses((0.0, 1.0, 2.0)), y)
    assert np.allclose(dosing.line_between(train, 0.25), 1.0)
    assert np.allclose(dosing.line_between(train, 1.5), 4.5)
    assert np.allclose(dosing.line_between(train, 8.0), 5.0)


def test_ridge_finds_effects_that_add_up() -> None:
    rng = np.random.default_rng(2)
    dose = dosing.random_pulses(300, rng)
    weights = rng.normal(size=(len(dosing.HOURS), 2))
    y = dosing.lagged(dose) @ weights
    found = dosing.ridge_forecast(dosing.Courses(dose, y), dose)
    assert dosing.share_missed(y, found) < 0.1


def test_nets_learn_apart_and_see_no_later_dose() -> None:
    train = [dosing.pulsed(k, 8) for k in (0, 1)]
    both = dosing.train_dose_nets(train, [0, 1], updates=(5,))[5]
    alone = dosing.train_dose_nets(train[1:], [0, 1], updates=(5,))[5]
    doses = [t.dose for t in train]
    found = dosing.net_forecasts(both, doses, 2)
    assert np.allclose(
        found[1], dosing.net_forecasts(alone, doses[1:], 2)[0], atol=1e-5
    )
    later = [d.copy() for d in doses]
    for d in later:
        d[:, 10:] += 1.0
    moved = dosing.net_forecasts(both, later, 2)
    assert np.array_equal(found[0][:, :, :10], moved[0][:, :, :10])
    assert not np.allclose(found[0][:, :, 10:], moved[0][:, :, 10:])


def test_training_that_fails_says_so() -> None:
    train = dosing.pulsed(0, 4)
    broken = dosing.Courses(train.dose, np.full_like(train.y, np.nan))
    with pytest.raises(FloatingPointError, match="update 1"):
        dosing.train_dose_nets([broken], [0], updates=(2,))


def test_training_leaves_the_random_generator_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    dosing.train_dose_nets([dosing.pulsed(0, 4)], [0], updates=(1,))
    assert torch.equal(torch.rand(1), expected)
