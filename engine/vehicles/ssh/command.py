"""One command on a host: its run, its end, and what came of it."""

import signal
import threading
import time
from typing import TYPE_CHECKING, Final, Literal

from msgspec import structs

from breakfix.engine.errors import VehicleError
from breakfix.engine.ops import ExecOp, Outcome
from breakfix.engine.values import format_seconds
from breakfix.engine.vehicles.output import Kept, decoded
from breakfix.engine.vehicles.ssh.channels import aside, opened
from breakfix.engine.vehicles.ssh.line import command_line, names_as_missing
from breakfix.engine.vehicles.ssh.link import Link
from breakfix.engine.vehicles.ssh.scripts import END_MARK, REFUSED
from breakfix.engine.vehicles.ssh.waiting import (
    LOOK_EVERY_S,
    NotReached,
    OutOfTime,
    Patience,
    Stopped,
)

if TYPE_CHECKING:
    from breakfix.engine.vehicles.ssh.connect import Connection
    from breakfix.engine.vehicles.ssh.session import Session

ENDED_WITHIN_S: Final = 10.0
"""How long it may take to end a command."""

_QUIET_S: Final = 0.5
"""A command that has exited while something it left behind holds its output open is over after so long
without any output."""

_NOT_STARTED: Final = (126, 127)

End = Literal["exited", "timeout", "stopped", "broken"]


def run(link: Link, op: ExecOp, mark: str, stop: threading.Event | None) -> Outcome:
    """Run a command to its end. When this returns because of a time-out or `stop`, nothing is left that
    carries its mark, or the outcome is ``unknown`` and says that it may still run.

    ``code`` is None where the command did not start.
    """
    if op.user:
        raise VehicleError("A user can be given for commands in containers only.")
    name = link.host.name
    try:
        line = command_line(op, mark)
    except ValueError as error:
        return Outcome(ok=False, error=f"{op.argv[0]} cannot be run on {name}: {error}")
    patience = Patience(time.monotonic() + op.timeout_s, stop)
    try:
        with link.room(patience):
            connection, session = opened(link, patience)
            other = _another_key(op, connection)
            if other:
                session.close()
                return Outcome(ok=False, gone=True, error=other)
            return _Running(link, op, mark, patience).outcome(connection, session, line)
    except NotReached as failure:
        return Outcome(ok=False, unreachable=failure.unreachable, error=str(failure))
    except Stopped:
        return Outcome(ok=False, error="was stopped before it began")
    except OutOfTime:
        waited = format_seconds(op.timeout_s)
        return Outcome(
            ok=False, error=f"{name} had no room for it within {waited}; it did not begin"
        )


def _another_key(op: ExecOp, connection: "Connection") -> str:
    target = op.target
    if target is None or not target.object_id or op.level == "name":
        return ""
    meant = target.object_id.partition("@")[0]
    if meant == connection.key.fingerprint:
        return ""
    return (
        f"{target.name} shows the key {connection.key.fingerprint} now, and not {meant}; nothing was "
        "sent"
    )


