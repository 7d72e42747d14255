"""Containers: what their faults, repairs and probes have in common.

Paths, bodies and the meaning of their fields are those of the Docker Engine API reference.
"""

from math import ceil
from typing import Any, Final, Literal

from breakfix.engine.action import DockerFacts, Observation, Port
from breakfix.engine.errors import PreconditionError
from breakfix.engine.ops import (
    Check,
    DockerOp,
    Identity,
    Level,
    Outcome,
)
from breakfix.engine.values import seconds

SEEN_WITHIN_S: Final = 10.0
"""How long an effect may take to be seen after the engine has said that it is done."""

SIGNALS = Literal[
    "SIGKILL", "SIGTERM", "SIGINT", "SIGQUIT", "SIGABRT", "SIGSEGV", "SIGHUP", "SIGUSR1", "SIGUSR2"
]
NOT_MODIFIED: Final = 304
"""Start of what runs, stop of what is stopped."""
SHORT_ID_CHARS: Final = 12
"""How much of its id a container has as its host name, and as an alias of its networks."""


def inspect(target: Identity) -> DockerOp:
    """What reads a container."""
    return DockerOp(
        method="GET", path=f"/containers/{target.object_id}/json", changes="no", target=target
    )


def one_stats(target: Identity) -> DockerOp:
    """What reads what the kernel says of a container, once and without waiting."""
    return DockerOp(
        method="GET",
        path=f"/containers/{target.object_id}/stats",
        query={"stream": "false", "one-shot": "true"},
        changes="no",
        target=target,
    )


def command(
    target: Identity,
    verb: str,
    *,
    level: Level = "object",
    ok_status: tuple[int, ...] = (200, 201, 204),
    timeout_s: float = 30.0,
    **query: str,
) -> DockerOp:
    """A POST to a container: ``/containers/ID/VERB?QUERY``."""
    return DockerOp(
        method="POST",
        path=f"/containers/{target.object_id}/{verb}",
        query=query,
        ok_status=ok_status,
        target=target,
        level=level,
        timeout_s=timeout_s,
    )


def start_op(target: Identity) -> DockerOp:
    """Start it; harmless where it runs."""
    return command(target, "start", ok_status=(204, NOT_MODIFIED), timeout_s=60.0)


def stop_op(target: Identity, grace: str = "10s") -> DockerOp:
    """Stop it: SIGTERM (or the image's own signal), a grace, SIGKILL; harmless where it is stopped."""
    grace_s = ceil(seconds(grace))
    return command(
        target, "stop", ok_status=(204, NOT_MODIFIED), timeout_s=grace_s + 20.0, t=str(grace_s)
    )


def update(target: Identity, limits: dict[str, Any]) -> DockerOp:
    """Change limits of a container: all of them in one call."""
    return DockerOp(
        method="POST",
        path=f"/containers/{target.object_id}/update",
        body=limits,
        target=target,
    )


def network_op(target: Identity, network: str, verb: str, body: dict[str, Any]) -> DockerOp:
    """A POST to a network, on behalf of a container that must be there."""
    return DockerOp(
        method="POST", path=f"/networks/{network}/{verb}", body=body, target=target, timeout_s=30.0
    )


def endpoint_config(target: Identity, settings: dict[str, Any]) -> dict[str, Any]:
    """What connects a container in the way that it was connected, from NetworkSettings of inspect."""
    # The engine adds the short id as an alias by itself.
    own = target.object_id[:SHORT_ID_CHARS]
    return {
        "IPAMConfig": settings.get("IPAMConfig"),
        "Links": settings.get("Links"),
        "Aliases": [alias for alias in settings.get("Aliases") or () if alias != own],
        "DriverOpts": settings.get("DriverOpts"),
    }


def see(target: Identity, pick: str, is_: str, value: Any, asked: str) -> Check:
    """A check on the answer of inspect."""
    return check(inspect(target), pick, is_, value, asked)


def check(op: DockerOp, pick: str, is_: Any, value: Any, asked: str) -> Check:
    """A check with the bound of this family."""
    return Check(op=op, pick=pick, is_=is_, value=value, asked=asked, within_s=SEEN_WITHIN_S)


def runs(target: Identity) -> Check:
    """It is running."""
    return see(target, "/State/Status", "eq", "running", f"{target.name} is running")


def has_ended(facts: DockerFacts) -> Check:
    """It has come to an end since the facts: seen in history, so that it is seen as well when a restart
    policy has started it again at once."""
    before = facts.inspect["State"]["FinishedAt"]
    name = facts.identity.name
    return see(facts.identity, "/State/FinishedAt", "ne", before, f"{name} has ended")


def status(facts: DockerFacts) -> str:
    """``running``, ``paused``, ``exited``, ``created``, ``restarting``, ``removing`` or ``dead``."""
    return str(facts.inspect["State"]["Status"])


def require_running(facts: DockerFacts, code: str) -> None:
    """Raises PreconditionError where it does not run, or is paused."""
    now, name = status(facts), facts.identity.name
    if now == "running":
        return
    fix = "unpause it first" if now == "paused" else "start it first, with docker.start"
    raise PreconditionError(code, f"container {name} is {now}, expected running", fix=fix)


def require_kept(facts: DockerFacts) -> None:
    """Raises PreconditionError where a container is removed by its engine as soon as it ends."""
    if facts.inspect["HostConfig"].get("AutoRemove"):
        raise PreconditionError(
            "D105",
            f"container {facts.identity.name} is removed when it ends, so that nothing could start "
            "it again",
            fix="make it without --rm",
        )


def pointer(*names: str) -> str:
    """A JSON pointer (RFC 6901).

    >>> pointer("a/b", "c~d")
    '/a~1b/c~0d'
    """
    return "".join(f"/{name.replace('~', '~0').replace('/', '~1')}" for name in names)


def not_read(outcome: Outcome, target: Identity) -> Observation:
    """What a probe says where inspect gave no container: one that is gone is bad, an engine that does
    not answer proves nothing."""
    if outcome.gone:
        return Observation(holds=False, detail=f"container {target.name} is not there any more")
    return Observation(holds=None, detail=outcome.error)


def identity(port: Port) -> Identity:
    """The container that a probe looks at."""
    assert isinstance(port.facts, DockerFacts)
    return port.facts.identity
