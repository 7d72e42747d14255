"""This machine in the place of an SSH host: its ops run as they are, without a connection."""

import json
import os
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any, Final

from breakfix.engine.action import HostFacts
from breakfix.engine.host_ops import TOOLS
from breakfix.engine.ops import ExecOp, Identity, Op, Outcome

BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


def local_facts(token: str, *, without: tuple[str, ...] = (), **changed: Any) -> HostFacts:
    """This machine as a host where we are who we are, and without systemd."""
    memory = dict(
        line.replace(" kB", "").split(":") for line in Path("/proc/meminfo").read_text().splitlines()
    )
    known: dict[str, Any] = {
        "identity": Identity(
            kind="ssh",
            name="here",
            endpoint="here",
            object_id="SHA256:x@127.0.0.1:22",
            incarnation=BOOT_ID.read_text().strip(),
        ),
        "user": "me",
        "uid": os.getuid(),
        "root": "login" if os.geteuid() == 0 else "",
        "systemd": False,
        "tools": tuple(tool for tool in TOOLS if shutil.which(tool) and tool not in without),
        "cpus": os.cpu_count() or 1,
        "memory_bytes": int(memory["MemTotal"]) * 1024,
        "memory_available_bytes": int(memory["MemAvailable"]) * 1024,
        "token": token,
    }
    return HostFacts(**{**known, **changed})


class LocalHost:
    """Executes ops on hosts here. ``env`` is added to the environment of each; with `shell`, that is
    the program that reads scripts: ``("busybox", "sh")``."""

    def __init__(self, env: dict[str, str] | None = None, shell: tuple[str, ...] = ("sh",)) -> None:
        self._env = env or {}
        self._shell = shell

    def run(self, op: Op, *, stop: threading.Event | None = None) -> Outcome:
        """Execute one op."""
        assert isinstance(op, ExecOp) and op.via == "ssh"
        argv = [*self._shell, *op.argv[1:]] if op.argv[0] == "sh" else list(op.argv)
        done = subprocess.run(
            argv,
            input=op.stdin,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            check=False,
            env={**os.environ, "BREAKFIX_MARK": "run.1", **self._env, **op.env},
            timeout=op.timeout_s,
        )
        data = json.loads(done.stdout) if done.stdout[:1] in ("{", "[") else None
        return Outcome(
            ok=done.returncode in op.ok_exit,
            code=done.returncode,
            data=data,
            text=done.stdout,
            stderr=done.stderr,
        )
