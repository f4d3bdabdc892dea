"""Series that are larger than memory: on disk, read a batch at a time.

A tensor ``(batch, time, gene)`` is kept as one ``.npy`` file, which numpy can map: the
disk holds it, and only the series that are asked for come into memory.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.utils.data import Dataset

FilePath = str | os.PathLike[str]
Batch = tuple[Tensor, Tensor]


def megabytes(shape: Sequence[int], dtype: str = "float32") -> float:
    """Return the size of a tensor in MB (a million bytes)."""
    n_values = int(np.prod(np.asarray(shape, dtype=np.int64)))
    return n_values * np.dtype(dtype).itemsize / 1e6


def write_series(
    path: FilePath, series: Iterable[ArrayLike], shape: tuple[int, int, int]
) -> None:
    """Write series to a ``.npy`` file, one after the other.

    Parameters
    ----------
    path
        The file; it appears whole or not at all.
    series
        As many arrays ``(time, gene)`` as ``shape`` says; a generator will do, so that
        one is in memory at a time. NaN stands for what was not measured.
    shape
        ``(batch, time, gene)``.

    Raises
    ------
    ValueError
        If a series has another shape, or their number is not ``shape[0]``.
    """
    target = Path(path)
    with NamedTemporaryFile(dir=target.parent, suffix=".tmp", delete=False) as file:
        temporary = Path(file.name)
    try:
        # numpy appends ".npy" to names without it only in np.save, not here
        table = np.lib.format.open_memmap(  # type: ignore[no-untyped-call]
            temporary, mode="w+", dtype=np.float32, shape=shape
        )
        n_written = 0
        for n_written, one in enumerate(series, start=1):
            if n_written > shape[0]:
                raise ValueError(f"more series than shape says: {shape[0]}")
            values = np.asarray(one, dtype=np.float32)
            if values.shape != shape[1:]:
                raise ValueError(
                    f"series {n_written - 1} must be (time, gene) = {shape[1:]}, got "
                    f"{values.shape}"
                )
            table[n_written - 1] = values
        if n_written != shape[0]:
            raise ValueError(f"shape says {shape[0]} series, got {n_written}")
        table.flush()
        del table
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def h5ad_to_series(
    source: FilePath, path: FilePath, subject: str, time: str
) -> dict[str, NDArray[Any]]:
    """Arrange an ``.h5ad`` on disk as series on disk, one subject at a time.

    The large counterpart of :func:`genex_helpers.sequences.to_sequences`, with the same
    order and the same refusals; a sample that is not there becomes NaN.

    Parameters
    ----------
    source
        The table, samples × genes; read in backed mode, so never whole.
    path
        The ``.npy`` file to write.
    subject, time
        Columns of ``obs``.

    Returns
    -------
    dict
        ``subjects``, ``times``, ``genes`` and ``samples``, as in ``Sequences``.
    """
    import anndata

    from .sequences import to_sequences

    table = anndata.read_h5ad(source, backed="r")
    try:
        # the layout needs names and times only, so it is worked out without genes
        layout = to_sequences(
            anndata.AnnData(np.zeros((table.n_obs, 1), np.float32), obs=table.obs),
            subject=subject,
            time=time,
        )
        row_of = {str(name): row for row, name in enumerate(table.obs_names)}

        def one_subject(samples: NDArray[np.str_]) -> NDArray[np.float32]:
            steps = np.flatnonzero(samples != "")
            rows = np.array([row_of[name] for name in samples[steps]])
            order = np.argsort(rows)  # HDF5 wants ascending rows
            values = table.X[rows[order]]
            if hasattr(values, "toarray"):
                values = values.toarray()
            found = np.full((len(samples), table.n_vars), np.nan, np.float32)
            found[steps[order]] = values
            return found

        shape = (*layout.samples.shape, table.n_vars)
        write_series(path, map(one_subject, layout.samples), shape)
        genes = table.var_names.to_numpy(dtype=str)
    finally:
        table.file.close()
    return {
        "subjects": layout.subjects,
        "times": layout.times,
        "genes": genes,
        "samples": layout.samples,
    }


def series_moments(
    path: FilePath, rows: ArrayLike, batch_size: int = 8
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and standard deviation of each gene, read a few series at a time.

    Missing values do not count. Batches are put together by the exact rule for means
    and sums of squares (Chan et al. 1983, doi:10.1080/00031305.1983.10483115).

    Parameters
    ----------
    path
        A file of :func:`write_series`.
    rows
        The *training* series.
    batch_size
        Series in memory at once.

    Returns
    -------
    mean, sd
        ``(gene,)`` each.

    Raises
    ------
    ValueError
        If a gene has no value in these series.
    """
    table = np.load(path, mmap_mode="r")  # (batch, time, gene)
    chosen = np.sort(np.asarray(rows, dtype=np.int64))
    n = np.zeros(table.shape[2])
    mean, squares = np.zeros(table.shape[2]), np.zeros(table.shape[2])
    for start in range(0, len(chosen), batch_size):
        part = table[chosen[start : start + batch_size]].astype(float)
        part = part.reshape(-1, table.shape[2])  # (sample, gene)
        seen = np.isfinite(part)
        n_new = seen.sum(axis=0)
        own = np.where(seen, part, 0).sum(axis=0) / np.maximum(n_new, 1)
        own_squares = (np.where(seen, part - own, 0) ** 2).sum(axis=0)
        total = np.maximum(n + n_new, 1)
        step = own - mean
        mean = mean + step * n_new / total
        squares = squares + own_squares + step**2 * n * n_new / total
        n = n + n_new
    if (n == 0).any():
        genes = np.flatnonzero(n == 0)[:5].tolist()
        raise ValueError(f"genes {genes} have no value in these series")
    return mean, np.sqrt(squares / n)


