"""Attention by hand: equal to PyTorch, blind to what was not observed."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

from genex_helpers.attention import (
    AdditiveAttention,
    GeneAttention,
    ModuleAttention,
    attention_weights,
    scaled_dot_product,
)
from genex_helpers.attention_nets import (
    ENCODERS,
    POOLINGS,
    AttentionClassifier,
    GuidedClassifier,
)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


# ------------------------------------------------------------------------ weights


def test_weights_on_paper() -> None:
    scores = torch.log(torch.tensor([1.0, 2.0, 4.0, 9.0]))
    mask = torch.tensor([True, True, True, False])
    assert torch.allclose(
        attention_weights(scores, mask), torch.tensor([1, 2, 4, 0]) / 7
    )
    assert attention_weights(scores, mask)[3] == 0
    assert torch.allclose(attention_weights(scores), torch.tensor([1, 2, 4, 9]) / 16)


@settings(max_examples=50, deadline=None)
@given(
    seen=st.lists(st.lists(st.booleans(), min_size=5, max_size=5).filter(any),
                  min_size=1, max_size=4),
    scale=st.floats(0, 1000), shift=st.floats(-100, 100),
)  # fmt: skip
def test_weights_add_to_one_over_what_was_seen(
    seen: list[list[bool]], scale: float, shift: float
) -> None:
    mask = torch.tensor(seen)
    scores = scale * torch.randn(mask.shape, dtype=torch.float64)
    weights = attention_weights(scores, mask)
    assert (weights[~mask] == 0).all() and (weights >= 0).all()
    assert torch.allclose(weights.sum(-1), torch.ones(len(mask), dtype=torch.float64))
    moved = attention_weights(scores + shift, mask)  # a common score changes nothing
    assert torch.allclose(weights, moved, atol=1e-9)


def test_a_mask_that_cannot_be_is_refused() -> None:
    scores = torch.zeros(2, 3)
    with pytest.raises(ValueError, match=r"hides every place of row \[1\]"):
        attention_weights(scores, torch.tensor([[True] * 3, [False] * 3]))
    with pytest.raises(ValueError, match=r"boolean.*got torch.int64"):
        attention_weights(scores, torch.ones(2, 3, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"\(2, 3\), got \(2, 4\)"):
        attention_weights(scores, torch.ones(2, 4, dtype=torch.bool))


# --------------------------------------------------------------- scaled dot product


@pytest.mark.parametrize("masked", [False, True])
def test_scaled_dot_product_is_that_of_pytorch(masked: bool) -> None:
    q, k, v = draw(3, 2, 5, 4), draw(3, 2, 7, 4), draw(3, 2, 7, 6)
    mask = torch.rand(3, 1, 5, 7) < 0.6 if masked else None
    if mask is not None:
        mask[..., 2] = True
    ours, weights = scaled_dot_product(q, k, v, mask)
    theirs = scaled_dot_product_attention(q, k, v, attn_mask=mask)
    assert torch.allclose(ours, theirs, atol=1e-13)
    assert torch.allclose(weights.sum(-1), torch.ones(3, 2, 5, dtype=torch.float64))
    pull = torch.randn_like(ours)
    for mine, other in zip(
        torch.autograd.grad(ours, (q, k, v), pull),
        torch.autograd.grad(theirs, (q, k, v), pull), strict=True,
    ):  # fmt: skip
        assert torch.allclose(mine, other, atol=1e-12)


def by_heads(layer: nn.MultiheadAttention, x: torch.Tensor) -> Any:
    """Self-attention with several heads, from the weights of PyTorch's layer."""
    batch, steps, size = x.shape
    heads, each = layer.num_heads, size // layer.num_heads
    assert layer.in_proj_weight is not None
    q, k, v = (
        (x @ w.T + b).reshape(batch, steps, heads, each).transpose(1, 2)
        for w, b in zip(
            layer.in_proj_weight.chunk(3), layer.in_proj_bias.chunk(3), strict=True
        )
    )
    read, weights = scaled_dot_product(q, k, v)
    joined = read.transpose(1, 2).reshape(batch, steps, size)
    return layer.out_proj(joined), weights


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_several_heads_are_those_of_pytorch(heads: int) -> None:
    layer = nn.MultiheadAttention(8, heads, batch_first=True).double()
    nn.init.normal_(layer.in_proj_bias)
    x = draw(3, 6, 8)
    ours, weights = by_heads(layer, x)
    theirs, shown = layer(x, x, x, average_attn_weights=False)
    assert torch.allclose(ours, theirs, atol=1e-13)
    assert torch.allclose(weights, shown, atol=1e-13)
    pull = torch.randn_like(ours)
    wanted = (x, *layer.parameters())
    for mine, other in zip(
        torch.autograd.grad(ours, wanted, pull),
        torch.autograd.grad(theirs, wanted, pull), strict=True,
    ):  # fmt: skip
        assert torch.allclose(mine, other, atol=1e-11)


