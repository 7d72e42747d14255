"""disk.inodes"""

from typing import Annotated, ClassVar, Final

from msgspec import Meta, structs

from breakfix.actions.disk import SPACE, Folder, own_name
from breakfix.engine.action import Fault, HostFacts
from breakfix.engine.host_jobs import SHELL
from breakfix.engine.host_ops import script, state_dir
from breakfix.engine.ops import Check, Kind, Plan
from breakfix.engine.values import Share, fraction

_MADE_S: Final = 120.0
"""How long the making, or the removal, of some hundred thousand files may take."""

_MAKE: Final = SHELL + SPACE + r"""
dir=$1 path=$2 own=$3 sort=$4 amount=$5 reserve=$6
space "$path"
[ "$inodes" -gt 0 ] || refuse "the file system of $path has no fixed number of inodes"
case $sort in
  count) want=$amount ;;
  leave) want=$((inodes_free - amount)) ;;
  share) want=$((inodes * amount / 10000 - inodes + inodes_free)) ;;
esac
[ "$want" -gt 0 ] || refuse "$path has so few inodes left already: $inodes_free of $inodes"
rest=$((inodes_free - want))
[ "$rest" -ge "$reserve" ] || refuse "$want of the $inodes_free free inodes of $path would leave $rest, less than the reserve of $reserve"
umask 077
mkdir "$own" 2>/dev/null || refuse "$own cannot be made"
made=1
while [ "$made" -lt "$want" ]; do
  [ -e "$dir/open" ] || refuse "too late: the fault has ended meanwhile"
  here=$own/$made
  mkdir "$here" || exit 1
  made=$((made + 1)) last=$((made + 1000))
  [ "$last" -le "$want" ] || last=$want
  while [ "$made" -lt "$last" ]; do
    true >"$here/$made" || exit 1
    made=$((made + 1))
  done
done
true >"$dir/made"
"""
_SEE: Final = SHELL + SPACE + r"""
dir=$1 path=$2 own=$3
there=false made=false inodes_free=0
[ ! -d "$path" ] || space "$path"
[ ! -e "$own" ] || there=true
[ "$there" = false ] || [ ! -e "$dir/made" ] || made=true
printf '{"there": %s, "made": %s, "free_inodes": %s}' "$there" "$made" "$inodes_free"
"""


class Inodes(Fault, frozen=True, kw_only=True):
    """Use up the inodes of a file system of a host: many empty files in a folder of their own. There is
    space left, but no file can be made.

    They are made as root where we can become root, some ten thousand a second. The undo removes
    exactly that folder. A file system without a fixed number of inodes (btrfs, zfs) is refused.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("ssh",)
    lasting: ClassVar[bool] = True
    claims: ClassVar[tuple[str, ...]] = ("disk",)
    examples = (
        {"path": "/srv", "count": 20000},
        {"path": "/srv", "share": "99%"},
        {"path": "/srv", "leave_count": 0, "reserve_count": 0},
    )

    path: Folder
    count: Annotated[int, Meta(ge=1, description="Take so many.")] | None = None
    share: Annotated[Share, Meta(description="Until so many of all are taken.")] | None = None
    leave_count: (
        Annotated[int, Meta(ge=0, description="Until no more than that are left.")] | None
    ) = None
    reserve_count: Annotated[
        int, Meta(ge=0, description="So many stay free; where they could not, the fault is refused.")
    ] = 1000

    def __post_init__(self) -> None:
        if [self.count, self.share, self.leave_count].count(None) != 2:
            raise ValueError("say one of `count`, `share` and `leave_count`")

    def plan(self, facts: HostFacts) -> Plan:
        """One folder, and what is left."""
        host, folder = facts.identity.name, state_dir(facts, root=True)
        own = own_name(self.path, facts.token)
        sort, number = "leave", self.leave_count
        if self.count is not None:
            sort, number = "count", self.count
        elif self.share is not None:
            sort, number = "share", round(fraction(self.share) * 10_000)
        apply = script(
            facts, _MAKE, folder, self.path, own, sort, str(number), str(self.reserve_count), root=True
        )
        see = script(facts, _SEE, folder, self.path, own, root=True, changes="no")
        free = Check(
            op=see, pick="/free_inodes", is_="present", asked=f"inodes free on {host} at {self.path}"
        )
        undo = script(facts, 'rm -rf "$1"', own, root=True)
        return Plan(
            apply=(structs.replace(apply, timeout_s=_MADE_S),),
            effect=(
                Check(
                    op=see,
                    pick="/made",
                    is_="eq",
                    value=True,
                    asked=f"the files that use the inodes of {self.path} of {host} are there",
                ),
                free,
            ),
            undo=(structs.replace(undo, timeout_s=_MADE_S),),
            gone=(
                Check(
                    op=see,
                    pick="/there",
                    is_="eq",
                    value=False,
                    asked=f"the folder that uses the inodes of {self.path} of {host} is there",
                ),
                free,
            ),
        )
