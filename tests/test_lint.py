"""Each house rule finds its own offence, and a notebook without one passes."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from lint_chapter import SETUP, Draft, clean_node, question
from lint_examples import EIGHT, LABELLED, OFFENCES, Offence
from nbformat.v4 import new_code_cell

from tools import lint_notebooks, notebook_lint
from tools.notebook_lint import RULES, from_node, lint, rules_template
from tools.notebook_lint.rules_words import sentence_ends
from tools.notebook_lint.text import clean

EXAMPLES = [
    pytest.param(name, offence, id=f"{name}-{number}")
    for name, offences in OFFENCES.items()
    for number, offence in enumerate(offences)
]


@pytest.fixture(autouse=True)
def _setup_of_these_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules_template, "expected_setup", lambda: SETUP)


def test_a_clean_notebook_has_no_findings() -> None:
    """It holds much that looks like an offence and is none."""
    nbformat.validate(clean_node())
    assert [str(finding) for finding in Draft().found()] == []


def test_every_rule_has_an_offending_example() -> None:
    """No rule comes untested, and none has two registrations."""
    assert sorted(OFFENCES) == sorted(rule.name for rule in RULES)


@pytest.mark.parametrize(("name", "offence"), EXAMPLES)
def test_an_offence_triggers_its_rule_and_no_other(name: str, offence: Offence) -> None:
    """The message quotes the rule and says where."""
    draft = Draft()
    offence(draft)
    found = draft.found()
    assert {finding.rule for finding in found} == {name}, list(map(str, found))
    quote = {rule.name: rule.quote for rule in RULES}[name]
    for finding in found:
        assert str(finding).startswith("notebooks/03_rules.ipynb, ")
        assert str(finding).endswith(f'Rule: "{quote}"')


@pytest.mark.parametrize(
    "offence",
    [
        lambda d: d.code("class Long:" + "\n    x = 1" * 34 + "\n\n" * 9, **{
            "lint": {"allow": ["defined-and-called"], "because": "it shows a shape"}
        }),
        lambda d: d.code("total = (\n    'a %s'\n    % seed\n)"),
        lambda d: d.code("def once(x):\n    return x\n\nlist(map(once, [1]))"),
        lambda d: d.node.cells.insert(8, new_code_cell('say("It is so.")')),
        lambda d: d.code("optimiser.step()\nx.scatter(0, i, x)"),
        lambda d: d.code("def draw(ax):\n    ax.plot(1)\n\nhand_over(draw)"),
        lambda d: d.figure("plt.imshow(x)\nplt.axis('off')"),
        lambda d: d.figure(LABELLED.replace('"day"', '"time (hours)"')),
        lambda d: d.figure(LABELLED + "ax.plot([1], color='#0072B2')"),
        lambda d: d.figure(LABELLED + "ax.plot([1], color='none')"),
        lambda d: d.code("rng = np.random.default_rng(seed)"),
        lambda d: d.code('cite = "https://doi.org/10.1/x"'),
        lambda d: d.sibling("def double_not(x): ..."),
        lambda d: d.sibling(EIGHT),
        lambda d: d.text("See Exercise 3.2, version 1.0.4 and CC BY 4.0."),
        lambda d: d.text("The National Center for sizes, e.g. E. coli."),
        lambda d: d.text("```python\nX = 0.5  # color. Gray\n```"),
        lambda d: d.text("<!-- 0.5 is\ngray. Yes. -->"),
        lambda d: d.text("It is:\n\n- one\n- two, and\n\nthen three."),
        lambda d: d.text("Where $\\mathbf{x}$ and `{cite}` are code."),
    ],
)  # fmt: skip
def test_what_only_looks_like_an_offence_passes(offence: Offence) -> None:
    """A false alarm would teach authors to ignore the lint."""
    draft = Draft()
    offence(draft)
    assert [str(finding) for finding in draft.found()] == []


def test_an_exemption_hides_its_rule_in_its_cell_only() -> None:
    """A second offence elsewhere is still found."""
    draft = Draft()
    allowed = {"allow": ["shell"], "because": "it shows what not to do"}
    draft.code("!pip list", lint=allowed)
    assert draft.found() == []
    draft.code("!pip list")
    assert [finding.rule for finding in draft.found()] == ["shell"]


def named(chapter: str, title: str, heading: str) -> list[str]:
    """What the lint says of a chapter whose first exercise has this heading."""
    draft = Draft()
    for cell in draft.node.cells:
        cell.source = cell.source.replace("### Exercise 3.", f"### Exercise {title}.")
        cell.source = cell.source.replace(
            f"Exercise {title}.1 ", f"Exercise {heading} "
        )
        cell.source = cell.source.replace("03.", f"{chapter}.")
        cell.source = cell.source.replace('"03"', f'"{chapter}"')
    questions = [question(n, chapter) for n in (1, 2, 3)]
    book = from_node(f"notebooks/{chapter}_rules.ipynb", draft.node, questions)
    return [finding.rule for finding in lint(book)]


def primer(heading: str) -> list[str]:
    """What the lint says of a primer whose first exercise has this heading."""
    return named("a1", "A1", heading)


def test_a_chapter_in_two_halves() -> None:
    """Exercise 3b.1 in the heading is "03b.1" for ``check``."""
    assert named("03b", "3b", "3b.1") == []
    assert named("10b", "10b", "10b.1") == []
    assert "exercise-heading" in named("03b", "3b", "3.1")


def test_a_primer_is_named_by_a_letter() -> None:
    """Exercise A1.1 in the heading is "a1.1" for ``check``, as 3.1 is "03.1"."""
    assert primer("A1.1") == []


@pytest.mark.parametrize("heading", ["a1.1", "A1", "A2.1", "1.1", "A11.1"])
def test_a_primer_keeps_the_rule_of_exercises(heading: str) -> None:
    """Neither a small letter nor another primer's number passes."""
    assert "exercise-heading" in primer(heading)


