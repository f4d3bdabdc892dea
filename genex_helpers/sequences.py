"""From a table of samples to a tensor of sequences ``(batch, time, gene)``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

if TYPE_CHECKING:
    from anndata import AnnData


@dataclass(frozen=True)
class Sequences:
    """Equally long series, one a subject.

    Attributes
    ----------
    values
        ``(batch, time, gene)`` float32; NaN where nothing was measured.
    mask
        Same shape, ``True`` where a value was measured.
    times
        ``(time,)`` in the unit of the data set, ascending.
    subjects
        ``(batch,)`` names, sorted.
    genes
        ``(gene,)`` names, in the table's order.
    """

    values: NDArray[np.float32]
    mask: NDArray[np.bool_]
    times: NDArray[np.float64]
    subjects: NDArray[np.str_]
    genes: NDArray[np.str_]

    def missing_samples(self) -> list[tuple[str, float]]:
        """Return (subject, time) of every sample without a single measured value."""
        rows, steps = np.nonzero(~self.mask.any(axis=2))
        return [
            (str(self.subjects[i]), float(self.times[t]))
            for i, t in zip(rows, steps, strict=True)
        ]


def to_sequences(adata: AnnData, subject: str, time: str) -> Sequences:
    """Arrange samples as one series a subject, on the union of all times.

    A sample that is not in the table stays masked; nothing is filled.

    Parameters
    ----------
    adata
        Samples × genes.
    subject, time
        Columns of ``adata.obs``; ``time`` must be numeric.

    Raises
    ------
    KeyError
        If a column is missing.
    ValueError
        If a time is not a finite number, or a subject has two samples at one time.
    """
    for name in (subject, time):
        if name not in adata.obs:
            raise KeyError(f"obs has no column {name!r}; it has {list(adata.obs)}")
    who = adata.obs[subject].astype(str).to_numpy()
    when = pd.to_numeric(adata.obs[time], errors="coerce").to_numpy(dtype=float)
    bad = ~np.isfinite(when)
    if bad.any():
        rows = adata.obs_names[bad][:5].tolist()
        raise ValueError(f"{time!r} must be a finite number; it is not in rows {rows}")
    repeated = pd.DataFrame({"who": who, "when": when}).duplicated().to_numpy()
    if repeated.any():
        rows = adata.obs_names[repeated][:5].tolist()
        raise ValueError(
            f"a subject has more than one sample at one time: rows {rows}; "
            "average replicates first, or name a column that tells them apart"
        )
    subjects, row = np.unique(who, return_inverse=True)
    times, step = np.unique(when, return_inverse=True)
    table = adata.X.toarray() if hasattr(adata.X, "toarray") else np.asarray(adata.X)
    shape = (len(subjects), len(times), adata.n_vars)
    values = np.full(shape, np.nan, dtype=np.float32)
    values[row, step] = table
    return Sequences(
        values=values,
        mask=np.isfinite(values),
        times=times,
        subjects=subjects,
        genes=adata.var_names.to_numpy(dtype=str),
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
