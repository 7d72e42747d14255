"""Facts as they may be when a unit begins, where an earlier step is going to change them."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from breakfix.engine.action import DockerFacts, Facts, HostFacts, ProcessFacts
from breakfix.engine.ops import unknown

_NEVER: Final = "0001-01-01T00:00:00Z"
_STATES: Final[tuple[dict[str, Any], ...]] = (
    {"Status": "running", "Running": True},
    {"Status": "exited"},
    {"Status": "paused", "Running": True, "Paused": True},
)
_AT_REST: Final[dict[str, Any]] = {
    "Running": False,
    "Paused": False,
    "Restarting": False,
    "OOMKilled": False,
    "Dead": False,
    "Pid": 0,
    "ExitCode": 0,
    "Error": "",
    "StartedAt": _NEVER,
    "FinishedAt": _NEVER,
}
"""All keys of State in the answer of inspect (Docker Engine API 1.41), but for Health."""

_MEMORY_STEP_BYTES: Final = 64 << 20
"""The memory of a host is a little more or less with each start: what the kernel takes for itself."""

_DYNAMIC_ADDRESS: Final = ("EndpointID", "IPAddress", "GlobalIPv6Address", "MacAddress")


def assumed(facts: Facts) -> Iterator[Facts]:
    """The same target in each state that it may be in: running, stopped, paused.

    What lasts only as long as one life of it (pid, times, counts, dynamic addresses, usage) is
    taken out, so that what is planned with these facts is the same tomorrow.
    """
    if isinstance(facts, DockerFacts):
        yield from (_container(facts, state) for state in _STATES)
    elif isinstance(facts, ProcessFacts):
        yield from (_process(facts, running=running) for running in (True, False))
    elif isinstance(facts, HostFacts):
        yield _host(facts)
    else:
        yield facts


def _container(facts: DockerFacts, state: dict[str, Any]) -> DockerFacts:
    name = facts.identity.name
    running = state.get("Running", False)
    pid = unknown(f"pid of {name}") if running else 0
    settings = dict(facts.inspect.get("NetworkSettings") or {})
    settings["Networks"] = {
        network: {key: "" if key in _DYNAMIC_ADDRESS else value for key, value in given.items()}
        for network, given in (settings.get("Networks") or {}).items()
    }
    return msgspec.structs.replace(
        facts,
        identity=msgspec.structs.replace(
            facts.identity, incarnation=unknown(f"life of {name}") if running else ""
        ),
        inspect={
            **facts.inspect,
            "State": {**_AT_REST, **state, "Pid": pid},
            "RestartCount": 0,
            "NetworkSettings": settings,
        },
        memory_usage_bytes=None,
        host=_host(facts.host) if facts.host is not None else None,
    )


def _process(facts: ProcessFacts, *, running: bool) -> ProcessFacts:
    name = facts.identity.name
    return msgspec.structs.replace(
        facts,
        identity=msgspec.structs.replace(
            facts.identity,
            object_id=unknown(f"mark of {name}"),
            incarnation=unknown(f"pid of {name}") if running else "",
        ),
        running=running,
    )


def _host(facts: HostFacts) -> HostFacts:
    steps = max(1, facts.memory_bytes // _MEMORY_STEP_BYTES)
    return msgspec.structs.replace(
        facts,
        identity=msgspec.structs.replace(
            facts.identity, incarnation=unknown(f"life of {facts.identity.name}")
        ),
        memory_bytes=steps * _MEMORY_STEP_BYTES,
        memory_available_bytes=steps * _MEMORY_STEP_BYTES,
        clock_base_s=0.0,
    )
