"""What a host is like: read by the script as it is, with real shells, and held against another time."""

import os
import secrets
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.local_host import LocalHost, local_facts

from breakfix.engine.host_survey import fields_of, take
from breakfix.engine.ops import Outcome
from breakfix.engine.timeline.certificate import survey_facts
from breakfix.engine.timeline.facts import FaultFacts, ReboundFacts, RepairFacts

SHELLS = [("dash",), ("bash", "--posix"), ("busybox", "sh")]
SAID: dict[str, Any] = {
    "boot": "b1",
    "wall": "1000.5",
    "folders": [],
    "processes": [],
    "shown": ["Id=chrony.service", "ActiveState=active", "LoadState=loaded"],
    "own": [],
    "failed": ["x.service"],
}


def fields(now_wall_s: float = 1000.0, **said: Any) -> dict[str, str]:
    """The fields of an answer."""
    return fields_of(Outcome(ok=True, code=0, data={**SAID, **said}), (now_wall_s, now_wall_s))


def test_the_fields() -> None:
    """Its life, its clock against ours, who keeps that right, and each thing that is left by itself."""
    assert fields() == {
        "there": "yes",
        "boot": "b1",
        "clock": "+0 s from ours",
        "time sync": "chrony.service",
        "failed unit x.service": "failed",
    }
    left = fields(
        -2600.4,
        folders=["/run/breakfix/r.s.1"],
        processes=["12 sleep"],
        own=["breakfix-r.timer"],
        shown=[],
        failed=[],
    )
    assert left == {
        "there": "yes",
        "boot": "b1",
        "clock": "+3601 s from ours",
        "time sync": "none",
        "folder /run/breakfix/r.s.1": "there",
        "process 12 sleep": "runs",
        "unit breakfix-r.timer": "loaded",
    }


@pytest.mark.parametrize(
    ("outcome", "why"),
    [
        (Outcome(ok=False, error="it does not answer"), "it does not answer"),
        (Outcome(ok=False, code=127, stderr="sh: not found\n"), "sh: not found"),
        (Outcome(ok=False, code=1), "the command ended with 1"),
        (Outcome(ok=True, code=0, text="Welcome!"), "Expected `object`"),
        (Outcome(ok=True, code=0, data={**SAID, "wall": ""}), "could not convert"),
    ],
)
def test_a_host_that_cannot_be_asked_is_unknown(outcome: Outcome, why: str) -> None:
    """With the reason."""
    assert why in fields_of(outcome, (0.0, 0.0))["unknown"]


