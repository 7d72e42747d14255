"""The targets of a scenario as they really are: containers of Docker engines, hosts, and the process
targets that the engine starts itself."""

import functools
import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from msgspec import structs

from breakfix.engine.action import Facts, HostFacts, ProcessFacts
from breakfix.engine.endpoints import Endpoint, Host
from breakfix.engine.errors import PlanError
from breakfix.engine.model import Scenario
from breakfix.engine.ops import Identity
from breakfix.engine.plan.resolve import used_targets
from breakfix.engine.run_plan import RunPlan
from breakfix.engine.secrets import Secrets
from breakfix.engine.selectors import DockerSelector, SshSelector
from breakfix.engine.targets.process import not_started

if TYPE_CHECKING:
    from breakfix.engine.targets.ssh_config import SshConfig
    from breakfix.engine.vehicles.ssh.pool import SshHosts

_FACTS_AT_ONCE = 8


class WorldTargets:
    """What is really there. Docker and hosts are asked only where a target in use is one.

    `processes` are the process targets in use, each with a fresh random mark; whoever starts one
    says so by `started`. As a context manager it closes its connections at the end.
    """

    def __init__(self, scenario: Scenario, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ
        self._secrets = Secrets(scenario.secrets)
        self._engines = scenario.engines
        used = [(name, scenario.targets[name]) for name in used_targets(scenario)]
        self._engines_used = {
            target.docker.engine for _, target in used if target.docker is not None
        }
        self._uses_ssh = any(target.ssh is not None for _, target in used)
        self._said: dict[str, Host] = {}
        self._hosts: dict[str, Host] = {}
        self.processes: dict[str, ProcessFacts] = {
            name: not_started(name, target.process, secrets.token_hex(16))
            for name, target in used
            if target.process is not None
        }

    def __enter__(self) -> "WorldTargets":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections to hosts; any number of times."""
        if "_pool" in self.__dict__:
            self._pool.close()

    # --- engines and containers ---

    @functools.cached_property
    def endpoints(self) -> dict[str, Endpoint]:
        """The Docker engines in use, by name. Raises EngineError."""
        found: dict[str, Endpoint] = {}
        if None in self._engines_used:
            endpoint = self._default
            found[endpoint.name] = endpoint
        for name in sorted(filter(None, self._engines_used)):
            if name in found:
                raise PlanError(
                    f"The engine {name} has the name of the default one.",
                    hint="Give it another name in `engines`.",
                )
            found[name] = self._over_ssh(name)
        return found

    @functools.cached_property
    def _default(self) -> Endpoint:
        from breakfix.engine.targets import docker

        found = docker.endpoint(self._environ, self._pool)
        if found.host is not None:
            self._hosts[found.host.name] = found.host
        return found

    def _over_ssh(self, name: str) -> Endpoint:
        from breakfix.engine.targets import docker, hosts

        host = hosts.of_an_engine(self._engines[name].ssh, self._ssh_config)
        # A target may be the same host, reached in another way.
        host = structs.replace(host, name=f"engine {name}")
        found = docker.over_ssh(host, name, self._pool)
        assert found.host is not None
        self._hosts[host.name] = found.host
        return found

    def _live(self, endpoint: Endpoint) -> Endpoint:
        from breakfix.engine.vehicles.ssh.engines import live

        return live(endpoint, self._pool)

    def containers(self, selector: DockerSelector) -> tuple[Identity, ...]:
        """The containers that a selector means, sorted by name. Raises EngineError."""
        from breakfix.engine.targets import docker

        name = selector.engine
        endpoint = self.endpoints[name] if name else self._default
        return docker.select(self._live(endpoint), selector)

    def facts(self, containers: Sequence[Identity]) -> list[Facts]:
        """The facts of containers, several asked at a time. Raises EngineError."""
        if not containers:
            return []
        from breakfix.engine.targets import docker

        of_hosts = self._facts_of_engine_hosts({identity.endpoint for identity in containers})

        def ask(identity: Identity) -> Facts:
            found = docker.facts(self._live(self.endpoints[identity.endpoint]), identity, ())
            return structs.replace(found, host=of_hosts.get(identity.endpoint))

        with ThreadPoolExecutor(_FACTS_AT_ONCE, thread_name_prefix="facts") as pool:
            return list(pool.map(ask, containers))

    def _facts_of_engine_hosts(self, engines: Iterable[str]) -> dict[str, HostFacts]:
        """What the hosts are like on which engines are reached over SSH, by the engine's name."""
        from breakfix.engine.targets import host

        reached = {name: self.endpoints[name].host for name in engines}
        names = {name: reached_on.name for name, reached_on in reached.items() if reached_on is not None}
        found = host.facts_of_all(self._pool, list(names.values())) if names else []
        return dict(zip(names, found, strict=True))

    # --- hosts ---

    @functools.cached_property
    def uses_ssh(self) -> bool:
        """Whether anything in use is reached over SSH. Raises EngineError where Docker's settings cannot be
        used."""
        named = any(name is not None for name in self._engines_used)
        return self._uses_ssh or named or (None in self._engines_used and self._default.host is not None)

    @property
    def ssh(self) -> "SshHosts | None":
        """The connections to hosts; None where nothing in use is reached over SSH."""
        return self._pool if self.uses_ssh else None

    def pinned(self, plan: RunPlan) -> tuple[Host, ...]:
        """The hosts of a plan and of the engines in use, each with the key that it has shown, sorted by
        name. Raises EngineError."""
        names = {key for key, binding in plan.bindings.items() if binding.identity.kind == "ssh"}
        engines = [endpoint.host for endpoint in self.endpoints.values()]
        names |= {host.name for host in engines if host is not None}
        return tuple(self._pool.identify(name) for name in sorted(names)) if names else ()

    @functools.cached_property
    def _pool(self) -> "SshHosts":
        from breakfix.engine.vehicles.ssh.pool import SshHosts

        return SshHosts(self._hosts, self._secrets.reveal)

    @functools.cached_property
    def _ssh_config(self) -> "SshConfig":
        from breakfix.engine.targets.ssh_config import SshConfig

        return SshConfig()

    def hosts(self, selector: SshSelector) -> tuple[Host, ...]:
        """The hosts that a selector means, sorted by name; none is connected to. Raises DocumentError,
        PlanError, EngineError."""
        from breakfix.engine.targets import hosts

        return hosts.select(selector, self._ssh_config, self._secrets)

    def host_identities(self, hosts: Sequence[Host]) -> list[Identity]:
        """Who they are by the keys that they show, in their order. Raises EngineError that names every
        one that cannot be reached."""
        from breakfix.engine.targets import host

        return host.identities(self._pool, self._known(hosts))

    def host_facts(self, hosts: Sequence[Host]) -> list[HostFacts]:
        """Their facts, in their order. Raises EngineError that names every one that cannot be used."""
        from breakfix.engine.targets import host

        return host.facts_of_all(self._pool, self._known(hosts))

    def _known(self, hosts: Sequence[Host]) -> list[str]:
        for host in hosts:
            # What is there under a name may have its key pinned by now: only another host replaces it.
            if self._said.get(host.name) != host:
                self._said[host.name] = self._hosts[host.name] = host
        return [host.name for host in hosts]

    # --- processes ---

    def process(self, name: str) -> ProcessFacts:
        """The facts of a process target as they were last told."""
        return self.processes[name]

    def started(self, name: str, facts: ProcessFacts) -> None:
        """A process target runs now."""
        self.processes[name] = facts
