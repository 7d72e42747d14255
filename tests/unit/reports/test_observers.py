"""What observers saw, in the reports: bands, tables and sentences."""

from collections.abc import Callable, Iterable
from typing import Any
from xml.etree import ElementTree

import pytest

from breakfix.engine.events import ObserverSampled, ObserversEnded
from breakfix.engine.timeline import fold
from breakfix.engine.timeline.facts import ObserverFacts, SpanFacts, WindowFacts
from breakfix.engine.timeline.record import Record
from breakfix.engine.verdict import judge
from breakfix.reports import bands, chart, html, observers, text, wording
from breakfix.reports.axis import axis_span, off_axis

Story = Callable[..., Any]
Look = tuple[Any, float, float, str]
PROBE: dict[str, Any] = {"uses": "http.get", "with": {"url": "http://127.0.0.1:1/"}, "every": "100ms"}
STEPS: list[dict[str, Any]] = [
    {"id": "kill_cache", "inject": "process.kill", "target": "cache"},
    {"id": "whole", "verify": "inner", "depends_on": ["kill_cache"], "within": "20s"},
]
INNER = {"uses": "http.get", "with": {"url": "http://127.0.0.1:2/"}}


def grid(
    from_s: float, until_s: float, bad: Iterable[tuple[float, float]] = (), every_s: float = 0.1
) -> list[Look]:
    """Samples on a grid, each of 8 ms: bad where they begin within one of the stretches."""
    stretches = list(bad)
    found: list[Look] = []
    for index in range(round((until_s - from_s) / every_s)):
        at_s = round(from_s + index * every_s, 6)
        down = any(begin <= at_s < end for begin, end in stretches)
        found.append(("bad" if down else "good", at_s, at_s + 0.008, "refused" if down else ""))
    return found


def watched(
    journal: Story, looks: dict[str, list[Look]], *, end_s: float = 8.0, **observer: Any
) -> Record:
    """A cache that dies at 3.0 s and is back at 4.0 s, beside observers that saw what they saw."""
    run = journal().begin().process(0.05)
    run.plan(
        STEPS,
        probes={"inner": INNER, **dict.fromkeys(looks, PROBE)},
        observe=[{"probe": probe, **observer} for probe in looks],
    )
    for probe, samples in looks.items():
        if samples:
            run.add(end_s - 0.2, ObserverSampled(probe=probe, samples=tuple(samples)))
    run.unit(2.95, "kill_cache@cache", "running", due_at_s=2.9).inject(3.0)
    run.attempt("kill_cache@cache", 2.95, 3.02, "succeeded")
    run.fault_ended(3.9, 4.0, "restart").unit(4.0, "kill_cache@cache", "succeeded")
    run.unit(4.01, "whole", "running", due_at_s=4.0)
    run.sample(4.2, 4.22, "good", "whole", probe="inner")
    run.attempt("whole", 4.01, 4.22, "succeeded").unit(4.23, "whole", "succeeded")
    run.add(end_s - 0.1, ObserversEnded())
    record: Record = fold(run.end(end_s).lines)
    return record


DOWN = [(3.05, 3.95)]


@pytest.fixture
def seen(journal: Story) -> Record:
    """Two observers: one saw the outage, one saw nothing wrong."""
    return watched(journal, {"up": grid(1.0, 7.0, DOWN), "port": grid(1.0, 7.0)})


def test_the_top_names_the_outage_that_was_seen(seen: Record) -> None:
    """With its interval, its observer, and how many saw none."""
    assert observers.people_saw(seen) == (
        "Observer up saw an outage of 0.90 s [0.79, 1.01]; 1 of 2 observers saw no outage."
    )
    for form in (html.render(seen, judge(seen)), text.render(seen, judge(seen))):
        assert "Observer up saw an outage of 0.90 s [0.79, 1.01]" in form


def test_an_outage_without_end_is_a_lower_bound(journal: Story) -> None:
    """Never a plain number: at least so long."""
    record = watched(journal, {"up": grid(1.0, 7.0, [(3.05, 9.0)])})
    assert "an outage of at least 3.79 s, not seen to end" in observers.people_saw(record)
    (table,) = observers.observer_tables(record)
    assert [line.longest for line in table.windows] == ["", "over 3.79 s", ""]


def test_a_fault_that_nobody_noticed_is_said_too(journal: Story) -> None:
    """Observers that saw no outage say so; before any fault there is nothing to say."""
    record = watched(journal, {"up": grid(1.0, 7.0, [(1.2, 1.6)])})
    assert observers.people_saw(record) == "Observer up saw no outage once the faults had begun."
    assert observers.people_saw(fold(journal().begin().plan().end(1.0).lines)) == ""


