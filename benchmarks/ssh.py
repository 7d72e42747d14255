"""One command on hundreds of SSH hosts, side by side with a bare pool of threads, Ansible and pyinfra."""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct
from tests.integration.ssh_server import NEEDED, SSHD, SshServer, ssh_server

from benchmarks.measured import Command, Cost, interleaved
from benchmarks.table import MIB, Part, Row, compared

PEERS = ("ansible-core", "pyinfra")
AT_ONCE = 50
ROOT = Path(__file__).resolve().parents[1]


class Fleet(Struct, frozen=True, kw_only=True):
    """Hosts on loopback, and how each of the peers is told of them."""

    server: SshServer
    folder: Path
    count: int

    @property
    def json(self) -> Path:
        """For the processes of `benchmarks.ssh_pool`."""
        return self.folder / "fleet.json"

    @property
    def inventory(self) -> Path:
        """For breakfix and Ansible."""
        return self.folder / "hosts.ini"

    @property
    def pyinfra(self) -> Path:
        """For pyinfra."""
        return self.folder / "inventory.py"


@contextmanager
def fleet_of(count: int, folder: Path) -> Iterator[Fleet]:
    """Start the hosts, and write the inventories."""
    with tempfile.TemporaryDirectory(prefix="breakfix-sshd-") as name:
        Path(name).chmod(0o755)
        with ssh_server(Path(name)) as server:
            fleet = Fleet(server=server, folder=folder, count=count)
            addresses = {f"host-{n:03}": server.address(n) for n in range(1, count + 1)}
            said = {
                "hosts": addresses,
                "user": server.user,
                "port": server.port,
                "key": str(server.key),
                "known_hosts": str(server.known_hosts),
            }
            fleet.json.write_text(json.dumps(said))
            options = f"-o UserKnownHostsFile={server.known_hosts} -o StrictHostKeyChecking=yes"
            lines = [f"{name} ansible_host={address}" for name, address in addresses.items()]
            lines += ["[all:vars]", f"ansible_user={server.user}", f"ansible_port={server.port}"]
            lines += [f"ansible_ssh_private_key_file={server.key}", f"ansible_ssh_common_args={options}"]
            fleet.inventory.write_text("\n".join(lines) + "\n")
            data = {
                "ssh_user": server.user,
                "ssh_port": server.port,
                "ssh_key": str(server.key),
                "ssh_known_hosts_file": str(server.known_hosts),
                "ssh_strict_host_key_checking": "yes",
            }
            hosts = [(name, {**data, "ssh_hostname": where}) for name, where in addresses.items()]
            fleet.pyinfra.write_text(f"hosts = {hosts!r}\n")
            yield fleet


def install(folder: Path) -> str:
    """Ansible and pyinfra in an environment of their own; their versions."""
    environment = folder / "ssh-peers"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    pip = [str(environment / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "-qq", *PEERS], check=True)
    frozen = subprocess.run([*pip, "freeze"], check=True, capture_output=True, text=True)
    return ", ".join(line for line in frozen.stdout.split() if line.startswith(PEERS))


