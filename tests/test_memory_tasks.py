"""The memory tasks and the stacked nets, held against ``torch.nn``."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from genex_helpers import memory_tasks as mt
from genex_helpers import stacked


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(n_steps=st.integers(2, 30), seed=st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_adding_has_one_mark_in_each_half_and_the_right_sum(
    n_steps: int, seed: int
) -> None:
    x, y = mt.draw_adding(8, n_steps, generator(seed))
    half = n_steps // 2
    assert x.shape == (8, n_steps, 2) and y.shape == (8, 1, 1)
    assert (x[:, :half, 1].sum(1) == 1).all() and (x[:, half:, 1].sum(1) == 1).all()
    torch.testing.assert_close((x[..., 0] * x[..., 1]).sum(1), y[:, 0, 0])


@given(n_steps=st.integers(2 * mt.N_SHOWN, 30), seed=st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_recall_shows_what_it_asks_for(n_steps: int, seed: int) -> None:
    x, y = mt.draw_recall(8, n_steps, generator(seed))
    assert x.shape == (8, n_steps, mt.N_VALUES + 1) and y.shape == (8, mt.N_SHOWN)
    clean = torch.zeros_like(x)
    clean[:, : mt.N_SHOWN, : mt.N_VALUES] = nn.functional.one_hot(y, mt.N_VALUES)
    clean[:, -mt.N_SHOWN :, mt.N_VALUES] = 1.0
    assert (x - clean).abs().max() < 7 * mt.NOISE


@pytest.mark.parametrize(("draw", "n"), [(mt.draw_adding, 1), (mt.draw_recall, 3)])
def test_too_short_a_series_is_refused(draw: object, n: int) -> None:
    with pytest.raises(ValueError, match=f"n_steps must be at least .*got {n}"):
        draw(4, n, generator())  # type: ignore[operator]


@pytest.mark.parametrize("name", mt.TASKS)
def test_guess_is_the_loss_of_knowing_nothing(name: str) -> None:
    task = mt.TASKS[name]
    _, y = task.draw(20_000, 10, generator())
    nothing = torch.zeros(1, 20_000, task.n_answers, task.n_outputs)
    assert float(task.loss(nothing, y[None])) == pytest.approx(task.guess, rel=0.03)


@pytest.mark.parametrize("start", mt.STARTS)
def test_stacked_nets_equal_torch(start: str) -> None:
    task, n_steps = mt.TASKS["recall"], 9
    torch.manual_seed(3)
    cell = start.partition(",")[0]
    units = [mt.make_unit(start, task.n_inputs, 6, n_steps).double() for _ in range(3)]
    heads = [nn.Linear(6, task.n_outputs).double() for _ in range(3)]
    stack = stacked.Stack(cell, list(units), heads)
    x = torch.stack([task.draw(5, n_steps, generator(k))[0] for k in range(3)]).double()
    answers = stack.answers(x, task.n_answers)
    answers.square().sum().backward()
    for k, (unit, head) in enumerate(zip(units, heads, strict=True)):
        states, _ = unit(x[k])
        expected = head(states[:, -task.n_answers :])
        torch.testing.assert_close(answers[k], expected, rtol=0, atol=1e-12)
        expected.square().sum().backward()
        for mine, theirs in [
            (stack.w_hh.grad, unit.weight_hh_l0.grad.T),
            (stack.w_ih.grad, unit.weight_ih_l0.grad.T),
            (stack.b_ih.grad, unit.bias_ih_l0.grad[None]),
            (stack.b_hh.grad, unit.bias_hh_l0.grad[None]),
            (stack.w_out.grad, head.weight.grad.T),
        ]:
            assert mine is not None
            torch.testing.assert_close(mine[k], theirs, rtol=0, atol=1e-12)


def test_starts_set_the_bias_that_they_name() -> None:
    h, n_steps = 50, 20
    one = mt.make_unit("lstm, forget bias 1", 3, h, n_steps)
    total = one.bias_ih_l0 + one.bias_hh_l0
    assert (total[h : 2 * h] == 1).all() and (total[:h] != 1).all()
    keep = mt.make_unit("gru, keep bias 1", 3, h, n_steps)
    assert ((keep.bias_ih_l0 + keep.bias_hh_l0)[h : 2 * h] == 1).all()
    for start in ("lstm, chrono", "gru, chrono"):
        unit = mt.make_unit(start, 3, h, n_steps)
        total = (unit.bias_ih_l0 + unit.bias_hh_l0).detach()
        assert total[h : 2 * h].min() >= 0
        assert total[h : 2 * h].max() <= math.log(n_steps - 1)
        if start.startswith("lstm"):
            torch.testing.assert_close(total[:h], -total[h : 2 * h])
    square = mt.make_unit("rnn, orthogonal", 3, h, n_steps).weight_hh_l0
    torch.testing.assert_close(square @ square.T, torch.eye(h), atol=1e-5, rtol=0)
    with pytest.raises(ValueError, match="start must be one of"):
        mt.make_unit("lstm, magic", 3, h, n_steps)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_size_counts_what_torch_has(cell: str) -> None:
    task = mt.TASKS["adding"]
    unit, head = mt.make_unit(cell, 2, 7, 9), nn.Linear(7, 1)
    parts = [*unit.parameters(), *head.parameters()]
    assert mt.size(cell, 7, task) == sum(p.numel() for p in parts)
    assert mt.hidden_size_for(cell, task, mt.size(cell, 7, task)) == 7


def test_gradient_ratio_of_a_linear_chain_is_its_power() -> None:
    """With tiny inputs tanh is the identity, so each step multiplies by 0.5."""
    unit = nn.RNN(1, 1, batch_first=True)
    with torch.no_grad():
        for weight, value in zip(unit.parameters(), (1.0, 0.5, 0.0, 0.0), strict=True):
            weight.fill_(value)
    stack = stacked.Stack("rnn", [unit], [nn.Linear(1, 1)])
    (ratio,) = stacked.gradient_ratio(stack, 1e-6 * torch.ones(1, 4, 11, 1))
    assert ratio == pytest.approx(0.5**10, rel=1e-6)


def test_step_is_that_of_torch_adam_with_clipping() -> None:
    task, sets = mt.TASKS["adding"], [4]
    stack = stacked.new_stack(task, "lstm", 6, sets)
    other = stacked.new_stack(task, "lstm", 6, sets)
    stacked.train(stack, task, 6, sets, [0.03], checkpoints=(3,))
    optimiser = torch.optim.Adam(other.parameters(), lr=0.03)
    stream = torch.Generator().manual_seed(1000 * sets[0] + 1)
    for _ in range(3):
        x, y = task.draw(mt.BATCH_SIZE, 6, stream)
        optimiser.zero_grad()
        task.loss(other.answers(x[None], 1), y[None]).sum().backward()
        nn.utils.clip_grad_norm_(other.parameters(), mt.CLIP)
        optimiser.step()
    for mine, theirs in zip(stack.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


def test_a_set_is_the_same_alone_and_among_others() -> None:
    task = mt.TASKS["recall"]
    alone = stacked.train(
        stacked.new_stack(task, "gru", 6, [7]), task, 6, [7], [0.01], (0, 5)
    )
    sets = [5, 7]
    both = stacked.new_stack(task, "gru", 6, sets)
    rows = stacked.train(both, task, 6, sets, [0.01, 0.01], (0, 5))
    picked = [row for row in rows if row["set"] == 7]
    for one, two in zip(alone, picked, strict=True):
        assert one == pytest.approx(two, rel=1e-3, abs=1e-4)
