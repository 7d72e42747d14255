"""Ops on hosts, as actions build them: POSIX shell scripts with arguments, as root where that is needed.

A script is a constant; what varies goes into its arguments (``$1`` and so on), so that nothing that a
scenario says is ever read as shell. On the host there need be nothing but sshd and a POSIX shell.
"""

from typing import Annotated, Final

from msgspec import Meta

from breakfix.engine.action import HostFacts
from breakfix.engine.errors import PreconditionError
from breakfix.engine.ops import Changes, ExecOp, Level

TOOLS: Final = (
    "stress-ng", "systemctl", "systemd-run", "timeout", "setsid", "fallocate", "python3", "docker",
    "journalctl", "ss", "timedatectl",
)  # fmt: skip
"""The programs that actions make use of where they are there."""

HostPath = Annotated[str, Meta(pattern="^/[^\\x00]*$")]
"""An absolute path on a host."""

UnitName = Annotated[str, Meta(pattern="^[A-Za-z0-9:_.@\\\\][A-Za-z0-9:_.@\\\\-]*$")]
"""The name of a systemd unit, systemd.unit(5): no pattern, and no option."""


def script(
    facts: HostFacts,
    text: str,
    *args: str,
    root: bool = False,
    changes: Changes = "yes",
    level: Level = "object",
) -> ExecOp:
    """Run a script on the host, with `args` as its ``$1`` and so on; with `root`, as root.

    Ask `require_root` before: where nobody can become root there, it runs as the login user. Other
    fields of the op are set by ``msgspec.structs.replace``.
    """
    return ExecOp(
        via="ssh",
        argv=("sh", "-c", text, "breakfix", *args),
        sudo=root and facts.root == "sudo",
        changes=changes,
        target=facts.identity,
        level=level,
    )


def require_root(facts: HostFacts, what: str) -> None:
    """Raises PreconditionError where we cannot become root on the host."""
    if not facts.root:
        raise PreconditionError(
            "H210",
            f"{what} needs root on host {facts.identity.name}, and `sudo -n` does not let {facts.user} "
            "become root",
            fix=f"log in as root, or let {facts.user} run sudo without a password there",
        )


def runs_as_root(facts: HostFacts, *, root: bool) -> bool:
    """Whether an op that was made with `root` runs as root there: one of a user who is root always does."""
    return facts.root == "login" or (root and facts.root == "sudo")


def state_dir(facts: HostFacts, *, root: bool) -> str:
    """The folder on the host in which one fault keeps what it needs. It is there from before the effect
    until the fault is over, and only then: a script that finds it missing must do nothing. In it ``open``
    is there while the effect may still be made."""
    if runs_as_root(facts, root=root):
        return f"/run/breakfix/{facts.token}"
    return f"/tmp/breakfix-{facts.uid}/{facts.token}"
