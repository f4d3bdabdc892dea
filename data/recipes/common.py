"""What all recipes share: the shape of a table, and a check that stops the script."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import anndata as ad
import mudata
import numpy as np
import numpy.typing as npt
import pandas as pd
from archives import Archive
from sources import ContentError, Package

Roots = dict[Package | Archive, Path]
FloatArray = npt.NDArray[np.float64]


def strings(values: Iterable[object]) -> list[str]:
    """Return plain strings, whatever kind of text R's were."""
    return [str(value) for value in values]


def gene_index(genes: Iterable[object]) -> pd.Index[str]:
    """Return gene names as the index of `var`."""
    return pd.Index(strings(genes), name="gene")


def require(holds: bool, what: str) -> None:
    """Stop the script if a source is not what it was.

    Raises:
        ContentError: `holds` is false.
    """
    if not holds:
        raise ContentError(f"the source is not what this script expects: {what}")


def table(values: Any, obs: pd.DataFrame, var: pd.DataFrame) -> ad.AnnData:
    """Return samples × genes in float32, with columns of text as categories."""
    for frame in (obs, var):
        for column in frame.columns:
            if pd.api.types.is_string_dtype(frame[column].dtype):
                frame[column] = pd.Categorical(frame[column])
    return ad.AnnData(np.ascontiguousarray(values, dtype=np.float32), obs=obs, var=var)


def columns_stay() -> AbstractContextManager[object]:
    """Let MuData leave columns in the table that they describe.

    From mudata 0.4 that is the default, and there is no such option any more.
    """
    if not hasattr(mudata, "set_options"):
        return nullcontext()
    option: AbstractContextManager[object] = mudata.set_options(pull_on_update=False)
    return option


def titled(adata: ad.AnnData, title: str, units: str, technology: str) -> ad.AnnData:
    """Write what the values are into `uns`."""
    adata.uns = {"title": title, "units": units, "technology": technology}
    return adata
