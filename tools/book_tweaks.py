"""Sphinx extension: pages that need no network, and tables that can be read out.

Jupyter Book 1.x always adds Thebe, whose loader comes from a public server and is
declared twice, which is a script error on every page; we take it out. MathJax is copied
from the PyPI package ``sphinx-mathjax-offline``, only the parts that pages load.
"""

from __future__ import annotations

import re
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError

EMPTY_HEADER = re.compile(r"<th( [^>]*)?>(?:<p></p>)?</th>")
MATHJAX_PACKAGE = "sphinx-mathjax-offline"
# TeX in, HTML out; the rest on demand: a macro's extension, or the reader's wish to
# hear or explore a formula (the mathmaps hold the spoken words).
MATHJAX_PARTS = (
    "tex-chtml.js",
    "output/chtml/fonts/woff-v2/*.woff",
    "input/tex/extensions/[!a]*.js",  # without all-packages.js, all of them again,
    "input/tex/extensions/am*.js",
    "input/tex/extensions/action.js",
    "input/mml.js",  # what is spoken goes through MathML
    "a11y/*.js",
    "sre/mathmaps/base.json",
    "sre/mathmaps/en.json",
)


def drop_thebe(app: Sphinx) -> None:
    """Undo all that sphinx_thebe has hooked into the build."""
    for event, listeners in app.events.listeners.items():
        app.events.listeners[event] = [
            listener
            for listener in listeners
            if not listener.handler.__module__.startswith("sphinx_thebe")
        ]
    app.registry.css_files = [
        (name, attributes)
        for name, attributes in app.registry.css_files
        if "thebe" not in name
    ]


def use_local_mathjax(app: Sphinx, config: Config) -> None:
    """Let pages load MathJax from the book's own static folder."""
    config.mathjax_path = f"mathjax/{MATHJAX_PARTS[0]}"


def mend_tables(
    app: Sphinx, page: str, template: str, context: dict[str, Any], tree: Any
) -> None:
    """Make the empty corner of a table a cell: it is the header of nothing."""
    if "body" in context:
        context["body"] = EMPTY_HEADER.sub(r"<td\1></td>", context["body"])


def copy_mathjax(app: Sphinx, exception: Exception | None) -> None:
    """Copy MathJax into the built book.

    Raises:
        ExtensionError: if the package lacks one of the parts.
    """
    if exception or app.builder.format != "html":
        return
    package = metadata.distribution(MATHJAX_PACKAGE)
    source = Path(str(package.locate_file(f"{MATHJAX_PACKAGE}/static/mathjax")))
    for pattern in MATHJAX_PARTS:
        parts = sorted(source.glob(pattern))
        if not parts:
            raise ExtensionError(f"{MATHJAX_PACKAGE} has no {pattern} in {source}")
        for part in parts:
            target = Path(app.outdir) / "_static/mathjax" / part.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(part, target)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension; Jupyter Book loads it after its own."""
    drop_thebe(app)
    app.connect("config-inited", use_local_mathjax, priority=900)
    app.connect("html-page-context", mend_tables)
    app.connect("build-finished", copy_mathjax)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
