"""Rebuild the data files of the book from the packages they come from.

    python data/rebuild.py           write the files and registry.json
    python data/rebuild.py --check   compare their content with the shipped files

It needs apt-get and dpkg with the package sources of Debian bookworm, and the
Python packages anndata and rdata. Exit status: 0 done or identical, 1 a
difference, 2 a source that is not to be had.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import numpy.typing as npt
import pandas as pd
from sources import (
    DESTINY,
    KOHONEN,
    NOISEQ,
    QUSAGE,
    ContentError,
    Package,
    SourceError,
    fetch_all,
    read_r,
    sha256,
)

HERE = Path(__file__).resolve().parent
Roots = dict[Package, Path]
FloatArray = npt.NDArray[np.float64]

NOT_DETECTED = 28.0  # Guo et al. counted 28 cycles; this value means "no signal"


def influenza_challenge(roots: Roots) -> ad.AnnData:
    """Blood of 17 volunteers before and after they were given influenza A."""
    source = read_r(roots[QUSAGE] / "qusage/data/fluExample.RData")
    values, meta = source["eset.full"], source["flu.meta"]
    samples = _strings(values.coords["dim_1"].values)
    _require(samples == _strings(meta["SampleID"]), "fluExample: samples differ")
    hours = meta["Hours.Numeric"].to_numpy(dtype=float)
    _require(
        [float(hour) for hour in _strings(meta["Hours"])] == hours.tolist(),
        "fluExample: the two columns of hours differ",
    )
    obs = pd.DataFrame(
        {
            "subject": _strings(meta["Subject"]),
            "hours": hours,
            "symptomatic": (meta["Condition"] == "sx").to_numpy(dtype=bool),
            "sex": [sex.lower() for sex in _strings(meta["Gender"])],
            "age": meta["Age"].to_numpy(dtype="int64"),
        },
        index=pd.Index(samples, name="sample"),
    )
    var = pd.DataFrame(index=_gene_index(values.coords["dim_0"].values))
    table = _table(values.values.T, obs, var)
    # One sample stands at the end of the source; here each series is in one piece.
    order = np.lexsort((obs["hours"].to_numpy(), obs["subject"].astype(str)))
    return _titled(
        table[order].copy(), "Influenza challenge", "log2 intensity", "microarray"
    )


def yeast_cell_cycle(roots: Roots) -> ad.AnnData:
    """Six yeast experiments on 800 genes, one array a row."""
    source = read_r(roots[KOHONEN] / "kohonen/data/yeast.rda")["yeast"]
    courses = {str(name): part for name, part in source.items() if name != "class"}
    genes = _strings(courses["alpha"].coords["dim_0"].values)
    arrays: list[str] = []
    names: list[str] = []
    for name in ("alpha", "cdc15", "cdc28", "elu", "cln", "clb"):
        part = courses[name]
        _require(_strings(part.coords["dim_0"].values) == genes, f"{name}: genes")
        arrays += _strings(part.coords["dim_1"].values)
        names += [name] * part.shape[1]
    obs = pd.DataFrame(
        {
            "course": names,
            "minutes": [
                _minutes(array, name) for array, name in zip(arrays, names, strict=True)
            ],
        },
        index=pd.Index(arrays, name="array"),
    )
    phases = pd.Categorical(
        _strings(source["class"]), categories=_strings(source["class"].categories)
    )
    var = pd.DataFrame({"phase": phases}, index=_gene_index(genes))
    values = np.concatenate([courses[name].values for name in dict.fromkeys(names)], 1)
    return _titled(
        _table(values.T, obs, var), "Yeast cell cycle", "log2 ratio", "microarray"
    )


def _minutes(array: str, course: str) -> float:
    """Read the time from an array's name, such as cdc15_30; cyclins have none."""
    if course in ("cln", "clb"):
        return float("nan")
    return float(array.removeprefix(course).removeprefix("_"))


def kidney_liver_counts(roots: Roots) -> ad.AnnData:
    """RNA-seq reads of one kidney and one liver sample, five lanes each."""
    source = read_r(roots[NOISEQ] / "NOISeq/data/Marioni.RData")
    counts, factors, place = source["mycounts"], source["myfactors"], source["mychroms"]
    genes = _strings(counts.index)
    for part in (place.index, source["mygc"].dim_0, source["mylength"].dim_0):
        _require(_strings(getattr(part, "values", part)) == genes, "Marioni: genes")
    lanes = _strings(counts.columns)
    _require(lanes == _strings(factors.index), "Marioni: lanes")
    runs = [text.rsplit("_", 1)[1] for text in _strings(factors["TissueRun"])]
    obs = pd.DataFrame(
        {
            "tissue": [tissue.lower() for tissue in _strings(factors["Tissue"])],
            "run": np.array(runs, dtype="int64"),
            "lane": np.array([int(lane[3]) for lane in lanes], dtype="int64"),
        },
        index=pd.Index(lanes, name="sample"),
    )
    var = pd.DataFrame(
        {
            "length": np.asarray(source["mylength"].values, dtype=float),
            "gc": np.asarray(source["mygc"].values, dtype=float),
            "biotype": _strings(source["mybiotypes"]),
            "chromosome": _strings(place["Chr"]),
            "start": place["GeneStart"].to_numpy(dtype="int64"),
            "end": place["GeneEnd"].to_numpy(dtype="int64"),
        },
        index=_gene_index(genes),
    )
    return _titled(
        _table(counts.to_numpy(dtype=float).T, obs, var),
        "Kidney and liver counts",
        "reads",
        "RNA-seq",
    )


