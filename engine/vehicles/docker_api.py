"""The Docker Engine API as raw HTTP, over a Unix socket or TCP (with TLS), without the SDK.

Paths, bodies and error texts are those of the Docker Engine API reference, versions 1.40 and later.
"""

import http.client
import json
import threading
import time
from typing import Any, Final, Literal, cast
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct, structs

from breakfix.engine.endpoints import Endpoint
from breakfix.engine.errors import (
    EngineError,
    EngineUnavailable,
    PermissionRefused,
    TargetVanished,
)
from breakfix.engine.ops import (
    DockerOp,
    ExecOp,
    Identity,
    Outcome,
    SignalOp,
)
from breakfix.engine.vehicles.docker_wire import NotReached, Stopped, Wire, shown_url

NOT_FOUND: Final = 404
_BAD_GATEWAY: Final = 502
"""What stands between us and an engine has not reached it."""

ASK_S: Final = 15.0
"""How long a question may take that the engine asks for its own sake."""

TEXT_BYTES_MAX: Final = 1 << 20
ANSWER_BYTES_MAX: Final = 64 << 20
"""The bound of a JSON answer to one of our own questions: a list of some 30,000 containers."""

_NOT_MODIFIED: Final = 304


class Call(Struct, frozen=True, kw_only=True):
    """One request. `alters` says that a lost answer leaves its outcome unknown."""

    method: Literal["GET", "POST", "DELETE", "PUT", "HEAD"] = "GET"
    path: str
    query: dict[str, str] = {}
    body: Any = None
    ok_status: tuple[int, ...] = (200, 201, 204)
    lines: bool = False
    alters: bool = False
    bytes_max: int = TEXT_BYTES_MAX


def incarnation(inspect: Any) -> str:
    """``PID@STARTEDAT`` of the answer of inspect; empty where nothing runs.

    >>> incarnation({"State": {"Running": True, "Pid": 7, "StartedAt": "2026-01-01T00:00:00Z"}})
    '7@2026-01-01T00:00:00Z'
    """
    state = inspect.get("State") if isinstance(inspect, dict) else None
    if not isinstance(state, dict) or not state.get("Pid"):
        return ""
    return f"{state['Pid']}@{state['StartedAt']}"


def request(endpoint: Endpoint, op: DockerOp, stop: threading.Event | None = None) -> Outcome:
    """One op. The identity that it is bound to is compared right before one that changes something.

    ``code`` is None where no answer came. ``data`` is the decoded JSON (of ``lines``, a list); what
    is no JSON is ``text``, at most 1 MiB of it.
    """
    deadline_s = time.monotonic() + op.timeout_s
    moved = moved_on(endpoint, op, deadline_s, stop)
    if moved is not None:
        return moved
    call = Call(
        method=op.method,
        path=op.path,
        query=op.query,
        body=op.body,
        ok_status=op.ok_status,
        lines=op.lines,
        alters=op.changes != "no",
    )
    outcome = send(endpoint, call, deadline_s, stop)
    if op.target is not None and names_object(op.path, op.target):
        return gone_if_missing(endpoint, outcome, op.target, op.ok_status)
    return outcome


def moved_on(
    endpoint: Endpoint,
    op: DockerOp | ExecOp | SignalOp,
    deadline_s: float,
    stop: threading.Event | None = None,
) -> Outcome | None:
    """What comes of an op whose target is not what it was bound to; None where it may go on.

    Of an op on the container's own path nothing is asked: the engine itself says that there is no
    such container, and has done nothing then.
    """
    target = op.target
    if op.changes == "no" or target is None or op.level == "name":
        return None
    if op.level == "object" and isinstance(op, DockerOp) and names_object(op.path, target):
        return None
    asked = send(
        endpoint,
        Call(path=f"/containers/{target.object_id}/json", bytes_max=ANSWER_BYTES_MAX),
        deadline_s,
        stop,
    )
    if not asked.ok:
        return gone_if_missing(endpoint, asked, target)
    now = incarnation(asked.data)
    if op.level == "object" or now == target.incarnation:
        return None
    what = f"runs as {now} now, not as {target.incarnation}" if now else "does not run any more"
    return Outcome(ok=False, gone=True, error=f"{target.name} {what}; nothing was sent")


def gone_if_missing(
    endpoint: Endpoint, outcome: Outcome, target: Identity, ok_status: tuple[int, ...] = ()
) -> Outcome:
    """An answer "no such container" means that the target is gone, if this is the engine that it
    was on."""
    if outcome.code != NOT_FOUND or NOT_FOUND in ok_status:
        return outcome
    other = another_engine(endpoint)
    if other:
        return structs.replace(outcome, error=other)
    known = f"{target.name} ({target.object_id[:12]})"
    return structs.replace(outcome, gone=True, error=f"container {known} is not there any more")


def another_engine(endpoint: Endpoint) -> str:
    """Why what an engine says does not count: it is not the one that was recorded. Else empty."""
    if not endpoint.engine_id:
        return ""
    asked = send(endpoint, Call(path="/info"), time.monotonic() + ASK_S)
    if not asked.ok:
        return f"the engine at {shown_url(endpoint)} does not say which one it is: {asked.error}"
    if asked.data.get("ID") == endpoint.engine_id:
        return ""
    return (
        f"the engine at {shown_url(endpoint)} is another one ({asked.data.get('ID')}) than that of this run "
        f"({endpoint.engine_id})"
    )


def names_object(path: str, target: Identity) -> bool:
    """Whether a path is that of a container, by its id."""
    return bool(target.object_id) and path.startswith(f"/containers/{target.object_id}")


