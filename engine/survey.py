"""What a target is like, in a form that can be compared: before the first fault, after the last undo.

Only what a fault or a repair can change is surveyed, in one normal form for each: a limit that was never
set and one that was lifted again are both ``unlimited``.
"""

from collections.abc import Mapping
from typing import Any, Final

from breakfix.engine import host_survey
from breakfix.engine.checks import Runner
from breakfix.engine.ops import DockerOp, Identity, Outcome

Fields = dict[str, str]
"""The surveyed fields of one target, each in words."""

UNLIMITED_BYTES: Final = 9223372036854771712
"""The largest limit of whole pages that the kernel keeps: what unlimited memory reads as."""


def take(targets: Mapping[str, Identity], vehicles: Runner, run_id: str) -> dict[str, Fields]:
    """Survey containers by their names, one after the other, and hosts, for what that run has left on them;
    blocking. One that cannot be asked has the field ``unknown`` with the reason."""
    hosts = {key: identity for key, identity in targets.items() if identity.kind == "ssh"}
    containers = {
        key: fields_of(vehicles.run(_inspect(identity)))
        for key, identity in targets.items()
        if identity.kind == "docker"
    }
    return containers | host_survey.take(hosts, vehicles, run_id)


def _inspect(identity: Identity) -> DockerOp:
    # By name: one that was made again has another id, which is a field of its own.
    return DockerOp(
        method="GET",
        path=f"/containers/{identity.name}/json",
        target=identity,
        level="name",
        changes="no",
    )


def fields_of(outcome: Outcome) -> Fields:
    """The fields of the answer of inspect."""
    if outcome.code == 404:
        return {"there": "no"}
    if not outcome.ok or not isinstance(outcome.data, dict):
        return {"unknown": outcome.error or f"answer {outcome.code}"}
    inspect = outcome.data
    state, host = inspect.get("State") or {}, inspect.get("HostConfig") or {}
    found = {
        "there": "yes",
        "id": str(inspect.get("Id", "")),
        "running": _yes(state.get("Running")),
        "paused": _yes(state.get("Paused")),
        "cpus": _cpus(host),
        "cpuset": host.get("CpusetCpus") or "all",
        "memory": _limit(host.get("Memory")),
        "swap": _limit(host.get("MemorySwap")),
        "pids": _limit(host.get("PidsLimit")),
    }
    if found["memory"] == "unlimited":
        # What is unlimited together has several spellings.
        found["swap"] = "unlimited"
    networks = (inspect.get("NetworkSettings") or {}).get("Networks") or {}
    short_id = found["id"][:12]
    for name, endpoint in networks.items():
        found[f"network {name}"] = _network(endpoint, short_id)
    return found


def _yes(value: Any) -> str:
    return "yes" if value else "no"


def _cpus(host: Mapping[str, Any]) -> str:
    if nano := host.get("NanoCpus"):
        return f"{nano / 1e9:g}"
    quota = host.get("CpuQuota") or 0
    period = host.get("CpuPeriod") or 100_000
    return f"{quota / period:g}" if quota > 0 else "unlimited"


def _limit(value: Any) -> str:
    number = value or 0
    return str(number) if 0 < number < UNLIMITED_BYTES else "unlimited"


def _network(endpoint: Mapping[str, Any], short_id: str) -> str:
    """Static address and names; a dynamic address is as good as another."""
    address = ((endpoint.get("IPAMConfig") or {}).get("IPv4Address")) or "dynamic"
    aliases = sorted(set(endpoint.get("Aliases") or ()) - {short_id})
    links = sorted(endpoint.get("Links") or ())
    words = [f"address {address}"]
    words += [f"aliases {', '.join(aliases)}"] * bool(aliases)
    words += [f"links {', '.join(links)}"] * bool(links)
    return "; ".join(words)
