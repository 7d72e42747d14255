"""How busy a host is: read by a shell, and told from two looks."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from breakfix.engine.targets.host_status import STATUS_OP, reading_of, status_of


def said(**changed: Any) -> str:
    """What a host prints."""
    return json.dumps(
        {
            "cpu": "cpu  100 0 50 800 50 0 0 0 0 0",
            "load": "0.50 0.25 0.10 1/100 4242",
            "up": "3600.5",
            "online": "0-3",
            "memory": ["MemTotal:  1000 kB", "MemAvailable:  250 kB"],
            "disks": [
                "Filesystem 1024-blocks Used Available Capacity Mounted on",
                "overlay 1000 100 900 10% /",
                "tmpfs 10 10 0 100% /run",
                "/dev/loop3 10 10 0 100% /snap/core/1",
                "/dev/vdb 2000 1200 400 75% /var/lib/my data",
            ],
            **changed,
        }
    )


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox"])
def test_a_real_shell_reads_this_machine(shell: str) -> None:
    """The script needs nothing but a POSIX shell, df, and /proc."""
    if shutil.which(shell) is None:
        assert shell == "busybox", f"apt-get install {shell}"
        pytest.skip("busybox is not here")
    argv = list(STATUS_OP.argv)
    argv[0:1] = ["busybox", "sh"] if shell == "busybox" else [shell]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60)
    found = reading_of(done.stdout)
    assert found.memory_bytes > found.memory_available_bytes > 0
    assert found.cpus >= 1
    assert 0 < found.busy_ticks < found.all_ticks
    assert "/" in {disk.mount for disk in found.disks}
    assert found.up_s > 0
    assert found.load[2] == pytest.approx(
        float(Path("/proc/loadavg").read_text().split()[2]), abs=2
    )


def test_the_share_of_busy_processors_is_between_two_looks() -> None:
    """Waiting for a disk is not being busy; what the counters had before does not count."""
    before = reading_of(said())
    now = reading_of(said(cpu="cpu  160 0 90 860 90 0 0 0 0 0"))
    assert status_of("a", before, now).cpu_busy == pytest.approx(0.5)
    assert status_of("a", None, now).cpu_busy is None
    # Started anew in between.
    assert status_of("a", now, before).cpu_busy is None


def test_memory_load_and_the_fullest_disk() -> None:
    """Of what ordinary users can have; file systems of packages and in memory are left out."""
    found = status_of("a", None, reading_of(said()))
    assert found.memory_used == pytest.approx(0.75)
    assert found.load == (0.5, 0.25, 0.1)
    assert found.cpus == 4
    assert found.disk is not None
    assert (found.disk.mount, found.disk.used) == ("/var/lib/my data", 0.75)
    assert found.worst == 0.75


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Welcome!\n" + said(),
        said(cpu=""),
        said(load="x y z"),
        said(memory=["MemTotal: x kB"]),
        "[]",
    ],
)
def test_what_is_no_answer_is_an_error(text: str) -> None:
    """A login shell that prints something of its own, or no Linux host: never a number made up."""
    with pytest.raises(ValueError, match=r"."):
        reading_of(text)


def test_a_status_can_be_written_as_json() -> None:
    """As `--format json` does."""
    document = msgspec.to_builtins(status_of("a", None, reading_of(said())))
    assert json.loads(json.dumps(document))["disk"]["mount"] == "/var/lib/my data"
