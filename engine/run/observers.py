"""The engine's side of the sampling process: start it, journal what it saw, tell it what changed, end it."""

import subprocess
import sys
import threading
from typing import Final

import anyio.to_thread
import msgspec

from breakfix.engine.action import Facts
from breakfix.engine.errors import EngineError
from breakfix.engine.events import ObserverSampled, ObserversEnded
from breakfix.engine.run.context import RunContext
from breakfix.engine.run.probe import named_probe
from breakfix.engine.sampler import Rebound, Task
from breakfix.engine.sampling.watch import Watched

END_WITHIN_S: Final = 30.0


class Observers:
    """The observers of one run, in a process of their own."""

    def __init__(self, context: RunContext, process: "subprocess.Popen[bytes]") -> None:
        self._context = context
        self._process = process
        self._stopping = False
        self._reader = threading.Thread(target=self._read, name="observers")

    @classmethod
    async def start(cls, context: RunContext) -> "Observers":
        """Start the process and wait until it looks. Raises EngineError."""
        log = (context.journal.path.parent / "sampler.log").open("ab")
        with log:
            process = subprocess.Popen(
                [sys.executable, "-m", "breakfix.engine.sampler"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        observers = cls(context, process)
        assert process.stdin is not None and process.stdout is not None
        observers._tell(msgspec.json.encode(_task(context)))
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
        self._context.note(ObserversEnded(lost=lost))

    def _tell(self, line: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + b"\n")
            self._process.stdin.flush()
        except OSError:
            # It is dead, which the end of its output tells too.
            return

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._context.note(msgspec.json.decode(line, type=ObserverSampled))
        self._process.stdout.close()


def _task(context: RunContext) -> Task:
    scenario = context.plan.scenario
    watched = []
    for observer in scenario.observers:
        use = scenario.probes[observer.probe]
        probing = named_probe(context, observer.probe, observer.probe)
        watched.append(
            Watched(
                name=observer.probe,
                uses=use.uses,
                with_=use.with_,
                keys=probing.keys,
                every_s=probing.every_s,
                timeout_s=probing.timeout_s,
            )
        )
    keys = {key for each in watched for key in each.keys if key is not None}
    return Task(
        run_dir=str(context.journal.path.parent),
        mono_zero_s=context.journal.mono_zero_s,
        watched=tuple(watched),
        facts={key: context.known_facts(key) for key in keys},
        endpoints=dict(context.vehicles.endpoints),
        secrets=dict(scenario.secrets),
    )
