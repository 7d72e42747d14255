"""docker.limit_cpu"""

import re
from typing import Annotated, Any, ClassVar, Final

from msgspec import Meta

from breakfix.actions.docker import require_running, see, update
from breakfix.engine.action import DockerFacts, Fault
from breakfix.engine.errors import PreconditionError
from breakfix.engine.ops import Kind, Plan

_CPUSET_PATTERN: Final = r"^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$"
_PERIOD_US: Final = 100_000
"""The kernel's default period of the CFS quota, cpu.cfs_period_us."""
_QUOTA_US_MIN: Final = 1000


class LimitCpu(Fault, frozen=True, kw_only=True):
    """Starve a container of CPU time: a share of time (`cpus`), or certain CPUs only (`cpuset`).

    It is changed in the running container (docker update). The undo sets what was there before:
    unlimited is CpuQuota -1, since 0 changes nothing; a container that was made with --cpus has
    NanoCpus, and takes no CpuQuota; the whole list of CPUs stands for none.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("docker",)
    lasting: ClassVar[bool] = True
    claims: ClassVar[tuple[str, ...]] = ("cpu",)
    needs: ClassVar[tuple[str, ...]] = ("a Docker engine with CPU quotas, or with cpusets",)
    examples = ({"cpus": 0.1}, {"cpuset": "0"})

    cpus: Annotated[
        float,
        Meta(ge=0.01, le=1024, description="How many CPUs' worth of time it may use: 0.1 is a tenth."),
    ] | None = None
    cpuset: Annotated[
        str,
        Meta(pattern=_CPUSET_PATTERN, description="The CPUs that it may run on: `0`, `0-2`, `0,3`."),
    ] | None = None

    def __post_init__(self) -> None:
        if (self.cpus is None) == (self.cpuset is None):
            raise ValueError("say one of `cpus` and `cpuset`")

    def plan(self, facts: DockerFacts) -> Plan:
        """One update, read back."""
        require_running(facts, "D101")
        if self.cpus is not None:
            return self._quota(facts, self.cpus)
        assert self.cpuset is not None
        return self._set(facts, self.cpuset)

    def _quota(self, facts: DockerFacts, cpus: float) -> Plan:
        name, host = facts.identity.name, facts.inspect["HostConfig"]
        if not (facts.engine.get("CpuCfsQuota") and facts.engine.get("CpuCfsPeriod")):
            raise PreconditionError(
                "D106", "the engine reports no CPU CFS quota", fix="use cpuset, or another kernel"
            )
        asked = f"{name} may use {cpus:g} CPUs"
        if before := host.get("NanoCpus"):
            return self._limited(facts, "NanoCpus", round(cpus * 1e9), before, asked)
        quota_us = max(_QUOTA_US_MIN, round(cpus * (host.get("CpuPeriod") or _PERIOD_US)))
        return self._limited(facts, "CpuQuota", quota_us, host.get("CpuQuota") or -1, asked)

    def _set(self, facts: DockerFacts, cpuset: str) -> Plan:
        name, host = facts.identity.name, facts.inspect["HostConfig"]
        if not facts.engine.get("CPUSet"):
            raise PreconditionError("D106", "the engine reports no cpusets", fix="use cpus instead")
        count = int(facts.engine["NCPU"])
        if max(int(number) for number in re.findall(r"[0-9]+", cpuset)) >= count:
            raise PreconditionError(
                "D106",
                f"the engine of container {name} has {count} CPUs, and no cpuset {cpuset}",
                fix=f"choose from 0-{count - 1}",
            )
        every = "0" if count == 1 else f"0-{count - 1}"
        before = host.get("CpusetCpus") or every
        return self._limited(facts, "CpusetCpus", cpuset, before, f"{name} runs on CPUs {cpuset}")

    def _limited(
        self, facts: DockerFacts, field: str, value: Any, before: Any, asked: str
    ) -> Plan:
        target, pick = facts.identity, f"/HostConfig/{field}"
        if value == before:
            raise PreconditionError(
                "D106",
                f"container {target.name} is limited in that way already",
                fix="choose another limit",
            )
        ended = f"{target.name} is not limited by us"
        return Plan(
            apply=(update(target, {field: value}),),
            effect=(see(target, pick, "eq", value, asked),),
            undo=(update(target, {field: before}),),
            gone=(see(target, pick, "ne", value, ended),),
            mechanism=field,
        )
