"""A PostgreSQL of our own, in a folder of its own, without a port."""

import getpass
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

BOUND_S = 120
ORDINARY = ("postgres", "nobody")
"""PostgreSQL does not run as root."""


def binaries() -> Path | None:
    """The folder of the newest PostgreSQL on this machine."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    there = shutil.which("initdb")
    return Path(there).resolve().parent if there else None


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a database; it ends with the tests."""
    folder = binaries()
    if folder is None:
        pytest.fail("These tests need PostgreSQL: apt-get install postgresql", pytrace=False)
    user = getpass.getuser()
    if os.geteuid() == 0:
        names = {entry.pw_name for entry in pwd.getpwall()}
        user = next(name for name in ORDINARY if name in names)
    with tempfile.TemporaryDirectory(prefix="bfx-pg-", dir="/tmp") as name:
        if os.geteuid() == 0:
            shutil.chown(name, user)
        data = Path(name) / "data"

        def run(*argv: str) -> None:
            subprocess.run(
                [str(folder / argv[0]), *argv[1:]], check=True, timeout=BOUND_S, cwd=name,
                stdout=subprocess.DEVNULL, user=user if os.geteuid() == 0 else None,
            )  # fmt: skip

        run("initdb", "-D", str(data), "-U", "breakfix", "-A", "trust", "-N", "-E", "UTF8")
        options = f"-k {name} -c listen_addresses='' -c fsync=off"
        run("pg_ctl", "-D", str(data), "-o", options, "-l", f"{name}/log", "-w", "start")
        try:
            yield f"postgresql://breakfix@/postgres?host={name}"
        finally:
            run("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
