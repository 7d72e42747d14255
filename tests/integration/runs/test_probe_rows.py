"""Rows about an observed probe, from the file to the report."""

import json
from typing import Any

SCENARIO = """
    version: 1
    name: probe_rows
    targets:
      app: {process: {command: [sleep, "600"]}}
    probes:
      up: {process.running: {}, target: app, every: 50ms, timeout: 5s}
    observe: [up]
    warmup: 1s
    cooldown: 1s
    limits: {deadline: 2m}
    steps:
      - {id: kill, inject: process.kill, target: app}
      - {id: dwell, wait: 1s, depends_on: [kill]}
      - {id: mend, remediate: process.start, target: app, depends_on: [dwell]}
      - {id: whole, verify: up, depends_on: [mend], consecutive: 3, within: 60s}
    expect:
"""


def rows_of(cli: Any) -> list[dict[str, Any]]:
    """The rows of the verdict in the JSON record."""
    told = cli.run("report", "--format", "json")
    assert told.returncode == 0, told.stderr
    found: list[dict[str, Any]] = json.loads(told.stdout)["verdict"]["rows"]
    return found


def test_rows_that_hold(cli: Any) -> None:
    """An outage of a second keeps to wide claims, in every window, and the text report shows them."""
    path = cli.write(
        SCENARIO
        + """
      - {probe: up, max_outage: 90s}
      - {probe: up, error_share: 99%, latency: {p50: 60s}}
      - {probe: up, max_outage: 90s, during: faults}
      - {availability: 1%, max_outage: 90s}
"""
    )
    done = cli.run("run", path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "up out for at most 90s during the faults" in done.stdout
    rows = rows_of(cli)
    assert {row["verdict"] for row in rows} == {"passed"}
    assert len(rows) == 6
    for row in rows:
        low, high = row.get("observed_share") or row["observed_s"]
        assert 0 <= low <= high
    lower_s, upper_s = rows[0]["observed_s"]
    # Out at least for the second of `dwell`, but for the time between two samples at its ends.
    assert upper_s > 1.0
    assert lower_s < upper_s


def test_rows_that_do_not_hold(cli: Any) -> None:
    """The outage is longer than 100 ms for sure: failed, and the verdict says so."""
    path = cli.write(
        SCENARIO
        + """
      - {probe: up, max_outage: 100ms}
      - {probe: up, max_outage: 90s}
      - {probe: up, availability: 99.9%, during: faults}
"""
    )
    checked = cli.run("validate", path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    said = checked.stdout + checked.stderr
    assert "99.9% needs 3838 samples without a miss; this window has at most 2400" in said
    assert "up looks every 50ms, too seldom to tell 100ms" in said
    done = cli.run("run", path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "up was expected to be out for at most 100ms: out for" in done.stdout
    longest, wide, availability = rows_of(cli)
    assert (longest["verdict"], wide["verdict"]) == ("failed", "passed")
    assert longest["observed_s"][0] > 0.1
    assert (availability["verdict"], availability["during"]) == ("failed", "faults")
    assert availability["observed_share"][1] < 0.999


def test_a_row_about_a_probe_that_nobody_observes_is_refused(cli: Any) -> None:
    """With what to do about it."""
    text = SCENARIO.replace("    observe: [up]\n    warmup: 1s\n    cooldown: 1s\n", "")
    done = cli.run("validate", cli.write(text + "      - {probe: up, max_outage: 90s}\n"))
    assert done.returncode == 2
    assert "up is not observed" in done.stdout + done.stderr
    assert "add up to `observe`" in done.stdout + done.stderr
