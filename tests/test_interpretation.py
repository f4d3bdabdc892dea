"""Attributions: closed forms, captum, and what must add up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients, Occlusion
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from genex_helpers import interpretation as ip
from genex_helpers.models import RecurrentClassifier

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 5, 3))
START = RNG.normal(size=(5, 3))


class Cubic(nn.Module):
    """The sum of cubes, and a product of two cells."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Parameter(torch.ones(1, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        cubes = (x**3).sum(dim=(1, 2)) * self.one
        return torch.stack([cubes, x[:, 0, 0] * x[:, 1, 1]], dim=1)


def linear() -> tuple[nn.Module, Any]:
    torch.manual_seed(3)
    net = nn.Sequential(nn.Flatten(), nn.Linear(15, 2)).double()
    return net, net[1].weight.detach().numpy()[1].reshape(5, 3)


def gru(cell: str = "gru") -> nn.Module:
    torch.manual_seed(1)
    return RecurrentClassifier(3, 6, cell).double()


def test_gradient_is_that_of_a_cube() -> None:
    assert np.allclose(ip.gradients(Cubic(), X), 3 * X**2)
    assert np.allclose(ip.saliency(Cubic(), X).values, 3 * X**2)
    smooth = ip.smooth_gradient(Cubic(), X, noise=0.0, n_samples=3)
    assert np.allclose(smooth.values, 3 * X**2)
    noisy = ip.smooth_gradient(Cubic(), X, noise=1.0, n_samples=4000).values
    assert np.allclose(noisy, 3 * (X**2 + 1), rtol=0.2)  # E (x + e)² = x² + 1


@pytest.mark.parametrize("n_points", [2, 7])
def test_integrated_gradients_in_closed_form(n_points: int) -> None:
    found = ip.integrated_gradients(Cubic(), X, START, n_points=n_points)
    assert np.allclose(found.values, X**3 - START**3)
    assert np.allclose(found.gap, 0)
    product = ip.integrated_gradients(Cubic(), X, target=1, n_points=n_points)
    half = X[:, 0, 0] * X[:, 1, 1] / 2
    assert np.allclose(product.values[:, 0, 0], half)
    assert np.allclose(product.values.sum(axis=(1, 2)), 2 * half)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_integrated_gradients_are_captums_and_add_up(cell: str) -> None:
    found = ip.integrated_gradients(gru(cell), X, START, n_points=40)
    start = torch.as_tensor(np.broadcast_to(START, X.shape).copy())
    theirs = IntegratedGradients(gru(cell)).attribute(
        torch.as_tensor(X), start, target=0, n_steps=40
    )
    assert np.allclose(found.values, theirs.detach().numpy(), atol=1e-7)
    assert np.abs(found.gap).max() < 1e-9
    assert found.relative_gap < 1e-9


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 3))
def test_integrated_gradients_add_up_for_any_input(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    x, start = scale * rng.normal(size=(2, 2, 5, 3))
    found = ip.integrated_gradients(gru(), x, start, n_points=48)
    assert np.abs(found.gap).max() < 1e-4 * (1 + np.abs(found.explained).max())


@pytest.mark.parametrize("window", [1, 2])
def test_occlusion_is_captums(window: int) -> None:
    start = torch.as_tensor(np.broadcast_to(START, X.shape).copy())
    theirs = Occlusion(gru()).attribute(
        torch.as_tensor(X), (window, 1), baselines=start, target=0
    )
    found = ip.occlusion(gru(), X, START, window=window)
    assert np.allclose(found.values, theirs.numpy(), atol=1e-7)


def test_all_agree_on_a_linear_model() -> None:
    net, weight = linear()
    for method in (ip.gradient_times_input, ip.integrated_gradients, ip.occlusion):
        found = method(net, X, START, target=1)
        assert np.allclose(found.values, weight * (X - START)), method.__name__
        assert np.allclose(found.gap, 0)
    many = np.broadcast_to(START, (7, 5, 3))
    found = ip.expected_gradients(net, X, many, target=1, n_samples=5)
    assert np.allclose(found.values, weight * (X - START))


def test_expected_gradients_nearly_add_up() -> None:
    background = RNG.normal(size=(50, 5, 3))
    found = ip.expected_gradients(gru(), X, background, n_samples=3000)
    assert found.relative_gap < 0.1
    one = ip.expected_gradients(gru(), X, background[:1], n_samples=4000)
    exact = ip.integrated_gradients(gru(), X, background[0])
    assert np.abs(one.values - exact.values).max() < 0.01


def test_sums_by_gene_and_time() -> None:
    found = ip.gradient_times_input(gru(), X)
    assert np.allclose(found.by_gene(), np.abs(found.values).sum(axis=1))
    assert np.allclose(found.by_time(), np.abs(found.values).sum(axis=2))


def test_modes_come_back() -> None:
    net = nn.Sequential(nn.Dropout(0.5), gru()).train()
    net[1].eval()
    with ip.explainable(net) as same:
        assert same is net and not net[0].training
        assert not torch.backends.cudnn.enabled
    assert net.training and net[0].training and not net[1].training
    with pytest.raises(RuntimeError, match="stop"), ip.explainable(net):
        raise RuntimeError("stop")
    assert net.training and torch.backends.cudnn.enabled


def test_works_without_gradients_and_keeps_none() -> None:
    net = gru()
    with torch.no_grad():
        assert np.abs(ip.gradients(net, X)).max() > 0
    assert all(p.grad is None for p in net.parameters())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu() -> None:
    found = ip.integrated_gradients(gru().float().cuda(), X.astype(np.float32))
    there = ip.integrated_gradients(gru().float(), X.astype(np.float32))
    assert np.allclose(found.values, there.values, atol=1e-5)


def test_baselines() -> None:
    x = X.astype(np.float32)
    assert not ip.baseline_series(x, "zero").any()
    assert np.allclose(ip.baseline_series(x, "own first")[:, 3], x[:, 0])
    own = ip.baseline_series(x, "own mean")
    assert np.allclose(own[:, 2], x.mean(axis=1), atol=1e-6)
    mean = ip.baseline_series(x[:2], "training mean", x)
    assert mean.shape == (2, 5, 3) and np.allclose(mean[1], x.mean(axis=0), atol=1e-6)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: ip.baseline_series(X, "none"), "kind must be one of"),
        (lambda: ip.baseline_series(X, "training mean"), "x_train is needed"),
        (lambda: ip.saliency(gru(), X[0]), r"x must be \(batch, time, gene\)"),
        (lambda: ip.saliency(gru(), X * np.nan), "must be finite"),
        (lambda: ip.saliency(gru(), X, target=1), "target must be one of the 1"),
        (lambda: ip.occlusion(gru(), X, window=6), "window must be 1 to 5"),
        (lambda: ip.smooth_gradient(gru(), X, noise=-1), "noise must not be"),
        (lambda: ip.smooth_gradient(gru(), X, n_samples=0), "n_samples must be 1"),
        (lambda: ip.integrated_gradients(gru(), X, n_points=0), "n_points must be 1"),
        (lambda: ip.saliency(gru(), X, X[:, :2]), "baseline must have the shape"),
        (lambda: ip.outputs(nn.Identity(), X), r"model must give \(batch, output\)"),
    ],
)
def test_bad_input(call: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        call()
