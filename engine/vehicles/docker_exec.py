"""Commands in containers: an argv without a shell of its own, bounded in time and in output.

The API can start a command and read it, but not end it: closing the stream leaves the process running.
So a shell of the image prints its pid, which is the number of a new process group, before it becomes
the command; the group is ended by a ``kill`` on a second exec. Where the image has no shell, a process
of this machine is ended by the pid that it has here; on any other machine the command is refused
before it begins, unless the op says that it may go unbounded.
"""

import http.client
import threading
import time
from typing import Any, Final, Literal, cast

from msgspec import structs

from breakfix.engine.endpoints import Endpoint
from breakfix.engine.errors import VehicleError
from breakfix.engine.ops import ExecOp, Outcome
from breakfix.engine.values import format_seconds
from breakfix.engine.vehicles import docker_host
from breakfix.engine.vehicles.docker_api import (
    ASK_S,
    Call,
    gone_if_missing,
    head_and_body,
    moved_on,
    outcome_of,
    send,
)
from breakfix.engine.vehicles.docker_frames import Frames
from breakfix.engine.vehicles.docker_wire import NotReached, Wire

_WRAPPER: Final = ("sh", "-c", 'echo $$; exec "$@"', "sh")
_NOT_STARTED: Final = (126, 127)
"""The exit codes of a command that could not be started, as sh(1) and the engine give them."""

_SWITCHING_PROTOCOLS: Final = 101
_LOOK_EVERY_S: Final = 0.05
_ASK_EVERY_S: Final = 0.5
"""How often a command that says nothing is asked whether it still runs: a process that it left behind
may hold its output open."""
_ENDED_WITHIN_S: Final = 5.0

End = Literal["exited", "timeout", "stopped"]


def run(endpoint: Endpoint, op: ExecOp, stop: threading.Event | None = None) -> Outcome:
    """Run a command to its end in the container `op.target`.

    When this returns because of a time-out or `stop`, nothing of its process group is left, or the
    outcome is ``unknown`` and says that it may still run. ``code`` is None where it did not start.
    """
    target = op.target
    if target is None:
        raise VehicleError("A command in a container needs a container.")
    if op.stdin and endpoint.tls_ca:
        raise VehicleError("A command in a container cannot be given input over TLS.")
    deadline_s = time.monotonic() + op.timeout_s
    moved = moved_on(endpoint, op, deadline_s, stop)
    if moved is not None:
        return moved
    wrapped = _Running(endpoint, op, deadline_s, stop, wrapped=True)
    outcome = wrapped.outcome()
    if not wrapped.without_shell:
        return outcome
    here = docker_host.shares_processes(endpoint)
    if not here and not op.unbounded:
        return Outcome(
            ok=False,
            error=f"the image of {target.name} has no shell (sh), so that nothing could end "
            f"{op.argv[0]} at its time-out; it was not started. Say allow: [unbounded] to run it "
            "all the same",
        )
    return _Running(endpoint, op, deadline_s, stop, wrapped=False).outcome()


