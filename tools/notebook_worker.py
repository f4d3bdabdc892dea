"""Run one notebook with papermill and measure its kernel: a process of its own.

    python tools/notebook_worker.py FOLDER

``tools/run_notebooks.py`` starts it. FOLDER holds ``job.json``; the executed notebook
(``executed.ipynb``) and ``result.json`` are written there.
"""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import time
from pathlib import Path
from typing import Any

import nbformat
import papermill
import psutil

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

SAMPLE_EVERY = 0.2  # seconds
COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class Meter(threading.Thread):
    """Measure this process's children: the kernel and whatever it starts.

    Attributes:
        cpu_seconds: CPU time of the children, user and system.
        peak_bytes: the most memory that they held together, as sampled.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.cpu_seconds = 0.0
        self.peak_bytes = 0
        self._stop_now = threading.Event()

    def run(self) -> None:
        """Sample until stopped."""
        while not self._stop_now.wait(SAMPLE_EVERY):
            self._sample()

    def _sample(self) -> None:
        held, cpu = 0, 0.0
        for child in psutil.Process().children(recursive=True):
            try:
                held += child.memory_info().rss
                times = child.cpu_times()
                cpu += times.user + times.system
            except psutil.Error:  # it ended while we looked
                continue
        self.peak_bytes = max(self.peak_bytes, held)
        self.cpu_seconds = max(self.cpu_seconds, cpu)

    def finish(self) -> None:
        """Stop sampling; call it when the kernel has ended."""
        self._stop_now.set()
        self.join()
        if resource is None:
            return
        # The system's own count misses nothing between two samples, but its peak is
        # that of the largest child alone.
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        unit = 1 if sys.platform == "darwin" else 1024
        self.cpu_seconds = usage.ru_utime + usage.ru_stime
        self.peak_bytes = max(self.peak_bytes, usage.ru_maxrss * unit)


def end_with_parent() -> None:
    """End this process when the runner's end of the pipe on stdin closes."""

    def watch() -> None:
        sys.stdin.read()
        for child in psutil.Process().children(recursive=True):
            child.kill()
        os._exit(3)

    threading.Thread(target=watch, daemon=True).start()


def clean(notebook: Any) -> None:
    """Drop what differs from run to run, and hide the injected parameters."""
    notebook.metadata.pop("papermill", None)
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        tags = cell.metadata.get("tags", [])
        if "injected-parameters" in tags:
            cell.metadata["tags"] = [*tags, "remove-cell"]
            cell["id"] = "injected-parameters"  # papermill draws a new one each time


def where(source: Path, cell: Any) -> str:
    """Say which cell of the source notebook ``cell`` is, with its first line."""
    cells = nbformat.read(source, as_version=4).cells
    same = [
        number
        for number, other in enumerate(cells, start=1)
        if other.get("id") == cell.get("id") and other.source == cell.source
    ]
    first = cell.source.strip().partition("\n")[0]
    place = f"cell {same[0]} of {len(cells)}" if same else "the injected parameters"
    return f"{source.name}, {place}, which begins: {first}"


def explain(error: Exception, timeout: float) -> str:
    """Return the text of an error for the terminal: a traceback where there is one."""
    if isinstance(error, papermill.PapermillExecutionError):
        return COLOURS.sub("", "\n".join(error.traceback)).strip()
    if type(error).__name__ == "CellTimeoutError":
        return f"The cell ran longer than {timeout:g} seconds (--timeout)."
    if type(error).__name__ == "DeadKernelError":
        return "The kernel died: it may have run out of memory."
    return f"{type(error).__name__}: {error}"


def run(folder: Path) -> dict[str, Any]:
    """Run the job in ``folder``; return its measurements, or its error."""
    job = json.loads((folder / "job.json").read_text("utf-8"))
    source, running = Path(job["source"]), []
    # An empty folder, as in Colab: a notebook may not lean on where it lies.
    here = folder / "empty"
    here.mkdir()
    meter = Meter()
    meter.start()
    begun = time.perf_counter()
    try:
        notebook = papermill.execute_notebook(
            str(source),
            None,
            parameters=job["parameters"],
            kernel_name="python3",
            cwd=str(here),
            execution_timeout=job["timeout"],
            start_timeout=120,
            progress_bar=False,
            on_cell_start=lambda cell, cell_index: running.append(cell),
        )
    except Exception as error:
        place = where(source, running[-1]) if running else source.name
        return {"error": f"{place}\n\n{explain(error, job['timeout'])}"}
    finally:
        meter.finish()
    clean(notebook)
    text = nbformat.writes(notebook) + "\n"
    (folder / "executed.ipynb").write_text(text, encoding="utf-8")
    return {
        "cpu_seconds": round(meter.cpu_seconds, 2),
        "wall_seconds": round(time.perf_counter() - begun, 2),
        "peak_mb": round(meter.peak_bytes / 1e6, 1),
    }


def main() -> int:
    end_with_parent()
    folder = Path(sys.argv[1])
    result = run(folder)
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")
    return 1 if "error" in result else 0


if __name__ == "__main__":
    raise SystemExit(main())
