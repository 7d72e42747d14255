"""Faults on a whole machine with systemd, made and taken back by the command line, and judged by its records."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.integration.breakfix_process import Cli
from tests.integration.machine.broken import FAULTS, fault_of, is_broken
from tests.integration.vm import Machine

Passes = Callable[[str], dict[str, Any]]
Wait = Callable[[Callable[[], object], str], None]

REPAIRED = """
    observe: [answers]
    steps:
      - {id: kill, inject: systemd.kill, target: shop, with: {unit: shop}}
      - {id: noticed, detect: answers, depends_on: [kill], within: 60s}
      - {id: start, remediate: systemd.start, target: shop, with: {unit: shop}, depends_on: [noticed]}
      - {id: whole, verify: answers, depends_on: [start], consecutive: 2, within: 60s}
    expect:
      - {fault: kill, healed_by: repair}
"""
REBOOT = """
    observe: [answers]
    steps:
      - {id: reboot, inject: host.reboot, target: shop}
      - {id: back, verify: active, depends_on: [reboot], within: 2m}
      - {id: open, verify: answers, depends_on: [back], within: 1m}
"""
LOOKED_AT = """
      - {id: noticed, detect: room, depends_on: [fill], within: 2m}
      - {id: closed, detect: answers, depends_on: [stop], within: 2m}
      - {id: look, verify: file.exists, with: {path: LOOKED}, within: 3m, depends_on: [noticed, closed, skew]}
      - {id: open, verify: answers, depends_on: [{step: stop, is: undone}], within: 2m}
      - {id: room_again, verify: room, depends_on: [{step: fill, is: undone}], within: 2m}
"""


def test_a_killed_unit_is_repaired(passes: Passes) -> None:
    """A probe notices that the service is gone, systemd starts it again, and the record says who healed it."""
    record = passes(REPAIRED)
    fault = fault_of(record, "kill")
    assert fault["ended_by"] == "repair"
    (repair,) = record["repairs"]
    assert repair["ok"]
    assert record["outages"]


def test_faults_are_what_they_say_and_are_taken_back(
    cli: Cli, scenario: Callable[[str], Path], machine: Machine, wait_for: Wait
) -> None:
    """A stopped unit, a full disk and a wrong clock are there on the machine itself, and the engine ends them."""
    looked = cli.folder / "looked"
    steps = FAULTS.format(hold="{until: look, at_most: 4m}") + LOOKED_AT.replace("LOOKED", str(looked))
    run = cli.start("run", "--yes", scenario(steps))
    try:
        cli.wait_for_active(run, 3)
        assert is_broken(machine)
        looked.touch()
        out, err = run.communicate(timeout=cli.bound_s)
    finally:
        run.kill()
    assert run.returncode == 0, out + err
    record = cli.record()
    assert {fault["ended_by"] for fault in record["faults"]} == {"engine"}
    assert record["survey"]["changes"] == []


def test_a_reboot(passes: Passes, machine: Machine) -> None:
    """It goes down and comes back as another boot, with its services, and the run goes on with it."""
    before = machine.boot_id()
    record = passes(REBOOT)
    assert fault_of(record, "reboot")["ended_by"] == "restart"
    assert machine.boot_id() != before
    (rebound,) = record["rebound"]
    assert before in str(rebound)
