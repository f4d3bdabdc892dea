"""Open every page of the built book in headless Chromium.

Run it with ``make test-browser`` after ``make book``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tools import check_pages

pytestmark = pytest.mark.browser

PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}
MODES = ("light", "dark")
# Violations of the theme's own elements: (axe rule, part of the element's selector).
# Whatever the book itself writes is not excused.
THEME_VIOLATIONS = (
    ("region", ".only-light"),  # the logo in the sidebar is outside all landmarks,
    ("region", ".only-dark"),  # in either mode
)
# How MathJax shows a mistake in a formula, and a macro that it does not know.
FAILED = "mjx-merror, mjx-container [style*='color: red']"
# MathJax has drawn all, fonts are there, and nothing is on its way any more.
SETTLED = """async () => {
    await window.MathJax?.startup?.promise;
    await document.fonts.ready;
}"""

# Hints, solutions and quiz answers are part of the page; they fade in.
OPEN_ALL = """async () => {
    document.querySelectorAll('details').forEach(box => { box.open = true });
    document.getAnimations().forEach(fade => { fade.finish() });
}"""


@dataclass
class Findings:
    """What the browser saw on one page."""

    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    formulas: int = 0
    drawn: int = 0
    failed: int = 0
    phone_width: int = 0
    axe: list[str] = field(default_factory=list)


def watch(page: Any, address: str, findings: Findings) -> None:
    """Record requests that leave the book, and every error while a page loads."""

    def on_request(request: Any) -> None:
        if not request.url.startswith((address, "data:", "blob:")):
            findings.outside.append(request.url)

    def on_console(message: Any) -> None:
        if message.type == "error":
            findings.errors.append(message.text)

    def on_response(response: Any) -> None:
        if response.status >= 400:
            findings.errors.append(f"{response.status} {response.url}")

    page.on("request", on_request)
    page.on("response", on_response)
    page.on("console", on_console)
    page.on("pageerror", lambda error: findings.errors.append(str(error)))


def run_axe(page: Any, name: str, mode: str) -> list[str]:
    """Return the violations that axe-core sees in one colour mode."""
    page.evaluate(f"localStorage.mode = localStorage.theme = '{mode}'")
    page.reload(wait_until="load")
    page.evaluate(SETTLED)
    page.evaluate(OPEN_ALL)
    shown = page.evaluate("document.documentElement.dataset.theme")
    assert shown == mode, f"{name} is shown in {shown} mode, not in {mode}"
    found = []
    for violation in Axe().run(page).response["violations"]:
        for node in violation["nodes"]:
            target = " ".join(map(str, node["target"]))
            excused = any(
                violation["id"] == rule and part in target
                for rule, part in THEME_VIOLATIONS
            )
            if not excused:
                found.append(f"{name} [{mode}] {violation['id']}: {target}")
    return found


def look_at(context: Any, address: str, name: str) -> Findings:
    """Open one page in a fresh context; return what there is to complain of."""
    findings = Findings()
    page = context.new_page()
    watch(page, address, findings)
    page.goto(f"{address}/{name}", wait_until="networkidle")
    page.evaluate(SETTLED)
    findings.formulas = page.locator(".math").count()
    findings.drawn = page.locator("mjx-container").count()
    findings.failed = page.locator(FAILED).count()
    page.evaluate(OPEN_ALL)
    page.set_viewport_size(PHONE)
    page.wait_for_timeout(100)  # for the theme to rearrange itself
    findings.phone_width = page.evaluate("document.documentElement.scrollWidth")
    # a page of its own, not watched: axe asks for style sheets at wrong addresses
    page = context.new_page()
    page.goto(f"{address}/{name}")
    for mode in MODES:
        findings.axe += run_axe(page, name, mode)
    context.close()
    return findings


@pytest.fixture(scope="module")
def findings(browser: Any, book_address: str, built_book: Path) -> dict[str, Findings]:
    """What was seen on every page of the book but the redirect at its root."""
    root = built_book.resolve()
    pages = check_pages.read_pages(root)
    names = [path.relative_to(root).as_posix() for path in pages]
    return {
        name: look_at(browser.new_context(viewport=DESKTOP), book_address, name)
        for name in names
        if name != "index.html"
    }


BAD_PAGE = r"""<!doctype html>
<html lang="en"><head><title>Bad</title>
<script>document.documentElement.dataset.theme = localStorage.theme</script>
<script defer src="/_static/mathjax/tex-chtml.js"></script></head>
<body><main><h1>Bad</h1><div style="width: 600px">wide</div>
<img src="http://book.invalid/picture.png">
<span class="math">\(x \unknown\)</span> <span class="math">\(\frac{1}\)</span>
<script>nothing.there</script></main></body></html>"""


def test_a_bad_page_is_seen(browser: Any, book_address: str) -> None:
    context = browser.new_context(viewport=DESKTOP)
    context.route("**/bad.html", lambda route: route.fulfill(body=BAD_PAGE))
    seen = look_at(context, book_address, "bad.html")
    assert seen.outside == ["http://book.invalid/picture.png"]
    assert any("nothing is not defined" in error for error in seen.errors)
    assert (seen.formulas, seen.drawn, seen.failed) == (2, 2, 2)
    assert seen.phone_width > PHONE["width"]
    assert [line.split()[1] for line in seen.axe if "image-alt" in line] == [
        "[light]",
        "[dark]",
    ]


def test_the_root_leads_to_a_page(browser: Any, book_address: str) -> None:
    page = browser.new_page()
    page.goto(f"{book_address}/")
    page.wait_for_selector("article h1")
    page.close()


def test_chapters_were_opened(findings: dict[str, Findings]) -> None:
    assert any(name.startswith("notebooks/") for name in findings)


def test_no_page_makes_an_external_request(findings: dict[str, Findings]) -> None:
    assert not {name: seen.outside for name, seen in findings.items() if seen.outside}


def test_no_page_has_a_script_error(findings: dict[str, Findings]) -> None:
    assert not {name: seen.errors for name, seen in findings.items() if seen.errors}


def test_formulas_are_drawn(findings: dict[str, Findings]) -> None:
    wrong = [
        f"{name}: {seen.drawn} of {seen.formulas} formulas, {seen.failed} in error"
        for name, seen in findings.items()
        if seen.drawn < seen.formulas or seen.failed
    ]
    assert not wrong
    # or else this test would look for formulas in the wrong way
    assert sum(seen.drawn for seen in findings.values())


def test_no_page_scrolls_sideways_on_a_phone(findings: dict[str, Findings]) -> None:
    widths = {name: seen.phone_width for name, seen in findings.items()}
    assert not {n: width for n, width in widths.items() if width > PHONE["width"]}


def test_axe_finds_nothing(findings: dict[str, Findings]) -> None:
    found = [line for seen in findings.values() for line in seen.axe]
    assert not found, "\n" + "\n".join(found)
