"""Outages of exactly known lengths lie within the intervals that observers report, at every cadence."""

import json
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SERVICES = 20
CADENCES_MS = (50, 200, 1000)
BEGIN_S = 4.0
"""Before the first outage: the engine and its observers are up by then."""
LENGTH_S = 50
SEED = 11
SLACK_S = 0.001
"""Two readings of one clock, in two processes, and six decimals in the journal."""
PATTERNS = (
    (10, 0.5, 3.5),
    (7, 2.0, 4.0),
    (3, 10.0, 4.0),
    (7, 2.0, 4.0),  # slow instead of down
    (25, 0.5, 0.7),  # flapping
)
"""How many outages, for how long, and how long between them."""
SLOW = 3


def planned(ports: list[int], begin_s: float) -> list[dict[str, Any]]:
    """The services with their outages, each at a random offset."""
    rng = random.Random(SEED)
    found = []
    for index, port in enumerate(ports):
        count, down_s, up_s = PATTERNS[index % len(PATTERNS)]
        at_s = begin_s + rng.uniform(0.0, 1.0)
        outages = []
        for _ in range(count):
            outages.append((at_s, at_s + down_s))
            at_s += down_s + up_s + rng.uniform(0.0, 0.2)
        found.append(
            {"port": port, "slow": index % len(PATTERNS) == SLOW, "outages": outages}
        )
    return found


@pytest.fixture
def services(tmp_path: Path) -> Iterator[list[dict[str, Any]]]:
    """Twenty services side by side."""
    sockets = [socket.socket() for _ in range(SERVICES)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    plan = planned(ports, time.monotonic() + BEGIN_S)
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    script = Path(__file__).with_name("failing_services.py")
    with subprocess.Popen(
        [sys.executable, script, tmp_path / "plan.json"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield plan
        process.kill()


def scenario(services: list[dict[str, Any]]) -> str:
    """An observer at every cadence on each of them."""
    lines = ["version: 1", "name: truth", "limits: {deadline: 5m}", "probes:"]
    names = []
    for index, service in enumerate(services):
        for every_ms in CADENCES_MS:
            names.append(f"s{index}_{every_ms}")
            url = f"http://127.0.0.1:{service['port']}/"
            lines.append(
                f"  {names[-1]}: {{http.get: {{url: '{url}', status: 200, under: 250ms}},"
                f" every: {every_ms}ms, timeout: 2s}}"
            )
    lines += [f"observe: [{', '.join(names)}]", "steps:", f"  - {{id: all, wait: {LENGTH_S}s}}"]
    return "\n".join(lines) + "\n"


def test_the_true_outages_lie_within_the_reported_intervals(
    cli: Any, services: list[dict[str, Any]]
) -> None:
    """Each reported start and end holds a true one, and nothing that an observer could not miss is
    missing."""
    cli.run("run", cli.write(scenario(services)))
    first = cli.journal()[0]["event"]
    record = json.loads(cli.run("report", "last", "--format", "json").stdout)
    reported: dict[str, list[dict[str, Any]]] = {}
    for outage in record["outages"]:
        reported.setdefault(outage["observer"], []).append(outage)
    total = 0
    for index, service in enumerate(services):
        truth = [[at_s - first["mono_zero_s"] for at_s in one] for one in service["outages"]]
        total += len(truth)
        for every_ms in CADENCES_MS:
            compare(f"s{index}_{every_ms}", truth, reported.get(f"s{index}_{every_ms}", []))
    assert total >= 200


def compare(name: str, truth: list[list[float]], outages: list[dict[str, Any]]) -> None:
    """One observer against the truth."""
    every_s = int(name.partition("_")[2]) / 1000
    for outage in outages:
        start, end, duration = (
            (pair[0] - SLACK_S, pair[1] + SLACK_S)
            for pair in (outage["start_at_s"], outage["end_at_s"], outage["duration_s"])
        )
        begun = [one for one in truth if start[0] <= one[0] <= start[1]]
        over = [one for one in truth if end[0] <= one[1] <= end[1]]
        assert begun and over, (name, outage, truth)
        assert any(
            duration[0] <= last[1] - one[0] <= duration[1] for one in begun for last in over
        ), (name, outage)
    for begin_s, end_s in truth:
        # A look at least every interval, and one that begins in the outage is bad.
        if end_s - begin_s > 1.5 * every_s:
            assert any(
                outage["start_at_s"][0] <= begin_s + SLACK_S
                and outage["end_at_s"][1] >= end_s - SLACK_S
                for outage in outages
            ), (name, begin_s, end_s)


PAUSED = """
    version: 1
    name: paused
    targets:
      app: {process: {command: [PYTHON, SERVICE, "PORT", GAPS], ready: up}}
    probes:
      up: {http.get: {url: "http://127.0.0.1:PORT/", status: 200}, every: EVERY, timeout: 400ms}
    observe: [up]
    warmup: 1s
    cooldown: 1s
    steps:
      - {id: pause, inject: process.pause, target: app}
      - {id: noticed, detect: up, depends_on: [pause], within: 20s}
      - {id: people, wait: 1500ms, depends_on: [noticed]}
      - {id: resume, remediate: process.resume, target: app, depends_on: [people]}
      - {id: whole, verify: up, depends_on: [resume], consecutive: 2, within: 20s}
"""


@pytest.mark.parametrize("every", ["50ms", "200ms", "1s"])
def test_the_marks_of_a_recovery_hold_the_truth(cli: Any, every: str) -> None:
    """A process that is frozen and let go on knows itself when it did not run: t2 holds the begin, t7 the
    end, the time to mitigate their difference; nothing was detected or restored before it could be."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    gaps = cli.folder / "gaps"
    service = Path(__file__).with_name("beating_service.py")
    text = PAUSED.replace("PYTHON", sys.executable).replace("SERVICE", str(service))
    text = text.replace("PORT", str(port)).replace("GAPS", str(gaps)).replace("EVERY", every)
    done = cli.run("run", cli.write(text))
    assert done.returncode == 0, done.stdout + done.stderr
    zero_s = cli.journal()[0]["event"]["mono_zero_s"]
    known = [[float(at) - zero_s for at in line.split()] for line in gaps.read_text().splitlines()]
    begin_s, end_s = max(known, key=lambda gap: gap[1] - gap[0])
    record = json.loads(cli.run("report", "last", "--format", "json").stdout)
    measured = record["episodes"][0]["measured"]
    marks, metrics = measured["marks"], measured["metrics"]
    # The last beat is up to a millisecond before the stop, the first one as long after the end.
    slack_s = 0.01
    assert marks["t2"][0] - slack_s <= begin_s <= marks["t2"][1] + slack_s
    assert marks["t7"][0] - slack_s <= end_s <= marks["t7"][1] + slack_s
    low_s, high_s = metrics["time_to_mitigate_s"]
    assert low_s - slack_s <= end_s - begin_s <= high_s + slack_s
    assert marks["t3"][1] >= begin_s
    assert marks["t8"][1] >= end_s
    low_s, high_s = metrics["time_to_detect_s"]
    assert low_s - slack_s <= marks["t3"][1] - begin_s
    assert marks["t3"][0] - begin_s <= high_s + slack_s
    low_s, high_s = metrics["time_to_restore_s"]
    assert low_s - slack_s <= marks["t8"][1] - begin_s
    assert marks["t8"][0] - begin_s <= high_s + slack_s
