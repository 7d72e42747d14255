"""file.corrupt"""

import posixpath
from typing import Annotated, ClassVar, Final

from msgspec import Meta, structs

from breakfix.engine.action import Fault, HostFacts
from breakfix.engine.host_files import DIGEST
from breakfix.engine.host_ops import HostPath, script
from breakfix.engine.ops import Check, Kind, Plan
from breakfix.engine.values import Size, size_bytes

_COPIED_S: Final = 60.0
RESERVE_BYTES: Final = 64 << 20
"""What a backup leaves free on the file system of the file."""

_CORRUPT: Final = DIGEST + r"""
refuse() { printf '%s\n' "$1" >&2; exit 65; }
path=$1 own=$2 how=$3 amount=$4 reserve=$5
[ ! -L "$path" ] || refuse "$path is a symbolic link: name the file itself"
[ -f "$path" ] || refuse "there is no file $path"
size=$(wc -c <"$path") || refuse "$path cannot be read"
size=$((size))
if [ "$how" = bytes ]; then
  [ "$size" -ge "$amount" ] || refuse "$path has $size bytes, less than the $amount that are to be changed"
else
  [ "$size" -gt "$amount" ] || refuse "$path has $size bytes already, not more than $amount"
fi
set -- $(stat -f -c '%S %a' "${path%/*}/")
[ $# -lt 2 ] || [ "$(($1 * $2 - size))" -ge "$reserve" ] || refuse "there is no room for a backup of $path, $size bytes"
umask 077
mkdir "$own" 2>/dev/null || refuse "a backup cannot be made beside $path"
cp -p "$path" "$own/copy" && sync && [ "$(digest "$path")" = "$(digest "$own/copy")" ] || {
  rm -rf "$own"
  refuse "$path cannot be copied"
}
mv "$own/copy" "$own/original" || exit 1
if [ "$how" = bytes ]; then
  # In the middle, and each of them is another one than before.
  from=$(((size - amount) / 2))
  tail -c "+$((from + 1))" "$own/original" | head -c "$amount" | LC_ALL=C tr '\000-\377' '\001-\377\000' >"$own/piece" &&
    dd if="$own/piece" of="$path" bs=4096 seek="$from" oflag=seek_bytes conv=notrunc 2>/dev/null ||
    dd if="$own/piece" of="$path" bs=1 seek="$from" conv=notrunc 2>/dev/null || exit 1
else
  dd if=/dev/null of="$path" bs=1 seek="$amount" 2>/dev/null || exit 1
fi
damaged=$(digest "$path") && echo "$damaged" >"$own/damaged"
"""
_MEND: Final = DIGEST + r"""
path=$1 own=$2
[ -e "$own/original" ] || exit 0
# A backup that is taken away meanwhile is still read to its end.
exec 3<"$own/original" || exit 1
was=$(digest "$own/original") || exit 1
now=
[ ! -f "$path" ] || now=$(digest "$path")
[ "$now" != "$was" ] || exit 0
# Whoever has changed it since meant it so.
if [ -s "$own/damaged" ] && read -r damaged <"$own/damaged" && [ "$now" != "$damaged" ]; then
  echo "$path has changed since: it stays as it is" >&2
  exit 0
fi
if [ -e "$path" ]; then cat <&3 >"$path"; else cp -p "$own/original" "$path"; fi || exit 1
sync
now=$(digest "$path")
[ "$now" = "$was" ] || { echo "$path has the sum $now, wanted $was" >&2; exit 1; }
"""
_SEE: Final = DIGEST + r"""
path=$1 own=$2
damaged=false
if [ -e "$own/original" ]; then
  was=$(digest "$own/original") || exit 1
  now=
  [ ! -f "$path" ] || now=$(digest "$path") || exit 1
  if [ "$now" != "$was" ]; then
    damaged=true
    # Another content than ours is a repair, or somebody's will.
    [ ! -s "$own/damaged" ] || { read -r ours <"$own/damaged"; [ "$now" = "$ours" ] || damaged=false; }
  fi
fi
printf '{"damaged": %s}' "$damaged"
"""


class Corrupt(Fault, frozen=True, kw_only=True):
    """Damage a file of a host: some bytes in its middle become others, or its end is cut off.

    A backup is made beside it first, with owner and mode, and compared; where there is no room for that, the
    fault is refused. The file stays the same file: whoever has it open sees the damage. The undo writes the
    backup back and compares SHA-256 sums; a file that somebody has changed since stays as it is. It is done as root where
    we can become root.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("ssh",)
    lasting: ClassVar[bool] = True
    claims: ClassVar[tuple[str, ...]] = ("file",)
    examples = (
        {"path": "/var/lib/app/index.db"},
        {"path": "/etc/app.conf", "bytes": 16},
        {"path": "/var/lib/app/index.db", "truncate": "4KiB"},
    )

    path: Annotated[HostPath, Meta(description="The file, absolute; no symbolic link.")]
    bytes: (
        Annotated[
            int, Meta(ge=1, le=1 << 20, description="So many bytes are changed; one, if not said.")
        ]
        | None
    ) = None
    truncate: Annotated[Size, Meta(description="What is left of it: `0B` empties it.")] | None = None

    def __post_init__(self) -> None:
        if self.bytes is not None and self.truncate is not None:
            raise ValueError("say one of `bytes` and `truncate`")

    def plan(self, facts: HostFacts) -> Plan:
        """A backup, the damage; compared and taken back at the end."""
        name = f"{self.path} of {facts.identity.name}"
        own = posixpath.join(posixpath.dirname(self.path), f".breakfix-{facts.token}")
        how, amount = "bytes", self.bytes or 1
        if self.truncate is not None:
            how, amount = "truncate", size_bytes(self.truncate)
        apply = script(
            facts, _CORRUPT, self.path, own, how, str(amount), str(RESERVE_BYTES), root=True
        )
        undo = script(facts, _MEND, self.path, own, root=True)
        see = script(facts, _SEE, self.path, own, root=True, changes="no")
        asked = f"{name} is damaged"
        return Plan(
            apply=(structs.replace(apply, timeout_s=_COPIED_S),),
            effect=(Check(op=see, pick="/damaged", is_="eq", value=True, asked=asked),),
            undo=(structs.replace(undo, timeout_s=_COPIED_S),),
            gone=(Check(op=see, pick="/damaged", is_="eq", value=False, asked=asked),),
            # Whoever has mended it, the backup is of no use any more.
            disarm=(script(facts, 'rm -rf "$1"', own, root=True),),
            mechanism=how,
        )
