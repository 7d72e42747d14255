"""What runs wrote down about themselves: when faults began against when they were due, and how wide
the reported intervals are."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from breakfix.engine.events import FaultApplied, FaultIntended
from breakfix.engine.journal import read


def lateness_s(journal: Path) -> list[float]:
    """Of each fault: the instant its command was issued (t0), less the instant it was due."""
    due_at_s: dict[str, float] = {}
    late: list[float] = []
    for line in read(journal):
        if isinstance(line.event, FaultIntended):
            due_at_s[line.event.fault] = line.event.due_at_s
        elif isinstance(line.event, FaultApplied):
            late.append(line.event.started_at_s - due_at_s[line.event.fault])
    return late


def newest_journal(home: Path) -> Path:
    """The journal of the last run under a home."""
    return max(home.glob("runs/*/journal.ndjson"), key=lambda path: path.parent.name)


def widths_s(breakfix: list[str], environ: Mapping[str, str], journal: Path) -> dict[str, float]:
    """The width of each time that the report of a run gives, by its name, in seconds; of the first
    episode."""
    said = subprocess.run(
        [*breakfix, "report", str(journal), "--format", "json"],
        env=dict(environ), capture_output=True, check=True,
    )  # fmt: skip
    record: dict[str, Any] = json.loads(said.stdout)
    metrics: dict[str, Any] = record["episodes"][0]["measured"]["metrics"]
    return {
        name: pair[1] - pair[0]
        for name, pair in metrics.items()
        if isinstance(pair, list) and name.endswith("_s")
    }
