"""Write the result of an experiment with a record of what made it."""

from __future__ import annotations

import ast
import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "experiments" / "results"
LIBRARIES = ("numpy", "scikit-learn", "torch")


def code_hash(file: Path) -> str:
    """Return the sha256 of a module's meaning: comments and docstrings do not count."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_docstring(body[0]):
            del body[0]
    return hashlib.sha256(repr(_meaning(tree)).encode()).hexdigest()


def _meaning(node: object) -> object:
    """Return a syntax tree as nested tuples that are the same for every Python."""
    if isinstance(node, list):
        return tuple(_meaning(item) for item in node)
    if not isinstance(node, ast.AST):
        return node
    fields = ((name, getattr(node, name, None)) for name in node._fields)
    # newer Pythons have more fields, empty in older code
    filled = tuple((n, _meaning(v)) for n, v in fields if v not in (None, []))
    return type(node).__name__, filled


def _is_docstring(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def file_hash(file: Path) -> str:
    """Return the sha256 of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def sources_now(code: list[str], data: list[str]) -> dict[str, dict[str, str]]:
    """Return the hashes of the files named (relative to the root), as they are now."""
    return {
        "code": {name: code_hash(ROOT / name) for name in code},
        "data": {name: file_hash(ROOT / name) for name in data},
    }


def save(
    name: str,
    table: pd.DataFrame,
    *,
    command: str,
    settings: dict[str, Any],
    code: list[str],
    data: list[str],
) -> None:
    """Write ``NAME.csv`` and its record ``NAME.json``, each whole or not at all."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    text = table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    record = {
        "command": command,
        "settings": settings,
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "rows": len(table),
        "sources": sources_now(code, data),
        "lock": file_hash(ROOT / "requirements.lock"),
        "versions": {library: version(library) for library in LIBRARIES},
    }
    write_whole(RESULTS / f"{name}.csv", text)
    write_whole(RESULTS / f"{name}.json", json.dumps(record, indent=2) + "\n")


def write_whole(file: Path, text: str) -> None:
    """Replace ``file`` by ``text`` in one step."""
    temporary = file.with_name(file.name + ".tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(file)
