"""Check the notebooks against the house rules; say nothing where all is well.

    python tools/lint_notebooks.py [notebooks…]

Each finding is a line that names the notebook and the cell and quotes the rule. The
rules are in tools/notebook_lint.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.notebook_lint import NOTEBOOKS, RULES, lint, load_all


def main(arguments: list[str]) -> int:
    """Print the findings and return 1 if there are any, or nothing to check."""
    parser = argparse.ArgumentParser(description="Check notebooks by the house rules.")
    parser.add_argument("notebooks", nargs="*", type=Path)
    chosen = parser.parse_args(arguments).notebooks or sorted(NOTEBOOKS.glob("*.ipynb"))
    if not chosen:
        print(f"There is no notebook in {NOTEBOOKS.name}/.", file=sys.stderr)
        return 1
    findings = [finding for book in load_all(chosen) for finding in lint(book)]
    for finding in findings:
        print(finding)
    print(
        f"{len(chosen)} notebooks, {len(RULES)} rules, {len(findings)} findings",
        file=sys.stderr,
    )
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
