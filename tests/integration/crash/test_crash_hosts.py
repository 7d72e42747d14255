"""The crash matrix on hosts: engine, guardian, or both of them are killed, and where nobody is left, the dead-man
switch on the host alone must end what is open there; so it must where the host is cut off from its engine.

At some points of each fault, the one or the other in turns; with BREAKFIX_CRASH=whole (``make crash``) at
every point, all ways, and at random moments.
"""

import itertools
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Any, Final

import pytest
from msgspec import structs
from tests.integration.crash.campaign import WHOLE, Job, jobs, print_counts, require_clean
from tests.integration.crash.cases import HOST_CASES, Case
from tests.integration.crash.cut import Cut, cut_at
from tests.integration.crash.host_arena import login, on_a_host, told_by
from tests.integration.crash.matrix import Arena, Kill, points
from tests.integration.ssh_server import SshServer

from breakfix.engine.survey import take

COUNTS: dict[str, list[Kill]] = {}
AT_ONCE = 14
"""Kills at a time: for most of it, one waits."""
LONGEST_RUN_S = 4.0
"""Random moments lie within this time: it takes a while to reach a host."""

POINTS: Final = {
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
    "engine": ("armed", "being undone", "applied", "undone", "being applied", "being disarmed"),
    "both": ("applied", "being undone", "armed", "undone", "gate closed"),
    "alone": ("in effect", "being undone", "applied", "undone", "being applied"),
}
"""At which point who is killed: one for each fault, in turns."""

CUTS: Final = (
    ("host.script", Cut(point="fault_active#1", who="nobody", join="soon")),
    ("disk.fill", Cut(point="sent#2", who="both")),
    ("process.kill on a host", Cut(point="undo_tried#1", who="engine", join="soon")),
)
WAYS: Final = (
    Cut(point="", who="nobody", join="soon"),
    Cut(point="", who="engine", join="soon"),
    Cut(point="", who="engine", join="late"),
    Cut(point="", who="both", join="late"),
)
CUT_AT: Final = (
    "before_op#1", "sent#1", "before_op#2", "sent#2", "after_op#2", "fault_active#1", "sent#3", "sent#4",
    "undo_tried#1", "sent#5",
)  # fmt: skip


class Hosts:
    """Arenas on hosts, each of an address of its own."""

    def __init__(self, request: pytest.FixtureRequest, sshd: SshServer) -> None:
        self._request = request
        self._sshd = sshd
        self._numbers = itertools.count(1)
        self._containers: list[Any] = []

    def prepare(self, count: int) -> None:
        """So many containers, for faults of an engine on a host."""
        container: Any = self._request.getfixturevalue("container")
        self._engine: Any = self._request.getfixturevalue("docker_engine")
        user = self._sshd.user
        subprocess.run(["usermod", "--append", "--groups", "docker", user], check=True)
        self._containers = [container() for _ in range(count)]

    def do(self, case: Case, job: Job) -> Kill:
        """One kill, on an arena of its own."""
        with ExitStack() as stack:
            number = next(self._numbers)
            if case.kind == "engine":
                return job(self._on_an_engine(stack, case, number))
            return job(stack.enter_context(on_a_host(self._sshd, case, number)))

    def cut(self, case: Case, cut: Cut) -> Kill:
        """One cut."""
        return cut_at(self._sshd, case, next(self._numbers), cut)

    def points(self, case: Case) -> list[str]:
        """All points of a run of it."""
        found: list[str] = []

        def all_of_it(arena: Arena) -> Kill:
            found.extend(points(arena))
            return Kill(point="", who="", happened=False, residue=())

        self.do(case, all_of_it)
        return found

    def _on_an_engine(self, stack: ExitStack, case: Case, number: int) -> Arena:
        host, one = self._sshd.host(number), self._containers.pop()
        stack.callback(self._containers.append, one)
        scenario = case.scenario(
            f"docker: {{engine: there, name: {one.name}}}",
            f"engines: {{there: {{ssh: {{host: {host.address}, {login(host)}}}}}}}\n",
        )

        def survey() -> dict[str, str]:
            return dict(take({"app": one}, self._engine.vehicles, "crash")["app"])

        left_of = stack.enter_context(told_by(host))
        return Arena(scenario=scenario, survey=survey, left_of=left_of)


@pytest.mark.parametrize(
    "cases",
    [[case] for case in HOST_CASES] if WHOLE else [HOST_CASES],
    ids=lambda cases: cases[0].name if len(cases) == 1 else "all",
)
def test_nothing_is_left_on_hosts(
    cases: list[Case], sshd: SshServer, request: pytest.FixtureRequest
) -> None:
    """Whatever the engine was doing when it was killed, or the host was cut off; and where the switch had to do
    it, that is said."""
    hosts = Hosts(request, sshd)
    if any(case.kind == "engine" for case in cases):
        hosts.prepare(AT_ONCE if WHOLE else len(SHORT))
    # What takes longest begins first.
    todo = [kill for case in cases for kill in cuts(hosts, case)]
    todo += [kill for who in reversed(SHORT) for case in cases for kill in kills(hosts, case, who)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(lambda each: each[1](), todo))
    for (name, _), kill in zip(todo, found, strict=True):
        COUNTS.setdefault(name, []).append(kill)
    require_clean(found, sum(not kill.point.startswith("after ") for kill in found))
    for kill in found:
        if kill.who == "alone" and kill.happened and kill.point == POINTS["in effect"]:
            assert kill.ended_by == ("expiry",), kill
        if kill.who == "cut" and kill.happened and "fault_active" in kill.point:
            assert kill.ended_by[-1:] == ("expiry",), kill


def cuts(hosts: Hosts, case: Case) -> Iterator[tuple[str, Callable[[], Kill]]]:
    """Where a host is cut off."""
    chosen = [cut for name, cut in CUTS if name == case.name]
    if WHOLE and case.kind == "host":
        chosen = [structs.replace(way, point=point) for point in CUT_AT for way in WAYS]
    for cut in chosen:
        yield f"{case.name}, cut", partial(hosts.cut, case, cut)


def kills(hosts: Hosts, case: Case, who: str) -> Iterator[tuple[str, Callable[[], Kill]]]:
    """Where somebody is killed: in the short form at some points, each one for some of the cases."""
    if WHOLE:
        wanted = hosts.points(case)
    else:
        turns = SHORT[who]
        # What goes to an engine goes as HTTP.
        sent = "after_op" if case.kind == "engine" else "sent"
        point = POINTS[turns[HOST_CASES.index(case) % len(turns)]]
        wanted = [point.replace("sent", sent)]
    for job in jobs(case.name, wanted, who, LONGEST_RUN_S):
        yield f"{case.name}, {who}", partial(hosts.do, case, job)


def test_the_counts(capsys: pytest.CaptureFixture[str]) -> None:
    """Of the kills."""
    print_counts(capsys, "crash matrix on hosts", COUNTS)
