"""heartbeat.lost: when a gap between datagrams is one, and when nobody can tell."""

from typing import Any

import msgspec
import pytest

from breakfix.actions.heartbeat.lost import Lost
from breakfix.engine.action import Occurrence


def beats(*instants_s: float) -> list[Occurrence]:
    """Datagrams that arrived then."""
    return [
        Occurrence(arrived_at_s=at_s, engine_time_s=None, content="here") for at_s in instants_s
    ]


@pytest.mark.parametrize(
    ("arrived", "now_and_t0_s", "holds", "occurred_at_s"),
    [
        # They come.
        ([1.0, 2.0, 3.0], (4.0, 0.0), False, None),
        # None has come for three seconds: it was lost when the third was over.
        ([1.0, 2.0], (5.5, 0.0), True, 5.0),
        # A gap that is over was one all the same.
        ([1.0, 2.0, 9.0], (9.5, 0.0), True, 5.0),
        # The first of two counts.
        ([1.0, 9.0], (20.0, 0.0), True, 4.0),
        # It was over before the step began.
        ([1.0, 9.0], (10.0, 8.0), False, None),
        # It began before the step, and became too long in it.
        ([1.0], (10.0, 3.5), True, 4.0),
        # It was lost before the step began, and is so still: that proves nothing about the step.
        ([1.0], (10.0, 5.0), None, None),
        # None has ever come.
        ([], (10.0, 0.0), None, None),
    ],
)
def test_a_gap_is_judged(
    here: Any,
    arrived: list[float],
    now_and_t0_s: tuple[float, float],
    holds: bool | None,
    occurred_at_s: float | None,
) -> None:
    """Seen, unseen or blind, and when it was."""
    now_s, since_s = now_and_t0_s
    here.arrived = beats(*arrived)
    seen = here.sample(Lost(after="3s"), now_s=now_s, since_s=since_s)
    assert seen.holds is holds, seen.detail
    assert seen.occurred_at_s == occurred_at_s
    if arrived:
        assert seen.result == {"missing_s": now_s - arrived[-1], "beats": len(arrived)}


def test_an_address_that_is_not_ours_is_blind(here: Any) -> None:
    """Nothing is received there."""
    here.arrived = None
    seen = here.sample(Lost(), now_s=9.0)
    assert seen.holds is None
    assert "0.0.0.0:9321" in seen.detail


def test_who_is_listened_to(here: Any) -> None:
    """The host by its name in the scenario, or by the one that is said."""
    assert [source.endpoint for source in Lost().sources(here.facts)] == ["here"]
    assert [source.endpoint for source in Lost(name="db").sources(here.facts)] == ["db"]


@pytest.mark.parametrize(
    "given", [{"after": "0s"}, {"listen": "9321"}, {"listen": "host:1"}, {"listen": "1.2.3.4"}]
)
def test_what_cannot_be_meant_is_refused(given: dict[str, Any]) -> None:
    """Before anything is listened to."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(given, Lost)
