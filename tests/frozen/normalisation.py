"""Export the counts that R normalises, and run R on them.

    python tests/frozen/normalisation.py

Needs Rscript with DESeq2, edgeR and limma; see normalisation.R, which says the versions
and writes the two tables beside this file that tests/test_normalisation.py reads.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from genex_helpers.datasets import load

HERE = Path(__file__).resolve().parent
COUNTS = ("airway", "pasilla", "lymphoblastoid", "kidney_liver")


def main() -> None:
    """Write genes × samples as whole numbers, then call R."""
    with TemporaryDirectory() as folder:
        for name in COUNTS:
            table = load(f"{name}_counts").to_df().T.astype("int64")
            table.to_csv(Path(folder, f"{name}.csv"))
        lengths = load("kidney_liver_counts").var["mrna_length"]
        pd.DataFrame({"bases": lengths}).to_csv(Path(folder, "lengths.csv"))
        treatment = load("airway_counts").obs["treatment"]
        treatment.to_csv(Path(folder, "treatment.csv"))
        script = HERE / "normalisation.R"
        subprocess.run(["Rscript", str(script), folder, str(HERE)], check=True)


if __name__ == "__main__":
    main()
