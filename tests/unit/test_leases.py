"""One run at a time on a target."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from breakfix.engine.errors import UsageError
from breakfix.engine.leases import Leases
from breakfix.engine.ops import Identity

APP = {"app": Identity(kind="docker", name="app", object_id="a" * 64)}
BOTH = {**APP, "web": Identity(kind="docker", name="web", object_id="b" * 64)}
NEVER = threading.Event()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home without runs, on a machine of its own."""
    monkeypatch.setenv("BREAKFIX_MACHINE_DIR", str(tmp_path / "machine"))
    monkeypatch.setenv("BREAKFIX_HOME", str(tmp_path / "home"))


def test_a_target_belongs_to_one_run() -> None:
    """The second is refused, and told who has it; after the first it gets it."""
    first, second = Leases("one"), Leases("two")
    first.take(APP, wait=False, stop=NEVER)
    with pytest.raises(UsageError, match=r"app is in use by run one \(pid \d+\)"):
        second.take(APP, wait=False, stop=NEVER)
    first.close()
    second.take(APP, wait=False, stop=NEVER)
    second.close()


def test_all_or_none() -> None:
    """Who is refused one target keeps none of the others."""
    first, second, third = (Leases(name) for name in ("one", "two", "three"))
    first.take({"web": BOTH["web"]}, wait=False, stop=NEVER)
    with pytest.raises(UsageError):
        second.take(BOTH, wait=False, stop=NEVER)
    third.take(APP, wait=False, stop=NEVER)
    first.close()
    third.close()


def test_waiting_ends_when_the_other_run_does() -> None:
    """`wait` takes the lease as soon as it is free."""
    first, second = Leases("one"), Leases("two")
    first.take(APP, wait=False, stop=NEVER)
    threading.Timer(0.3, first.close).start()
    second.take(APP, wait=True, stop=NEVER)
    second.close()


def test_waiting_can_be_stopped() -> None:
    """A signal ends the wait."""
    first, second = Leases("one"), Leases("two")
    first.take(APP, wait=False, stop=NEVER)
    stopped = threading.Event()
    stopped.set()
    with pytest.raises(UsageError):
        second.take(APP, wait=True, stop=stopped)
    first.close()


def test_a_dead_process_holds_nothing() -> None:
    """The kernel frees its leases."""
    code = (
        "import os, threading\n"
        "from breakfix.engine.action import Identity; from breakfix.engine.leases import Leases\n"
        "app = Identity(kind='docker', name='app', object_id='a' * 64)\n"
        "Leases('dead').take({'app': app}, wait=False, stop=threading.Event())\n"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == -9
    after = Leases("two")
    after.take(APP, wait=False, stop=NEVER)
    after.close()


def test_a_host_belongs_to_one_run_too() -> None:
    """By its key and where it is reached, whatever it is called; a process target is nobody else's."""
    one = Identity(kind="ssh", name="db-1", endpoint="db-1", object_id="SHA256:k@10.0.0.1:22")
    alias = Identity(kind="ssh", name="x", endpoint="x", object_id="SHA256:k@10.0.0.1:22")
    other = Identity(kind="ssh", name="y", endpoint="y", object_id="SHA256:k@10.0.0.2:22")
    mine = Identity(kind="process", name="shop", object_id="m")
    first, second = Leases("one"), Leases("two")
    first.take({"db-1": one, "shop": mine}, wait=False, stop=NEVER)
    with pytest.raises(UsageError, match="x is in use by run one"):
        second.take({"x": alias}, wait=False, stop=NEVER)
    second.take({"y": other, "shop": mine}, wait=False, stop=NEVER)
    first.close()
    second.close()
