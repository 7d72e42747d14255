"""The seam between the planner and the world: all that planning needs to know of targets."""

from collections.abc import Sequence
from typing import Protocol

from breakfix.engine.action import Facts, HostFacts, ProcessFacts
from breakfix.engine.endpoints import Host
from breakfix.engine.ops import Identity
from breakfix.engine.selectors import DockerSelector, SshSelector


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

    def hosts(self, selector: SshSelector) -> tuple[Host, ...]:
        """The hosts that a selector means, sorted by name; none is connected to. Raises DocumentError,
        PlanError, EngineError."""
        ...

    def host_identities(self, hosts: Sequence[Host]) -> list[Identity]:
        """Who they are by the keys that they show, in their order. Raises EngineError that names every
        one that cannot be reached."""
        ...

    def host_facts(self, hosts: Sequence[Host]) -> list[HostFacts]:
        """Their facts, in their order. Raises EngineError that names every one that cannot be used."""
        ...
