"""From a table of samples to sequences ``(batch, time, gene)``, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .times import parse_times

if TYPE_CHECKING:
    from anndata import AnnData


@dataclass(frozen=True)
class Sequences:
    """Series of equal length, one a subject; what was not measured is masked.

    Attributes
    ----------
    values
        ``(batch, time, gene)`` float32; NaN where nothing was measured.
    mask
        Same shape, ``True`` where a value was measured.
    times
        ``(time,)`` ascending, if all subjects share one grid; else ``(batch, time)``,
        each subject's own times first and NaN after its last sample.
    subjects
        ``(batch,)`` names, sorted.
    genes
        ``(gene,)`` names, in the table's order.
    samples
        ``(batch, time)`` names of the table's rows; ``""`` where there is no sample.
    unit
        Unit of ``times``, if the table names one.
    """

    values: NDArray[np.float32]
    mask: NDArray[np.bool_]
    times: NDArray[np.float64]
    subjects: NDArray[np.str_]
    genes: NDArray[np.str_]
    samples: NDArray[np.str_]
    unit: str | None = None

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Samples of each subject, ``(batch,)``; what packing asks for."""
        counts: NDArray[np.int64] = (self.samples != "").sum(axis=1)
        return counts

    def missing_samples(self) -> list[tuple[str, float]]:
        """Return (subject, time) of every point of the grid without a measured value.

        Series with times of their own have no grid: only samples that stand in the
        table without a single value are listed.
        """
        empty = ~self.mask.any(axis=2)
        if self.times.ndim == 2:
            empty &= self.samples != ""
        times = np.broadcast_to(self.times, empty.shape)
        rows, steps = np.nonzero(empty)
        return [
            (str(self.subjects[i]), float(times[i, t]))
            for i, t in zip(rows, steps, strict=True)
        ]


def to_sequences(
    table: AnnData | pd.DataFrame,
    subject: str,
    time: str,
    *,
    metadata: pd.DataFrame | None = None,
    shared_times: bool = True,
) -> Sequences:
    """Arrange samples as one series a subject.

    A sample that is not in the table stays masked; nothing is filled, sorted, averaged
    or converted.

    Parameters
    ----------
    table
        Samples × genes: an AnnData, or a data frame of numbers.
    subject, time
        Columns of ``table.obs``, or of ``metadata``. Times are numbers, or numbers with
        one unit (see :func:`genex_helpers.times.parse_times`). Bare numbers of an
        AnnData take the unit of ``uns["time_unit"]``, if it has one.
    metadata
        For a data frame: one row a sample, with the same index in the same order.
    shared_times
        ``True`` puts all subjects on the union of their times. ``False`` keeps each
        subject's own times, for irregular series: step 0 is its first sample, and the
        rest of a shorter series is masked.

    Raises
    ------
    KeyError
        If a column is missing.
    ValueError
        If a time cannot be read or units differ, a subject is not named, a subject has
        two samples at one time or is not in the order of time, a value is infinite, the
        samples of table and metadata differ, or ``uns["time_unit"]`` contradicts the
        column. The message names the rows.
    """
    x, obs, genes = _parts(table, metadata)
    for name in (subject, time):
        if name not in obs:
            raise KeyError(f"the samples have no column {name!r}; only {list(obs)}")
    when, unit = parse_times(obs[time])
    if not isinstance(table, pd.DataFrame):
        unit = _agreed_unit(unit, table.uns.get("time_unit"))
    _check_rows(obs, subject, when)
    subjects, row = np.unique(obs[subject].to_numpy(dtype=str), return_inverse=True)
    times, grid_step = np.unique(when, return_inverse=True)
    step = np.asarray(grid_step if shared_times else _order_within(row))
    n_steps = int(step.max()) + 1
    if not shared_times:
        times = np.full((len(subjects), n_steps), np.nan)
        times[row, step] = when
    values = np.full((len(subjects), n_steps, len(genes)), np.nan, dtype=np.float32)
    values[row, step] = x
    names = obs.index.to_numpy(dtype=str)
    samples = np.full(values.shape[:2], "", dtype=names.dtype)
    samples[row, step] = names
    return Sequences(
        values=values,
        mask=np.isfinite(values),
        times=times,
        subjects=subjects,
        genes=genes,
        samples=samples,
        unit=unit,
    )


def to_table(sequences: Sequences, subject: str, time: str) -> AnnData:
    """Return the samples of sequences as a table again, samples × genes.

    The inverse of :func:`to_sequences`, but for the order of the rows (by subject, then
    time) and for columns of ``obs`` other than these two: join them by sample name.
    Points where there was no sample get no row.

    Parameters
    ----------
    subject, time
        Names of the two columns of ``obs``.
    """
    import anndata

    there = sequences.samples != ""  # (batch, time)
    times = np.broadcast_to(sequences.times, there.shape)
    who = np.broadcast_to(sequences.subjects[:, None], there.shape)
    index = pd.Index(sequences.samples[there].astype(object), name="sample")
    obs = pd.DataFrame({subject: who[there], time: times[there]}, index=index)
    var = pd.DataFrame(index=pd.Index(sequences.genes.astype(object), name="gene"))
    table = anndata.AnnData(sequences.values[there], obs=obs, var=var)
    if sequences.unit is not None:
        table.uns["time_unit"] = sequences.unit
    return table


