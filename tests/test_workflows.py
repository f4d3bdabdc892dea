"""The GitHub workflows, and what README.md and CONTRIBUTING.md promise.

GitHub alone can run the workflows; these tests hold what can be checked without it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
NAMES = {"test", "book", "gpu", "colab", "deploy"}
# what a stranger can write into a pull request must not become part of a command
FOREIGN = re.compile(r"\$\{\{[^}]*(github\.event|head_ref|inputs\.)[^}]*\}\}")


def make_targets() -> set[str]:
    """Return the targets of the Makefile."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    return set(re.findall(r"(?m)^([a-z][a-z-]*)\s*:(?!=)", makefile))


def load(path: Path) -> dict[str, Any]:
    """Parse a workflow; YAML 1.1 reads its key "on" as True, so put that right."""
    content: dict[Any, Any] = yaml.safe_load(path.read_text("utf-8"))
    return {"on" if key is True else key: value for key, value in content.items()}


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the steps of all jobs of a workflow."""
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def commands(workflow: dict[str, Any]) -> str:
    """Return everything that a workflow runs in a shell."""
    return "\n".join(step.get("run", "") for step in steps(workflow))


def named(name: str) -> dict[str, Any]:
    """Return the workflow of that name."""
    return load(ROOT / ".github" / "workflows" / f"{name}.yml")


def test_the_five_workflows_exist() -> None:
    assert {path.stem for path in WORKFLOWS} == NAMES


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_make_targets_exist(path: Path) -> None:
    used = re.findall(r"(?m)(?:^|[;&|]\s*)make\s+([a-z-]+)", commands(load(path)))
    assert set(used) <= make_targets(), path.name
    assert used or path.stem == "colab"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_failure_stays_a_failure(path: Path) -> None:
    text = path.read_text("utf-8")
    for excuse in ("continue-on-error", "|| true", "set +e", "allow_errors"):
        assert excuse not in text, f"{path.name} holds {excuse!r}: it hides a failure"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_rights_limits_and_pins(path: Path) -> None:
    workflow = load(path)
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["group"]
    assert not {"pull_request_target", "workflow_run"} & set(workflow["on"])
    for name, job in workflow["jobs"].items():
        assert job["timeout-minutes"] <= 180, f"{path.name}, {name}"
        asked = set(job.get("permissions", {})) - {"contents"}
        allowed = {"deploy": {"pages", "id-token"}, "colab": {"issues"}}
        assert asked <= allowed.get(path.stem, set()), f"{path.name}, {name}"
    for step in steps(workflow):
        assert not FOREIGN.search(step.get("run", ""))
        if "uses" in step:
            assert re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"]), step["uses"]


def test_pull_requests_are_tested_with_each_python() -> None:
    workflow = named("test")
    assert "pull_request" in workflow["on"]
    versions = workflow["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert versions == ["3.11", "3.12", "3.13"]
    assert "make test TORCH_INDEX=" in commands(workflow)


def test_no_pull_request_reaches_the_gpu_machine() -> None:
    workflow = named("gpu")
    assert set(workflow["on"]) == {"push", "workflow_dispatch"}
    assert workflow["on"]["push"] == {"branches": ["main"]}
    assert {"self-hosted", "gpu"} <= set(workflow["jobs"]["book"]["runs-on"])
    assert "make book DEVICE=cuda" in commands(workflow)
    others = {path.stem: path.read_text("utf-8") for path in WORKFLOWS}
    del others["gpu"]
    assert not [name for name, text in others.items() if "self-hosted" in text]


def test_the_colab_run_is_weekly_and_installs_nothing_of_the_book() -> None:
    workflow = named("colab")
    assert len(workflow["on"]["schedule"][0]["cron"].split()) == 5
    image = workflow["jobs"]["notebooks"]["container"]["image"]
    assert image.startswith("us-docker.pkg.dev/colab-images/public/runtime")
    installs = re.findall(r"pip install (.*)", commands(workflow))
    assert installs == ["-q -c /tmp/before.txt papermill"]
    assert workflow["jobs"]["report"]["needs"] == "notebooks"
    assert workflow["jobs"]["report"]["if"] == "failure()"


def test_deploy_sets_the_address_before_it_builds() -> None:
    workflow = named("deploy")
    assert "pull_request" not in workflow["on"]
    text = commands(workflow)
    assert 0 <= text.index('make address URL="$ADDRESS"') < text.index("make book")
    addresses = [
        step["env"]["ADDRESS"]
        for step in steps(workflow)
        if "ADDRESS" in step.get("env", {})
    ]
    assert set(addresses) == {"https://github.com/${{ github.repository }}"}
    upload = [s for s in steps(workflow) if "upload-pages" in s.get("uses", "")]
    assert upload[0]["with"] == {"path": "_build/html"}


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_the_texts_name_what_exists(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    used = re.findall(r"(?m)(?:`|^)make ([a-z][a-z-]*)", text)
    assert used and set(used) <= make_targets()
    links = re.findall(r"\]\((?!https?://|#)([^)\s]+)\)", text)
    scripts = re.findall(r"(?m)\b((?:tools|data)/\w+\.py)\b", text)
    assert not [link for link in links + scripts if not (ROOT / link).exists()]


def test_each_workflow_is_explained() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    assert set(re.findall(r"(?m)^\| `(\w+)\.yml` \|", text)) == NAMES
