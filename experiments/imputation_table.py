"""Which way of filling gaps comes nearest to values that were measured and hidden?

    python experiments/imputation_table.py

Chapter 6 shows the two tables that this writes and recomputes a slice. In
``imputation_table`` each row is a unit (a cluster of yeast genes, or a person) with its
sums over all maskings: values hidden, their sum and squares, and the squared errors of
each method. In ``imputation_maskings`` each row is one masking, and each method has its
error as a share of the spread of the hidden values.
The settings, delta and comparisons stand in ``genex_helpers/imputation_scores.py`` and
were fixed before the run, after one look at another masking of the yeast genes; the
interferon genes were added after the first run, for most genes drawn at random are
flat, with nothing else changed.
Takes some minutes on one core; a run that was cut goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from store import ROOT, save, sources_now, write_whole
from tqdm import tqdm

from genex_helpers.imputation import METHODS
from genex_helpers.imputation_scores import (
    MASKINGS,
    PATTERNS_OF,
    SETTINGS,
    SHARES,
    ZERO_SUM,
    GeneTable,
    fill_hidden,
    influenza_tables,
    nrmse,
    yeast_table,
)

NAME = "imputation_table"
BY_MASKING = "imputation_maskings"
MODULES = ("datasets", "hiding", "imputation", "imputation_scores", "splits")
CODE = [f"experiments/{NAME}.py", *(f"genex_helpers/{m}.py" for m in MODULES)]
DATA = ["data/influenza_challenge.h5ad", "data/interferon_genes.csv",
        "data/yeast_cell_cycle.h5ad"]  # fmt: skip
ALL = [*METHODS, ZERO_SUM]
SUMS = ["n", "truth_sum", "truth_squares"]
KEY = hashlib.sha256(
    json.dumps([SETTINGS, sources_now(CODE, DATA)]).encode()
).hexdigest()
PARTS = ROOT / "_build" / "experiments" / NAME / KEY[:12]
# data set, centred again, pattern, share
Condition = tuple[str, bool, str, float]


def conditions() -> list[Condition]:
    """Return all that is hidden and scored; the leak is shown for single values."""
    found = [
        (data, True, pattern, share)
        for data, patterns in PATTERNS_OF.items()
        for pattern, share in product(patterns, SHARES)
    ]
    return found + [("yeast", False, "random", share) for share in SHARES]


def masking_sums(
    table: GeneTable, condition: Condition, masking: int
) -> list[pd.DataFrame]:
    """Return the sums by unit and by course of one masking of one table."""
    _, centred, pattern, share = condition
    methods = METHODS if centred else ALL
    hidden, truth, filled = fill_hidden(
        table, pattern, share, masking, methods=methods, centre=centred
    )
    gene, column = np.nonzero(hidden)
    values = pd.DataFrame(
        {"n": 1.0, "truth_sum": truth, "truth_squares": truth**2}
        | {m: (filled[m] - truth) ** 2 if m in filled else np.nan for m in ALL}
    )
    found = []
    for name, keys in (("unit", table.units[gene]), ("course", table.courses[column])):
        sums = values.groupby(keys).sum(min_count=1)
        found.append(sums.rename_axis(name).reset_index().assign(masking=masking))
    return found


def score(condition: Condition, tables: list[GeneTable]) -> list[Path]:
    """Score one condition; store its sums by unit, and its errors by masking."""
    data, centred, pattern, share = condition
    stem = f"{data}-{'' if centred else 'not-'}centred-{pattern}-{share:g}"
    parts = [PARTS / f"{stem}-{what}.csv" for what in ("units", "maskings")]
    if all(part.exists() for part in parts):
        return parts
    sums = [masking_sums(t, condition, m) for m in MASKINGS for t in tables]
    by_unit, by_course = (pd.concat(part) for part in zip(*sums, strict=True))
    units = by_unit.drop(columns="masking").groupby("unit").sum(min_count=1)
    whole = by_course.drop(columns="course").groupby("masking").sum(min_count=1)
    rows = [whole.reset_index().assign(course="all")]
    if data == "yeast":
        rows.append(by_course)
    errors = pd.concat(rows)
    for method in ALL:
        errors[method] = nrmse(*(errors[c].to_numpy() for c in [*SUMS, method]))
    keys = {"data": data, "centred": centred, "pattern": pattern, "share": share}
    for part, table, order in (
        (parts[0], units.reset_index(), ["unit", *SUMS]),
        (parts[1], errors, ["masking", "course", "n"]),
    ):
        write_whole(part, table[[*order, *ALL]].assign(**keys).to_csv(index=False))
    return parts


def gathered(parts: tuple[Path, ...], first: list[str]) -> pd.DataFrame:
    """Return the parts as one table, its keys in front."""
    table = pd.concat([pd.read_csv(part) for part in parts], ignore_index=True)
    keys = ["data", "centred", "pattern", "share", *first]
    return table[keys + [c for c in table if c not in keys]]


def main() -> None:
    PARTS.mkdir(parents=True, exist_ok=True)
    tables = {
        "yeast": [yeast_table()],
        "influenza": influenza_tables(),
        "influenza, interferon": influenza_tables(interferon=True),
    }
    parts = [score(c, tables[c[0]]) for c in tqdm(conditions(), unit="condition")]
    command = f"python experiments/{NAME}.py"
    results = zip((NAME, BY_MASKING), zip(*parts, strict=True), strict=True)
    for name, files in results:
        first = ["unit"] if name == NAME else ["masking", "course"]
        table = gathered(files, first)
        save(name, table, command=command, settings=SETTINGS, code=CODE, data=DATA)
        print(f"{name}: {len(table)} rows")


if __name__ == "__main__":
    main()
