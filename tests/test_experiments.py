"""Stored results: undamaged, and made by the code and data that are here now."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from genex_helpers import results

ROOT = Path(__file__).resolve().parents[1]
RECORDS = sorted((ROOT / "experiments" / "results").glob("*.json"))
sys.path.insert(0, str(ROOT / "experiments"))

from store import code_hash, file_hash  # noqa: E402


def test_there_are_results() -> None:
    assert RECORDS


@pytest.mark.parametrize("record_file", RECORDS, ids=lambda p: p.stem)
def test_results_are_whole_and_fresh(record_file: Path) -> None:
    table, record = results.load_result(record_file.stem)
    assert len(table) == record["rows"]
    for name, stored in record["sources"]["code"].items():
        assert code_hash(ROOT / name) == stored, (
            f"{name} changed since the result was made: run `{record['command']}`"
        )
    for name, stored in record["sources"]["data"].items():
        assert file_hash(ROOT / name) == stored, f"{name} changed: run it again"


@pytest.mark.parametrize("record_file", RECORDS, ids=lambda p: p.stem)
def test_results_are_of_the_locked_libraries(record_file: Path) -> None:
    """The whole lock moves with every small tool, so only the libraries count."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    locked = {line.split(" ;")[0].strip() for line in lock}
    versions = json.loads(record_file.read_text(encoding="utf-8"))["versions"]
    for library, version in versions.items():
        assert f"{library}=={version.split('+')[0]}" in locked


def test_code_hash_ignores_comments_and_docstrings(tmp_path: Path) -> None:
    one, two, three = (tmp_path / f"{n}.py" for n in "abc")
    one.write_text('"""A."""\ndef f(x):\n    """B."""\n    return x + 1\n')
    two.write_text("# why\ndef f(x):\n    return x + 1  # because\n")
    three.write_text("def f(x):\n    return x + 2\n")
    assert code_hash(one) == code_hash(two) != code_hash(three)


def test_a_damaged_result_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for suffix in (".csv", ".json"):
        source = RECORDS[0].with_suffix(suffix)
        (tmp_path / source.name).write_bytes(source.read_bytes())
    monkeypatch.setattr(results, "results_dir", lambda: tmp_path)
    assert len(results.load_result(RECORDS[0].stem)[0])
    with (tmp_path / f"{RECORDS[0].stem}.csv").open("a") as file:
        file.write("1,2\n")
    with pytest.raises(ValueError, match=r"damaged.*run `python experiments"):
        results.load_result(RECORDS[0].stem)
    with pytest.raises(FileNotFoundError, match="known"):
        results.load_result("nothing")
