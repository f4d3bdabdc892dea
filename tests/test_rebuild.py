"""The script that makes the data files from their source packages."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from genex_helpers.datasets import registry
from genex_helpers.paths import data_dir

SCRIPT = data_dir() / "rebuild.py"


@pytest.fixture
def rebuild(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(data_dir()))
    return importlib.import_module("rebuild")


@pytest.fixture
def sources(rebuild: ModuleType) -> ModuleType:
    return importlib.import_module("sources")


@pytest.mark.network
def test_every_file_is_rebuilt_with_the_same_content(tmp_path: Path) -> None:
    missing = [tool for tool in ("apt-get", "dpkg") if shutil.which(tool) is None]
    if missing:
        pytest.skip(
            f"{' and '.join(missing)} missing: needs Debian's or Ubuntu's tools"
        )
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--check", "--debs", str(tmp_path)],
        capture_output=True,
        text=True,
    )
    if done.returncode == 2:
        # `make check-data` fails here; the tests on a reader's Ubuntu need not.
        pytest.skip(f"the source packages are not to be had: {done.stderr.strip()}")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(registry())
    assert all(line.endswith(": identical") for line in lines)


def recycled(cycles: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """What R makes of a genes × cells matrix minus one number a cell."""
    flat = cycles.ravel(order="F")
    repeated = np.resize(numbers, flat.size)
    return (flat - repeated).reshape(cycles.shape, order="F")


def example() -> tuple[np.ndarray, np.ndarray]:
    """Cycles of 6 genes in 9 cells; each cell has some that are undetected."""
    rng = np.random.default_rng(0)
    cycles = rng.uniform(10, 27, size=(6, 9)).round(2)
    cycles[2:5] = np.where(rng.random((3, 9)) < 0.7, 28.0, cycles[2:5])
    return cycles, cycles[:2].mean(axis=0)


@pytest.fixture
def recipe(rebuild: ModuleType) -> ModuleType:
    return importlib.import_module("recipes.embryo_qpcr")


def test_the_wrong_normalisation_is_undone(recipe: ModuleType) -> None:
    cycles, numbers = example()
    packaged = recycled(cycles, numbers)
    assert not np.allclose(packaged, cycles - numbers)
    found = recipe.threshold_cycles(packaged, cycles == 28, [0, 1])
    assert np.allclose(found, cycles)


def test_a_right_normalisation_is_refused(
    rebuild: ModuleType, recipe: ModuleType
) -> None:
    """If the package is ever mended, the script must say so, not scramble it."""
    cycles, numbers = example()
    with pytest.raises(rebuild.ContentError, match="not what this script expects"):
        recipe.threshold_cycles(cycles - numbers, cycles == 28, [0, 1])


@pytest.mark.parametrize("part", ["X", "layer packaged", "obs", "var", "uns"])
def test_check_names_the_part_that_differs(
    rebuild: ModuleType, tmp_path: Path, part: str
) -> None:
    import anndata

    shipped = data_dir() / "embryo_qpcr.h5ad"
    assert rebuild.differences(shipped, shipped) == []
    table = anndata.read_h5ad(shipped)
    if part == "X":
        table.X[0, 0] = np.nextafter(table.X[0, 0], np.float32(99))
    elif part == "layer packaged":
        table.layers["packaged"][3, 3] += 1
    elif part == "obs":
        table.obs["stage"] = table.obs["stage"].cat.rename_categories({"2-cell": "2"})
    elif part == "var":
        table.var_names = ["actb", *table.var_names[1:]]
    else:
        table.uns["units"] = "cycles"
    other = tmp_path / shipped.name
    table.write_h5ad(other)
    assert rebuild.differences(shipped, other) == [part]


@pytest.mark.parametrize("part", ["obsm", "uns"])
def test_check_looks_into_places_and_pictures(
    rebuild: ModuleType, tmp_path: Path, part: str
) -> None:
    import anndata

    shipped = data_dir() / "visium_spots.h5ad"
    assert rebuild.differences(shipped, shipped) == []
    table = anndata.read_h5ad(shipped)
    if part == "obsm":
        table.obsm["spatial"][0, 0] += 1
    else:
        (section,) = table.uns["spatial"].values()
        section["images"]["hires"][7, 7, 2] ^= 1
    other = tmp_path / shipped.name
    table.write_h5ad(other)
    assert rebuild.differences(shipped, other) == [part]


@pytest.mark.parametrize(
    "part", ["obs", "uns", "X of protein", "var of rna", "names of tables"]
)
def test_check_looks_into_each_of_several_tables(
    rebuild: ModuleType, tmp_path: Path, part: str
) -> None:
    import mudata

    shipped = data_dir() / "adrenocortical.h5mu"
    assert rebuild.differences(shipped, shipped) == []
    other = tmp_path / shipped.name
    with importlib.import_module("recipes.common").columns_stay():
        tables = mudata.read_h5mu(shipped)
        if part == "obs":
            tables.obs["days"] = tables.obs["days"] + 1
        elif part == "uns":
            tables.uns["units"] = "cycles"
        elif part == "X of protein":
            tables["protein"].X[0, 0] += 1
        elif part == "var of rna":
            tables["rna"].var["gene"] = tables["rna"].var["gene"].astype(str) + "?"
        else:
            del tables.mod["mutations"]
        tables.write_h5mu(other)
    assert rebuild.differences(shipped, other) == [part]


def test_an_unexpected_source_is_a_failure_not_a_missing_source(
    rebuild: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken(roots: object, folder: Path) -> list[Path]:
        importlib.import_module("recipes.common").require(False, "genes differ")
        return []

    monkeypatch.setattr(rebuild, "fetch_all", lambda folder: {})
    monkeypatch.setattr(rebuild, "fetch_archives", lambda folder: {})
    monkeypatch.setattr(rebuild, "build", broken)
    assert rebuild.main(["--check"]) == 1
    assert "genes differ" in capsys.readouterr().err


def test_check_fails_on_a_difference_and_on_a_missing_file(
    rebuild: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    built = tmp_path / "interferon_genes.csv"
    built.write_text("gene\nMX1\n", encoding="utf-8")
    assert not rebuild.check([built])
    assert "interferon_genes.csv: differs: text" in capsys.readouterr().out
    monkeypatch.setattr(rebuild, "HERE", tmp_path / "nowhere")
    assert not rebuild.check([built])
    assert "the shipped file is missing" in capsys.readouterr().out


def test_without_the_tools_it_says_what_it_needs(
    rebuild: ModuleType,
    sources: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sources.shutil, "which", lambda tool: None)
    assert rebuild.main(["--check"]) == 2
    said = capsys.readouterr().err
    assert "apt-get and dpkg not found" in said
    assert "Debian bookworm" in said
    assert not list(data_dir().glob(".rebuild-*"))


def test_another_package_than_the_pinned_one_is_refused(
    sources: ModuleType, tmp_path: Path
) -> None:
    (tmp_path / sources.QUSAGE.deb).write_bytes(b"something else")
    with pytest.raises(sources.ContentError) as caught:
        sources._fetch(sources.QUSAGE, tmp_path)
    assert sources.QUSAGE.sha256 in str(caught.value)
    assert sources.sha256(tmp_path / sources.QUSAGE.deb) in str(caught.value)


def test_a_version_that_is_not_to_be_had_is_named(
    sources: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        if command[0] == "apt-get":
            assert command[-1] == "r-cran-kohonen:amd64=3.0.11+dfsg-1"
            return subprocess.CompletedProcess(command, 100, "", "E: not found")
        listing = " r-cran-kohonen | 3.0.12-1 | http://mirror noble/universe\n"
        return subprocess.CompletedProcess(command, 0, listing, "")

    monkeypatch.setattr(sources.subprocess, "run", run)
    with pytest.raises(sources.SourceError) as caught:
        sources._fetch(sources.KOHONEN, tmp_path)
    for part in ("3.0.11+dfsg-1", "3.0.12-1", "bookworm", "E: not found"):
        assert part in str(caught.value)