def test_the_table_has_before_during_and_after(seen: Record) -> None:
    """Samples, availability with its interval, times of good samples, the longest outage."""
    up, _ = observers.observer_tables(seen)
    assert (up.name, up.about) == ("up", "every 100 ms")
    before, during, after = up.windows
    assert (before.when, before.good, before.bad, before.blind) == ("before", "20", "0", "0")
    assert before.availability == "100 % [83.8, 100]"
    assert before.p50 == before.p99 == "8.00 ms"
    assert (during.when, during.good, during.bad) == ("during the faults", "1", "9")
    assert during.availability == "10.0 % [1.7, 40.5]"
    assert during.longest == "0.90 s [0.79, 1.01]"
    assert (after.when, after.bad, after.longest) == ("after", "0", "")
    page, plain = html.render(seen, judge(seen)), text.render(seen, judge(seen))
    for part in ("during the faults", "10.0 % [1.7, 40.5]", "0.90 s [0.79, 1.01]"):
        assert part in page and part in plain


@pytest.mark.parametrize(
    ("good", "bad", "ends", "said"),
    [
        (9999, 1, (0.99943, 0.99998), "99.990 % [99.943, 99.998]"),
        (99999, 1, (0.99994, 0.9999999), "99.999 % [99.994, 100]"),
        (1999999, 1, (0.999997, 1.0), "99.999 % [99.999, 100]"),
        (1, 999999, (0.0, 0.00001), "0.001 % [0, 0.001]"),
        (0, 5, (0.0, 0.4345), "0 % [0, 43.5]"),
    ],
)
def test_a_share_is_never_rounded_to_all(
    good: int, bad: int, ends: tuple[float, float], said: str
) -> None:
    """One bad sample of two millions is not 100 %, and the interval is rounded outwards."""
    one = WindowFacts(window="after", good=good, bad=bad, blind=0, availability=ends)
    assert observers.share(one) == said


def test_what_is_hidden_is_said_once(journal: Story) -> None:
    """The chance to miss a short outage, the interval, and what a streak costs."""
    record = watched(journal, {"up": grid(1.0, 7.0, DOWN)}, fall=3)
    for form in (html.render(record, judge(record)), text.render(record, judge(record))):
        assert form.count("is missed with probability 1 \u2212 D/d") == 1
        assert "Here d is 100 ms for up." in form
        assert "one below 200 ms is always missed, one below 300 ms perhaps" in form


def test_no_observer_is_said_only_where_none_looked(seen: Record, story: Story) -> None:
    """A run with observers does not claim that there was none."""
    claim = "No observer ran beside the steps"
    assert not any(claim in note for note in wording.not_observed(seen))
    assert any(claim in note for note in wording.not_observed(fold(story().lines)))


def test_observers_without_a_sample_are_told(journal: Story) -> None:
    """They were planned and saw nothing: that is said, and the steps' samples are what is left."""
    record = watched(journal, {"up": []})
    assert list(observers.notes(record)) == ["No sample was taken by up."]
    assert any("No observer ran" in note for note in wording.not_observed(record))
    assert "No sample was taken by up." in html.render(record, judge(record))


def test_the_list_of_outages_names_who_saw_them(seen: Record, story: Story) -> None:
    """The observer, or the steps whose samples show it."""
    assert "observer up" in html.render(seen, judge(seen)).partition('id="outages"')[2]
    steps_only = fold(story().lines)
    assert "steps noticed, whole" in text.render(steps_only, judge(steps_only))


def test_an_outage_has_two_bounds_on_the_axis(seen: Record) -> None:
    """Surely from its first bad sample to its last, perhaps from the good one before to the one after."""
    (outage,) = [one for one in seen.outages if one.observer == "up"]
    both = bands.bounds(outage, seen, (0.0, 8.0))
    assert both is not None
    assert both.perhaps == pytest.approx((3.0, 4.0 + 0.01), abs=0.02)
    assert both.sure == pytest.approx((3.11, 3.9), abs=0.02)
    assert bands.bounds(outage, seen, (5.0, 8.0)) is None


def test_the_band_of_the_text_shows_both_bounds(seen: Record) -> None:
    """`#` where it was surely down, `~` where perhaps, `.` where it was good."""
    up, port = seen.observers
    own = bands.outages_of(seen)["up"]
    band = bands.characters(up, own, seen, (2.0, 5.0), 30)
    assert len(band) == 30
    assert set(band[:10]) == set(band[21:]) == {"."}
    assert (band[10], band[12:18], band[20]) == ("~", "######", "~")
    assert set(bands.characters(port, [], seen, (2.0, 5.0), 30)) == {"."}


