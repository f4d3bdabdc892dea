"""Fusion: nets that read several kinds of measurement of the same person.

All take ``inputs``, a dict of tensors by modality, and ``present``, ``(batch,
modality)``, which is True where a person has it. What an absent modality holds is never
read (it may be NaN).

- :class:`EarlyFusion` joins the raw numbers, then one net.
- :class:`SharedFusion`, :class:`GatedFusion` and :class:`CrossAttentionFusion` join
  latent vectors (intermediate fusion): by their mean, by a weighted mean whose weights
  depend on the person, or after each has attended to the others.
- :class:`LateFusion` joins the answers: the logits of one net a modality are added.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

Inputs = Mapping[str, Tensor]


class Fusion(nn.Module):
    """What all kinds of fusion share: checks, absent modalities, modality dropout.

    Parameters
    ----------
    names
        Modalities, in the order of ``present``'s columns.
    modality_dropout
        Chance that a modality is withheld from a person in a training step; at least
        one is left.
    """

    def __init__(self, names: list[str], modality_dropout: float = 0.0) -> None:
        super().__init__()
        if not names or len(set(names)) != len(names):
            raise ValueError(f"names must be one or more different ones, got {names}")
        if not 0 <= modality_dropout < 1:
            raise ValueError(
                f"modality_dropout must lie from 0 to below 1, got {modality_dropout!r}"
            )
        self.names = list(names)
        self.modality_dropout = modality_dropout

    def forward(self, inputs: Inputs, present: Tensor | None = None) -> Tensor:
        """Return ``(batch, n_outputs)`` logits.

        Parameters
        ----------
        inputs
            Modality to tensor, ``(batch, …)``; others than ``names`` are ignored.
        present
            ``(batch, modality)`` True where there is one; all, if ``None``.

        Raises
        ------
        ValueError
            If a modality is lacking, sizes differ, or a person has no modality.
        """
        seen = self._checked(inputs, present)
        if self.training and self.modality_dropout > 0:
            seen = drop_modalities(seen, self.modality_dropout)
        own = {}
        for i, name in enumerate(self.names):
            x = inputs[name]
            row = seen[:, i].reshape(-1, *[1] * (x.ndim - 1))
            own[name] = torch.where(row, x, torch.zeros_like(x))
        return self.fuse(own, seen)

    def fuse(self, inputs: dict[str, Tensor], seen: Tensor) -> Tensor:
        """Return the logits; absent modalities hold zeros, and ``seen`` tells them."""
        raise NotImplementedError

    def _checked(self, inputs: Inputs, present: Tensor | None) -> Tensor:
        if lacking := [name for name in self.names if name not in inputs]:
            raise ValueError(f"inputs lacks the modalities {lacking}")
        sizes = {name: len(inputs[name]) for name in self.names}
        if len(set(sizes.values())) != 1:
            raise ValueError(f"inputs must have as many rows each, got {sizes}")
        shape = (sizes[self.names[0]], len(self.names))
        if present is None:
            place = inputs[self.names[0]].device
            return torch.ones(shape, dtype=torch.bool, device=place)
        if tuple(present.shape) != shape:
            raise ValueError(
                f"present must have shape {shape} (batch, modality), got "
                f"{tuple(present.shape)}"
            )
        seen = present > 0 if present.dtype != torch.bool else present
        if not bool(seen.any(dim=1).all()):
            row = int((~seen.any(dim=1)).nonzero()[0, 0])
            raise ValueError(f"present: row {row} has no modality at all")
        return seen


def drop_modalities(present: Tensor, rate: float) -> Tensor:
    """Return ``present`` with each True dropped at ``rate``; one at least stays.

    A row that would lose everything keeps one of its own, drawn at random.
    """
    chance = torch.rand(present.shape, device=present.device)
    kept = present & (chance >= rate)
    last = torch.where(present, chance, -torch.inf).argmax(dim=1)  # drawn at random
    rescued = nn.functional.one_hot(last, present.shape[1]).bool()
    return torch.where(kept.any(dim=1, keepdim=True), kept, rescued)


class EarlyFusion(Fusion):
    """One net on all numbers in one row, with a flag a modality for "is present".

    Parameters
    ----------
    sizes
        Modality to how many numbers a person has of it.
    """

    def __init__(
        self,
        sizes: Mapping[str, int],
        *,
        hidden_size: int = 32,
        n_outputs: int = 1,
        modality_dropout: float = 0.0,
    ) -> None:
        super().__init__(list(sizes), modality_dropout)
        self.sizes = dict(sizes)
        self.net = _head(sum(sizes.values()) + len(sizes), hidden_size, n_outputs)

    def fuse(self, inputs: dict[str, Tensor], seen: Tensor) -> Tensor:
        """Return the logits of the joined row."""
        parts = [inputs[name].flatten(1) for name in self.names]
        for name, part in zip(self.names, parts, strict=True):
            if part.shape[1] != self.sizes[name]:
                raise ValueError(
                    f"{name} must have {self.sizes[name]} numbers a person, got "
                    f"{part.shape[1]}"
                )
        logits: Tensor = self.net(torch.cat([*parts, seen.to(parts[0].dtype)], dim=1))
        return logits


class _Latent(Fusion):
    """Intermediate fusion: an encoder a modality, and a head on what they become."""

    def __init__(
        self,
        encoders: Mapping[str, nn.Module],
        latent_size: int,
        *,
        hidden_size: int = 16,
        n_outputs: int = 1,
        modality_dropout: float = 0.0,
    ) -> None:
        super().__init__(list(encoders), modality_dropout)
        self.latent_size = latent_size
        self.encoders = nn.ModuleDict(encoders)
        self.head = _head(latent_size, hidden_size, n_outputs)
        self._add_joint()

    def _add_joint(self) -> None:
        """Add the weights that joining needs, if any."""

    def latents(self, inputs: dict[str, Tensor]) -> Tensor:
        """Return ``(batch, modality, latent)``."""
        return torch.stack([self.encoders[n](inputs[n]) for n in self.names], dim=1)

    def fuse(self, inputs: dict[str, Tensor], seen: Tensor) -> Tensor:
        """Return the logits of the joined latent vectors."""
        logits: Tensor = self.head(self.joined(self.latents(inputs), seen))
        return logits

    def joined(self, latents: Tensor, seen: Tensor) -> Tensor:
        """Return ``(batch, latent)``."""
        raise NotImplementedError


class SharedFusion(_Latent):
    """The plain mean of the latent vectors that are present, then a head."""

    def joined(self, latents: Tensor, seen: Tensor) -> Tensor:
        """Return the mean over modalities that are present, ``(batch, latent)``."""
        return masked_mean(latents, seen)


class GatedFusion(_Latent):
    """A weighted mean of the latent vectors; the weights depend on the person.

    Each latent vector gets a score from one linear layer; a softmax over the modalities
    that are present makes the scores weights.
    """

    def _add_joint(self) -> None:
        n, latent_size = len(self.names), self.latent_size
        self.score = nn.Linear(n * latent_size + n, n)

    def weights(self, latents: Tensor, seen: Tensor) -> Tensor:
        """Return ``(batch, modality)``: above 0 where present, 0 else, with sum 1."""
        known = latents * seen[:, :, None]  # (batch, modality, latent)
        scores = self.score(torch.cat([known.flatten(1), seen.to(known.dtype)], dim=1))
        return torch.softmax(scores.masked_fill(~seen, -torch.inf), dim=1)

    def joined(self, latents: Tensor, seen: Tensor) -> Tensor:
        """Return the weighted mean, ``(batch, latent)``."""
        weights = self.weights(latents, seen)
        return torch.einsum("bm,bml->bl", weights, latents)


class CrossAttentionFusion(_Latent):
    """Each modality attends to all that are present, then their mean goes to a head.

    Queries, keys and values are linear maps of the latent vectors, each with an offset
    that is learned for its modality; the answer is added to the latent vector itself.
    """

    def _add_joint(self) -> None:
        latent_size = self.latent_size
        self.place = nn.Parameter(0.1 * torch.randn(len(self.names), latent_size))
        self.query, self.key, self.value = (
            nn.Linear(latent_size, latent_size) for _ in range(3)
        )

    def attention(self, latents: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Return what each modality is told, and the weights.

        ``(batch, modality, latent)`` and ``(batch, modality, modality)``: row i tells
        how much modality i attends to each of the others and to itself.
        """
        tokens = latents + self.place  # (batch, modality, latent)
        q, k, v = self.query(tokens), self.key(tokens), self.value(tokens)
        scores = q @ k.transpose(1, 2) / math.sqrt(self.latent_size)
        weights = torch.softmax(scores.masked_fill(~seen[:, None], -torch.inf), dim=2)
        return weights @ v, weights

    def joined(self, latents: Tensor, seen: Tensor) -> Tensor:
        """Return the mean over modalities that are present, ``(batch, latent)``."""
        told, _ = self.attention(latents, seen)
        return masked_mean(latents + told, seen)


