"""Where the book keeps its data and its stored results.

An installed wheel carries both beside the package; in a checkout they stand in
the root, where people look for them.
"""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def data_dir() -> Path:
    """Return the folder of the data files, their registry and their cards.

    Raises:
        FileNotFoundError: neither the wheel's nor the checkout's folder exists.
    """
    return _first_folder("data", PACKAGE / "_data", PACKAGE.parent / "data")


def results_dir() -> Path:
    """Return the folder of the stored results of the slow experiments.

    Raises:
        FileNotFoundError: neither the wheel's nor the checkout's folder exists.
    """
    checkout = PACKAGE.parent / "experiments" / "results"
    return _first_folder("results", PACKAGE / "_results", checkout)


def _first_folder(what: str, *candidates: Path) -> Path:
    for folder in candidates:
        if folder.is_dir():
            return folder
    looked = " nor ".join(str(folder) for folder in candidates)
    raise FileNotFoundError(
        f"the {what} folder of genex_helpers is missing: neither {looked} exists; "
        "reinstall the package, or restore the checkout with git"
    )
