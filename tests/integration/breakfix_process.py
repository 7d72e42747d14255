"""breakfix as a process, with a home of its own."""

import json
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any


class Cli:
    """Runs breakfix as a process with a home of its own."""

    bound_s = 120.0
    """How long a command may take: generous, for machines under load."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.prefix: list[str] = []
        self.environ = {
            **os.environ,
            "BREAKFIX_HOME": str(self.home),
            "BREAKFIX_MACHINE_DIR": str(folder / "machine"),
            "BREAKFIX_HISTORY": "none",
            "NO_COLOR": "1",
            "PYTHONUNBUFFERED": "1",
        }

    def write(self, text: str, name: str = "scenario.yaml") -> Path:
        """A scenario file."""
        path = self.folder / name
        path.write_text(textwrap.dedent(text))
        return path

    def start(self, *args: str | Path, **options: Any) -> subprocess.Popen[str]:
        """Start a command; its output is text."""
        return subprocess.Popen(
            [*self.prefix, sys.executable, "-m", "breakfix", *map(str, args)],
            env=self.environ,
            stdout=options.pop("stdout", subprocess.PIPE),
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            cwd=self.folder,
            **options,
        )

    def run(self, *args: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        process = self.start(*args)
        out, err = process.communicate(timeout=self.bound_s)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def record(self) -> dict[str, Any]:
        """What the newest run's report says, as JSON."""
        done = self.run("report", "last", "--format", "json")
        assert done.stdout, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def journal(self) -> list[dict[str, Any]]:
        """The lines of the newest run's journal, as far as they are whole."""
        runs = sorted(
            (self.home / "runs").glob("*/journal.ndjson"), key=lambda p: p.stat().st_mtime
        )
        if not runs:
            return []
        lines = runs[-1].read_bytes().split(b"\n")[:-1]
        return [json.loads(line) for line in lines]

    def events(self, kind: str) -> list[dict[str, Any]]:
        """The events of one type."""
        return [line["event"] for line in self.journal() if line["event"]["type"] == kind]

    def wait_for_active(self, run: "subprocess.Popen[str]", count: int) -> None:
        """Wait until so many faults of a run are active."""
        end_s = time.monotonic() + self.bound_s
        while len(self.events("fault_active")) < count:
            assert run.poll() is None, "".join(run.communicate())
            assert time.monotonic() < end_s, self.events("fault_active")
            time.sleep(0.05)

    def marks(self) -> list[str]:
        """The marks of the process targets of the newest run."""
        return [event["mark"] for event in self.events("mark_intended")]

    @staticmethod
    def carriers(mark: str) -> list[int]:
        """The processes whose environment carries a mark."""
        found = []
        needle = f"BREAKFIX_MARK={mark}".encode()
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if needle in (entry / "environ").read_bytes().split(b"\0"):
                        found.append(int(entry.name))
                except OSError:
                    continue
        return found

    @staticmethod
    def guardian_of(engine: int) -> int:
        """The pid of the guardian that an engine started."""
        children = Path(f"/proc/{engine}/task").glob("*/children")
        pids = [int(pid) for path in children for pid in path.read_text().split()]
        found = [
            pid
            for pid in pids
            if b"breakfix.engine.guardian" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]
        assert len(found) == 1, found
        return found[0]
