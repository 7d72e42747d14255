"""A host that is cut off from its engine in the middle of a fault: the dead-man switch must end it there."""

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from msgspec import Struct
from tests.integration.crash.cases import Case
from tests.integration.crash.host_arena import on_a_host
from tests.integration.crash.matrix import (
    ALONE_S,
    SOON,
    Arena,
    Death,
    Kill,
    differences,
    ended_by,
    recover,
    residue_of,
    start,
    wait_for_switches,
    wait_until_over,
)
from tests.integration.crash.relay import told
from tests.integration.ssh_server import SshServer

RELAY: Final = Path(__file__).with_name("relay.py")
BOUND_S: Final = 240.0
"""What waits for a host that does not answer has patience."""
LATE_S: Final = 2.0
"""What was sent before the cut, and arrives after the join, may have done its harm by then."""
RESIDUE_EXIT: Final = 6


class Cut(Struct, frozen=True, kw_only=True):
    """The way is cut at a point, and then somebody is killed, or nobody. It is whole again when the switch has
    done its work: ``soon``, while engine or guardian are still trying; or ``late``, when they have given up."""

    point: str
    who: Literal["nobody", "engine", "both"]
    join: Literal["soon", "late"] = "late"

    @property
    def words(self) -> str:
        """For people."""
        killed = "" if self.who == "nobody" else f", {self.who} killed"
        return f"cut at {self.point}{killed}, joined {self.join}"


def cut_at(sshd: SshServer, case: Case, number: int, cut: Cut) -> Kill:
    """What is left in the end, and who has ended the fault."""
    with (
        tempfile.TemporaryDirectory(prefix="breakfix-cut-") as name,
        tempfile.TemporaryDirectory(prefix="breakfix-way-") as way,
        _relay(sshd, number, Path(way) / "control") as port,
        on_a_host(sshd, case, number, port) as arena,
    ):
        return _cut(Path(name), Path(way) / "control", arena, cut)


@contextlib.contextmanager
def _relay(sshd: SshServer, number: int, control: Path) -> Iterator[int]:
    command: list[str | Path] = [sys.executable, RELAY, str(sshd.port), control, sshd.address(number)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as made:
        try:
            assert made.stdout is not None
            yield int(made.stdout.readline())
        finally:
            made.kill()


def _cut(folder: Path, control: Path, arena: Arena, cut: Cut) -> Kill:
    before = arena.survey()
    environ = {**SOON, "CRASH_RELAY": str(control)}
    engine = start(folder, arena, Death(point=cut.point, who=cut.who, environ=environ))
    happened = _reached(folder, cut.point, engine)
    time.sleep(ALONE_S)
    residue = [f"on the host: {left}" for left in wait_for_switches(folder, arena, before)]
    code = None
    if cut.join == "late":
        code = engine.wait(BOUND_S)
        residue += wait_until_over(folder, BOUND_S)
    told(control, "join")
    if code is None:
        code = engine.wait(BOUND_S)
        residue += wait_until_over(folder, BOUND_S)
    if cut.who == "nobody" and (code == RESIDUE_EXIT) != (cut.join == "late"):
        residue.append(f"the engine ends with {code}: {(folder / 'said').read_text()[-2000:]}")
    residue += recover(folder)
    time.sleep(LATE_S)
    residue += [f"after the join: {left}" for left in wait_for_switches(folder, arena, before)]
    residue += differences(before, arena.survey())
    residue += residue_of(folder, arena)
    return Kill(
        point=cut.words,
        who="cut",
        happened=happened,
        residue=tuple(residue),
        ended_by=ended_by(folder),
    )


def _reached(folder: Path, point: str, engine: "subprocess.Popen[bytes]") -> bool:
    """Wait until the engine has passed a point, or is over."""
    end_s = time.monotonic() + BOUND_S
    passed = folder / "passed"
    while time.monotonic() < end_s:
        if passed.exists() and point in passed.read_text().split():
            return True
        if engine.poll() is not None:
            return False
        time.sleep(0.02)
    return False
