"""Replicates: repeats of one measurement, and what is left of them.

A technical replicate measures one sample again (a second lane of the sequencer); its
counts are summed, as if it had been read deeper. A biological replicate is another
person, animal or culture; its values may be averaged once they are comparable, and the
spread that the mean hides is kept beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

if TYPE_CHECKING:
    from anndata import AnnData

FloatArray = NDArray[np.float64]
COUNT_UNITS = ("reads", "counts", "fragments")


def average_replicates(adata: AnnData, by: str | Sequence[str]) -> AnnData:
    """Return the mean of each group of samples, with its spread.

    Missing values (NaN) count for nothing. Groups come in the order of their first
    sample.

    Parameters
    ----------
    adata
        Normalised values, samples × genes.
    by
        Columns of ``obs`` that together name a group.

    Returns
    -------
    AnnData
        Groups × genes in float32. ``obs`` has the columns that agree within every group
        and ``n_replicates``, the samples of ``adata`` in the group (that of an earlier
        call is replaced); ``layers["spread"]`` the standard deviation (by n - 1, NaN
        where fewer than two values were measured) and ``layers["n_observed"]`` the
        number of values; ``uns["groups_of_one"]`` the groups that are a single sample,
        and ``uns["varied"]`` the columns that are gone because they differ within a
        group. Layers and ``obsm`` of ``adata`` are not carried over.

    Raises
    ------
    KeyError
        If a column is missing.
    ValueError
        If the values are counts, or a sample does not say its group.
    """
    x = _values(adata)
    if _are_counts(x, adata.uns.get("units")):
        raise ValueError(
            f"the values are counts (units: {adata.uns.get('units')!r}), and samples "
            "differ in depth: divide by it first and write the new unit into "
            'uns["units"], or use sum_technical for repeats of one library'
        )
    groups, n_groups = _groups(adata, by)
    n_observed = np.zeros((n_groups, x.shape[1]), dtype=np.int64)
    np.add.at(n_observed, groups, np.isfinite(x))
    with np.errstate(invalid="ignore", divide="ignore"):  # 0 / 0: no value, NaN
        means = _sums(x, groups, n_groups) / n_observed
        squares = _sums((x - means[groups]) ** 2, groups, n_groups)
        spread = np.sqrt(squares / np.where(n_observed > 1, n_observed - 1, np.nan))
    result = _grouped(adata, by, groups, means.astype(np.float32))
    result.layers["spread"] = spread.astype(np.float32)
    result.layers["n_observed"] = n_observed
    return result


def sum_technical(adata: AnnData, by: str | Sequence[str]) -> AnnData:
    """Return the sum of each group's counts: the lanes of one library, say.

    Parameters
    ----------
    adata
        Counts, samples × genes.
    by
        Columns of ``obs`` that together name one sample.

    Returns
    -------
    AnnData
        Groups × genes in float64, in the order of their first sample; ``obs`` and
        ``uns`` as :func:`average_replicates` makes them.

    Raises
    ------
    KeyError
        If a column is missing.
    ValueError
        If the values are not counts, or a sample does not say its group.
    """
    x = _values(adata)
    if not _whole(x) or np.isnan(x).any():
        raise ValueError(
            "only counts are summed, and these are not whole numbers from 0 on: "
            "use average_replicates for normalised values"
        )
    groups, n_groups = _groups(adata, by)
    return _grouped(adata, by, groups, _sums(x, groups, n_groups))


def _values(adata: AnnData) -> FloatArray:
    """Return the table in float64, NaN where missing."""
    x = adata.X.toarray() if hasattr(adata.X, "toarray") else adata.X
    values = np.asarray(x, dtype=float)
    if np.isinf(values).any():
        raise ValueError("the table has infinite values")
    return values


def _whole(x: FloatArray) -> bool:
    found = x[~np.isnan(x)]
    return bool((found >= 0).all() and (found == np.round(found)).all())


def _are_counts(x: FloatArray, units: object) -> bool:
    """Believe the unit where there is one; else look at the values."""
    return _whole(x) if units is None else str(units).lower() in COUNT_UNITS


def _columns(by: str | Sequence[str]) -> list[str]:
    columns = [by] if isinstance(by, str) else list(by)
    if not columns:
        raise ValueError("by must name at least one column of obs")
    return columns


def _groups(adata: AnnData, by: str | Sequence[str]) -> tuple[NDArray[np.int64], int]:
    """Number the group of each sample, ``(sample,)``, by first appearance."""
    obs, columns = adata.obs, _columns(by)
    for name in columns:
        if name not in obs:
            raise KeyError(f"the samples have no column {name!r}; only {list(obs)}")
    unnamed = obs[columns].isna().any(axis=1).to_numpy()
    if unnamed.any():
        samples = obs.index[unnamed].tolist()
        raise ValueError(f"samples {samples} have no value in {columns}")
    keys = list(zip(*(obs[name].tolist() for name in columns), strict=True))
    number = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    return np.array([number[key] for key in keys], dtype=np.int64), len(number)


def _sums(x: FloatArray, groups: NDArray[np.int64], n_groups: int) -> FloatArray:
    """Sum the measured values of each group, ``(group, gene)``."""
    sums: FloatArray = np.zeros((n_groups, x.shape[1]))
    np.add.at(sums, groups, np.nan_to_num(x, nan=0.0))
    return sums


def _grouped(
    adata: AnnData,
    by: str | Sequence[str],
    groups: NDArray[np.int64],
    values: NDArray[np.floating[Any]],
) -> AnnData:
    import anndata as ad

    _, first = np.unique(groups, return_index=True)
    by_group = adata.obs.groupby(groups)
    agree = [c for c in adata.obs if (by_group[c].nunique(dropna=False) == 1).all()]
    obs = adata.obs.iloc[first][agree].copy()
    names = obs[_columns(by)].astype(str).agg("_".join, axis=1)
    if names.duplicated().any():
        raise ValueError(f"groups share a name: {names[names.duplicated()].tolist()}")
    obs.index = pd.Index(names.tolist(), name=adata.obs.index.name)
    obs["n_replicates"] = np.bincount(groups)
    result = ad.AnnData(values, obs=obs, var=adata.var.copy())
    result.uns = dict(adata.uns)
    result.uns["groups_of_one"] = obs.index[obs["n_replicates"] == 1].tolist()
    result.uns["varied"] = [c for c in adata.obs if c not in agree]
    return result
