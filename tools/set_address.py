"""Set the address of the book in every place that names it.

    python tools/set_address.py https://github.com/owner/book

The address lives in _config.yml (`repository: url:`). The set-up cell and the links of
every notebook, CITATION.cff and README.md are made from it. A fork needs nothing else;
the placeholder puts every file back as it was.

Only the standard library is used: a workflow sets the address before it installs.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.setup_cell import (
    PLACEHOLDER,
    ROOT,
    notebook_texts,
    pages_url,
    read_exact,
    repository_url,
    write_changed,
)

OWNER = r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}"
BOOK = r"[A-Za-z0-9._-]{1,100}"
EXAMPLE = "expected an address like https://github.com/owner/book"
UNSET = """\
This copy of the book has no address yet, so it links to no published pages, and its
notebooks do not install themselves on Colab. One command sets the address everywhere;
commit what it changes:

```
make address URL=https://github.com/YOU/YOUR-BOOK
```
"""


def clean_address(text: str) -> str:
    """Return an address in the one form that the book uses.

    Args:
        text: what the user typed; a final slash or `.git` is taken off.

    Raises:
        ValueError: it is not the address of a GitHub repository.
    """
    url = text.strip().removesuffix("/").removesuffix(".git")
    if url == PLACEHOLDER:
        return url
    if not url.startswith("https://github.com/"):
        raise ValueError(
            f"URL={text!r} is not an https address on github.com, where Colab can "
            f"open notebooks; {EXAMPLE}"
        )
    owner, _, book = url.removeprefix("https://github.com/").partition("/")
    if not re.fullmatch(OWNER, owner):
        raise ValueError(
            f"URL={text!r}: {owner!r} cannot be the name of a GitHub account, which "
            f"has letters, digits and single hyphens between them; {EXAMPLE}"
        )
    if not re.fullmatch(BOOK, book) or book in (".", ".."):
        raise ValueError(
            f"URL={text!r}: {book!r} cannot be the name of a GitHub repository, which "
            f"has letters, digits, '.', '_' and '-' and no further slash; {EXAMPLE}"
        )
    return url


def citation_lines(repository: str) -> str:
    """Return what CITATION.cff says of the address: nothing while it is not set."""
    if repository == PLACEHOLDER:
        return ""
    return f'repository-code: "{repository}"\nurl: "{pages_url(repository)}"\n'


def readme_lines(repository: str) -> str:
    """Return what README.md says of the address."""
    if repository == PLACEHOLDER:
        return UNSET
    return (
        f"Read the book at <{pages_url(repository)}>; its chapters open in Colab from "
        f"there.\nIts source is at <{repository}>.\n"
    )


def with_block(path: Path, start: str, end: str, block: str) -> str:
    """Return the text of a file with the lines between two marks replaced.

    Raises:
        ValueError: the marks do not stand in the file once each, in this order.
    """
    text = read_exact(path)
    before, *rest = text.split(f"{start}\n")
    if len(rest) != 1 or rest[0].count(end) != 1:
        raise ValueError(
            f"{path.name}: expected one line {start} and one {end} after it"
        )
    after = rest[0][rest[0].index(end) :]
    return f"{before}{start}\n{block}{after}"


def address_texts(root: Path, repository: str) -> dict[Path, str]:
    """Return the text of every file that names the address, as it should be.

    Args:
        root: the top folder of the book.
        repository: a clean address, or PLACEHOLDER.

    Raises:
        ValueError: a file has no place for the address.
    """
    config = root / "_config.yml"
    place = repository_url(read_exact(config))
    texts = notebook_texts(root, repository)
    begin, end = place.span("url")
    texts[config] = place.string[:begin] + repository + place.string[end:]
    texts[root / "CITATION.cff"] = with_block(
        root / "CITATION.cff",
        "# address: begin, written by tools/set_address.py",
        "# address: end",
        citation_lines(repository),
    )
    texts[root / "README.md"] = with_block(
        root / "README.md",
        "<!-- address: begin, written by tools/set_address.py -->",
        "<!-- address: end -->",
        readme_lines(repository),
    )
    return texts


def set_address(url: str, root: Path = ROOT) -> list[Path]:
    """Set the address everywhere; return the files that changed.

    Args:
        url: the address of the repository; PLACEHOLDER takes it out again.
        root: the top folder of the book.

    Raises:
        ValueError: the address is not one, or a file has no place for it; then no file
            is changed.
    """
    return write_changed(address_texts(root, clean_address(url)))


def main(arguments: list[str]) -> int:
    """Set the address that the command line names; return the exit status."""
    if len(arguments) != 1:
        print("usage: make address URL=https://github.com/owner/book", file=sys.stderr)
        return 2
    try:
        changed = set_address(arguments[0])
    except ValueError as error:
        print(f"address: {error}", file=sys.stderr)
        return 1
    for path in changed:
        print(path.relative_to(ROOT))
    print(f"address: {clean_address(arguments[0])}, {len(changed)} files changed")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
