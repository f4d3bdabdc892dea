"""Models and the training loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from genex_helpers.models import RecurrentClassifier, count_parameters, resolve_device
from genex_helpers.seeds import seed_everything
from genex_helpers.training import evaluate, fit, predict

MSE = nn.functional.mse_loss


def data(n: int = 12) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 5, 3)).astype(np.float32)
    return x, x[:, :, :1].sum(axis=1)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_classifier_reads_the_last_state(cell: str) -> None:
    net = RecurrentClassifier(3, 4, cell, n_outputs=2)
    x = torch.randn(6, 5, 3)
    _, state = net.recurrent(x)
    last = state[0][-1] if cell == "lstm" else state[-1]  # (batch, hidden)
    torch.testing.assert_close(net(x), net.head(last))


def test_parameters_are_counted() -> None:
    # gates × (inputs + hidden + two biases) × hidden, and the linear layer
    assert count_parameters(RecurrentClassifier(10, 32, "gru")) == 4224 + 33
    assert count_parameters(RecurrentClassifier(10, 32, "lstm")) == 5632 + 33


def test_unknown_cells_and_devices_are_refused() -> None:
    with pytest.raises(ValueError, match="cell must be one of"):
        RecurrentClassifier(3, 4, "transformer")
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="sees no GPU"):
            resolve_device("cuda")
    assert resolve_device("cpu").type == "cpu"


@pytest.mark.parametrize("batch_size", [None, 5])
def test_fit_takes_the_steps_of_a_plain_loop(batch_size: int | None) -> None:
    x, y = data()
    seed_everything(1)
    net = RecurrentClassifier(3, 4, "gru")
    seed_everything(1)
    other = RecurrentClassifier(3, 4, "gru")
    history = fit(net, x, y, loss=MSE, n_epochs=3, batch_size=batch_size, seed=7)

    optimiser = torch.optim.Adam(other.parameters(), lr=1e-3)
    order = torch.Generator().manual_seed(7)
    inputs, targets = torch.tensor(x), torch.tensor(y)
    for _ in range(3):
        for batch in torch.randperm(12, generator=order).split(batch_size or 12):
            optimiser.zero_grad()
            MSE(other(inputs[batch]), targets[batch]).backward()
            optimiser.step()
    for a, b in zip(net.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    assert history["epoch"].tolist() == [1, 2, 3]


def test_fit_learns_and_is_the_same_twice() -> None:
    x, y = data()
    histories = []
    for _ in range(2):
        seed_everything(0)
        net = RecurrentClassifier(3, 8, "gru")
        histories.append(fit(net, x, y, loss=MSE, n_epochs=60, learning_rate=0.02))
    assert histories[0].equals(histories[1])
    assert histories[0]["train_loss"].iloc[-1] < 0.2 * histories[0]["train_loss"][0]


def test_validation_is_never_trained_on() -> None:
    x, y = data()
    weights = []
    for validation in (None, (x[:4] * 100, y[:4])):
        seed_everything(0)
        net = RecurrentClassifier(3, 4, "gru")
        history = fit(net, x, y, loss=MSE, n_epochs=2, validation=validation)
        weights.append(torch.cat([p.detach().flatten() for p in net.parameters()]))
    torch.testing.assert_close(*weights, rtol=0, atol=0)
    value = evaluate(net, torch.tensor(x[:4] * 100), torch.tensor(y[:4]), loss=MSE)
    assert history["validation_loss"].iloc[-1] == pytest.approx(value)


def test_bad_numbers_stop_training_by_name() -> None:
    x, y = data()
    net = RecurrentClassifier(3, 4, "gru")
    x[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="x_train has missing or infinite"):
        fit(net, x, y, loss=MSE, n_epochs=1)
    x, y = data()
    with pytest.raises(ValueError, match="12 series, y_train has 11"):
        fit(net, x, y[:11], loss=MSE, n_epochs=1)
    with pytest.raises(FloatingPointError, match="epoch 1, batch 0"):
        fit(net, x, y, loss=lambda p, t: (p - t).sum() / 0, n_epochs=1)


def test_predict_returns_an_array() -> None:
    x, _ = data()
    found = predict(RecurrentClassifier(3, 4, "lstm"), x)
    assert isinstance(found, np.ndarray) and found.shape == (12, 1)


def test_seeds_are_checked_and_repeat() -> None:
    first = seed_everything(5).random(), torch.rand(1).item(), np.random.rand()  # noqa: NPY002
    again = seed_everything(5).random(), torch.rand(1).item(), np.random.rand()  # noqa: NPY002
    assert first == again
    for bad in (-1, 2**32, 1.5, True, "0"):
        with pytest.raises(ValueError, match="seed must"):
            seed_everything(bad)  # type: ignore[arg-type]
