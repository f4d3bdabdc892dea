"""Nets that pool the states of a recurrent layer, with or without attention.

A mask is ``True`` where a step was observed. What is not observed gets a weight of
exactly 0, whatever stands in its place, and the recurrent layer does not read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from .attention import AdditiveAttention, GeneAttention, ModuleAttention

POOLINGS = ("last", "mean", "attention", "self-attention")
ENCODERS = ("gru", "steps")


class Explained(NamedTuple):
    """What a net says, and with which weights.

    ``output`` is ``(batch, output)``; ``time`` is ``(batch, time)``, ``gene``
    ``(batch, gene)`` or ``(batch, module)``, each ``None`` where the net has no such
    weights; ``states`` is ``(batch, time, hidden)``.
    """

    output: Tensor
    states: Tensor
    time: Tensor | None
    gene: Tensor | None

    def map(self) -> Tensor:
        """Return the product of both weights, ``(batch, time, gene)``, which adds to 1.

        Raises
        ------
        ValueError
            If the net lacks one of them.
        """
        if self.time is None or self.gene is None:
            raise ValueError("a map needs weights over time and over genes")
        return self.time[:, :, None] * self.gene[:, None]


class AttentionClassifier(nn.Module):
    """A recurrent layer whose states are pooled, with or without attention.

    Parameters
    ----------
    n_inputs
        Genes or components a step.
    hidden_size
        Size of a state.
    n_outputs
        Outputs a series.
    pooling
        What the last linear layer reads: ``"last"``, the state after the last observed
        step; ``"mean"`` of the observed states, which is attention with equal weights;
        ``"attention"``, additive, over the observed states; ``"self-attention"``, in
        which the states first read one another, and are then averaged.
    genes
        Weigh the genes first (:class:`GeneAttention`).
    modules
        ``(gene,)`` the number of each gene's module: weigh modules instead of genes.
    encoder
        ``"gru"``; or ``"steps"``, a linear layer and a tanh at each step by itself, so
        that a state knows no other step.
    size
        Units of the small nets that score.
    n_heads
        Heads of the self-attention.

    Raises
    ------
    ValueError
        If a choice is unknown, or both genes and modules are to be weighed.
    """

    def __init__(
        self,
        n_inputs: int,
        hidden_size: int,
        n_outputs: int = 1,
        *,
        pooling: str = "attention",
        genes: bool = False,
        modules: Sequence[int] | None = None,
        encoder: str = "gru",
        size: int = 8,
        n_heads: int = 2,
    ) -> None:
        super().__init__()
        if pooling not in POOLINGS:
            raise ValueError(f"pooling must be one of {POOLINGS}, got {pooling!r}")
        if encoder not in ENCODERS:
            raise ValueError(f"encoder must be one of {ENCODERS}, got {encoder!r}")
        if genes and modules is not None:
            raise ValueError("genes and modules cannot both be weighed: choose one")
        self.pooling = pooling
        self.weigh: nn.Module | None = None
        if genes:
            self.weigh = GeneAttention(n_inputs)
        elif modules is not None:
            self.weigh = ModuleAttention(modules)
            n_inputs = self.weigh.average.shape[1]
        self.encoder: nn.Module
        if encoder == "gru":
            self.encoder = nn.GRU(n_inputs, hidden_size, batch_first=True)
        else:
            self.encoder = nn.Sequential(nn.Linear(n_inputs, hidden_size), nn.Tanh())
        self.attention: nn.Module | None = None
        if pooling == "attention":
            self.attention = AdditiveAttention(hidden_size, size)
        elif pooling == "self-attention":
            self.attention = nn.MultiheadAttention(
                hidden_size, n_heads, batch_first=True
            )
        self.head = nn.Linear(hidden_size, n_outputs)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return ``(batch, n_outputs)`` of ``x``, ``(batch, time, gene)``.

        ``mask``, ``(batch, time)``, is ``True`` where a sample was observed; what
        stands elsewhere, NaN included, is not read.
        """
        return self.explain(x, mask).output

    def explain(self, x: Tensor, mask: Tensor | None = None) -> Explained:
        """Return the output together with states and weights.

        Raises
        ------
        ValueError
            If the mask does not fit, or hides a whole series.
        """
        gene: Tensor | None = None
        if mask is not None:
            _check_mask(x, mask)
            x = torch.where(mask[:, :, None], x, 0.0)
        if self.weigh is not None:
            x, gene = self.weigh(x, mask)
        states = self._states(x, mask)  # (batch, time, hidden)
        time: Tensor | None = None
        if self.pooling == "attention":
            assert self.attention is not None
            pooled, time = self.attention(states, mask)
        elif self.pooling == "last":
            pooled = states[torch.arange(len(x)), _last_seen(x, mask)]
        else:
            if self.pooling == "self-attention":
                assert self.attention is not None
                hidden = None if mask is None else ~mask
                read, _ = self.attention(
                    states, states, states, key_padding_mask=hidden, need_weights=False
                )
                states = states + read
            pooled = _mean_over_seen(states, mask)
        return Explained(self.head(pooled), states, time, gene)

    def _states(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Return ``(batch, time, hidden)``; 0 at steps that were not observed."""
        if not isinstance(self.encoder, nn.GRU):
            return self.encoder(x)  # type: ignore[no-any-return]
        if mask is None:
            found: Tensor = self.encoder(x)[0]
            return found
        # the observed steps to the front, in their order, and back afterwards
        order = (~mask).to(torch.int8).argsort(dim=1, stable=True)
        front = x.gather(1, order[:, :, None].expand_as(x))
        packed = pack_padded_sequence(
            front, mask.sum(1).cpu(), batch_first=True, enforce_sorted=False
        )
        states, _ = pad_packed_sequence(
            self.encoder(packed)[0], batch_first=True, total_length=x.shape[1]
        )
        back = order.argsort(dim=1)[:, :, None]
        return states.gather(1, back.expand(-1, -1, states.shape[2]))


class GuidedClassifier(nn.Module):
    """A linear layer and a tanh at each step, averaged with weights that are given.

    The diagnostic of Wiegreffe and Pinter 2019 (doi:10.18653/v1/D19-1002): weights that
    another net has learned help this one, which knows no context, only if they say
    something about the steps themselves.

    Parameters
    ----------
    n_inputs, hidden_size
        Genes a step, and units.
    """

    def __init__(self, n_inputs: int, hidden_size: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(n_inputs, hidden_size), nn.Tanh())
        self.head = nn.Linear(hidden_size, 1)

    def forward(self, x: Tensor, weights: Tensor) -> Tensor:
        """Return ``(batch, 1)``; ``x`` is ``(batch, time, gene)``, with its weights.

        Raises
        ------
        ValueError
            If there is not one weight, ``(batch, time)``, for each step.
        """
        if weights.shape != x.shape[:2]:
            raise ValueError(
                f"weights must be (batch, time) = {tuple(x.shape[:2])}, got "
                f"{tuple(weights.shape)}"
            )
        logit: Tensor = self.head((weights[:, :, None] * self.encoder(x)).sum(1))
        return logit


def _check_mask(x: Tensor, mask: Tensor) -> None:
    if mask.dtype != torch.bool or mask.shape != x.shape[:2]:
        raise ValueError(
            f"mask must be boolean, (batch, time) = {tuple(x.shape[:2])}, got "
            f"{mask.dtype}, {tuple(mask.shape)}"
        )
    if not mask.any(1).all():
        series = int((~mask.any(1)).nonzero()[0])
        raise ValueError(f"mask hides every step of series {series}")


def _last_seen(x: Tensor, mask: Tensor | None) -> Tensor:
    """Return the place of each series' last observed step, ``(batch,)``."""
    steps = torch.arange(x.shape[1], device=x.device).expand(x.shape[:2])
    if mask is None:
        return steps[:, -1]
    return torch.where(mask, steps, -1).amax(1)


def _mean_over_seen(states: Tensor, mask: Tensor | None) -> Tensor:
    """Return the mean of the observed states, ``(batch, hidden)``."""
    if mask is None:
        return states.mean(1)
    seen = mask[:, :, None]
    return torch.where(seen, states, 0.0).sum(1) / seen.sum(1)
