"""A quorum of three real processes, from the file to the report."""

import json
from typing import Any

SCENARIO = """
    version: 1
    name: quorum
    targets:
      a: {process: {command: [sleep, "600"]}}
      b: {process: {command: [sleep, "600"]}}
      c: {process: {command: [sleep, "600"]}}
    probes:
      up_a: {process.running: {}, target: a, every: 50ms, timeout: 5s}
      up_b: {process.running: {}, target: b, every: 50ms, timeout: 5s}
      up_c: {process.running: {}, target: c, every: 50ms, timeout: 5s}
    observe: [{id: shop, quorum: 2, probes: [up_a, up_b, up_c]}]
    warmup: 500ms
    cooldown: 500ms
    limits: {deadline: 2m}
    steps:
      - {id: kill_a, inject: process.kill, target: a}
      - {id: first, wait: 1s, depends_on: [kill_a]}
      - {id: kill_b, inject: process.kill, target: b, depends_on: [first]}
      - {id: second, wait: 1s, depends_on: [kill_b]}
      - {id: start_a, remediate: process.start, target: a, depends_on: [second]}
      - {id: third, wait: 1s, depends_on: [start_a]}
    expect:
      - {probe: shop, max_outage: 60s}
      - {max_outage: 60s}
"""


def test_a_quorum_is_down_while_two_of_three_are(cli: Any) -> None:
    """From the second kill until the first repair; one member is down to the end, which is no failure."""
    path = cli.write(SCENARIO)
    checked = cli.run("validate", path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    done = cli.run("run", path)
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads(cli.run("report", "last", "--format", "json").stdout)
    (outage,) = record["outages"]
    (shop,) = record["observers"]
    (repair,) = record["repairs"]
    second = next(fault for fault in record["faults"] if fault["step"] == "kill_b")
    assert (outage["observer"], shop["probe"], shop["members"]) == (
        "shop", "shop", ["up_a", "up_b", "up_c"],
    )  # fmt: skip
    assert outage["start_at_s"][0] <= second["active_at_s"][1]
    assert outage["start_at_s"][1] >= second["applied_at_s"][0]
    assert outage["end_at_s"][1] >= repair["started_at_s"][0]
    assert outage["duration_s"][1] >= 1.0
    assert {row["verdict"] for row in record["verdict"]["rows"]} == {"passed"}
    assert "shop is down while 2 of up_a, up_b, up_c are" in cli.run("report", "last").stdout
