"""Two runs that are started at once on one container, or one host, are never both inside."""

import itertools
import os
from typing import Any

from tests.integration.crash.host_arena import login, victim
from tests.integration.ssh_server import SshServer

from breakfix.engine.events import FaultEnded, FaultIntended, WriterTaken
from breakfix.engine.journal import read

WHOLE = os.environ.get("BREAKFIX_CRASH") == "whole"
ROUNDS = 50 if WHOLE else 10
ROUNDS_ON_A_HOST = 30 if WHOLE else 6
"""It takes a while to reach a host."""
TEXT = """
    version: 1
    name: exclusive
    targets:
      app: {TARGET}
    probes:
      up: {PROBE, target: app, every: 50ms, timeout: 5s}
    steps:
      - {id: pause, inject: FAULT, target: app, hold: 100ms}
      - {id: whole, verify: up, depends_on: [{step: pause, is: undone}], within: 30s}
"""


def test_two_runs_at_once(cli: Any, container: Any) -> None:
    """In every second round the second waits, and both pass; else it is refused, unless it came later."""
    target = f"docker: {{name: {container().name}}}"
    _begin_at_once(cli, (target, "docker.state: {}", "docker.pause"), ROUNDS)


def test_two_runs_at_once_on_a_host(cli: Any, sshd: SshServer) -> None:
    """The same of a host."""
    with victim(sshd) as (name, _):
        host = sshd.host(490)
        target = f"ssh: {{hosts: [{host.address}], {login(host)}}}"
        match = f"match: {{name: {name}}}"
        probe = f"process.running: {{{match}}}"
        _begin_at_once(
            cli, (target, probe, f"process.pause, with: {{{match}}}"), ROUNDS_ON_A_HOST
        )


def _begin_at_once(cli: Any, words: tuple[str, str, str], rounds: int) -> None:
    text = TEXT
    for name, word in zip(("TARGET", "PROBE", "FAULT"), words, strict=True):
        text = text.replace(name, word)
    path = cli.write(text)
    refused = 0
    for number in range(rounds):
        waits = ["--wait"] if number % 2 else []
        both = [cli.start("run", "--yes", *waits, path) for _ in (1, 2)]
        said = [process.communicate(timeout=cli.bound_s) for process in both]
        codes = sorted(process.returncode for process in both)
        assert codes in ([[0, 0]] if waits else [[0, 0], [0, 2]]), said
        refused += codes == [0, 2]
    assert refused
    inside = sorted(_inside(cli))
    assert len(inside) == 2 * rounds - refused
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
