"""GRU-D against its equations, against nn.GRU, and blind to what is missing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from genex_helpers.gru_d import GRUD, GRUDClassifier, last_observed, time_gaps

DOUBLE = torch.float64


def drawn(seed: int, n_inputs: int = 3, hidden: int = 4) -> tuple[GRUD, list[Tensor]]:
    """Return a unit with random weights, and values, mask and gaps (2, 6, input)."""
    torch.manual_seed(seed)
    unit = GRUD(n_inputs, hidden, mean=np.linspace(-1, 1, n_inputs)).double()
    with torch.no_grad():
        for weight in unit.parameters():
            weight.copy_(torch.randn_like(weight))
    values = torch.randn(2, 6, n_inputs, dtype=DOUBLE)
    mask = torch.rand(2, 6, n_inputs) < 0.5
    gaps = torch.rand(2, 6, n_inputs, dtype=DOUBLE) * 3
    return unit, [values, mask, gaps]


def on_paper(unit: GRUD, values: Tensor, mask: Tensor, gaps: Tensor) -> Tensor:
    """Return the states, number by number, in the letters of the paper."""
    w, u, v = (m.chunk(3) for m in (unit.weight_x, unit.weight_h, unit.weight_m))
    b, mean = unit.bias.chunk(3), unit.mean.to(values.dtype)
    states = []
    for n in range(len(values)):
        h, last, course = torch.zeros(unit.hidden_size, dtype=values.dtype), mean, []
        for t in range(values.shape[1]):
            m, delta = mask[n, t].to(values.dtype), gaps[n, t]
            gamma_x = torch.exp(
                -torch.clamp(unit.decay_x * delta + unit.decay_x_bias, min=0)
            )
            gamma_h = torch.exp(
                -torch.clamp(unit.decay_h @ delta + unit.decay_h_bias, min=0)
            )
            x_hat = m * values[n, t] + (1 - m) * (gamma_x * last + (1 - gamma_x) * mean)
            last = m * values[n, t] + (1 - m) * last
            h = gamma_h * h
            r = torch.sigmoid(w[0] @ x_hat + u[0] @ h + v[0] @ m + b[0])
            z = torch.sigmoid(w[1] @ x_hat + u[1] @ h + v[1] @ m + b[1])
            new = torch.tanh(w[2] @ x_hat + u[2] @ (r * h) + v[2] @ m + b[2])
            h = (1 - z) * h + z * new
            course.append(h)
        states.append(torch.stack(course))
    return torch.stack(states)


@pytest.mark.parametrize("seed", range(4))
def test_values_and_gradients_are_those_of_the_equations(seed: int) -> None:
    unit, inputs = drawn(seed)
    weights = list(unit.parameters())
    slopes = []
    for states in (unit(*inputs), on_paper(unit, *inputs)):
        pattern = torch.arange(states.numel(), dtype=DOUBLE).cos().view_as(states)
        slopes.append((states, torch.autograd.grad((states * pattern).sum(), weights)))
    (ours, our_slopes), (theirs, their_slopes) = slopes
    assert torch.allclose(ours, theirs, atol=1e-12)
    for one, other in zip(our_slopes, their_slopes, strict=True):
        assert torch.allclose(one, other, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_with_all_observed_and_no_decay_it_is_pytorchs_gru(seed: int) -> None:
    """Reset before and after the product agree if no unit feeds another's candidate."""
    unit, (values, _, gaps) = drawn(seed)
    size = unit.hidden_size
    with torch.no_grad():
        for name in ("weight_m", "decay_x", "decay_h", "decay_x_bias", "decay_h_bias"):
            unit.get_parameter(name).zero_()
        candidate = unit.weight_h[2 * size :]
        candidate.copy_(torch.diag(candidate.diagonal()))
    gru = nn.GRU(3, size, batch_first=True, dtype=DOUBLE)
    sign = torch.ones(3 * size, dtype=DOUBLE)
    sign[size : 2 * size] = -1  # PyTorch's z keeps the old state
    with torch.no_grad():
        gru.weight_ih_l0.copy_(sign[:, None] * unit.weight_x)
        gru.weight_hh_l0.copy_(sign[:, None] * unit.weight_h)
        gru.bias_ih_l0.copy_(sign * unit.bias)
        gru.bias_hh_l0.zero_()
    x = values.clone().requires_grad_()
    ours, theirs = unit(x, torch.ones_like(x, dtype=torch.bool), gaps), gru(x)[0]
    assert torch.allclose(ours, theirs, atol=1e-12)
    pattern = torch.arange(ours.numel(), dtype=DOUBLE).cos().view_as(ours)
    by_us = torch.autograd.grad((ours * pattern).sum(), [x, unit.weight_x])
    by_torch = torch.autograd.grad((theirs * pattern).sum(), [x, gru.weight_ih_l0])
    assert torch.allclose(by_us[0], by_torch[0], atol=1e-12)
    assert torch.allclose(by_us[1], sign[:, None] * by_torch[1], atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(-1e6, 1e6))
