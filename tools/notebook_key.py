"""Decide whether an executed notebook is still up to date.

An executed notebook lies at ``_build/executed/NAME.ipynb``. Beside it a record,
``NAME.json``, holds the key of everything that it was made from and the checksum of
the notebook itself, so neither an old nor an edited output is ever served.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

# What a notebook reads besides itself, relative to the root of the project.
INPUTS = ("genex_helpers", "data", "experiments/results", "requirements.lock")
# The runner changes a notebook's metadata, so its own code is an input too.
RUNNER = ("notebook_key.py", "notebook_worker.py", "run_notebooks.py")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: a temporary file, then a rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        os.chmod(name, 0o644)  # mkstemp makes files that only their owner can read
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def sha256(content: bytes) -> str:
    """Return the SHA-256 of ``content`` as hexadecimal text."""
    return hashlib.sha256(content).hexdigest()


def _files(root: Path) -> Iterator[Path]:
    """Yield the files that every notebook depends on, in a fixed order."""
    for name in INPUTS:
        place = root / name
        found = [place] if place.is_file() else sorted(place.rglob("*"))
        for path in found:
            inside = path.relative_to(root).parts
            hidden = any(part.startswith((".", "__pycache__")) for part in inside)
            if path.is_file() and not hidden:
                yield path


def shared_digest(root: Path) -> str:
    """Return the hash of everything but the notebook and its settings.

    It covers the helper package, the data, the stored results, the lock, the
    installed packages, the Python version and the runner.
    """
    digest = hashlib.sha256()
    for path in _files(root):
        name = path.relative_to(root).as_posix()
        digest.update(f"{name}\0{sha256(path.read_bytes())}\n".encode())
    for module in RUNNER:
        digest.update(Path(__file__).with_name(module).read_bytes())
    packages = sorted({f"{d.name}=={d.version}" for d in metadata.distributions()})
    digest.update("\n".join([platform.python_version(), *packages]).encode())
    return digest.hexdigest()


def notebook_key(source: Path, shared: str, settings: dict[str, Any]) -> str:
    """Return the key of one notebook run with ``settings`` (JSON values)."""
    parts = [shared, sha256(source.read_bytes()), json.dumps(settings, sort_keys=True)]
    return sha256("\n".join(parts).encode())


def load_record(executed: Path) -> dict[str, Any] | None:
    """Return the record of an executed notebook, or None if it cannot be trusted.

    It is trusted if the notebook is, byte for byte, the one that the runner wrote.
    """
    try:
        record = json.loads(executed.with_suffix(".json").read_text("utf-8"))
        if record["sha256"] == sha256(executed.read_bytes()):
            return dict(record)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None


def save_executed(executed: Path, content: bytes, record: dict[str, Any]) -> None:
    """Write an executed notebook, then the record that vouches for it."""
    record = {**record, "sha256": sha256(content)}
    write_whole(executed, content)
    text = json.dumps(record, indent=1, sort_keys=True) + "\n"
    write_whole(executed.with_suffix(".json"), text.encode())


def remove_executed(executed: Path) -> None:
    """Remove an executed notebook and its record, where they exist."""
    executed.with_suffix(".json").unlink(missing_ok=True)
    executed.unlink(missing_ok=True)
