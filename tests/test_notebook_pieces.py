"""Computed sentences, claims, quizzes and drawings."""

from __future__ import annotations

from typing import Any

import pytest

from genex_helpers import notebook
from genex_helpers.evaluation import Interval
from genex_helpers.quizzes import questions


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """Collect what would be displayed, with its record."""
    monkeypatch.delenv("GENEX_STRICT", raising=False)
    found: list[tuple[str, Any]] = []

    def keep(text: str, record: Any = None) -> None:
        found.append((text, record))

    monkeypatch.setattr(notebook, "_show", keep)
    return found


def make_claim(low: float, **changes: Any) -> None:
    arguments: dict[str, Any] = {
        "quantity": "difference",
        "unit": "subject",
        "n": 17,
        "seeds": 5,
        "delta": 0.05,
        "expected": "supported",
    }
    notebook.claim("00.x", "A", Interval(0.2, low, 0.3), **(arguments | changes))


def test_a_sentence_that_holds_is_shown_as_it_is(shown: list[Any]) -> None:
    notebook.say("two", holds=True)
    notebook.say("three")
    assert [text for text, _ in shown] == ["two", "three"]


def test_a_sentence_that_fails_says_so_and_is_an_error_when_strict(
    shown: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook.say("two", holds=False)
    assert "differs from the book" in shown[0][0]
    monkeypatch.setenv("GENEX_STRICT", "1")
    with pytest.raises(notebook.NotAsInTheBook, match="two"):
        notebook.say("two", holds=False)


def test_a_claim_is_judged_and_recorded(shown: list[Any]) -> None:
    make_claim(0.1, cites=("10.1000/x",))
    text, record = shown[0]
    assert "**supported**" in text and "17 subjects, 5 seeds" in text
    kept = record["claim"]
    assert kept["verdict"] == "supported" and kept["low"] == 0.1
    assert kept["unit"] == "subject" and kept["cites"] == ["10.1000/x"]


def test_another_verdict_than_the_books_is_told(
    shown: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_claim(0.01)
    assert "undecided" in shown[0][0] and "differs from the book" in shown[0][0]
    assert shown[0][1] is None
    monkeypatch.setenv("GENEX_STRICT", "1")
    with pytest.raises(notebook.NotAsInTheBook):
        make_claim(0.01)


def test_a_fast_run_never_enters_the_ledger(
    shown: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENEX_STRICT", "1")
    make_claim(0.01, fast=True)
    assert shown[0][1] is None and "not recorded" in shown[0][0]


def test_start_obeys_the_environment(
    shown: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENEX_FAST", "1")
    assert notebook.start(device="cpu", seed=3) == notebook.Run("cpu", True, 3)
    monkeypatch.delenv("GENEX_FAST")
    assert not notebook.start(device="cpu").fast


def test_errors_are_shown_as_sentences(shown: list[Any]) -> None:
    with notebook.show_error(ValueError):
        raise ValueError("a < b")
    assert "ValueError" in shown[0][0] and "a &lt; b" in shown[0][0]
    with notebook.show_error(ValueError):
        pass
    assert "differs from the book" in shown[1][0]


def test_exercises_are_recorded(shown: list[Any]) -> None:
    notebook.check("09.5", ...)
    assert shown[0][1] == {"exercise": {"id": "09.5", "status": "unanswered"}}
    assert "Exercise 9.5" in shown[0][0]
    notebook.check("a1.1", ...)
    assert shown[1][1] == {"exercise": {"id": "a1.1", "status": "unanswered"}}
    assert "Exercise A1.1" in shown[1][0]


def test_a_quiz_gives_a_reason_for_each_option(shown: list[Any]) -> None:
    notebook.quiz("09")
    options = [o for q in questions("09") for o in q.options]
    assert shown[0][0].count("<details>") == len(options)
    assert all(o.because in shown[0][0] for o in options)
    with pytest.raises(KeyError, match="no quiz"):
        questions("77")


def test_an_unknown_drawing_is_named() -> None:
    pytest.importorskip("IPython")
    with pytest.raises(ValueError, match=r"no drawing 'x'.*leave_pair_out"):
        notebook.diagram("x", alt="none")
