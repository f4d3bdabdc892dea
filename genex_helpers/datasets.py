"""The data sets of the book: small files that travel with the package.

Every file has a checksum in `registry.json` and a card in `cards/`. A table is
samples × genes; `obs` describes the samples and `var` the genes.
"""

from __future__ import annotations

import csv
import hashlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genex_helpers.paths import data_dir

if sys.version_info >= (3, 11):
    import tomllib
else:  # pragma: no cover - Python 3.10
    import tomli as tomllib

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from mudata import MuData

INTERFERON_FILE = "interferon_genes.csv"


class DataFileError(RuntimeError):
    """A data file is missing, or is not the one that the registry describes."""


def load(name: str) -> AnnData:
    """Load a data set of the book.

    Args:
        name: one of the names that `list_datasets()` shows.

    Returns:
        An AnnData, samples × genes in float32; its units are in `uns["units"]`.

    Raises:
        ValueError: there is no data set of that name, or it has several tables.
        DataFileError: its file is missing or damaged.
    """
    # anndata takes seconds to import, so only those who load a table wait for it.
    import anndata

    if name in _names(".h5mu"):
        raise ValueError(f"name={name!r} has several tables: use load_multiomics")
    _require_known(name, _names(".h5ad"))
    return anndata.read_h5ad(_checked(f"{name}.h5ad"))


def load_multiomics(name: str) -> MuData:
    """Load a data set of several tables on the same patients.

    Args:
        name: a name that `list_datasets()` shows with several tables.

    Returns:
        A MuData: one AnnData a kind of measurement in `mod`, the patients in `obs`.
        Not every patient has every measurement.

    Raises:
        ValueError: there is no such data set of several tables.
        DataFileError: its file is missing or damaged.
    """
    import mudata

    _require_known(name, _names(".h5mu"))
    path = _checked(f"{name}.h5mu")
    if not hasattr(mudata, "set_options"):  # from 0.4 on, columns stay by themselves
        return mudata.read_h5mu(path)
    with mudata.set_options(pull_on_update=False):
        return mudata.read_h5mu(path)


def list_datasets() -> pd.DataFrame:
    """Return one row per data set: its shape, technology, time axis and terms."""
    import pandas as pd

    columns = ["shape", "technology", "time_axis", "licence", "citation"]
    cards = {name: load_card(name) for name in _names(".h5ad", ".h5mu")}
    rows = [[card[column] for column in columns] for card in cards.values()]
    table = pd.DataFrame(rows, index=pd.Index(cards, name="name"), columns=columns)
    table["shape"] = [" × ".join(map(str, shape)) for shape in table["shape"]]
    return table


def load_card(name: str) -> dict[str, Any]:
    """Return the card of a data set: origin, licence, labels, known defects.

    Raises:
        ValueError: there is no card of that name.
    """
    folder = data_dir() / "cards"
    known = sorted(path.stem for path in folder.glob("*.toml"))
    if name not in known:
        raise ValueError(
            f"name={name!r} has no data card; expected one of {', '.join(known)}"
        )
    card: dict[str, Any] = tomllib.loads((folder / f"{name}.toml").read_text("utf-8"))
    return card


def interferon_genes() -> list[str]:
    """Return the symbols of the interferon-stimulated genes, in source order.

    The list comes from a study of cells in culture, so no volunteer of the
    influenza challenge had a part in choosing it.

    Raises:
        DataFileError: the file is missing or damaged.
    """
    with _checked(INTERFERON_FILE).open(encoding="utf-8", newline="") as lines:
        return [row["gene"] for row in csv.DictReader(lines)]


def registry() -> dict[str, dict[str, Any]]:
    """Return the registry: for each data file its `sha256` and its `bytes`.

    Raises:
        DataFileError: the registry is missing.
    """
    path = data_dir() / "registry.json"
    if not path.is_file():
        raise DataFileError(f"{path} is missing. {_cure('registry.json')}")
    registry: dict[str, dict[str, Any]] = json.loads(path.read_text("utf-8"))
    return registry


def _names(*suffixes: str) -> list[str]:
    return [Path(file).stem for file in sorted(registry()) if file.endswith(suffixes)]


def _require_known(name: str, known: list[str]) -> None:
    if name not in known:
        raise ValueError(
            f"name={name!r} is not a data set of this book; "
            f"expected one of {', '.join(known)}"
        )


def _checked(file: str) -> Path:
    """Return the path of a data file whose content is the registered one."""
    path = data_dir() / file
    expected = registry()[file]["sha256"]
    if not path.is_file():
        raise DataFileError(
            f"{path} is missing; expected a file with sha256 {expected}. {_cure(file)}"
        )
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != expected:
        raise DataFileError(
            f"{path} is damaged: expected sha256 {expected}, found {found}. "
            f"{_cure(file)}"
        )
    return path


def _cure(file: str) -> str:
    return (
        f"To get it back: in a checkout, `git checkout -- data/{file}`, or "
        "`make rebuild-data`, which makes it from its source packages; "
        "otherwise reinstall the package, "
        "`pip install --force-reinstall --no-deps` with what you installed it from."
    )
