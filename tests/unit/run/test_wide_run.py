"""Steps on hundreds of targets: bounds are kept, waves and their gate, and nobody waits for nothing."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from breakfix.engine.events import Line, RunErrored, SampleTaken, UnitChanged, WavesStopped

COUNT = 500
HIT = {"id": "hit", "inject": "x.break", "target": "fleet"}
FIX = {
    "id": "fix", "remediate": "x.mend", "target": "fleet",
    "depends_on": [{"step": "hit", "each": "target"}],
}  # fmt: skip


def last_states(lines: list[Line]) -> Counter[str]:
    """How many units came to what."""
    states = {
        line.event.unit: line.event.state for line in lines if isinstance(line.event, UnitChanged)
    }
    return Counter(states.values())


def begun(lines: list[Line], step: str) -> list[str]:
    """The units of a step in the order of their start."""
    return [
        line.event.unit
        for line in lines
        if isinstance(line.event, UnitChanged)
        and line.event.state == "running"
        and line.event.unit.startswith(f"{step}@")
    ]


def test_the_limit_of_units_at_work_is_kept(wide_graph: Any) -> None:
    """Of 500 that could all begin at once, never more than twenty change something, and all have their
    turn."""
    wide_graph.op_s = 0.002
    lines = wide_graph(COUNT, [HIT, FIX], limits={"concurrency": 20})
    assert last_states(lines) == {"succeeded": 2 * COUNT}
    # Undo is not bounded by it; where a repair has ended the fault there is none.
    assert 2 <= wide_graph.most <= 20
    assert wide_graph.vehicles.files == {}


def test_detect_units_are_all_armed_before_the_first_fault(wide_graph: Any) -> None:
    """What the fault of one unit does must not be what another's probe sees before its own."""
    seen = {
        "id": "seen", "detect": "x.whole", "target": "fleet", "within": "30s",
        "depends_on": [{"step": "hit", "each": "target"}],
    }  # fmt: skip
    fix = {**FIX, "depends_on": [{"step": "seen", "each": "target"}]}
    lines = wide_graph(200, [HIT, seen, fix], limits={"concurrency": 50})
    assert wide_graph.stopped == []
    assert last_states(lines) == {"succeeded": 600}
    first = next(i for i, line in enumerate(lines) if isinstance(line.event, UnitChanged))
    armed = [
        i
        for i, line in enumerate(lines)
        if isinstance(line.event, SampleTaken) and line.event.armed
    ]
    assert len(armed) == 200
    assert max(armed) < first


def test_a_wave_begins_when_the_one_before_is_over(wide_graph: Any) -> None:
    """Ten waves of a tenth: never are the faults of two of them there at once."""
    steps = [{**HIT, "hold": "1ms", "fan_out": {"wave": "10%"}}]
    lines = wide_graph(COUNT, steps, limits={"concurrency": 50})
    order = begun(lines, "hit")
    assert len(order) == COUNT
    for wave in range(10):
        units = order[wave * 50 : wave * 50 + 50]
        assert sorted(units) == [f"hit@host-{n:05}" for n in range(wave * 50 + 1, wave * 50 + 51)]
    ends = [
        i for i, line in enumerate(lines)
        if isinstance(line.event, UnitChanged) and line.event.state == "succeeded"
    ]  # fmt: skip
    starts = [
        i for i, line in enumerate(lines)
        if isinstance(line.event, UnitChanged) and line.event.state == "running"
    ]  # fmt: skip
    assert all(ends[wave * 50 - 1] < starts[wave * 50] for wave in range(1, 10))


def test_the_gate_between_waves_stops_what_comes_after(wide_graph: Any) -> None:
    """The probe of `next_when` is not good while the first wave's faults are there: no second wave."""
    steps = [
        {
            **HIT,
            "fan_out": {"wave": 50, "next_when": {"probe": "whole", "within": "200ms"}},
        }
    ]  # fmt: skip
    probes = {"whole": {"uses": "x.whole", "target": "fleet", "every": "50ms"}}
    lines = wide_graph(COUNT, steps, probes=probes, limits={"concurrency": 50})
    assert len(begun(lines, "hit")) == 50
    assert last_states(lines) == {"succeeded": 50, "blocked": COUNT - 50}
    reasons = {
        line.event.reason
        for line in lines
        if isinstance(line.event, UnitChanged) and line.event.state == "blocked"
    }
    assert len(reasons) == 1
    assert "whole was not good within 200ms" in reasons.pop()
    stops = [line.event for line in lines if isinstance(line.event, WavesStopped)]
    assert [(stop.step, stop.blind) for stop in stops] == [("hit", False)]


@pytest.mark.parametrize("limit", [1, 5])
def test_failures_stop_further_waves(wide_graph: Any, limit: int) -> None:
    """With `stop_after_failures` the wave at work goes on to its end, and no other begins."""
    wide_graph.vehicles.refuse = {f"host-{n:05}" for n in range(1, COUNT + 1, 10)}
    steps = [
        {"id": "fix", "remediate": "x.mend", "target": "fleet",
         "fan_out": {"wave": 20, "stop_after_failures": limit}},
    ]  # fmt: skip
    lines = wide_graph(COUNT, steps)
    waves = -(-limit // 2)
    assert len(begun(lines, "fix")) == waves * 20
    assert last_states(lines)["failed"] == waves * 2
    assert last_states(lines)["blocked"] == COUNT - waves * 20


def test_a_sample_that_waits_for_its_turn_is_not_bad(wide_graph: Callable[..., Any]) -> None:
    """The time-out is that of the look; what is spent in our own queue says nothing about a target."""
    wide: Any = wide_graph
    wide.read_s = 0.2
    steps = [
        {"id": "ok", "verify": "x.whole", "target": "fleet", "within": "60s", "timeout": "1s"}
    ]
    lines = wide(COUNT, steps)
    assert [line.event.message for line in lines if isinstance(line.event, RunErrored)] == []
    assert last_states(lines) == {"succeeded": COUNT}
    assert {line.event.state for line in lines if isinstance(line.event, SampleTaken)} == {"good"}
