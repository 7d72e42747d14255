"""A real machine for tests that would hurt this one: Debian with systemd in QEMU, interpreted in software,
from the kernel and disks that tools/test_machine.sh keeps in a cache. What it writes is gone when it ends.

It has two networks. `Machine.host` leads in by the one that `cut` takes away; `Machine.run` goes by the other,
so that a test sees what happens on a host that nobody else can reach.
"""

import base64
import contextlib
import hashlib
import json
import re
import shlex
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from breakfix.engine.endpoints import Host

TOOL: Final = Path(__file__).parents[2] / "tools" / "test_machine.sh"
QEMU: Final = "qemu-system-x86_64"
MEMORY_MIB: Final = 1024
BOOT_S: Final = 240.0
"""How long a boot may take where many others use the processors; it takes 15 s on two idle ones."""
COMMAND_S: Final = 60.0
USER: Final = "ops"
SHOP_PORT: Final = 8080
RIGHT_WITHIN_S: Final = 5.0
"""How far the machine's clock may be from this machine's, and count as right."""
SURVEY: Final = r"""
echo "time $(date +%s.%N)"
systemctl list-units --plain --no-legend --all --type=service,timer,mount,socket |
    awk '$3 != "inactive" && $1 !~ /^(user|run-user|systemd-(timedated|hostnamed))/ {print "unit", $1, $3}'
findmnt -rno TARGET,FSTYPE,OPTIONS | awk '$1 !~ /^.run.user/ {print "mount", $0}'
ss -Hltn | awk '{print "listens", $4}'
ps -eo ppid=,pid=,comm= | awk '$1 != 2 && $2 > 2 {print "process", $3}' |
    grep -vE ' (sshd|systemd|\(sd-pam\)|sudo|sh|bash|ps|awk|grep|systemd-timedat|systemd-hostnam|sort|\(udev-worker\))$'
find /etc /srv /home /root /data /tmp /var/tmp /run/breakfix* -xdev -printf 'file %p %y %m %u %l\n' 2>/dev/null
find /etc -xdev -type f ! -name breakfix_keys -printf 'size %s %T@ %p\n'
find /srv /home /root /data /tmp /var/tmp -xdev -type f -exec sha256sum '{}' +
df --output=target,used,iused /data | awk 'END {print "used", $0}'
iptables-save | grep -v '^#'
for device in eth0 eth1; do tc qdisc show dev $device; ip -br address show $device; done
ip route
grep -lsz '^BREAKFIX_MARK=' /proc/[0-9]*/environ | sed 's/^/marked /'
"""
"""Prints what a fault or a repair can change; a line each."""


