"""Dropout for recurrent nets: equality, masks, means, gradients, Monte Carlo mode."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from genex_helpers import dropout as module
from genex_helpers.dropout import DropoutNet, draw_mask, keep_dropping
from genex_helpers.models import RecurrentClassifier
from genex_helpers.training import fit, predict

X = torch.randn(4, 6, 3, generator=torch.Generator().manual_seed(0)).double()
CELLS = ("gru", "lstm")


def net(**how: Any) -> DropoutNet:
    torch.manual_seed(0)
    return DropoutNet(3, 5, 2, **how).double()


def masks_drawn(
    model: DropoutNet, x: Tensor, monkeypatch: pytest.MonkeyPatch
) -> list[Tensor]:
    """Return the masks that one call of the model draws, in order."""
    seen: list[Tensor] = []

    def watched(like: Tensor, rate: float) -> Tensor:
        seen.append(draw_mask(like, rate))
        return seen[-1]

    monkeypatch.setattr(module, "draw_mask", watched)
    model(x)
    return seen


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("mode", ["rates of 0", "eval"])
def test_nothing_dropped_is_the_recurrent_classifier(cell: str, mode: str) -> None:
    rates = {} if mode == "rates of 0" else {"dropout": 0.4, "recurrent_dropout": 0.3}
    ours = net(cell=cell, **rates).train(mode != "eval")
    plain = RecurrentClassifier(3, 5, cell, 2).double()
    plain.load_state_dict(ours.state_dict())
    ours(X).square().sum().backward()
    plain(X).square().sum().backward()
    torch.testing.assert_close(ours(X), plain(X), rtol=0, atol=1e-12)
    torch.testing.assert_close(
        ours.states(X), plain.recurrent(X)[0], rtol=0, atol=1e-12
    )
    for (name, a), b in zip(ours.named_parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=0, atol=1e-12, msg=name)


@pytest.mark.parametrize("cell", CELLS)
def test_one_seed_starts_both_nets_alike_in_single_precision(cell: str) -> None:
    torch.manual_seed(3)
    ours = DropoutNet(3, 5, cell=cell)
    torch.manual_seed(3)
    plain = RecurrentClassifier(3, 5, cell)
    torch.testing.assert_close(ours(X.float()), plain(X.float()), rtol=0, atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_the_masks_stand_still_in_time(
    cell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written with the library's own layer, whose weights the masks are built into."""
    model = net(cell=cell, dropout=0.4, recurrent_dropout=0.3)
    on_x, on_h, on_last = masks_drawn(model, X, monkeypatch)
    assert [m.shape for m in (on_x, on_h, on_last)] == [(4, 3), (4, 5), (4, 5)]
    torch.manual_seed(7)
    found = model(X)
    torch.manual_seed(7)
    on_x, on_h = draw_mask(X[:, 0], 0.4), draw_mask(X.new_zeros(4, 5), 0.3)
    on_last = draw_mask(on_h, 0.4)
    for row in range(4):  # a fixed mask is a change of the weights' columns
        plain = RecurrentClassifier(3, 5, cell, 2).double()
        plain.load_state_dict(model.state_dict())
        with torch.no_grad():
            plain.recurrent.weight_ih_l0.mul_(on_x[row])
            plain.recurrent.weight_hh_l0.mul_(on_h[row])
            plain.head.weight.mul_(on_last[row])
        expected = plain(X[row : row + 1])[0]
        torch.testing.assert_close(found[row], expected, rtol=0, atol=1e-12)


def test_each_series_has_a_mask_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    model = net(dropout=0.5, recurrent_dropout=0.5)
    for mask in masks_drawn(model, X.repeat(50, 1, 1), monkeypatch):
        assert len(mask.unique(dim=0)) > 4


@settings(max_examples=40, deadline=None)
@given(rate=st.floats(0, 0.9), seed=st.integers(0, 2**31))
def test_a_mask_has_two_values_and_keeps_the_mean(rate: float, seed: int) -> None:
    torch.manual_seed(seed)
    mask = draw_mask(torch.zeros(20_000, dtype=torch.float64), rate)
    scale = 1 / (1 - rate)
    zero_or_scale = torch.minimum(mask.abs(), (mask - scale).abs())
    assert zero_or_scale.max() < 1e-12
    # five standard errors of the mean of a mask
    assert abs(mask.mean() - 1) <= 5 * (rate * scale / 20_000) ** 0.5 + 1e-12


