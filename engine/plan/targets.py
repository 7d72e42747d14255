"""The seam between the planner and the world: all that planning needs to know of targets."""

from collections.abc import Sequence
from typing import Protocol

from breakfix.engine.action import Facts, ProcessFacts
from breakfix.engine.ops import Identity
from breakfix.engine.selectors import DockerSelector


class Targets(Protocol):
    """What is there. Every method only reads."""

    def containers(self, selector: DockerSelector) -> tuple[Identity, ...]:
        """The containers that a selector means, stopped ones included. Raises EngineError."""
        ...

    def facts(self, containers: Sequence[Identity]) -> list[Facts]:
        """The facts of containers, in their order. Raises EngineError."""
        ...

    def process(self, name: str) -> ProcessFacts:
        """The facts of the process target of that name, before or after it was started."""
        ...
