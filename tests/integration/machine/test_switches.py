"""Faults on a whole machine with systemd, one by one: proved, undone, refused."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.faulty_host import RUN, FaultyHost
from tests.integration.vm import Machine

from breakfix.engine.errors import PreconditionError
from breakfix.engine.events import FaultEnded
from breakfix.engine.journal import Journal

LONG_S = 600.0
SHORT_S = 10.0
PATIENCE_S = 180.0

Case = tuple[str, dict[str, Any]]
UNDONE: list[Case] = [
    ("clock.skew", {"offset": "2h", "direction": "behind"}),
    ("disk.inodes", {"path": "/data", "leave_count": 10, "reserve_count": 0}),
    ("process.kill", {"match": {"port": 8080}, "start": ["systemctl", "start", "shop"]}),
]
CONTROL = [("systemd.stop", "ssh"), ("systemd.kill", "sshd.service"), ("systemd.stop", "system.slice")]


def name_of(case: object) -> str | None:
    """The name of the action."""
    return case if isinstance(case, str) else None


@pytest.fixture
def host(machine: Machine, tmp_path: Path, unchanged: None) -> Iterator[FaultyHost]:
    """The machine as a host, which is as before in the end."""
    journal = Journal.create(tmp_path / "run", "engine")
    made = FaultyHost(machine.host, journal)
    yield made
    made.ssh.close()
    journal.close()
    assert machine.run("sh", "-c", f"ls -d /run/breakfix/{RUN}* /tmp/breakfix-*/{RUN}*").stdout == ""
    listed = machine.run("systemctl", "list-units", "--all", "--no-legend", f"breakfix-{RUN}*")
    assert listed.stdout == ""


@pytest.mark.parametrize(("action", "given"), UNDONE, ids=name_of)
def test_a_fault_is_made_proved_undone_and_gone(
    host: FaultyHost, action: str, given: dict[str, Any]
) -> None:
    """Before it no check of its effect holds, after it all do; in the end the machine is as before."""
    assert host.facts.systemd
    intent = host.intent(action, host.named(), LONG_S, **given)
    assert not all(host.holds(intent.plan.effect))
    done = host.inject(intent)
    assert done.active, done.error
    came: FaultEnded = host.end()
    assert came.ended_by == "engine"


def test_a_timer_of_systemd_alone_ends_what_is_not_of_root(host: FaultyHost) -> None:
    """Its undo is the login user's. Nobody else ends it; who looks later finds it over, and knows why."""
    intent = host.intent("host.cpu", host.named(), SHORT_S, workers=1)
    done = host.inject(intent)
    assert done.active, done.error
    end_s = time.monotonic() + PATIENCE_S
    while not all(host.holds(intent.plan.gone)) or host.is_armed(intent):
        assert time.monotonic() < end_s
        time.sleep(1.0)
    assert host.end().ended_by == "expiry"


def test_units_that_carry_our_connection_are_refused(host: FaultyHost) -> None:
    """By whatever name, and those that they need, too."""
    for action, unit in CONTROL:
        try:
            done = host.inject(host.intent(action, host.named(), LONG_S, unit=unit))
        except PreconditionError as error:
            assert "connection" in str(error)
        else:
            assert not done.active
            assert "our own connection" in done.error
