"""The loader, the registry, the cards and the page that shows them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genex_helpers import datasets
from genex_helpers.datasets import (
    DataFileError,
    interferon_genes,
    list_datasets,
    load,
    load_card,
    load_multiomics,
)
from genex_helpers.paths import data_dir

TABLES = (
    "airway_counts",
    "bladder_batches",
    "embryo_qpcr",
    "influenza_challenge",
    "influenza_vaccine",
    "kidney_liver_counts",
    "lymphoblastoid_counts",
    "myoblast_cells",
    "nci60",
    "pasilla_counts",
    "visium_spots",
    "yeast_cell_cycle",
)
SEVERAL = ("adrenocortical",)
CARDS = (*TABLES, *SEVERAL, "interferon_genes")
SUFFIXES = {".h5ad", ".h5mu", ".csv"}
LICENCES = {
    "GPL-2.0-or-later",
    "GPL-3.0-only",
    "GPL-3.0-or-later",
    "Artistic-2.0",
    "BSD-3-Clause",
    "MIT",
}


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the data folder that a test may damage."""
    folder = tmp_path / "data"
    shutil.copytree(data_dir(), folder, ignore=shutil.ignore_patterns(".rebuild-*"))
    monkeypatch.setattr(datasets, "data_dir", lambda: folder)
    return folder


# --- the loader -------------------------------------------------------------


