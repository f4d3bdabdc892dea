"""Run the notebooks with papermill into _build/executed, only where something changed.

    python tools/run_notebooks.py [--device cuda] [--fast] [--seed 1] [-p name=value]

Each notebook runs in a process of its own, one job a core. A notebook that fails, or
that needs more memory than its budget, makes the exit status 1.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import nbformat
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.notebook_key import (
    load_record,
    notebook_key,
    remove_executed,
    save_executed,
    shared_digest,
    write_whole,
)

ROOT = Path(__file__).resolve().parents[1]
WORKER = Path(__file__).with_name("notebook_worker.py")
MEMORY_BUDGET = 2e9  # bytes a notebook may hold on a CPU: a rule of the book
CPU_BUDGET = 120  # seconds; only reported, for machines differ
DEVICES = ("auto", "cpu", "cuda", "mps")


class Refused(Exception):
    """The arguments and the notebooks do not fit together."""


@dataclass
class Outcome:
    """What became of one notebook; ``status`` is ran, kept or failed."""

    name: str
    status: str
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    peak_mb: float = 0.0
    error: str = ""

    def line(self) -> str:
        """Return the outcome as a phrase for the progress line."""
        if self.status == "failed":
            return f"{self.name} FAILED"
        spent = f"{self.cpu_seconds:.1f} CPU s, {self.peak_mb:.0f} MB"
        return f"{self.name} {spent}, {self.status}"


def declared(notebook: Path) -> dict[str, Any]:
    """Return the parameters of a notebook with their defaults.

    Raises:
        Refused: unless exactly one cell is tagged ``parameters`` and assigns literals.
    """
    cells = nbformat.read(notebook, as_version=4).cells
    tagged = [c for c in cells if "parameters" in c.metadata.get("tags", [])]
    if len(tagged) != 1:
        raise Refused(
            f"{notebook.name} has {len(tagged)} cells tagged 'parameters', expected 1"
        )
    found: dict[str, Any] = {}
    try:
        for node in ast.parse(tagged[0].source).body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                found[node.targets[0].id] = ast.literal_eval(node.value)
    except (SyntaxError, ValueError) as error:
        raise Refused(
            f"{notebook.name}: the parameters cell may only assign literals: {error}"
        ) from error
    return found


def parse_value(text: str) -> Any:
    """Read the value of ``-p name=value``: a Python literal, else the text itself."""
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text


def check_parameters(notebook: Path, parameters: dict[str, Any]) -> None:
    """Refuse a parameter that the notebook lacks, or a value of another type."""
    known = declared(notebook)
    for name, value in parameters.items():
        if name not in known:
            raise Refused(
                f'{notebook.name} has no parameter "{name}"; it has {", ".join(known)}'
            )
        if type(value) is not type(known[name]):
            raise Refused(
                f"{notebook.name}: parameter {name} = {value!r} is a "
                f"{type(value).__name__}, expected a {type(known[name]).__name__} "
                f"like {known[name]!r}"
            )


def select(root: Path, names: Sequence[str]) -> list[Path]:
    """Return the notebooks to run; all of them unless named.

    Raises:
        Refused: if there is none, or if a name is unknown.
    """
    found = {path.stem: path for path in sorted((root / "notebooks").glob("*.ipynb"))}
    if not found:
        raise Refused(f"no notebook in {root / 'notebooks'}")
    wanted = [Path(name).stem for name in names] or list(found)
    unknown = [name for name in wanted if name not in found]
    if unknown:
        raise Refused(f"no notebook {', '.join(unknown)}; there are {', '.join(found)}")
    return [found[name] for name in wanted]


def kernel_environment(folder: Path, fast: bool) -> dict[str, str]:
    """Return the variables that a notebook runs under: the same on every machine."""
    environment = dict(os.environ)
    defaults = {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0", "TQDM_DISABLE": "1"}
    for name, value in defaults.items():
        environment.setdefault(name, value)
    # a caller's own mode, or a backend that would draw no figures, stays outside
    for name in ("GENEX_FAST", "GENEX_STRICT", "MPLBACKEND"):
        environment.pop(name, None)
    environment["GENEX_FAST" if fast else "GENEX_STRICT"] = "1"
    # nobody's own start-up files or history in the kernel
    environment["IPYTHONDIR"] = str(folder / "ipython")
    return environment


def default_jobs() -> int:
    """Return how many notebooks to run at once: one a core, while memory lasts."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
    room = int(psutil.virtual_memory().available // MEMORY_BUDGET)
    return max(1, min(cores // threads, room))


def kill_tree(pid: int) -> None:
    """Kill a process and all that it started."""
    try:
        worker = psutil.Process(pid)
        processes = [*worker.children(recursive=True), worker]
    except psutil.NoSuchProcess:
        return
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


class Runner:
    """Run notebooks in worker processes, and kill them all when interrupted."""

    def __init__(self, root: Path, settings: dict[str, Any], timeout: float) -> None:
        self.executed = root / "_build" / "executed"
        self.settings = settings
        self.timeout = timeout
        self.shared = shared_digest(root)
        self._workers: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def target(self, notebook: Path) -> Path:
        """Return where the executed notebook lies."""
        return self.executed / notebook.name

    def kept(self, notebook: Path) -> Outcome | None:
        """Return the earlier outcome if nothing that it depends on has changed."""
        record = load_record(self.target(notebook))
        key = notebook_key(notebook, self.shared, self.settings)
        if record is None or record.get("key") != key:
            return None
        return Outcome(notebook.stem, "kept", **record["measured"])

    def cost(self, notebook: Path) -> float:
        """Return the CPU seconds of the last run, or infinity if it is not known."""
        record = load_record(self.target(notebook)) or {"measured": {}}
        return float(record["measured"].get("cpu_seconds", "inf"))

    def run(self, notebook: Path) -> Outcome:
        """Run one notebook; its executed copy is written whole or not at all."""
        # before the run: a file that changes meanwhile makes the output stale
        key = notebook_key(notebook, self.shared, self.settings)
        with tempfile.TemporaryDirectory(prefix="notebook-") as name:
            folder = Path(name)
            result = self._work(notebook, folder)
            if "error" in result:
                if not self._stopped:
                    remove_executed(self.target(notebook))
                return Outcome(notebook.stem, "failed", error=result["error"])
            content = (folder / "executed.ipynb").read_bytes()
        record = {"key": key, "settings": self.settings, "measured": result}
        save_executed(self.target(notebook), content, record)
        return Outcome(notebook.stem, "ran", **result)

    def _work(self, notebook: Path, folder: Path) -> dict[str, Any]:
        """Start the worker, wait for it and return its result."""
        job = {
            "source": str(notebook.resolve()),
            "parameters": self.settings["parameters"],
            "timeout": self.timeout,
        }
        (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
        log = folder / "log.txt"
        with log.open("wb") as stream, self._lock:
            if self._stopped:
                return {"error": f"{notebook.name}: interrupted"}
            worker = subprocess.Popen(
                [sys.executable, str(WORKER), str(folder)],
                stdin=subprocess.PIPE,  # it closes when we die, and the worker ends
                stdout=stream,
                stderr=subprocess.STDOUT,
                env=kernel_environment(folder, self.settings["parameters"]["fast"]),
                start_new_session=True,  # Ctrl-C is for us alone; we end the worker
            )
            self._workers.add(worker)
        worker.wait()
        with self._lock:
            self._workers.discard(worker)
        if (folder / "result.json").exists():
            return dict(json.loads((folder / "result.json").read_text("utf-8")))
        said = log.read_text("utf-8", errors="replace")[-3000:]
        return {"error": f"{notebook.name}: the worker died\n\n{said}"}

    def stop(self) -> None:
        """Kill every worker with its kernel, and start no other."""
        with self._lock:
            self._stopped = True
            for worker in self._workers:
                kill_tree(worker.pid)


def run_all(runner: Runner, notebooks: list[Path], jobs: int, force: bool) -> list[Any]:
    """Run what changed, print a line each, and return the outcomes in order."""
    outcomes: dict[Path, Outcome] = {}

    def done(notebook: Path, outcome: Outcome) -> None:
        outcomes[notebook] = outcome
        print(f"[{len(outcomes)}/{len(notebooks)}] {outcome.line()}", flush=True)
        if outcome.error:
            print(f"\n{outcome.error}\n", file=sys.stderr, flush=True)

    for notebook in notebooks:
        earlier = None if force else runner.kept(notebook)
        if earlier:
            done(notebook, earlier)
    todo = [notebook for notebook in notebooks if notebook not in outcomes]
    todo.sort(key=runner.cost, reverse=True)  # the longest first, so none is left over
    if todo:
        names = ", ".join(notebook.stem for notebook in todo)
        print(f"running {names} (jobs: {min(jobs, len(todo))})", flush=True)
    with ThreadPoolExecutor(jobs) as pool:
        futures = {pool.submit(runner.run, notebook): notebook for notebook in todo}
        try:
            for future in as_completed(futures):
                done(futures[future], future.result())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            runner.stop()
            raise
    return [outcomes[notebook] for notebook in notebooks]


def on_gpu(device: str) -> bool:
    """Say whether the notebooks ran on a GPU, whose libraries take host memory too."""
    if device != "auto":
        return device != "cpu"
    try:
        import torch
    except ImportError:
        return False
    return bool(torch.cuda.is_available())


def report(outcomes: list[Outcome], device: str, path: Path) -> bool:
    """Print the table, write ``path`` and return whether all is well."""
    width = max(len("notebook"), *(len(outcome.name) for outcome in outcomes))
    print(f"\n{'notebook':<{width}}    CPU s   wall s  peak MB  status")
    good, on_cpu = True, None
    for outcome in outcomes:
        note = outcome.status
        if outcome.cpu_seconds > CPU_BUDGET:
            note += f" (over {CPU_BUDGET} CPU s)"
        if outcome.peak_mb * 1e6 > MEMORY_BUDGET:
            on_cpu = not on_gpu(device) if on_cpu is None else on_cpu
            note += f" (OVER THE BUDGET of {MEMORY_BUDGET / 1e6:.0f} MB)"
            good = good and not on_cpu
        good = good and outcome.status != "failed"
        print(
            f"{outcome.name:<{width}} {outcome.cpu_seconds:8.1f} "
            f"{outcome.wall_seconds:8.1f} {outcome.peak_mb:8.0f}  {note}"
        )
    total = sum(outcome.cpu_seconds for outcome in outcomes)
    print(f"{'total':<{width}} {total:8.1f}\n\nreport: {path}")
    table = {"device": device, "notebooks": [asdict(outcome) for outcome in outcomes]}
    write_whole(path, (json.dumps(table, indent=1) + "\n").encode())
    return good


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("names", nargs="*", help="notebooks to run (default: all)")
    parser.add_argument("--device", choices=DEVICES, default="auto")
    parser.add_argument("--fast", action="store_true", help="small, rough runs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-p", metavar="NAME=VALUE", action="append", default=[])
    parser.add_argument("--jobs", type=int, default=0, help="0: one a core")
    parser.add_argument("--timeout", type=float, default=600, help="seconds a cell")
    parser.add_argument("--force", action="store_true", help="run unchanged ones too")
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def settings_from(args: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that enter the key: parameters, and whether strict."""
    given = {"device": args.device, "fast": args.fast, "seed": args.seed}
    for text in args.p:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise Refused(f"-p {text}: expected NAME=VALUE")
        given[name] = parse_value(value)
    return {"parameters": given, "strict": not given["fast"]}


def main(argv: Sequence[str] | None = None) -> int:
    args = arguments(argv)
    root = args.root.resolve()
    try:
        settings = settings_from(args)
        notebooks = select(root, args.names)
        for notebook in notebooks:
            check_parameters(notebook, settings["parameters"])
    except Refused as error:
        print(f"run_notebooks: {error}", file=sys.stderr)
        return 2
    runner = Runner(root, settings, args.timeout)
    for old in sorted(runner.executed.glob("*.ipynb")):
        if not (root / "notebooks" / old.name).exists():
            remove_executed(old)
    try:
        outcomes = run_all(runner, notebooks, args.jobs or default_jobs(), args.force)
    except KeyboardInterrupt:
        print("\ninterrupted: what was running is not kept", file=sys.stderr)
        return 130
    device = settings["parameters"]["device"]
    return 0 if report(outcomes, device, root / "_build" / "report.json") else 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stop as for Ctrl-C
    raise SystemExit(main())