@pytest.fixture
def run_id() -> Iterator[str]:
    """The name of a run that has left a folder and a process here."""
    name = f"20261126-000000-x-{secrets.token_hex(4)}"
    folder = Path(f"/tmp/breakfix-{os.getuid()}/{name}.step.0")
    folder.mkdir(parents=True)
    process = subprocess.Popen(["sleep", "60"], env={**os.environ, "BREAKFIX_MARK": f"{name}.aa.1"})
    # What was started by sudo is said how, and carries the mark no more.
    words = {"SUDO_COMMAND": f"/usr/bin/env BREAKFIX_MARK={name}.dd.1 sh -c x"}
    others = {**os.environ, "BREAKFIX_MARK": "another.aa.1", **words}
    other = subprocess.Popen(["sleep", "60"], env=others)
    script = f"export BREAKFIX_MARK={name}.cc.$$; exec sh -c 'sleep 60; :'"
    at_work = subprocess.Popen(["sh", "-c", script], start_new_session=True)
    yield name
    os.killpg(at_work.pid, signal.SIGKILL)
    for one in (process, other):
        one.kill()
    for one in (process, other, at_work):
        one.wait()
    folder.rmdir()


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_what_a_run_left_is_found(run_id: str, shell: tuple[str, ...]) -> None:
    """By its folders and marks; not what other runs have there, nor commands that are still at work."""
    mark = f'export BREAKFIX_MARK={run_id}.bb.$$; exec "$@"'
    here = LocalHost({}, ("sh", "-c", mark, "sh", *shell))
    target = local_facts("x").identity

    found = take({"one": target, "two": target}, here, run_id)

    assert list(found) == ["one", "two"]
    left = [field for field in found["one"] if field.startswith(("folder ", "process "))]
    assert len(left) == 2, found
    assert left[0] == f"folder /tmp/breakfix-{os.getuid()}/{run_id}.step.0"
    assert left[1].startswith("process ") and left[1].endswith(" sleep")
    assert found["one"]["boot"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert abs(int(found["one"]["clock"].partition(" ")[0])) <= 1
    assert take({}, here, run_id) == {}


REPAIR = RepairFacts(
    unit="mend", step="mend", attempt=1, target="db", started_at_s=(1, 1), ok=True, put_back=False
)
REBOOT = ReboundFacts(at_s=(2, 2), target="db", cause="reboot", old="b1", new="b2")


@pytest.mark.parametrize(
    ("after", "whys"),
    [
        ({}, []),
        ({"clock": "-2 s from ours"}, []),
        ({"clock": "+3 s from ours"}, ["residue"]),
        ({"clock": "-6 s from ours, give or take 4 s"}, []),
        ({"boot": "b2"}, ["residue"]),
        ({"time sync": "none"}, ["residue"]),
        ({"failed unit x.service": ""}, []),
        ({"failed unit y.service": "failed"}, ["residue"]),
        ({"folder /run/breakfix/r": "there"}, ["residue"]),
        ({"unit breakfix-r.timer": "loaded"}, ["residue"]),
        ({"process 1 x": "runs"}, ["residue"]),
    ],
)
def test_what_counts_as_left(after: dict[str, str], whys: list[str]) -> None:
    """Clocks are read a moment apart; a unit that works again was not left by anybody."""
    assert changes(after) == whys


def changes(after: dict[str, str], *more: Any) -> list[str]:
    """Why each field is another one than before."""
    now = {key: value for key, value in {**fields(), **after}.items() if value}
    repairs, rebound, faults = (*more, [], [], [])[:3]
    facts = survey_facts(((0, 0), {"db": fields()}), ((9, 9), {"db": now}), repairs, faults, rebound)
    assert facts is not None
    return [change.why for change in facts.changes]


@pytest.mark.parametrize("field", ["folder /run/breakfix/r", "process 1 x", "unit breakfix-r.timer"])
def test_what_went_away_is_left_by_nobody(field: str) -> None:
    """A command that was at work while the first survey looked is no residue when it is over."""
    old, new = {**fields(), field: "there"}, fields()
    facts = survey_facts(((0, 0), {"db": old}), ((9, 9), {"db": new}), [], [])
    assert facts is not None
    assert facts.changes == ()


def test_a_step_that_started_it_again_said_so() -> None:
    """The boot that a step has seen is as good as the one before; a third one is not."""
    assert changes({"boot": "b2"}, [], [REBOOT]) == []
    assert changes({"boot": "b3"}, [], [REBOOT]) == ["residue"]


@pytest.mark.parametrize(
    ("fields", "rebound", "whys"),
    [
        ({"rebinds": True, "left_to": "recover"}, [], []),
        ({"rebinds": True, "left_to": "recover"}, [REBOOT], ["residue"]),
        ({"rebinds": True}, [], ["residue"]),
        ({"left_to": "recover"}, [], ["residue"]),
    ],
)
def test_a_fault_may_have_started_it_again_when_the_engine_died(
    fields: dict[str, Any], rebound: list[ReboundFacts], whys: list[str]
) -> None:
    """Nobody could say so any more; of what was said, another boot is still none of ours."""
    fault = FaultFacts(
        fault="reboot@db#1", unit="reboot@db", step="reboot", action="host.reboot", target="db",
        lasting=False, hold_s=0.0, due_at_s=0.0, intended_at_s=(1.0, 1.0), **fields,
    )  # fmt: skip
    assert changes({"boot": "b3"}, [], rebound, [fault]) == whys


def test_a_repair_that_stays_may_change_units() -> None:
    """Not the clock, and it leaves nothing lying about."""
    assert changes({"time sync": "none", "failed unit y.service": "failed"}, [REPAIR], []) == ["repair"] * 2
    assert changes({"clock": "+9 s from ours"}, [REPAIR], []) == ["residue"]
    assert changes({"folder /x": "there"}, [REPAIR], []) == ["residue"]
