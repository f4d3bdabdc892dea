"""Build the book from the executed notebooks: _build/html/index.html.

    python tools/build_book.py

Nothing is executed here. The build stops, with exit status 1, on a notebook or page
that is not in the contents, an executed notebook that is missing or out of date, a
Sphinx warning, and every problem that ``tools/check_pages.py`` finds.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools import check_pages
from tools.notebook_key import load_record, notebook_key, shared_digest
from tools.setup_cell import PLACEHOLDER

ROOT = Path(__file__).resolve().parents[1]
BUTTONS = ("use_repository_button", "use_issues_button", "use_edit_page_button")
FAST_NOTE = (
    "This copy was built in fast mode: its numbers are rougher than the book's own."
)
# The theme's page at the root has neither a language nor a title.
REDIRECT = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>{title}</title>
    <meta http-equiv="refresh" content="0; url={page}">
  </head>
  <body><p><a href="{page}">{title}</a></p></body>
</html>
"""


class BuildError(Exception):
    """The book cannot be built; the message lists every reason found."""


def contents(node: Any) -> Iterator[str]:
    """Yield the pages of a table of contents in order, without their suffixes."""
    if isinstance(node, list):
        for item in node:
            yield from contents(item)
    elif isinstance(node, dict):
        for key in ("root", "file"):
            if key in node:
                yield str(node[key]).removesuffix(".ipynb").removesuffix(".md")
        for key in ("parts", "chapters", "sections", "entries", "subtrees"):
            yield from contents(node.get(key, []))


def check_contents(root: Path) -> list[str]:
    """Return where the table of contents and the files differ."""
    listed = list(contents(yaml.safe_load((root / "_toc.yml").read_text("utf-8"))))
    notebooks = sorted((root / "notebooks").glob("*.ipynb"))
    files = [*notebooks, *sorted((root / "book").rglob("*.md"))]
    there = {file.relative_to(root).with_suffix("").as_posix() for file in files}
    problems = [f"{name} is not in _toc.yml" for name in sorted(there - set(listed))]
    problems += [f"_toc.yml lists {n}: no such file" for n in listed if n not in there]
    twice = sorted({name for name in listed if listed.count(name) > 1})
    problems += [f"_toc.yml lists {name} more than once" for name in twice]
    return problems if notebooks else [*problems, "there is no notebook"]


def check_executed(root: Path) -> list[str]:
    """Return the notebooks whose executed copy is missing, edited or out of date."""
    shared, problems = shared_digest(root), []
    for source in sorted((root / "notebooks").glob("*.ipynb")):
        record = load_record(root / "_build/executed" / source.name)
        if record is None:
            problems.append(f"{source.name} has not been run: make notebooks")
        elif record["key"] != notebook_key(source, shared, record["settings"]):
            problems.append(f"{source.name} changed since it was run: make notebooks")
    return problems


def is_fast(root: Path) -> bool:
    """Say whether any executed notebook was run in fast mode."""
    records = map(load_record, (root / "_build/executed").glob("*.ipynb"))
    return any(not record["settings"]["strict"] for record in records if record)


def staged_config(root: Path) -> str:
    """Return _config.yml as Sphinx shall see it.

    While the address is a placeholder there is nothing to link to, so the buttons for
    Colab and for the repository go; a fast build says so on every page.
    """
    config = yaml.safe_load((root / "_config.yml").read_text("utf-8"))
    html = config.setdefault("html", {})
    if config.get("repository", {}).get("url") == PLACEHOLDER:
        config.pop("launch_buttons", None)
        for button in BUTTONS:
            html.pop(button, None)
    if is_fast(root):
        html["announcement"] = FAST_NOTE
    return str(yaml.safe_dump(config, sort_keys=False, allow_unicode=True))


def stage(root: Path) -> Path:
    """Lay out what Sphinx reads in _build/stage, afresh, and return that folder."""
    place = root / "_build" / "stage"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(root / "book", place / "book")
    for name in ("_toc.yml", "tools/book_tweaks.py"):
        (place / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(root / name, place / name)
    (place / "_config.yml").write_text(staged_config(root), encoding="utf-8")
    (place / "notebooks").mkdir()
    for source in sorted((root / "notebooks").glob("*.ipynb")):
        executed = root / "_build" / "executed" / source.name
        shutil.copyfile(executed, place / "notebooks" / source.name)
    return place


def run_sphinx(place: Path, output: Path) -> Path:
    """Build the staged book; return the folder of its pages.

    Raises:
        BuildError: on an error or a warning; Sphinx has printed it by then.
    """
    program = Path(sys.executable).with_name("jupyter-book")
    command = [str(program), "build", str(place), "--path-output", str(output)]
    command += ["-W", "-n", "--keep-going", "-q"]
    # its closing words name a folder that is about to be renamed
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        print(done.stdout, file=sys.stderr)
        raise BuildError("Sphinx warned or failed: see above")
    return output / "_build" / "html"


def write_index(html: Path, root: Path) -> None:
    """Let the book's root lead to its start page."""
    toc = yaml.safe_load((root / "_toc.yml").read_text("utf-8"))
    config = yaml.safe_load((root / "_config.yml").read_text("utf-8"))
    if toc["root"] != "index":
        page = REDIRECT.format(title=config["title"], page=f"{toc['root']}.html")
        (html / "index.html").write_text(page, encoding="utf-8")


def build(root: Path) -> Path:
    """Build and check the book of the project in ``root``.

    The pages appear at _build/html only if everything is well; an earlier book is
    taken away first, so that it is not taken for this one.

    Args:
        root: the project: _config.yml, _toc.yml, book, notebooks, tools.

    Raises:
        BuildError: with every problem found.
    """
    build_folder = root / "_build"
    final, fresh = build_folder / "html", build_folder / "new"
    for old in (final, fresh):
        shutil.rmtree(old, ignore_errors=True)
    problems = check_contents(root) + check_executed(root)
    if problems:
        raise BuildError("\n".join(problems))
    html = run_sphinx(stage(root), fresh)
    write_index(html, root)
    problems = check_pages.check(html, root / "_build/stage/notebooks")
    if problems:
        raise BuildError("\n".join([*problems, f"the pages are in {html}"]))
    html.rename(final)
    shutil.rmtree(fresh)
    return final


def main() -> int:
    print("building the pages", flush=True)
    try:
        html = build(ROOT)
    except BuildError as error:
        print(f"\nThe book was not built.\n{error}", file=sys.stderr)
        return 1
    pages = check_pages.read_pages(html)
    size = sum(path.stat().st_size for path in html.rglob("*") if path.is_file())
    heaviest = max(check_pages.weight(path, page) for path, page in pages.items())
    print(f"{len(pages)} pages, {size / 1e6:.1f} MB, heaviest {heaviest / 1e6:.1f} MB")
    print(f"The book: {html / 'index.html'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
