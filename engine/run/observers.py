"""The engine's side of the sampling process: start it, journal what it saw, stop for its guards, tell it what
changed, end it."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Final

import anyio.to_thread
import msgspec

from breakfix.engine.action import Facts
from breakfix.engine.endpoints import Host
from breakfix.engine.errors import EngineError
from breakfix.engine.events import GuardTripped, ObserverSampled, ObserversEnded
from breakfix.engine.run.context import RunContext
from breakfix.engine.run.probe import named_probe
from breakfix.engine.sampler import Acknowledged, Rebound, Task
from breakfix.engine.sampling.watch import Watched
from breakfix.engine.vehicles.procfs import read_stat

END_WITHIN_S: Final = 30.0


class Observers:
    """The observers and guards of one run, in a process of their own."""

    def __init__(
        self,
        context: RunContext,
        process: "subprocess.Popen[bytes]",
        on_trip: Callable[[GuardTripped], None],
    ) -> None:
        self._context = context
        self._process = process
        self._on_trip = on_trip
        self._loop = asyncio.get_running_loop()
        self._stopping = False
        self._reader = threading.Thread(target=self._read, name="observers")

    @classmethod
    async def start(
        cls, context: RunContext, guardian: str, on_trip: Callable[[GuardTripped], None]
    ) -> "Observers":
        """Start the process and wait until it looks. `guardian` is the incarnation of the process that takes
        over where this one does not answer; `on_trip` stops the run. Raises EngineError."""
        log = (context.journal.path.parent / "sampler.log").open("ab")
        with log:
            process = subprocess.Popen(
                [sys.executable, "-m", "breakfix.engine.sampler"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        observers = cls(context, process, on_trip)
        assert process.stdin is not None and process.stdout is not None
        task = await anyio.to_thread.run_sync(_task, context, guardian)
        observers._tell(msgspec.json.encode(task))
        said = await anyio.to_thread.run_sync(process.stdout.readline)
        if said != b"ready\n":
            process.kill()
            process.wait()
            raise EngineError(
                "the observers did not start, so nothing is injected.", hint=f"See {log.name}."
            )
        observers._reader.start()
        return observers

    def rebound(self, key: str, facts: Facts) -> None:
        """A target has another identity."""
        self._tell(msgspec.json.encode(Rebound(key=key, facts=facts)))

    def lost(self) -> bool:
        """Whether the process has ended though nobody asked it to."""
        return not self._stopping and self._process.poll() is not None

    def stop(self) -> None:
        """Take the last samples, and end it; blocking."""
        lost = "the sampling process died" if self.lost() else ""
        self._stopping = True
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except OSError:
            lost = lost or "the sampling process died"
        try:
            self._process.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            lost = "the sampling process did not end"
        self._reader.join()
        self._context.journal.note(ObserversEnded(lost=lost))

    def _tell(self, line: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + b"\n")
            self._process.stdin.flush()
        except (OSError, ValueError):
            # It is dead or being ended, which the end of its output tells too.
            return

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            event = msgspec.json.decode(line, type=ObserverSampled | GuardTripped)
            self._context.journal.note(event)
            if isinstance(event, GuardTripped):
                self._loop.call_soon_threadsafe(self._tripped, event)
        self._process.stdout.close()

    def _tripped(self, event: GuardTripped) -> None:
        """In the loop, so that the answer proves that the engine does what it says."""
        self._on_trip(event)
        self._tell(msgspec.json.encode(Acknowledged(guard=event.guard)))


def _task(context: RunContext, guardian: str) -> Task:
    scenario = context.plan.scenario
    observed = scenario.observed
    watched = []
    # A probe that is both observed and guarded is sampled once.
    for name in dict.fromkeys([*observed, *(guard.probe for guard in scenario.guards)]):
        use = scenario.probes[name]
        probing = named_probe(context, name, name)
        watched.append(
            Watched(
                name=name,
                uses=use.uses,
                with_=use.with_,
                keys=probing.keys,
                every_s=probing.every_s,
                timeout_s=probing.timeout_s,
                observed=name in observed,
                guards=tuple(guard for guard in scenario.guards if guard.probe == name),
            )
        )
    keys = {key for each in watched for key in each.keys if key is not None}
    stat = read_stat(os.getpid())
    assert stat is not None
    return Task(
        engine=stat.incarnation,
        guardian=guardian,
        run_dir=str(context.journal.path.parent),
        mono_zero_s=context.journal.mono_zero_s,
        watched=tuple(watched),
        facts={key: context.known_facts(key) for key in keys},
        endpoints=dict(context.vehicles.endpoints),
        hosts=_hosts(context, keys),
        secrets=dict(scenario.secrets),
    )


def _hosts(context: RunContext, keys: Iterable[str]) -> dict[str, Host]:
    """How to reach what is looked at over SSH: hosts, and engines on hosts."""
    ssh = context.vehicles.ssh
    if ssh is None:
        return {}
    engines = [endpoint.host for endpoint in context.vehicles.endpoints.values()]
    names = {host.name for host in engines if host is not None}
    names |= {key for key in keys if context.plan.bindings[key].identity.kind == "ssh"}
    return {name: ssh.identify(name) for name in sorted(names)}
