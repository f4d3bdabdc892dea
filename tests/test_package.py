"""The package from outside: a pure import, one version, a wheel that carries all."""

from __future__ import annotations

import email
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

import genex_helpers

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
REGISTRY = json.loads((ROOT / "data" / "registry.json").read_text("utf-8"))
PACKAGE = ROOT / "genex_helpers"
MODULES = sorted(
    [path.stem for path in PACKAGE.glob("[a-z]*.py")]
    # importing a room of several modules imports them all
    + [path.parent.name for path in PACKAGE.glob("[a-z]*/__init__.py")]
)
# what takes seconds to import is imported by the functions that need it
HEAVY = ("torch", "IPython", "matplotlib.pyplot", "anndata", "seaborn", "captum")
# these define or train networks, so they cannot do without torch
WITH_TORCH = {
    "architecture", "attention", "attention_nets", "attention_people", "attention_race",
    "attention_tests", "attribution_tests", "checkpoints", "coalitions", "dosing",
    "driver_waves", "dropout", "encoders", "forecast_nets", "found_genes", "fusion",
    "gap_nets", "gap_tasks", "gru_d", "influenza_tasks", "interpretation",
    "large_tables", "many", "map_sanity", "masking", "memory_tasks", "models",
    "multi_task", "multimodal_nets", "network_nets", "network_trials",
    "normalised_nets", "optimiser_race", "patient_nets", "prefixes", "recurrent_nets",
    "related_tasks", "remedy_nets", "remedy_trials", "search_tables", "stacked",
    "stacked_tasks", "stacked_training", "training", "training_data", "transfer",
    "transfer_trials", "uncertainty",
}  # fmt: skip
# Import a module in a Python whose network, files and warnings are watched.
PROBE = """
import importlib, json, os, socket, sys, warnings

def refuse(*words, **more):
    raise OSError("the network, while importing")

socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
told = {"written": [], "silenced": []}

def watch(event, arguments):
    if event == "open" and set(str(arguments[1])) & set("wxa+"):
        told["written"].append(str(arguments[0]))

def noted(change):
    def call(*words, **more):
        caller = sys._getframe(1).f_code.co_filename
        if "genex_helpers" in caller:
            told["silenced"].append(caller)
        return change(*words, **more)
    return call

warnings.filterwarnings = noted(warnings.filterwarnings)
warnings.simplefilter = noted(warnings.simplefilter)
environment = dict(os.environ)
sys.dont_write_bytecode = True
sys.addaudithook(watch)
importlib.import_module(sys.argv[1])
changed = set(environment.items()) ^ set(os.environ.items())
# scikit-learn sets two of OpenMP's variables when it is imported
told["environment"] = sorted(k for k, _ in changed if not k.startswith("KMP_"))
told["modules"] = sorted(sys.modules)
print(json.dumps(told))
"""


def imported(module: str, probe: str = PROBE) -> dict[str, Any]:
    """Import a module in a fresh Python, and return what that did."""
    command = [sys.executable, "-c", probe, module]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    told: dict[str, Any] = json.loads(done.stdout)
    return told


# ------------------------------------------------------------------------- import


def test_the_package_says_where_each_module_is() -> None:
    listing = str(genex_helpers.__doc__).partition("ground floor up:\n\n")[2]
    lines = listing.partition("\n\n")[0].splitlines()
    names = [name for line in lines for name in line[16:].replace(",", " ").split()]
    assert sorted(names) == MODULES


def test_importing_the_package_loads_nothing_but_itself() -> None:
    plain = set(imported("json")["modules"])
    assert set(imported("genex_helpers")["modules"]) - plain == {"genex_helpers"}


@pytest.mark.parametrize("name", MODULES)
def test_import_is_pure(name: str) -> None:
    told = imported(f"genex_helpers.{name}")
    allowed = {"torch"} if name in WITH_TORCH else set()
    assert set(HEAVY) & set(told["modules"]) <= allowed
    assert told["silenced"] == []
    assert told["written"] == []
    assert told["environment"] == []


