"""The line that the login shell of a host is given, and what the shell says where it cannot run it.

It is ``export BREAKFIX_MARK=MARK.PID ...; exec ARGV``, or ``exec sudo -n -- env BREAKFIX_MARK=MARK.PID ...
ARGV``: the login shell becomes the command, so that nothing stands in between that could swallow a
signal, and everything that comes of it is known by its mark. PID is that of the shell, and so of the
command.
"""

import re
import secrets
from typing import Final

from breakfix.engine.ops import ExecOp
from breakfix.engine.vehicles.procfs import MARK_NAME
from breakfix.engine.vehicles.ssh.quote import line_of, quoted
from breakfix.engine.vehicles.ssh.scripts import PRELUDE

LINE_BYTES_MAX: Final = 131_071
"""One argument of a program may be no longer (MAX_ARG_STRLEN of execve(2)), and a line is one of the
login shell."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def new_mark(prefix: str) -> str:
    """A mark that nothing else has, without the pid at its end."""
    return prefix + secrets.token_hex(16)


def command_line(op: ExecOp, mark: str) -> bytes:
    """What the login shell is given. Raises ValueError where no shell could take it.

    >>> command_line(ExecOp(via="ssh", argv=("echo", "a b")), "m").decode()
    "export BREAKFIX_MARK=m.$$ ; exec echo 'a b' </dev/null"
    >>> command_line(ExecOp(via="ssh", argv=("id",), sudo=True, stdin=" "), "m").decode()
    'exec sudo -n -- env BREAKFIX_MARK=m.$$ id'
    """
    for name in op.env:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of an environment variable")
    if not op.argv[0] or op.argv[0].startswith("-"):
        raise ValueError("that is no name of a program")
    boot = op.target.incarnation if op.target and op.level == "incarnation" else ""
    # A path that begins with anything else could be taken for something else.
    folder = op.cwd if not op.cwd or op.cwd.startswith("/") else f"./{op.cwd}"
    argv = op.argv
    if boot or folder or (op.sudo and "=" in argv[0]):
        argv = ("sh", "-c", PRELUDE, "sh", boot, folder, *argv)
    given = [f"{MARK_NAME}={quoted(mark)}.$$"]
    given += [f"{name}={quoted(value)}" for name, value in op.env.items()]
    # Words in plain text: their shell's own, and what is quoted already.
    words = ["export", *given, "; exec", line_of(argv)]
    if op.sudo:
        words = ["exec sudo -n -- env", *given, line_of(argv)]
    if not op.stdin:
        words.append("</dev/null")
    line = " ".join(words).encode("utf-8", "surrogateescape")
    if len(line) > LINE_BYTES_MAX:
        raise ValueError(
            f"it is {len(line)} bytes long, and a host takes {LINE_BYTES_MAX}; what is long goes in as "
            "input"
        )
    return line


def names_as_missing(said: str, program: str) -> bool:
    """Whether it was the shell, or env(1), that could not start a program.

    >>> names_as_missing("sh: 1: exec: nosuch: not found", "nosuch")
    True
    >>> names_as_missing("sh: 1: nosuch: not found", "sh")
    False
    """
    name = re.escape(program)
    said_so = rf": \W?{name}\W?:|execute '{name}'|not found: {name}$"
    return bool(re.search(said_so, said, re.MULTILINE))
