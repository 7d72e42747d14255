"""The room on the disks of hosts: what takes it, and what makes it again."""

from typing import Annotated, Final

from msgspec import Meta

from breakfix.engine.host_ops import HostPath
from breakfix.engine.values import Size, fraction, size_bytes

Folder = Annotated[HostPath, Meta(description="A folder of the file system that is meant, absolute.")]
Reserve = Annotated[
    Size, Meta(description="So much stays free; where it could not, the fault is refused.")
]
RESERVE: Final = "200MiB"

SPACE: Final = r"""
# Sets, of the file system of $1, in bytes: used, free (to us) and capacity; inodes and inodes_free.
space() {
  [ -d "$1" ] || refuse "there is no folder $1"
  what=$1
  set -- $(stat -f -c '%S %b %f %a %c %d' "$1" 2>/dev/null)
  [ $# -eq 6 ] || refuse "the space of $what cannot be read: there is no stat that knows file systems"
  used=$((($2 - $3) * $1)) free=$(($4 * $1)) capacity=$((($2 - $3 + $4) * $1))
  inodes=$5 inodes_free=$6
}
"""
"""Goes behind what defines ``refuse``."""


def own_name(path: str, token: str) -> str:
    """What a fault makes in a folder: hidden, and nobody else's.

    >>> own_name("/srv/", "run.fill.1a2b")
    '/srv/.breakfix-run.fill.1a2b'
    """
    return f"{path.rstrip('/')}/.breakfix-{token}"


def amount(size: str | None, share: str | None, leave: str | None) -> tuple[str, str]:
    """Which of the three was said, and how much: in bytes, a share in parts of ten thousand."""
    if size is not None:
        return "size", str(size_bytes(size))
    if share is not None:
        return "share", str(round(fraction(share) * 10_000))
    assert leave is not None
    return "leave", str(size_bytes(leave))
