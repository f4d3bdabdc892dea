"""Statistics of time courses that a biologist would use: limma and DESeq2, frozen.

    python experiments/time_course_statistics.py

Needs R with limma and DESeq2 (``time_course_statistics.R``); without it the stored
results stay. Chapter 8 shows them. Nothing here is a forecast: these tests use all
samples and the labels of all people, and ask which genes differ. A model that is
trained on genes chosen so, and scored on the same people, has seen its answers.

- Influenza: limma, natural splines of time (four degrees of freedom) by group, each
  person with a level of their own; its control with labels permuted among people; and a
  test at each hour alone, of levels and of changes from each person's first sample.
- Simulated counts: DESeq2's likelihood-ratio test of group by time, where the genes
  that respond are known; each sample of a subject of its own, or few subjects followed,
  which the test takes for independent samples all the same.
- Airway: the same test on real counts, with and without the pairing by cell line.
Takes some minutes. The settings were fixed before the first run.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from store import ROOT, save

from genex_helpers.datasets import interferon_genes, load
from genex_helpers.simulator import measure, pulse, random_network, simulate

NAME = "time_course_statistics"
ALPHA = 0.05  # of the false discovery rate
N_LABELLINGS = 20
N_TOP = 200  # genes stored
SETS = range(5)
N_GENES = 400
TIMES = (0.0, 6.0, 12.0, 24.0, 36.0, 48.0)
N_REPLICATES = 4  # a group and time
LIBRARY = 2e6
SUBJECT_SPREAD = 0.15
SIZES = (0.0, 0.5, 1.0, np.inf)  # log2 change at its largest: small, middling, large
DESIGNS = ("a subject a sample", "subjects followed")
SETTINGS: dict[str, Any] = {
    "alpha": ALPHA, "spline_df": 4, "labellings": N_LABELLINGS, "top": N_TOP,
    "sets": len(SETS), "genes": N_GENES, "times": list(TIMES),
    "replicates": N_REPLICATES, "library": LIBRARY, "subject_spread": SUBJECT_SPREAD,
    "designs": list(DESIGNS),
}  # fmt: skip
SIMULATOR = ("arguments", "kinetics", "measurement", "networks", "perturbations",
             "regulation", "simulation")  # fmt: skip
CODE = [f"experiments/{NAME}.py", "genex_helpers/datasets.py",
        *(f"genex_helpers/simulator/{m}.py" for m in SIMULATOR)]  # fmt: skip
R_SCRIPT = f"experiments/{NAME}.R"
DATA = [R_SCRIPT, "data/airway_counts.h5ad", "data/influenza_challenge.h5ad",
        "data/interferon_genes.csv"]  # fmt: skip

Array = NDArray[Any]


def write_influenza(folder: Path) -> None:
    """Write values, samples, and labels permuted among people."""
    adata = load("influenza_challenge")
    table = pd.DataFrame(
        np.asarray(adata.X, dtype=float).T, adata.var_names, adata.obs_names
    )
    table.to_csv(folder / "influenza_values.csv")
    samples = adata.obs[["subject", "hours", "symptomatic"]].copy()
    samples["symptomatic"] = samples["symptomatic"].astype(int)
    samples.to_csv(folder / "influenza_samples.csv")
    people = samples.groupby("subject", observed=True)["symptomatic"].first()
    labellings = {}
    for k in range(N_LABELLINGS):
        drawn = np.random.default_rng(k).permutation(people.to_numpy())
        own = pd.Series(drawn, index=people.index.astype(str))
        labellings[f"labelling {k}"] = samples["subject"].astype(str).map(own)
    pd.DataFrame(labellings).to_csv(folder / "influenza_labellings.csv")


def write_simulated(folder: Path, number: int) -> pd.DataFrame:
    """Write two count tables of one network; return the largest change of each gene."""
    network = random_network(
        N_GENES, 0.002, seed=number, inputs=("virus",), input_share=0.1
    )

    def series(n: int, treated: Array, **noise: Any) -> Any:
        dose = pulse("virus", 1.0, at=1.0, width=60.0, series=treated)
        return simulate(
            network, TIMES, n, seed=number, settle=150.0, perturbations=[dose], **noise
        )

    clean = series(2, np.array([1])).expression  # (2, time, gene)
    change = np.abs(np.log2(clean[1] / clean[0])).max(axis=0)
    for design in DESIGNS:
        n_times = len(TIMES) if design == DESIGNS[0] else 1
        n = 2 * N_REPLICATES * n_times
        treated = np.arange(n) >= n // 2
        simulation = series(
            n, np.flatnonzero(treated), system_size=1e4, subject_spread=SUBJECT_SPREAD
        )
        adata = measure(simulation, seed=number, library_size=LIBRARY)
        if n_times > 1:  # each subject gives one sample
            step = np.arange(n) % n_times
            adata = adata[np.arange(n) * n_times + step].copy()
        order = {name: k for k, name in enumerate(simulation.subjects)}
        who = adata.obs["subject"].astype(str).map(order).to_numpy(dtype=int)
        samples = adata.obs[["subject", "time"]].copy()
        samples["group"] = np.where(treated[who], "infected", "not")
        stem = f"simulated_{number}_{DESIGNS.index(design)}"
        samples.to_csv(folder / f"{stem}_samples.csv")
        counts = pd.DataFrame(np.asarray(adata.X).T, adata.var_names, adata.obs_names)
        counts.to_csv(folder / f"{stem}_counts.csv")
    return pd.DataFrame({"gene": list(network.genes), "change": change})


def write_airway(folder: Path) -> None:
    """Write the airway counts, without genes that have fewer than ten reads in all."""
    adata = load("airway_counts")
    counts = np.asarray(adata.X)
    kept = counts.sum(axis=0) >= 10
    table = pd.DataFrame(counts.T[kept], adata.var_names[kept], adata.obs_names)
    table.to_csv(folder / "airway_counts.csv")
    adata.obs[["cell_line", "treatment"]].to_csv(folder / "airway_samples.csv")


def limma_tables(folder: Path) -> dict[str, pd.DataFrame]:
    """Return the top genes, and how many genes are significant hour by hour."""
    splines = pd.read_csv(folder / "limma_splines.csv")
    by_hour = pd.read_csv(folder / "limma_hours.csv")
    permuted = pd.read_csv(folder / "limma_permuted.csv")
    samples = pd.read_csv(folder / "influenza_samples.csv", index_col=0)
    labellings = pd.read_csv(folder / "influenza_labellings.csv", index_col=0)
    person = ~samples["subject"].duplicated()
    agrees = labellings.eq(samples["symptomatic"], axis=0)[person].sum()
    interferon = set(interferon_genes())
    found = by_hour[by_hour["change"] < ALPHA]
    first = found.groupby("gene")["hours"].min()
    top = splines.sort_values(["p", "gene"], ignore_index=True).head(N_TOP)
    top["interferon"] = top["gene"].isin(interferon).astype(int)
    top["first_hour"] = top["gene"].map(first)
    rows: list[tuple[str, float, Any]] = [("splines", np.nan, splines["adjusted_p"])]
    for hours in np.unique(by_hour["hours"].to_numpy(dtype=float)):
        own = by_hour[by_hour["hours"] == hours]
        rows.append(("level", hours, own["level"]))
        if hours > 0:
            rows.append(("change", hours, own["change"]))
    of_list = splines["gene"].isin(interferon).to_numpy()
    counts = [
        {"test": test, "labelling": "true", "hours": hours, "n_genes": len(p),
         "n_significant": int((p < ALPHA).sum()),
         "n_interferon": int((p.to_numpy() < ALPHA)[of_list].sum())}
        for test, hours, p in rows
    ]  # fmt: skip
    counts += [
        {"test": "splines", "labelling": f"permuted {row.labelling}",
         "n_genes": len(splines), "n_significant": row.n_significant,
         "n_people_as_they_are": int(same)}
        for row, same in zip(permuted.itertuples(), agrees, strict=True)
    ]  # fmt: skip
    tables = {
        "time_course_limma_genes": top,
        "time_course_limma_counts": pd.DataFrame(counts),
    }
    SETTINGS["influenza_genes"] = len(splines)
    SETTINGS["interferon_genes"] = int(of_list.sum())
    return tables


def scored(folder: Path, number: int, truth: pd.DataFrame) -> list[dict[str, Any]]:
    """Return sensitivity and false discoveries of each design on one simulated set."""
    rows = []
    for k, design in enumerate(DESIGNS):
        tests = pd.read_csv(folder / f"simulated_{number}_{k}_tests.csv")
        table = truth.merge(tests, on="gene", validate="one_to_one")
        called = table["adjusted_p"].to_numpy() < ALPHA  # what was not tested is not
        change = table["change"].to_numpy()
        silent = change < 1e-9  # no path leads to them from the input
        row = {"set": number, "design": design, "n_called": int(called.sum()),
               "n_false": int((called & silent).sum()),
               "n_silent": int(silent.sum())}  # fmt: skip
        for low, high, name in zip(
            SIZES, SIZES[1:], ("small", "middling", "large"), strict=False
        ):
            own = ~silent & (change > low) & (change <= high)
            row[f"n_{name}"] = int(own.sum())
            row[f"found_{name}"] = int((called & own).sum())
        rows.append(row)
    return rows


def airway_table(folder: Path) -> pd.DataFrame:
    """Return how many genes each design finds."""
    tests = pd.read_csv(folder / "airway_tests.csv")
    rows = []
    for design, own in tests.groupby("design"):
        rows.append({"design": design, "n_genes": len(own),
                     "n_tested": int(own["adjusted_p"].notna().sum()),
                     "n_significant": int((own["adjusted_p"] < ALPHA).sum()),
                     "smallest_p": own["p"].min()})  # fmt: skip
    return pd.DataFrame(rows)


def main() -> None:
    rscript = shutil.which("Rscript")
    if rscript is None:
        print("Rscript is not installed: the stored results stay as they are")
        return
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_influenza(folder)
        write_airway(folder)
        truths = {number: write_simulated(folder, number) for number in SETS}
        subprocess.run([rscript, str(ROOT / R_SCRIPT), name], check=True)
        tables = limma_tables(folder)
        rows = [row for n, truth in truths.items() for row in scored(folder, n, truth)]
        tables["time_course_deseq2_simulated"] = pd.DataFrame(rows)
        tables["time_course_deseq2_airway"] = airway_table(folder)
        versions = pd.read_csv(folder / "versions.csv").set_index("package")["version"]
    SETTINGS["r_versions"] = versions.to_dict()
    command = f"python experiments/{NAME}.py"
    for name, table in tables.items():
        save(name, table, command=command, settings=SETTINGS, code=CODE, data=DATA)
        print(f"{name}: {len(table)} rows")


if __name__ == "__main__":
    main()
