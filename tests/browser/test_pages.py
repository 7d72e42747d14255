"""The pages in a real Chromium: offline, without console errors, on paper, a phone and a dark screen.

With BREAKFIX_AXE (the path of ``axe.min.js`` of the npm package axe-core, which is not kept here) they must also
pass its accessibility rules.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.drills import BEGAN_WALL_S, DAY_S, Drill, seeded, write

from breakfix.engine.history.journals import row_of_journal
from breakfix.engine.journal import read
from breakfix.engine.timeline import Record, Verdict, fold
from breakfix.engine.trend import compare, trend
from breakfix.engine.verdict import judge
from breakfix.reports import comparison_html, html, trend_html

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
SCREENS = {
    "light": {"viewport": {"width": 1100, "height": 900}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1100, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 375, "height": 800}, "color_scheme": "light"},
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium."""
    if not CHROMIUM:
        pytest.skip("Chromium is not installed (apt-get install chromium)")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A trend with everything that there is to draw, two runs side by side, and a run."""
    folder = tmp_path_factory.mktemp("pages")
    drills = [
        *seeded(34),
        Drill(number=40, restore_s=None),
        Drill(number=41, restore_s=None, aborted=True, labels={"version": "1.4.3"}),
        *(Drill(number=n, env="staging", restore_s=9 + n % 5) for n in range(50, 60)),
    ]
    paths = [write(drill, folder / "runs") for drill in drills]

    def told(path: Path) -> tuple[Record, Verdict]:
        record = fold(read(path))
        return record, judge(record)

    rows = [row_of_journal(path) for path in paths]
    contents = {
        "trend": trend_html.render(trend(rows, as_of_wall_s=BEGAN_WALL_S + 90 * DAY_S)),
        "compare": comparison_html.render(compare(told(paths[0]), told(paths[34]))),
        "report": html.render(*told(paths[0])),
    }
    for name, content in contents.items():
        (folder / f"{name}.html").write_text(content)
    return {name: folder / f"{name}.html" for name in contents}


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a page offline; what it logs, and what it asks for, is in `said` and `asked` of the page."""
    contexts = []

    def open_page(path: Path, **options: Any) -> Any:
        context = browser.new_context(offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.said, page.asked = [], []
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("name", ["trend", "compare", "report"])
def test_a_page_stands_alone(
    pages: dict[str, Path], visit: Callable[..., Any], name: str, screen: str
) -> None:
    """It asks for nothing, logs nothing, and fits the width of the screen."""
    page = visit(pages[name], **SCREENS[screen])
    assert page.asked == [pages[name].as_uri()]
    assert page.said == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.locator("h1").count() == 1


def test_a_dark_screen_gets_dark_charts(pages: dict[str, Path], visit: Callable[..., Any]) -> None:
    """The colours of points are swapped with those of the page."""
    found = {}
    for screen in ("light", "dark"):
        page = visit(pages["trend"], **SCREENS[screen])
        found[screen] = page.evaluate(
            "getComputedStyle(document.querySelector('.wide path[fill=\"#27825a\"]')).fill"
        )
    assert found["light"] == "rgb(39, 130, 90)" and found["dark"] == "rgb(88, 192, 140)"


def test_each_screen_has_the_chart_that_fits(
    pages: dict[str, Path], visit: Callable[..., Any]
) -> None:
    """Wide or narrow, one of the two."""
    for screen, shown, hidden in (("light", ".wide", ".narrow"), ("phone", ".narrow", ".wide")):
        page = visit(pages["trend"], **SCREENS[screen])
        assert page.locator(f"{shown} svg").first.is_visible()
        assert not page.locator(f"{hidden} svg").first.is_visible()


@pytest.mark.parametrize("name", ["trend", "compare"])
def test_a_page_can_be_printed(
    pages: dict[str, Path], visit: Callable[..., Any], name: str, tmp_path: Path
) -> None:
    """On a few pages of paper, light even where the screen is dark."""
    page = visit(pages[name], **SCREENS["dark"])
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.pdf(path=tmp_path / "page.pdf", format="A4")
    count = (tmp_path / "page.pdf").read_bytes().count(b"/Type /Page\n")
    assert 1 <= count <= 6


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("name", ["trend", "compare", "report"])
def test_a_page_passes_axe(
    pages: dict[str, Path], visit: Callable[..., Any], name: str, screen: str
) -> None:
    """No violation of any of its rules."""
    axe = os.environ.get("BREAKFIX_AXE", "")
    if not axe:
        pytest.skip("BREAKFIX_AXE does not say where axe.min.js is")
    page = visit(pages[name], **SCREENS[screen], bypass_csp=True)
    page.evaluate(Path(axe).read_text())
    violations = page.evaluate("axe.run().then(found => found.violations)")
    assert [(one["id"], one["nodes"][0]["html"]) for one in violations] == []
