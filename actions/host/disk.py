"""host.disk"""

import re
from typing import Annotated, ClassVar, Final

from msgspec import Meta, Struct

from breakfix.engine.action import Observation, Port, Probe
from breakfix.engine.host_ops import HostPath
from breakfix.engine.host_reading import facts_of, look, not_read, script_op
from breakfix.engine.ops import Kind
from breakfix.engine.values import Share, Size, fraction, size_bytes

_READ: Final = """
[ -e "$1" ] || { echo "there is no $1" >&2; exit 3; }
LC_ALL=C
export LC_ALL
# Size of a block, then blocks in all, free, and free for everybody; inodes in all and free.
stat -f -c 'stat %S %b %f %a %c %d' -- "$1" 2>/dev/null || df -Pk -- "$1"
"""
_STAT: Final = re.compile(r"stat (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)\s*")
_DF: Final = re.compile(r"\s(\d+)\s+(\d+)\s+(-?\d+)\s+\S+%\s+/")
"""The last line of ``df -P``: blocks in all, used and available; names may hold anything."""


class _Room(Struct, frozen=True, kw_only=True):
    """`usable` is what everybody has: without the blocks that are kept for root. Inodes are 0 where the
    file system has no bound for them, or nobody tells."""

    free: int
    usable: int
    inodes: int = 0
    inodes_free: int = 0


class Disk(Probe, frozen=True, kw_only=True):
    """Good while the file system of a path has enough room left, and inodes.

    Room is what everybody may use; the share is of all that everybody may use, as `df` counts it. A
    file system without a bound for inodes always has enough of them. Where several bounds are given,
    all count. A path that is not there, or a host that cannot be reached, is bad.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("ssh",)
    result: ClassVar[dict[str, str]] = {
        "free_bytes": "integer: what everybody may still use",
        "size_bytes": "integer: all that everybody may use",
        "inodes_free": "integer: null where there is no bound, or it is not told",
    }
    examples = (
        {"path": "/", "free_min": "1GiB"},
        {"path": "/var", "free_share_min": "10%", "inodes_share_min": "5%"},
    )

    path: Annotated[HostPath, Meta(description="A path on the file system; absolute.")]
    free_min: Annotated[Size, Meta(description="No less room than that.")] | None = None
    free_share_min: (
        Annotated[Share, Meta(description="No less than that share of its room.")] | None
    ) = None
    inodes_share_min: (
        Annotated[Share, Meta(description="No less than that share of its inodes free.")] | None
    ) = None

    def __post_init__(self) -> None:
        if self.free_min is None and self.free_share_min is None and self.inodes_share_min is None:
            raise ValueError("say one of `free_min`, `free_share_min` and `inodes_share_min`")

    async def sample(self, port: Port) -> Observation:
        """Read it once."""
        facts = facts_of(port)
        outcome = await look(port, script_op(facts, _READ, self.path))
        if (failed := not_read(outcome, facts.identity.name)) is not None:
            return failed
        room = _room(outcome.text)
        if room is None:
            return Observation(
                holds=None, detail=f"neither stat nor df of {facts.identity.name} can be read"
            )
        problems = list(self._problems(room))
        share = room.free / room.usable if room.usable else 0.0
        return Observation(
            holds=not problems,
            detail=", ".join([f"{facts.identity.name}: {room.free >> 20} MiB ({share:.1%}) free", *problems]),
            result={
                "free_bytes": room.free,
                "size_bytes": room.usable,
                "inodes_free": room.inodes_free if room.inodes else None,
            },
        )

    def _problems(self, room: _Room) -> list[str]:
        found = []
        if self.free_min is not None and room.free < size_bytes(self.free_min):
            found.append(f"wanted {self.free_min} at least")
        if self.free_share_min is not None:
            wanted = fraction(self.free_share_min) * room.usable
            found += [f"wanted {self.free_share_min} at least"] if room.free < wanted else []
        if self.inodes_share_min is not None and room.inodes:
            share = room.inodes_free / room.inodes
            if share < fraction(self.inodes_share_min):
                found.append(f"{share:.1%} of inodes free, wanted {self.inodes_share_min} at least")
        return found


def _room(text: str) -> _Room | None:
    if (told := _STAT.fullmatch(text)) is not None:
        block, blocks, free, free_for_all, inodes, inodes_free = map(int, told.groups())
        return _Room(
            free=block * free_for_all,
            usable=block * (blocks - free + free_for_all),
            inodes=inodes,
            inodes_free=inodes_free,
        )
    if (told := _DF.search(text.strip().rpartition("\n")[2])) is not None:
        _, used, free = map(int, told.groups())
        return _Room(free=max(0, free) << 10, usable=(used + max(0, free)) << 10)
    return None
