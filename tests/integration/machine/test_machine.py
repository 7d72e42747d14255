"""The virtual machine that the tests use is what they take it for."""

import urllib.request
from collections.abc import Callable

from tests.integration.vm import Machine

Wait = Callable[[Callable[[], object], str], None]


def test_it_is_a_machine_with_systemd(machine: Machine) -> None:
    """PID 1 is systemd, the whole of it runs, the user becomes root, and /data is a disk of its own."""
    assert machine.read("cat", "/proc/1/comm") == "systemd"
    assert machine.run("id", "-u").stdout == "0\n"
    assert machine.run("id", "-un", root=False).stdout == "ops\n"
    assert machine.read("findmnt", "-no", "SOURCE,FSTYPE", "/data").split() == ["/dev/vdb", "ext4"]
    assert (
        machine.read("sh", "-c", "systemctl is-system-running --wait || systemctl --failed")
        == "running"
    )


def test_its_shop_is_seen_from_here(machine: Machine) -> None:
    """The service answers on this machine's side."""
    with urllib.request.urlopen(machine.shop_url, timeout=30) as answer:
        assert answer.read() == b"open\n"


def test_its_network_is_cut_and_joined(machine: Machine, wait_for: Wait) -> None:
    """Nothing comes through while it is cut, but what the test itself runs; then all is as before."""
    assert machine.reachable()
    machine.cut()
    try:
        assert not machine.reachable()
        assert machine.alive()
    finally:
        machine.join()
    wait_for(machine.reachable, "SSH answers again")
