"""Shuffles of time, intervals over groups, and the two cases of chapter 2."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from genex_helpers import shared_weights as sw
from genex_helpers import yeast
from genex_helpers.evaluation import bootstrap_mean
from genex_helpers.models import RecurrentClassifier
from genex_helpers.order import as_one_step, permute_time, shuffle_each
from genex_helpers.resampling import bootstrap_groups
from genex_helpers.simulator import feed_forward_loop, simulate

SIZES = st.tuples(st.integers(1, 5), st.integers(1, 6), st.integers(1, 3))


@settings(max_examples=60, deadline=None)
@given(SIZES, st.integers(0, 1000))
def test_shuffles_keep_what_they_promise(size: tuple[int, int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=size).astype(np.float32)
    order = rng.permutation(size[1])
    alike = permute_time(x, order)
    assert np.array_equal(alike[:, np.argsort(order)], x)
    each = shuffle_each(x, seed)
    for before, after in zip(x, each, strict=True):  # whole samples move
        assert sorted(map(tuple, before.tolist())) == sorted(map(tuple, after.tolist()))
    assert np.array_equal(each, shuffle_each(x, seed))
    assert as_one_step(x).shape == (size[0], 1, size[1] * size[2])


def test_each_series_gets_an_order_of_its_own() -> None:
    x = np.tile(np.arange(30.0)[None, :, None], (2, 1, 1))
    first, second = shuffle_each(x, seed=0)
    assert not np.array_equal(first, second)


def test_wrong_orders_are_refused() -> None:
    x = np.zeros((2, 3, 1))
    for order in ([0, 1], [0, 1, 1], [1, 2, 3]):
        with pytest.raises(ValueError, match="order must hold 0 to 2"):
            permute_time(x, order)
    with pytest.raises(ValueError, match="batch, time, feature"):
        shuffle_each(x[0], seed=0)


def test_one_step_net_is_exactly_blind_to_time() -> None:
    """With its input weights permuted alike, it gives the same numbers."""
    torch.manual_seed(0)
    x = torch.randn(4, 1, 9)
    order = torch.randperm(9)
    net = RecurrentClassifier(9, 5, "lstm")
    before = net(x)
    before.sum().backward()
    grad = net.recurrent.weight_hh_l0.grad
    assert grad is not None and float(grad.abs().max()) == 0.0
    with torch.no_grad():
        net.recurrent.weight_ih_l0.copy_(net.recurrent.weight_ih_l0[:, order])
    assert torch.allclose(net(x[:, :, order]), before, atol=1e-6)


def test_groups_of_equal_size_are_a_plain_bootstrap() -> None:
    means = np.random.default_rng(0).normal(size=15)
    whole = bootstrap_groups(means * 4, np.full(15, 4))
    plain = bootstrap_mean(means)
    assert np.isclose(whole.value, plain.value)
    assert np.isclose(whole.low, plain.low, atol=0.03)
    assert np.isclose(whole.high, plain.high, atol=0.03)


def test_large_groups_weigh_more() -> None:
    assert bootstrap_groups([90, 0], [90, 10]).value == 0.9
    alike = bootstrap_groups([45, 5], [90, 10])
    assert alike.low == alike.high == 0.5


@pytest.mark.parametrize(
    ("totals", "sizes"),
    [([1.0], [2]), ([1.0, 2.0], [1]), ([1.0, np.nan], [1, 1]), ([1.0, 1.0], [1, 0])],
)
def test_groups_must_make_sense(totals: list[float], sizes: list[int]) -> None:
    with pytest.raises(ValueError, match="totals"):
        bootstrap_groups(totals, sizes)


def test_phase_case_holds_out_whole_clusters_and_fills_within_genes() -> None:
    case = yeast.phase_case()
    assert {c: x.shape[1] for c, x in case.courses.items()} == {"alpha": 18, "elu": 14}
    assert all(np.isfinite(x).all() for x in case.courses.values())
    folds = yeast.gene_folds(case)
    for train, test in folds:
        assert not set(case.clusters[train]) & set(case.clusters[test])
    assert sorted(np.concatenate([t for _, t in folds])) == list(range(len(case.y)))
    train = folds[0][0]
    assert np.isclose(
        yeast.scaled_by_training(case.courses["alpha"], train)[train].std(),
        1,
        atol=1e-3,
    )


def test_gaps_are_filled_by_lines_in_time() -> None:
    values = np.array([[np.nan, 1.0, np.nan, 4.0, np.nan]], dtype=np.float32)
    minutes = np.array([0.0, 10.0, 20.0, 40.0, 50.0])
    assert np.allclose(yeast._fill_in_time(values, minutes), [[1, 1, 2, 4, 4]])


@pytest.mark.parametrize("n_steps", [5, 10, 40])
def test_signals_differ_in_order_alone(n_steps: int) -> None:
    levels, lasting = sw.signal_levels(100, n_steps, seed=0)
    assert (levels.sum(axis=1) == sw.WIDTH).all()
    pieces = (np.diff(levels, axis=1, prepend=0) == 1).sum(axis=1)
    assert np.array_equal(pieces, 2 - lasting)


def test_the_loop_answers_lasting_signals_alone() -> None:
    levels, lasting = sw.signal_levels(60, 20, seed=1)
    loop = feed_forward_loop(threshold=0.8)
    found = simulate(loop, np.arange(20.0), 60, seed=0, inputs={"x": levels})
    z = found.expression[:, :, 1].max(axis=1)
    assert z[lasting == 1].min() > 2 * z[lasting == 0].max()


def test_level_at_one_time_is_decided_at_that_time() -> None:
    x, y = sw.level_at_one_time(400, 10, seed=0)
    middle = x[:, 5, 0]
    assert np.mean((middle > np.median(middle)) == (y == 1)) > 0.85
    last = x[:, 9, 0]
    assert np.mean((last > np.median(last)) == (y == 1)) < 0.65


def test_shared_nets_equal_torch_and_unshared_ones_with_equal_weights() -> None:
    x = torch.randn(2, 3, 6, 1)
    weights = sw.new_weights(1, 6, (0, 1), shared=True)
    own = [w.detach().expand(-1, 6, -1, -1) for w in weights[:4]] + weights[4:]
    assert torch.allclose(sw.logits(weights, x), sw.logits(own, x))
    gru, head = nn.GRU(1, sw.HIDDEN_SIZE, batch_first=True), nn.Linear(12, 1)
    w_in, w_rec, b_in, b_rec, w_out, b_out = (w[1].detach() for w in weights)
    with torch.no_grad():
        gru.get_parameter("weight_ih_l0").copy_(w_in[0].T)
        gru.get_parameter("weight_hh_l0").copy_(w_rec[0].T)
        gru.get_parameter("bias_ih_l0").copy_(b_in[0, 0])
        gru.get_parameter("bias_hh_l0").copy_(b_rec[0, 0])
        head.weight.copy_(w_out.T)
        head.bias.copy_(b_out[0])
    expected = head(gru(x[1])[0][:, -1])[:, 0]
    assert torch.allclose(sw.logits(weights, x)[1], expected, atol=1e-6)


@pytest.mark.parametrize("shared", [True, False])
def test_parameter_formula_equals_a_count(shared: bool) -> None:
    weights = sw.new_weights(3, 7, (0,), shared=shared)
    counted = sum(w.numel() for w in weights[:4])
    assert counted == sw.n_gru_parameters(3, sw.HIDDEN_SIZE, 7, shared=shared)


def test_nets_trained_side_by_side_do_not_feel_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sw, "N_UPDATES", 15)
    data = [sw.lasting_or_broken(40, 8, seed) for seed in (0, 1)]
    together = sw.net_accuracies("unshared", data, data, (0, 1))
    alone = sw.net_accuracies("unshared", data[1:], data[1:], (1,))
    assert together[0][1] == alone[0][0] and together[1][1] == alone[1][0]
    with pytest.raises(ValueError, match="net must be one of"):
        sw.net_accuracies("lstm", data, data, (0, 1))
