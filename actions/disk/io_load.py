"""disk.io_load"""

from typing import Annotated, ClassVar, Final

from msgspec import Meta

from breakfix.actions.disk import RESERVE, SPACE, Folder, Reserve, own_name
from breakfix.engine.action import Fault, HostFacts
from breakfix.engine.host_jobs import SHELL
from breakfix.engine.host_ops import script, state_dir
from breakfix.engine.ops import Check, Kind, Plan
from breakfix.engine.values import Size, size_bytes

_SEEN_BYTES: Final = 1 << 20
"""So much written proves the load."""
_SIZE_BYTES_MIN: Final = 1 << 20
"""What stress-ng takes at least for each worker."""

_START: Final = SHELL + SPACE + r"""
dir=$1 path=$2 own=$3 workers=$4 size=$5 reserve=$6 how=$7
space "$path"
rest=$((free - workers * size))
[ "$rest" -ge "$reserve" ] || refuse "$workers files of $size bytes would leave $rest of the $free free bytes of $path, less than the reserve of $reserve"
umask 077
mkdir "$own" 2>/dev/null || refuse "$own cannot be made"
if [ "$how" = stress-ng ]; then
  start_job load stress-ng --quiet --temp-path "$own" --timeout 0 --hdd "$workers" --hdd-bytes "$size"
  exit 0
fi
WRITE='while [ -d "$1" ]; do dd if=/dev/zero of="$2" bs=1048576 count="$3" conv=fsync 2>/dev/null || exit; done'
while [ "$workers" -gt 0 ]; do
  start_job "load$workers" sh -c "$WRITE" breakfix "$dir" "$own/$workers" "$((size / 1048576))"
  workers=$((workers - 1))
done
"""
_SEE: Final = SHELL + r"""
dir=$1 own=$2
written=0
for each in "$dir"/*.job; do
  [ -e "$each" ] && read -r pid was <"$each" || continue
  for one in $(members "$pid" "$was"); do
    { while read -r key value; do [ "$key" != wchar: ] || written=$((written + value)); done <"/proc/$one/io"; } 2>/dev/null
  done
done
count_jobs
there=false
[ ! -e "$own" ] || there=true
printf '{"processes": %s, "written_bytes": %s, "there": %s}' "$alive" "$written" "$there"
"""
_END: Final = SHELL + r"""
dir=$1
end_jobs
rm -rf "$2"
"""


class IoLoad(Fault, frozen=True, kw_only=True):
    """Keep a file system of a host busy with writing: some workers, each with a file that it writes again
    and again.

    stress-ng does it where it is there, else dd in a loop, with an fsync for each file; the report says
    which it was. They run as root where we can become root, in a folder of their own. The effect is
    seen by what they have written (wchar in proc(5) io); the undo ends their process group and removes
    the folder.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("ssh",)
    lasting: ClassVar[bool] = True
    claims: ClassVar[tuple[str, ...]] = ("disk",)
    examples = ({"path": "/srv"}, {"path": "/srv", "workers": 4, "size": "256MiB"})

    path: Folder
    workers: Annotated[int, Meta(ge=1, le=256, description="How many write at a time.")] = 1
    size: Annotated[Size, Meta(description="Of the file of each: 1 MiB or more.")] = "64MiB"
    reserve: Reserve = RESERVE

    def __post_init__(self) -> None:
        if size_bytes(self.size) < _SIZE_BYTES_MIN:
            raise ValueError(f"`size` is {self.size}, and cannot be less than 1MiB")

    def plan(self, facts: HostFacts) -> Plan:
        """Start the workers, see what they have written, end them."""
        host, folder = facts.identity.name, state_dir(facts, root=True)
        own = own_name(self.path, facts.token)
        how = "stress-ng" if "stress-ng" in facts.tools else "dd"
        apply = script(
            facts, _START, folder, self.path, own, str(self.workers), str(size_bytes(self.size)),
            str(size_bytes(self.reserve)), how, root=True,
        )  # fmt: skip
        see = script(facts, _SEE, folder, own, root=True, changes="no")
        return Plan(
            apply=(apply,),
            effect=(
                Check(
                    op=see,
                    pick="/written_bytes",
                    is_="ge",
                    value=_SEEN_BYTES,
                    within_s=20.0,
                    every_s=0.1,
                    asked=f"bytes that the load on {self.path} of {host} has written",
                ),
            ),
            undo=(script(facts, _END, folder, own, root=True),),
            gone=(
                Check(
                    op=see,
                    pick="/processes",
                    is_="eq",
                    value=0,
                    asked=f"processes of the load on {self.path} of {host}",
                ),
                Check(
                    op=see,
                    pick="/there",
                    is_="eq",
                    value=False,
                    asked=f"files of the load on {self.path} of {host} are there",
                ),
            ),
            mechanism=how,
        )
