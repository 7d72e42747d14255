"""What each unit is going to do, as far as it can be known before the run."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from breakfix.engine import deadman
from breakfix.engine.action import (
    Action,
    Facts,
    Fault,
    HostFacts,
    NoFacts,
    ProcessFacts,
    Repair,
)
from breakfix.engine.errors import PlanError, PreconditionError
from breakfix.engine.faults import why_not_safe
from breakfix.engine.model import Step
from breakfix.engine.ops import UNKNOWN_PATTERN, Plan, unknown
from breakfix.engine.plan.assumed import assumed
from breakfix.engine.run_plan import Binding, Unit

_EXPRESSION: Final = re.compile(r"\{\{\s*(.*?)\s*\}\}")
_SECRET: Final = re.compile(r"secrets\.([a-z][a-z0-9_]*)")


class Preview(Struct, frozen=True, kw_only=True):
    """The plan of one unit (None: it cannot be known yet), what is unknown of it in words, and the
    state of its target that it cannot do with. `lasting_plan` is the same without anything that
    changes with each life of the target: what the hash of the plan covers."""

    plan: Plan | None = None
    unknown: tuple[str, ...] = ()
    refused: PreconditionError | None = None
    lasting_plan: Plan | str = ""


class Previews:
    """Previews of the units of a scenario. Nothing is sent anywhere."""

    def __init__(
        self, actions: Mapping[str, type[Action]], bindings: Mapping[str, Binding]
    ) -> None:
        self._actions = actions
        self._bindings = bindings
        self._built: dict[str, Action] = {}
        self._assumed: dict[str, tuple[Facts, ...]] = {}

    def of(self, step: Step, unit: Unit) -> Preview:
        """The preview of a unit of an inject or remediate step, and of any other step none.

        Raises PlanError where the action does not accept the step's parameters.
        """
        if step.phase not in ("inject", "remediate") or unit.unknown:
            return Preview(unknown=unit.unknown)
        action, late = self._action(step, unit)
        if action is None:
            return Preview(unknown=late, lasting_plan="late parameters")
        assert isinstance(action, Fault | Repair)
        possible = self._possible(unit, step)
        lasting_plan = _first_that_plans(action, possible) or "no state that it could begin in"
        plan, refused = _try(action, self._facts(unit, step), possible)
        names = _unknown_names(plan)
        if (
            step.phase == "inject"
            and plan is not None
            and (why := why_not_safe(plan, step.allow))
        ):
            raise PlanError(f"Step {step.id}: {step.uses} is refused: {why}.")
        if plan is None:
            names = ("its commands: they depend on a state that is not there yet",)
        return Preview(plan=plan, unknown=names, refused=refused, lasting_plan=lasting_plan)

    def _action(self, step: Step, unit: Unit) -> tuple[Action | None, tuple[str, ...]]:
        if step.id in self._built:
            return self._built[step.id], ()
        values, late = put_in(step.with_, unit)
        try:
            action = msgspec.convert(values, self._actions[step.uses])
        except msgspec.ValidationError as error:
            if late:
                return None, tuple(f"parameters of {step.uses}: {name}" for name in late)
            raise PlanError(f"Step {step.id}: {step.uses}: {error}.") from None
        if values == step.with_:
            self._built[step.id] = action
        return action, ()

    def _facts(self, unit: Unit, step: Step) -> Facts:
        if unit.binding is None:
            return NoFacts(allow=step.allow)
        facts = self._bindings[unit.binding].facts
        if isinstance(facts, ProcessFacts) and not facts.identity.incarnation:
            # It is not there yet, and will have been started before the first step.
            facts = self._possible(unit, step)[0]
        return _for_step(facts, step)

    def _possible(self, unit: Unit, step: Step) -> Sequence[Facts]:
        if unit.binding is None:
            return (NoFacts(allow=step.allow),)
        if unit.binding not in self._assumed:
            self._assumed[unit.binding] = tuple(assumed(self._bindings[unit.binding].facts))
        return [_for_step(facts, step) for facts in self._assumed[unit.binding]]


def _for_step(facts: Facts, step: Step) -> Facts:
    if isinstance(facts, HostFacts) and step.phase == "remediate" and step.after_run == "keep":
        # Nothing is kept on the host, and under no name.
        facts = msgspec.structs.replace(facts, token="")
    return msgspec.structs.replace(facts, allow=step.allow)


def put_in(values: Any, unit: Unit) -> tuple[Any, tuple[str, ...]]:
    """Parameters with what is known put into their expressions, the rest marked as unknown; and the
    names of the rest.

    >>> unit = Unit(id="s@t", step="s", binding="t")
    >>> put_in({"a": "{{ unit.target }}", "b": ["{{ steps.x.result.n }}"]}, unit)
    ({'a': 't', 'b': ['<unknown: steps.x.result.n>']}, ('steps.x.result.n',))
    """
    late: list[str] = []
    known = {"unit.target": unit.binding or "", "unit.id": unit.id}

    def one(match: re.Match[str]) -> str:
        name = match[1]
        if name in known:
            return known[name]
        if secret := _SECRET.fullmatch(name):
            return f"${{secret:{secret[1]}}}"
        late.append(name)
        return unknown(re.sub(r"[<>]", "?", name))

    def walk(value: Any) -> Any:
        if isinstance(value, str):
            return _EXPRESSION.sub(one, value)
        if isinstance(value, list | tuple):
            return [walk(item) for item in value]
        if isinstance(value, dict):
            return {key: walk(item) for key, item in value.items()}
        return value

    return walk(values), tuple(late)


def _try(
    action: Fault | Repair, facts: Facts, possible: Sequence[Facts]
) -> tuple[Plan | None, PreconditionError | None]:
    """The plan with the facts of now; else with facts as they may be, and why not with those of
    now. What would be done about a dead engine is left out: it says nothing new to people."""
    try:
        plan = action.plan(facts)
        if isinstance(action, Fault):
            deadman.armed(plan, facts, deadman.GRACE_S)
        return plan, None
    except PreconditionError as refused:
        return _first_that_plans(action, possible), refused


def _first_that_plans(action: Fault | Repair, possible: Sequence[Facts]) -> Plan | None:
    for facts in possible:
        try:
            return action.plan(facts)
        except (PreconditionError, TypeError, ValueError):
            # A pid that is not known yet is text: an action that counts with it cannot go on.
            continue
    return None


def _unknown_names(plan: Plan | None) -> tuple[str, ...]:
    if plan is None:
        return ()
    text = msgspec.json.encode(plan).decode()
    if "<unknown: " not in text:
        return ()
    found = [name[len("<unknown: ") : -1] for name in UNKNOWN_PATTERN.findall(text)]
    # Marks and lives only tell our own vehicles which target is meant, and a fault on a host gets a name
    # for what it keeps there when it begins.
    return tuple(
        name
        for name in dict.fromkeys(found)
        if not name.startswith(("mark of", "life of", "name of the fault"))
    )
