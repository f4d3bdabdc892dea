"""Write the set-up cell into every notebook: one text, from this one place.

    python tools/setup_cell.py

The cell does nothing where this edition of genex_helpers is installed. Elsewhere, as
on Colab, it installs the package from the tag of this edition and holds every other
package at the version that is there. The version comes from pyproject.toml, the
address from _config.yml. The line below a chapter's title that leads to its page and
to Colab needs the same address, so it is written here too.

Only the standard library is used: a workflow sets the address before it installs.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.notebook_key import write_whole

ROOT = Path(__file__).resolve().parents[1]
TAGS = ("setup", "hide-cell")
# GitHub names cannot begin with a hyphen, so nobody can ever register this one.
PLACEHOLDER = "https://github.com/-your-name-/-your-book-"
LINKS = "[This chapter in the book]("

CELL = r"""# @title Set-up (run this first)
# Installs genex_helpers where it is missing, as on Colab; elsewhere it does nothing.
# tools/setup_cell.py writes this into every notebook: change it there.
import os
import subprocess
import sys
from importlib import invalidate_caches, metadata
from pathlib import Path
from tempfile import mkdtemp

EDITION, BOOK = "@EDITION@", "@BOOK@"


def version(package="genex-helpers"):
    return next((d.version for d in metadata.distributions(name=package)), None)


if version() != EDITION:
    source = os.environ.get("GENEX_PIP_SOURCE")
    if any(Path(folder, "genex_helpers").is_dir() for folder in (".", "..")):
        raise RuntimeError("Not installed: run `make book` or `pip install '.[book]'`")
    if not source and "github.com/-" in BOOK:
        raise RuntimeError(
            "No address to install from. Open the notebook from the published book; or "
            "run `make address URL=https://github.com/YOU/BOOK` in your copy and push; "
            "or upload its wheel: os.environ['GENEX_PIP_SOURCE'] = './NAME.whl[book]'"
        )
    print(f"Installing genex_helpers {EDITION}, which takes a minute ...", flush=True)
    pip = [sys.executable, "-m", "pip"]
    here = subprocess.check_output([*pip, "list", "--format=freeze"], text=True).split()
    pins = Path(mkdtemp(), "pins.txt")  # what is installed already must not move
    pins.write_text("\n".join(p for p in here if not p.startswith("genex")))
    source = source or f"genex-helpers[book] @ git+{BOOK}@v{EDITION}"
    pip += ["install", "-q", "-c", pins, source]
    done = subprocess.run(pip, stderr=subprocess.PIPE, text=True)
    invalidate_caches()
    if version() != EDITION:
        raise RuntimeError(f"pip could not install genex_helpers: {done.stderr}")
    for name in [name for name in sys.modules if name.startswith("genex_helpers")]:
        del sys.modules[name]  # another edition, imported before
    print("; ".join(f"{p} {version(p)}" for p in ("genex-helpers", "torch", "numpy")))
