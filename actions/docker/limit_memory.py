"""docker.limit_memory"""

from typing import Annotated, ClassVar, Final

from msgspec import Meta

from breakfix.actions.docker import check, one_stats, require_running, see, update
from breakfix.engine.action import DockerFacts, Fault
from breakfix.engine.errors import PreconditionError
from breakfix.engine.ops import UNKNOWN_PATTERN, Kind, Plan
from breakfix.engine.values import Size, size_bytes

_BYTES_MIN: Final = 6 << 20
"""The engine accepts no lower limit."""

_UNLIMITED_BYTES: Final = 9223372036854771712
"""The largest limit of whole pages: no limit. 0 and -1 change nothing, or not both limits."""


class LimitMemory(Fault, frozen=True, kw_only=True):
    """Take memory from a container: it may use no more than so much, and no more swap than so much.

    It is changed in the running container (docker update). Where it uses more already, the kernel
    kills processes of it at once (control groups v2), or refuses the limit (v1, where it cannot take
    the memory back): that needs `allow: [oom]` on the step. The effect is read from the kernel's own
    limit. The undo sets what was there before, both limits in one call.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("docker",)
    lasting: ClassVar[bool] = True
    claims: ClassVar[tuple[str, ...]] = ("memory",)
    needs: ClassVar[tuple[str, ...]] = ("a Docker engine with memory limits",)
    examples = ({"memory": "64MiB"}, {"memory": "64MiB", "swap": "32MiB"})

    memory: Annotated[Size, Meta(description="How much memory it may use: 6 MiB or more.")]
    swap: Annotated[Size, Meta(description="How much swap it may use besides.")] = "0B"

    def __post_init__(self) -> None:
        if size_bytes(self.memory) < _BYTES_MIN:
            raise ValueError(f"`memory` is {self.memory}, and cannot be less than 6MiB")

    def plan(self, facts: DockerFacts) -> Plan:
        """One update, read back."""
        require_running(facts, "D107")
        target, host = facts.identity, facts.inspect["HostConfig"]
        limit_bytes = size_bytes(self.memory)
        self._require(facts, limit_bytes)
        before = host.get("Memory") or _UNLIMITED_BYTES
        before_swap = host.get("MemorySwap") or 0
        if before_swap <= 0:
            # With -1 the two are set in an order that the kernel refuses when both are raised.
            before_swap = _UNLIMITED_BYTES
        if before == limit_bytes:
            raise PreconditionError(
                "D107",
                f"the memory of container {target.name} is limited to {self.memory} already",
                fix="choose another limit",
            )
        limits = {"Memory": limit_bytes, "MemorySwap": limit_bytes + size_bytes(self.swap)}
        old = {"Memory": before, "MemorySwap": before_swap}
        if not facts.engine.get("SwapLimit"):
            del limits["MemorySwap"], old["MemorySwap"]
        asked = f"{target.name} may use {self.memory} of memory"
        ended = f"the memory of {target.name} is not limited by us"
        return Plan(
            apply=(update(target, limits),),
            # Not "equal": the kernel rounds a limit down to whole pages.
            effect=(
                see(target, "/HostConfig/Memory", "eq", limit_bytes, f"{asked}, says the engine"),
                check(
                    one_stats(target),
                    "/memory_stats/limit",
                    "le",
                    limit_bytes,
                    f"{asked}, says the kernel",
                ),
            ),
            undo=(update(target, old),),
            gone=(see(target, "/HostConfig/Memory", "ne", limit_bytes, ended),),
            mechanism="memory limit",
        )

    def _require(self, facts: DockerFacts, limit_bytes: int) -> None:
        name, host = facts.identity.name, facts.inspect["HostConfig"]
        if not facts.engine.get("MemoryLimit"):
            raise PreconditionError(
                "D107", "the engine reports no memory limits", fix="use another kernel"
            )
        reserved = host.get("MemoryReservation") or 0
        if reserved > limit_bytes:
            raise PreconditionError(
                "D107",
                f"container {name} has {_mib(reserved)} reserved, more than {self.memory}",
                fix="choose a limit above its reservation",
            )
        if "oom" in facts.allow:
            return
        usage = facts.memory_usage_bytes
        if usage is None:
            # In a preview that is as it should be.
            if UNKNOWN_PATTERN.search(facts.identity.incarnation):
                return
            raise PreconditionError(
                "D107",
                f"what container {name} uses cannot be read: it might be killed",
                fix="try again, or say allow: [oom]",
            )
        if usage > limit_bytes:
            raise PreconditionError(
                "D107",
                f"container {name} uses {_mib(usage)}, more than {self.memory}: it would be killed",
                fix="choose a higher limit, or say allow: [oom]",
            )


def _mib(number_bytes: int) -> str:
    return f"{number_bytes / (1 << 20):.0f} MiB"
