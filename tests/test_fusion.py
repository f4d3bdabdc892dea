"""Fusion: equal to the library, blind to what is absent, fair dropout, bad input."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from genex_helpers.fusion import (
    CrossAttentionFusion,
    EarlyFusion,
    Fusion,
    GatedFusion,
    LateFusion,
    SharedFusion,
    Unpacked,
    drop_modalities,
    masked_mean,
)
from genex_helpers.training import fit, predict

SIZES = {"a": 3, "b": 2, "c": 4}
KINDS = ("early", "shared", "gated", "attention", "late")
CLASSES: dict[str, Any] = {
    "shared": SharedFusion,
    "gated": GatedFusion,
    "attention": CrossAttentionFusion,
    "late": LateFusion,
}


def net(kind: str, **how: Any) -> Fusion:
    torch.manual_seed(0)
    if kind == "early":
        made: Fusion = EarlyFusion(SIZES, **how)
    else:
        encoders = {name: nn.Linear(n, 5) for name, n in SIZES.items()}
        made = CLASSES[kind](encoders, 5, **how)
    return made.double().eval()


def inputs(n: int = 6, seed: int = 1) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return {k: torch.randn(n, size, generator=draw).double()
            for k, size in SIZES.items()}  # fmt: skip


SOME = torch.tensor([[1, 1, 1], [1, 0, 0], [0, 1, 1], [1, 0, 1], [0, 0, 1], [1, 1, 0]])


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_absent_is_not_read(kind: str) -> None:
    x, model = inputs(), net(kind)
    spoilt = {name: table.clone() for name, table in x.items()}
    for i, name in enumerate(SIZES):
        spoilt[name][SOME[:, i] == 0] = torch.nan
    said = model(spoilt, SOME)
    assert bool(torch.isfinite(said).all())
    torch.testing.assert_close(said, model(x, SOME), rtol=0, atol=0)
    assert not torch.allclose(said, model(x))
    said.sum().backward()
    assert all(bool(torch.isfinite(w.grad).all()) for w in model.parameters()
               if w.grad is not None)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_all_present_is_the_default_and_people_do_not_mix(kind: str) -> None:
    x, model = inputs(), net(kind)
    whole = model(x)
    torch.testing.assert_close(whole, model(x, torch.ones(6, 3)))
    one = model({name: table[2:3] for name, table in x.items()})
    torch.testing.assert_close(one, whole[2:3])


def test_attention_is_the_library_s() -> None:
    model = net("attention")
    assert isinstance(model, CrossAttentionFusion)
    latents = model.latents(inputs())
    seen = SOME.bool()
    told, weights = model.attention(latents, seen)
    tokens = latents + model.place
    theirs = nn.functional.scaled_dot_product_attention(
        model.query(tokens), model.key(tokens), model.value(tokens), seen[:, None]
    )
    torch.testing.assert_close(told, theirs)
    torch.testing.assert_close(weights.sum(dim=2), torch.ones(6, 3).double())
    assert float(weights.detach().transpose(1, 2)[~seen].abs().max()) == 0


def test_gates_are_weights_of_those_present() -> None:
    model = net("gated")
    assert isinstance(model, GatedFusion)
    latents = model.latents(inputs())
    weights = model.weights(latents, SOME.bool())
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(6).double())
    assert bool(((weights > 0) == SOME.bool()).all())
    by_hand = sum(weights[:, k, None] * latents[:, k] for k in range(3))
    torch.testing.assert_close(model.joined(latents, SOME.bool()), by_hand)


def test_equal_gates_are_the_shared_mean() -> None:
    gated, shared = net("gated"), net("shared")
    assert isinstance(gated, GatedFusion) and isinstance(shared, SharedFusion)
    nn.init.zeros_(gated.score.weight)
    nn.init.zeros_(gated.score.bias)
    shared.load_state_dict({k: v for k, v in gated.state_dict().items()
                            if not k.startswith("score")})  # fmt: skip
    torch.testing.assert_close(gated(inputs(), SOME), shared(inputs(), SOME))


def test_late_fusion_adds_the_logits_of_those_present() -> None:
    model = net("late")
    assert isinstance(model, LateFusion)
    x = inputs()
    alone = torch.eye(3).bool()
    own = [model(x, alone[k].expand(6, 3)) - model.bias for k in range(3)]
    total = sum(own[k] * SOME[:, k, None] for k in range(3))
    torch.testing.assert_close(model(x, SOME), total + model.bias)


def test_masked_mean_by_hand() -> None:
    latents = torch.arange(6.0).reshape(1, 3, 2)
    found = masked_mean(latents, torch.tensor([[True, False, True]]))
    assert found.tolist() == [[2.0, 3.0]]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 0.99))
def test_dropout_takes_away_and_leaves_one(seed: int, rate: float) -> None:
    torch.manual_seed(seed)
    kept = drop_modalities(SOME.bool(), rate)
    assert bool(kept.any(dim=1).all())
    assert not bool((kept & ~SOME.bool()).any())
    assert rate > 0 or torch.equal(kept, SOME.bool())


def test_dropout_s_rate_and_its_fair_rescue() -> None:
    torch.manual_seed(0)
    whole = torch.ones(40_000, 2, dtype=torch.bool)
    share = drop_modalities(whole, 0.5).double().mean(dim=0)
    # each is kept in ½ of the draws, and rescued in half of the ¼ that lose both
    torch.testing.assert_close(share, torch.full((2,), 0.625).double(), atol=0.01,
                               rtol=0)  # fmt: skip


def test_dropout_acts_in_training_only() -> None:
    model = net("shared", modality_dropout=0.5)
    x = inputs()
    torch.testing.assert_close(model(x), net("shared")(x))
    model.train()
    torch.manual_seed(1)
    assert not torch.allclose(model(x), net("shared")(x))


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_agree_with_finite_differences(kind: str) -> None:
    model, x = net(kind), inputs(3)
    names = list(x)

    def loss(*tables: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = model(dict(zip(names, tables, strict=True)), SOME[:3]) ** 2
        return out.sum()

    leaves = tuple(x[name].requires_grad_() for name in names)
    assert torch.autograd.gradcheck(loss, leaves)


@pytest.mark.parametrize("kind", KINDS)
def test_trained_through_the_loop(kind: str) -> None:
    x = {k: v.float() for k, v in inputs(64).items()}
    y = ((x["a"][:, :1] + x["c"][:, :1]) > 0).float()
    arrays = (*(x[k].numpy() for k in SIZES), torch.ones(64, 3).numpy())
    model = Unpacked(net(kind).float())
    loss = nn.functional.binary_cross_entropy_with_logits
    history = fit(model, arrays, y.numpy(), loss=loss, n_epochs=30, learning_rate=0.03)
    assert history["train_loss"].iloc[-1] < 0.5
    assert predict(model, arrays).shape == (64, 1)


def test_bad_input_is_named() -> None:
    model, x = net("shared"), inputs()
    with pytest.raises(ValueError, match=r"lacks the modalities \['c'\]"):
        model({"a": x["a"], "b": x["b"]})
    with pytest.raises(ValueError, match="as many rows"):
        model(x | {"b": x["b"][:3]})
    with pytest.raises(ValueError, match=r"shape \(6, 3\)"):
        model(x, SOME[:, :2])
    with pytest.raises(ValueError, match="row 4 has no modality"):
        model(x, SOME * (torch.arange(6) != 4)[:, None])
    with pytest.raises(ValueError, match="modality_dropout"):
        net("shared", modality_dropout=1.0)
    with pytest.raises(ValueError, match="names"):
        EarlyFusion({})
    with pytest.raises(ValueError, match="a must have 3 numbers"):
        net("early")(x | {"a": x["c"]})
    with pytest.raises(ValueError, match="expected 4 arrays"):
        Unpacked(model)(x["a"])
    with pytest.raises(NotImplementedError):
        Fusion(["a"])(x)
