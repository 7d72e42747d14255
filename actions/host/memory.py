"""host.memory"""

import re
from typing import Annotated, ClassVar

from msgspec import Meta

from breakfix.engine.action import Observation, Port, Probe
from breakfix.engine.host_reading import argv_op, facts_of, look, not_read
from breakfix.engine.ops import Kind
from breakfix.engine.values import Share, Size, fraction, size_bytes

_LINE = re.compile(r"^(\w+): +(\d+) kB$", re.MULTILINE)


class Memory(Probe, frozen=True, kw_only=True):
    """Good while a host has enough memory left: as much as could be had without swapping.

    MemAvailable of /proc/meminfo, and MemFree of a kernel that does not tell it. Where both bounds are
    given, both count. A host that cannot be reached is bad.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("ssh",)
    result: ClassVar[dict[str, str]] = {
        "available_bytes": "integer",
        "total_bytes": "integer",
    }
    examples = ({"available_min": "512MiB"}, {"available_share_min": "10%"})

    available_min: Annotated[Size, Meta(description="No less than that.")] | None = None
    available_share_min: (
        Annotated[Share, Meta(description="No less than that share of all its memory.")] | None
    ) = None

    def __post_init__(self) -> None:
        if self.available_min is None and self.available_share_min is None:
            raise ValueError("say one of `available_min` and `available_share_min`")

    async def sample(self, port: Port) -> Observation:
        """Read it once."""
        facts = facts_of(port)
        outcome = await look(port, argv_op(facts, "cat", "/proc/meminfo"))
        if (failed := not_read(outcome, facts.identity.name)) is not None:
            return failed
        said = {key: int(value) << 10 for key, value in _LINE.findall(outcome.text)}
        total = said["MemTotal"]
        available = said.get("MemAvailable", said["MemFree"])
        problems = []
        if self.available_min is not None and available < size_bytes(self.available_min):
            problems.append(f"wanted {self.available_min} at least")
        share = available / total
        if self.available_share_min is not None and share < fraction(self.available_share_min):
            problems.append(f"wanted {self.available_share_min} at least")
        seen = f"{facts.identity.name}: {available >> 20} MiB ({share:.1%}) available"
        return Observation(
            holds=not problems,
            detail=", ".join([seen, *problems]),
            result={"available_bytes": available, "total_bytes": total},
        )
