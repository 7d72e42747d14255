"""Guards in the reports: which one stopped the run, and how long it took from there."""

from typing import Any

import msgspec

from breakfix.engine.timeline import fold
from breakfix.engine.timeline.facts import GuardFacts, TripFacts
from breakfix.engine.timeline.record import Record
from breakfix.engine.verdict import judge
from breakfix.reports import html, text

TRIP = TripFacts(
    kind="tripped", why="bad <3> times", at_s=(4.0, 4.1), before_effect=False, open_faults=1
)
CALM = GuardFacts(id="calm", probe="up", tolerance="consecutive 3")


def guarded(story: Any, *guards: GuardFacts) -> Record:
    """A run with these guards."""
    record: Record = fold(story().lines)
    return msgspec.structs.replace(record, guards=guards)


def test_the_page_shows_each_guard(story: Any) -> None:
    """What it tolerates, its trip, and the time to safe, as the text does."""
    tripped = GuardFacts(
        id="tense", probe="port", tolerance="max_outage 1s", trip=TRIP, time_to_safe_s=(0.2, 0.4)
    )
    record = guarded(story, CALM, tripped)
    page, plain = html.render(record, judge(record)), text.render(record, judge(record))
    rows = page.partition('<h2 id="guards">')[2].partition("</table>")[0]
    for part in ("up, consecutive 3", "not tripped", "port, max_outage 1s", "bad &lt;3&gt; times"):
        assert part in rows
    assert "300 ms [200, 400]" in rows
    assert "calm (up, consecutive 3) did not trip" in plain
    assert "bad <3> times; time to safe 300 ms [200, 400]" in plain


def test_a_fault_that_stayed_is_not_safe(story: Any) -> None:
    """It has no time to safe, and the page says why."""
    record = guarded(story, msgspec.structs.replace(CALM, trip=TRIP))
    assert "not safe: a fault was never seen gone" in html.render(record, judge(record))


def test_without_guards_there_is_no_table(story: Any) -> None:
    """The page has no empty section."""
    record = guarded(story)
    assert 'id="guards"' not in html.render(record, judge(record))