"""


def setup_cell_source(version: str, repository: str) -> str:
    """Return the text of the set-up cell.

    Args:
        version: the edition: the version of genex_helpers that the notebook needs.
        repository: where the book is kept, or PLACEHOLDER while that is not set.
    """
    text = CELL.replace("@EDITION@", version).replace("@BOOK@", repository)
    return text.rstrip("\n")


def chapter_links(name: str, repository: str) -> str:
    """Return the line that leads from a chapter to its page and to Colab.

    Args:
        name: the notebook's name, without its suffix.
        repository: as for `setup_cell_source`; PLACEHOLDER gives an empty line.
    """
    if repository == PLACEHOLDER:
        return ""
    github = "https://colab.research.google.com/github/"
    colab = repository.replace("https://github.com/", github)
    return (
        f"{LINKS}{pages_url(repository)}notebooks/{name}.html) · "
        f"[open it in Colab]({colab}/blob/main/notebooks/{name}.ipynb)"
    )


def pages_url(repository: str) -> str:
    """Return the address, with its slash, at which GitHub Pages shows the book."""
    owner, book = repository.removeprefix("https://github.com/").split("/")
    site = f"https://{owner.lower()}.github.io/"
    # a repository with the name of its site is shown at the top of that site
    return site if book.lower() == f"{owner.lower()}.github.io" else f"{site}{book}/"


def addressed(notebook: str, name: str, version: str, repository: str) -> str:
    """Return the text of a notebook with its set-up cell and its links renewed.

    Args:
        notebook: the notebook's text, JSON.
        name: its name, without its suffix.
        version: as for `setup_cell_source`.
        repository: as for `setup_cell_source`.

    Raises:
        ValueError: it does not begin with Markdown, or has not one set-up cell.
    """
    content = json.loads(notebook)
    cells: list[dict[str, Any]] = content["cells"]
    if not cells or cells[0]["cell_type"] != "markdown":
        raise ValueError(
            f"{name}.ipynb: its first cell must be Markdown, with its title"
        )
    tagged = [c for c in cells if "setup" in c["metadata"].get("tags", [])]
    if len(tagged) != 1:
        raise ValueError(
            f"{name}.ipynb has {len(tagged)} cells tagged 'setup'; expected 1: an "
            f"empty code cell with the tags {list(TAGS)} is enough to begin with"
        )
    setup = tagged[0]
    setup["metadata"]["tags"] = list(TAGS)
    setup["source"] = _lines(setup_cell_source(version, repository))
    title = "".join(cells[0]["source"])
    title = re.sub(rf"\n\n{re.escape(LINKS)}[^\n]*", "", title)
    links = chapter_links(name, repository)
    cells[0]["source"] = _lines(f"{title}\n\n{links}" if links else title)
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def edition(root: Path = ROOT) -> str:
    """Return the version in pyproject.toml.

    Raises:
        ValueError: there is no line `version = "…"`.
    """
    text = read_exact(root / "pyproject.toml")
    found = re.search(r'(?m)^version = "([^"]+)"$', text)
    if found is None:
        raise ValueError('pyproject.toml: expected a line version = "…", found none')
    return found[1]


def repository_url(config: str) -> re.Match[str]:
    """Find the address in the text of _config.yml: the group "url" of the match.

    Raises:
        ValueError: there is no line `url: …` below `repository:`.
    """
    found = re.search(
        r"(?m)^repository:.*\n(?:[ \t].*\n|\n)*?[ \t]+url:[ \t]*[\"']?"
        r"(?P<url>[^\s\"'#]+)",
        config,
    )
    if found is None:
        raise ValueError("_config.yml: expected a line url: … below repository:")
    return found


def write_setup_cells(root: Path = ROOT) -> list[Path]:
    """Renew the set-up cell and the links of every notebook; return those changed.

    Args:
        root: the top folder of the book.

    Raises:
        ValueError: a notebook is not built as it should be; then none is changed.
    """
    config = read_exact(root / "_config.yml")
    return write_changed(notebook_texts(root, repository_url(config)["url"]))


def notebook_texts(root: Path, repository: str) -> dict[Path, str]:
    """Return the text that each notebook should have, for this address."""
    version = edition(root)
    return {
        path: addressed(read_exact(path), path.stem, version, repository)
        for path in sorted((root / "notebooks").glob("*.ipynb"))
    }


def write_changed(texts: dict[Path, str]) -> list[Path]:
    """Write the files whose text differs from the one on disk; return them."""
    changed = [p for p, text in texts.items() if read_exact(p) != text]
    for path in changed:
        write_whole(path, texts[path].encode("utf-8"))
    return changed


def read_exact(path: Path) -> str:
    """Return the text of a file; unlike `Path.read_text`, keep its line ends."""
    return path.read_bytes().decode("utf-8")


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


if __name__ == "__main__":
    changed = write_setup_cells()
    print(f"set-up cells: {len(changed)} notebooks changed")
