"""Asking a run that is alive to do something: NDJSON over a Unix socket in its folder.

A second process never writes the journal of a run: it asks the writer, which journals each request before
it acts. One request a connection, ``{"op": "halt"}`` or ``{"op": "undo", "step": ID}``, and one answer,
``{"ok": true, "message": "..."}``.
"""

import os
import socket
from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import Struct

from breakfix.engine.errors import EngineError

SOCKET: Final = "control.sock"
ANSWER_WITHIN_S: Final = 10.0


class Request(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked of a run."""

    op: Literal["halt", "undo"]
    step: str = ""


class Answer(Struct, frozen=True, kw_only=True):
    """What came of it."""

    ok: bool
    message: str


def short_path(folder: Path) -> tuple[str, int]:
    """A path to the socket that is short enough for sun_path (108 bytes, unix(7)), and the descriptor
    that must stay open while it is used."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    return f"/proc/self/fd/{fd}/{SOCKET}", fd


def ask(folder: Path, request: Request) -> Answer:
    """Ask the run whose folder this is. Raises EngineError where nobody answers."""
    path, fd = short_path(folder)
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(ANSWER_WITHIN_S)
            client.connect(path)
            client.sendall(msgspec.json.encode(request) + b"\n")
            client.shutdown(socket.SHUT_WR)
            with client.makefile("rb") as answers:
                return msgspec.json.decode(answers.readline(), type=Answer)
    except (OSError, msgspec.MsgspecError) as error:
        raise EngineError(f"run {folder.name} does not answer: {error}.") from error
    finally:
        os.close(fd)