def test_where_nobody_looked_the_band_is_blank(seen: Record) -> None:
    """No data is never good."""
    late = ObserverFacts(
        probe="late", every_s=0.1, spans=(SpanFacts(state="blind", from_s=3.0, to_s=4.0, samples=9),)
    )
    band = bands.characters(late, [], seen, (2.0, 5.0), 30)
    assert set(band[:10]) == {" "} and set(band[11:20]) == {"?"}


def test_the_chart_has_a_band_for_each_observer(seen: Record) -> None:
    """Under the steps, in the colours of the palette; the outage is not drawn twice."""
    svg = chart.standalone(seen)
    assert svg is not None
    words = "".join(ElementTree.fromstring(svg).itertext())
    for word in ("observers", "up", "port", "kill_cache"):
        assert word in words
    assert "up bad" not in words
    assert "surely down" in html.render(seen, judge(seen))


def test_a_run_that_stopped_before_its_steps_shows_what_was_seen(journal: Story) -> None:
    """The bands alone, where the steady state was not met."""
    run = journal().begin().plan(STEPS, probes={"inner": INNER, "up": PROBE}, observe=["up"])
    run.add(3.0, ObserverSampled(probe="up", samples=tuple(grid(1.0, 3.0, [(0.0, 9.0)]))))
    record = fold(run.end(3.2).lines)
    svg = chart.standalone(record)
    assert svg is not None and ">up<" in svg
    assert "#" in text.render(record, judge(record)).partition("Time axis")[2]


def test_a_long_warm_up_leaves_the_axis_readable(journal: Story) -> None:
    """The steps have most of the axis, whatever came before and after; what is off it is said."""
    far = [*DOWN, (3500.0, 3510.0)]
    record = watched(journal, {"up": grid(1.0, 3600.0, far)}, end_s=3602.0)
    from_s, to_s = axis_span(record)
    assert 2.0 < from_s < 2.95 and 4.23 < to_s < 5.0
    said = off_axis(record)
    assert "from 1.0 s to 3599.9 s" in said and "1 outage lies beyond this axis" in said
    assert said in text.render(record, judge(record))


def test_an_outage_that_outlives_the_steps_is_on_the_axis(journal: Story) -> None:
    """What the faults did is shown to its end, also in the cool-down."""
    record = watched(journal, {"up": grid(1.0, 60.0, [(3.05, 50.0)])}, end_s=62.0)
    from_s, to_s = axis_span(record)
    assert from_s < 2.95 and 50.0 < to_s
    assert "beyond" not in off_axis(record)


def test_only_the_worst_twelve_are_shown(journal: Story) -> None:
    """Of many observers those that saw the longest outages, in the order of the file; the rest is
    counted."""
    looks = {
        f"o{index:02}": grid(1.0, 7.0, [(3.05, 3.05 + (index % 7) * 0.2)]) for index in range(30)
    }
    record = watched(journal, looks)
    names = [one.probe for one in bands.shown(record)]
    assert len(names) == 12 and names == sorted(names)
    assert {name for name in looks if int(name[1:]) % 7 >= 5} <= set(names)
    assert "18 of 30 observers are not shown" in bands.left_out(record)
    for form in (html.render(record, judge(record)), text.render(record, judge(record))):
        assert "18 of 30 observers are not shown" in form
    assert len(observers.observer_tables(record)) == 12


def test_a_flapping_service_does_not_swell_the_chart() -> None:
    """Ten thousand spans are drawn as some hundreds, and a bad one among good ones stays bad."""
    spans = [
        SpanFacts(state="bad" if index % 2 else "good", from_s=index * 0.001,
                  to_s=index * 0.001 + 0.0009, samples=1)
        for index in range(10_000)
    ]  # fmt: skip
    drawn = bands.condensed(spans, (0.0, 10.0))
    assert 100 < len(drawn) <= 1202
    assert sum(one.samples for one in drawn) == 10_000
    assert {one.state for one in drawn} == {"bad"}


def test_bands_stay_within_the_axis(journal: Story) -> None:
    """Whatever the samples, nothing is drawn beyond the ends: it would stretch the axis."""
    record = watched(journal, {"up": grid(1.0, 60.0, [*DOWN, (20.0, 70.0)])}, end_s=62.0)
    span = axis_span(record)
    (observer,) = record.observers
    drawn = [
        *bands.looks(observer, span),
        *bands.downs(bands.outages_of(record)["up"], record, span),
    ]
    assert drawn
    assert all(span[0] <= bar["from_s"] < bar["to_s"] <= span[1] for bar in drawn)
