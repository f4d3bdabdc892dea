"""What `fit` can do besides the plain loop, and what it refuses."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
import tqdm
from torch import Tensor, nn
from torch.optim import SGD
from torch.optim import lr_scheduler as schedules

from genex_helpers.masking import masked, padding_mask
from genex_helpers.models import RecurrentClassifier
from genex_helpers.training import evaluate, fit, predict

MSE = nn.functional.mse_loss


class EachStep(nn.Module):
    """A GRU that gives an output at every step."""

    def __init__(self, n_outputs: int = 2) -> None:
        super().__init__()
        self.gru = nn.GRU(3, 4, batch_first=True)
        self.head = nn.Linear(4, n_outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(batch, time, n_outputs)``."""
        output: Tensor = self.head(self.gru(x)[0])
        return output


def data(n: int = 12) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 5, 3)).astype(np.float32)
    return x, x[:, :, :1].sum(axis=1)


def new(kind: Any = RecurrentClassifier, *sizes: int) -> Any:
    torch.manual_seed(0)
    return kind(*(sizes or ((3, 4) if kind is RecurrentClassifier else ())))


def same(one: nn.Module, other: nn.Module, tolerance: float = 0.0) -> None:
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


# ----------------------------------------------------------------- what is observed


def test_a_masked_loss_is_a_mean_over_observed_values() -> None:
    torch.manual_seed(0)
    prediction, target = torch.randn(6, 4), torch.randn(6, 4)
    mask = torch.rand(6, 4) > 0.4
    expected = MSE(prediction[mask], target[mask])
    torch.testing.assert_close(masked(MSE)(prediction, target, mask), expected)
    target[~mask] = float("nan")  # never looked at, not even times zero
    prediction.requires_grad_()
    masked(MSE)(prediction, target, mask).backward()
    assert torch.isfinite(prediction.grad).all()  # type: ignore[arg-type]
    assert (prediction.grad[~mask] == 0).all()  # type: ignore[index]
    with pytest.raises(ValueError, match=r"target's shape, \(6, 4\), got \(6,\)"):
        masked(MSE)(prediction, target, mask[:, 0])


def test_hidden_targets_change_nothing() -> None:
    x, _ = data()
    rng = np.random.default_rng(1)
    y, mask = rng.normal(size=(12, 5, 2)), rng.random((12, 5, 2)) > 0.5
    nets, histories = [], []
    for hidden in (0.0, np.nan, 1e30):
        net = new(EachStep)
        histories.append(
            fit(net, x, np.where(mask, y, hidden), mask=mask, loss=masked(MSE),
                n_epochs=3, batch_size=5, validation=(x, y, mask))
        )  # fmt: skip
        nets.append(net)
    same(nets[0], nets[1])
    same(nets[0], nets[2])
    assert histories[0].equals(histories[1])
    found = predict(nets[0], x)
    expected = np.mean((found - y)[mask] ** 2)
    assert evaluate(nets[0], x, y, loss=masked(MSE), mask=mask) == pytest.approx(
        expected, rel=1e-5
    )


def test_the_training_loss_weighs_observed_values_alike() -> None:
    x, _ = data()
    rng = np.random.default_rng(1)
    y = rng.normal(size=(12, 5, 2))
    mask = padding_mask([1, 5, 2, 3, 4, 5, 1, 1, 2, 5, 5, 3], 5)  # (batch, time)
    net = new(EachStep)
    still = evaluate(net, x, y, loss=masked(MSE), mask=mask)
    history = fit(net, x, y, mask=mask, loss=masked(MSE), n_epochs=1, batch_size=5,
                  optimiser=SGD, learning_rate=1e-30)  # fmt: skip
    assert history["train_loss"][0] == pytest.approx(still, rel=1e-5)


def test_padded_series_train_as_the_series_alone() -> None:
    x, _ = data(4)
    y = x[:, :, :2].cumsum(axis=1)
    lengths = [2, 5, 3, 1]
    net, other = new(EachStep), new(EachStep)
    fit(net, x, y, mask=padding_mask(lengths, 5), loss=masked(MSE), n_epochs=5,
        optimiser=SGD, learning_rate=0.1)  # fmt: skip
    optimiser = SGD(other.parameters(), lr=0.1)
    for _ in range(5):
        optimiser.zero_grad()
        squares = [
            (other(torch.tensor(x[i : i + 1, :n])) - torch.tensor(y[i, :n])) ** 2
            for i, n in enumerate(lengths)
        ]
        torch.cat([s.flatten() for s in squares]).mean().backward()
        optimiser.step()
    same(net, other, 1e-5)