def test_cleaning_keeps_the_lines() -> None:
    """Else a finding would name the wrong words."""
    text = "a\n```\nb\n```\n$$\nc\n$$ d `e` <b\nx> [f](g(h)i) https://i.j"
    assert clean(text).count("\n") == text.count("\n")
    assert clean(text).split() == ["a", "maths", "d", "code", "f", "link"]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("One. Two. Three.", 2),
        ("See Fig. A and Smith et al. Then", 0),
        ("By A. B. Smith, i.e. Smith.", 0),
        ("It ends in 2019. We go on.", 1),
        ("1. The first", 0),
        ("> **Note.** It is so.", 0),
        ("- **Note.** It is so. Is it?", 1),
        ('"Is it?" He asks.', 1),
        ("A ratio of 1.5 Units", 0),
    ],
)
def test_sentences_in_a_line(text: str, count: int) -> None:
    """Abbreviations, initials and list numbers end no sentence."""
    assert sentence_ends(text) == count


def test_the_command_names_notebook_cell_and_rule(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it exits 1, but 0 for a clean notebook."""
    quizzes = [question(n) for n in (1, 2, 3)]
    monkeypatch.setattr(notebook_lint, "load_quizzes", lambda: quizzes)
    monkeypatch.setattr(notebook_lint, "NOTEBOOKS", tmp_path)
    path = tmp_path / "03_rules.ipynb"
    draft = Draft()
    nbformat.write(draft.node, path)
    assert lint_notebooks.main([str(path)]) == 0
    draft.code("!pip list")
    nbformat.write(draft.node, path)
    capsys.readouterr()
    assert lint_notebooks.main([str(path)]) == 1
    assert capsys.readouterr().out == (
        f"{path.as_posix()}, cell 13 (code): has the shell line !…. "
        'Rule: "no `!pip` outside the set-up cell"\n'
    )


def test_the_command_fails_without_notebooks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty folder is not a clean book."""
    monkeypatch.setattr(lint_notebooks, "NOTEBOOKS", tmp_path)
    assert lint_notebooks.main([]) == 1


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    """It is no traceback of another library."""
    path = tmp_path / "03_broken.ipynb"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match="03_broken"):
        notebook_lint.load(path)
