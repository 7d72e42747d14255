"""The crash matrix on hosts: engine, guardian, or both of them are killed, and where nobody is left, the dead-man
switch on the host alone must end what is open there.

At some points of each fault, the one or the other in turns; with BREAKFIX_CRASH=whole (``make crash``) at
every point, all ways, and at random moments.
"""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Final

import pytest
from tests.integration.crash.campaign import WHOLE, WORKERS, kills, print_counts, require_clean
from tests.integration.crash.cases import HOST_CASES, Case
from tests.integration.crash.host_arena import login, on_a_host, told_by
from tests.integration.crash.matrix import Arena, Kill, points
from tests.integration.ssh_server import SshServer

from breakfix.engine.survey import take

COUNTS: dict[str, list[Kill]] = {}
LONGEST_RUN_S = 4.0
"""Random moments lie within this time: it takes a while to reach a host."""

POINTS: Final = {
    "intended": "fault_intended#1",
    "armed": "after_op#1",
    "being applied": "sent#2",
    "applied": "after_op#2",
    "in effect": "fault_active#1",
    "gate closed": "sent#3",
    "being undone": "sent#4",
    "undone": "undo_tried#1",
    "being disarmed": "sent#5",
}
"""The ops of a fault that change something are: arm, apply, close the gate, undo, disarm."""
SHORT: Final = {
    "engine": (("armed", "being undone"), ("applied", "undone"), ("being applied", "being disarmed")),
    "both": (("applied", "undone"), ("being applied", "gate closed"), ("armed", "being undone")),
    "alone": (("in effect",), ("being undone",), ("applied",), ("undone",), ("being applied",)),
}
"""At which points, in turns."""
Arenas = Callable[[Case], list[Arena]]


@pytest.fixture
def arenas(sshd: SshServer, request: pytest.FixtureRequest) -> Iterator[Arenas]:
    """An arena for each worker."""
    with ExitStack() as stack:

        def make(case: Case) -> list[Arena]:
            numbers = range(1, WORKERS + 1)
            if case.kind == "engine":
                return [_on_an_engine(request, sshd, stack, case, number) for number in numbers]
            return [stack.enter_context(on_a_host(sshd, case, number)) for number in numbers]

        yield make


def _on_an_engine(
    request: pytest.FixtureRequest, sshd: SshServer, stack: ExitStack, case: Case, number: int
) -> Arena:
    container: Any = request.getfixturevalue("container")
    engine: Any = request.getfixturevalue("docker_engine")
    subprocess.run(["usermod", "--append", "--groups", "docker", sshd.user], check=True)
    host, one = sshd.host(number), container()
    scenario = case.scenario(
        f"docker: {{engine: there, name: {one.name}}}",
        f"engines: {{there: {{ssh: {{host: {host.address}, {login(host)}}}}}}}\n",
    )

    def survey() -> dict[str, str]:
        return dict(take({"app": one}, engine.vehicles, "crash")["app"])

    return Arena(
        scenario=scenario, survey=survey, left_of=stack.enter_context(told_by(host))
    )


@pytest.mark.parametrize("who", ["engine", "both", "alone"])
@pytest.mark.parametrize("case", HOST_CASES, ids=lambda case: case.name)
def test_nothing_is_left_on_a_host(case: Case, who: str, arenas: Arenas) -> None:
    """Whatever the engine was doing when it was killed; and where a switch had to do it, that is said."""
    free = arenas(case)
    wanted = points(free[0]) if WHOLE else chosen(case, who)
    found = COUNTS[f"{case.name}, {who}"] = kills(case.name, free, wanted, who, LONGEST_RUN_S)
    require_clean(found, wanted)
    switched = [kill for kill in found if kill.who == "alone" and kill.happened]
    for kill in switched:
        if kill.point in ("fault_applied#1", "fault_active#1", "fault_ending#1"):
            assert kill.ended_by[-1:] == ("expiry",), kill


def chosen(case: Case, who: str) -> list[str]:
    """Some points: each one for some of the cases."""
    turns = SHORT[who]
    names = turns[HOST_CASES.index(case) % len(turns)]
    # What goes to an engine goes as HTTP.
    number = "after_op" if case.kind == "engine" else "sent"
    return [POINTS[name].replace("sent", number) for name in names]


def test_the_counts(capsys: pytest.CaptureFixture[str]) -> None:
    """Of the kills."""
    print_counts(capsys, "crash matrix on hosts", COUNTS)
