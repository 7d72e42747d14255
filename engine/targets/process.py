"""Process targets: what the engine itself starts, knows by a mark, and stops."""

from typing import Final

from msgspec import structs

from breakfix.engine.action import ProcessFacts
from breakfix.engine.errors import EngineError
from breakfix.engine.ops import Identity, ProcessOp, SignalOp, SpawnOp
from breakfix.engine.selectors import ProcessTarget
from breakfix.engine.vehicles import cgroup
from breakfix.engine.vehicles.dispatch import Vehicles

GRACE_S: Final = 5.0
"""Between SIGTERM and SIGKILL when a target is ended."""

KILLED_WITHIN_S: Final = 5.0


def identity(name: str, mark: str, incarnation: str = "") -> Identity:
    """A process target is its mark; `incarnation` is ``PID@START`` of its oldest process."""
    return Identity(kind="process", name=name, object_id=mark, incarnation=incarnation)


def not_started(name: str, target: ProcessTarget, mark: str) -> ProcessFacts:
    """What is known of a process target before it was started."""
    return ProcessFacts(
        identity=identity(name, mark),
        argv=target.command,
        env=target.env,
        cwd=target.cwd,
        output=f"{name}.log",
        running=False,
        cgroups=cgroup.available(),
    )


def facts(
    known: ProcessFacts, vehicles: Vehicles, allow: tuple[str, ...] = ()
) -> ProcessFacts:
    """The facts of now; blocking. Raises EngineError where nobody can tell."""
    outcome = vehicles.run(status_op(known.identity))
    if not outcome.ok or not isinstance(outcome.data, dict):
        raise EngineError(f"The state of {known.identity.name} cannot be read: {outcome.error}.")
    return structs.replace(
        known,
        identity=structs.replace(known.identity, incarnation=outcome.data["incarnation"]),
        running=outcome.data["running"],
        cgroups=cgroup.available(),
        allow=allow,
    )


def status_op(target: Identity) -> ProcessOp:
    """What reads its state."""
    return ProcessOp(mark=target.object_id, target=target)


def start_op(known: ProcessFacts) -> SpawnOp:
    """What starts it."""
    return known.start_op()


def end_ops(target: Identity, grace_s: float = GRACE_S) -> tuple[SignalOp, ...]:
    """What ends all of it: SIGTERM (and SIGCONT, since a stopped process would not see it), a grace,
    SIGKILL. The last one is ``ok`` when nothing is left; each is harmless when repeated."""
    mark = target.object_id
    return (
        SignalOp(mark=mark, signal="SIGTERM", target=target),
        SignalOp(mark=mark, signal="SIGCONT", target=target, gone_within_s=grace_s),
        SignalOp(mark=mark, signal="SIGKILL", target=target, gone_within_s=KILLED_WITHIN_S),
    )
