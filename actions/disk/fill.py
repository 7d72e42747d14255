"""disk.fill"""

from typing import Annotated, ClassVar, Final

from msgspec import Meta, structs

from breakfix.actions.disk import RESERVE, SPACE, Folder, Reserve, amount, own_name
from breakfix.engine.action import Fault, HostFacts
from breakfix.engine.host_jobs import SHELL
from breakfix.engine.host_ops import script, state_dir
from breakfix.engine.ops import Check, Kind, Plan
from breakfix.engine.values import Share, Size, size_bytes

_WRITTEN_S: Final = 300.0
"""How long a file may take that has to be written."""

_FILL: Final = SHELL + SPACE + r"""
dir=$1 path=$2 file=$3 sort=$4 amount=$5 reserve=$6 how=$7
space "$path"
case $sort in
  size) want=$amount ;;
  leave) want=$((free - amount)) ;;
  share) want=$((capacity / 10000 * amount - used)) ;;
esac
[ "$want" -gt 0 ] || refuse "$path is that full already: $used of $capacity bytes are used, $free are free"
rest=$((free - want))
[ "$rest" -ge "$reserve" ] || refuse "$want of the $free free bytes of $path would leave $rest, less than the reserve of $reserve"
umask 077
(set -C; true >"$file") 2>/dev/null || refuse "$file cannot be made"
echo "$want" >"$dir/wanted" || exit 1
# Not every file system can reserve space without writing.
[ "$how" = fallocate ] && fallocate -l "$want" "$file" 2>/dev/null && exit 0
dd if=/dev/zero of="$file" bs=1048576 count="$((want / 1048576))" 2>/dev/null &&
  dd if=/dev/zero bs="$((want % 1048576 + 1))" count=1 2>/dev/null >>"$file" ||
  refuse "$file could not be written whole"
"""
_SEE: Final = SHELL + SPACE + r"""
dir=$1 path=$2 file=$3
there=false filled=false free=0
[ ! -d "$path" ] || space "$path"
if [ -e "$file" ]; then
  there=true
  taken=$(du -k "$file") && taken=${taken%%[!0-9]*}
  [ -r "$dir/wanted" ] && read -r want <"$dir/wanted" &&
    [ "$((taken * 1024 + want / 100))" -ge "$want" ] && filled=true
fi
printf '{"there": %s, "filled": %s, "free_bytes": %s}' "$there" "$filled" "$free"
"""


class Fill(Fault, frozen=True, kw_only=True):
    """Fill a file system of a host with one file, up to what is said.

    The file gets its space in one step (fallocate), or is written with zeros where that cannot be; on a file
    system that compresses, that takes no space, and the effect is not seen. It is made as root where we can
    become root. The undo removes exactly that file. Its path, and how much is free, are
    read back both times.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("ssh",)
    lasting: ClassVar[bool] = True
    claims: ClassVar[tuple[str, ...]] = ("disk",)
    examples = (
        {"path": "/var/lib/postgresql", "size": "2GiB"},
        {"path": "/srv", "share": "95%"},
        {"path": "/srv", "leave": "0B", "reserve": "0B"},
    )

    path: Folder
    size: Annotated[Size, Meta(description="Take so much.")] | None = None
    share: Annotated[Share, Meta(description="Until it is so full, as df tells it.")] | None = None
    leave: Annotated[Size, Meta(description="Until no more than that is left.")] | None = None
    reserve: Reserve = RESERVE

    def __post_init__(self) -> None:
        if [self.size, self.share, self.leave].count(None) != 2:
            raise ValueError("say one of `size`, `share` and `leave`")

    def plan(self, facts: HostFacts) -> Plan:
        """One file, and what it takes."""
        host, folder = facts.identity.name, state_dir(facts, root=True)
        file = own_name(self.path, facts.token)
        how = "fallocate" if "fallocate" in facts.tools else "dd"
        sort, number = amount(self.size, self.share, self.leave)
        apply = script(
            facts, _FILL, folder, self.path, file, sort, number, str(size_bytes(self.reserve)), how,
            root=True,
        )  # fmt: skip
        if how == "dd":
            apply = structs.replace(apply, timeout_s=_WRITTEN_S)
        see = script(facts, _SEE, folder, self.path, file, root=True, changes="no")
        free = Check(
            op=see, pick="/free_bytes", is_="present", asked=f"bytes free on {host} at {self.path}"
        )
        return Plan(
            apply=(apply,),
            effect=(
                Check(
                    op=see,
                    pick="/filled",
                    is_="eq",
                    value=True,
                    within_s=10.0,
                    asked=f"{self.path} of {host} is filled",
                ),
                free,
            ),
            undo=(script(facts, 'rm -f "$1"', file, root=True),),
            gone=(
                Check(
                    op=see,
                    pick="/there",
                    is_="eq",
                    value=False,
                    asked=f"the file that fills {self.path} of {host} is there",
                ),
                free,
            ),
            mechanism=how,
        )
