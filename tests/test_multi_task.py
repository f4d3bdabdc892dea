"""Nets with several heads: losses, gradients, and the weights of losses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    mse_loss,
)

from genex_helpers import stacked_tasks
from genex_helpers.models import RecurrentClassifier
from genex_helpers.multi_task import (
    GradNorm,
    MultiTaskNet,
    Task,
    UncertaintyWeights,
    fit_tasks,
    grad_norm_targets,
    gradient_cosines,
    multi_task_loss,
    shared_gradients,
    task_losses,
)

TASKS = {
    "ill": Task("binary"),
    "kind": Task("classification", 3),
    "hours": Task("regression", per_step=True),
    "age": Task("regression"),
}
RNG = np.random.default_rng(14)
X = torch.as_tensor(RNG.normal(size=(9, 5, 4)))


def labels(missing: float = 0.3) -> dict[str, torch.Tensor]:
    """Return labels of every kind, some of them missing."""
    rng = np.random.default_rng(1)
    found: dict[str, Any] = {
        "ill": rng.integers(0, 2, 9).astype(float),
        "kind": rng.integers(0, 3, 9),
        "hours": rng.normal(size=(9, 5)),
        "age": rng.normal(size=9),
    }
    for name, values in found.items():
        hidden = rng.uniform(size=values.shape) < missing
        values[hidden] = -1 if name == "kind" else np.nan
    return {name: torch.as_tensor(values) for name, values in found.items()}


def new_net(seed: int = 0, cell: str = "gru") -> MultiTaskNet:
    torch.manual_seed(seed)
    return MultiTaskNet(4, 6, TASKS, cell).double()


# ------------------------------------------------------------------------ the net


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_the_net_is_an_encoder_and_linear_heads(cell: str) -> None:
    net = new_net(cell=cell)
    states, _ = net.encoder(X)
    found = net(X)
    assert {n: tuple(v.shape) for n, v in found.items()} == {
        "ill": (9,), "kind": (9, 3), "hours": (9, 5), "age": (9,)
    }  # fmt: skip
    hours = net.heads["hours"]
    assert torch.equal(found["hours"], hours(states)[..., 0])
    assert torch.equal(found["kind"], net.heads["kind"](states[:, -1]))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: MultiTaskNet(4, 6, {}), "at least one task"),
        (lambda: MultiTaskNet(4, 6, TASKS, "tcn"), "cell must be one of"),
        (lambda: Task("rank"), "kind must be one of"),
        (lambda: Task("binary", 2), "n_classes must be 2 or more"),
        (lambda: Task("classification"), "n_classes must be 2 or more"),
    ],
)
def test_a_net_that_cannot_be_is_refused(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


# --------------------------------------------------------------------- the losses


def test_a_masked_loss_is_the_loss_of_the_observed_subset() -> None:
    net, y = new_net(), labels()
    outputs = net(X)
    found = task_losses(outputs, y, TASKS)
    ill, kind = ~y["ill"].isnan(), y["kind"] >= 0
    hours, age = ~y["hours"].isnan(), ~y["age"].isnan()
    for seen in (ill, kind, hours, age):
        assert 0 < seen.sum() < seen.numel()
    right = {
        "ill": binary_cross_entropy_with_logits(outputs["ill"][ill], y["ill"][ill]),
        "kind": cross_entropy(outputs["kind"][kind], y["kind"][kind]),
        "hours": mse_loss(outputs["hours"][hours], y["hours"][hours]),
        "age": mse_loss(outputs["age"][age], y["age"][age]),
    }
    weights = list(net.parameters())
    for name, value in right.items():
        assert found[name].item() == pytest.approx(value.item(), rel=1e-12)
        ours = torch.autograd.grad(found[name], weights, retain_graph=True,
                                   allow_unused=True)  # fmt: skip
        theirs = torch.autograd.grad(value, weights, retain_graph=True,
                                     allow_unused=True)  # fmt: skip
        for a, b in zip(ours, theirs, strict=True):
            assert (a is None) == (b is None)
            assert a is None or torch.allclose(a, b, rtol=1e-10, atol=1e-14)


def test_a_task_without_labels_costs_nothing_and_moves_nothing() -> None:
    net, y = new_net(), labels()
    y["age"][:] = torch.nan
    losses = task_losses(net(X), y, TASKS)
    assert losses["age"].item() == 0
    row = shared_gradients(losses, net.shared_weights())[list(TASKS).index("age")]
    assert not row.any() and torch.isfinite(row).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda y: y.pop("age"), "'age' lacks labels"),
        (lambda y: y.update(age=y["hours"]), "labels of 'age' must have the shape"),
        (lambda y: y.update(kind=y["hours"]), "labels of 'kind' must have the shape"),
    ],
)
def test_labels_that_do_not_fit_are_refused(change: Any, words: str) -> None:
    y = labels()
    change(y)
    with pytest.raises(ValueError, match=words):
        task_losses(new_net()(X), y, TASKS)


def test_weights_that_cannot_be_are_refused() -> None:
    losses = task_losses(new_net()(X), labels(), TASKS)
    for weights, words in (
        ({"sex": 1.0}, "name no task"), ({"age": -1.0}, "from 0 on"),
        ({"age": float("nan")}, "from 0 on"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=words):
            multi_task_loss(losses, weights)


@given(st.lists(st.floats(0, 10), min_size=4, max_size=4))
@settings(max_examples=20, deadline=None)
def test_the_encoder_gets_the_weighed_sum_of_gradients(given_weights: Any) -> None:
    net = new_net()
    losses = task_losses(net(X), labels(), TASKS)
    weights = dict(zip(TASKS, given_weights, strict=True))
    rows = shared_gradients(losses, net.shared_weights())
    total = multi_task_loss(losses, weights)
    whole = torch.autograd.grad(total, net.shared_weights())
    flat = torch.cat([g.reshape(-1) for g in whole])
    summed = torch.as_tensor(given_weights, dtype=rows.dtype) @ rows
    assert torch.allclose(flat, summed, rtol=1e-9, atol=1e-12)


def test_cosines_of_gradients() -> None:
    rows = torch.tensor([[1.0, 0.0], [0.0, 3.0], [-2.0, 0.0], [1.0, 1.0]])
    found = gradient_cosines(rows)
    half = 2**-0.5
    right = [
        [1, 0, -1, half],
        [0, 1, 0, half],
        [-1, 0, 1, -half],
        [half, half, -half, 1],
    ]
    assert np.allclose(found.numpy(), right, atol=1e-6)
    assert gradient_cosines(torch.tensor([[0.0, 0.0], [1.0, 0.0]]))[0, 1].isnan()


# ---------------------------------------------------------------- learned weights


def test_uncertainty_weights_are_the_formula() -> None:
    unsure = UncertaintyWeights({n: TASKS[n] for n in ("ill", "age")})
    with torch.no_grad():
        unsure.s.copy_(torch.tensor([0.3, -1.2]))
    losses = {"ill": torch.tensor(0.6), "age": torch.tensor(4.0)}
    by_hand = np.exp(-0.3) * 0.6 + 0.15 + 0.5 * np.exp(1.2) * 4.0 - 0.6
    assert unsure(losses).item() == pytest.approx(by_hand, rel=1e-6)
    assert unsure.weights() == pytest.approx(
        {"ill": np.exp(-0.3), "age": 0.5 * np.exp(1.2)}, rel=1e-6
    )


def test_uncertainty_of_a_regression_is_the_gaussian_likelihood() -> None:
    """With a mean squared error L the cost is that of N(0, exp(s)), less a constant."""
    errors = torch.as_tensor(RNG.normal(size=200)) * 3
    unsure = UncertaintyWeights({"age": TASKS["age"]}).double()
    with torch.no_grad():
        unsure.s.fill_(0.7)
    cost = unsure({"age": (errors**2).mean()})
    density = torch.distributions.Normal(0.0, np.exp(0.35)).log_prob(errors)
    assert cost.item() == pytest.approx(
        -density.mean().item() - 0.5 * np.log(2 * np.pi), rel=1e-6
    )


@pytest.mark.parametrize("size", [0.01, 1.0, 576.0])
def test_at_rest_the_uncertainty_is_the_loss(size: float) -> None:
    tasks = {n: TASKS[n] for n in ("ill", "age")}
    unsure = UncertaintyWeights(tasks).double()
    losses = {n: torch.tensor(size, dtype=torch.float64) for n in tasks}
    optimiser = torch.optim.LBFGS(unsure.parameters(), max_iter=200,
                                  line_search_fn="strong_wolfe", tolerance_grad=1e-12,
                                  tolerance_change=1e-14)  # fmt: skip

    def closure() -> Any:
        optimiser.zero_grad()
        value = unsure(losses)
        value.backward()
        return value

    optimiser.step(closure)
    s = unsure.s.detach().numpy()
    assert s == pytest.approx([np.log(2 * size), np.log(size)], abs=1e-4)
    # the cost of a regression at rest moves by a constant if its unit changes
    assert unsure.weights()["age"] * size == pytest.approx(0.5, rel=1e-4)


class Linear(nn.Module):
    """Two linear tasks behind one shared row of weights, for closed forms."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor([0.5, -1.0], dtype=torch.float64))
        self.targets = torch.tensor([[1.0, 0.2], [-0.3, 4.0]], dtype=torch.float64)

    def losses(self) -> dict[str, torch.Tensor]:
        return {
            n: ((t - self.a) ** 2).sum()
            for n, t in zip("pq", self.targets, strict=True)
        }