def _agreed_unit(written: str | None, stored: str | None) -> str | None:
    """Return the unit of a column, or else that of its table."""
    if written is not None and stored is not None and written != stored:
        raise ValueError(
            f'the times are in {written}, but uns["time_unit"] says {stored!r}'
        )
    return written if stored is None else stored


def _order_within(row: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number the samples of each subject from 0, ``(sample,)``."""
    number = pd.Series(row).groupby(row).cumcount()
    return np.asarray(number, dtype=np.int64)


def _parts(
    table: AnnData | pd.DataFrame, metadata: pd.DataFrame | None
) -> tuple[NDArray[Any], pd.DataFrame, NDArray[np.str_]]:
    """Return values ``(sample, gene)``, what is known of samples, and gene names."""
    if isinstance(table, pd.DataFrame):
        if metadata is None:
            raise ValueError("metadata is needed with a data frame: who, and when")
        _check_same_samples(table.index, metadata.index)
        text = [c for c in table if not pd.api.types.is_numeric_dtype(table[c].dtype)]
        if text:
            raise ValueError(f"table must hold numbers only; {text[:5]} do not")
        values = table.to_numpy(dtype=np.float32, na_value=np.nan)
        obs, genes = metadata, table.columns
    else:
        if metadata is not None:
            raise ValueError("metadata is for a data frame; an AnnData has its own obs")
        x = table.X
        values = x.toarray() if hasattr(x, "toarray") else np.asarray(x)
        obs, genes = table.obs, table.var_names
    if not len(obs):
        raise ValueError("table must hold at least one sample; it has none")
    for what, names in (("samples", obs.index), ("genes", genes)):
        if not names.is_unique:
            twice = names[names.duplicated()].unique()[:5].tolist()
            raise ValueError(f"names of {what} must differ; more than once: {twice}")
    if (obs.index.astype(str) == "").any():
        raise ValueError("a sample has an empty name; name every row")
    infinite = np.isinf(values).any(axis=1)
    if infinite.any():
        rows = obs.index[infinite][:5].tolist()
        raise ValueError(f"infinite values in rows {rows}; was the log of 0 taken?")
    return values, obs, genes.to_numpy(dtype=str)


def _check_same_samples(table: pd.Index[Any], metadata: pd.Index[Any]) -> None:
    if table.equals(metadata):
        return
    absent = table.difference(metadata)[:5].tolist()
    extra = metadata.difference(table)[:5].tolist()
    raise ValueError(
        "table and metadata must hold the same samples in the same order; "
        f"only in table: {absent}, only in metadata: {extra}"
    )


def _check_rows(obs: pd.DataFrame, subject: str, when: NDArray[np.float64]) -> None:
    """Refuse samples without a subject, repeated ones, and ones out of order."""
    unnamed = obs[subject].isna().to_numpy()
    if unnamed.any():
        rows = obs.index[unnamed][:5].tolist()
        raise ValueError(f"{subject!r} is missing in rows {rows}")
    keys = pd.DataFrame({"who": obs[subject].astype(str).to_numpy(), "when": when})
    repeated = keys.duplicated(keep=False).to_numpy()
    if repeated.any():
        rows = obs.index[repeated][:6].tolist()
        raise ValueError(
            f"a subject has more than one sample at one time: rows {rows}; "
            "average replicates first, or name a column that tells them apart"
        )
    backwards = (keys.groupby("who")["when"].diff() < 0).to_numpy()
    if backwards.any():
        rows = obs.index[backwards][:5].tolist()
        raise ValueError(
            f"times must ascend within a subject; rows {rows} go back in time. If the "
            f"table is only unsorted, sort it by {subject!r} and the time first"
        )


def subject_labels(
    adata: AnnData, sequences: Sequences, subject: str, label: str
) -> NDArray[np.int64]:
    """Return one 0/1 label a subject, in the order of ``sequences.subjects``.

    Raises
    ------
    ValueError
        If a subject's samples disagree about the label, or a label is missing.
    """
    table = adata.obs[[subject, label]].copy()
    if table[label].isna().any():
        raise ValueError(f"label {label!r} is missing for some samples")
    kinds = table.groupby(subject, observed=True)[label].nunique()
    if (kinds > 1).any():
        raise ValueError(f"{label!r} differs within {kinds.index[kinds > 1].tolist()}")
    first = table.groupby(subject, observed=True)[label].first()
    labels: NDArray[np.int64] = (
        first.loc[sequences.subjects].astype(bool).to_numpy().astype(np.int64)
    )
    return labels
