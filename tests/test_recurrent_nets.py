"""Layers, directions, pooling and padding of recurrent nets."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genex_helpers.models import RecurrentClassifier
from genex_helpers.recurrent_nets import POOLINGS, RecurrentNet
from genex_helpers.training import fit

X = torch.randn(4, 6, 3, generator=torch.Generator().manual_seed(0)).double()


def net(**how: Any) -> RecurrentNet:
    torch.manual_seed(0)
    return RecurrentNet(3, 5, 2, **how).double().eval()


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_the_plain_net_is_the_recurrent_classifier(cell: str) -> None:
    torch.manual_seed(0)
    plain = RecurrentClassifier(3, 5, cell, 2).double()
    torch.testing.assert_close(net(cell=cell)(X), plain(X), rtol=0, atol=0)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_backward_direction_reads_the_reversed_series(
    cell: str, pooling: str
) -> None:
    """Swapping the two directions' weights and turning time round changes nothing."""
    one = net(cell=cell, pooling=pooling, bidirectional=True)
    other = net(cell=cell, pooling=pooling, bidirectional=True)
    own = dict(one.recurrent.named_parameters())
    with torch.no_grad():
        for name, weight in other.recurrent.named_parameters():
            swapped = name.removesuffix("_reverse")
            weight.copy_(own[swapped if swapped != name else f"{name}_reverse"])
    forward, backward = one.pooled(X).split(5, dim=1)
    there = other.pooled(X.flip(1))
    torch.testing.assert_close(there, torch.cat([backward, forward], dim=1))


@settings(max_examples=40, deadline=None)
@given(
    cell=st.sampled_from(["rnn", "lstm", "gru"]),
    pooling=st.sampled_from(POOLINGS),
    bidirectional=st.booleans(),
    n_layers=st.sampled_from([1, 2]),
    lengths=st.lists(st.integers(1, 6), min_size=4, max_size=4),
)
def test_padding_is_not_read(
    cell: str, pooling: str, bidirectional: bool, n_layers: int, lengths: list[int]
) -> None:
    model = net(cell=cell, pooling=pooling, bidirectional=bidirectional,
                n_layers=n_layers)  # fmt: skip
    padded = X.clone()
    for row, length in enumerate(lengths):
        padded[row, length:] = 1e3
    found = model(padded, torch.tensor(lengths))
    alone = [model(X[k : k + 1, :length]) for k, length in enumerate(lengths)]
    torch.testing.assert_close(found, torch.cat(alone))


def test_full_lengths_change_nothing() -> None:
    for pooling in POOLINGS:
        model = net(pooling=pooling, bidirectional=True)
        torch.testing.assert_close(model(X, torch.full((4,), 6)), model(X))


def test_it_trains_with_lengths() -> None:
    model = net(n_layers=2, dropout=0.2, bidirectional=True).float()
    lengths = torch.tensor([6, 2, 3, 5])
    history = fit(model, (X.float(), lengths), torch.zeros(4, 2),
                  loss=torch.nn.functional.mse_loss, n_epochs=20, batch_size=2,
                  learning_rate=0.01)  # fmt: skip
    assert history["train_loss"].iloc[-1] < history["train_loss"].iloc[0]


@pytest.mark.parametrize(
    "how, words",
    [
        ({"cell": "transformer"}, "cell must be one of"),
        ({"pooling": "first"}, "pooling must be one of"),
        ({"dropout": 0.5}, "acts between layers"),
        ({"dropout": 1.0, "n_layers": 2}, "dropout must lie"),
    ],
)
def test_what_cannot_be(how: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        net(**how)