def test_grad_norm_slope_is_the_difference_quotient_with_fixed_targets() -> None:
    net = Linear()
    balance = GradNorm(["p", "q"], alpha=1.5)
    balance.first = torch.tensor([3.0, 20.0])
    with torch.no_grad():
        balance.values.copy_(torch.tensor([1.4, 0.6]))
    losses = net.losses()
    rows = shared_gradients(losses, [net.a])
    by_hand = -2 * (net.targets - net.a)  # (task, weight)
    assert torch.allclose(rows, by_hand)
    norms = rows.norm(dim=1).float()
    values = torch.stack([losses[n].detach().float() for n in "pq"])
    found = balance.slope(values, norms)
    weighed = balance.values.detach() * norms
    wanted = grad_norm_targets(weighed, values, balance.first, 1.5)

    def cost(w: torch.Tensor) -> float:
        return float((w * norms - wanted).abs().sum())

    for k in range(2):
        shift = torch.zeros(2)
        shift[k] = 1e-3
        now = balance.values.detach()
        quotient = (cost(now + shift) - cost(now - shift)) / 2e-3
        assert found[k].item() == pytest.approx(quotient, rel=1e-2)


def test_grad_norm_targets_by_hand() -> None:
    norms, losses = torch.tensor([2.0, 6.0]), torch.tensor([1.0, 1.0])
    first = torch.tensor([4.0, 2.0])
    # a quarter and a half of the loss are left: paces 2/3 and 4/3 of their mean
    found = grad_norm_targets(norms, losses, first, 1.0)
    assert found.tolist() == pytest.approx([4 * 2 / 3, 4 * 4 / 3])
    assert grad_norm_targets(norms, losses, first, 0.0).tolist() == [4.0, 4.0]