def test_padding_masks_are_checked() -> None:
    found = padding_mask(torch.tensor([1, 3]), 3)
    assert found.tolist() == [[True, False, False], [True, True, True]]
    for bad in ([0, 2], [2, 4]):
        with pytest.raises(ValueError, match=r"from 1 to 3, got \d for series"):
            padding_mask(bad, 3)
    with pytest.raises(ValueError, match="whole numbers"):
        padding_mask(torch.tensor([1.5]), 3)


def test_a_model_may_take_several_inputs() -> None:
    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = RecurrentClassifier(3, 4)

        def forward(self, x: Tensor, observed: Tensor) -> Tensor:
            output: Tensor = self.net(x * observed)
            return output

    x, y = data()
    observed = x > 0
    one, two = new(), new(lambda: Gated())
    fit(one, x * observed, y, loss=MSE, n_epochs=2, batch_size=5)
    fit(two, (x, observed), y, loss=MSE, n_epochs=2, batch_size=5)
    same(one, two)
    inputs = (x, observed)
    np.testing.assert_array_equal(predict(two, inputs), predict(one, x * observed))
    with pytest.raises(ValueError, match=r"x_train\[0\] has 12 .* x_train\[1\] has 9"):
        fit(two, (x, observed[:9]), y, loss=MSE, n_epochs=1)


# ------------------------------------------------------- steps, stops and schedules


@pytest.mark.parametrize(
    ("losses", "n_epochs"),
    [
        ([1.0, 1.0, 1.0, 0.5], 3),  # a tie is not lower
        ([1.0, 1.001, 1.002, 0.5], 3),  # nearly as low is not lower
        ([1.0, 0.999, 0.998, 0.997], 4),  # a little lower is
        ([1.0, 1.1, 0.9, 1.1, 1.1, 0.5], 5),  # the count begins anew
    ],
)
def test_only_a_lower_loss_counts(losses: list[float], n_epochs: int) -> None:
    told = iter(losses)

    def scripted(output: Tensor, target: Tensor) -> Tensor:
        if torch.is_grad_enabled() or len(output) == 2:  # training, or the check
            return MSE(output, target)
        return torch.tensor(next(told))

    x, y = data()
    net = RecurrentClassifier(3, 4)
    how: dict[str, Any] = {"loss": scripted, "validation": (x, y), "patience": 2}
    history = fit(net, x, y, n_epochs=len(losses), **how)
    assert len(history) == n_epochs


def test_early_stopping_returns_to_the_best_weights() -> None:
    x, y = data()
    call: dict[str, Any] = {"loss": MSE, "learning_rate": 0.1}
    call["validation"] = (x[:5], -y[:5])  # the opposite: it gets worse
    net = new()
    history = fit(net, x, y, n_epochs=100, patience=4, **call)
    best = int(history["validation_loss"].idxmin())
    assert len(history) == best + 1 + 4 < 100
    value = evaluate(net, *call["validation"], loss=MSE)
    assert value == pytest.approx(history["validation_loss"][best], rel=1e-6)
    alone = new()
    fit(alone, x, y, n_epochs=best + 1, **call)
    same(net, alone)
    # the same holds where the epochs run out first
    cut = new()
    fit(cut, x, y, n_epochs=best + 2, patience=50, **call)
    same(cut, alone)


def test_the_gradient_is_clipped_as_by_torch() -> None:
    x, y = data()
    net, other = new(), new()
    history = fit(net, x, 100 * y, loss=MSE, n_epochs=3, clip_norm=0.5, optimiser=SGD,
                  learning_rate=0.1)  # fmt: skip
    optimiser = SGD(other.parameters(), lr=0.1)
    norms = []
    order = torch.Generator().manual_seed(0)
    for _ in range(3):
        rows = torch.randperm(12, generator=order)
        optimiser.zero_grad()
        MSE(other(torch.tensor(x)[rows]), 100 * torch.tensor(y)[rows]).backward()
        norms.append(float(nn.utils.clip_grad_norm_(other.parameters(), 0.5)))
        optimiser.step()
    same(net, other)
    assert history["gradient_norm"].tolist() == norms and min(norms) > 0.5