def test_the_probe_sees_what_it_should(tmp_path: Path) -> None:
    package = tmp_path / "genex_helpers_not_pure.py"
    package.write_text(
        "import os, warnings, sqlite3\n"
        "warnings.simplefilter('ignore')\n"
        f"open({str(tmp_path / 'file')!r}, 'w').close()\n"
        "os.environ['GENEX_X'] = '1'\n"
    )
    probe = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n" + PROBE
    told = imported("genex_helpers_not_pure", probe)
    assert len(told["silenced"]) == len(told["written"]) == 1
    assert told["environment"] == ["GENEX_X"] and "sqlite3" in told["modules"]


# ------------------------------------------------------------------------ version


def test_the_edition_is_the_same_everywhere() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert genex_helpers.__version__ == PROJECT["version"]
    assert citation["version"] == PROJECT["version"]


def test_the_package_gives_lower_bounds_only() -> None:
    # an upper bound or a pin would move what Colab has
    for line in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["book"]:
        requirement = line.split(";")[0]
        assert not set("<!~") & set(requirement) and "==" not in requirement, line


def test_conda_takes_the_same_lock() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    pip = environment["dependencies"][-1]["pip"]
    assert "--requirement requirements.lock" in pip
    assert environment["dependencies"][0] in {f"python=3.{n}" for n in (11, 12, 13)}


def test_the_licence_lists_each_data_file() -> None:
    licence = (ROOT / "LICENSE").read_text("utf-8").splitlines()
    listed = {
        line.split()[0]: line.split()[1] for line in licence if "data/" in line[:9]
    }
    cards = ROOT / "data" / "cards"
    expected = {}
    for file in REGISTRY:
        card = tomllib.loads((cards / f"{Path(file).stem}.toml").read_text("utf-8"))
        expected[f"data/{file}"] = card["licence"]
        assert (ROOT / "data" / "LICENSES" / f"{card['licence']}.txt").is_file()
    assert listed == expected


# -------------------------------------------------------------------------- wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel of the package, opened."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--wheel-dir", str(folder), str(ROOT)], check=True)
    (path,) = folder.iterdir()
    assert path.name == f"genex_helpers-{PROJECT['version']}-py3-none-any.whl"
    return zipfile.ZipFile(path)


@pytest.mark.network  # pip fetches hatchling to build with
def test_the_wheel_carries_code_data_and_results(wheel: zipfile.ZipFile) -> None:
    carried = {name: wheel.read(name) for name in wheel.namelist()}
    folders = {
        PACKAGE: "genex_helpers",
        ROOT / "data": "genex_helpers/_data",
        ROOT / "experiments" / "results": "genex_helpers/_results",
    }
    for folder, place in folders.items():
        for path in folder.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                name = f"{place}/{path.relative_to(folder).as_posix()}"
                assert carried.get(name) == path.read_bytes(), name
    assert {f"genex_helpers/_data/{file}" for file in REGISTRY} <= set(carried)
    assert "genex_helpers/quizzes.toml" in carried
    outside = {name.split("/")[0] for name in carried} - {"genex_helpers"}
    assert outside == {f"genex_helpers-{PROJECT['version']}.dist-info"}


@pytest.mark.network
def test_the_wheel_carries_its_licences(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    licence = [name for name in names if name.endswith("licenses/LICENSE")]
    assert wheel.read(licence[0]) == (ROOT / "LICENSE").read_bytes()
    for path in (ROOT / "data" / "LICENSES").iterdir():
        assert f"genex_helpers/_data/LICENSES/{path.name}" in names
    (metadata,) = [name for name in names if name.endswith(".dist-info/METADATA")]
    fields = email.message_from_bytes(wheel.read(metadata))
    assert fields["Version"] == PROJECT["version"]
    assert "Provides-Extra" in fields and "book" in fields.get_all("Provides-Extra", [])