def test_self_attention_knows_no_order() -> None:
    layer = nn.MultiheadAttention(8, 2, batch_first=True).double()
    x, order = draw(2, 6, 8), torch.randperm(6)
    straight, shuffled = by_heads(layer, x)[0], by_heads(layer, x[:, order])[0]
    assert torch.allclose(straight[:, order], shuffled, atol=1e-13)


def test_dot_product_refuses_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="one size, got 4 and 3"):
        scaled_dot_product(torch.zeros(5, 4), torch.zeros(7, 3), torch.zeros(7, 3))
    with pytest.raises(ValueError, match="as many places, got 7 and 6"):
        scaled_dot_product(torch.zeros(5, 4), torch.zeros(7, 4), torch.zeros(6, 3))


# ------------------------------------------------------------------------- additive


@pytest.mark.parametrize("query_size", [0, 3])
def test_additive_attention_is_its_equation(query_size: int) -> None:
    layer = AdditiveAttention(5, 4, query_size).double()
    states = draw(2, 6, 5)
    query = draw(2, 3) if query_size else None
    context, weights = layer(states, query=query)
    for row, step in itertools.product(range(2), range(6)):
        inner = layer.from_state.weight @ states[row, step] + layer.from_state.bias
        if query is not None:
            assert layer.from_query is not None
            inner = inner + layer.from_query.weight @ query[row]
        score = (layer.score.weight[0] * torch.tanh(inner)).sum()
        first = layer.from_state.weight @ states[row, 0] + layer.from_state.bias
        if query is not None and layer.from_query is not None:
            first = first + layer.from_query.weight @ query[row]
        other = (layer.score.weight[0] * torch.tanh(first)).sum()
        ratio = weights[row, step] / weights[row, 0]
        assert math.isclose(ratio.item(), math.exp((score - other).item()))
    expected = torch.stack([weights[k] @ states[k] for k in range(2)])
    assert torch.allclose(context, expected, atol=1e-14)
    assert torch.autograd.gradcheck(lambda s: layer(s, query=query)[0], (states,))


def test_additive_attention_wants_the_query_it_was_made_for() -> None:
    with pytest.raises(ValueError, match="has no place for a query"):
        AdditiveAttention(5, 4)(torch.zeros(2, 6, 5), query=torch.zeros(2, 3))
    with pytest.raises(ValueError, match="needs a query"):
        AdditiveAttention(5, 4, 3)(torch.zeros(2, 6, 5))


# ------------------------------------------------------------------ genes, modules


def test_equal_scores_leave_the_series_as_it_is() -> None:
    layer = GeneAttention(5)
    nn.init.zeros_(layer.score.weight)
    x = torch.randn(3, 4, 5)
    weighted, weights = layer(x)
    assert torch.allclose(weighted, x) and torch.allclose(weights, torch.tensor(0.2))


def test_gene_weights_do_not_see_what_was_not_observed() -> None:
    layer = GeneAttention(5).double()
    x = torch.randn(3, 6, 5, dtype=torch.float64)
    mask = torch.ones(3, 6, dtype=torch.bool)
    mask[:, 3:] = False
    short, filled = layer(x[:, :3])[1], layer(torch.where(mask[..., None], x, 0), mask)
    assert torch.allclose(short, filled[1], atol=1e-14)
    assert torch.allclose(short.sum(1), torch.ones(3, dtype=torch.float64))


def test_modules_are_means_of_their_genes() -> None:
    layer = ModuleAttention([1, 0, 1, 2])
    nn.init.zeros_(layer.weigh.score.weight)
    x = torch.randn(3, 6, 4)
    means = torch.stack([x[..., 1], (x[..., 0] + x[..., 2]) / 2, x[..., 3]], dim=2)
    assert torch.allclose(layer(x)[0], means, atol=1e-6)
    assert layer(x)[1].shape == (3, 3)


def test_genes_and_modules_refuse_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="5 genes, got 4"):
        GeneAttention(5)(torch.zeros(1, 2, 4))
    with pytest.raises(ValueError, match="4 genes, got 3"):
        ModuleAttention([0, 0, 1, 1])(torch.zeros(1, 2, 3))
    for wrong in ([0, 2], [1, 2], [[0, 1]]):
        with pytest.raises(ValueError, match="from 0 without gaps"):
            ModuleAttention(wrong)  # type: ignore[arg-type]