class SeriesOnDisk(Dataset[Batch]):
    """Series of a file, for a ``DataLoader``: only the batch asked for is in memory.

    Parameters
    ----------
    path
        A file of :func:`write_series`.
    y
        ``(batch, ...)``, one target a series.
    rows
        Which series of the file are meant, such as those for training; ``None`` means
        all. Item ``i`` is series ``rows[i]``, with its target.
    mean, sd
        ``(gene,)`` subtracted and divided by, as from :func:`series_moments`. A missing
        value becomes 0 after it, the mean of its gene. A gene that does not vary
        (``sd`` 0) is only centred.

    Raises
    ------
    ValueError
        If the file does not hold ``(batch, time, gene)``, or ``y``, ``mean`` or ``sd``
        do not fit it.
    """

    def __init__(
        self,
        path: FilePath,
        y: ArrayLike,
        rows: ArrayLike | None = None,
        mean: ArrayLike = 0.0,
        sd: ArrayLike = 1.0,
    ) -> None:
        self.path = Path(path)
        shape = np.load(self.path, mmap_mode="r").shape
        if len(shape) != 3:
            raise ValueError(f"{self.path.name} must be (batch, time, gene): {shape}")
        self.y = torch.as_tensor(np.asarray(y, dtype=np.float32))
        if len(self.y) != shape[0]:
            raise ValueError(f"y has {len(self.y)} targets for {shape[0]} series")
        chosen = np.arange(shape[0]) if rows is None else np.asarray(rows, np.int64)
        if len(chosen) and not (chosen.min() >= 0 and chosen.max() < shape[0]):
            raise ValueError(f"rows must lie from 0 to {shape[0] - 1}")
        self.rows = chosen
        centre, spread = np.asarray(mean, float), np.asarray(sd, float)
        for name, value in (("mean", centre), ("sd", spread)):
            if value.shape not in ((), (shape[2],)):
                raise ValueError(f"{name} must be ({shape[2]},), got {value.shape}")
        self.mean = centre.astype(np.float32)
        self.sd = np.where(spread == 0, 1, spread).astype(np.float32)

    def __len__(self) -> int:
        """Return the number of series."""
        return len(self.rows)

    def __getitem__(self, item: int) -> Batch:
        """Return one series ``(time, gene)`` and its target."""
        x, y = self.batch([item])
        return x[0], y[0]

    def __getitems__(self, items: list[int]) -> list[Batch]:
        """Return several, read at once (a ``DataLoader`` asks for a batch so)."""
        return list(zip(*self.batch(items), strict=True))

    def batch(self, items: ArrayLike) -> Batch:
        """Return ``(len(items), time, gene)`` and their targets."""
        rows = self.rows[np.asarray(items, dtype=np.int64)]
        # mapped anew each time: pages that were read are given back with the map
        table = np.load(self.path, mmap_mode="r")
        x = table[rows]  # a copy of these rows in memory
        x -= self.mean
        x /= self.sd
        np.nan_to_num(x, copy=False)
        return torch.from_numpy(x), self.y[rows]
