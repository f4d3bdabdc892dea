"""What several test files share: small notebooks, the built book, a browser."""

from __future__ import annotations

import http.server
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).resolve().parents[1]
HTML = ROOT / "_build" / "html"
PARAMETERS = 'device = "auto"\nfast = False\nseed = 0'
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def write_notebook(path: Path, *cells: Any, parameters: str = PARAMETERS) -> Path:
    """Write a small notebook: a title, its parameters, then the cells or code given."""
    first = new_code_cell(parameters, metadata={"tags": ["parameters"]})
    rest = [new_code_cell(cell) if isinstance(cell, str) else cell for cell in cells]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = new_notebook(
        cells=[new_markdown_cell("# A small chapter"), first, *rest],
        metadata={"kernelspec": kernel},
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


def missing(what: str) -> None:
    """Skip a test that lacks ``what``; fail it where GENEX_REQUIRE_BROWSER=1."""
    if os.environ.get("GENEX_REQUIRE_BROWSER") == "1":
        pytest.fail(f"{what} (GENEX_REQUIRE_BROWSER=1 makes this an error)")
    pytest.skip(what)


@pytest.fixture(scope="session")
def project_files() -> list[str]:
    """The files of the working tree that git has or would take, from the root."""
    command = ["git", "ls-files", "-co", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.fixture(scope="session")
def built_book() -> Path:
    """The folder of the built pages."""
    if not (HTML / "index.html").exists():
        missing("no built book to open: run make book")
    return HTML


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serve files without a line on the terminal for each."""

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def book_address(built_book: Path) -> Iterator[str]:
    """The address of a server on this machine that serves the built book."""
    handler = partial(QuietHandler, directory=str(built_book))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium of this machine (GENEX_CHROMIUM names another)."""
    own = os.environ.get("GENEX_CHROMIUM", "")
    found = [path for path in map(shutil.which, (own, *BROWSERS)) if path]
    if not found:
        missing("no Chromium found to open the pages: apt install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=found[0], args=list(CHROMIUM_OPTIONS)
        )
        yield chromium
        chromium.close()
