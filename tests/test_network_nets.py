"""A net's derivatives: against autograd, finite differences, and completeness."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from genex_helpers.network_nets import (
    NetRates,
    RateNet,
    gru_step,
    net_attribution,
    net_jacobian,
    states_before,
    weight_product,
)
from genex_helpers.network_scores import average_precision
from genex_helpers.networks_from_series import Courses


def made(n_regulators: int = 4, n_genes: int = 3, hidden_size: int = 5) -> RateNet:
    torch.manual_seed(0)
    net = RateNet(n_regulators, n_genes, hidden_size).double()
    for weight in net.parameters():
        nn.init.normal_(weight, std=0.7)
    return net


def series(n_regulators: int = 4) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, 6, n_regulators, generator=generator).double()


def test_gru_step_is_nn_gru_and_its_derivative_autograds() -> None:
    net, x = made(), series()
    h = torch.randn(7, 5).double()
    rows = torch.randn(7, 4).double()
    state, derivative = gru_step(net.recurrent, rows, h)
    theirs, _ = net.recurrent(rows[:, None], h[None])
    assert torch.allclose(state, theirs[:, 0], atol=1e-12)
    for k in range(7):
        by_autograd = torch.autograd.functional.jacobian(
            lambda v, k=k: net.recurrent(v[None, None], h[None, k : k + 1])[0][0, 0],
            rows[k],
        )
        assert torch.allclose(derivative[k], by_autograd, atol=1e-12)
    assert states_before(net, x)[:, 0].abs().max() == 0


def test_jacobian_is_autograds_of_the_last_input() -> None:
    net, x = made(), series()
    found = net_jacobian(net, x)
    assert found.shape == (2, 6, 3, 4)
    for step in range(6):
        whole = torch.autograd.functional.jacobian(net, x[:1, : step + 1])
        now = whole[0, -1, :, 0, -1]  # of the last output, for the last input
        assert torch.allclose(found[0, step], now, atol=1e-12)


def test_jacobian_is_a_finite_difference() -> None:
    net, x = made(), series()
    found, small = net_jacobian(net, x), 1e-6
    for regulator in range(4):
        up, down = x.clone(), x.clone()
        up[:, -1, regulator] += small
        down[:, -1, regulator] -= small
        slope = (net(up)[:, -1] - net(down)[:, -1]) / (2 * small)
        assert torch.allclose(found[:, -1, :, regulator], slope, atol=1e-7)


def test_attribution_is_complete() -> None:
    net, x = made(), series()
    with torch.no_grad():
        for weight in net.parameters():
            weight *= 0.3
        found = net_attribution(net, x, n_points=16).sum(-1)
        before = states_before(net, x).reshape(12, 5)
        zero, _ = gru_step(net.recurrent, torch.zeros(12, 4).double(), before)
        expected = net(x) - net.head(zero).reshape(2, 6, 3)
    assert torch.allclose(found, expected, atol=1e-8)
    with pytest.raises(ValueError, match="n_points must be at least 1, got 0"):
        net_attribution(net, x, 0)


def test_weight_product_on_paper() -> None:
    net = RateNet(2, 2, 1)
    with torch.no_grad():
        weights = torch.tensor([[1.0, -1.0], [0.0, 2.0], [-3.0, 0.0]])
        net.recurrent.get_parameter("weight_ih_l0").copy_(weights)
        net.head.weight.copy_(torch.tensor([[-2.0], [0.5]]))
    assert weight_product(net).tolist() == [[8, 6], [2, 1.5]]


def pair(n_series: int = 8) -> Courses:
    """Gene 0 goes its own way, and gene 1 follows it."""
    rng = np.random.default_rng(0)
    levels = np.zeros((n_series, 20, 2))
    levels[:, :, 0] = rng.normal(size=(n_series, 20)).cumsum(axis=1)
    for k in range(19):
        levels[:, k + 1, 1] = 0.6 * levels[:, k, 1] + levels[:, k, 0]
    return Courses(levels, np.arange(20.0))


def test_a_trained_net_finds_a_simple_edge() -> None:
    net = NetRates(8, n_epochs=60, seed=1).fit(pair())
    truth = np.array([[False, True], [False, False]])
    assert net.scores_.shape == (2, 2)
    assert average_precision(net.scores_, truth) == 1
    assert set(net.readings_) == {"jacobian", "attribution", "weights"}
    again = NetRates(8, n_epochs=60, seed=1, reading="weights").fit(pair())
    assert np.array_equal(again.scores_, net.readings_["weights"])


def test_its_forecast_adds_the_rate() -> None:
    courses = pair()
    net = NetRates(4, n_epochs=2).fit(courses)
    x = (courses.levels[:, :-1] - net._mean) / net._spread
    rate = net.net_(torch.as_tensor(x, dtype=torch.float32)).detach().numpy()
    expected = courses.levels[:, :-1] + rate * net._pace
    assert np.allclose(net.forecast(courses), expected, atol=1e-5)


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="reading must be one of"):
        NetRates(reading="gates")
    with pytest.raises(ValueError, match="four or more series"):
        NetRates().fit(pair(3))