def on_hosts(breakfix: Sequence[str], folder: Path, *, quick: bool) -> Part:
    """Whole processes from nothing, and the second command on open connections."""
    if not SSHD.exists():
        raise RuntimeError(NEEDED)
    count, rounds, times = (50, 1, 3) if quick else (500, 3, 6)
    versions = install(folder)
    with fleet_of(count, folder) as fleet:
        cold = interleaved(_cold(breakfix, fleet), rounds)
        warm = _warm(fleet, rounds, times)
        again = interleaved({"Ansible": _ansible(fleet, persist=True)}, rounds)
    part = Part(
        f"One command on {count} SSH hosts",
        f"`/bin/true` on {count} addresses of one sshd on loopback, {AT_ONCE} at a time, host keys verified by all. "
        "Cold: whole processes that connect. The bare pool is a thread and a connection of paramiko's a host, "
        f"as one would write it. Medians of {rounds} interleaved rounds. The second command: on connections that "
        "are open, in one process (Ansible: a whole process, on the connections that ssh has kept). "
        f"{versions}.",
    )
    ours, bare = cold["breakfix"], cold["bare pool"]
    part.rows = [
        compared("cold, against the bare pool", ours.wall_s, bare.wall_s, 1.2, "within 1.2"),
        *(
            _against(f"cold, against {name}", ours, cold[name])
            for name in ("Ansible", "pyinfra")
        ),
        compared(
            "the second command, against the bare pool",
            warm["ours"].second_s, warm["bare"].second_s, 1.2, "within 1.2",
        ),
        _against("the second command, against Ansible", warm["ours"].as_cost(), again["Ansible"]),
        Row(
            "the second command, a second",
            f"{count / warm['ours'].second_s:.0f}", f"{count / warm['bare'].second_s:.0f}",
            f"{warm['bare'].second_s / warm['ours'].second_s:.2f}",
        ),
    ]  # fmt: skip
    for name in ("bare pool", "Ansible", "pyinfra"):
        peer = cold[name]
        part.rows.append(
            Row(
                f"cold, CPU and memory of the client, against {name}",
                f"{ours.cpu_s:.1f} s, {ours.memory_bytes / MIB:.0f} MiB",
                f"{peer.cpu_s:.1f} s, {peer.memory_bytes / MIB:.0f} MiB",
                f"{ours.cpu_s / peer.cpu_s:.2f}, {ours.memory_bytes / peer.memory_bytes:.2f}",
            )
        )
    return part


def _cold(breakfix: Sequence[str], fleet: Fleet) -> dict[str, Command]:
    server, bin_folder = fleet.server, fleet.folder / "ssh-peers" / "bin"
    keys = ["--known-hosts", str(server.known_hosts)]
    parallel = ["--concurrency", str(AT_ONCE)]
    return {
        "breakfix": Command(
            [*breakfix, "exec", "--inventory", str(fleet.inventory), *keys, *parallel, "--", "/bin/true"]
        ),
        "bare pool": Command(
            [sys.executable, "-m", "benchmarks.ssh_pool", "bare", str(fleet.json), "1"], folder=ROOT
        ),
        "Ansible": _ansible(fleet, persist=False),
        "pyinfra": Command(
            [
                str(bin_folder / "pyinfra"), "--yes", "--parallel", str(AT_ONCE),
                str(fleet.pyinfra), "exec", "--", "/bin/true",
            ],
            folder=fleet.folder,
        ),
    }  # fmt: skip


def _ansible(fleet: Fleet, *, persist: bool) -> Command:
    """The raw module needs no Python on the hosts, as breakfix does not."""
    args = "-o ControlMaster=auto -o ControlPersist=120s" if persist else "-o ControlMaster=no"
    environ = {
        "ANSIBLE_SSH_ARGS": args,
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(fleet.folder / "cp"),
        "ANSIBLE_HOME": str(fleet.folder / "ansible"),
        "ANSIBLE_LOCALHOST_WARNING": "0",
    }
    ansible = str(fleet.folder / "ssh-peers" / "bin" / "ansible")
    return Command(
        [ansible, "all", "-i", str(fleet.inventory), "-m", "raw", "-a", "/bin/true", "-f", str(AT_ONCE)],
        environ=environ,
        folder=fleet.folder,
    )


class Warm(Struct, frozen=True, kw_only=True):
    """The median of all times but the first, in seconds."""

    second_s: float

    def as_cost(self) -> Cost:
        """Where only the time was measured."""
        return Cost(self.second_s, 0)


def _warm(fleet: Fleet, rounds: int, times: int) -> dict[str, Warm]:
    taken: dict[str, list[float]] = {"ours": [], "bare": []}
    for _ in range(rounds):
        for who, found in taken.items():
            argv = [sys.executable, "-m", "benchmarks.ssh_pool", who, str(fleet.json), str(times)]
            done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(f"{' '.join(argv)}: {done.stderr[-2000:]}")
            found += json.loads(done.stdout)["took_s"][1:]
    return {who: Warm(second_s=statistics.median(found)) for who, found in taken.items()}


def _against(what: str, ours: Cost, peer: Cost) -> Row:
    """Without a goal."""
    ratio = f"{ours.wall_s / peer.wall_s:.2f}"
    return Row(what, f"{ours.wall_s:.3f} s", f"{peer.wall_s:.3f} s", ratio)
