"""process.limit_memory"""

from typing import Annotated, ClassVar

from msgspec import Meta

from breakfix.actions.process import limited
from breakfix.engine.action import Fault, ProcessFacts
from breakfix.engine.ops import Kind, Plan
from breakfix.engine.values import Size, size_bytes


class LimitMemory(Fault, frozen=True, kw_only=True):
    """Bound the memory that a process target may take from now on.

    Its processes are moved into a control group of our own with a limit, and back at the end; without
    swap, so that the kernel's out-of-memory killer ends the one that wants more. Memory that they had
    before stays charged to their old group and does not count.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("process",)
    lasting: ClassVar[bool] = True
    claims: ClassVar[tuple[str, ...]] = ("memory",)
    needs: ClassVar[tuple[str, ...]] = ("leave to make control groups: root, as a rule",)
    examples = ({"memory": "64MiB"},)

    memory: Annotated[Size, Meta(description="How much more it may take.")]

    def plan(self, facts: ProcessFacts) -> Plan:
        """A control group with a limit, read back."""
        limit_bytes = size_bytes(self.memory)
        return limited(
            facts,
            "memory",
            limit_bytes,
            str(limit_bytes),
            f"{facts.identity.name} may take {self.memory}",
        )
