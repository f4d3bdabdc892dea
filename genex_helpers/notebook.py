"""What only notebooks need: start, computed sentences, claims, exercises, quizzes.

Nothing here raises for a learner who changes a setting: a sentence that no longer holds
says so. With ``GENEX_STRICT=1``, which the build of the book sets, it is an error.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from . import __version__
from .evaluation import Interval, verdict
from .exercises import grade
from .quizzes import questions
from .seeds import seed_everything

DIAGRAMS = Path(__file__).parent / "diagrams"


class NotAsInTheBook(AssertionError):
    """A computed sentence or a claim differs from the book, in a strict run."""


@dataclass(frozen=True)
class Run:
    """How a notebook runs: on which device, how thoroughly, from which seed."""

    device: str
    fast: bool
    seed: int


@dataclass(frozen=True)
class Claim:
    """A tested statement, as it enters the book's ledger.

    ``unit`` is what was resampled and ``n`` how many of it; ``delta`` is the smallest
    difference that matters, fixed before the run.
    """

    id: str
    statement: str
    quantity: str
    value: float
    low: float
    high: float
    unit: str
    n: int
    seeds: int
    delta: float
    kind: str
    verdict: str
    cites: list[str] = field(default_factory=list)


def start(device: str = "auto", fast: bool = False, seed: int = 0) -> Run:
    """Seed everything, set the figure style, and say how this notebook runs.

    ``GENEX_FAST=1`` in the environment makes the run fast whatever ``fast`` says.
    """
    from .plots import use_book_style

    use_book_style()
    seed_everything(seed)
    if device == "auto":
        device = "cuda" if _sees_gpu() else "cpu"
    fast = bool(fast) or os.environ.get("GENEX_FAST") == "1"
    size = "a fast run (smaller, not the book's numbers)" if fast else "a full run"
    _show(f"`genex_helpers` {__version__}: {size} on `{device}`, seed {seed}.")
    return Run(device=device, fast=fast, seed=seed)


def say(text: str, holds: bool | None = None) -> None:
    """Show a sentence whose numbers were computed.

    Parameters
    ----------
    text
        Markdown.
    holds
        Whether this run agrees with what the text around it says; ``None`` when nothing
        depends on it.
    """
    if holds is not None and not holds:
        _miss(text, "the sentence above does not hold in this run")
    else:
        _show(text)


def claim(
    id: str,
    statement: str,
    interval: Interval,
    *,
    quantity: str,
    unit: str,
    n: int,
    seeds: int,
    delta: float,
    expected: str,
    kind: str = "superiority",
    cites: tuple[str, ...] = (),
    fast: bool = False,
) -> None:
    """Judge a statement by the book's rule, show the verdict, and record it.

    Parameters
    ----------
    id
        ``"chapter.slug"``.
    interval
        The estimate that decides, with its interval over ``unit``.
    expected
        The verdict that the book's text rests on.
    fast
        A fast run shows its numbers, but no record of it is kept.
    """
    found = verdict(interval, delta, kind=kind)
    record = Claim(
        id=id,
        statement=statement,
        quantity=quantity,
        value=interval.value,
        low=interval.low,
        high=interval.high,
        unit=unit,
        n=n,
        seeds=seeds,
        delta=delta,
        kind=kind,
        verdict=found,
        cites=list(cites),
    )
    edge = f"above {delta:g}" if kind == "superiority" else f"within ±{delta:g}"
    over = f"{n} {unit}s" + (f", {seeds} seeds" if seeds > 1 else "")
    sources = "".join(f" [{doi}](https://doi.org/{doi})" for doi in cites)
    text = (
        f"> **Claim: {statement}** — **{found}**.\n"
        f"> {quantity[:1].upper()}{quantity[1:]}: {interval} over {over}; "
        f"supported if {edge}.{sources}"
    )
    if fast:
        _show(text + "\n>\n> A fast run: shown, not recorded.")
    elif found != expected:
        _miss(text, f"the book found this claim {expected}")
    else:
        _show(text, {"claim": asdict(record)})


def check(exercise: str, answer: Any) -> None:
    """Grade an answer to an exercise and show what is right or wrong about it."""
    status, message = grade(exercise, answer)
    mark = {"passed": "✓", "wrong": "✗", "unanswered": "○"}[status]
    # headings say 9.1, 9b.1 and A1.1, records 09.1, 09b.1 and a1.1
    title = exercise.removeprefix("0")
    title = title if title[0].isdigit() else title.upper()
    text = f"{mark} **Exercise {title}, {status}.** {message}"
    _show(text, {"exercise": {"id": exercise, "status": status}})


def quiz(chapter: str) -> None:
    """Show the questions of a chapter; each option opens to its reason."""
    parts = []
    for number, item in enumerate(questions(chapter), start=1):
        parts.append(f"**Question {number}** (objective {item.objective}). ")
        parts[-1] += item.question
        for option in item.options:
            sign = "✓ Right." if option.right else "✗ Not this one."
            parts.append(
                f"<details><summary>{escape(option.text)}</summary>\n\n"
                f"{sign} {option.because}\n\n</details>"
            )
    _show("\n\n".join(parts), {"quiz": chapter})


def diagram(name: str, alt: str) -> None:
    """Show one of the book's drawings, with a description for those who cannot see it.

    Raises
    ------
    ValueError
        If there is no such drawing.
    """
    from IPython.display import HTML, display

    path = DIAGRAMS / f"{name}.svg"
    if not path.is_file():
        known = sorted(p.stem for p in DIAGRAMS.glob("*.svg"))
        raise ValueError(f"no drawing {name!r}; there are {known}")
    drawing = path.read_text(encoding="utf-8")
    drawing = drawing[drawing.index("<svg") :]
    label = escape(alt, quote=True)
    display(HTML(f'<div role="img" aria-label="{label}">{drawing}</div>'))


@contextmanager
def show_error(kind: type[Exception] = Exception) -> Iterator[None]:
    """Run lines that are meant to fail, and show the error as a sentence."""
    try:
        yield
    except kind as error:
        _show(f"> **{type(error).__name__}:** {escape(str(error), quote=False)}")
    else:
        _miss(f"No {kind.__name__} was raised.", "the book shows an error here")


def _miss(text: str, reason: str) -> None:
    if os.environ.get("GENEX_STRICT") == "1":
        raise NotAsInTheBook(f"{reason}: {text}")
    _show(f"{text}\n\n> **This run differs from the book**, because {reason}.")


def _show(text: str, record: dict[str, Any] | None = None) -> None:
    from IPython.display import Markdown, display

    display(Markdown(text), metadata=record)


def _sees_gpu() -> bool:
    try:
        import torch
    except ImportError:
        return False
    return bool(torch.cuda.is_available())