def ask(endpoint: Endpoint, path: str, query: dict[str, str] | None = None) -> Any:
    """The JSON answer to a question.

    Raises EngineUnavailable, PermissionRefused, TargetVanished (not found) or EngineError.
    """
    call = Call(path=path, query=query or {}, bytes_max=ANSWER_BYTES_MAX)
    try:
        outcome = _exchange(endpoint, call, time.monotonic() + ASK_S, None)
    except NotReached as error:
        raise unavailable(endpoint, error) from None
    except (OSError, http.client.HTTPException) as error:
        raise EngineUnavailable(f"The Docker engine gave no answer: {_words(error)}.") from None
    if outcome.code == NOT_FOUND:
        raise TargetVanished(f"The Docker engine does not find it: {outcome.error}.")
    if outcome.code == _BAD_GATEWAY:
        why = f"The Docker engine at {shown_url(endpoint)} was not reached: {outcome.error}."
        if "permission denied" in outcome.error:
            hint = "Put its login user into the group docker (usermod -aG docker USER)."
            raise PermissionRefused(why, hint=hint)
        raise EngineUnavailable(why)
    if not outcome.ok or outcome.data is None:
        raise EngineError(f"The Docker engine could not answer: {outcome.error or 'no JSON'}.")
    return outcome.data


def unavailable(endpoint: Endpoint, error: NotReached) -> EngineError:
    """Why there is no engine to work with, and what to do about it."""
    what = str(error)
    message = f"{what[:1].upper()}{what[1:]}."
    if not error.refused:
        return EngineUnavailable(
            message,
            hint="Start it (systemctl start docker), or point DOCKER_HOST to one that runs.",
        )
    if endpoint.url.startswith("unix:"):
        hint = "Join the group docker (usermod -aG docker USER, then log in again), or run as root."
    else:
        hint = "Look at DOCKER_CERT_PATH, or at the certificates of the docker context."
    return PermissionRefused(message, hint=hint)


def send(
    endpoint: Endpoint, call: Call, deadline_s: float, stop: threading.Event | None = None
) -> Outcome:
    """One request and its answer. Never raises for what an engine or a network can do."""
    try:
        return _exchange(endpoint, call, deadline_s, stop)
    except NotReached as error:
        return Outcome(ok=False, error=str(error))
    except Stopped:
        why = "was stopped before the answer came"
    except TimeoutError:
        why = f"the Docker engine gave no answer in time to {call.method} {call.path}"
    except (OSError, http.client.HTTPException) as error:
        why = f"the answer to {call.method} {call.path} was lost: {_words(error)}"
    return Outcome(ok=False, unknown=call.alters, error=why)


def head_and_body(endpoint: Endpoint, call: Call, more: tuple[str, ...] = ()) -> bytes:
    """The bytes of a request."""
    body = b"" if call.body is None else msgspec.json.encode(call.body)
    query = f"?{urlencode(call.query)}" if call.query else ""
    lines = [
        f"{call.method} /v{endpoint.api}{quote(call.path, safe='/:')}{query} HTTP/1.1",
        "Host: docker",
        *(more or ("Connection: close",)),
    ]
    if call.body is not None:
        lines.append("Content-Type: application/json")
    if call.method != "GET":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join((*lines, "", "")).encode() + body


def _exchange(
    endpoint: Endpoint, call: Call, deadline_s: float, stop: threading.Event | None
) -> Outcome:
    if stop is not None and stop.is_set():
        raise NotReached("was stopped before it began")
    with Wire(endpoint, deadline_s, stop) as wire:
        wire.sendall(head_and_body(endpoint, call))
        with http.client.HTTPResponse(cast(Any, wire), method=call.method) as answer:
            answer.begin()
            content = _read(answer, call.bytes_max + 1)
    return outcome_of(call, answer.status, content, answer.headers.get_content_type())


def _read(answer: http.client.HTTPResponse, bytes_max: int) -> bytes:
    kept = bytearray()
    while len(kept) < bytes_max:
        piece = answer.read(min(bytes_max - len(kept), TEXT_BYTES_MAX))
        if not piece:
            if answer.length:
                raise http.client.IncompleteRead(bytes(kept), answer.length)
            break
        kept += piece
    return bytes(kept)


def outcome_of(call: Call, status: int, content: bytes, content_type: str) -> Outcome:
    """An answer as an outcome."""
    cut = len(content) > call.bytes_max
    content = content[: call.bytes_max]
    ok = status in call.ok_status
    data = _decoded(content, lines=call.lines, cut=cut) if _is_json(content_type, call) else None
    error = "" if ok else _message(status, data, content)
    text = "" if data is not None or not ok else content.decode("utf-8", "backslashreplace")
    return Outcome(ok=ok, code=status, data=data, text=text, cut=cut, error=error)


def _is_json(content_type: str, call: Call) -> bool:
    return call.lines or content_type.endswith("json")


def _decoded(content: bytes, *, lines: bool, cut: bool) -> Any:
    if not lines:
        return None if cut else _json(content)
    whole = content.split(b"\n")
    # What follows the last line break is a torn line, where the answer was cut.
    found = [_json(line) for line in (whole[:-1] if cut else whole) if line.strip()]
    return [item for item in found if item is not None]


def _json(content: bytes) -> Any:
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    try:
        return json.loads(content.decode("utf-8", "backslashreplace"))
    except ValueError:
        return None


def _message(status: int, data: Any, content: bytes) -> str:
    said = data.get("message") if isinstance(data, dict) else None
    text = said or content.decode("utf-8", "backslashreplace").strip()[:500]
    if not text and status == _NOT_MODIFIED:
        text = "it is in that state already"
    return str(text or f"the Docker engine answered {status}")


def _words(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()
