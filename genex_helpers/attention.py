"""Attention: weights over steps, genes or modules.

A mask is ``True`` where a step was observed; elsewhere a weight is exactly 0.

Additive attention is that of Bahdanau, Cho and Bengio 2014 (arXiv:1409.0473), scaled
dot products that of Vaswani et al. 2017 (arXiv:1706.03762).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


def attention_weights(scores: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return the softmax of ``scores`` over the last axis, 0 where nothing was seen.

    Parameters
    ----------
    scores
        ``(..., place)``.
    mask
        Boolean, of the shape of ``scores`` or one that broadcasts to it.

    Returns
    -------
    torch.Tensor
        ``(..., place)``, not negative; the weights of a row add up to 1.

    Raises
    ------
    ValueError
        If the mask is not boolean, does not fit, or hides a whole row.
    """
    if mask is None:
        return scores.softmax(-1)
    if mask.dtype != torch.bool:
        raise ValueError(f"mask must be boolean, True where observed, got {mask.dtype}")
    try:
        seen = mask.expand_as(scores)
    except RuntimeError:
        raise ValueError(
            f"mask must broadcast to the scores, {tuple(scores.shape)}, got "
            f"{tuple(mask.shape)}"
        ) from None
    if not seen.any(-1).all():
        row = (~seen.any(-1)).nonzero()[0].tolist()
        raise ValueError(
            f"mask hides every place of row {row}: no weights can add to 1"
        )
    return scores.masked_fill(~seen, -torch.inf).softmax(-1)


def scaled_dot_product(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return what each query reads, and with which weights.

    The score of a query for a key is their product over the root of their length
    (Vaswani et al. 2017).

    Parameters
    ----------
    query
        ``(..., query, size)``.
    key, value
        ``(..., place, size)`` and ``(..., place, any)``.
    mask
        ``(..., query, place)`` or one that broadcasts, ``True`` where observed.

    Returns
    -------
    read, weights
        ``(..., query, any)`` and ``(..., query, place)``.

    Raises
    ------
    ValueError
        If the shapes do not fit, or the mask hides all places of a query.
    """
    if query.shape[-1] != key.shape[-1]:
        raise ValueError(
            f"query and key must have one size, got {query.shape[-1]} and "
            f"{key.shape[-1]}"
        )
    if key.shape[-2] != value.shape[-2]:
        raise ValueError(
            f"key and value must have as many places, got {key.shape[-2]} and "
            f"{value.shape[-2]}"
        )
    scores = query @ key.mT / math.sqrt(query.shape[-1])  # (..., query, place)
    weights = attention_weights(scores, mask)
    return weights @ value, weights


class AdditiveAttention(nn.Module):
    """Score each state by a small net, and return the weighted mean of the states.

    The score is ``v · tanh(W h + U q + b)`` (Bahdanau et al. 2014, with its ``a``
    written as ``v``); without a query the middle term falls away.

    Parameters
    ----------
    state_size
        Size of a state.
    size
        Units of the small net.
    query_size
        Size of the query; 0 if there is none.
    """

    def __init__(self, state_size: int, size: int, query_size: int = 0) -> None:
        super().__init__()
        self.from_state = nn.Linear(state_size, size)
        self.from_query = (
            nn.Linear(query_size, size, bias=False) if query_size else None
        )
        self.score = nn.Linear(size, 1, bias=False)

    def forward(
        self, states: Tensor, mask: Tensor | None = None, query: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return ``(batch, state)`` and the weights, ``(batch, time)``.

        ``states`` is ``(batch, time, state)``, ``mask`` ``(batch, time)``, ``query``
        ``(batch, query)``.

        Raises
        ------
        ValueError
            If a query is missing or was not asked for, or the mask hides a series.
        """
        if (query is None) != (self.from_query is None):
            asked = "needs a query" if self.from_query else "has no place for a query"
            raise ValueError(f"this attention {asked}: see query_size")
        total = self.from_state(states)  # (batch, time, size)
        if self.from_query is not None:
            total = total + self.from_query(query)[:, None]
        scores = self.score(torch.tanh(total))[:, :, 0]  # (batch, time)
        weights = attention_weights(scores, mask)
        return (weights[:, :, None] * states).sum(1), weights


class GeneAttention(nn.Module):
    """Weigh the genes of a series, one weight a gene for all its steps.

    A gene's score is that of additive attention with a vector of the gene's own in
    place of the bias, and its mean and standard deviation over the observed steps as
    the state.

    Parameters
    ----------
    n_genes
        Genes, in an order that stays.
    size
        Units of the small net.
    """

    def __init__(self, n_genes: int, size: int = 4) -> None:
        super().__init__()
        self.gene = nn.Parameter(torch.randn(n_genes, size) / math.sqrt(size))
        self.from_course = nn.Linear(2, size, bias=False)
        self.score = nn.Linear(size, 1, bias=False)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the weighted series, as ``x``, and the weights, ``(batch, gene)``.

        ``x`` is ``(batch, time, gene)``, ``mask`` ``(batch, time)``. Weights are
        multiplied by the number of genes before they are applied, so that equal weights
        leave the series as it is.
        """
        if x.shape[2] != len(self.gene):
            raise ValueError(f"x must have {len(self.gene)} genes, got {x.shape[2]}")
        seen = torch.ones_like(x[:, :, :1]) if mask is None else mask[:, :, None]
        seen = seen.to(x.dtype)
        count = seen.sum(1)  # (batch, 1)
        mean = (seen * x).sum(1) / count  # (batch, gene)
        spread = ((seen * (x - mean[:, None]) ** 2).sum(1) / count + 1e-6).sqrt()
        course = torch.stack([mean, spread], dim=2)  # (batch, gene, 2)
        scores = self.score(torch.tanh(self.from_course(course) + self.gene))[:, :, 0]
        weights = attention_weights(scores)
        return x * (weights * x.shape[2])[:, None], weights


class ModuleAttention(nn.Module):
    """Average the genes of each module, and weigh the modules as genes are weighed.

    Parameters
    ----------
    modules
        ``(gene,)`` the number of each gene's module, from 0 without gaps: clusters that
        were found beforehand, on training series.
    size
        Units of the small net.

    Raises
    ------
    ValueError
        If the modules are not numbered from 0 without gaps.
    """

    average: Tensor

    def __init__(self, modules: Sequence[int], size: int = 4) -> None:
        super().__init__()
        numbers = torch.as_tensor(modules)
        found = sorted(set(numbers.flatten().tolist()))
        n_modules = len(found)
        if numbers.ndim != 1 or found != list(range(n_modules)):
            raise ValueError(
                f"modules must be one number a gene, from 0 without gaps, got the "
                f"numbers {found} in shape {tuple(numbers.shape)}"
            )
        member = nn.functional.one_hot(numbers, n_modules).float()  # (gene, module)
        self.register_buffer("average", member / member.sum(0))
        self.weigh = GeneAttention(n_modules, size)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return ``(batch, time, module)`` and the weights, ``(batch, module)``."""
        if x.shape[2] != len(self.average):
            raise ValueError(f"x must have {len(self.average)} genes, got {x.shape[2]}")
        found: tuple[Tensor, Tensor] = self.weigh(x @ self.average, mask)
        return found
