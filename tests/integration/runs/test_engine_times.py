"""What a run reports of a container, against what its engine says of the same."""

import json
import subprocess
import time
from typing import Any

TEXT = """
    version: 1
    name: times
    targets:
      app: {docker: {name: NAME}}
    probes:
      runs: {docker.state: {}, target: app, every: 50ms, timeout: 5s}
    steps:
      - {id: kill, inject: docker.kill, target: app}
      - {id: noticed, detect: runs, depends_on: [kill], within: 30s}
      - {id: start, remediate: docker.start, target: app, depends_on: [noticed]}
      - {id: whole, verify: runs, depends_on: [start], consecutive: 3, within: 30s}
    expect:
      - {fault: kill, restored_within: 60s, healed_by: repair}
"""


def test_the_engines_own_times_lie_within_the_reported_intervals(cli: Any, container: Any) -> None:
    """Its `die` within t1, its `start` within the repair, its whole outage within the outage that was
    measured: by the engine's clock, which on one machine is ours."""
    one = container()
    done = cli.run("run", "--yes", cli.write(TEXT.replace("NAME", one.name)))
    assert done.returncode == 0, done.stdout + done.stderr
    first = cli.journal()[0]
    zero_s = first["event"]["wall_s"] - first["at_s"]
    died_s, started_s = (moment - zero_s for moment in engine_times(one.object_id, zero_s))
    (active,) = cli.events("fault_active")
    (repair,) = cli.events("repair_ended")
    slack_s = 0.002  # The journal's first line reads two clocks one after the other.
    assert active["after_at_s"] - slack_s <= died_s <= active["before_at_s"] + slack_s
    assert repair["started_at_s"] - slack_s <= started_s <= repair["ended_at_s"] + slack_s
    record = json.loads(cli.run("report", "last", "--format", "json").stdout)
    outages = [o for o in find(record, "outages") if o.get("end_at_s")]
    assert outages
    for outage in outages:
        low, high = outage["duration_s"]
        assert low - slack_s <= started_s - died_s <= high + slack_s


def engine_times(object_id: str, since_s: float) -> tuple[float, float]:
    """When the engine saw the container die, and start after that, in seconds since the epoch."""
    command = ["docker", "events", "--since", f"{since_s:.6f}", "--until", f"{time.time():.6f}"]
    command += ["--filter", f"container={object_id}", "--format", "{{json .}}"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    died = next(e["timeNano"] for e in events if e["Action"] == "die")
    started = next(e["timeNano"] for e in events if e["Action"] == "start" and e["timeNano"] > died)
    return died / 1e9, started / 1e9


def find(value: Any, name: str) -> list[Any]:
    """Every item of the lists of that name, however deep."""
    if isinstance(value, dict):
        own = value.get(name)
        found = list(own) if isinstance(own, list) else []
        return found + [item for other in value.values() for item in find(other, name)]
    if isinstance(value, list):
        return [item for other in value for item in find(other, name)]
    return []
