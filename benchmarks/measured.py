"""One command, run to its end: how long it took, and how much memory its largest process had."""

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"


@dataclass(frozen=True)
class Command:
    """What is run, and the exit code that says that it did its work."""

    argv: Sequence[str]
    ok_exit: int = 0
    environ: Mapping[str, str] | None = None
    folder: Path | None = None


@dataclass(frozen=True)
class Cost:
    """Wall time in seconds, the largest resident set, and CPU time, of waited-for children too."""

    wall_s: float
    memory_bytes: int
    cpu_s: float = 0.0


def cost(command: Command) -> Cost:
    """Run it once. Raises RuntimeError with its last words where it ends in another way."""
    # Installed packages have their byte code; so must a checkout, from its second start on.
    inherited = {name: value for name, value in os.environ.items() if name != NO_BYTECODE}
    with tempfile.TemporaryFile() as said:
        began_s = time.perf_counter()
        process = subprocess.Popen(
            command.argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            env={**inherited, **(command.environ or {})},
            cwd=command.folder,
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - began_s
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != command.ok_exit:
            said.seek(0)
            words = said.read().decode(errors="replace")[-2000:]
            raise RuntimeError(f"{' '.join(command.argv)} ended with {process.returncode}: {words}")
    return Cost(wall_s, usage.ru_maxrss * 1024, usage.ru_utime + usage.ru_stime)


def interleaved(commands: Mapping[str, Command], rounds: int) -> dict[str, Cost]:
    """Each command once a round, so that a change of the machine meets all of them; their medians.
    One round before is not counted: it fills the caches."""
    for command in commands.values():
        cost(command)
    taken: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            taken[name].append(cost(command))
    return {
        name: Cost(
            statistics.median(one.wall_s for one in costs),
            int(statistics.median(one.memory_bytes for one in costs)),
            statistics.median(one.cpu_s for one in costs),
        )
        for name, costs in taken.items()
    }
