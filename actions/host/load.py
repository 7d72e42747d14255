"""host.load"""

from typing import Annotated, ClassVar, Final

from msgspec import Meta

from breakfix.engine.action import Observation, Port, Probe
from breakfix.engine.host_reading import argv_op, facts_of, look, not_read
from breakfix.engine.ops import Kind
from breakfix.engine.values import Duration, seconds

_AVERAGES: Final = {60.0: 0, 300.0: 1, 900.0: 2}
"""Which of the first three numbers of /proc/loadavg, proc(5), is over how many seconds."""


class Load(Probe, frozen=True, kw_only=True):
    """Good while the load average of a host is within a bound.

    The number of processes that run or wait for a CPU or a disk, as `uptime` shows it, on average over
    one, five or fifteen minutes. A host that cannot be reached is bad.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("ssh",)
    result: ClassVar[dict[str, str]] = {
        "load": "list of numbers: the averages over one, five and fifteen minutes",
        "cpus": "integer: how many CPUs it has",
    }
    examples = ({"max": 20}, {"max": 1.5, "per_cpu": True, "over": "5m"})

    max: Annotated[float, Meta(ge=0, description="No more than that.")]
    per_cpu: Annotated[bool, Meta(description="The bound is for each CPU.")] = False
    over: Annotated[Duration, Meta(description="The time of the average: 1m, 5m or 15m.")] = "1m"

    def __post_init__(self) -> None:
        if seconds(self.over) not in _AVERAGES:
            raise ValueError(f"`over` is {self.over}, and must be 1m, 5m or 15m")

    async def sample(self, port: Port) -> Observation:
        """Read it once."""
        facts = facts_of(port)
        outcome = await look(port, argv_op(facts, "cat", "/proc/loadavg"))
        if (failed := not_read(outcome, facts.identity.name)) is not None:
            return failed
        load = [float(word) for word in outcome.text.split()[:3]]
        seen = load[_AVERAGES[seconds(self.over)]]
        bound = self.max * facts.cpus if self.per_cpu else self.max
        high = seen > bound
        detail = f"{facts.identity.name}: load {seen:g} over {self.over}"
        detail += f", wanted {bound:g} at most" if high else ""
        return Observation(
            holds=not high, detail=detail, result={"load": load, "cpus": facts.cpus}
        )
