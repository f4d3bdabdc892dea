"""Nets that are trained side by side: equal to torch's own, and blind to the future."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from genex_helpers import forecast_nets as n
from genex_helpers.forecasting import make_windows

Floats = NDArray[np.float64]
TIMES = np.array([0.0, 1, 2, 4, 5, 6, 8, 9])


def series(n_series: int = 10, n_genes: int = 2) -> Floats:
    return np.random.default_rng(0).normal(size=(n_series, 8, n_genes))


def everything(values: Floats, horizon: int, n_nets: int) -> NDArray[np.bool_]:
    one = n.counted(np.ones(values.shape, dtype=bool), horizon)
    return np.stack([one] * n_nets)


def test_inputs_on_paper() -> None:
    values = np.zeros((1, 4, 1))
    x = n.net_inputs(values, np.array([0.0, 2, 4, 8]), 2)
    assert x.dtype == np.float32
    assert x[0].tolist() == [[0, 1, 2], [0, 1, 3], [0, 2, 3], [0, 1, 2]]
    with pytest.raises(ValueError, match="without missing values"):
        n.net_inputs(np.full((1, 4, 1), np.nan), np.arange(4.0), 1)


def test_targets_and_what_counts_on_paper() -> None:
    values = np.arange(4.0).reshape(1, 4, 1)
    mask = np.array([True, False, True, True]).reshape(1, 4, 1)
    targets = n.net_targets(values, 2)[0, :, :, 0]
    assert targets.tolist() == [[1, 2], [2, 3], [3, 0], [0, 0]]
    counts = n.counted(mask, 2)[0, :, :, 0]
    assert counts.tolist() == [[0, 1], [1, 1], [1, 0], [0, 0]]
    early = n.counted(mask, 2, up_to=2)[0, :, :, 0]
    late = n.counted(mask, 2, after=2)[0, :, :, 0]
    assert early.tolist() == [[0, 1], [1, 0], [0, 0], [0, 0]]
    assert np.array_equal(early | late, counts) and not (early & late).any()


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_nets_are_trained_as_torch_would(cell: str) -> None:
    """Net 1 of three, alone, with ``nn`` modules and the same draws."""
    values, horizon, n_updates = series(), 2, 6
    counts = everything(values, horizon, 3)
    counts[1, :4] = False  # learns from the last six series alone
    counts[0, 8:] = False
    counts[2, 6:] = False
    nets = n.train_nets(cell, values, TIMES, counts, [5, 6, 7], updates=(n_updates,))
    torch.manual_seed(6)
    unit = n.CELLS[cell](2 + horizon, n.HIDDEN_SIZE, batch_first=True)
    head = nn.Linear(n.HIDDEN_SIZE, horizon * 2)
    weights = [*unit.parameters(), *head.parameters()]
    optimiser = torch.optim.Adam(weights, lr=n.LEARNING_RATE)
    x = torch.as_tensor(n.net_inputs(values, TIMES, horizon))
    y = torch.as_tensor(n.net_targets(values, horizon))
    draw, own = np.random.default_rng(6), np.arange(4, 10)

    def forecast(rows: NDArray[np.int64]) -> torch.Tensor:
        states, _ = unit(x[rows])
        changes = head(states).reshape(len(rows), 8, horizon, 2)
        return x[rows][..., None, :2] + changes

    for _ in range(n_updates):
        rows = draw.permutation(own)[:6]
        count = torch.as_tensor(counts[1, rows])
        optimiser.zero_grad()
        ((forecast(rows) - y[rows])[count] ** 2).mean().backward()
        optimiser.step()
    windows = make_windows(values, np.ones(values.shape, bool), TIMES, 2, horizon)
    found = n.direct_forecasts(nets[n_updates], values, TIMES, windows)
    with torch.no_grad():
        expected = forecast(np.arange(10)).numpy()
    assert np.allclose(
        found[1], expected[windows.groups, windows.origins], rtol=0, atol=2e-5
    )


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_feeding_back_on_paper(cell: str) -> None:
    """By hand: append the forecast to the series, and forecast again."""
    values = series(4, 1)
    mask = np.ones(values.shape, dtype=bool)
    nets = n.train_nets(cell, values, TIMES, everything(values, 1, 2), [0, 1],
                        updates=(3,))[3]  # fmt: skip
    windows = make_windows(values, mask, TIMES, 3, 2)
    found = n.iterated_forecasts(nets, values, TIMES, windows)
    one = make_windows(values, mask, TIMES, 3, 1)
    first = n.direct_forecasts(nets, values, TIMES, one)
    for row in range(len(windows)):
        group, origin = windows.groups[row], windows.origins[row]
        same = (one.groups == group) & (one.origins == origin)
        assert np.allclose(found[:, row, 0], first[:, same][:, 0, 0], atol=1e-6)
        for net in range(2):
            longer = values[[group]].copy()
            longer[0, origin + 1] = first[net, same][0, 0]
            after = make_windows(longer, mask[:1], TIMES, 3, 1)
            again = n.direct_forecasts(nets, longer, TIMES, after)
            here = after.origins == origin + 1
            assert np.allclose(found[net, row, 1], again[net, here][0, 0], atol=1e-6)


def test_what_comes_later_changes_no_forecast_and_no_training() -> None:
    values, horizon = series(), 2
    other = values.copy()
    other[:, 6:] = 50.0
    mask = np.ones(values.shape, dtype=bool)
    counts = np.stack([n.counted(mask, horizon, up_to=5)])
    found = []
    for seen in (values, other):
        nets = n.train_nets("gru", seen, TIMES, counts, [0], updates=(4,))[4]
        windows = make_windows(seen, mask, TIMES, 3, horizon)
        early = windows[windows.origins <= 5]
        found.append(n.direct_forecasts(nets, seen, TIMES, early))
        one = n.train_nets("gru", seen, TIMES, counts[:, :, :, :1], [0], updates=(4,))
        found.append(n.iterated_forecasts(one[4], seen, TIMES, early))
    assert np.array_equal(found[0], found[2])
    assert np.array_equal(found[1], found[3])


def test_nets_do_not_feel_each_other_or_other_series() -> None:
    values = series()
    counts = everything(values, 1, 2)
    counts[0, 5:] = False
    counts[1, :5] = False
    both = n.train_nets("lstm", values, TIMES, counts, [3, 4], updates=(5,))[5]
    other = values.copy()
    other[5:] *= -2  # the second net's series, not the first's
    changed = n.train_nets("lstm", other, TIMES, counts, [3, 4], updates=(5,))[5]
    assert torch.equal(both.w_hh[0], changed.w_hh[0])
    assert not torch.equal(both.w_hh[1], changed.w_hh[1])


def test_counted_errors_and_some_nets() -> None:
    values = series()
    counts = everything(values, 1, 3)
    nets = n.train_nets("gru", values, TIMES, counts, [0, 1, 2], updates=(2,))[2]
    windows = make_windows(values, np.ones(values.shape, bool), TIMES, 1, 1)
    direct = n.direct_forecasts(nets, values, TIMES, windows)
    expected = ((direct - windows.target) ** 2).mean(axis=(1, 2, 3))
    assert np.allclose(n.counted_errors(nets, values, TIMES, counts), expected)
    last = n.some_nets(nets, [2])
    assert np.allclose(n.direct_forecasts(last, values, TIMES, windows)[0], direct[2])


def test_nets_learn_a_rule_that_persistence_misses() -> None:
    """A wave: the next value is known, the last one is a poor forecast of it."""
    start = np.random.default_rng(1).uniform(0, 6, size=(50, 1))
    values = np.sin(start + np.arange(8) * 1.5)[..., None]
    nets = n.train_nets("gru", values, np.arange(8.0), everything(values, 1, 1), [0],
                        updates=(200,))[200]  # fmt: skip
    late = n.counted(np.ones(values.shape, bool), 1, after=3)[None]
    error = n.counted_errors(nets, values, np.arange(8.0), late)[0]
    persistence = np.mean(np.diff(values[:, 3:], axis=1) ** 2)
    assert error < persistence / 10


def test_wrong_arguments_are_named() -> None:
    values = series()
    counts = everything(values, 1, 2)
    with pytest.raises(ValueError, match="cell must be one of"):
        n.new_nets("transformer", 1, 1, [0])
    with pytest.raises(ValueError, match="something for each of 3 nets"):
        n.train_nets("gru", values, TIMES, counts, [0, 1, 2])
    counts[1] = False
    with pytest.raises(ValueError, match="something for each of 2 nets"):
        n.train_nets("gru", values, TIMES, counts, [0, 1])
    direct = n.new_nets("gru", 2, 3, [0])
    windows = make_windows(values, np.ones(values.shape, bool), TIMES, 2, 3)
    with pytest.raises(ValueError, match="next sample alone"):
        n.iterated_forecasts(direct, values, TIMES, windows)
