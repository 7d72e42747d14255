"""A thousand observers at one look a second: how late they look, and what that costs."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from breakfix.engine.events import ObserverSampled
from breakfix.engine.journal import read

OBSERVERS = 1000
EVERY_S = 1.0
SERVER = """
import asyncio, sys
GOOD = b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n"
async def answer(reader, writer):
    await reader.readline()
    writer.write(GOOD)
    writer.close()
async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


class Load(Struct, frozen=True, kw_only=True):
    """Lags in seconds, one for each sample after its observer's earliest; CPU seconds of the sampling
    process for each second of the run; its resident bytes; how many samples were not good."""

    lags_s: tuple[float, ...]
    cpu_share: float
    memory_bytes: int
    not_good: int


def load(breakfix: Sequence[str], action: str, length_s: int) -> Load:
    """Observe one server on loopback a thousand times over, by ``http.get`` or ``tcp.connect``."""
    with (
        tempfile.TemporaryDirectory(prefix="breakfix-bench-") as name,
        subprocess.Popen(
            [sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True
        ) as server,
    ):
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            return _observed(breakfix, Path(name), _scenario(action, port, length_s), length_s)
        finally:
            server.kill()


def _scenario(action: str, port: int, length_s: int) -> str:
    given = {
        "http.get": {"url": f"http://127.0.0.1:{port}/"},
        "tcp.connect": {"host": "127.0.0.1", "port": port},
    }
    parameters = json.dumps(given[action])
    lines = ["version: 1", "name: load", "probes:"]
    lines += [f"  p{n}: {{{action}: {parameters}, every: 1s}}" for n in range(OBSERVERS)]
    lines += [f"observe: [{', '.join(f'p{n}' for n in range(OBSERVERS))}]"]
    lines += ["steps:", f"  - {{id: long, wait: {length_s}s}}"]
    return "\n".join(lines) + "\n"


def _observed(breakfix: Sequence[str], folder: Path, text: str, length_s: int) -> Load:
    path = folder / "load.yaml"
    path.write_text(text)
    with subprocess.Popen(
        [*breakfix, "run", path],
        env={**os.environ, "BREAKFIX_HOME": str(folder / "home")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as engine:
        # The second half of the run: what starting costs is not in it.
        time.sleep(length_s / 2)
        sampler = _sampler_of(engine.pid)
        begin_s, used_s = time.monotonic(), _cpu_s(sampler)
        time.sleep(length_s / 4)
        share = (_cpu_s(sampler) - used_s) / (time.monotonic() - begin_s)
        memory = int(Path(f"/proc/{sampler}/statm").read_text().split()[1]) * os.sysconf(
            "SC_PAGESIZE"
        )
        engine.wait(length_s + 120)
    (journal,) = (folder / "home" / "runs").glob("*/journal.ndjson")
    lags, not_good = _lags(journal)
    return Load(lags_s=tuple(lags), cpu_share=share, memory_bytes=memory, not_good=not_good)


def _sampler_of(engine: int) -> int:
    for path in Path(f"/proc/{engine}/task").glob("*/children"):
        for pid in path.read_text().split():
            if b"breakfix.engine.sampler" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return int(pid)
    raise RuntimeError("There is no sampling process.")


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    # utime and stime: fields 14 and 15 of proc(5) stat.
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _lags(journal: Path) -> tuple[list[float], int]:
    """Of each sample: how much later on its grid it began than the earliest of its observer."""
    begun: dict[str, list[float]] = {}
    not_good = 0
    for line in read(journal):
        if isinstance(line.event, ObserverSampled):
            begun.setdefault(line.event.probe, []).extend(one[1] for one in line.event.samples)
            not_good += sum(one[0] != "good" for one in line.event.samples)
    lags: list[float] = []
    for started in begun.values():
        late = [at_s - index * EVERY_S for index, at_s in enumerate(sorted(started))]
        lags += [one - min(late) for one in late]
    return lags, not_good
