"""Why a `when` did not hold: the value of each name that it reads, as it was at that moment."""

from collections import defaultdict
from typing import Any, Final

from breakfix.engine.errors import ExpressionError
from breakfix.engine.events import StepState, UnitChanged
from breakfix.engine.expressions import put_in, references
from breakfix.engine.model import Step
from breakfix.engine.run_plan import Unit
from breakfix.engine.schedule import joined_state
from breakfix.engine.why.replay import Replay

VALUE_CHARS_MAX: Final = 120


def why_not_held(replay: Replay, step: Step, unit: Unit, seq: int) -> tuple[str, tuple[int, ...]]:
    """In words why the condition of a unit did not hold on a line, and the lines that made its
    values. The journal's values stand in for the run's own: secrets in them are masked."""
    if not isinstance(step.when, str):
        return "the file says `when: false`", ()
    expression = step.when.strip()
    names, made_by = _names(replay, unit, seq)
    try:
        read = references(expression)
    except ExpressionError as error:
        return f"`when: {expression}` cannot be read: {error}", ()
    values = []
    lines: list[int] = []
    for reference in read:
        values.append(f"{reference} was {_value(names, reference.path)}")
        if reference.root == "steps" and len(reference.path) > 1:
            lines += made_by.get(reference.path[1], ())
    told = f": {', '.join(values)}" if values else ""
    try:
        put_in(f"{{{{ {expression} }}}}", names)
    except ExpressionError as error:
        # What cannot be evaluated does not hold.
        return f"`when: {expression}` could not be evaluated ({error}){told}", tuple(lines)
    return f"`when: {expression}` did not hold{told}", tuple(lines)


def _names(replay: Replay, unit: Unit, seq: int) -> tuple[dict[str, Any], dict[str, list[int]]]:
    """What the expression could name, as breakfix.engine.run.context gives it; and the lines of the
    last change of each step before."""
    states: dict[str, StepState] = {}
    results: dict[str, dict[str, Any]] = defaultdict(dict)
    made_by: dict[str, list[int]] = defaultdict(list)
    for line, event in replay.of(UnitChanged):
        if line.seq >= seq:
            break
        states[event.unit] = event.state
        changed = replay.units.get(event.unit)
        if changed is not None:
            made_by[changed.step] = [line.seq]
            if event.result:
                results[changed.step][changed.binding or changed.step] = event.result
    units: dict[str, list[StepState]] = defaultdict(list)
    for each in replay.units.values():
        units[each.step].append(states.get(each.id, "pending"))
    steps = {
        name: {
            "state": joined_state(step.require, units[name]),
            "results": results.get(name, {}),
            "result": next(iter(results.get(name, {}).values()), {}),
        }
        for name, step in replay.steps.items()
    }
    plan = replay.plan
    names = {
        "inputs": plan.inputs if plan is not None else {},
        "labels": plan.scenario.labels if plan is not None else {},
        "steps": steps,
        "unit": {"id": unit.id, "target": unit.binding or ""},
    }
    return names, made_by


def _value(names: dict[str, Any], path: tuple[str, ...]) -> str:
    if path[0] == "secrets":
        return "a secret"
    value: Any = names
    for part in path:
        if not isinstance(value, dict) or part not in value:
            return "not there"
        value = value[part]
    text = repr(value) if not isinstance(value, bool) else str(value).lower()
    return text if len(text) <= VALUE_CHARS_MAX else f"{text[:VALUE_CHARS_MAX]}..."