def test_import_is_quick_and_needs_no_heavy_package() -> None:
    code = (
        "import sys, genex_helpers.datasets; "
        "print([m for m in ('anndata', 'pandas', 'torch') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


# anndata asks pandas 3 for an option that it is about to drop
@pytest.mark.filterwarnings("ignore:The 'future.infer_string' option")
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", TABLES)
def test_load_gives_float32_samples_by_genes(name: str) -> None:
    table = load(name)
    assert isinstance(table.X, np.ndarray)
    assert table.X.dtype == np.float32
    assert list(table.shape) == load_card(name)["shape"]
    assert table.obs_names.is_unique and table.var_names.is_unique
    assert table.var_names.name == "gene"
    assert table.uns["card"] == name
    for key in ("title", "units", "technology"):
        assert table.uns[key] == load_card(name)[key]


# mudata 0.4.1 uses a keyword that pandas 3.1 is about to drop
@pytest.mark.filterwarnings("ignore:The inplace keyword")
@pytest.mark.filterwarnings("ignore:The 'future.infer_string' option")
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", SEVERAL)
def test_load_multiomics_gives_tables_of_the_same_patients(name: str) -> None:
    tables = load_multiomics(name)
    assert list(tables.shape) == load_card(name)["shape"]
    assert tables.obs_names.is_unique and tables.var_names.is_unique
    assert tables.uns["card"] == name
    for key in ("title", "units", "technology"):
        assert tables.uns[key] == load_card(name)[key]
    for table in tables.mod.values():
        assert table.X.dtype == np.float32
        assert set(table.obs_names) <= set(tables.obs_names)
        assert "gene" in table.var


def test_two_loads_do_not_share_values() -> None:
    first = load("embryo_qpcr")
    first.X[0, 0] = -1.0
    assert load("embryo_qpcr").X[0, 0] != -1.0


def test_unknown_name_lists_the_names() -> None:
    with pytest.raises(ValueError, match="name='flu' is not a data set") as caught:
        load("flu")
    for name in TABLES:
        assert name in str(caught.value)
    with pytest.raises(ValueError, match="name='flu' has no data card"):
        load_card("flu")


def test_damaged_file_is_named_with_both_checksums_and_the_cure(copied: Path) -> None:
    path = copied / "embryo_qpcr.h5ad"
    expected = json.loads((copied / "registry.json").read_text())[path.name]["sha256"]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    found = datasets.hashlib.sha256(content).hexdigest()
    with pytest.raises(DataFileError) as caught:
        load("embryo_qpcr")
    for part in (str(path), expected, found, "git checkout", "make rebuild-data"):
        assert part in str(caught.value)
    assert "reinstall" in str(caught.value)


@pytest.mark.parametrize("file", ["yeast_cell_cycle.h5ad", "interferon_genes.csv"])
def test_missing_file_is_named_with_the_cure(copied: Path, file: str) -> None:
    (copied / file).unlink()
    with pytest.raises(DataFileError, match="is missing; expected a file") as caught:
        interferon_genes() if file.endswith(".csv") else load(Path(file).stem)
    assert file in str(caught.value)
    assert "git checkout" in str(caught.value)


def test_missing_registry_is_named(copied: Path) -> None:
    (copied / "registry.json").unlink()
    with pytest.raises(DataFileError, match=r"registry\.json is missing"):
        load("embryo_qpcr")


def test_list_datasets_shows_every_table() -> None:
    table = list_datasets()
    assert tuple(table.index) == tuple(sorted((*TABLES, *SEVERAL)))
    assert table.loc["influenza_challenge", "shape"] == "252 × 4147"
    assert list(table.columns) == [
        "shape",
        "technology",
        "time_axis",
        "licence",
        "citation",
    ]
    assert not table.isna().to_numpy().any()


# --- registry, cards, licences ----------------------------------------------


def test_registry_describes_exactly_the_shipped_files() -> None:
    folder = data_dir()
    shipped = {p.name for p in folder.iterdir() if p.suffix in SUFFIXES}
    registry = datasets.registry()
    assert set(registry) == shipped
    for file, entry in registry.items():
        content = (folder / file).read_bytes()
        assert entry == {
            "sha256": datasets.hashlib.sha256(content).hexdigest(),
            "bytes": len(content),
        }


def test_there_is_a_card_for_every_file() -> None:
    cards = {path.stem for path in (data_dir() / "cards").glob("*.toml")}
    assert cards == set(CARDS) == {Path(file).stem for file in datasets.registry()}


@pytest.mark.parametrize("name", CARDS)
def test_card_is_complete(name: str) -> None:
    card = load_card(name)
    assert card["name"] == name
    assert Path(card["file"]).stem == name
    texts = ["title", "organism", "technology", "units", "time_axis", "times", "labels"]
    texts += ["origin", "paper", "licence", "licence_note", "citation"]
    texts += ["summary", "cut"]
    for key in texts:
        assert isinstance(card[key], str) and card[key].strip(), key
    assert re.fullmatch(r"10\.\d{4,9}/\S+", card["doi"])
    assert not card["doi"].endswith(".")
    assert card["defects"] and all(text.endswith(".") for text in card["defects"])
    assert 2 <= len(card["summary"].strip().splitlines()) <= 4
    assert re.fullmatch(r"[0-9a-f]{64}", card["package"]["sha256"])
    keys = {"name", "version", "sha256", "object"}
    assert set(card["package"]) - {"archive"} == keys
    assert card["organism"].startswith("Homo sapiens") == ("people" in card) or (
        name == "interferon_genes"
    )


@pytest.mark.parametrize("name", CARDS)
def test_licence_is_named_everywhere(name: str) -> None:
    card = load_card(name)
    assert card["licence"] in LICENCES
    assert (data_dir() / "LICENSES" / f"{card['licence']}.txt").stat().st_size > 1000
    readme = (data_dir() / "README.md").read_text("utf-8")
    row = next(line for line in readme.splitlines() if f"`{card['file']}` |" in line)
    for part in (card["licence"], card["doi"], card["package"]["version"]):
        assert part in row
    assert card["package"]["name"] in row


def test_a_column_from_elsewhere_keeps_its_own_licence() -> None:
    licence, source = "LGPL-2.0-or-later", "r-bioc-genelendatabase"
    assert (data_dir() / "LICENSES" / f"{licence}.txt").stat().st_size > 1000
    readme = (data_dir() / "README.md").read_text("utf-8")
    assert licence in readme and f"`{source}` 1.34.0-1" in readme
    for name in TABLES:
        if "mrna_length" in load(name).var:
            card = load_card(name)
            assert licence in card["licence_note"]
            assert f"`{source}` 1.34.0-1" in card["cut"]


def test_cards_name_the_packages_that_the_script_fetches() -> None:
    for name in CARDS:
        package = load_card(name)["package"]
        script = "archives.py" if "archive" in package else "sources.py"
        text = (data_dir() / script).read_text("utf-8")
        for part in {"name", "version", "sha256", "archive"} & set(package):
            assert f'"{package[part]}"' in text


# --- the book's page --------------------------------------------------------


def test_data_page_shows_every_card() -> None:
    from tools.data_page import PAGE, data_page

    page = data_page()
    assert PAGE.read_text("utf-8") == page, "make data-page writes it anew"
    for name in CARDS:
        card: dict[str, Any] = load_card(name)
        assert f"## {card['title']}\n" in page
        assert f"](https://doi.org/{card['doi']})" in page
        assert f"({'data-' + name.replace('_', '-')})=" in page
        for text in (card["licence"], card["citation"], *card["defects"]):
            assert text in page
        assert card.get("people", "").strip() in page
    headings = [line for line in page.splitlines() if line.startswith("#")]
    assert len(headings) == len(set(headings))