def test_grad_norm_equalises_the_lengths_of_gradients() -> None:
    net = Linear()
    balance = GradNorm(["p", "q"], alpha=0.0, learning_rate=0.01)
    losses = net.losses()
    rows = shared_gradients(losses, [net.a])
    for _ in range(500):  # the net stays
        balance.step(losses, rows)
    weights = balance.weights()
    lengths = [weights[n] * float(g.norm()) for n, g in zip("pq", rows, strict=True)]
    assert sum(weights.values()) == pytest.approx(2, rel=1e-5)
    assert lengths[0] == pytest.approx(lengths[1], rel=0.1)


def test_grad_norm_needs_two_tasks_and_keeps_weights_above_zero() -> None:
    with pytest.raises(ValueError, match="two tasks or more"):
        GradNorm(["p"])
    balance = GradNorm(["p", "q"], learning_rate=5.0)
    balance.step({"p": torch.tensor(1.0), "q": torch.tensor(1.0)},
                 torch.tensor([[1e4], [1.0]]))  # fmt: skip
    assert min(balance.weights().values()) > 0


# ------------------------------------------------------------------------ training


def test_training_with_one_weight_of_zero_is_training_alone() -> None:
    y = {n: v.numpy() for n, v in labels().items()}
    both, alone = (new_net().float() for _ in range(2))
    alone.tasks = {"age": TASKS["age"]}
    weights = {n: float(n == "age") for n in TASKS}
    history = fit_tasks(both, X, y, n_epochs=5, weighting=weights)
    own = fit_tasks(alone, X, y, n_epochs=5)
    assert np.allclose(history["loss age"], own["loss age"], rtol=1e-5)
    for a, b in zip(both.shared_weights(), alone.shared_weights(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_a_loss_that_is_not_finite_is_named() -> None:
    y = {n: v.numpy() for n, v in labels().items()}
    y["age"] = np.full(9, np.inf)
    with pytest.raises(FloatingPointError, match="loss of 'age' is inf in epoch 1"):
        fit_tasks(new_net().float(), X, y, n_epochs=2)


@pytest.mark.parametrize("weighting", stacked_tasks.WEIGHTINGS)
def test_stacked_training_ends_where_each_net_does_alone(weighting: str) -> None:
    tasks = {"ill": Task("binary", per_step=True),
             "age": Task("regression", per_step=True)}  # fmt: skip
    rng = np.random.default_rng(3)
    x = rng.normal(size=(3, 10, 5, 4)).astype(np.float32)
    y = rng.normal(size=(3, 10, 5, 2)).astype(np.float32)
    y[..., 0] = y[..., 0] > 0
    y[rng.uniform(size=y.shape) < 0.2] = np.nan
    models, alone = [], []
    for k in range(3):
        torch.manual_seed(k)
        models.append(RecurrentClassifier(4, 6, "gru", 2))
        net = MultiTaskNet(4, 6, tasks)
        net.encoder.load_state_dict(models[k].recurrent.state_dict())
        with torch.no_grad():
            for j, name in enumerate(tasks):
                net.heads[name].weight.copy_(models[k].head.weight[j : j + 1])
                net.heads[name].bias.copy_(models[k].head.bias[j : j + 1])
        alone.append(net)
    stack = stacked_tasks.StackedTasks(
        models, x, y, ["binary", "regression"], learning_rate=0.02,
        weighting=weighting, weight_rate=0.03,
    )  # fmt: skip
    losses = np.stack([stack.step().numpy() for _ in range(8)])
    said = stack.answers(x, 5)
    for k, net in enumerate(alone):
        how: Any = None
        if weighting == "uncertainty":
            how = UncertaintyWeights(tasks)
        elif weighting == "gradient norm":
            how = GradNorm(list(tasks), 1.0, 0.03)
        targets = {name: y[k, :, :, j] for j, name in enumerate(tasks)}
        history = fit_tasks(net, x[k], targets, n_epochs=8, learning_rate=0.02,
                            weighting=how, weight_rate=0.03)  # fmt: skip
        for j, name in enumerate(tasks):
            assert np.allclose(losses[:, k, j], history[f"loss {name}"], rtol=1e-4)
        with torch.no_grad():
            found = net(torch.as_tensor(x[k]))
        both = torch.stack(list(found.values()), dim=-1).numpy()
        assert np.allclose(said[k], both, atol=1e-4)


def test_stacked_nets_refuse_what_does_not_fit() -> None:
    one = RecurrentClassifier(4, 6, "gru", 2)
    with pytest.raises(ValueError, match="weighting must be one of"):
        stacked_tasks.StackedTasks([one], np.zeros((3, 5, 4), np.float32),
                                   np.zeros((1, 3, 1, 2), np.float32),
                                   ["binary"] * 2, learning_rate=0.1,
                                   weighting="pcgrad")  # fmt: skip
    with pytest.raises(ValueError, match="answers and labels must be"):
        stacked_tasks.stacked_losses(torch.zeros(1, 3, 1, 2), torch.zeros(1, 3, 1, 1),
                                     ["binary"])  # fmt: skip
