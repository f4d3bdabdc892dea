"""Encoders: one small net a kind of measurement, all with a latent vector as output.

A series, a genotype, a sparse table of proteins and an image have no axis in common.
Each encoder turns its own into ``(batch, latent)``, which
:mod:`genex_helpers.fusion` can join.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from .models import CELLS


def with_mask(values: ArrayLike) -> NDArray[np.float32]:
    """Return values with 0 for NaN, and behind them, on the last axis, what was seen.

    ``(…, protein)`` becomes ``(…, 2 * protein)``: first the values, then 1 where there
    is one and 0 where there is none. Standardise before: then 0 is the mean.

    Raises
    ------
    ValueError
        If a value is infinite or there is no axis.
    """
    table = np.asarray(values, dtype=np.float32)
    if table.ndim == 0 or np.isinf(table).any():
        raise ValueError(
            f"values must be an array of numbers or NaN, got shape {table.shape}"
            f"{' with infinite ones' if table.ndim else ''}"
        )
    seen = ~np.isnan(table)
    joined: NDArray[np.float32] = np.concatenate(
        [np.where(seen, table, 0.0), seen], axis=-1, dtype=np.float32
    )
    return joined


class SeriesEncoder(nn.Module):
    """Expression over time: a recurrent layer, whose last state is mapped to a latent.

    Parameters
    ----------
    n_genes
        Inputs a time step.
    latent_size
        Length of the latent vector.
    hidden_size
        Size of the recurrent state.
    cell
        ``"rnn"``, ``"lstm"`` or ``"gru"``.
    """

    def __init__(
        self, n_genes: int, latent_size: int, hidden_size: int = 16, cell: str = "gru"
    ) -> None:
        super().__init__()
        if cell not in CELLS:
            raise ValueError(f"cell must be one of {sorted(CELLS)}, got {cell!r}")
        self.n_genes = n_genes
        self.recurrent = CELLS[cell](n_genes, hidden_size, batch_first=True)
        self.out = nn.Linear(hidden_size, latent_size)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(batch, latent)`` of ``x``, ``(batch, time, gene)``."""
        _check("series", x, 3, self.n_genes, "genes")
        states, _ = self.recurrent(x)  # (batch, time, hidden)
        latent: Tensor = self.out(states[:, -1])
        return latent


class GenotypeEncoder(nn.Module):
    """SNP dosages, each in two codings, through one hidden layer.

    Each SNP gives two inputs, the additive (dosage - 1) and the dominant coding (½ for
    a carrier, -½ else), so that the net need not find out that two copies may do no
    more than one.

    Parameters
    ----------
    n_snps
        SNPs a person.
    latent_size, hidden_size
        Lengths of the latent vector and of the hidden layer.
    """

    def __init__(self, n_snps: int, latent_size: int, hidden_size: int = 16) -> None:
        super().__init__()
        self.n_snps = n_snps
        self.layers = nn.Sequential(
            nn.Linear(2 * n_snps, hidden_size),
            nn.ReLU(),
            nn.Linear(hidden_size, latent_size),
        )

    def forward(self, dosage: Tensor) -> Tensor:
        """Return ``(batch, latent)`` of dosages 0, 1, 2, ``(batch, snp)``."""
        _check("dosage", dosage, 2, self.n_snps, "SNPs")
        carrier = (dosage > 0).to(dosage.dtype) - 0.5
        coded = torch.cat([dosage - 1, carrier], dim=1)  # (batch, 2 * snp)
        latent: Tensor = self.layers(coded)
        return latent


class ProteinEncoder(nn.Module):
    """A few samples of a few proteins, with holes: values and mask, one hidden layer.

    Parameters
    ----------
    n_times, n_proteins
        Samples a person, and proteins a sample.
    latent_size, hidden_size
        Lengths of the latent vector and of the hidden layer.
    """

    def __init__(
        self, n_times: int, n_proteins: int, latent_size: int, hidden_size: int = 16
    ) -> None:
        super().__init__()
        self.n_proteins = n_proteins
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(2 * n_times * n_proteins, hidden_size),
            nn.ReLU(),
            nn.Linear(hidden_size, latent_size),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(batch, latent)`` of ``x``, ``(batch, time, 2 * protein)``.

        ``x`` is what :func:`with_mask` returns. Values where the mask is 0 are not
        read.
        """
        _check("proteins", x, 3, 2 * self.n_proteins, "values and masks")
        values, seen = x.chunk(2, dim=2)  # (batch, time, protein) each
        hidden = torch.cat([torch.where(seen > 0, values, 0.0), seen], dim=2)
        latent: Tensor = self.layers(hidden)
        return latent


class ImageEncoder(nn.Module):
    """Images through two convolutions that halve each side, then a mean over places.

    The mean makes the latent vector indifferent to where in the image a cell lies, but
    for the borders.

    Parameters
    ----------
    n_channels
        Stains.
    latent_size
        Length of the latent vector.
    n_filters
        Filters of the first convolution; the second has twice as many.
    """

    def __init__(self, n_channels: int, latent_size: int, n_filters: int = 8) -> None:
        super().__init__()
        self.n_channels = n_channels
        self.convolutions = nn.Sequential(
            nn.Conv2d(n_channels, n_filters, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(n_filters, 2 * n_filters, 3, stride=2, padding=1),
            nn.ReLU(),
        )
        self.out = nn.Linear(2 * n_filters, latent_size)

    def forward(self, images: Tensor) -> Tensor:
        """Return ``(batch, latent)`` of ``(batch, channel, row, column)``."""
        if images.ndim != 4 or images.shape[1] != self.n_channels:
            raise ValueError(
                f"images must have shape (batch, {self.n_channels}, row, column), got "
                f"{tuple(images.shape)}"
            )
        maps = self.convolutions(images)  # (batch, 2 * n_filters, row / 4, column / 4)
        latent: Tensor = self.out(maps.mean(dim=(2, 3)))
        return latent


def _check(name: str, x: Tensor, n_axes: int, n_last: int, what: str) -> None:
    if x.ndim != n_axes or x.shape[-1] != n_last:
        raise ValueError(
            f"{name} must have {n_axes} axes and {n_last} {what} on the last, got "
            f"shape {tuple(x.shape)}"
        )