def embryo_qpcr(roots: Roots) -> ad.AnnData:
    """Threshold cycles of 48 genes in 428 single cells of mouse embryos.

    The package holds these cycles minus the housekeeping mean of the *wrong*
    cells (see `threshold_cycles`). We undo that, keep what the package holds in
    the layer "packaged", and check the result in three ways.
    """
    guo = read_r(roots[DESTINY] / "destiny/data/guo.rda")["guo"]
    norm = read_r(roots[DESTINY] / "destiny/data/guo_norm.rda")["guo_norm"]
    packaged = np.asarray(norm.assayData["exprs"].values, dtype=float)
    # In `guo` every undetected value is 10, in `guo_norm` it is not.
    undetected = np.asarray(guo.assayData["exprs"].values) != packaged
    genes = _strings(norm.featureData.data.index)
    housekeepers = [genes.index("Actb"), genes.index("Gapdh")]
    cycles = threshold_cycles(packaged, undetected, housekeepers)
    cells = norm.phenoData.data
    names = _strings(cells["Cell"])
    number = cells["num_cells"].to_numpy(dtype="int64")
    obs = pd.DataFrame(
        {
            "stage": pd.Categorical(
                [f"{count}-cell" for count in number],
                categories=[f"{count}-cell" for count in sorted(set(number.tolist()))],
            ),
            "cells": number,
            "embryo": [name.split(".")[0] for name in names],
        },
        index=pd.Index(names, name="cell"),
    )
    table = _table(cycles.T, obs, pd.DataFrame(index=_gene_index(genes)))
    table.layers["packaged"] = packaged.T.astype(np.float32)
    return _titled(
        table, "Mouse embryo qPCR", "threshold cycle (28 = not detected)", "qPCR"
    )


def threshold_cycles(
    packaged: FloatArray, undetected: npt.NDArray[np.bool_], housekeepers: list[int]
) -> FloatArray:
    """Undo the normalisation of destiny's `guo_norm` (genes × cells).

    The package computed `exprs(ct) - normalizations`, a genes × cells matrix
    minus one number a cell. R walks down the columns, so gene g of cell c lost
    the number of cell (g + n_genes·c) mod n_cells. An undetected value was 28
    before, which gives the number that it lost, and so all of them.

    Raises:
        ContentError: the result contradicts the description above.
    """
    n_genes, n_cells = packaged.shape
    gene, cell = np.indices(packaged.shape)
    donor = (gene + n_genes * cell) % n_cells
    lost = np.full(n_cells, np.nan)
    lost[donor[undetected]] = NOT_DETECTED - packaged[undetected]
    cycles: FloatArray = np.round(packaged + lost[donor], 3)
    _require(not np.isnan(cycles).any(), "guo_norm: a cell's number is unknown")
    _require(bool((cycles[undetected] == NOT_DETECTED).all()), "guo_norm: 28 expected")
    _require(bool((cycles[~undetected] < NOT_DETECTED).all()), "guo_norm: above 28")
    means = cycles[housekeepers].mean(axis=0)
    _require(bool(np.allclose(means, lost, atol=1e-6)), "guo_norm: housekeepers")
    return cycles


def interferon_genes(roots: Roots) -> list[str]:
    """Probable interferon-stimulated genes, after Schoggins et al. 2011."""
    source = read_r(roots[QUSAGE] / "qusage/data/GeneSets.RData")
    return _strings(source["ISG.geneSet"])


TABLES: dict[str, Callable[[Roots], ad.AnnData]] = {
    "influenza_challenge": influenza_challenge,
    "yeast_cell_cycle": yeast_cell_cycle,
    "kidney_liver_counts": kidney_liver_counts,
    "embryo_qpcr": embryo_qpcr,
}


def _strings(values: Iterable[object]) -> list[str]:
    return [str(value) for value in values]


def _gene_index(genes: Iterable[object]) -> pd.Index[str]:
    return pd.Index(_strings(genes), name="gene")


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise ContentError(f"the source is not what this script expects: {what}")


def _table(values: Any, obs: pd.DataFrame, var: pd.DataFrame) -> ad.AnnData:
    """Return samples × genes in float32, with columns of text as categories."""
    for frame in (obs, var):
        for column in frame.columns:
            if pd.api.types.is_string_dtype(frame[column].dtype):
                frame[column] = pd.Categorical(frame[column])
    return ad.AnnData(np.ascontiguousarray(values, dtype=np.float32), obs=obs, var=var)


def _titled(table: ad.AnnData, title: str, units: str, technology: str) -> ad.AnnData:
    table.uns = {"title": title, "units": units, "technology": technology}
    return table


def build(roots: Roots, folder: Path) -> list[Path]:
    """Write every data file into `folder` and return their paths."""
    paths = []
    for name, make in TABLES.items():
        path = folder / f"{name}.h5ad"
        table = make(roots)
        table.uns["card"] = name
        table.write_h5ad(path, compression="gzip", compression_opts=9)
        paths.append(path)
    path = folder / "interferon_genes.csv"
    path.write_text("\n".join(["gene", *interferon_genes(roots), ""]), encoding="utf-8")
    return [*paths, path]


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
    if shipped.suffix != ".h5ad":
        same = shipped.read_text("utf-8") == rebuilt.read_text("utf-8")
        return [] if same else ["text"]
    old, new = ad.read_h5ad(shipped), ad.read_h5ad(rebuilt)
    parts: dict[str, tuple[Any, Any]] = {
        "X": (old.X, new.X),
        "obs": (_plain(old.obs), _plain(new.obs)),
        "var": (_plain(old.var), _plain(new.var)),
        "uns": (dict(old.uns), dict(new.uns)),
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
            plain[f"categories of {name}"] = _strings(column.cat.categories)
    return plain


def _same(one: Any, two: Any) -> bool:
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
            roots = fetch_all((options.debs or Path(scratch) / "debs").resolve())
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
