"""Write requirements.lock: the exact versions that build and test the book.

    python tools/lock.py

One universal lock serves Linux, macOS and Windows with Python 3.11 to 3.13.
torch pins its CUDA packages itself, so they are left out: a machine without a GPU
then installs a CPU build (``make book TORCH_INDEX=…``) without their gigabytes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
TORCH = "torch==2.13.0"
GPU_ONLY = ("nvidia-", "cuda-", "triton")
HEADER = """\
# Exact versions of everything that builds and tests the book.
# Written by tools/lock.py from pyproject.toml; do not edit.
"""


def resolve() -> str:
    """Return uv's universal resolution of the package and all of its extras."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml"]
    command += ["--extra", "book", "--extra", "build", "--python-version", "3.11"]
    command += ["--universal", "--no-annotate", "--no-header", "--constraint", "-"]
    command += ["--prerelease", "disallow"]
    # a local wheel folder would put "+cpu" into the lock, which no index has
    environment = {k: v for k, v in os.environ.items() if k != "UV_FIND_LINKS"}
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        input=TORCH,
        text=True,
        capture_output=True,
        check=True,
    )
    return done.stdout


def main() -> None:
    lines = [li for li in resolve().splitlines() if not li.startswith(GPU_ONLY)]
    whole = HEADER + "\n".join(lines) + "\n"
    temporary = LOCK.with_suffix(".tmp")
    temporary.write_text(whole, encoding="utf-8")
    temporary.replace(LOCK)
    print(f"{LOCK.name}: {len(lines)} packages")


if __name__ == "__main__":
    main()
