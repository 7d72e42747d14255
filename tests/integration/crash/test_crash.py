"""The crash matrix: for every fault of the catalogue the engine is killed at every kind of point of its
run; then its guardian alone, or `recover` alone where the guardian was killed too, must bring the target
back to what it was before.

Once after each type of event, and around the first op that changes something, in every other case, the one
or the other way in turns; with BREAKFIX_CRASH=whole (``make crash``) at every point of every case, both ways,
and at random moments.
"""

from collections.abc import Callable
from typing import Any

import pytest
from tests.integration.crash.campaign import (
    WHOLE,
    WORKERS,
    all_on,
    jobs,
    print_counts,
    require_clean,
)
from tests.integration.crash.cases import CASES, HOST_CASES, MACHINE_CASES, PROCESS, Case
from tests.integration.crash.matrix import Arena, Kill, points

from breakfix.engine.catalogue import declared
from breakfix.engine.ops import ExecOp, Identity
from breakfix.engine.survey import take

COUNTS: dict[str, list[Kill]] = {}


@pytest.fixture
def arenas(request: pytest.FixtureRequest) -> Callable[[Case], list[Arena]]:
    """An arena for each worker."""

    def make(case: Case) -> list[Arena]:
        if case.kind == "process":
            return [Arena(scenario=case.scenario(PROCESS), survey=dict) for _ in range(WORKERS)]
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

    return Arena(scenario=case.scenario(f"docker: {{name: {one.name}}}"), survey=survey)


@pytest.mark.parametrize("who", ["engine", "both"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_nothing_is_left(case: Case, who: str, arenas: Callable[[Case], list[Arena]]) -> None:
    """Whatever the engine was doing when it was killed."""
    free = arenas(case)
    wanted = chosen(points(free[0]), who, CASES.index(case))
    found = list(all_on(free, jobs(case.name, wanted, who)))
    COUNTS[f"{case.name}, {who}"] = found
    require_clean(found, len(wanted))


def chosen(passed: list[str], who: str, number: int) -> list[str]:
    """The points to kill at in the case of this number."""
    if WHOLE:
        return passed
    first = [point for point in passed if point.endswith("#1")]
    return first[(who == "both") + 2 * (number % 2) :: 4]


def test_every_fault_of_the_catalogue_has_a_case() -> None:
    """A new fault enters the matrix with the commit that adds it, for each kind of target that it serves."""
    cases = (*CASES, *HOST_CASES, *MACHINE_CASES)
    faults = {name: spec for name, spec in declared().items() if "inject" in spec.phases}
    assert faults
    for name, spec in faults.items():
        mine = [case for case in cases if f"inject: {name}," in case.steps]
        assert mine, f"{name} has no case"
        on_hosts = any(case.kind == "host" for case in mine)
        assert on_hosts == ("ssh" in spec.serves), f"{name} on hosts"
        assert any(case.kind != "host" for case in mine) == (set(spec.serves) != {"ssh"}), name


def test_the_counts(capsys: pytest.CaptureFixture[str]) -> None:
    """Of the kills."""
    print_counts(capsys, "crash matrix", COUNTS)
