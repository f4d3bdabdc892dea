"""A GRU with layer normalisation inside, and a net that ends with it.

PyTorch's recurrent layers have no normalisation of their own. It follows Ba,
Kiros & Hinton 2016 (arXiv:1607.06450), with the update gate as PyTorch has it: z keeps.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class LayerNormGRU(nn.Module):
    """A GRU whose summed inputs are normalised over the hidden units, step by step.

    What comes from the input and what comes from the state have a normalisation each,
    one for both gates together and one for the candidate.

    Parameters
    ----------
    n_inputs
        Inputs a time step.
    hidden_size
        Size of the state.
    """

    def __init__(self, n_inputs: int, hidden_size: int) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.from_input = nn.Linear(n_inputs, 3 * hidden_size, bias=False)
        self.from_state = nn.Linear(hidden_size, 3 * hidden_size, bias=False)
        self.gates_input = nn.LayerNorm(2 * hidden_size)
        self.gates_state = nn.LayerNorm(2 * hidden_size)
        self.candidate_input = nn.LayerNorm(hidden_size)
        self.candidate_state = nn.LayerNorm(hidden_size)
        for layer in (self.from_input, self.from_state):  # as PyTorch's own GRU
            nn.init.uniform_(layer.weight, -(hidden_size**-0.5), hidden_size**-0.5)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return states ``(batch, time, hidden)`` and the last, ``(1, batch, hidden)``.

        ``x`` is ``(batch, time, gene)``.

        Raises
        ------
        ValueError
            If ``x`` has another shape.
        """
        if x.ndim != 3 or x.shape[2] != self.from_input.in_features:
            raise ValueError(
                f"x must be (batch, time, {self.from_input.in_features}), got "
                f"{tuple(x.shape)}"
            )
        h = x.new_zeros(len(x), self.hidden_size)  # (batch, hidden)
        size = [2 * self.hidden_size, self.hidden_size]
        gates_x, n_x = self.from_input(x).split(size, dim=2)  # (batch, time, …)
        gates_x, n_x = self.gates_input(gates_x), self.candidate_input(n_x)
        states = []
        for step in range(x.shape[1]):
            gates_h, n_h = self.from_state(h).split(size, dim=1)
            both = torch.sigmoid(gates_x[:, step] + self.gates_state(gates_h))
            r, z = both.chunk(2, dim=1)  # (batch, hidden) each
            n = torch.tanh(n_x[:, step] + r * self.candidate_state(n_h))
            h = (1 - z) * n + z * h
            states.append(h)
        return torch.stack(states, dim=1), h[None]


class NormalisedNet(nn.Module):
    """A GRU with layer normalisation, whose last state feeds one linear layer."""

    def __init__(self, n_inputs: int, hidden_size: int, n_outputs: int = 1) -> None:
        super().__init__()
        self.recurrent = LayerNormGRU(n_inputs, hidden_size)
        self.head = nn.Linear(hidden_size, n_outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(batch, n_outputs)`` of ``x``, ``(batch, time, gene)``."""
        logits: Tensor = self.head(self.recurrent(x)[1][0])
        return logits