class Machine(Struct, frozen=True, kw_only=True):
    """A running one. On it `shop.service` answers on `shop_url`, and /data is a disk of 256 MiB."""

    pid: int
    host: Host
    """It as a host: the user may run everything as root by ``sudo -n``."""
    shop_url: str
    folder: Path
    back_port: int

    def cut(self) -> None:
        """Take the network of `host` and of the shop away, until `join`."""
        self._monitor("set_link", name="front", up=False)

    def join(self) -> None:
        """Give it back."""
        self._monitor("set_link", name="front", up=True)

    def run(self, *argv: str, root: bool = True) -> "subprocess.CompletedProcess[str]":
        """A command on it, by the network that is never cut."""
        return self._ssh(shlex.join((*(("sudo", "-n") if root else ()), *argv)))

    def read(self, *argv: str) -> str:
        """What a command prints, without white space around it; it must succeed."""
        done = self.run(*argv)
        assert done.returncode == 0, f"{' '.join(argv)}: {done.stderr or done.stdout}"
        return done.stdout.strip()

    def alive(self) -> bool:
        """Whether it runs, and answers by the network that is never cut."""
        return self.run("true", root=False).returncode == 0

    def reachable(self, within_s: float = 5.0) -> bool:
        """Whether SSH answers by the network that can be cut."""
        try:
            with socket.create_connection((self.host.address, self.host.port), within_s) as made:
                made.settimeout(within_s)
                return made.recv(4) == b"SSH-"
        except OSError:
            return False

    def pace_s(self) -> float:
        """How long a command takes on it right now."""
        begun_s = time.monotonic()
        self.read("true")
        return time.monotonic() - begun_s

    def boot_id(self) -> str:
        """Of the present boot."""
        return self.read("cat", "/proc/sys/kernel/random/boot_id")

    def survey(self) -> set[str]:
        """What the machine is like, as a test sees it that knows nothing of the engine: lines to compare."""
        before_s = time.time()
        time_of_it, *lines = self.read("sh", "-c", SURVEY).splitlines()
        clock_s = float(time_of_it.split()[-1])
        right = before_s - RIGHT_WITHIN_S < clock_s < time.time() + RIGHT_WITHIN_S
        found = {re.sub("(systemd-private-|pipe_ino=)[^/ ]*", r"\1", line) for line in lines}
        return found | {f"clock {'right' if right else 'wrong'}"}

    def _ssh(self, line: str) -> "subprocess.CompletedProcess[str]":
        options = {
            "UserKnownHostsFile": self.folder / "known_hosts",
            "HostKeyAlias": "machine",
            "StrictHostKeyChecking": "yes",
            "BatchMode": "yes",
            "ConnectTimeout": "10",
            "ServerAliveInterval": "5",
            "ControlMaster": "auto",
            "ControlPath": self.folder / "control",
            "ControlPersist": "yes",
        }
        words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        try:
            return subprocess.run(
                ["ssh", "-F", "none", "-q", "-i", self.host.key, "-p", str(self.back_port), *words,
                 f"{USER}@127.0.0.1", line],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=COMMAND_S,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            return subprocess.CompletedProcess(line, 255, "", f"no answer: {error}")

    def _monitor(self, command: str, **arguments: Any) -> None:
        """A command of QEMU's monitor (QMP), which must succeed."""
        with socket.socket(socket.AF_UNIX) as made:
            made.settimeout(COMMAND_S)
            made.connect(str(self.folder / "monitor"))
            with made.makefile("rw") as lines:
                lines.readline()
                for asked in (
                    {"execute": "qmp_capabilities"},
                    {"execute": command, "arguments": arguments},
                ):
                    lines.write(json.dumps(asked) + "\n")
                    lines.flush()
                    while "event" in (answer := json.loads(lines.readline())):
                        pass
                    assert "return" in answer, answer


@contextlib.contextmanager
def machine(folder: Path) -> Iterator[Machine]:
    """Boot one, with what it needs in a folder of a short path (for its sockets), and end it."""
    image = _image()
    key = folder / "id"
    _done("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(key))
    host_key = (image / "host_key.pub").read_text().split()
    (folder / "known_hosts").write_text(f"machine {host_key[0]} {host_key[1]}\n")
    front, back, shop = _free_ports(3)
    argv = _command(image, folder, front, back, shop)
    with (folder / "qemu.log").open("wb") as log:
        qemu = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    digest = hashlib.sha256(base64.b64decode(host_key[1])).digest()
    made = Machine(
        pid=qemu.pid,
        host=Host(
            name="machine",
            address="127.0.0.1",
            port=front,
            user=USER,
            key=str(key),
            host_key="SHA256:" + base64.b64encode(digest).decode().rstrip("="),
        ),
        shop_url=f"http://127.0.0.1:{shop}",
        folder=folder,
        back_port=back,
    )
    try:
        _wait_for_boot(made, qemu)
        yield made
    finally:
        if (folder / "control").exists():
            subprocess.run(["ssh", "-q", "-o", f"ControlPath={folder}/control", "-O", "exit", "machine"],
                           capture_output=True, check=False)  # fmt: skip
        qemu.kill()
        qemu.wait()


def _image() -> Path:
    found = subprocess.run([TOOL, "where"], capture_output=True, text=True, check=False)
    if found.returncode != 0:
        raise AssertionError(found.stderr.strip())
    return Path(found.stdout.strip())


def _command(image: Path, folder: Path, front: int, back: int, shop: int) -> list[str]:
    """QEMU's command line. Whatever becomes of the tests, it ends with them."""
    key = (folder / "id.pub").read_text().split()[1]
    forward = "hostfwd=tcp:127.0.0.1"
    words = [
        "setpriv --pdeathsig KILL",
        QEMU,
        # The newest paging and virtualization cost time where all is interpreted.
        "-accel tcg -cpu max,la57=off,svm=off -smp 1",
        f"-m {MEMORY_MIB} -nodefaults -no-user-config -display none",
        f"-serial file:{folder}/console -qmp unix:{folder}/monitor,server=on,wait=off",
        f"-drive file={image}/root.img,format=raw,if=virtio,cache=unsafe",
        f"-drive file={image}/data.img,format=raw,if=virtio,cache=unsafe -snapshot",
        f"-netdev user,id=front,{forward}:{front}-:22,{forward}:{shop}-:{SHOP_PORT}",
        f"-netdev user,id=back,net=10.0.3.0/24,{forward}:{back}-10.0.3.15:22",
        "-device virtio-net-pci,netdev=front,romfile= -device virtio-net-pci,netdev=back,romfile=",
        "-device virtio-rng-pci",
        f"-kernel {image}/vmlinuz -initrd {image}/initramfs",
    ]
    argv = [word for part in words for word in part.split()]
    line = f"root=/dev/vda console=ttyS0 quiet net.ifnames=0 mitigations=off breakfix.key={key}"
    return [*argv, "-append", line]


def _wait_for_boot(made: Machine, qemu: "subprocess.Popen[bytes]") -> None:
    end_s = time.monotonic() + BOOT_S
    # systemd itself may not be there yet when the first one asks.
    while not (made.reachable(1.0) and made.run("systemctl", "is-system-running", "--wait").stdout):
        if qemu.poll() is not None or time.monotonic() > end_s:
            said = "".join(
                f"\n{path.name}:\n{path.read_text(errors='replace')[-2000:]}"
                for path in (made.folder / "qemu.log", made.folder / "console")
                if path.exists()
            )
            raise AssertionError(f"the virtual machine does not come up{said}")
        time.sleep(0.5)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        made = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(one.getsockname()[1]) for one in made]


def _done(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stderr}"
