"""The runner: what it runs, keeps, refuses and leaves behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
from conftest import PARAMETERS, ROOT, write_notebook

from tools import notebook_key, run_notebooks

SETTINGS = {
    "parameters": {"device": "auto", "fast": False, "seed": 0},
    "strict": True,
}
SAY = """import os
modes = [name for name in ("GENEX_FAST", "GENEX_STRICT") if os.environ.get(name)]
print(device, fast, seed, modes)"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one notebook, and a file of each kind that the key covers."""
    for name in (
        "genex_helpers/module.py",
        "data/table.csv",
        "experiments/results/result.json",
        "requirements.lock",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("first\n")
    write_notebook(tmp_path / "notebooks/01_small.ipynb", SAY)
    return tmp_path


def run(project: Path, *arguments: str) -> int:
    """Run the runner on a project as the command line would."""
    return run_notebooks.main(["--root", str(project), *arguments])


def executed(project: Path) -> Path:
    return project / "_build/executed/01_small.ipynb"


def printed(project: Path) -> str:
    """What the last cell of the executed notebook printed."""
    cells = nbformat.read(executed(project), as_version=4).cells
    return str(cells[-1].outputs[0].text).strip()


def statuses(project: Path) -> list[str]:
    report = json.loads((project / "_build/report.json").read_text())
    return [entry["status"] for entry in report["notebooks"]]


def left_in(project: Path) -> list[str]:
    """Every file that the runner has left, but for its report."""
    build = project / "_build"
    files = [path.name for path in build.rglob("*") if path.is_file()]
    return sorted(set(files) - {"report.json"})


def test_runs_once_and_keeps_it(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(project) == 0
    assert "[1/1] 01_small" in capsys.readouterr().out
    assert printed(project) == "auto False 0 ['GENEX_STRICT']"
    first = executed(project).read_bytes()
    assert run(project) == 0
    assert statuses(project) == ["kept"]
    assert executed(project).read_bytes() == first
    assert run(project, "--force") == 0
    assert statuses(project) == ["ran"]
    assert left_in(project) == ["01_small.ipynb", "01_small.json"]


def test_running_twice_gives_the_same_file(project: Path) -> None:
    assert run(project) == 0
    first = executed(project).read_bytes()
    assert run(project, "--force") == 0
    assert executed(project).read_bytes() == first


def test_parameters_reach_the_notebook(project: Path) -> None:
    assert run(project, "--device", "cpu", "--fast", "--seed", "3") == 0
    assert printed(project) == "cpu True 3 ['GENEX_FAST']"
    cells = nbformat.read(executed(project), as_version=4).cells
    injected = [c for c in cells if "injected-parameters" in c.metadata.get("tags", [])]
    assert [c.metadata["tags"] for c in injected] == [
        ["injected-parameters", "remove-cell"]
    ]
    assert not any("papermill" in cell.metadata for cell in cells)


def test_environment_of_the_caller_does_not_leak(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENEX_FAST", "1")
    assert run(project) == 0
    assert printed(project) == "auto False 0 ['GENEX_STRICT']"


def _append(name: str) -> Callable[[Path, dict[str, Any]], None]:
    def change(project: Path, settings: dict[str, Any]) -> None:
        with (project / name).open("a") as stream:
            stream.write("\n")

    return change


def _add_file(project: Path, settings: dict[str, Any]) -> None:
    (project / "genex_helpers/other.py").write_text("")


def _rename_file(project: Path, settings: dict[str, Any]) -> None:
    (project / "data/table.csv").rename(project / "data/other.csv")


def _parameter(project: Path, settings: dict[str, Any]) -> None:
    settings["parameters"] = {**settings["parameters"], "seed": 1}


def _strict(project: Path, settings: dict[str, Any]) -> None:
    settings["strict"] = False


@pytest.mark.parametrize(
    "change",
    [
        _append("notebooks/01_small.ipynb"),
        _append("genex_helpers/module.py"),
        _append("data/table.csv"),
        _append("experiments/results/result.json"),
        _append("requirements.lock"),
        _add_file,
        _rename_file,
        _parameter,
        _strict,
    ],
)
def test_key_changes_with_each_part(
    project: Path, change: Callable[[Path, dict[str, Any]], None]
) -> None:
    settings = json.loads(json.dumps(SETTINGS))
    source = project / "notebooks/01_small.ipynb"

    def key() -> str:
        shared = notebook_key.shared_digest(project)
        return notebook_key.notebook_key(source, shared, settings)

    before = key()
    assert key() == before
    change(project, settings)
    assert key() != before


def test_key_changes_with_python_and_packages(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = notebook_key.shared_digest(project)
    with monkeypatch.context() as patch:
        patch.setattr(notebook_key.platform, "python_version", lambda: "3.99.0")
        assert notebook_key.shared_digest(project) != before
    with monkeypatch.context() as patch:
        patch.setattr(notebook_key.metadata, "distributions", lambda: [])
        assert notebook_key.shared_digest(project) != before


def test_key_ignores_compiled_and_hidden_files(project: Path) -> None:
    before = notebook_key.shared_digest(project)
    for name in ("genex_helpers/__pycache__/module.pyc", "data/.cache/file"):
        (project / name).parent.mkdir()
        (project / name).write_text("x")
    assert notebook_key.shared_digest(project) == before


def test_changed_package_runs_again(project: Path) -> None:
    assert run(project) == 0
    (project / "genex_helpers/module.py").write_text("second\n")
    assert run(project) == 0
    assert statuses(project) == ["ran"]


@pytest.mark.parametrize("name", ["01_small.ipynb", "01_small.json"])
def test_edited_output_is_not_served(project: Path, name: str) -> None:
    assert run(project) == 0
    whole = executed(project).read_bytes()
    path = executed(project).with_name(name)
    path.write_text(path.read_text().replace("auto", "edited", 1)[:-2])
    assert run(project) == 0
    assert statuses(project) == ["ran"]
    assert executed(project).read_bytes() == whole


def test_output_of_a_removed_notebook_goes(project: Path) -> None:
    write_notebook(project / "notebooks/02_old.ipynb", "1")
    assert run(project) == 0
    (project / "notebooks/02_old.ipynb").unlink()
    assert run(project) == 0
    assert left_in(project) == ["01_small.ipynb", "01_small.json"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-p", "devcie=cpu"], 'no parameter "devcie"; it has device, fast, seed'),
        (["-p", "seed=many"], "seed = 'many' is a str, expected a int like 0"),
        (["-p", "seed"], "expected NAME=VALUE"),
        (["02_absent"], "no notebook 02_absent; there are 01_small"),
    ],
)
def test_mistyped_arguments_are_errors(
    project: Path,
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(project, *arguments) == 2
    assert message in capsys.readouterr().err
    assert left_in(project) == []


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ('device = "auto"\nfast = False', 'no parameter "seed"'),
        (PARAMETERS + "\nn = len('x')", "may only assign literals"),
        (PARAMETERS + "\n(", "may only assign literals"),
    ],
)
def test_notebook_must_declare_the_parameters(
    project: Path, parameters: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_notebook(project / "notebooks/02_odd.ipynb", parameters=parameters)
    assert run(project) == 2
    assert message in capsys.readouterr().err


def test_no_notebook_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path) == 2
    assert "no notebook in" in capsys.readouterr().err


def test_failing_cell_is_named_and_leaves_nothing(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(project) == 0
    write_notebook(project / "notebooks/01_small.ipynb", "x = 0\n1 / x", "print(1)")
    assert run(project) == 1
    said = capsys.readouterr()
    assert "01_small FAILED" in said.out
    assert "01_small.ipynb, cell 3 of 4, which begins: x = 0" in said.err
    assert "----> 2 1 / x" in said.err
    assert "ZeroDivisionError: division by zero" in said.err
    assert "\x1b" not in said.err
    assert statuses(project) == ["failed"]
    assert left_in(project) == []


def test_slow_cell_is_stopped(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_notebook(
        project / "notebooks/01_small.ipynb", "import time", "time.sleep(300)"
    )
    assert run(project, "--timeout", "1") == 1
    said = capsys.readouterr().err
    assert "cell 4 of 4, which begins: time.sleep(300)" in said
    assert "longer than 1 seconds" in said
    assert left_in(project) == []


def test_dead_kernel_is_reported(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_notebook(project / "notebooks/01_small.ipynb", "import os", "os._exit(1)")
    assert run(project) == 1
    assert "The kernel died" in capsys.readouterr().err


def test_one_failure_does_not_hide_the_others(project: Path) -> None:
    write_notebook(project / "notebooks/02_bad.ipynb", "1/0")
    assert run(project) == 1
    assert statuses(project) == ["ran", "failed"]


def test_memory_over_the_budget_fails_when_kept_too(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    hold = "x = bytearray(400_000_000)\nx[::4096] = b'1' * len(x[::4096])"
    write_notebook(project / "notebooks/01_small.ipynb", hold)
    assert run(project) == 0
    report = json.loads((project / "_build/report.json").read_text())
    assert 400 < report["notebooks"][0]["peak_mb"] < 1000
    monkeypatch.setattr(run_notebooks, "MEMORY_BUDGET", 3e8)
    for status in ("kept", "ran"):
        force = ["--force"] if status == "ran" else []
        assert run(project, "--device", "auto", *force) == 1
        assert f"{status} (OVER THE BUDGET of 300 MB)" in capsys.readouterr().out


def test_cpu_seconds_of_the_kernel_are_counted(project: Path) -> None:
    busy = (
        "import time\n"
        "while time.process_time() < 3:\n"  # CPU time, whatever else runs here
        "    pass"
    )
    write_notebook(project / "notebooks/01_small.ipynb", busy)
    assert run(project) == 0
    report = json.loads((project / "_build/report.json").read_text())
    assert report["notebooks"][0]["cpu_seconds"] >= 3


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupt_ends_kernels_and_leaves_nothing(
    project: Path, stop: signal.Signals
) -> None:
    pid_file = project / "kernel.pid"
    write_notebook(
        project / "notebooks/01_small.ipynb",
        "import os, pathlib, time\n"
        f"pathlib.Path({str(pid_file)!r}).write_text(str(os.getpid()))\n"
        "time.sleep(300)",
    )
    command = [sys.executable, str(ROOT / "tools/run_notebooks.py")]
    runner = subprocess.Popen(
        [*command, "--root", str(project)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ,
        # tests that run in the background ignore Ctrl-C, and children inherit that
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    wait_for(lambda: pid_file.exists() and pid_file.read_text() != "")
    kernel = psutil.Process(int(pid_file.read_text()))
    runner.send_signal(stop)
    assert runner.wait(timeout=60) == (-9 if stop == signal.SIGKILL else 130)
    wait_for(lambda: not kernel.is_running() or kernel.status() == "zombie")
    assert left_in(project) == []


def wait_for(happened: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something is so, or fail."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def test_write_whole_leaves_the_old_file_when_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    notebook_key.write_whole(path, b"old")

    def refuse(source: str, target: Path) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(notebook_key.os, "replace", refuse)
    with pytest.raises(OSError, match="disk full"):
        notebook_key.write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert [found.name for found in tmp_path.iterdir()] == ["file"]
