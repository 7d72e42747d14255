"""A real sshd on loopback, as many hosts as there are addresses in 127.0.0.0/8: its own configuration, host
key and users, nothing of the machine's own sshd is touched.

As root it makes two users for the time of the tests, one that may run everything as root by ``sudo -n`` and
one that may not; without root the hosts know the present user alone.
"""

import contextlib
import getpass
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from breakfix.engine.endpoints import Host

HOSTS_MAX: Final = 500
SSHD: Final = Path("/usr/sbin/sshd")
PATIENCE_S: Final = 30.0
NEEDED: Final = "These tests need an SSH server: apt-get install openssh-server sudo"


class SshServer(Struct, frozen=True, kw_only=True):
    """What clients need. `plain` is a user that may not become root (without root: the same)."""

    pid: int
    port: int
    user: str
    plain: str
    key: Path
    known_hosts: Path
    fingerprint: str
    folder: Path

    def address(self, number: int = 1) -> str:
        """One of the addresses that it answers at, from 1 on."""
        return address(number)

    def host(self, number: int = 1, *, user: str = "") -> Host:
        """A host of it, with its key pinned."""
        return Host(
            name=f"host-{number:03}",
            address=address(number),
            port=self.port,
            user=user or self.user,
            key=str(self.key),
            host_key=self.fingerprint,
        )


def address(number: int) -> str:
    """
    >>> address(300)
    '127.9.1.50'
    """
    return f"127.9.{number // 250}.{number % 250}"


@contextlib.contextmanager
def ssh_server(folder: Path, extra: str = "") -> Iterator[SshServer]:
    """Start one in a folder that others may enter, and end it with all its sessions. `extra` are more
    lines of sshd_config(5)."""
    if not SSHD.exists():
        raise AssertionError(NEEDED)
    with _users() as (user, plain):
        key, host_key = folder / "id", folder / "host_key"
        for path in (key, host_key):
            _done("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(path))
        authorized = folder / "authorized_keys"
        authorized.write_text((folder / "id.pub").read_text())
        authorized.chmod(0o644)
        port = _free_port()
        (folder / "sshd_config").write_text(_config(folder, port) + extra + "\n")
        public = (folder / "host_key.pub").read_text().split()[:2]
        names = ",".join(f"[{address(number)}]:{port}" for number in range(1, HOSTS_MAX + 1))
        (folder / "known_hosts").write_text(f"{names},[127.0.0.1]:{port} {' '.join(public)}\n")
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        with (folder / "sshd.log").open("wb") as log:
            server = subprocess.Popen(
                [SSHD, "-D", "-e", "-f", folder / "sshd_config"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            _wait_for_port(port, server)
            printed = _done("ssh-keygen", "-l", "-f", str(folder / "host_key.pub"))
            yield SshServer(
                pid=server.pid,
                port=port,
                user=user,
                plain=plain,
                key=key,
                known_hosts=folder / "known_hosts",
                fingerprint=printed.split()[1],
                folder=folder,
            )
        finally:
            _end(server)


def _config(folder: Path, port: int) -> str:
    return textwrap.dedent(f"""\
        Port {port}
        ListenAddress 0.0.0.0
        HostKey {folder}/host_key
        PidFile {folder}/sshd.pid
        AuthorizedKeysFile {folder}/authorized_keys
        StrictModes no
        UsePAM no
        PasswordAuthentication yes
        MaxStartups 1000:30:2000
        MaxSessions 200
        LoginGraceTime 30
        AllowTcpForwarding yes
        """)


@contextlib.contextmanager
def _users() -> Iterator[tuple[str, str]]:
    """The names of a user that may become root, and of one that may not."""
    if os.geteuid() != 0:
        yield getpass.getuser(), getpass.getuser()
        return
    if shutil.which("sudo") is None:
        raise AssertionError(NEEDED)
    suffix = secrets.token_hex(2)
    names = (f"bfx-test-{suffix}", f"bfx-plain-{suffix}")
    rule = Path(f"/etc/sudoers.d/{names[0]}")
    try:
        for name in names:
            _done("useradd", "--create-home", "--shell", "/bin/dash", name)
            _done("usermod", "--password", "*", name)
        rule.write_text(f"{names[0]} ALL=(ALL) NOPASSWD: ALL\n")
        rule.chmod(0o440)
        yield names
    finally:
        rule.unlink(missing_ok=True)
        for name in names:
            _end_all_of(name)
            subprocess.run(["userdel", "--remove", name], capture_output=True, check=False)


def _end_all_of(name: str) -> None:
    """What its sessions have left running, which keeps a user from being removed."""
    try:
        uid = pwd.getpwnam(name).pw_uid
    except KeyError:
        return
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and entry.stat().st_uid == uid:
                os.kill(int(entry.name), signal.SIGKILL)


def _free_port() -> int:
    with socket.socket() as made:
        made.bind(("0.0.0.0", 0))
        port: int = made.getsockname()[1]
        return port


def _wait_for_port(port: int, server: "subprocess.Popen[bytes]") -> None:
    end_s = time.monotonic() + PATIENCE_S
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return
        if server.poll() is not None or time.monotonic() > end_s:
            raise AssertionError("sshd does not answer; see its log")
        time.sleep(0.02)


def _end(server: "subprocess.Popen[bytes]") -> None:
    """The server and its sessions, which are its children."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children")
    for pid in children.read_text().split() if children.exists() else ():
        with contextlib.suppress(OSError):
            os.kill(int(pid), signal.SIGTERM)
    server.terminate()
    server.wait(PATIENCE_S)


def _done(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stderr}"
    return done.stdout