class LateFusion(Fusion):
    """A whole net a modality; the logits of those that are present are added.

    Logits are log odds, and log odds of modalities that are independent within each
    class add up (but for the prior, which the bias learns).
    """

    def __init__(
        self,
        encoders: Mapping[str, nn.Module],
        latent_size: int,
        *,
        hidden_size: int = 16,
        n_outputs: int = 1,
        modality_dropout: float = 0.0,
    ) -> None:
        super().__init__(list(encoders), modality_dropout)
        self.encoders = nn.ModuleDict(encoders)
        self.heads = nn.ModuleDict(
            {n: _head(latent_size, hidden_size, n_outputs) for n in self.names}
        )
        self.bias = nn.Parameter(torch.zeros(n_outputs))

    def fuse(self, inputs: dict[str, Tensor], seen: Tensor) -> Tensor:
        """Return the sum of the logits of modalities that are present."""
        return self.bias + self.logits(inputs, seen).sum(dim=1)

    def logits(self, inputs: dict[str, Tensor], seen: Tensor) -> Tensor:
        """Return ``(batch, modality, n_outputs)``, 0 where a modality is absent."""
        own = [self.heads[n](self.encoders[n](inputs[n])) for n in self.names]
        return torch.stack(own, dim=1) * seen[:, :, None]


class Unpacked(nn.Module):
    """A fusion net as :func:`genex_helpers.training.fit` takes it: arrays in a row.

    ``Unpacked(net)(x_first, x_second, …, present)``, in the order of ``net.names``.
    """

    def __init__(self, net: Fusion) -> None:
        super().__init__()
        self.net = net

    def forward(self, *arrays: Tensor) -> Tensor:
        """Return the net's logits; the last of the arrays is ``present``."""
        names = self.net.names
        if len(arrays) != len(names) + 1:
            raise ValueError(
                f"expected {len(names) + 1} arrays, {names} and present, got "
                f"{len(arrays)}"
            )
        inputs = dict(zip(names, arrays[:-1], strict=True))
        logits: Tensor = self.net(inputs, arrays[-1])
        return logits


def masked_mean(latents: Tensor, seen: Tensor) -> Tensor:
    """Return the mean of ``(batch, modality, latent)`` over those that were seen."""
    weight = seen[:, :, None].to(latents.dtype)
    return (latents * weight).sum(1) / weight.sum(1)


def _head(n_inputs: int, hidden_size: int, n_outputs: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(n_inputs, hidden_size), nn.ReLU(), nn.Linear(hidden_size, n_outputs)
    )