class _Running:
    """One command. `without_shell` says that nothing was run, for want of a shell."""

    def __init__(
        self,
        endpoint: Endpoint,
        op: ExecOp,
        deadline_s: float,
        stop: threading.Event | None,
        *,
        wrapped: bool,
    ) -> None:
        assert op.target is not None
        self._endpoint = endpoint
        self._op = op
        self._target = op.target
        self._deadline_s = deadline_s
        self._stop = stop
        self._wrapped = wrapped
        self._exec_id = ""
        self._frames = Frames(op.output_bytes_max, announced=wrapped)
        self.without_shell = False

    def outcome(self) -> Outcome:
        made = self._create(self._body())
        if not made.ok:
            return made
        self._exec_id = made.data["Id"]
        try:
            with Wire(self._endpoint, self._deadline_s, None) as wire:
                refused = self._begin(wire)
                if refused is not None:
                    return self._not_started(refused)
                end = self._pump(wire)
                if end == "timeout":
                    took = f"took longer than {format_seconds(self._op.timeout_s)}"
                    return self._ended_by_us(wire, took)
                if end == "stopped":
                    return self._ended_by_us(wire, "was stopped before it was over")
        except NotReached as error:
            return Outcome(ok=False, error=str(error))
        except (OSError, http.client.HTTPException) as error:
            what = getattr(error, "strerror", None) or str(error) or "no answer in time"
            return self._ended_by_us(None, f"the connection to {self._target.name} failed ({what})")
        return self._exited()

    # --- beginning ---

    def _body(self) -> dict[str, Any]:
        op = self._op
        return {
            "AttachStdin": bool(op.stdin),
            "AttachStdout": True,
            "AttachStderr": True,
            "Cmd": [*(_WRAPPER if self._wrapped else ()), *op.argv],
            "Env": [f"{name}={value}" for name, value in op.env.items()],
            "WorkingDir": op.cwd,
            "User": op.user,
        }

    def _create(self, body: dict[str, Any]) -> Outcome:
        """Creating runs nothing yet: its failure is never unknown."""
        call = Call(method="POST", path=f"/containers/{self._target.object_id}/exec", body=body)
        made = send(self._endpoint, call, self._deadline_s, self._stop)
        if made.ok:
            return made
        # The status of the answer is no exit code.
        return structs.replace(gone_if_missing(self._endpoint, made, self._target), code=None)

    def _begin(self, wire: Wire) -> Outcome | None:
        """Start it; what the engine answered where it did not."""
        call = Call(
            method="POST",
            path=f"/exec/{self._exec_id}/start",
            body={"Detach": False, "Tty": False},
        )
        # Byte by byte: what follows the head of the answer is the output.
        wire.buffer_bytes = 1
        wire.sendall(
            head_and_body(self._endpoint, call, ("Connection: Upgrade", "Upgrade: tcp"))
        )
        answer = http.client.HTTPResponse(cast(Any, wire), method="POST")
        answer.begin()
        if answer.status in (200, _SWITCHING_PROTOCOLS):
            return None
        content = answer.read(1 << 16)
        return outcome_of(call, answer.status, content, answer.headers.get_content_type())

    # --- running ---

    def _pump(self, wire: Wire) -> End:
        given = memoryview(self._op.stdin.encode("utf-8", "surrogateescape"))
        open_input = bool(given)
        ask_at_s = time.monotonic() + _ASK_EVERY_S
        while True:
            now_s = time.monotonic()
            if self._stop is not None and self._stop.is_set():
                return "stopped"
            if now_s >= self._deadline_s:
                return "timeout"
            if given:
                given = given[wire.send_some(given) :]
            elif open_input:
                wire.end_of_input()
                open_input = False
            piece = wire.receive(min(_LOOK_EVERY_S, self._deadline_s - now_s))
            if piece:
                self._frames.feed(piece)
                ask_at_s = time.monotonic() + _ASK_EVERY_S
            elif piece is not None:
                return self._wait_exit()
            elif time.monotonic() >= ask_at_s:
                if not self._state().get("Running", True):
                    return "exited"
                ask_at_s = time.monotonic() + _ASK_EVERY_S

    def _wait_exit(self) -> End:
        """Its output is closed; it may run on."""
        while self._state().get("Running", True):
            if self._stop is not None and self._stop.is_set():
                return "stopped"
            if time.monotonic() >= self._deadline_s:
                return "timeout"
            time.sleep(_LOOK_EVERY_S / 5)
        return "exited"

    def _state(self) -> dict[str, Any]:
        """What the engine knows of it; empty where it does not say."""
        asked = send(
            self._endpoint, Call(path=f"/exec/{self._exec_id}/json"), time.monotonic() + ASK_S
        )
        return asked.data if asked.ok and isinstance(asked.data, dict) else {}

    # --- ending ---

    def _exited(self) -> Outcome:
        frames, state = self._frames, self._state()
        code = state.get("ExitCode")
        started = frames.group is not None if self._wrapped else bool(state.get("Pid"))
        if code in _NOT_STARTED and not started:
            return self._not_started(Outcome(ok=False, text=frames.out_text + frames.err_text))
        error = ""
        if code is None:
            error = f"{self._target.name} does not say how {self._op.argv[0]} ended"
        elif code in _NOT_STARTED and code not in self._op.ok_exit:
            what = "not found" if code == _NOT_STARTED[1] else "not executable"
            said = frames.err_text.strip()[:300]
            error = f"{self._op.argv[0]}: {what} in {self._target.name} (exit code {code}): {said}"
        return Outcome(
            ok=code in self._op.ok_exit,
            code=code,
            text=frames.out_text,
            stderr=frames.err_text,
            cut=frames.cut,
            unknown=code is None and self._op.changes != "no",
            error=error,
        )

    def _not_started(self, said: Outcome) -> Outcome:
        self.without_shell = self._wrapped
        text = (said.error or said.text).strip()
        name = self._op.argv[0]
        why = f"{name} could not be started in {self._target.name}: {text[:500]}"
        return Outcome(ok=False, error=why)

    def _ended_by_us(self, wire: Wire | None, why: str) -> Outcome:
        """The process group is ended, and seen to be."""
        ended = self._end_group(wire)
        why += " and was ended" if ended else f"; it may still run in {self._target.name}"
        return Outcome(
            ok=False,
            code=self._state().get("ExitCode") if ended else None,
            text=self._frames.out_text,
            stderr=self._frames.err_text,
            cut=self._frames.cut,
            unknown=not ended,
            error=why,
        )

    def _end_group(self, wire: Wire | None) -> bool:
        until_s = time.monotonic() + _ENDED_WITHIN_S
        if wire is not None and self._wrapped:
            self._wait_announced(wire, until_s)
        if self._frames.group is not None:
            self._kill_inside(self._frames.group)
            if self._wait_ended(until_s - _ENDED_WITHIN_S / 2):
                return True
        if docker_host.shares_processes(self._endpoint):
            docker_host.kill_group(self._state().get("Pid") or 0, self._target.object_id)
        return self._wait_ended(until_s)

    def _wait_announced(self, wire: Wire, until_s: float) -> None:
        wire.deadline_s = until_s
        while self._frames.group is None and time.monotonic() < until_s:
            piece = wire.receive(_LOOK_EVERY_S)
            if piece == b"":
                return
            self._frames.feed(piece or b"")

    def _kill_inside(self, group: int) -> None:
        # The shell's own kill: the image may have no other. Busybox does not know `--`.
        call = Call(
            method="POST",
            path=f"/containers/{self._target.object_id}/exec",
            body={"Cmd": ["sh", "-c", f"kill -9 -{group}"], "User": self._op.user},
        )
        made = send(self._endpoint, call, time.monotonic() + ASK_S)
        if made.ok:
            start = Call(
                method="POST", path=f"/exec/{made.data['Id']}/start", body={"Detach": True}
            )
            send(self._endpoint, start, time.monotonic() + ASK_S)

    def _wait_ended(self, until_s: float) -> bool:
        while self._state().get("Running", True):
            if time.monotonic() >= until_s:
                return False
            time.sleep(_LOOK_EVERY_S / 5)
        return True
