"""The crash matrix on a whole machine: an engine is killed at work on its units, its clock, its life.

A few kills, each one of another kind; with BREAKFIX_CRASH=whole (``make crash``) more of them.
"""

import time
from collections.abc import Iterator

import pytest
from tests.integration.crash.campaign import WHOLE, print_counts, require_clean
from tests.integration.crash.cases import MACHINE_CASES, Case
from tests.integration.crash.host_arena import login, told_by
from tests.integration.crash.matrix import Arena, Kill, kill_at
from tests.integration.vm import Machine

COUNTS: dict[str, list[Kill]] = {}
SETTLE_S = 120.0
APPLYING = "sent#2"
"""The apply op of a fault with a switch is the second that changes something."""

SHORT = {
    "systemd.stop": [("engine", "after_op#2")],
    "clock.skew": [("alone", "fault_active#1")],
}
MORE = {
    "systemd.stop": [("both", "sent#4"), ("alone", "after_op#2"), ("both", "after_op#1")],
    "systemd.kill": [("both", APPLYING), ("engine", "sent#4"), ("alone", "fault_active#1")],
    "clock.skew": [("engine", APPLYING), ("both", "after_op#2"), ("alone", "sent#4")],
    "host.reboot": [("engine", APPLYING), ("both", "after_op#1"), ("alone", "fault_active#1")],
}


@pytest.fixture
def arena(machine: Machine, whole: set[str], request: pytest.FixtureRequest) -> Iterator[Arena]:
    """A scenario on the machine, which is surveyed by a test that knows nothing of the engine."""
    case: Case = request.param
    host = machine.host
    scenario = case.scenario(f"ssh: {{hosts: [{host.address}], {login(host)}}}")

    def seen() -> set[str]:
        return machine.survey() if machine.alive() else set()

    def survey() -> dict[str, str]:
        end_s = time.monotonic() + SETTLE_S
        # A session or a helper of systemd may be about to end, or the machine be about to start.
        while (now := seen()) != whole and time.monotonic() < end_s:
            time.sleep(1)
        return dict.fromkeys(now, "there")

    with told_by(host) as left_of:
        yield Arena(scenario=scenario, survey=survey, left_of=left_of)


CASES = [case for case in MACHINE_CASES if WHOLE or case.name in SHORT]


@pytest.mark.parametrize("arena", CASES, ids=lambda case: case.name, indirect=True)
def test_nothing_is_left_on_a_machine(arena: Arena, request: pytest.FixtureRequest) -> None:
    """Whoever was killed, and whatever had to end it."""
    name = request.node.callspec.id
    todo = SHORT.get(name, []) + (MORE[name] if WHOLE else [])
    found = COUNTS[name] = [kill_at(arena, point, who) for who, point in todo]
    require_clean(found, len(todo))
    for kill in found:
        if kill.who == "alone" and kill.point == "fault_active#1" and name != "host.reboot":
            assert kill.ended_by == ("expiry",), kill


def test_the_counts(capsys: pytest.CaptureFixture[str]) -> None:
    """Of the kills."""
    print_counts(capsys, "crash matrix on a machine", COUNTS)
