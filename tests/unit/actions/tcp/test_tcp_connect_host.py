"""tcp.connect from a host: by whichever program is there, and what each of them tells."""

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from breakfix.actions.tcp.connect import Connect

NEEDED = ("sh", "grep", "tail", "printf", "cat")
BY = ("python3", "busybox", "bash")


@pytest.fixture
def port() -> Iterator[int]:
    """One that something listens at."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield int(listening.getsockname()[1])


def only(here: Any, tmp_path: Path, *programs: str) -> None:
    """A host with these programs, and what any has."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in (*NEEDED, *programs):
        found = shutil.which(name, path=os.defpath + ":" + os.environ["PATH"])
        assert found is not None, f"these tests need {name}"
        (folder / name).symlink_to(found)
    here.path = str(folder)


@pytest.mark.parametrize("by", BY)
def test_a_port_is_open_or_closed(
    here: Any, tmp_path: Path, port: int, closed_port: int, by: str
) -> None:
    """Good and bad, with the time, and with what has connected."""
    if by == "python3":
        here.path = f"{os.defpath}:{os.environ['PATH']}"
    else:
        only(here, tmp_path, by)
    if "/bin/busybox" in here.shell and by == "bash":
        by = "busybox"  # That shell has its programs in itself.
    seen = here.sample(Connect(host="127.0.0.1", port=port))
    assert seen.holds, seen
    assert seen.result["by"] == by
    assert seen.result["duration_s"] >= 0
    seen = here.sample(Connect(host="127.0.0.1", port=closed_port))
    assert seen.holds is False
    assert seen.detail.endswith(f"(by {by})")


def test_what_is_slow_is_bad(here: Any, port: int) -> None:
    """Nothing is as fast as that."""
    seen = here.sample(Connect(host="127.0.0.1", port=port, under="0s"))
    assert seen.holds is False
    assert "wanted under 0s" in seen.detail


def test_a_name_of_nobody_is_bad(here: Any) -> None:
    """The host's own resolver has said so."""
    seen = here.sample(Connect(host="no-such-name.invalid", port=1))
    assert seen.holds is False
    assert "did not resolve" in seen.detail


def test_a_host_without_any_of_them_is_blind(here: Any, tmp_path: Path, port: int) -> None:
    """It cannot be tried."""
    only(here, tmp_path)
    seen = here.sample(Connect(host="127.0.0.1", port=port))
    if "/bin/busybox" in here.shell:
        assert seen.result["by"] == "busybox"
        return
    assert seen.holds is None
    assert "there is no python3, nc, busybox or bash" in seen.detail


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("name", ["$(touch bfx-pwned)", "`id`;x", "-e", "it's"])
def test_a_name_is_nothing_else(here: Any, tmp_path: Path, name: str, by: str) -> None:
    """Whatever it looks like, nothing but a connection is tried."""
    if by != "python3":
        only(here, tmp_path, by)
    assert not here.sample(Connect(host=name, port=1), timeout_s=1.0).holds
    assert not Path("/bfx-pwned").exists()