def test_a_missing_value_changes_nothing(seed: int, filler: float) -> None:
    unit, (values, mask, gaps) = drawn(seed)
    nan = torch.where(mask, values, torch.full_like(values, torch.nan))
    other = torch.where(mask, values, torch.full_like(values, filler))
    states = unit(nan, mask, gaps)
    assert torch.isfinite(states).all()
    assert torch.equal(states, unit(other, mask, gaps))
    slopes = torch.autograd.grad(states.sum(), list(unit.parameters()))
    assert all(torch.isfinite(s).all() for s in slopes)


def test_an_observed_value_does_change_something() -> None:
    unit, (values, mask, gaps) = drawn(0)
    mask[:, 2, 1] = True
    changed = values.clone()
    changed[:, 2, 1] += 1
    before, after = unit(values, mask, gaps), unit(changed, mask, gaps)
    assert torch.equal(before[:, :2], after[:, :2])
    assert not torch.allclose(before[:, 2:], after[:, 2:])


def test_a_missing_value_fades_to_the_mean() -> None:
    """One input that is passed on as it is: the state shows what the unit fills in."""
    unit = GRUD(1, 1, mean=[0.5]).double()
    with torch.no_grad():
        for weight in unit.parameters():
            weight.zero_()
        unit.weight_x[2], unit.bias[1], unit.decay_x[0] = 1.0, 40.0, np.log(2.0)
    values = torch.tensor([[[0.9], [0.0], [0.0]]], dtype=DOUBLE)
    mask = torch.tensor([[[True], [False], [False]]])
    gaps = torch.tensor([[[0.0], [1.0], [3.0]]], dtype=DOUBLE)
    filled = torch.atanh(unit(values, mask, gaps))[0, :, 0]
    # half of the distance to the mean is left after a gap of 1, an eighth after 3
    expected = torch.tensor([0.9, 0.5 + 0.4 / 2, 0.5 + 0.4 / 8], dtype=DOUBLE)
    assert torch.allclose(filled, expected, atol=1e-9)


def test_before_the_first_observation_there_is_the_mean() -> None:
    unit, (values, mask, gaps) = drawn(1)
    mask[:] = False
    mean = unit.mean.to(DOUBLE).expand_as(values)
    with torch.no_grad():
        found = unit(values, mask, gaps)
        unit.decay_x.zero_()
        unit.decay_x_bias.fill_(50.0)  # the last value is forgotten at once
        assert torch.allclose(found, unit(mean * 7, mask, gaps))


def test_the_classifier_reads_the_last_state() -> None:
    torch.manual_seed(0)
    net = GRUDClassifier(2, 5, n_outputs=3)
    x = torch.rand(4, 7, 6)
    x[..., 2:4] = (x[..., 2:4] < 0.5).float()
    values, mask, gaps = x.chunk(3, dim=-1)
    expected = net.head(net.recurrent(values, mask.bool(), gaps)[:, -1])
    assert torch.equal(net(x), expected) and net(x).shape == (4, 3)


