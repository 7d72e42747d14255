"""docker.limit_pids"""

from typing import Annotated, ClassVar

from msgspec import Meta

from breakfix.actions.docker import check, one_stats, require_running, see, update
from breakfix.engine.action import DockerFacts, Fault
from breakfix.engine.errors import PreconditionError
from breakfix.engine.ops import Kind, Plan


class LimitPids(Fault, frozen=True, kw_only=True):
    """Let a container have no more than so many processes and threads; what it has already stays.

    It is changed in the running container (docker update): the next fork beyond fails with EAGAIN. The
    effect is read from the kernel's own limit. The undo sets what was there before; -1 is no limit.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("docker",)
    lasting: ClassVar[bool] = True
    claims: ClassVar[tuple[str, ...]] = ("pids",)
    needs: ClassVar[tuple[str, ...]] = ("a Docker engine with limits of processes",)
    examples = ({"pids_count": 20},)

    pids_count: Annotated[
        int, Meta(ge=1, le=4_194_304, description="How many processes and threads it may have.")
    ]

    def plan(self, facts: DockerFacts) -> Plan:
        """One update, read back."""
        require_running(facts, "D108")
        target, count = facts.identity, self.pids_count
        if not facts.engine.get("PidsLimit"):
            raise PreconditionError(
                "D108", "the engine reports no limits of processes", fix="use another kernel"
            )
        before = facts.inspect["HostConfig"].get("PidsLimit") or -1
        if before == count:
            raise PreconditionError(
                "D108",
                f"container {target.name} is limited to {count} processes already",
                fix="choose another limit",
            )
        asked = f"{target.name} may have {count} processes"
        ended = f"the processes of {target.name} are not limited by us"
        return Plan(
            apply=(update(target, {"PidsLimit": count}),),
            effect=(check(one_stats(target), "/pids_stats/limit", "eq", count, asked),),
            undo=(update(target, {"PidsLimit": before}),),
            gone=(see(target, "/HostConfig/PidsLimit", "ne", count, ended),),
            mechanism="PidsLimit",
        )