# ----------------------------------------------------------------------------- nets

KINDS: list[dict[str, Any]] = [
    {"pooling": p, "encoder": e} for p in POOLINGS for e in ENCODERS
] + [{"genes": True}, {"modules": [0, 1, 1, 2, 2]}, {"genes": True, "pooling": "last"}]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_missing_samples_are_as_if_they_had_never_been_there(
    kind: dict[str, Any],
) -> None:
    net = AttentionClassifier(5, 6, 2, **kind).double().eval()
    x = torch.randn(3, 7, 5, dtype=torch.float64)
    mask = torch.tensor([[1, 1, 0, 1, 0, 1, 0], [0, 1, 1, 1, 1, 1, 1], [1] * 7]).bool()
    spoilt = torch.where(mask[:, :, None], x, torch.nan)
    said = net.explain(spoilt, mask)
    for k in range(3):
        alone = net.explain(x[[k]][:, mask[k]])
        assert torch.allclose(said.output[k], alone.output[0], atol=1e-12)
        if said.time is not None:
            assert alone.time is not None
            assert (said.time[k, ~mask[k]] == 0).all()
            assert torch.allclose(said.time[k, mask[k]], alone.time[0], atol=1e-12)
    assert torch.allclose(net(x), net(x, torch.ones(3, 7).bool()), atol=1e-12)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_hidden_sample_has_no_gradient(kind: dict[str, Any]) -> None:
    net = AttentionClassifier(5, 6, **kind)
    x = torch.randn(2, 4, 5, requires_grad=True)
    mask = torch.tensor([[True, False, True, True], [True, True, False, False]])
    net(x, mask).sum().backward()
    assert x.grad is not None and (x.grad[~mask] == 0).all()
    assert (x.grad[mask] != 0).any()
    used = [p for p in net.parameters() if p.grad is not None]
    assert used and all(p.grad.isfinite().all() for p in used)  # type: ignore[union-attr]


def test_equal_weights_are_the_mean() -> None:
    attention, mean = (AttentionClassifier(5, 6, pooling=p) for p in
                       ("attention", "mean"))  # fmt: skip
    mean.load_state_dict(attention.state_dict(), strict=False)
    assert isinstance(attention.attention, AdditiveAttention)
    nn.init.zeros_(attention.attention.score.weight)
    x = torch.randn(3, 7, 5)
    assert torch.allclose(attention(x), mean(x), atol=1e-6)


def test_a_step_by_itself_knows_no_other_step() -> None:
    net = AttentionClassifier(5, 6, encoder="steps")
    x, order = torch.randn(2, 7, 5), torch.randperm(7)
    assert torch.allclose(net(x), net(x[:, order]), atol=1e-6)


def test_a_map_is_the_product_of_its_weights() -> None:
    said = AttentionClassifier(5, 6, genes=True).explain(torch.randn(2, 7, 5))
    cells = said.map()
    assert cells.shape == (2, 7, 5) and torch.allclose(cells.sum((1, 2)), torch.ones(2))
    assert said.gene is not None and torch.allclose(cells.sum(1), said.gene, atol=1e-6)
    with pytest.raises(ValueError, match="over time and over genes"):
        AttentionClassifier(5, 6).explain(torch.randn(2, 7, 5)).map()


def test_nets_refuse_what_cannot_be() -> None:
    for wrong, words in (
        ({"pooling": "sum"}, "pooling must be one of"),
        ({"encoder": "lstm"}, "encoder must be one of"),
        ({"genes": True, "modules": [0] * 5}, "cannot both be weighed"),
    ):
        with pytest.raises(ValueError, match=words):
            AttentionClassifier(5, 6, **wrong)  # type: ignore[arg-type]
    net, x = AttentionClassifier(5, 6), torch.zeros(2, 3, 5)
    with pytest.raises(ValueError, match="hides every step of series 1"):
        net(x, torch.tensor([[True] * 3, [False] * 3]))
    with pytest.raises(ValueError, match=r"\(batch, time\) = \(2, 3\)"):
        net(x, torch.ones(2, 4).bool())


def test_a_guided_net_is_one_that_attends_with_these_weights() -> None:
    net, guided = AttentionClassifier(5, 6, encoder="steps"), GuidedClassifier(5, 6)
    guided.load_state_dict(net.state_dict(), strict=False)
    x = torch.randn(3, 7, 5)
    said = net.explain(x)
    assert said.time is not None
    assert torch.allclose(guided(x, said.time), said.output, atol=1e-6)
    with pytest.raises(ValueError, match=r"\(3, 7\), got \(3, 6\)"):
        guided(x, said.time[:, :6])
