"""A Docker engine that goes away and comes back in the middle of a run: an engine of the test's own, with
folders, socket and containers of its own."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

BOUND_S = 60.0
HELD = """\
version: 1
name: restarted
targets:
  app: {docker: {name: app}}
probes:
  up: {docker.state: {}, target: app, every: 100ms, timeout: 5s}
steps:
  - {id: limit, inject: FAULT, target: app, hold: {until: long, at_most: 60s}}
  - {id: long, wait: LONG, depends_on: [limit]}
  - {id: whole, verify: up, depends_on: [{step: limit, is: undone}], within: 30s}
"""


class Engine:
    """A dockerd of the test's own."""

    def __init__(self, folder: Path, *, live_restore: bool) -> None:
        self._folder = folder
        self.url = f"unix://{folder}/docker.sock"
        self.environ = {
            **os.environ,
            "DOCKER_HOST": self.url,
            "BREAKFIX_HOME": str(folder / "home"),
            "BREAKFIX_MACHINE_DIR": str(folder / "machine"),
        }
        self._options = ["--live-restore"] if live_restore else []
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Until it answers."""
        folder = self._folder
        # In a network of its own: an engine without a bridge removes that of the one beside it.
        command: list[str | Path] = ["unshare", "--net", "dockerd", "--bridge", "none"]
        command += ["--data-root", folder / "data", "--exec-root", folder / "exec"]
        command += ["--pidfile", folder / "pid", "--host", self.url]
        command += ["--iptables=false", "--ip6tables=false", *self._options]
        with (folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        end_s = time.monotonic() + BOUND_S
        while self.docker("version", check=False).returncode != 0:
            assert time.monotonic() < end_s, (folder / "log").read_text()[-3000:]
            time.sleep(0.05)

    def stop(self) -> None:
        """Until it has ended."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(BOUND_S)

    def unmount(self) -> None:
        """With live-restore an engine that has ended leaves its mounts."""
        mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
        for mount in reversed(mounts):
            if mount.startswith(f"{self._folder}/"):
                subprocess.run(["umount", mount], check=True)

    def docker(
        self, *argv: str, check: bool = True, stdin: bytes = b""
    ) -> "subprocess.CompletedProcess[bytes]":
        """The docker command, on this engine."""
        return subprocess.run(
            ["docker", *argv], env=self.environ, input=stdin, capture_output=True, check=check
        )

    def run(self, text: str) -> "subprocess.Popen[str]":
        """Start a run of a scenario."""
        path = self._folder / "scenario.yaml"
        path.write_text(text)
        return subprocess.Popen(
            [sys.executable, "-m", "breakfix", "run", "--yes", path],
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_for(self, words: str) -> None:
        """Until the journal of the run holds these words."""
        end_s = time.monotonic() + BOUND_S
        while not any(words in path.read_text() for path in self._journals()):
            assert time.monotonic() < end_s, words
            time.sleep(0.01)

    def _journals(self) -> list[Path]:
        return list((self._folder / "home" / "runs").glob("*/journal.ndjson"))


@pytest.fixture(params=[False, True], ids=["containers end with it", "live-restore"])
def own_engine(request: pytest.FixtureRequest, image_archive: bytes) -> Iterator[Engine]:
    """An engine with one container, `app`, that is started with it."""
    # The path of a Unix socket holds 108 bytes at most: a test's own folder may be longer.
    with tempfile.TemporaryDirectory(prefix="bfx-") as folder:
        engine = Engine(Path(folder), live_restore=request.param)
        engine.start()
        try:
            engine.docker("import", "-", "box:1", stdin=image_archive)
            options = ["--name", "app", "--network", "none", "--restart", "always", "--stop-timeout", "1"]
            engine.docker("run", "-d", *options, "box:1", "/bin/sleep", "3600")
            yield engine
        finally:
            engine.docker("rm", "--force", "app", check=False)
            engine.stop()
            engine.unmount()


@pytest.mark.parametrize("fault", ["docker.limit_pids, with: {pids_count: 50}", "docker.pause"])
def test_restarted_while_a_fault_is_held(own_engine: Engine, fault: str) -> None:
    """The fault is ended when the engine is there again, and the container is as before."""
    process = own_engine.run(HELD.replace("FAULT", fault).replace("LONG", "4s"))
    own_engine.wait_for('"fault_active"')
    own_engine.stop()
    own_engine.start()
    out, err = process.communicate(timeout=BOUND_S)
    assert process.returncode == 0, out + err


def test_away_when_the_fault_is_to_end(own_engine: Engine) -> None:
    """The undo waits for the engine, for a while."""
    process = own_engine.run(HELD.replace("FAULT", "docker.pause").replace("LONG", "1s"))
    own_engine.wait_for('"fault_active"')
    own_engine.stop()
    own_engine.wait_for('"undo_tried"')
    own_engine.start()
    out, err = process.communicate(timeout=BOUND_S)
    assert process.returncode in (0, 3), out + err
    assert "1 of 1 faults seen gone" in out
