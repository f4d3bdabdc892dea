"""Networks, as plain ``torch.nn.Module``."""

from __future__ import annotations

import torch
from torch import Tensor, nn

CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


class RecurrentClassifier(nn.Module):
    """A recurrent layer whose last state feeds one linear layer.

    Parameters
    ----------
    n_inputs
        Inputs a time step (genes or components).
    hidden_size
        Size of the recurrent state.
    cell
        ``"rnn"``, ``"lstm"`` or ``"gru"``.
    n_outputs
        Outputs a series; 1 for a logit of two classes.
    """

    def __init__(
        self, n_inputs: int, hidden_size: int, cell: str = "gru", n_outputs: int = 1
    ) -> None:
        super().__init__()
        if cell not in CELLS:
            raise ValueError(f"cell must be one of {sorted(CELLS)}, got {cell!r}")
        self.recurrent = CELLS[cell](n_inputs, hidden_size, batch_first=True)
        self.head = nn.Linear(hidden_size, n_outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(batch, n_outputs)`` logits of ``x``, ``(batch, time, gene)``."""
        states, _ = self.recurrent(x)  # (batch, time, hidden)
        logits: Tensor = self.head(states[:, -1])
        return logits


def count_parameters(model: nn.Module) -> int:
    """Return how many numbers of ``model`` training changes."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def resolve_device(device: str) -> torch.device:
    """Return the device named; ``"auto"`` is a GPU if there is one, else the CPU.

    Raises
    ------
    ValueError
        If a GPU is asked for and PyTorch sees none.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(f"device={device!r}, but PyTorch sees no GPU; use 'cpu'")
    return torch.device(device)
