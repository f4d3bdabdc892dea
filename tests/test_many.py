"""Nets trained at once end as nets trained alone."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional as F
from torch.optim import lr_scheduler

from genex_helpers.many import ELEMENTWISE, fit_many
from genex_helpers.models import RecurrentClassifier
from genex_helpers.training import fit

N_SERIES = (7, 5, 9, 4)  # a number of series for each model: folds differ
LOSSES: dict[str, tuple[Callable[..., torch.Tensor], int]] = {
    "two classes": (F.binary_cross_entropy_with_logits, 1),
    "classes": (F.cross_entropy, 3),
    "numbers": (F.mse_loss, 2),
}


def nets(cell: str, n_outputs: int, double: bool = True) -> list[RecurrentClassifier]:
    made = []
    for k in range(len(N_SERIES)):
        torch.manual_seed(k)
        net = RecurrentClassifier(3, 5, cell, n_outputs)
        made.append(net.double() if double else net)
    return made


def data(kind: str) -> tuple[list[Any], list[Any]]:
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(n, 6, 3)) for n in N_SERIES]
    if kind == "two classes":
        return x, [(v.sum(1)[:, :1] > 0).astype(float) for v in x]
    if kind == "classes":
        return x, [v.sum(1).argmax(1) for v in x]
    return x, [v.sum(1)[:, :2] for v in x]


def gap(one: list[RecurrentClassifier], other: list[RecurrentClassifier]) -> float:
    """The largest difference of two weights."""
    return max(
        float((p - q).detach().abs().max())
        for a, b in zip(one, other, strict=True)
        for p, q in zip(a.parameters(), b.parameters(), strict=True)
    )


@pytest.mark.parametrize("batch_size", [None, 2, 4])
@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_trained_at_once_as_alone(cell: str, kind: str, batch_size: int | None) -> None:
    loss, n_outputs = LOSSES[kind]
    x, y = data(kind)
    together, alone = nets(cell, n_outputs), nets(cell, n_outputs)
    how: dict[str, Any] = {"loss": loss, "n_epochs": 6, "batch_size": batch_size}
    how |= {"weight_decay": 0.01, "clip_norm": 0.3}
    rates, seeds = [0.01, 0.03, 0.1, 0.001], [3, 1, 4, 1]
    before = nets(cell, n_outputs)
    history = fit_many(together, x, y, learning_rate=rates, seeds=seeds, **how)
    for k, net in enumerate(alone):
        own = fit(net, x[k], y[k], learning_rate=rates[k], seed=seeds[k], **how)
        found = history[history["model"] == k]
        assert found["epoch"].tolist() == own["epoch"].tolist()
        np.testing.assert_allclose(found["train_loss"], own["train_loss"], rtol=1e-9)
    # in doubles, so that only a true difference shows
    assert gap(together, alone) < 1e-9 < 1e-3 < gap(together, before)


def same_as_alone(
    together: Any, x: Any, y: Any, each: dict[str, Any], **how: Any
) -> Any:
    """Train at once and alone; the weights and the whole record must be the same."""
    alone = [deepcopy(net) for net in together]
    before = [deepcopy(net) for net in together]
    history = fit_many(together, x, y, **each, **how)
    for k, net in enumerate(alone):
        own = fit(net, x[k], y[k], **{n.removesuffix("s") if n == "seeds" else n: v[k]
                                      for n, v in each.items()}, **how)  # fmt: skip
        found = history[history["model"] == k].drop(columns="model")
        pd.testing.assert_frame_equal(
            found.reset_index(drop=True)[list(own)], own, rtol=1e-9, check_dtype=False
        )
        assert set(found) == set(own)
    assert gap(together, alone) < 1e-9 < 1e-4 < gap(together, before)
    return history


RATES = [0.01, 0.03, 0.01, 0.001]


@pytest.mark.parametrize("batch_size", [None, 4])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_every_optimiser_takes_the_same_steps(name: str, batch_size: int) -> None:
    x, y = data("classes")
    each = {"learning_rate": RATES, "weight_decay": [0.1, 0.0, 0.1, 0.3],
            "seeds": [3, 1, 4, 1]}  # fmt: skip
    how: dict[str, Any] = {"loss": F.cross_entropy, "n_epochs": 5, "clip_norm": 0.3}
    optimiser = getattr(torch.optim, name)
    if name == "SGD":
        optimiser = partial(optimiser, momentum=0.9, nesterov=True)
    same_as_alone(nets("lstm", 3), x, y, each, batch_size=batch_size,
                  optimiser=optimiser, **how)  # fmt: skip


SCHEDULES = {
    "cosine": lambda opt: lr_scheduler.CosineAnnealingLR(opt, 6),
    "warm-up": lambda opt: lr_scheduler.LinearLR(opt, 0.1, total_iters=5),
    "one-cycle": lambda opt: lr_scheduler.OneCycleLR(opt, 0.05, total_steps=40),
    "plateau": lambda opt: lr_scheduler.ReduceLROnPlateau(
        opt, patience=0, threshold=0.1
    ),
}


@pytest.mark.parametrize("validated", [False, True])
@pytest.mark.parametrize("per", ["epoch", "batch"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_is_followed(name: str, per: str, validated: bool) -> None:
    """Also where the nets have different numbers of batches, and so of steps."""
    if (name, per) == ("plateau", "batch"):
        with pytest.raises(ValueError, match="needs schedule_per='epoch'"):
            fit_many(nets("gru", 2), *data("numbers"), loss=F.mse_loss, n_epochs=1,
                     scheduler=SCHEDULES[name], schedule_per=per)  # fmt: skip
        return
    x, y = data("numbers")
    each: dict[str, Any] = {"learning_rate": RATES}
    if validated:
        each["validation"] = [(a[:3] + 1, b[:3] - 1) for a, b in zip(x, y, strict=True)]
    history = same_as_alone(
        nets("gru", 2), x, y, each, loss=F.mse_loss, n_epochs=8, batch_size=4,
        scheduler=SCHEDULES[name], schedule_per=per,
    )  # fmt: skip
    rates = history.pivot(index="epoch", columns="model", values="learning_rate")
    assert (rates.iloc[0] != rates.iloc[-1]).any()


@pytest.mark.parametrize("patience", [1, 3, 100])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_each_net_stops_for_itself(cell: str, patience: int) -> None:
    """With the weights of its best epoch, on validation sets of different sizes."""
    x, y = data("two classes")
    rng = np.random.default_rng(1)
    held = [rng.normal(size=(n, 6, 3)) for n in (3, 8, 2, 5)]
    held_y = [rng.integers(0, 2, (len(v), 1)).astype(float) for v in held]
    each = {"validation": list(zip(held, held_y, strict=True)),
            "learning_rate": [0.1, 0.003, 0.03, 0.01]}  # fmt: skip
    history = same_as_alone(
        nets(cell, 1), x, y, each, loss=F.binary_cross_entropy_with_logits,
        n_epochs=40, patience=patience,
    )  # fmt: skip
    lengths = history.groupby("model").size()
    assert patience == 100 or lengths.nunique() > 1


def test_a_stopped_net_may_diverge_unseen() -> None:
    """It goes on beside the others, but neither its losses nor its weights count."""
    x, y = data("numbers")
    y[0] = y[0] * 1e6
    validation = [(v, t) for v, t in zip(x, y, strict=True)]
    how: dict[str, Any] = {"loss": F.mse_loss, "patience": 1, "validation": validation}
    with pytest.raises(FloatingPointError, match="model 0"):
        fit_many(nets("gru", 2), x, y, n_epochs=400, learning_rate=1e2,
                 optimiser=torch.optim.SGD, loss=F.mse_loss)  # fmt: skip
    made = nets("gru", 2)
    history = fit_many(made, x, y, n_epochs=400, learning_rate=[1e2, 0.01, 0.01, 0.01],
                       optimiser=torch.optim.SGD, **how)  # fmt: skip
    lengths = history.groupby("model").size()
    assert lengths[0] < lengths[1:].min()
    assert all(torch.isfinite(w).all() for net in made for w in net.parameters())


def test_single_precision_stays_near() -> None:
    x, y = data("two classes")
    loss = F.binary_cross_entropy_with_logits
    together, alone = nets("gru", 1, double=False), nets("gru", 1, double=False)
    fit_many(together, x, y, loss=loss, n_epochs=40, learning_rate=0.01)
    for net, own_x, own_y in zip(alone, x, y, strict=True):
        fit(net, own_x, own_y, loss=loss, n_epochs=40, learning_rate=0.01)
    assert gap(together, alone) < 1e-3
    assert next(together[0].parameters()).dtype == torch.float32


def test_a_net_does_not_feel_its_neighbours() -> None:
    x, y = data("numbers")
    one, other = nets("lstm", 2), nets("lstm", 2)
    how: dict[str, Any] = {"loss": F.mse_loss, "n_epochs": 4, "batch_size": 3}
    fit_many(one, x, y, **how)
    changed = [x[0] * 1e3, x[1], -x[2], x[3]]
    fit_many(other, changed, y, **how)
    assert gap([one[1], one[3]], [other[1], other[3]]) == 0
    assert gap([one[0]], [other[0]]) > 0 < gap([one[2]], [other[2]])


def test_order_of_batches_is_each_seeds_own() -> None:
    x, y = data("numbers")
    found = []
    for seeds in ([0, 1, 2, 3], [0, 1, 2, 9], 0):
        made = nets("gru", 2)
        fit_many(made, x, y, loss=F.mse_loss, n_epochs=2, batch_size=2, seeds=seeds)
        found.append(made)
    assert gap(found[0][:3], found[1][:3]) == 0 < gap(found[0][3:], found[1][3:])
    assert gap(found[0][:1], found[2][:1]) == 0


def test_what_does_not_fit_together_is_named() -> None:
    x, y = data("numbers")
    how: dict[str, Any] = {"loss": F.mse_loss, "n_epochs": 1}

    def refused(match: str, models: Any, *given: Any, **more: Any) -> None:
        with pytest.raises(ValueError, match=match):
            fit_many(models, *given, **(how | more))

    good = nets("gru", 2)
    refused("as many, and at least one, got 4, 3 and 4", good, x[:3], y)
    refused("as many, and at least one, got 0, 0 and 0", [], [], [])
    refused("one comes twice", [*good[:3], good[0]], x, y)
    refused("model 1 is LSTM", [good[0], *nets("lstm", 2)[1:]], x, y)
    refused("model 3 is .*float32", [*good[:3], nets("gru", 2, False)[3]], x, y)
    refused("model 0 must be a RecurrentClassifier, got Linear",
            [torch.nn.Linear(3, 2), *good[1:]], x, y)  # fmt: skip
    refused(r"x_train\[2\] has missing .* first in series 1, step 0, gene 2", good,
            [x[0], x[1], _with_nan(x[2]), x[3]], y)  # fmt: skip
    refused(r"x_train\[1\] must be as the first .*\(7, 6, 3\).*\(5, 4, 3\)", good,
            [x[0], x[1][:, :4], x[2], x[3]], y)  # fmt: skip
    refused(r"x_train\[1\] has 5 series, y_train\[1\] has 4", good, x,
            [y[0], y[1][:4], y[2], y[3]])  # fmt: skip
    refused("learning_rate must be one number or one for each of 4 models, got 2", good,
            x, y, learning_rate=[0.1, 0.2])  # fmt: skip
    refused("learning_rate must be above 0", good, x, y, learning_rate=[1, 1, 0, 1])
    refused(
        "optimiser must be one of SGD.* got LBFGS",
        good,
        x,
        y,
        optimiser=lambda weights, lr, weight_decay: torch.optim.LBFGS(weights),
    )
    refused("patience needs validation", good, x, y, patience=2)
    pairs = list(zip(x, y, strict=True))
    refused("one .* for each of 4 models, got 3", good, x, y, validation=pairs[:3])
    refused(r"validation\[1\] must be \(x, y\)", good, x, y,
            validation=[pairs[0], x[1], *pairs[2:]])  # fmt: skip
    refused(r"validation\[2\]\[0\] must be as the training series .* \(9, 6, 3\)", good,
            x, y, validation=[*pairs[:2], (x[2][:, :4], y[2]), pairs[3]])  # fmt: skip
    refused(r"validation\[3\]\[0\] has missing", good, x, y,
            validation=[*pairs[:3], (_with_nan(x[3]), y[3])])  # fmt: skip
    good[2].head.requires_grad_(False)
    refused("model 2 has frozen weights", good, x, y)


def _with_nan(x: Any) -> Any:
    x = x.copy()
    x[1, 0, 2] = np.nan
    return x


def test_a_loss_that_is_not_finite_names_its_model() -> None:
    x, y = data("numbers")
    y[2] = y[2] * 1e200
    with pytest.raises(FloatingPointError, match="model 2 is inf in epoch 1, batch 0"):
        fit_many(nets("gru", 2), x, y, loss=F.mse_loss, n_epochs=3, batch_size=4)
