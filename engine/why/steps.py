"""Why the units of a step started when they did, and why they ended as they did."""

import difflib
from collections.abc import Iterable, Iterator

from breakfix.engine.errors import UsageError
from breakfix.engine.events import Line, RunStarted
from breakfix.engine.run_plan import Unit
from breakfix.engine.timeline import fold
from breakfix.engine.why.endings import ending_sentences, stop_sentences
from breakfix.engine.why.grounds import run_state
from breakfix.engine.why.queue import queue_sentences
from breakfix.engine.why.replay import FINAL, Replay
from breakfix.engine.why.sentences import Sentence, StepWhy, UnitWhy
from breakfix.engine.why.starts import (
    at,
    awaited_by,
    due_sentences,
    start_sentence,
)


def why_step(lines: Iterable[Line], name: str, *, alive: bool = False) -> StepWhy:
    """Of each unit of a step (or of one unit, ``step@target``) why it is in its state.

    Raises UsageError where the plan has no such step; without a plan, that is what is told.
    """
    replay = Replay(lines)
    if replay.plan is not None and name not in replay.steps and name not in replay.units:
        raise UsageError(f"there is no step {name!r} in this run.", hint=_suggestion(replay, name))
    unit = replay.units.get(name)
    step = unit.step if unit is not None else name
    units = [unit] if unit is not None and name not in replay.steps else replay.units_of[step]
    joined = next((facts for facts in fold(replay.lines).steps if facts.id == step), None)
    said = tuple(_about_the_step(replay, step))
    return StepWhy(
        run_id=_run_id(replay),
        run_state=run_state(replay, alive=alive),
        step=step,
        phase=replay.steps[step].phase if step in replay.steps else "unknown",
        state=joined.state if joined is not None else "pending",
        said=said,
        units=tuple(_unit(replay, unit) for unit in units),
    )


def _suggestion(replay: Replay, name: str) -> str:
    close = difflib.get_close_matches(name, [*replay.steps, *replay.units], n=1)
    return f"Did you mean {close[0]}?" if close else f"There are {', '.join(replay.steps)}."


def _run_id(replay: Replay) -> str:
    return next((event.run_id for _, event in replay.of(RunStarted)), "")


def _about_the_step(replay: Replay, step: str) -> Iterator[Sentence]:
    if replay.plan is None:
        yield Sentence(
            kind="state",
            text="There is no plan: the run had not come to its steps where its journal ends.",
            lines=(replay.last,) if replay.last else (),
        )
        yield from stop_sentences(replay)
        return
    units = replay.units_of[step]
    if not units:
        yield Sentence(
            kind="root", text="It runs on nothing: its set of targets is empty, so it is skipped."
        )
    if len(units) > 1:
        good = sum(replay.state(unit.id) == "succeeded" for unit in units)
        yield Sentence(
            kind="state",
            text=f"{good} of its {len(units)} units succeeded; require: {replay.steps[step].require}.",
        )


def _unit(replay: Replay, unit: Unit) -> UnitWhy:
    awaited = awaited_by(replay, unit.id)
    begun = replay.begun(unit.id)
    change = replay.last_change(unit.id)
    due_at_s = begun[1].due_at_s if begun is not None else None
    if due_at_s is None:
        due_at_s = next((item.due_at_s for item in awaited if item.decisive), None)
    return UnitWhy(
        unit=unit.id,
        target=unit.binding or "",
        state=replay.state(unit.id),
        due_at_s=due_at_s,
        started_at_s=begun[0].at_s if begun is not None else None,
        ended_at_s=change[0].at_s if change is not None and change[1].state in FINAL else None,
        awaited=awaited,
        sentences=(*_beginning(replay, unit, due_at_s), *ending_sentences(replay, unit)),
    )


def _beginning(replay: Replay, unit: Unit, due_at_s: float | None) -> Iterator[Sentence]:
    yield from due_sentences(awaited_by(replay, unit.id))
    begun = replay.begun(unit.id)
    change = replay.last_change(unit.id)
    if begun is None and due_at_s is not None and change is None:
        yield Sentence(kind="due", text=f"So it is due at {at(due_at_s)}.")
    if due_at_s is not None and (begun is not None or change is None):
        until = begun[0] if begun is not None else None
        yield from queue_sentences(replay, unit, due_at_s, until)
    started = start_sentence(replay, unit, due_at_s)
    if started is not None:
        yield started
