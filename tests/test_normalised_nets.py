"""The layer-normalised GRU: against plain formulas, and what it must not notice."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from genex_helpers.normalised_nets import LayerNormGRU, NormalisedNet  # noqa: E402


def normed(a: np.ndarray, layer: torch.nn.LayerNorm) -> np.ndarray:
    gain, bias = (p.detach().double().numpy() for p in (layer.weight, layer.bias))
    mean = a.mean(axis=1, keepdims=True)
    return gain * (a - mean) / np.sqrt(a.var(axis=1, keepdims=True) + layer.eps) + bias


def plain(net: LayerNormGRU, x: np.ndarray) -> np.ndarray:
    """Return all states from the formulas of Ba et al., z keeping the old state."""
    n = net.hidden_size
    w, u = (
        m.weight.detach().double().numpy() for m in (net.from_input, net.from_state)
    )
    h, states = np.zeros((len(x), n)), []
    for step in range(x.shape[1]):
        a, b = x[:, step] @ w.T, h @ u.T
        both = normed(a[:, : 2 * n], net.gates_input) + normed(
            b[:, : 2 * n], net.gates_state
        )
        r, z = (1 / (1 + np.exp(-both[:, k * n : (k + 1) * n])) for k in (0, 1))
        candidate = np.tanh(
            normed(a[:, 2 * n :], net.candidate_input)
            + r * normed(b[:, 2 * n :], net.candidate_state)
        )
        h = (1 - z) * candidate + z * h
        states.append(h)
    return np.stack(states, axis=1)


@pytest.fixture
def net() -> LayerNormGRU:
    torch.manual_seed(0)
    made = LayerNormGRU(4, 6).double()
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    return made


def test_it_is_the_formula(net: LayerNormGRU) -> None:
    x = torch.randn(5, 7, 4, dtype=torch.float64)
    states, last = net(x)
    assert states.shape == (5, 7, 6) and last.shape == (1, 5, 6)
    assert np.abs(states.detach().numpy() - plain(net, x.numpy())).max() < 1e-12
    assert torch.equal(last[0], states[:, -1])


def test_each_series_and_each_past_stands_for_itself(net: LayerNormGRU) -> None:
    x = torch.randn(5, 7, 4, dtype=torch.float64)
    states, _ = net(x)
    assert torch.allclose(net(x[:2])[0], states[:2], atol=1e-12)
    assert torch.allclose(net(x[:, :3])[0], states[:, :3], atol=1e-12)
    net.eval()
    assert torch.equal(net(x)[0], states)


def test_the_scale_of_the_inputs_is_not_seen(net: LayerNormGRU) -> None:
    x = 100 * torch.randn(5, 7, 4, dtype=torch.float64)
    assert torch.allclose(net(x)[0], net(30 * x)[0], atol=1e-4)
    assert not torch.allclose(net(x)[0], net(-x)[0], atol=1e-2)


def test_a_wrong_shape_is_named() -> None:
    with pytest.raises(ValueError, match=r"x must be \(batch, time, 4\), got \(2, 3\)"):
        LayerNormGRU(4, 6)(torch.zeros(2, 3))


def test_the_net_reads_the_last_state() -> None:
    torch.manual_seed(0)
    net = NormalisedNet(4, 6, 3)
    x = torch.randn(5, 7, 4)
    assert torch.equal(net(x), net.head(net.recurrent(x)[0][:, -1]))
