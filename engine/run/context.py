"""What the parts of one run share: the journal, the plan, the world, and what is known by now."""

import random
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from breakfix.engine.action import Action, DockerFacts, Facts, HostFacts, NoFacts, ProcessFacts
from breakfix.engine.errors import EngineError
from breakfix.engine.events import RunInvalid, StepState, TargetRebound, UnitChanged
from breakfix.engine.expressions import has_expressions, render
from breakfix.engine.journal import Journal
from breakfix.engine.model import Step
from breakfix.engine.ops import Identity, Plan
from breakfix.engine.run.arming import nearest_faults
from breakfix.engine.run_plan import RunPlan, Unit
from breakfix.engine.sampling.http_session import HttpSession
from breakfix.engine.sampling.port import Senses
from breakfix.engine.sampling.threads import Threads
from breakfix.engine.schedule import joined_state
from breakfix.engine.secrets import Secrets
from breakfix.engine.streams import Streams
from breakfix.engine.targets import docker, host, process
from breakfix.engine.vehicles.dispatch import Vehicles

if TYPE_CHECKING:
    from breakfix.engine.run.observers import Observers
    from breakfix.engine.vehicles.ssh.pool import SshHosts


class World(msgspec.Struct, kw_only=True):
    """The edges of a run: everything that reaches out of this process."""

    journal: Journal
    vehicles: Vehicles
    streams: Streams
    session: HttpSession
    secrets: Secrets
    threads: Threads


