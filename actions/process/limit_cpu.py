"""process.limit_cpu"""

from typing import Annotated, ClassVar

from msgspec import Meta

from breakfix.actions.process import limited
from breakfix.engine.action import Fault, ProcessFacts
from breakfix.engine.ops import Kind, Plan


class LimitCpu(Fault, frozen=True, kw_only=True):
    """Starve a process target of CPU time.

    Its processes are moved into a control group of our own with a quota (`cpu.cfs_quota_us` in version
    1 of control groups, `cpu.max` in version 2), and back at the end. What they start meanwhile is
    limited with them; a target that is started anew is not.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("process",)
    lasting: ClassVar[bool] = True
    claims: ClassVar[tuple[str, ...]] = ("cpu",)
    needs: ClassVar[tuple[str, ...]] = ("leave to make control groups: root, as a rule",)
    examples = ({"cpus": 0.1},)

    cpus: Annotated[
        float,
        Meta(ge=0.01, le=1024, description="How many CPUs' worth of time it may use: 0.1 is a tenth."),
    ]

    def plan(self, facts: ProcessFacts) -> Plan:
        """A control group with a quota, read back."""
        return limited(
            facts,
            "cpu",
            self.cpus,
            f"{self.cpus:g}",
            f"{facts.identity.name} may use {self.cpus:g} CPUs",
        )
