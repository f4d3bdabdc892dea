"""Dropout for recurrent nets, with one mask a series instead of one a step.

``nn.LSTM(dropout=)`` drops between layers only, and anew at every step. Variational
dropout (Gal and Ghahramani 2016, arXiv:1512.05287) draws a mask for each series once
and uses it at every step, for the inputs and for the state that the weights read.

What is dropped is what the weight matrices *read*: the carried state, ``z * h`` of a
GRU and ``f * c`` of an LSTM, stays whole, and all gates share one mask (the tied form).
The recurrent dropout of Semeniuta et al. 2016 (arXiv:1603.05118) is another: it drops
entries of the *candidate*, what is to be written into the memory, so the gates read the
whole state and the memory is never erased; a mask of its own at each step is then safe.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

GATES = {"gru": 3, "lstm": 4}
LAYERS = {"gru": nn.GRU, "lstm": nn.LSTM}


class DropoutNet(nn.Module):
    """One recurrent layer with variational dropout, whose last state feeds a head.

    Its weights have the names and shapes of
    :class:`genex_helpers.models.RecurrentClassifier`, and with nothing dropped (rates
    of 0, or ``eval()``) the two give the same outputs, to rounding. The step is written
    out, so on long series it is slower than ``nn.GRU``.

    Parameters
    ----------
    n_inputs
        Inputs a time step.
    hidden_size
        Size of the state.
    n_outputs
        Outputs a series.
    cell
        ``"gru"`` or ``"lstm"``.
    dropout
        Share of the inputs, and of the last state before the head, that are set to 0
        while training; the rest is divided by ``1 - dropout``, which keeps the mean.
    recurrent_dropout
        The same for the state that the recurrent weights read.

    Raises
    ------
    ValueError
        If the cell is unknown, or a rate does not lie from 0 to below 1.
    """

    def __init__(
        self,
        n_inputs: int,
        hidden_size: int,
        n_outputs: int = 1,
        *,
        cell: str = "gru",
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if cell not in LAYERS:
            raise ValueError(f"cell must be one of {sorted(LAYERS)}, got {cell!r}")
        self.cell = cell
        self.dropout = check_rate(dropout, "dropout")
        self.recurrent_dropout = check_rate(recurrent_dropout, "recurrent_dropout")
        self.recurrent = LAYERS[cell](n_inputs, hidden_size, batch_first=True)
        self.head = nn.Linear(hidden_size, n_outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(batch, n_outputs)`` of ``x``, ``(batch, time, gene)``.

        While training, each call draws new masks from PyTorch's generator.
        """
        last = self.states(x)[:, -1]  # (batch, hidden)
        if self.training and self.dropout:
            last = last * draw_mask(last, self.dropout)
        logits: Tensor = self.head(last)
        return logits

    def states(self, x: Tensor) -> Tensor:
        """Return the state after every step, ``(batch, time, hidden)``."""
        h = x.new_zeros(len(x), self.recurrent.hidden_size)  # (batch, hidden)
        memory = h  # the cell state of an LSTM
        read = torch.ones_like(h)
        if self.training and self.dropout:
            x = x * draw_mask(x[:, 0], self.dropout)[:, None]  # one mask, all steps
        if self.training and self.recurrent_dropout:
            read = draw_mask(h, self.recurrent_dropout)  # (batch, hidden)
        layer = self.recurrent
        from_x = nn.functional.linear(x, layer.weight_ih_l0, layer.bias_ih_l0)
        states = []
        for t in range(x.shape[1]):
            from_h = nn.functional.linear(
                h * read, layer.weight_hh_l0, layer.bias_hh_l0
            )  # (batch, gate * hidden)
            if self.cell == "gru":
                h = gru_step(from_x[:, t], from_h, h)
            else:
                h, memory = lstm_step(from_x[:, t] + from_h, memory)
            states.append(h)
        return torch.stack(states, dim=1)


def gru_step(from_x: Tensor, from_h: Tensor, h: Tensor) -> Tensor:
    """Return the next state of a GRU, as PyTorch defines it.

    ``from_x`` and ``from_h``, ``(..., 3 * hidden)``, are what the weights make of the
    input and of the state; ``h``, ``(..., hidden)``, is the state that is carried on.
    """
    r_x, z_x, n_x = from_x.chunk(3, dim=-1)
    r_h, z_h, n_h = from_h.chunk(3, dim=-1)
    r, z = torch.sigmoid(r_x + r_h), torch.sigmoid(z_x + z_h)
    candidate = torch.tanh(n_x + r * n_h)
    return (1 - z) * candidate + z * h


def lstm_step(sums: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
    """Return state and memory of an LSTM; ``sums`` are ``(..., 4 * hidden)``."""
    i, f, g, o = sums.chunk(4, dim=-1)
    memory = torch.sigmoid(f) * memory + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(memory), memory


def draw_mask(like: Tensor, rate: float) -> Tensor:
    """Return a mask of zeros and ``1 / (1 - rate)``, of the shape of ``like``.

    Its mean is 1, so that what it multiplies keeps its mean.
    """
    keep = 1 - check_rate(rate, "rate")
    return torch.bernoulli(torch.full_like(like, keep)) / keep


def check_rate(rate: float, name: str) -> float:
    """Return ``rate`` if it lies from 0 to below 1."""
    if not 0 <= rate < 1:
        raise ValueError(f"{name} must lie from 0 to below 1, got {rate!r}")
    return float(rate)


def drops(module: nn.Module) -> bool:
    """Say whether this module, apart from those inside it, drops while training."""
    if isinstance(module, DropoutNet):
        return module.dropout > 0 or module.recurrent_dropout > 0
    if isinstance(module, nn.RNNBase):
        return module.dropout > 0 and module.num_layers > 1
    return isinstance(module, nn.modules.dropout._DropoutNd) and module.p > 0


@contextmanager
def keep_dropping(model: nn.Module) -> Iterator[nn.Module]:
    """Put only what drops into training mode, for Monte Carlo dropout.

    Inside the ``with`` block everything else (batch normalisation, say) is in
    ``eval()`` mode, and each call of ``model(x)`` draws new masks. Afterwards every
    module is in the mode it was in. It sees ``nn.Dropout`` and its kin, ``nn.RNN``,
    ``nn.GRU`` and ``nn.LSTM`` with ``dropout=``, and :class:`DropoutNet`; not a module
    that calls ``torch.nn.functional.dropout`` itself.

    Raises
    ------
    ValueError
        If nothing in the model drops: all draws would be one and the same.
    """
    modules = list(model.modules())
    if not any(drops(module) for module in modules):
        raise ValueError(
            "nothing in this model drops, so all draws would be the same: rates are 0, "
            "or dropout= of a recurrent layer with num_layers=1, which does nothing"
        )
    before = [module.training for module in modules]
    try:
        for module in modules:
            module.training = drops(module)
        yield model
    finally:
        for module, mode in zip(modules, before, strict=True):
            module.training = mode
