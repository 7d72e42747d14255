"""Vehicles on this machine, and marks whose processes end with the test."""

import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from breakfix.engine.secrets import Secrets
from breakfix.engine.vehicles.dispatch import Vehicles
from breakfix.engine.vehicles.marked import Marked

BOUND_S = 30.0


@pytest.fixture
def vehicles(tmp_path: Path) -> Iterator[Vehicles]:
    """Vehicles of a run in a folder of its own, without a Docker engine."""
    made = Vehicles({}, tmp_path, Secrets({}), time.monotonic)
    yield made
    made.close()


@pytest.fixture
def mark(vehicles: Vehicles) -> Iterator[str]:
    """A random mark; whatever carries it is ended at the end of the test."""
    made = secrets.token_hex(16)
    yield made
    Marked().end(made, 0.0)


@pytest.fixture
def wait_for() -> Callable[[Callable[[], object], str], None]:
    """Waits until a condition holds, with a generous bound."""

    def wait(condition: Callable[[], object], what: str) -> None:
        end_s = time.monotonic() + BOUND_S
        while not condition():
            assert time.monotonic() < end_s, f"{what}: not within {BOUND_S} s"
            time.sleep(0.01)

    return wait
