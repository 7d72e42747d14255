"""process.running"""

from typing import Annotated, Any, ClassVar, Final

from msgspec import Meta

from breakfix.actions.process import status
from breakfix.engine.action import HostFacts, Observation, Port, Probe, ProcessFacts
from breakfix.engine.host_processes import FIND, Match
from breakfix.engine.host_reading import look, not_read, script_op
from breakfix.engine.ops import Kind

SEE: Final = FIND + r"""
find_all name "$1" pidfile "$2" port "$3"
count=0 seen=
for one in $found; do
  count=$((count + 1))
  case $one in *:T) [ -n "$seen" ] || seen=T;; *) seen=${one##*:};; esac
done
printf '{"running": %s, "state": "%s", "processes": %s}' \
  "$([ "$count" -gt 0 ] && echo true || echo false)" "$seen" "$count"
"""


class Running(Probe, frozen=True, kw_only=True):
    """Good while something of a process target lives, or of a host what matches; a stopped (paused)
    process lives too.

    To be alive is not to be well: whether it answers is what http.get and tcp.connect ask. A host that
    cannot be reached is bad.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("process", "ssh")
    result: ClassVar[dict[str, str]] = {
        "running": "boolean",
        "state": "text: as in proc(5): R, S, D; T where all of it is stopped; empty where none is",
        "processes": "integer: how many it consists of",
    }
    examples = ({}, {"match": {"name": "nginx"}}, {"match": {"port": 5432}, "sudo": True})

    match: Annotated[
        Match | None,
        Meta(description="Which processes of a host: `name`, `pidfile`, `port`. Of hosts only."),
    ] = None
    sudo: Annotated[
        bool, Meta(description="On a host: look as root, who sees the ports of all users.")
    ] = False

    async def sample(self, port: Port) -> Observation:
        """Count what carries the mark, or what matches."""
        facts = port.facts
        if isinstance(facts, HostFacts):
            return await self._on_host(port, facts)
        assert isinstance(facts, ProcessFacts)
        if self.match is not None:
            return Observation(holds=None, detail="`match` is for hosts: a process target is its own")
        outcome = await port.read(status(facts.identity))
        if not outcome.ok:
            return Observation(holds=None, detail=outcome.error)
        seen = outcome.data
        detail = f"running, state {seen['state']}" if seen["running"] else "not running"
        if not seen["running"] and seen["exit_code"] is not None:
            detail += f", ended with {seen['exit_code']}"
        return _observed({**seen, "processes": len(seen["pids"])}, detail)

    async def _on_host(self, port: Port, facts: HostFacts) -> Observation:
        if self.match is None:
            return Observation(holds=None, detail="say by `match` which processes of the host")
        host = facts.identity.name
        outcome = await look(port, script_op(facts, SEE, *self.match.args(), root=self.sudo))
        if (failed := not_read(outcome, host)) is not None:
            return failed
        seen = outcome.data
        what = f"what is {self.match.words} on {host}"
        detail = f"{what} runs, state {seen['state']}" if seen["running"] else f"{what} does not run"
        return _observed(seen, detail)


def _observed(seen: dict[str, Any], detail: str) -> Observation:
    return Observation(
        holds=seen["running"],
        detail=detail,
        result={
            "running": seen["running"],
            "state": seen["state"],
            "processes": seen["processes"],
        },
    )
