"""What hosts tell of how busy they are, look by look."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from msgspec import structs

from breakfix.engine.batch import Answer, Batch
from breakfix.engine.cli.at_hosts import Told, ask_all
from breakfix.engine.targets.host_status import (
    STATUS_OP,
    HostStatus,
    Reading,
    reading_of,
    status_of,
)

if TYPE_CHECKING:
    from breakfix.engine.cli.host_options import ChosenHosts
    from breakfix.engine.ops import ExecOp
    from breakfix.engine.vehicles.ssh.pool import SshHosts

BETWEEN_S: Final = 0.5
"""Two looks at the processors of a host are at least so far apart."""


class Readings:
    """Looks at hosts. `statuses` has those that have answered the last time, by name, and `answers` what
    became of every host."""

    def __init__(self, ssh: "SshHosts", chosen: "ChosenHosts", *, concurrency: int) -> None:
        self._ssh = ssh
        self._chosen = chosen
        self._concurrency = concurrency
        self._last: dict[str, tuple[Reading, float]] = {}
        self.statuses: dict[str, HostStatus] = {}
        self.answers: dict[str, Answer] = {}

    def twice(self, *, progress: bool) -> bool:
        """Look at every host, and once more at those that answered. True: it was interrupted."""
        for _ in range(2):
            told = Told()
            names = [n for n in self._chosen.hosts if n in self.statuses or not self.answers]
            ask_all(self._batch(), names, told, progress=progress, on_answer=self._take)
            self.answers |= {
                name: answer for name, answer in told.answers.items() if name not in self.answers
            }
            if told.interrupted:
                return True
        return False

    def once(self, on_stop: Callable[[threading.Event], None]) -> None:
        """Look at every host; `on_stop` is given what ends it early."""
        batch = self._batch()
        on_stop(batch.stop)
        batch.run(list(self._chosen.hosts), self._take)

    def _batch(self) -> Batch:
        return Batch(
            self._ssh, self._op, concurrency=self._concurrency, mask=self._chosen.secrets.mask
        )

    def _op(self, host: str) -> "ExecOp":
        if host in self._last:
            at_s = self._last[host][1]
            time.sleep(max(0.0, at_s + BETWEEN_S - time.monotonic()))
        return STATUS_OP

    def _take(self, answer: Answer) -> None:
        """One answer: what is not understood is one that failed."""
        name = answer.host
        if answer.state == "stopped" and name in self.answers:
            return
        if answer.state == "succeeded":
            try:
                reading = reading_of(answer.stdout)
            except ValueError as error:
                answer = structs.replace(answer, state="failed", why=f"{name}: {error}")
            else:
                before = self._last[name][0] if name in self._last else None
                self._last[name] = (reading, time.monotonic())
                self.statuses[name] = status_of(name, before, reading)
        if answer.state != "succeeded":
            self.statuses.pop(name, None)
        self.answers[name] = answer


def ordered(statuses: Sequence[HostStatus], sort: str) -> list[HostStatus]:
    """By the name of the host, or the busiest first."""
    from breakfix.reports.ranges import natural

    by_name = sorted(statuses, key=lambda one: natural(one.host))
    keys: dict[str, Callable[[HostStatus], float]] = {
        "worst": lambda one: one.worst,
        "cpu": lambda one: one.cpu_busy or 0.0,
        "memory": lambda one: one.memory_used,
        "disk": lambda one: one.disk.used if one.disk is not None else 0.0,
        "load": lambda one: one.load[0],
    }
    return by_name if sort == "host" else sorted(by_name, key=keys[sort], reverse=True)
