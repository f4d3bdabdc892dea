"""Rebuild the data files of the book from the packages they come from.

    python data/rebuild.py           write the files and registry.json
    python data/rebuild.py --check   compare their content with the shipped files

It needs apt-get and dpkg with the package sources of Debian bookworm, a package index
such as PyPI, and the Python packages anndata, mudata, pillow and rdata. Exit status:
0 done or identical, 1 a difference, 2 a source that is not to be had.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata as ad
import mudata
import numpy as np
import pandas as pd
from archives import fetch_archives
from recipes.adrenocortical import adrenocortical
from recipes.airway_counts import airway_counts
from recipes.bladder_batches import bladder_batches
from recipes.common import Roots, columns_stay, strings
from recipes.embryo_qpcr import embryo_qpcr
from recipes.influenza_challenge import influenza_challenge
from recipes.influenza_vaccine import influenza_vaccine
from recipes.interferon_genes import interferon_genes
from recipes.kidney_liver_counts import kidney_liver_counts
from recipes.lymphoblastoid_counts import lymphoblastoid_counts
from recipes.myoblast_cells import myoblast_cells
from recipes.nci60 import nci60
from recipes.pasilla_counts import pasilla_counts
from recipes.visium_spots import visium_spots
from recipes.yeast_cell_cycle import yeast_cell_cycle
from sources import ContentError, SourceError, fetch_all, sha256

HERE = Path(__file__).resolve().parent
TABLES: dict[str, Callable[[Roots], ad.AnnData | mudata.MuData]] = {
    "influenza_challenge": influenza_challenge,
    "yeast_cell_cycle": yeast_cell_cycle,
    "kidney_liver_counts": kidney_liver_counts,
    "embryo_qpcr": embryo_qpcr,
    "influenza_vaccine": influenza_vaccine,
    "bladder_batches": bladder_batches,
    "myoblast_cells": myoblast_cells,
    "lymphoblastoid_counts": lymphoblastoid_counts,
    "adrenocortical": adrenocortical,
    "nci60": nci60,
    "airway_counts": airway_counts,
    "pasilla_counts": pasilla_counts,
    "visium_spots": visium_spots,
}


def build(roots: Roots, folder: Path) -> list[Path]:
    """Write every data file into `folder` and return their paths."""
    paths = []
    for name, make in TABLES.items():
        table = make(roots)
        table.uns["card"] = name
        paths.append(_write(table, folder / name))
    path = folder / "interferon_genes.csv"
    path.write_text("\n".join(["gene", *interferon_genes(roots), ""]), encoding="utf-8")
    return [*paths, path]


def _write(table: ad.AnnData | mudata.MuData, stem: Path) -> Path:
    """Write one table (.h5ad) or several (.h5mu), and return the path."""
    if isinstance(table, ad.AnnData):
        path = stem.with_suffix(".h5ad")
        table.write_h5ad(path, compression="gzip", compression_opts=9)
        return path
    path = stem.with_suffix(".h5mu")
    with columns_stay():
        table.write_h5mu(path, compression="gzip", compression_opts=9)
    return path


def install(built: list[Path]) -> None:
    """Move built files to their place, and the registry last."""
    registry = {
        path.name: {"sha256": sha256(path), "bytes": path.stat().st_size}
        for path in sorted(built)
    }
    text = json.dumps(registry, indent=2) + "\n"
    index = built[0].parent / "registry.json"
    index.write_text(text, encoding="utf-8")
    for path in [*built, index]:
        os.replace(path, HERE / path.name)
        print(f"written: data/{path.name}")


def differences(shipped: Path, rebuilt: Path) -> list[str]:
    """Name the parts in which two data files differ in content."""
    if not shipped.exists():
        return ["the shipped file is missing"]
    if shipped.suffix == ".h5ad":
        return _table_differences(ad.read_h5ad(shipped), ad.read_h5ad(rebuilt))
    if shipped.suffix == ".h5mu":
        with columns_stay():
            old, new = mudata.read_h5mu(shipped), mudata.read_h5mu(rebuilt)
        return _several_differences(old, new)
    same = shipped.read_text("utf-8") == rebuilt.read_text("utf-8")
    return [] if same else ["text"]


def _several_differences(old: mudata.MuData, new: mudata.MuData) -> list[str]:
    """Compare what is joint, then the tables one by one."""
    parts: dict[str, tuple[Any, Any]] = {
        "obs": (_plain(old.obs), _plain(new.obs)),
        "uns": (dict(old.uns), dict(new.uns)),
        "names of tables": (sorted(old.mod), sorted(new.mod)),
    }
    found = [part for part, (one, two) in parts.items() if not _same(one, two)]
    for name in sorted(set(old.mod) & set(new.mod)):
        inside = _table_differences(old.mod[name], new.mod[name])
        found += [f"{part} of {name}" for part in inside]
    return found


def _table_differences(old: ad.AnnData, new: ad.AnnData) -> list[str]:
    parts: dict[str, tuple[Any, Any]] = {
        "X": (old.X, new.X),
        "obs": (_plain(old.obs), _plain(new.obs)),
        "var": (_plain(old.var), _plain(new.var)),
        "uns": (dict(old.uns), dict(new.uns)),
        "obsm": (dict(old.obsm), dict(new.obsm)),
        "names of layers": (sorted(old.layers), sorted(new.layers)),
    }
    for layer in sorted(set(old.layers) & set(new.layers)):
        parts[f"layer {layer}"] = (old.layers[layer], new.layers[layer])
    return [part for part, (one, two) in parts.items() if not _same(one, two)]


def _plain(frame: pd.DataFrame) -> dict[str, list[str]]:
    """Return a table's index, columns and categories as text, exactly."""
    plain = {"index": [repr(value) for value in frame.index]}
    for name in frame.columns:
        column = frame[name]
        plain[name] = [repr(value) for value in column.tolist()]
        if isinstance(column.dtype, pd.CategoricalDtype):
            plain[f"categories of {name}"] = strings(column.cat.categories)
    return plain


def _same(one: Any, two: Any) -> bool:
    """Compare values, arrays, and dictionaries of such at any depth."""
    if type(one) is not type(two):
        return False
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(_same(one[k], two[k]) for k in one)
    if isinstance(one, np.ndarray):
        return one.dtype == two.dtype and np.array_equal(one, two, equal_nan=True)
    return bool(one == two)


def check(built: list[Path]) -> bool:
    """Print one line a file; return whether all are identical in content."""
    identical = True
    for path in built:
        found = differences(HERE / path.name, path)
        print(
            f"{path.name}: {'differs: ' + ', '.join(found) if found else 'identical'}"
        )
        identical = identical and not found
    return identical


def main(arguments: list[str] | None = None) -> int:
    """Run the command; see the top of this file."""
    parser = argparse.ArgumentParser(description="Rebuild the data files of the book.")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    parser.add_argument("--debs", type=Path, help="folder that keeps the packages")
    options = parser.parse_args(arguments)
    # A folder beside the files, so that they can be moved into place in one step.
    with tempfile.TemporaryDirectory(dir=HERE, prefix=".rebuild-") as scratch:
        try:
            kept = (options.debs or Path(scratch) / "debs").resolve()
            roots: Roots = dict(fetch_all(kept).items())
            roots.update(fetch_archives(kept).items())
            built = build(roots, Path(scratch))
        except (ContentError, SourceError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 2 if isinstance(error, SourceError) else 1
        if options.check:
            return 0 if check(built) else 1
        install(built)
    return 0


if __name__ == "__main__":
    sys.exit(main())
