"""Faults on a whole machine, with systemd, as the command line makes them; judged by the records of the runs."""

from collections.abc import Callable
from typing import Any

from tests.integration.breakfix_process import Cli
from tests.integration.vm import Machine

Passes = Callable[[str], dict[str, Any]]


def fault_of(record: dict[str, Any], step: str) -> dict[str, Any]:
    """The one fault of a step."""
    (found,) = (one for one in record["faults"] if one["step"] == step)
    return dict(found)


def test_a_full_disk(passes: Passes) -> None:
    """The file system is filled up to what was asked, a probe notices, and afterwards all of its room is there."""
    record = passes("""
        steps:
          - {id: fill, inject: disk.fill, target: shop, with: {path: /data, share: 90%, reserve: 10MiB}}
          - {id: noticed, detect: room, depends_on: [fill], within: 60s}
          - {id: again, verify: room, depends_on: [{step: fill, is: undone}], within: 60s}
    """)
    print(record)


def test_a_reboot(passes: Passes, machine: Machine) -> None:
    """It goes down and comes back with another boot id, and its services with it."""
    before = machine.boot_id()
    record = passes("""
        steps:
          - {id: reboot, inject: host.reboot, target: shop}
          - {id: back, verify: active, depends_on: [reboot], within: 120s}
    """)
    assert machine.boot_id() != before
    print(record)
