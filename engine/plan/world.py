"""The targets of this machine: Docker engines and the process targets of one scenario."""

import functools
import os
import secrets
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from breakfix.engine.action import Facts, ProcessFacts
from breakfix.engine.events import Endpoint
from breakfix.engine.model import Scenario
from breakfix.engine.ops import Identity
from breakfix.engine.plan.resolve import used_targets
from breakfix.engine.selectors import DockerSelector
from breakfix.engine.targets.process import not_started

_FACTS_AT_ONCE = 8


class WorldTargets:
    """What is really there. Docker is asked only where a target in use is a container.

    `processes` are the process targets in use, each with a fresh random mark; whoever starts one
    says so by `started`.
    """

    def __init__(self, scenario: Scenario, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ
        used = [(name, scenario.targets[name]) for name in used_targets(scenario)]
        self._uses_docker = any(target.docker is not None for _, target in used)
        self.processes: dict[str, ProcessFacts] = {
            name: not_started(name, target.process, secrets.token_hex(16))
            for name, target in used
            if target.process is not None
        }

    @functools.cached_property
    def endpoints(self) -> dict[str, Endpoint]:
        """The Docker engines in use, by name. Raises EngineError."""
        if not self._uses_docker:
            return {}
        from breakfix.engine.targets import docker

        endpoint = docker.endpoint(self._environ)
        return {endpoint.name: endpoint}

    def containers(self, selector: DockerSelector) -> tuple[Identity, ...]:
        """The containers that a selector means, sorted by name. Raises EngineError."""
        from breakfix.engine.targets import docker

        return tuple(
            identity
            for endpoint in self.endpoints.values()
            for identity in docker.select(endpoint, selector)
        )

    def facts(self, containers: Sequence[Identity]) -> list[Facts]:
        """The facts of containers, several asked at a time. Raises EngineError."""
        if not containers:
            return []
        from breakfix.engine.targets import docker

        def ask(identity: Identity) -> Facts:
            return docker.facts(self.endpoints[identity.endpoint], identity, ())

        with ThreadPoolExecutor(_FACTS_AT_ONCE, thread_name_prefix="facts") as pool:
            return list(pool.map(ask, containers))

    def process(self, name: str) -> ProcessFacts:
        """The facts of a process target as they were last told."""
        return self.processes[name]

    def started(self, name: str, facts: ProcessFacts) -> None:
        """A process target runs now."""
        self.processes[name] = facts