def test_a_schedule_moves_by_epoch_or_by_batch() -> None:
    x, y = data()
    halve = partial(schedules.StepLR, step_size=1, gamma=0.5)
    for per, expected in (("epoch", [1, 0.5, 0.25]), ("batch", [1, 1 / 8, 1 / 64])):
        history = fit(new(), x, y, loss=MSE, n_epochs=3, batch_size=4, scheduler=halve,
                      schedule_per=per, learning_rate=0.1)  # fmt: skip
        np.testing.assert_allclose(history["learning_rate"] / 0.1, expected)


def test_a_plateau_is_seen_in_the_validation_loss() -> None:
    x, y = data()
    lower = partial(schedules.ReduceLROnPlateau, factor=0.1, patience=1)
    history = fit(new(), x, y, loss=MSE, n_epochs=30, learning_rate=0.1,
                  scheduler=lower, validation=(x[:5], -y[:5]))  # fmt: skip
    weight = nn.Parameter(torch.zeros(1))
    optimiser = SGD([weight], lr=0.1)
    by_hand, rates = lower(optimiser), []
    for value in history["validation_loss"]:
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        by_hand.step(value)
    assert history["learning_rate"].tolist() == rates and len(set(rates)) > 2
    with pytest.raises(ValueError, match="needs schedule_per='epoch'"):
        fit(new(), x, y, loss=MSE, n_epochs=1, scheduler=lower, schedule_per="batch")


def test_frozen_weights_stay() -> None:
    x, y = data()
    net = new()
    net.recurrent.requires_grad_(False)
    before = [w.clone() for w in net.recurrent.parameters()]
    head = net.head.weight.detach().clone()
    fit(net, x, y, loss=MSE, n_epochs=2, clip_norm=1.0)
    for a, b in zip(before, net.recurrent.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    assert not torch.equal(head, net.head.weight)


def test_mixed_precision_changes_nothing_on_the_cpu() -> None:
    x, y = data()
    one, two = new(), new()
    first = fit(one, x, y, loss=MSE, n_epochs=3, clip_norm=1.0)
    second = fit(two, x, y, loss=MSE, n_epochs=3, clip_norm=1.0, mixed_precision=True)
    same(one, two)
    assert first.equals(second)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("mixed", [False, True])
def test_a_gpu_learns_what_a_cpu_learns(mixed: bool) -> None:
    x, y = data()
    losses = []
    for device in ("cpu", "cuda"):
        net = new()
        history = fit(net, x, y, loss=MSE, n_epochs=30, learning_rate=0.01,
                      clip_norm=1.0, device=device, mixed_precision=mixed)  # fmt: skip
        losses.append(history["train_loss"])
    assert next(net.parameters()).is_cuda and net(torch.tensor(x).cuda()).is_cuda
    np.testing.assert_allclose(*losses, rtol=0.05 if mixed else 1e-3)
    with pytest.raises(FloatingPointError, match="epoch 1, batch 0"):
        fit(net, x, y, loss=lambda p, t: (p - t).sum() / 0, n_epochs=1, device="cuda")


def test_a_bar_is_shown_when_asked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # tqdm reads TQDM_DISABLE, which the Makefile sets, when it is imported
    monkeypatch.setattr("tqdm.tqdm", partial(tqdm.tqdm, disable=False))
    x, y = data()
    fit(new(), x, y, loss=MSE, n_epochs=2)
    assert capsys.readouterr().err == ""
    fit(new(), x, y, loss=MSE, n_epochs=2, progress=True)
    assert "2/2" in capsys.readouterr().err


def test_predictions_in_batches_are_the_same() -> None:
    x, _ = data()
    net = new()
    np.testing.assert_allclose(
        predict(net, x, batch_size=5), predict(net, x), atol=1e-6
    )


def test_a_model_of_doubles_trains_in_doubles() -> None:
    x, y = data()
    net = new().double()
    fit(net, x, y, loss=MSE, n_epochs=1)
    assert predict(net, x).dtype == np.float64