def test_the_last_state_keeps_its_mean() -> None:
    """Dropout before a linear head keeps the mean of the logit."""
    model = net(dropout=0.5)
    model.recurrent.weight_ih_l0.data.zero_()  # so that only the head's mask acts
    torch.manual_seed(0)
    with torch.no_grad():
        many = model(X[:1].repeat(100_000, 1, 1))
    error = many.std(0) / len(many) ** 0.5
    assert ((many.mean(0) - model.eval()(X[:1])[0]).abs() < 5 * error).all()


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_are_those_of_finite_differences(cell: str) -> None:
    model = net(cell=cell, dropout=0.4, recurrent_dropout=0.3)
    names = [name for name, _ in model.named_parameters()]

    def outputs(*weights: Tensor) -> Tensor:
        torch.manual_seed(1)  # the same masks at each call
        given = dict(zip(names, weights, strict=True))
        answer: Tensor = torch.func.functional_call(model, given, (X,))
        return answer

    weights = [w.detach().requires_grad_() for w in model.parameters()]
    assert torch.autograd.gradcheck(outputs, weights)


def test_a_dropped_input_gets_no_gradient() -> None:
    model = net(dropout=0.5)
    x = X.clone().requires_grad_()
    torch.manual_seed(2)
    model(x).sum().backward()
    torch.manual_seed(2)
    on_x = draw_mask(X[:, 0], 0.5)
    assert x.grad is not None
    assert torch.equal((x.grad != 0).all(1), on_x > 0)
    assert torch.equal((x.grad != 0).any(1), on_x > 0)


def test_the_seed_decides_the_masks() -> None:
    model = net(recurrent_dropout=0.3)
    torch.manual_seed(1)
    one, other = model(X), model(X)
    assert not torch.equal(one, other)
    torch.manual_seed(1)
    torch.testing.assert_close(model(X), one, rtol=0, atol=0)


def test_fit_trains_it_and_predict_drops_nothing() -> None:
    torch.manual_seed(0)
    model = DropoutNet(3, 5, dropout=0.2, recurrent_dropout=0.2)
    y = (X[:, -1, :1] > 0).float().numpy()
    history = fit(model, X.float().numpy(), y, n_epochs=60, learning_rate=0.03,
                  loss=nn.functional.binary_cross_entropy_with_logits)  # fmt: skip
    first, last = history["train_loss"].iloc[[0, -1]]
    assert last < first
    x = X.float().numpy()
    assert (predict(model, x) == predict(model, x)).all()


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"cell": "rnn"}, "cell must be one of"),
        ({"dropout": 1.0}, "dropout must lie from 0 to below 1, got 1.0"),
        ({"recurrent_dropout": -0.1}, "recurrent_dropout must lie"),
        ({"dropout": float("nan")}, "dropout must lie"),
    ],
)
def test_errors_name_the_argument(how: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        DropoutNet(3, 5, **how)


class Mixed(nn.Module):
    """Something of everything."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.lstm = nn.LSTM(3, 4, num_layers=2, dropout=0.5, batch_first=True)
        self.drop = nn.Dropout(0.5)
        self.plain = nn.GRU(4, 4, batch_first=True)
        self.inner = DropoutNet(4, 4, dropout=0.5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(x.mT).mT
        answer: Tensor = self.inner(self.plain(self.drop(self.lstm(x)[0]))[0])
        return answer


def test_keep_dropping_touches_only_what_drops() -> None:
    model = Mixed().eval()
    model.plain.train()  # an odd mode, which must come back
    before = [m.training for m in model.modules()]
    means = model.norm.running_mean.clone()  # type: ignore[union-attr, operator]
    with keep_dropping(model) as same:
        assert same is model
        on = {name for name, m in model.named_modules() if m.training}
        assert on == {"lstm", "drop", "inner"}
        assert not torch.equal(model(X.float()), model(X.float()))
    assert [m.training for m in model.modules()] == before
    assert torch.equal(model.norm.running_mean, means)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "model",
    [
        nn.LSTM(3, 4, num_layers=2, dropout=0.5),
        nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5)),
        DropoutNet(3, 4, dropout=0.5),
        DropoutNet(3, 4, recurrent_dropout=0.5),
    ],
)
def test_draws_differ_inside_and_agree_outside(model: nn.Module) -> None:
    def call() -> Tensor:
        out = model(X.float())
        return out[0] if isinstance(out, tuple) else out

    model.eval()
    with keep_dropping(model):
        assert not torch.equal(call(), call())
    assert torch.equal(call(), call())


def test_the_modes_come_back_after_an_error() -> None:
    model = DropoutNet(3, 4, dropout=0.5).eval()
    with pytest.raises(RuntimeError, match="in the block"), keep_dropping(model):
        raise RuntimeError("in the block")
    assert not any(m.training for m in model.modules())


@pytest.mark.filterwarnings("ignore:dropout option adds dropout")
def test_keep_dropping_refuses_what_never_drops() -> None:
    for model in (
        nn.LSTM(3, 4, dropout=0.5),
        nn.Dropout(0.0),
        RecurrentClassifier(3, 4),
        DropoutNet(3, 4),
    ):
        with pytest.raises(ValueError, match="nothing in this model drops"):
            with keep_dropping(model):
                pass