class RunContext:
    """One run. The plan is complete: every target of it is resolved."""

    FINAL: Final = frozenset({"skipped", "blocked", "succeeded", "failed", "errored", "cancelled"})

    def __init__(
        self,
        plan: RunPlan,
        world: World,
        actions: Mapping[str, type[Action]],
        stop: Callable[[str], None],
        *,
        no_faults: bool,
    ) -> None:
        self.plan = plan
        self.journal = world.journal
        self.vehicles = world.vehicles
        self.streams = world.streams
        self.secrets = world.secrets
        self.threads = world.threads
        self.senses = Senses(
            vehicles=world.vehicles,
            session=world.session,
            secrets=world.secrets,
            threads=world.threads,
            clock=world.journal.now_s,
            streams=world.streams,
        )
        self.actions = actions
        self.no_faults = no_faults
        self.random = random.Random(plan.seed)
        self.steps = {step.id: step for step in plan.scenario.steps}
        self.units = {unit.id: unit for unit in plan.units}
        self.units_of: dict[str, list[Unit]] = {step: [] for step in self.steps}
        for unit in plan.units:
            self.units_of[unit.step].append(unit)
        self._late = {step.id for step in plan.scenario.steps if has_expressions(step.with_)}
        self.states: dict[str, StepState] = {}
        self.fault_starts: dict[str, float] = {}
        self.put_back: list[tuple[str, Plan]] = []
        self._stop = stop
        self.observers: Observers | None = None
        self._results: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        self._nearest_faults = nearest_faults(plan)
        self._facts = {key: binding.facts for key, binding in plan.bindings.items()}

    def now_s(self) -> float:
        """The instant of the run."""
        return self.journal.now_s()

    def set_state(
        self,
        unit: Unit,
        state: StepState,
        reason: str = "",
        *,
        due_at_s: float | None = None,
        result: dict[str, Any] | None = None,
    ) -> None:
        """A unit goes into a state: journaled, and kept for expressions."""
        self.states[unit.id] = state
        if result:
            self._results[unit.step][unit.binding or unit.step] = result
        self.journal.append(
            UnitChanged(
                unit=unit.id,
                state=state,
                reason=reason,
                due_at_s=due_at_s,
                result=_masked(result or {}, self.secrets.mask),
            )
        )

    def invalidate(self, reason: str) -> None:
        """Nothing of this run will count: say why, and stop it."""
        self.journal.append(RunInvalid(reason=reason))
        self._stop(reason)

    def fault_start_before(self, step_id: str) -> float:
        """t0 of the earliest of the nearest upstream faults of a detect step; now, where none began."""
        starts = [
            self.fault_starts[fault]
            for fault in self._nearest_faults.get(step_id, ())
            if fault in self.fault_starts
        ]
        return min(starts, default=self.now_s())

    def parameters(self, step: Step, unit: Unit) -> Action:
        """The step's action with its late expressions put in. Raises BreakfixError."""
        values = render(step.with_, self.names(unit)) if step.id in self._late else step.with_
        return msgspec.convert(values, self.actions[step.uses])

    def names(self, unit: Unit) -> dict[str, Any]:
        """What expressions of a step may name."""
        return {
            "inputs": self.plan.inputs,
            "labels": self.plan.scenario.labels,
            "steps": _Steps(self),
            "unit": {"id": unit.id, "target": unit.binding or ""},
        }

    def told(self, step_id: str) -> dict[str, Any]:
        """What expressions may know of a step by now."""
        states = [self.states.get(each.id, "pending") for each in self.units_of[step_id]]
        results = self._results.get(step_id, {})
        return {
            "state": joined_state(self.steps[step_id].require, states),
            "results": results,
            "result": next(iter(results.values()), {}),
        }

    def known_facts(self, key: str | None) -> Facts:
        """The newest facts of a target that are known, without asking it."""
        return NoFacts() if key is None else self._facts[key]

    def facts(self, key: str | None, allow: tuple[str, ...] = ()) -> Facts:
        """Fresh facts of a target; blocking. Raises BreakfixError."""
        if key is None:
            return NoFacts(allow=allow)
        known = self._facts[key]
        if isinstance(known, ProcessFacts):
            return process.facts(known, self.vehicles, allow=allow)
        if isinstance(known, HostFacts):
            return host.facts(self._ssh, known.identity.endpoint, allow)
        assert not isinstance(known, NoFacts)
        return self._container(known.identity, allow)

    @property
    def _ssh(self) -> "SshHosts":
        """The connections to hosts. Raises EngineError where there are none."""
        if self.vehicles.ssh is None:
            raise EngineError("This run has no connections to hosts.")
        return self.vehicles.ssh

    def _container(self, identity: Identity, allow: tuple[str, ...] = ()) -> DockerFacts:
        endpoint = self.vehicles.endpoint(identity.endpoint)
        found = docker.facts(endpoint, identity, allow)
        if endpoint.host is None:
            return found
        return msgspec.structs.replace(found, host=host.facts(self._ssh, endpoint.host.name))

    def rebind(self, key: str, cause: str, stop: threading.Event) -> None:
        """Read the identity of a target anew after a step that changes it; blocking. A host may be about to
        come back: it is waited for until `stop` is set. Raises EngineError where it does not."""
        known = self._facts[key]
        assert not isinstance(known, NoFacts)
        fresh: Facts
        if isinstance(known, ProcessFacts):
            fresh = process.facts(known, self.vehicles)
        elif isinstance(known, HostFacts):
            fresh = host.facts_when_back(self._ssh, known.identity.endpoint, stop)
        else:
            # By name: a container that was made again has another id.
            by_name = msgspec.structs.replace(known.identity, object_id=known.identity.name)
            fresh = self._container(by_name)
        self._facts[key] = fresh
        if self.observers is not None:
            self.observers.rebound(key, fresh)
        if fresh.identity != known.identity:
            self.journal.append(
                TargetRebound(target=key, old=known.identity, new=fresh.identity, cause=cause)
            )


class _Steps(Mapping[str, Any]):
    """The steps by their ids; what is known of one is put together when it is asked for."""

    def __init__(self, context: RunContext) -> None:
        self._context = context

    def __getitem__(self, step_id: str) -> Any:
        return self._context.told(step_id)

    def __contains__(self, step_id: object) -> bool:
        return step_id in self._context.steps

    def __iter__(self) -> Iterator[str]:
        return iter(self._context.steps)

    def __len__(self) -> int:
        return len(self._context.steps)


def _masked(value: Any, mask: Callable[[str], str]) -> Any:
    """What a step gives to others may hold a secret; what is written down must not."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {key: _masked(item, mask) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(item, mask) for item in value]
    return value
