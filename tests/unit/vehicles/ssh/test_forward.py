"""The sockets of Docker engines on hosts."""

import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from breakfix.engine.vehicles.ssh.forward import Forwards


def test_the_folder_of_a_killed_process_is_taken_away_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of processes that live stay."""
    dead = subprocess.Popen(["true"])
    dead.wait()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left, lives = (tmp_path / f"breakfix-ssh-{pid}-x" for pid in (dead.pid, os.getppid()))
    for folder in (left, lives):
        folder.mkdir()
    forwards = Forwards()
    assert not left.exists()
    assert lives.exists()
    forwards.close()
    assert list(tmp_path.iterdir()) == [lives]
