"""All the hosts of a run: one connection to each, opened when it is needed and used again.

A host that is slow or dead holds up nobody but those who ask for it.
"""

import queue
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from msgspec import structs

from breakfix.engine.endpoints import Host
from breakfix.engine.errors import EngineUnavailable, PermissionRefused, VehicleError
from breakfix.engine.ops import ExecOp, Outcome
from breakfix.engine.vehicles.ssh import command
from breakfix.engine.vehicles.ssh.channels import aside
from breakfix.engine.vehicles.ssh.line import new_mark
from breakfix.engine.vehicles.ssh.link import Link
from breakfix.engine.vehicles.ssh.scripts import END_COMMANDS, END_MARK
from breakfix.engine.vehicles.ssh.waiting import NotReached, OutOfTime, Patience

if TYPE_CHECKING:
    from breakfix.engine.vehicles.ssh.connect import Connector
    from breakfix.engine.vehicles.ssh.forward import Forwards

IDENTIFY_S: Final = 45.0
"""How long it may take to reach a host for the first time."""

_END_S: Final = 15.0
_THREADS_MAX: Final = 50


class SshHosts:
    """The hosts by their names, as `breakfix.engine.endpoints.Host` has them. Blocking and thread-safe;
    imports paramiko when the first host is reached.

    `reveal` puts the value of a secret in. The marks of its commands begin with `prefix`.
    """

    def __init__(
        self, hosts: dict[str, Host], reveal: Callable[[str], str], *, prefix: str = ""
    ) -> None:
        self.hosts = hosts
        self._reveal = reveal
        self.prefix = prefix
        self._lock = threading.Lock()
        self._links: dict[Host, Link] = {}
        self._made: Connector | None = None
        self._forwards: Forwards | None = None

    def run(self, name: str, op: ExecOp, stop: threading.Event | None = None) -> Outcome:
        """Run a command on a host; see `breakfix.engine.vehicles.ssh.command.run`.

        Raises VehicleError where there is no such host, BreakfixError where a secret is not there.
        """
        link = self.link(self._host(name))
        return command.run(link, op, new_mark(self.prefix), stop)

    def identify(self, name: str) -> Host:
        """Connect to a host, as `pinned` does; from now on its name means the host that has answered."""
        self.hosts[name] = structs.replace(self.pinned(self._host(name)), name=name)
        return self.hosts[name]

    def pinned(self, host: Host) -> Host:
        """Connect to a host; the host with the key pinned that it has shown, and so the one that it
        lies behind. From now on it must show that one.

        Raises EngineUnavailable, or PermissionRefused where it is there but does not let us in, or
        is not who it should be.
        """
        link = self.link(host)
        try:
            link.connected(Patience(time.monotonic() + IDENTIFY_S))
        except NotReached as failure:
            kind = PermissionRefused if failure.refused else EngineUnavailable
            text = f"{failure.message}."
            text = f"Host {text}" if text.startswith(host.name) else text[:1].upper() + text[1:]
            raise kind(text, hint=failure.hint) from None
        except OutOfTime:
            raise EngineUnavailable(
                f"Host {host.name} was not reached within {IDENTIFY_S:g} s."
            ) from None
        with self._lock:
            return structs.replace(self._pinned(link), name=host.name)

    def end_commands(self, run_id: str) -> int:
        """End the commands that an engine which is gone left in flight on the hosts; how many there
        were. A host that does not answer is passed over. What a command that is over left running is
        left alone."""
        todo: queue.SimpleQueue[Link] = queue.SimpleQueue()
        links = {self.link(host) for host in self.hosts.values()}
        for link in links:
            todo.put(link)
        counts: list[int] = []

        def work() -> None:
            while True:
                try:
                    link = todo.get_nowait()
                except queue.Empty:
                    return
                counts.append(_end_commands_on(link, f"{run_id}."))

        threads = [
            threading.Thread(target=work, name="end of commands", daemon=True)
            for _ in range(min(_THREADS_MAX, len(links)))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(counts)

    def socket_of(self, host: Host) -> str:
        """The path of a local Unix socket behind which the Docker engine of a host answers, until
        `close`. Nothing is connected yet; where that does not succeed, the answer to a request
        says so (502)."""
        from breakfix.engine.vehicles.ssh.forward import Forwards

        link = self.link(host)
        with self._lock:
            if self._forwards is None:
                self._forwards = Forwards()
            forwards = self._forwards
        return forwards.socket_of(link)

    def close(self) -> None:
        """Close all connections. What still runs on the hosts goes on running."""
        with self._lock:
            links = set(self._links.values())
            forwards, self._forwards = self._forwards, None
        if forwards is not None:
            forwards.close()
        for link in links:
            link.close()

    def link(self, host: Host) -> Link:
        """What there is to a host; the same for all names of one."""
        with self._lock:
            return self._link(host)

    def link_and_mark(self, name: str) -> tuple[Link, str]:
        """What there is to a host, and a mark for a command on it. Raises VehicleError where there is no
        such host."""
        return self.link(self._host(name)), new_mark(self.prefix)

    # --- holding the lock ---

    def _link(self, host: Host) -> Link:
        known = self._links.get(_nameless(host))
        if known is None:
            via = None if host.jump is None else self._link(host.jump)
            known = self._links[_nameless(host)] = Link(host, via, self._connector)
        return known

    def _pinned(self, link: Link) -> Host:
        if link.key is not None:
            jump = None if link.via is None else self._pinned(link.via)
            link.host = structs.replace(link.host, host_key=link.key.fingerprint, jump=jump)
            self._links[_nameless(link.host)] = link
        return link.host

    # --- not holding it ---

    def _connector(self) -> "Connector":
        from breakfix.engine.vehicles.ssh.connect import Connector
        from breakfix.engine.vehicles.ssh.login import Login

        with self._lock:
            if self._made is None:
                self._made = Connector(Login(self._reveal))
            return self._made

    def _host(self, name: str) -> Host:
        try:
            return self.hosts[name]
        except KeyError:
            raise VehicleError(
                f"This run knows no host called {name or '(no name)'}.",
                hint="The journal records the hosts that a run uses.",
            ) from None


def _end_commands_on(link: Link, prefix: str) -> int:
    argv = ("sh", "-c", END_COMMANDS, "sh", prefix, END_MARK, END_COMMANDS, "")
    _, text = aside(link, argv, Patience(time.monotonic() + _END_S))
    return int(text) if text.strip().isdigit() else 0


def _nameless(host: Host) -> Host:
    jump = None if host.jump is None else _nameless(host.jump)
    return structs.replace(host, name="", jump=jump)
