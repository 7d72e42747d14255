"""Two runs that are started at once on one container are never both inside."""

import itertools
import os
from typing import Any

from breakfix.engine.events import FaultEnded, FaultIntended, WriterTaken
from breakfix.engine.journal import read

ROUNDS = 50 if os.environ.get("BREAKFIX_CRASH") == "whole" else 10
TEXT = """
    version: 1
    name: exclusive
    targets:
      app: {docker: {name: NAME}}
    probes:
      up: {docker.state: {}, target: app, every: 50ms, timeout: 5s}
    steps:
      - {id: pause, inject: docker.pause, target: app, hold: 100ms}
      - {id: whole, verify: up, depends_on: [{step: pause, is: undone}], within: 30s}
"""


def test_two_runs_at_once(cli: Any, container: Any) -> None:
    """In every second round the second waits, and both pass; else it is refused, unless it came later."""
    path = cli.write(TEXT.replace("NAME", container().name))
    refused = 0
    for number in range(ROUNDS):
        waits = ["--wait"] if number % 2 else []
        both = [cli.start("run", "--yes", *waits, path) for _ in (1, 2)]
        for process in both:
            process.communicate(timeout=cli.bound_s)
        codes = sorted(process.returncode for process in both)
        assert codes in ([[0, 0]] if waits else [[0, 0], [0, 2]])
        refused += codes == [0, 2]
    assert refused
    inside = sorted(_inside(cli))
    assert len(inside) == 2 * ROUNDS - refused
    for (_, ended_s), (begun_s, _) in itertools.pairwise(inside):
        assert ended_s <= begun_s


def _inside(cli: Any) -> list[tuple[float, float]]:
    """From the intent of a fault to its end, on this machine's monotonic clock, in seconds."""
    found = []
    for path in (cli.home / "runs").glob("*/journal.ndjson"):
        zero_s, begun_s = 0.0, None
        for line in read(path):
            if isinstance(line.event, WriterTaken):
                zero_s = line.event.mono_zero_s
            elif isinstance(line.event, FaultIntended):
                begun_s = zero_s + line.at_s
            elif isinstance(line.event, FaultEnded):
                assert begun_s is not None
                found.append((begun_s, zero_s + line.at_s))
    return found
