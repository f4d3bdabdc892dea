"""Recurrent nets with layers, directions and a choice of what the head reads.

:class:`genex_helpers.models.RecurrentClassifier` is the plain one of these: one layer,
forward in time, the last state.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from .masking import padding_mask
from .models import CELLS

POOLINGS = ("last", "mean", "max")


class RecurrentNet(nn.Module):
    """Recurrent layers, whose pooled states feed one linear layer.

    Parameters
    ----------
    n_inputs
        Inputs a time step (genes or components).
    hidden_size
        Size of the state, of each layer and direction.
    n_outputs
        Outputs a series.
    cell
        ``"rnn"``, ``"lstm"`` or ``"gru"``.
    n_layers
        Recurrent layers; each reads the states of the one below.
    bidirectional
        Read the series backwards as well, with weights of its own.
    pooling
        What the linear layer reads: ``"last"``, the state of each direction after the
        whole series (the backward one ends at the first step); ``"mean"`` or ``"max"``
        of the states over time.
    dropout
        Share of the states that PyTorch sets to 0 between layers while training.

    Raises
    ------
    ValueError
        If a choice is unknown, or dropout is asked for where it would do nothing.
    """

    def __init__(
        self,
        n_inputs: int,
        hidden_size: int,
        n_outputs: int = 1,
        *,
        cell: str = "gru",
        n_layers: int = 1,
        bidirectional: bool = False,
        pooling: str = "last",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if cell not in CELLS:
            raise ValueError(f"cell must be one of {sorted(CELLS)}, got {cell!r}")
        if pooling not in POOLINGS:
            raise ValueError(f"pooling must be one of {POOLINGS}, got {pooling!r}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must lie from 0 to below 1, got {dropout!r}")
        if dropout and n_layers == 1:
            raise ValueError(
                f"dropout={dropout} acts between layers, and n_layers is 1: it would "
                "do nothing"
            )
        self.recurrent = CELLS[cell](
            n_inputs,
            hidden_size,
            num_layers=n_layers,
            batch_first=True,
            dropout=dropout,
            bidirectional=bidirectional,
        )
        self.pooling = pooling
        self.n_directions = 2 if bidirectional else 1
        self.head = nn.Linear(self.n_directions * hidden_size, n_outputs)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return ``(batch, n_outputs)`` of ``x``, ``(batch, time, gene)``.

        ``lengths``, ``(batch,)``, are the steps of each series; what is padded behind
        them is not read.
        """
        logits: Tensor = self.head(self.pooled(x, lengths))
        return logits

    def pooled(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return what the head reads, ``(batch, directions * hidden)``."""
        n_steps = x.shape[1]
        if lengths is None:
            states, last = self.recurrent(x)  # (batch, time, directions * hidden)
        else:
            packed = pack_padded_sequence(
                x, lengths.cpu(), batch_first=True, enforce_sorted=False
            )
            states, last = self.recurrent(packed)
            states, _ = pad_packed_sequence(
                states, batch_first=True, total_length=n_steps
            )
        if self.pooling == "last":
            # (layers * directions, batch, hidden), even with batch_first
            h_n = last[0] if isinstance(last, tuple) else last
            return torch.cat(list(h_n[-self.n_directions :]), dim=1)
        if lengths is None:
            lengths = torch.full((len(x),), n_steps, device=x.device)
        seen = padding_mask(lengths, n_steps)[:, :, None]  # (batch, time, 1)
        if self.pooling == "mean":
            return torch.where(seen, states, 0.0).sum(1) / seen.sum(1)
        return torch.where(seen, states, -torch.inf).amax(1)
