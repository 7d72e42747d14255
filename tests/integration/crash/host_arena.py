"""Targets on hosts that are this machine: a host, a folder and a process for one worker alone."""

import contextlib
import hashlib
import os
import secrets
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.integration.crash.cases import Case
from tests.integration.crash.matrix import Arena
from tests.integration.ssh_server import SshServer

from breakfix.engine import host_survey
from breakfix.engine.endpoints import Host
from breakfix.engine.ops import ExecOp, Identity, Op, Outcome
from breakfix.engine.targets import host as hosts
from breakfix.engine.vehicles.ssh.pool import SshHosts

AS_BEFORE: Final = {"there", "boot", "clock", "time sync"}
"""What a host says of itself in any case."""

MEMORY: Final = Path("/dev/shm")
"""A file system in memory, where there is one: what fills it disturbs nobody."""


class Runner:
    """Runs ops on hosts."""

    def __init__(self, ssh: SshHosts) -> None:
        self.ssh = ssh

    def run(self, op: Op, *, stop: threading.Event | None = None) -> Outcome:
        """As a vehicle does."""
        assert isinstance(op, ExecOp) and op.target is not None
        return self.ssh.run(op.target.endpoint, op, stop)


def login(host: Host) -> str:
    """How a scenario says where a host is, and how it is entered."""
    return f'port: {host.port}, user: {host.user}, key: {host.key}, host_key: "{host.host_key}"'


@contextlib.contextmanager
def told_by(host: Host) -> Iterator[Callable[[str], Sequence[str]]]:
    """What the engine's own survey of a host finds of a run there."""
    ssh = SshHosts({host.name: host}, lambda text: text, prefix="survey.")
    try:
        identity: Identity = hosts.facts(ssh, host.name).identity

        def left_of(run_id: str) -> list[str]:
            fields = host_survey.take({host.name: identity}, Runner(ssh), run_id)[host.name]
            return sorted(f"{key}: {value}" for key, value in fields.items() if key not in AS_BEFORE)

        yield left_of
    finally:
        ssh.close()


@contextlib.contextmanager
def on_a_host(sshd: SshServer, case: Case, number: int, port: int = 0) -> Iterator[Arena]:
    """A host with a folder and a process; it is reached at another port where one is given (then, at
    127.0.0.1)."""
    host = sshd.host(number)
    where = f"ssh: {{hosts: [{host.address}], {login(host)}}}"
    if port:
        where = where.replace(host.address, "127.0.0.1").replace(str(host.port), str(port), 1)
    with _folder() as folder, victim(sshd) as (name, start), told_by(host) as left_of:
        text = case.scenario(where)
        for word, meant in (("FOLDER", str(folder)), ("VICTIM", name), ("START", start)):
            text = text.replace(word, meant)

        def survey() -> Mapping[str, str]:
            return _contents(folder) | {f"processes {name}": " ".join(_states(name))}

        yield Arena(scenario=text, survey=survey, left_of=left_of)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """In which the users of the hosts may do everything."""
    parent = MEMORY if os.access(MEMORY, os.W_OK) else Path("/tmp")
    path = parent / f"bfx-test-{secrets.token_hex(4)}"
    path.mkdir()
    path.chmod(0o777)
    (path / "file").write_bytes(bytes(range(256)) * 16)
    (path / "file").chmod(0o666)
    try:
        yield path
    finally:
        shutil.rmtree(path)


@contextlib.contextmanager
def victim(sshd: SshServer) -> Iterator[tuple[str, str]]:
    """The name of a process of the user of the hosts that is called as no other, and what starts it."""
    name = f"bfx{secrets.token_hex(5)}"
    program = Path(f"/tmp/{name}")
    shutil.copy("/bin/sleep", program)
    program.chmod(0o755)
    become = ["setpriv", "--reuid", sshd.user, "--clear-groups"] if os.geteuid() == 0 else []
    made = subprocess.Popen([*become, str(program), "100000"])
    try:
        yield name, f"[{program}, '100000']"
    finally:
        # Also those that were started in its place.
        for pid, _ in processes(name):
            os.kill(pid, signal.SIGKILL)
        made.wait()
        program.unlink()


def _states(name: str) -> list[str]:
    """The states (proc(5)) of the processes of a name: whether each can run, or is stopped."""
    return ["stopped" if state in "Tt" else "runs" for _, state in processes(name)]


def processes(name: str) -> list[tuple[int, str]]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                head, _, rest = (entry / "stat").read_text().rpartition(")")
                if head.partition("(")[2] == name and rest[1] not in "ZX":
                    found.append((int(entry.name), rest[1]))
    return found


def _contents(folder: Path) -> dict[str, str]:
    """All that is in a folder, with the sums of the files."""
    found: dict[str, str] = {}
    for parent, folders, files in os.walk(folder):
        inside = Path(parent).relative_to(folder)
        found |= {str(inside / name): "folder" for name in folders}
        for name in files:
            # What is about to go may be gone by now.
            with contextlib.suppress(FileNotFoundError):
                content = (Path(parent) / name).read_bytes()
                found[str(inside / name)] = hashlib.sha256(content).hexdigest()[:12]
    return found
