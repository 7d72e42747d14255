"""Several probes as one observer: its bounds hold the true outages, whatever those of its members are."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from breakfix.engine.events import ObserverSampled, ObserversEnded
from breakfix.engine.timeline import fold
from breakfix.engine.timeline.facts import Interval
from breakfix.engine.timeline.quorum import Bounds, merge
from breakfix.engine.timeline.record import Record
from breakfix.engine.verdict import judge

Story = Callable[..., Any]
PROBE = {"uses": "http.get", "with": {"url": "http://127.0.0.1:1/"}, "every": "1s"}


def bounds(began_s: Interval, ended_s: Interval) -> Bounds:
    """An outage of a member."""
    return Bounds(began_s=began_s, ended_s=ended_s)


def ends(found: list[Bounds]) -> list[tuple[Interval, Interval]]:
    """When each began and ended."""
    return [(one.began_s, one.ended_s) for one in found]


A = bounds((0, 1), (8, 9))


def test_it_is_down_while_enough_members_are() -> None:
    """From when two may have been down, and when they surely were, until the same of their ends."""
    other = bounds((2, 3), (5, 6))
    assert ends(merge([[A], [other], []], 2)[0]) == [((2, 3), (5, 6))]
    assert merge([[A], [other], []], 3) == ([], [])


def test_what_is_not_certain_is_a_doubt() -> None:
    """Two may have been down at once, but need not have been."""
    assert merge([[A], [bounds((8.5, 10), (12, 13))]], 2) == ([], [(8.5, 9)])


def test_an_outage_that_did_not_end_stays_open() -> None:
    """One of the two members was never seen good again: the quorum ends with the other; else never."""
    open_ = bounds((2, 3), (7, math.inf))
    assert ends(merge([[A], [open_]], 2)[0]) == [((2, 3), (7, 9))]
    assert ends(merge([[open_], [open_]], 2)[0]) == [((2, 3), (7, math.inf))]


def test_a_member_that_was_good_for_an_instant_ends_it() -> None:
    """Its bounds overlap there, but it was not down all along."""
    found, _ = merge([[A], [bounds((1, 2), (3, 4.1)), bounds((4, 5), (6, 7))]], 2)
    assert ends(found) == [((1, 2), (3, 4.1)), ((4, 5), (6, 7))]


def test_members_that_took_turns_prove_no_more_than_the_longest_stretch() -> None:
    """Whether all was good between two of them nobody saw."""
    found, _ = merge([[bounds((0, 0), (10, 10))], [bounds((0, 0), (3, 6))], [bounds((5, 7), (9, 9))]], 2)
    assert ends(found) == [((0, 0), (3, 9))]


def test_a_single_bad_sample_beside_a_long_outage_counts() -> None:
    """It shows one instant, and the other member was down all along."""
    assert ends(merge([[A], [bounds((3, 5), (4, 6))]], 2)[0]) == [((3, 5), (4, 6))]


STEPS = st.integers(1, 6)
SLACK = st.integers(0, 5).map(lambda value: value + 0.25)


@st.composite
def member(draw: st.DrawFn) -> list[tuple[Interval, Bounds]]:
    """True outages apart from each other, each with bounds that hold its ends."""
    found: list[tuple[Interval, Bounds]] = []
    at_s = 0
    for _ in range(draw(st.integers(0, 5))):
        begin_s = at_s + draw(STEPS)
        at_s = end_s = begin_s + draw(STEPS)
        # Never exact: where one member's end is another's begin, an instant would belong to both.
        held = [(end - draw(SLACK), end + draw(SLACK)) for end in (begin_s, end_s)]
        found.append(((begin_s, end_s), bounds(held[0], held[1])))
    return found


def true_outages(members: list[list[Interval]], quorum: int) -> list[Interval]:
    """Instant by instant."""
    found: list[Interval] = []
    points = sorted({point for own in members for span in own for point in span})
    for begin_s, end_s in pairwise(points):
        down = sum(any(b <= begin_s and end_s <= e for b, e in own) for own in members)
        if down < quorum:
            continue
        if found and found[-1][1] == begin_s:
            found[-1] = (found[-1][0], end_s)
        else:
            found.append((begin_s, end_s))
    return found


@settings(deadline=None, max_examples=400)
@given(st.lists(member(), min_size=1, max_size=4), st.integers(1, 4))
def test_the_true_outage_lies_within_the_bounds(
    members: list[list[tuple[Interval, Bounds]]], quorum: int
) -> None:
    """What is found holds a true outage, and no true outage is neither found nor doubtful."""
    true = true_outages([[span for span, _ in own] for own in members], quorum)
    found, doubts = merge([[known for _, known in own] for own in members], quorum)
    for one in found:
        assert any(
            one.began_s[0] <= begin_s <= one.began_s[1] and one.ended_s[0] <= end_s <= one.ended_s[1]
            for begin_s, end_s in true
        )
    told = [(one.began_s[0], one.ended_s[1]) for one in found] + doubts
    for begin_s, end_s in true:
        assert any(low <= begin_s and end_s <= high for low, high in told)


def observed(journal: Story, observe: list[Any], expect: list[Any], **states: str) -> Record:
    """Probes that look once a second, each at another moment: g good, b bad, x blind."""
    words: dict[str, Any] = {"g": "good", "b": "bad", "x": "blind"}
    run = journal().begin()
    run.plan(
        [{"id": "dwell", "wait": "1s"}],
        probes=dict.fromkeys(states, PROBE),
        observe=observe,
        expect=expect,
    )
    for offset, (probe, said) in enumerate(states.items()):
        looks = [
            (words[char], index + offset / 10, index + offset / 10 + 0.01, "refused" * (char == "b"))
            for index, char in enumerate(said)
        ]
        run.add(20.0, ObserverSampled(probe=probe, samples=tuple(looks)))
    run.unit(1.0, "dwell", "running", due_at_s=1.0).unit(2.0, "dwell", "succeeded")
    run.add(20.1, ObserversEnded())
    record: Record = fold(run.end(20.2).lines)
    return record


SHOP = {"id": "shop", "quorum": 2, "probes": ["a", "b", "c"]}


def test_the_record_has_the_quorum_and_not_its_members(journal: Story) -> None:
    """One observer with the samples of all, one outage, and a row of the run that is about it."""
    rows = [{"probe": "shop", "max_outage": "5s"}, {"max_outage": "5s"}]
    record = observed(journal, [SHOP], rows, a="ggbbbbgg", b="gggbbggg", c="gggggggb")
    (shop,) = record.observers
    (outage,) = record.outages
    assert (shop.probe, shop.quorum, shop.members) == ("shop", 2, ("a", "b", "c"))
    assert (outage.probe, outage.observer) == ("shop", "shop")
    assert [round(end, 2) for end in (*outage.start_at_s, *(outage.end_at_s or ()))] == [
        2.1, 3.11, 4.1, 5.11,
    ]  # fmt: skip
    assert (shop.windows[0].good, shop.windows[0].bad) == (17, 7)
    assert [span.state for span in shop.spans] == ["blind", "good", "bad", "good"]
    verdict = judge(record)
    assert [row.verdict for row in verdict.rows] == ["passed", "passed"]
    assert "still saw it bad" not in " ".join((verdict.reason, *verdict.notes))


def test_a_member_that_is_listed_too_counts_by_itself(journal: Story) -> None:
    """Then it is an observer as any other."""
    record = observed(journal, ["c", SHOP], [], a="gggg", b="gggg", c="gggb")
    assert [observer.probe for observer in record.observers] == ["c", "shop"]
    assert [outage.observer for outage in record.outages] == ["c"]
    assert "Observer c still saw it bad at the end" in judge(record).reason


def test_a_quorum_that_is_down_at_the_end_has_failed(journal: Story) -> None:
    """With what one of its members said."""
    record = observed(journal, [SHOP], [], a="ggbb", b="ggbb", c="gggg")
    assert record.outages[0].end_at_s is None
    assert judge(record).reason == "Observer shop still saw it bad at the end: a: refused."


def test_too_few_members_that_see_anything_are_no_data(journal: Story) -> None:
    """Two of three are blind: the quorum may have been down all along."""
    record = observed(journal, [SHOP], [], a="gggg", b="xxxx", c="xxxx")
    assert [span.state for span in record.observers[0].spans] == ["blind"]
    assert "Observer shop has no sample that shows anything" in judge(record).reason
