"""The crash matrix: for every fault of the catalogue the engine is killed at every kind of point of its
run; then its guardian alone, or `recover` alone where the guardian was killed too, must bring the target
back to what it was before.

Once after each type of event, and around the first op that changes something, the one or the other way in
turns; with BREAKFIX_CRASH=whole (``make crash``) at every point, both ways, and at random moments.
"""

import os
import random
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from tests.integration.crash.cases import CASES, Case
from tests.integration.crash.matrix import Arena, Kill, kill_after, kill_at, points

from breakfix.engine.catalogue import declared
from breakfix.engine.ops import ExecOp, Identity
from breakfix.engine.survey import take

WHOLE = os.environ.get("BREAKFIX_CRASH") == "whole"
WORKERS = 3
RANDOM_KILLS = 20
SEED = 20261126
"""Of the random moments; printed with their counts."""
LONGEST_RUN_S = 1.5
"""Random moments lie within this time."""
COUNTS: dict[str, list[Kill]] = {}


@pytest.fixture
def arenas(request: pytest.FixtureRequest) -> Callable[[Case], list[Arena]]:
    """An arena for each worker."""

    def make(case: Case) -> list[Arena]:
        if not case.container:
            return [Arena(scenario=case.scenario(""), survey=dict) for _ in range(WORKERS)]
        return [_on_a_container(request, case) for _ in range(WORKERS)]

    return make


def _on_a_container(request: pytest.FixtureRequest, case: Case) -> Arena:
    container: Any = request.getfixturevalue("container")
    engine: Any = request.getfixturevalue("docker_engine")
    net = request.getfixturevalue("network")()
    endpoints = {"EndpointsConfig": {net: {"Aliases": ["shop"]}}}
    one: Identity = container(HostConfig={"NetworkMode": net}, NetworkingConfig=endpoints)

    def survey() -> dict[str, str]:
        fields = dict(take({"app": one}, engine.vehicles, "crash")["app"])
        look = ExecOp(via="container", argv=("test", "-e", "/tmp/broken"), target=one, changes="no")
        fields["broken"] = str(engine.vehicles.run(look).code)
        return fields

    return Arena(scenario=case.scenario(one.name), survey=survey)


@pytest.mark.parametrize("who", ["engine", "both"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_nothing_is_left(case: Case, who: str, arenas: Callable[[Case], list[Arena]]) -> None:
    """Whatever the engine was doing when it was killed."""
    free = arenas(case)
    wanted = chosen(points(free[0]), who)
    kills = list(_all(free, [partial(kill_at, point=point, who=who) for point in wanted]))
    if WHOLE:
        moments = random.Random(f"{SEED} {case.name} {who}")
        delays_s = [moments.uniform(0.0, LONGEST_RUN_S) for _ in range(RANDOM_KILLS)]
        kills += _all(free, [partial(kill_after, delay_s=delay_s, who=who) for delay_s in delays_s])
    COUNTS[f"{case.name}, {who}"] = kills
    assert sum(kill.happened for kill in kills) >= len(wanted) * 0.8
    left = [f"{kill.point}: {'; '.join(kill.residue)}" for kill in kills if kill.residue]
    assert not left, "\n".join(left)


def chosen(passed: list[str], who: str) -> list[str]:
    """The points to kill at."""
    if WHOLE:
        return passed
    return [point for point in passed if point.endswith("#1")][who == "both" :: 2]


def _all(free: list[Arena], jobs: Iterable[Callable[[Arena], Kill]]) -> Iterator[Kill]:
    """Each job on an arena that no other one uses meanwhile."""

    def do(job: Callable[[Arena], Kill]) -> Kill:
        arena = free.pop()
        try:
            return job(arena)
        finally:
            free.append(arena)

    with ThreadPoolExecutor(len(free)) as pool:
        yield from pool.map(do, jobs)


def test_every_fault_of_the_catalogue_has_a_case() -> None:
    """A new fault enters the matrix with the commit that adds it."""
    lines = "\n".join(case.steps for case in CASES)
    faults = [name for name, spec in declared().items() if "inject" in spec.phases]
    assert faults
    assert [name for name in faults if f"inject: {name}," not in lines] == []


def test_the_counts(capsys: pytest.CaptureFixture[str]) -> None:
    """Printed, in whatever way the tests are run."""
    kills = [kill for each in COUNTS.values() for kill in each]
    if not kills:
        pytest.skip("none of the matrix was run")
    happened = sum(kill.happened for kill in kills)
    residue = sum(bool(kill.residue) for kill in kills)
    with capsys.disabled():
        print(f"\ncrash matrix: {happened} kills, {residue} residues (random seed {SEED})")  # noqa: T201
        if WHOLE:
            for name, each in sorted(COUNTS.items()):
                done = sum(kill.happened for kill in each)
                print(f"  {name}: {done} kills, {sum(bool(k.residue) for k in each)} residues")  # noqa: T201
    assert residue == 0
