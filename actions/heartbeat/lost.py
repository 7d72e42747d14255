"""heartbeat.lost"""

from collections.abc import Iterable
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from breakfix.engine.action import HostFacts, Observation, Port, Probe, Source
from breakfix.engine.host_reading import facts_of
from breakfix.engine.ops import Kind
from breakfix.engine.values import Duration, format_seconds, seconds


class Lost(Probe, frozen=True, kw_only=True):
    """Seen when a host that has sent heartbeats sends none for a while.

    A heartbeat is a UDP datagram that holds the name of the host, and arrives at `listen` of the machine
    where breakfix runs. What sends them is no part of breakfix; a loop in a shell is enough, with
    ENGINE in the place of that machine:
    `while sleep 1; do uname -n | nc -u -w 1 ENGINE 9321; done`. The names of hosts in the scenario
    are expected; `name` says another one. It is blind until the first has arrived, and where the host was
    lost before the step began.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("ssh",)
    observes: ClassVar[Literal["state", "occurrence"]] = "occurrence"
    needs: ClassVar[tuple[str, ...]] = ("a sender of UDP datagrams on the host",)
    result: ClassVar[dict[str, str]] = {
        "missing_s": "number: for how long none came, so far",
        "beats": "integer: how many have arrived",
    }
    examples = ({"after": "3s"}, {"after": "10s", "listen": "10.0.0.5:9999", "name": "db"})

    after: Annotated[Duration, Meta(description="How long none may come, and it is lost.")] = "3s"
    listen: Annotated[
        str,
        Meta(
            pattern=r"^([0-9.]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}$",
            description="An address of this machine, and the port: \"0.0.0.0:9321\".",
        ),
    ] = "0.0.0.0:9321"
    name: Annotated[
        str | None, Meta(description="What its datagrams hold, where that is not its name here.")
    ] = None

    def __post_init__(self) -> None:
        if seconds(self.after) <= 0:
            raise ValueError("`after` must be more than 0s")

    def sources(self, facts: HostFacts) -> tuple[Source, ...]:
        """The datagrams of the host."""
        return (self._source(facts),)

    async def sample(self, port: Port) -> Observation:
        """Look for the first gap that became too long since t0."""
        facts = facts_of(port)
        host = facts.identity.name
        arrived = port.occurrences(self._source(facts))
        if arrived is None:
            return Observation(holds=None, detail=f"nothing can be received at {self.listen}")
        if not arrived:
            return Observation(holds=None, detail=f"no heartbeat of {host} has arrived yet")
        now_s, after_s = port.now_s, seconds(self.after)
        beats_s = [item.arrived_at_s for item in arrived]
        lost_s = _lost_at_s([*beats_s, now_s], after_s, port.since_s)
        missing_s = max(0.0, now_s - beats_s[-1])
        detail = f"the last heartbeat of {host} came {format_seconds(missing_s)} ago"
        holds: bool | None = lost_s is not None
        if lost_s is not None:
            detail = f"no heartbeat of {host} for {self.after}"
        elif missing_s >= after_s:
            holds, detail = None, f"{detail}, before this step began"
        return Observation(
            holds=holds,
            detail=detail,
            result={"missing_s": missing_s, "beats": len(beats_s)},
            occurred_at_s=lost_s,
        )

    def _source(self, facts: HostFacts) -> Source:
        return Source(
            kind="heartbeat",
            endpoint=self.name or facts.identity.name,
            object_id=self.listen,
        )


def _lost_at_s(instants_s: Iterable[float], after_s: float, since_s: float) -> float | None:
    """When the first gap of `after_s` was complete that was not yet so at `since_s`.

    >>> _lost_at_s([1.0, 2.0, 6.0], 3.0, 0.0), _lost_at_s([1.0, 2.0, 6.0], 3.0, 5.5)
    (5.0, None)
    """
    for before_s, next_s in pairwise(instants_s):
        if next_s - before_s >= after_s and before_s + after_s >= since_s:
            return before_s + after_s
    return None
