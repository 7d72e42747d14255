"""A host behind the real SSH server of the tests, with its facts, and short ways to probe and repair it."""

import functools
import secrets
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from msgspec import structs
from tests.integration.ssh_server import SshServer

from breakfix.engine.action import (
    Facts,
    HostFacts,
    HttpReply,
    Observation,
    Occurrence,
    Probe,
    Repair,
    Source,
)
from breakfix.engine.checks import wait_for
from breakfix.engine.endpoints import Host
from breakfix.engine.ops import Op, Outcome, Plan
from breakfix.engine.secrets import Secrets
from breakfix.engine.streams import Streams
from breakfix.engine.targets import host
from breakfix.engine.vehicles.dispatch import Vehicles
from breakfix.engine.vehicles.ssh.pool import SshHosts


class Port:
    """The port of a probe, without a run."""

    def __init__(self, reached: "Reached", facts: Facts, timeout_s: float, since_s: float) -> None:
        self.facts = facts
        self.timeout_s = timeout_s
        self.since_s = since_s
        self._reached = reached

    @property
    def now_s(self) -> float:
        """This instant."""
        return time.monotonic()

    async def read(self, op: Op) -> Outcome:
        """The op, in a thread."""
        assert op.changes == "no"
        return await anyio.to_thread.run_sync(self._reached.vehicles.run, op)

    async def http(self, method: str, url: str, *, headers: dict[str, str], body: str) -> HttpReply:
        """Not used by these probes."""
        raise AssertionError

    def occurrences(self, source: Source) -> Sequence[Occurrence] | None:
        """Those of the streams of the test."""
        return self._reached.streams.occurrences(source)


class Reached:
    """Hosts, their connections and streams, on the machine's own monotonic clock."""

    def __init__(self, hosts: Sequence[Host], run_dir: Path) -> None:
        self.ssh = SshHosts({one.name: one for one in hosts}, str)
        self.vehicles = Vehicles({}, run_dir, Secrets({}), time.monotonic, ssh=self.ssh)
        self.streams = Streams({}, time.monotonic, self.ssh)
        self._facts: dict[str, HostFacts] = {}
        self._tokens: list[str] = []

    def facts(self, name: str = "host-001") -> HostFacts:
        """Of a repair that stays."""
        if name not in self._facts:
            self._facts[name] = structs.replace(host.facts(self.ssh, name), token="")
        return self._facts[name]

    def facts_to_put_back(self, name: str = "host-001") -> HostFacts:
        """Of a repair that is to be put back."""
        self._tokens.append(f"bfx-test-{secrets.token_hex(4)}")
        return structs.replace(self.facts(name), token=self._tokens[-1])

    def kept(self) -> list[Path]:
        """What repairs keep for that, on whichever host."""
        folders = [Path("/run/breakfix"), *Path("/tmp").glob("breakfix-*")]
        return [at / name for at in folders for name in self._tokens if (at / name).exists()]

    def sample(
        self,
        probe: Probe,
        facts: HostFacts | None = None,
        timeout_s: float = 30.0,
        since_s: float = 0.0,
    ) -> Observation:
        """One sample."""
        port = Port(self, facts or self.facts(), timeout_s, since_s)
        return anyio.run(functools.partial(probe.sample, port))

    def listen(self, probe: Probe, facts: HostFacts | None = None) -> None:
        """Open the streams of a probe."""
        self.streams.open_all(probe.sources(facts or self.facts()))

    def apply(self, plan: Plan) -> Outcome:
        """The one op of a repair; where it is ok, its effect is seen."""
        (op,) = plan.apply
        outcome = self.vehicles.run(op)
        if outcome.ok:
            for check in plan.effect:
                result = wait_for(check, self.vehicles, time.monotonic)
                assert result.holds, (check.asked, result)
        return outcome

    def mend(self, repair: Repair, facts: HostFacts | None = None) -> Plan:
        """A repair that goes well."""
        plan = repair.plan(facts or self.facts())
        outcome = self.apply(plan)
        assert outcome.ok, (outcome.error, outcome.stderr)
        return plan

    def put_back(self, plan: Plan) -> Outcome:
        """The one op that puts it back."""
        (op,) = plan.undo
        return self.vehicles.run(op)

    def close(self) -> None:
        """End streams and connections."""
        self.streams.close()
        self.vehicles.close()
        self.ssh.close()


@pytest.fixture
def reach(sshd: SshServer, tmp_path: Path) -> Iterator[Reached]:
    """Three hosts whose user may become root."""
    made = Reached([sshd.host(number) for number in (1, 2, 3)], tmp_path)
    yield made
    made.close()
    assert not made.kept()


@pytest.fixture
def plain(sshd: SshServer, tmp_path: Path) -> Iterator[Reached]:
    """A host whose user may not."""
    made = Reached([sshd.host(1, user=sshd.plain)], tmp_path)
    yield made
    made.close()
    assert not made.kept()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody may use: all hosts are this machine."""
    with tempfile.TemporaryDirectory(prefix="bfx-test-") as name:
        Path(name).chmod(0o777)
        yield Path(name)