class _Running:
    def __init__(self, link: Link, op: ExecOp, mark: str, patience: Patience) -> None:
        self._link = link
        self._name = link.host.name
        self._op = op
        self._mark = mark
        self._patience = patience
        self._given = memoryview(op.stdin.encode("utf-8", "surrogateescape"))

    def outcome(self, connection: "Connection", session: "Session", line: bytes) -> Outcome:
        op = self._op
        session.out, session.err = Kept(op.output_bytes_max), Kept(op.output_bytes_max)
        try:
            session.begin(line)
            end = self._pump(connection, session)
            if end == "timeout":
                took = f"took longer than {format_seconds(op.timeout_s)}"
                return self._ended_by_us(session, took)
            if end == "stopped":
                return self._ended_by_us(session, "was stopped before it was over")
            if end == "broken":
                return self._broken(session)
            if op.changes == "no" and not session.closed:
                self._end_all(session)
            return self._exited(session)
        except BaseException:
            self._end_all(session)
            raise
        finally:
            session.close()

    # --- running ---

    def _pump(self, connection: "Connection", session: "Session") -> End:
        fed = not self._given
        try:
            while True:
                session.wake.clear()
                if session.closed:
                    over = session.exited or session.refused or connection.alive
                    return "exited" if over else "broken"
                pause_s = self._patience.slice_s()
                if session.exited:
                    quiet_s = time.monotonic() - session.heard_at_s
                    if quiet_s > _QUIET_S:
                        return "exited"
                    pause_s = min(pause_s, _QUIET_S)
                session.settle()
                if not fed:
                    fed = self._fed(connection, session)
                    pause_s = min(pause_s, LOOK_EVERY_S) if self._given else pause_s
                if not self._given or not session.send_ready():
                    session.wake.wait(pause_s)
        except Stopped:
            return "stopped"
        except OutOfTime:
            return "timeout"

    def _fed(self, connection: "Connection", session: "Session") -> bool:
        """Feed the command; True where all of it is in."""
        if not connection.transport.writable():
            session.wake.wait(LOOK_EVERY_S / 5)
            return False
        self._given = self._given[session.feed(self._given) :]
        if self._given:
            return False
        session.shutdown_write()
        return True

    # --- over ---

    def _exited(self, session: "Session") -> Outcome:
        op, said = self._op, session.err.text()
        code = _code_of(session)
        not_run = self._not_run(session, code, said)
        if not_run is not None:
            return not_run
        error = ""
        if code is None:
            signal_name = session.exit_signal.partition("@")[0]
            how = f"by a signal ({signal_name})" if signal_name else "in no way that it tells"
            error = f"{op.argv[0]} on {self._name} ended {how}"
        return self._made(
            session,
            ok=code in op.ok_exit,
            code=code,
            unknown=code is None and not session.exit_signal and op.changes != "no",
            error=error,
        )

    def _not_run(self, session: "Session", code: int | None, said: str) -> Outcome | None:
        """Why the command was not run, although the host took the line."""
        op, name = self._op, self._name
        if session.refused:
            return Outcome(
                ok=False, error=f"{name} does not run commands for {self._link.host.user}"
            )
        last = said.rstrip().rpartition("\n")[2]
        if code == REFUSED and last.startswith(f"{self._mark}."):
            what, _, now = last.partition(" ")[2].partition(" ")
            if what == "folder":
                why = f"there is no folder {op.cwd} on {name} to run {op.argv[0]} in"
                return Outcome(ok=False, error=why)
            assert op.target is not None
            why = (
                f"{name} is in its boot {now} now, not in {op.target.incarnation}; nothing was run"
            )
            return Outcome(ok=False, gone=True, error=why)
        if op.sudo and said and code in (1, *_NOT_STARTED) and not self._may_sudo():
            return Outcome(
                ok=False,
                error=f"`sudo -n` does not let {self._link.host.user} become root on {name}: "
                f"{said.strip()[:300]}",
            )
        if code in _NOT_STARTED and names_as_missing(said, op.argv[0]):
            return Outcome(
                ok=False, error=f"{op.argv[0]} cannot be started on {name}: {said.strip()[:300]}"
            )
        return None

    def _may_sudo(self) -> bool:
        """Asked where a command failed and it may have been sudo that did: what that says depends on
        the language of the host."""
        return self._aside(("sudo", "-n", "true")) == 0

    def _broken(self, session: "Session") -> Outcome:
        ended = self._end_all(session)
        left = "what was left of it was ended" if ended else "it may still run"
        made = self._made(
            session,
            ok=False,
            unknown=self._op.changes != "no",
            error=f"the connection to {self._name} broke before {self._op.argv[0]} was over; {left}",
        )
        return structs.replace(made, unreachable=True)

    def _made(
        self,
        session: "Session",
        *,
        ok: bool,
        error: str,
        code: int | None = None,
        unknown: bool = False,
    ) -> Outcome:
        text = session.out.text()
        return Outcome(
            ok=ok,
            code=code,
            data=None if session.out.cut else decoded(text),
            text=text,
            stderr=session.err.text(),
            cut=session.out.cut or session.err.cut,
            unknown=unknown,
            error=error,
        )

    # --- ending ---

    def _ended_by_us(self, session: "Session", why: str) -> Outcome:
        ended = self._end_all(session)
        why += " and was ended" if ended else f"; it may still run on {self._name}"
        code = _code_of(session) if ended else None
        return self._made(session, ok=False, code=code, unknown=not ended, error=why)

    def _end_all(self, session: "Session") -> bool:
        """End everything that carries the mark; whether nothing is left of it."""
        until_s = time.monotonic() + ENDED_WITHIN_S
        argv = ("sh", "-c", END_MARK, "sh", self._mark)
        while time.monotonic() < until_s:
            if not session.closed and not self._op.sudo:
                session.kill()
            if self._aside((*(("sudo", "-n", "--") if self._op.sudo else ()), *argv)) != 0:
                return False
            # Else the login shell may not have become the command yet, and carries no mark.
            if session.exited or session.closed:
                return True
            session.wake.wait(LOOK_EVERY_S)
        return False

    def _aside(self, argv: tuple[str, ...]) -> int | None:
        """The exit code of a command of our own on a channel of its own."""
        patience = Patience(time.monotonic() + ENDED_WITHIN_S)
        return aside(self._link, argv, patience)[0]


def _code_of(session: "Session") -> int | None:
    """The exit code; negative where a signal ended it; None where the host does not tell."""
    if session.exit_code is not None:
        return session.exit_code
    try:
        return -signal.Signals[f"SIG{session.exit_signal}"].value
    except KeyError:
        return None
