"""Nets for series with gaps: many at once, one a set and seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from .gap_tasks import BATCH_SIZE, CLIP, N_UPDATES, SIZE, GapSet, inputs_of
from .gru_d import GRUDClassifier
from .models import RecurrentClassifier, count_parameters
from .splits import GeneKFold
from .stacked import Stack


def new_net(contestant: str, n_genes: int, n_classes: int, size: int) -> nn.Module:
    """Return an untrained net that takes what ``inputs_of`` gives."""
    if contestant == "GRU-D":
        return GRUDClassifier(n_genes, size, n_classes)
    n_inputs = n_genes * (1 + contestant.count(","))
    return RecurrentClassifier(n_inputs, size, "gru", n_classes)


def hidden_size_for(contestant: str, n_genes: int, n_classes: int) -> int:
    """Return the size whose net has about as many parameters as a plain GRU's."""

    def count(name: str, size: int) -> int:
        return count_parameters(new_net(name, n_genes, n_classes, size))

    with torch.random.fork_rng(devices=[]):  # the nets that are counted draw weights
        most = count("mean fill", SIZE)
        return min(range(2, 40), key=lambda size: abs(count(contestant, size) - most))


def held_out_logits(
    contestant: str,
    sets: Sequence[GapSet],
    seeds: Sequence[int],
    learning_rate: float,
    n_updates: int = N_UPDATES,
) -> list[NDArray[np.float32]]:
    """Train net k on ``sets[k]`` from ``seeds[k]``; return its logits on the test rows.

    Adam on batches drawn at random from the training rows, cross-entropy, the norm of
    each net's gradient clipped. A net does not depend on its neighbours.

    Returns
    -------
    list of ndarray
        ``(test, class)``, one a net.

    Raises
    ------
    FloatingPointError
        If a weight is no longer finite.
    """
    n_genes = sets[0].values.shape[2]
    n_classes = int(max(data.y.max() for data in sets)) + 1
    size = hidden_size_for(contestant, n_genes, n_classes)
    nets = []
    with torch.random.fork_rng(devices=[]):
        for seed in seeds:
            torch.manual_seed(seed)
            nets.append(new_net(contestant, n_genes, n_classes, size))
    weights, logits = _together(nets)
    seen = {id(data): torch.as_tensor(inputs_of(contestant, data)) for data in sets}
    x = [seen[id(data)] for data in sets]  # each (batch, time, input)
    y = [torch.as_tensor(data.y) for data in sets]
    order = [np.random.default_rng([seed, 3]) for seed in seeds]
    optimiser = torch.optim.Adam(weights, lr=learning_rate)
    for _ in range(n_updates):
        rows = [
            torch.as_tensor(stream.choice(data.train, BATCH_SIZE, replace=False))
            for stream, data in zip(order, sets, strict=True)
        ]
        x_batch = torch.stack([x[k][r] for k, r in enumerate(rows)])
        y_batch = torch.stack([y[k][r] for k, r in enumerate(rows)])  # (net, batch)
        found = logits(x_batch).log_softmax(-1)  # (net, batch, class)
        loss = -found.gather(-1, y_batch[..., None]).mean(dim=(1, 2))  # (net,)
        optimiser.zero_grad()
        loss.sum().backward()  # type: ignore[no-untyped-call]
        _clip(weights)
        optimiser.step()
    if not all(bool(torch.isfinite(w).all()) for w in weights):
        raise FloatingPointError(
            f"a weight of {contestant!r} is not finite at rate {learning_rate:g}"
        )
    return _on_test(logits, x, sets)


def inner_set(data: GapSet, clusters: NDArray[np.int64]) -> GapSet:
    """Return the training rows alone, a quarter of their clusters as test rows."""
    own = data.train
    split = GeneKFold(4, seed=1).split(data.y[own], data.y[own], clusters[own])
    train, validation = next(split)
    return replace(data, train=own[train], test=own[validation])


def _together(
    nets: list[nn.Module],
) -> tuple[list[Tensor], Callable[[Tensor], Tensor]]:
    """Return the stacked weights of nets of one shape, and their common forward pass.

    It takes ``(net, batch, time, input)`` and returns ``(net, batch, class)``.
    """
    if isinstance(nets[0], RecurrentClassifier):
        units: list[nn.Module] = [net.get_submodule("recurrent") for net in nets]
        heads = [net.get_submodule("head") for net in nets]
        stack = Stack("gru", units, [h for h in heads if isinstance(h, nn.Linear)])
        return stack.parameters(), lambda x: stack.answers(x, 1)[:, :, 0]
    weights, constants = stack_module_state(nets)  # type: ignore[arg-type]

    def one(own: dict[str, Tensor], fixed: dict[str, Tensor], x: Tensor) -> Tensor:
        answer: Tensor = functional_call(nets[0], (own, fixed), (x,))
        return answer

    def all_nets(x: Tensor) -> Tensor:
        answers: Tensor = vmap(one)(weights, constants, x)
        return answers

    return list(weights.values()), all_nets


def _clip(weights: list[Tensor]) -> None:
    """Shorten the gradient of each net to a norm of ``CLIP`` at most, in place."""
    slopes = [w.grad for w in weights if w.grad is not None]
    norm = sum(g.flatten(1).square().sum(1) for g in slopes) ** 0.5  # (net,)
    factor = (CLIP / (torch.as_tensor(norm) + 1e-12)).clamp(max=1.0)
    for g in slopes:
        g.mul_(factor.view(-1, *[1] * (g.ndim - 1)))


@torch.no_grad()
def _on_test(
    logits: Callable[[Tensor], Tensor], x: list[Tensor], sets: Sequence[GapSet]
) -> list[NDArray[np.float32]]:
    """Return each net's logits on its own test rows."""
    longest = max(len(data.test) for data in sets)
    rows = [np.resize(data.test, longest) for data in sets]  # padded by repeating
    batch = torch.stack([x[k][torch.as_tensor(r)] for k, r in enumerate(rows)])
    found = logits(batch).numpy()
    return [found[k, : len(data.test)] for k, data in enumerate(sets)]
