"""Scenarios on the virtual machine, and the promise that each of them leaves it as it was."""

import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.breakfix_process import Cli
from tests.integration.vm import Machine

SETTLE_S = 60.0
PATIENCE_S = 180.0
HEAD = """\
version: 1
name: on_a_machine
targets:
  shop:
    ssh: {{hosts: [{host.address}], port: {host.port}, user: {host.user}, key: {host.key}, host_key: "{host.host_key}"}}
probes:
  answers: {{http.get: {{url: "{url}"}}, every: 500ms, timeout: 5s}}
  active: {{systemd.active: {{unit: shop}}, target: shop, every: 1s, timeout: 15s}}
  room: {{host.disk: {{path: /data, free_min: 50MiB}}, target: shop, every: 1s, timeout: 15s}}
"""


@pytest.fixture(scope="session")
def whole(machine: Machine) -> set[str]:
    """What the machine is like before anything is done to it."""
    return machine.survey()


@pytest.fixture
def unchanged(machine: Machine, whole: set[str]) -> Iterator[None]:
    """After the test, the machine is as it was before all of them, as it says itself."""
    yield
    machine.join()
    end_s = time.monotonic() + SETTLE_S
    # A session or a helper of systemd may be about to end.
    while (now := machine.survey()) != whole and time.monotonic() < end_s:
        time.sleep(1)
    assert now == whole, f"gone: {sorted(whole - now)}; new: {sorted(now - whole)}"


@pytest.fixture
def scenario(cli: Cli, machine: Machine, unchanged: None) -> Callable[[str], Path]:
    """Writes a scenario with the target `shop` and the probes `answers`, `active` and `room`; the text is the
    rest of it."""
    cli.bound_s = 300.0

    def write(text: str) -> Path:
        head = HEAD.format(host=machine.host, url=machine.shop_url)
        return cli.write(head + textwrap.dedent(text))

    return write


@pytest.fixture
def wait_for() -> Callable[[Callable[[], object], str], None]:
    """Waits until a condition holds, as long as a machine may need that is interpreted."""

    def wait(condition: Callable[[], object], what: str) -> None:
        end_s = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < end_s, f"{what}: not within {PATIENCE_S} s"
            time.sleep(2.0)  # each look takes time from what is looked at

    return wait


@pytest.fixture
def passes(cli: Cli, scenario: Callable[[str], Path]) -> Callable[[str], dict[str, Any]]:
    """Runs a scenario, which must pass, and gives its record."""

    def run(text: str) -> dict[str, Any]:
        done = cli.run("run", "--yes", scenario(text))
        assert done.returncode == 0, done.stdout + done.stderr
        record = cli.record()
        assert record["verdict"]["verdict"] == "passed"
        return record

    return run
