"""What R's sva makes of ten small tables, for comparison with our ComBat.

    python experiments/combat_sva.py

Needs R with the packages sva and bladderbatch (see combat_sva.R, which does the work);
without them nothing is done and the stored table stays as it is. Chapter 7 and
tests/test_combat.py compare with the table that this stores. Takes some seconds.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from store import ROOT, save

NAME = "combat_sva"
CODE = [f"experiments/{NAME}.py"]
SCRIPT = f"experiments/{NAME}.R"
PACKAGES = "stopifnot(requireNamespace('sva'), requireNamespace('bladderbatch'))"


def has_packages() -> bool:
    """Return whether R is here with the packages that the script needs."""
    program = shutil.which("Rscript")
    if program is None:
        return False
    done = subprocess.run([program, "-e", PACKAGES], capture_output=True, check=False)
    return done.returncode == 0


def main() -> None:
    if not has_packages():
        print(f"{NAME}: skipped. It needs R with the packages sva and bladderbatch; "
              "the stored table stays as it is.")  # fmt: skip
        return
    with TemporaryDirectory() as folder:
        path = Path(folder, "table.csv")
        subprocess.run(["Rscript", str(ROOT / SCRIPT), str(path)], check=True)
        # as words, so that no digit is lost on the way
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    settings = {"R": "4.2.2", "sva": "3.46.0", "bladderbatch": "1.36.0"}
    command = f"python experiments/{NAME}.py"
    save(NAME, table, command=command, settings=settings, code=CODE, data=[SCRIPT])
    print(f"{NAME}: {len(table)} rows")


if __name__ == "__main__":
    main()
