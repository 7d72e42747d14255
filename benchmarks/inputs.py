"""The files that the measurements run: the same work for breakfix and for the peer."""

import json
import sys
from pathlib import Path

CHAINS = 50
"""A graph of waits has so many chains side by side."""


def waits(folder: Path, steps: int) -> Path:
    """A scenario of `steps` steps ``wait: 0s`` in chains side by side."""
    lines = ["version: 1", "name: waits", "limits: {concurrency: 50, deadline: 30m}", "steps:"]
    for number in range(steps):
        after = f", depends_on: [s{number - CHAINS}]" if number >= CHAINS else ""
        lines.append(f"  - {{id: s{number}, wait: 0s{after}}}")
    return _written(folder / f"waits-{steps}.yaml", "\n".join(lines) + "\n")


def mixed(folder: Path) -> Path:
    """A scenario of 20 steps: ten faults and ten probes."""
    lines = ["version: 1", "name: mixed"]
    lines += ["targets:", f"  app: {{process: {{command: [{sys.executable}, -V]}}}}"]
    lines += ["probes:", "  up: {tcp.connect: {host: 127.0.0.1, port: 9}, every: 200ms}", "steps:"]
    for number in range(10):
        after = f", depends_on: [v{number - 1}]" if number else ""
        lines.append(f"  - {{id: f{number}, inject: process.pause, target: app, hold: 1s{after}}}")
        lines.append(f"  - {{id: v{number}, verify: up, depends_on: [f{number}], within: 5s}}")
    return _written(folder / "mixed.yaml", "\n".join(lines) + "\n")


def pauses(folder: Path, times: int) -> Path:
    """A scenario that pauses one process many times, each 30 ms after the one before has ended."""
    sleeps = f'[{sys.executable}, -c, "import time; time.sleep(600)"]'
    lines = ["version: 1", "name: pauses", "limits: {deadline: 9m}"]
    lines += ["targets:", f"  app: {{process: {{command: {sleeps}}}}}", "steps:"]
    for number in range(times):
        edge = f"{{step: p{number - 1}, is: undone, after: 30ms}}"
        after = f", depends_on: [{edge}]" if number else ""
        lines.append(f"  - {{id: p{number}, inject: process.pause, target: app, hold: 5ms{after}}}")
    last = f"{{step: p{times - 1}, is: undone}}"
    lines.append(
        f"  - {{id: runs, verify: process.running, target: app, depends_on: [{last}], within: 5s}}"
    )
    return _written(folder / "pauses.yaml", "\n".join(lines) + "\n")


def experiment(folder: Path, activities: int) -> Path:
    """The peer's file: so many activities that do nothing (``os.getpid()``)."""
    nothing = {"type": "python", "module": "os", "func": "getpid"}
    document = {
        "title": "nothing",
        "description": "nothing",
        "method": [
            {"type": "action", "name": f"a{number}", "provider": nothing}
            for number in range(activities)
        ],
    }
    return _written(folder / f"experiment-{activities}.json", json.dumps(document))


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path
