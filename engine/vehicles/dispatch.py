"""Ops to the vehicle that executes them; one door, so that the rules for all ops stand in one place.

An op that holds something unknown is refused. Secrets are put in right before it runs, and masked in
all that comes back. The identity that it is bound to is compared right before.
"""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import structs

from breakfix.engine.endpoints import Endpoint
from breakfix.engine.errors import VehicleError
from breakfix.engine.ops import (
    UNKNOWN_PATTERN,
    DockerOp,
    ExecOp,
    FileOp,
    Identity,
    Op,
    Outcome,
    ProcessOp,
    SignalOp,
    SpawnOp,
)
from breakfix.engine.secrets import Secrets
from breakfix.engine.vehicles.local import Local

if TYPE_CHECKING:
    from breakfix.engine.vehicles.ssh.pool import SshHosts

_REFERENCE: Final = b"${secret:"
_UNKNOWN: Final = b"<unknown: "


class Vehicles:
    """Executes ops. Blocking and thread-safe; imports the vehicles for Docker and HTTP when the first
    op for one comes.

    `on_spawn(op, "PID@START")`, where set, is called while a started process still waits: what it
    writes down is true before the program runs; when it raises, the program never does. With `here`
    False the run was on another machine: what could only be done there is refused. `ssh` are the connections
    to hosts; whoever made them closes them.
    """

    def __init__(  # noqa: PLR0913
        self,
        endpoints: Mapping[str, Endpoint],
        run_dir: Path,
        secrets: Secrets,
        clock: Callable[[], float],
        *,
        here: bool = True,
        ssh: "SshHosts | None" = None,
    ) -> None:
        self.endpoints = endpoints
        self.ssh = ssh
        self._secrets = secrets
        self._clock = clock
        self._here = here
        self._local = Local(run_dir)

    @property
    def on_spawn(self) -> Callable[[SpawnOp, str], None]:
        """Who is told of started processes."""
        return self._local.spawner.announce

    @on_spawn.setter
    def on_spawn(self, announce: Callable[[SpawnOp, str], None]) -> None:
        self._local.spawner.announce = announce

    def end_commands(self, run_id: str) -> int:
        """End the commands of a dead engine that are in flight on this machine and on hosts; how many there
        were."""
        here = self._local.end_commands(run_id) if self._here else 0
        return here + (self.ssh.end_commands(run_id) if self.ssh is not None else 0)

    def close(self) -> None:
        """No op comes after this one."""
        self._local.close()

    def run(self, op: Op, *, stop: threading.Event | None = None) -> Outcome:
        """Execute one op. `stop` ends it early: an effect is then over, or known not to have been.

        Raises VehicleError where it could not be tried at all, BreakfixError where a secret that it
        needs is not there.
        """
        written = msgspec.json.encode(op)
        if _UNKNOWN in written:
            names = ", ".join(UNKNOWN_PATTERN.findall(written.decode()))
            raise VehicleError(f"The op cannot run: it holds {names}.")
        if not self._here and _is_local(op):
            raise VehicleError("Not here: the run was on another machine.")
        revealed = _put_in(op, self._secrets.reveal) if _REFERENCE in written else op
        started_at_s = self._clock()
        outcome = self._moved_on(revealed) or self._execute(revealed, stop)
        return structs.replace(
            outcome,
            text=self._secrets.mask(outcome.text),
            stderr=self._secrets.mask(outcome.stderr),
            error=self._secrets.mask(outcome.error),
            data=_mapped(outcome.data, self._secrets.mask),
            started_at_s=started_at_s,
            ended_at_s=self._clock(),
        )

    def _execute(self, op: Op, stop: threading.Event | None) -> Outcome:
        if isinstance(op, DockerOp):
            return self._docker(op, stop)
        if isinstance(op, ExecOp):
            if op.via == "ssh":
                return self._over_ssh(op, stop)
            return self._local.execute(op, stop) if op.via == "local" else self._exec(op, stop)
        if isinstance(op, SpawnOp):
            return self._local.spawn(op, stop)
        if isinstance(op, SignalOp):
            return self._signal(op, stop)
        if isinstance(op, ProcessOp):
            return self._local.read_process(op)
        if isinstance(op, FileOp):
            return self._local.file(op)
        from breakfix.engine.vehicles import http

        return http.send(op, stop)

    def _over_ssh(self, op: ExecOp, stop: threading.Event | None) -> Outcome:
        name = op.target.endpoint if op.target is not None else ""
        if self.ssh is None or name not in self.ssh.hosts:
            raise VehicleError(
                f"This run knows no host called {name or '(no name)'}.",
                hint="The journal records the hosts that a run uses.",
            )
        return self.ssh.run(name, op, stop)

    def _docker(self, op: DockerOp, stop: threading.Event | None) -> Outcome:
        endpoint = self._endpoint_of(op.target, op.endpoint)
        from breakfix.engine.vehicles import docker_api

        return docker_api.request(endpoint, op, stop)

    def _exec(self, op: ExecOp, stop: threading.Event | None) -> Outcome:
        endpoint = self._endpoint_of(op.target, "")
        from breakfix.engine.vehicles import docker_exec

        return docker_exec.run(endpoint, op, stop)

    def _signal(self, op: SignalOp, stop: threading.Event | None) -> Outcome:
        if op.target is None or op.target.kind != "docker":
            return self._local.signal(op, stop)
        endpoint = self._endpoint_of(op.target, "")
        from breakfix.engine.vehicles import docker_host

        return docker_host.signal_main(endpoint, op, stop)

    def _endpoint_of(self, target: Identity | None, named: str) -> Endpoint:
        return self.endpoint(target.endpoint if target is not None and target.endpoint else named)

    def endpoint(self, name: str) -> Endpoint:
        """An engine as this process can reach it. Raises VehicleError where there is none of that name."""
        if name not in self.endpoints:
            raise VehicleError(
                f"This run knows no Docker engine called {name or '(no name)'}.",
                hint="The journal records the engines that a run uses.",
            )
        found = self.endpoints[name]
        if found.host is None:
            return found
        from breakfix.engine.vehicles.ssh.engines import live

        return live(found, self.ssh)

    def _moved_on(self, op: Op) -> Outcome | None:
        """What comes of an op whose target is not in the life any more that it was bound to. For
        containers and hosts, their vehicles compare."""
        target = op.target
        if target is None or op.level != "incarnation" or target.kind in ("docker", "ssh"):
            return None
        now = self._local.incarnation(target)
        if now == target.incarnation:
            return None
        what = f"runs as {now} now, not as {target.incarnation}" if now else "does not run any more"
        return Outcome(ok=False, gone=True, error=f"{target.name} {what}; nothing was sent")


def _is_local(op: Op) -> bool:
    if isinstance(op, ExecOp):
        return op.via == "local"
    if isinstance(op, SignalOp):
        return op.target is None or op.target.kind != "docker"
    return isinstance(op, SpawnOp | ProcessOp | FileOp)


def _put_in(op: Op, reveal: Callable[[str], str]) -> Op:
    names = [name for name in op.__struct_fields__ if name != "target"]
    return structs.replace(op, **{name: _mapped(getattr(op, name), reveal) for name in names})


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    """Data with every text in it changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(key): _mapped(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_mapped(item, change) for item in value)
    return value
