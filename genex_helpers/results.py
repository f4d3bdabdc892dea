"""Stored results of the slow experiments, as small checked tables."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from .paths import results_dir

if TYPE_CHECKING:
    import pandas as pd


def load_result(name: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the table that an experiment stored, and the record of how it was made.

    The record holds ``command``, ``settings``, the library ``versions`` and the sha256
    of the table, of the code, of the data and of the lock file.

    Raises
    ------
    FileNotFoundError
        If there is no such result; the message lists what there is.
    ValueError
        If the table is not the one that the record describes.
    """
    import pandas as pd

    folder = results_dir()
    table, record_file = folder / f"{name}.csv", folder / f"{name}.json"
    if not (table.is_file() and record_file.is_file()):
        known = sorted(p.stem for p in folder.glob("*.json"))
        raise FileNotFoundError(
            f"no stored result {name!r} in {folder}; known: {known}"
        )
    record: dict[str, Any] = json.loads(record_file.read_text(encoding="utf-8"))
    found = hashlib.sha256(table.read_bytes()).hexdigest()
    if found != record["sha256"]:
        raise ValueError(
            f"{table.name} is damaged: expected sha256 {record['sha256']}, found "
            f"{found}; restore it from git, or run `{record['command']}` again"
        )
    return pd.read_csv(table), record
