"""Memory: asked before a file is read, and said with numbers."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from genex_helpers.own_data import memory, problems, read_table


def table() -> bytes:
    """Return 500 genes × 100 samples, each cell of four digits."""
    header = "\t".join(["gene", *(f"s{k}" for k in range(100))])
    rows = ["\t".join([f"g{k}", *["1234"] * 100]) for k in range(500)]
    return "\n".join([header, *rows]).encode()


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_table_larger_than_memory_is_not_begun(
    pack: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "large.tsv"
    path.write_bytes(pack(table()))
    monkeypatch.setattr(memory, "available_memory", lambda: 1_000_000)
    monkeypatch.setattr("genex_helpers.own_data.tables.read_cells", None)
    with pytest.raises(problems.TooBigError, match=r"needs about 0\.0 GB.*0\.0 GB"):
        read_table(path)


def test_two_gigabytes_on_a_small_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "large.tsv"
    path.write_bytes(table())
    monkeypatch.setattr("genex_helpers.own_data.tables.text_size", lambda _: 2 * 10**9)
    monkeypatch.setattr(memory, "available_memory", lambda: 4 * 10**9)
    with pytest.raises(problems.TooBigError) as found:
        read_table(path)
    # 2 GB in cells of five characters, 40 bytes each: 16 GB
    assert "2.00 GB of text" in str(found.value) and "16.0 GB" in str(found.value)
    assert "4.0 GB are free" in str(found.value) and "sparse" in str(found.value)


def test_available_memory_is_that_of_the_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    8000 kB\n")
    (tmp_path / "max").write_text("5000000\n")
    (tmp_path / "used").write_text("1000000\n")
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "meminfo")
    limits = ((str(tmp_path / "max"), str(tmp_path / "used")),)
    monkeypatch.setattr(memory, "_LIMITS", limits)
    assert memory.available_memory() == 4_000_000
    (tmp_path / "max").write_text("max\n")
    assert memory.available_memory() == 8_192_000


def test_where_memory_is_unknown_nothing_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(name: str) -> int:
        raise ValueError(name)

    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "nothing")
    monkeypatch.setattr(memory, "_LIMITS", ())
    monkeypatch.setattr(memory.os, "sysconf", unknown)
    assert memory.available_memory() is None
    memory.check_memory(1e18, "a table", "")