def test_decays_start_alive() -> None:
    unit = GRUD(5, 8)
    assert (unit.decay_x > 0).all() and (unit.decay_h > 0).all()


@pytest.mark.parametrize("mean", [[1.0], [1.0, np.nan, 0.0], np.zeros((3, 1))])
def test_a_bad_mean_is_refused(mean: object) -> None:
    with pytest.raises(ValueError, match="mean must be 3 finite numbers"):
        GRUD(3, 4, mean=mean)  # type: ignore[arg-type]


# time_gaps


def test_gaps_of_the_table_on_paper() -> None:
    """Visits at 0, 1, 4, 5 and 9 hours; two genes, the second seen at 4 hours only."""
    mask = np.array([[1, 0, 0, 1, 1], [0, 0, 1, 0, 0]], dtype=bool).T[None]
    gaps = time_gaps(mask, [0.0, 1.0, 4.0, 5.0, 9.0])
    assert gaps[0, :, 0].tolist() == [0, 1, 4, 5, 4]
    assert gaps[0, :, 1].tolist() == [0, 1, 4, 1, 5]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000))
def test_a_gap_is_the_time_since_the_last_observation(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random((3, 7, 2)) < 0.5
    times = np.cumsum(rng.random((3, 7)) + 0.1, axis=1)
    gaps = time_gaps(mask, times)
    for i, t, g in np.ndindex(mask.shape):
        earlier = np.flatnonzero(mask[i, :t, g])
        since = times[i, earlier[-1]] if len(earlier) else times[i, 0]
        assert np.isclose(gaps[i, t, g], times[i, t] - since)


def test_shared_times_are_everyones_times() -> None:
    mask = np.random.default_rng(0).random((3, 5, 2)) < 0.5
    times = np.array([0.0, 2, 3, 7, 8])
    own = np.tile(times, (3, 1))
    assert np.array_equal(time_gaps(mask, times), time_gaps(mask, own))


def test_after_the_end_of_a_series_there_are_no_gaps() -> None:
    mask = np.ones((2, 4, 1), dtype=bool)
    mask[1, 2:] = False
    times = np.array([[0.0, 1, 2, 3], [0, 5, np.nan, np.nan]])
    assert time_gaps(mask, times)[1, :, 0].tolist() == [0, 5, 0, 0]


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([0.0, 2.0, 1.0], "times must ascend; rows"),
        ([0.0, np.nan, 1.0], "missing at the end only"),
        ([0.0, 1.0, np.inf], "missing at the end only"),
        ([0.0, 1.0], r"times must be \(time,\)"),
        ([0.0, 1.0, np.nan], "observed where times is missing"),
    ],
)
def test_bad_times_are_refused(times: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        time_gaps(np.ones((2, 3, 1), dtype=bool), times)


@pytest.mark.parametrize("mask", [np.ones((2, 3)), np.ones((2, 3, 1))])
def test_a_bad_mask_is_refused(mask: object) -> None:
    with pytest.raises(ValueError, match="mask must be boolean"):
        time_gaps(mask, [0.0, 1.0, 2.0])  # type: ignore[arg-type]


# last_observed


def test_the_last_value_is_carried_on() -> None:
    values = np.array([[[np.nan], [2.0], [9.0], [np.nan], [4.0]]])
    mask = np.array([[[False], [True], [False], [False], [True]]])
    assert last_observed(values, mask, before=[7.0])[0, :, 0].tolist() == [
        7,
        2,
        2,
        2,
        4,
    ]
    assert np.isnan(values[0, 0, 0])  # the input is left as it was


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="mask has"):
        last_observed(np.zeros((1, 2, 1)), np.ones((1, 3, 1), dtype=bool))
