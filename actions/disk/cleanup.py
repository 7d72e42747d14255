"""disk.cleanup"""

import posixpath
from math import ceil
from typing import Annotated, ClassVar, Final

from msgspec import Meta, structs

from breakfix.engine.action import HostFacts, Repair
from breakfix.engine.host_ops import HostPath, require_root, script
from breakfix.engine.ops import Kind, Plan
from breakfix.engine.values import Duration, seconds

_CLOSED: Final = ("/proc", "/sys", "/dev", "/boot", "/bin", "/sbin", "/lib", "/lib64", "/usr", "/etc")
_OPEN: Final = ("/usr/local",)
"""Below it people keep what is theirs."""

_CLEANUP: Final = r"""
LC_ALL=C
export LC_ALL
folder=$1 glob=$2 older_s=$3 keep=$4 most=$5 dry=$6
refuse() { printf '%s\n' "$1" >&2; exit 65; }
[ ! -L "$folder" ] || refuse "$folder is a symbolic link: name the folder itself"
[ -d "$folder" ] || refuse "there is no folder $folder"
cd -P -- "$folder" || exit 65
[ "$(pwd -P)" = "$folder" ] || refuse "$folder is $(pwd -P): name that"
now=$(date +%s) device=$(stat -c %d .) || exit 65
# A name that holds the end of a line would be two names in a list: it stays.
line_end='
'
# The newest first; the slash keeps blanks at the end of a name.
listed=$(find . -xdev ! -name . -prune -type f -name "$glob" ! -name "*$line_end*" \
  -exec stat -c '%Y %s %i %d %n/' -- {} + | sort -n -r) || exit 65

# Calls $1 for each file that is to go.
each() {
  left=$keep
  while read -r written bytes inode on name; do
    [ "$on" = "$device" ] || continue
    if [ "$left" -gt 0 ]; then left=$((left - 1)); continue; fi
    [ $((now - written)) -ge "$older_s" ] || continue
    name=${name%/}
    "$1"
  done <<LIST
$listed
LIST
}
count=0 size=0 kept=0
add() { count=$((count + 1)) size=$((size + bytes)); }
show() { printf '%s\n' "$name"; }
remove() {
  # What has changed since it was listed is another file.
  case $(stat -c '%Y %s %i %F' -- "$name" 2>/dev/null) in
    "$written $bytes $inode regular"*) rm -f -- "$name" && return;;
  esac
  [ ! -e "$name" ] || kept=$((kept + 1))
}
each add
[ "$count" -le "$most" ] || refuse "$count files would go, more than the $most that are allowed"
printf '%s\n' "$count files of $folder, $size bytes, $([ "$dry" = yes ] && echo would go || echo go)"
each show
[ "$dry" = no ] || exit 0
each remove
[ "$kept" = 0 ] || refuse "$kept of $count files could not be deleted, or have changed meanwhile"
"""


class Cleanup(Repair, frozen=True, kw_only=True):
    """Delete old files of one folder of a host.

    First what would go is listed, then held against `count_max`; only then is that deleted, file by file,
    and nothing else: no folders, no symbolic links, nothing on another file system, no file that has
    changed since it was listed. What was (or with `dry_run` would be) deleted is its output. Root's
    folders of the system are refused, and so is a path that goes through a symbolic link. Room comes
    back only when nobody has a deleted file open any more. It cannot be undone.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("ssh",)
    needs: ClassVar[tuple[str, ...]] = ("find and stat on the host, of GNU or busybox",)
    examples = (
        {"path": "/var/log/app", "glob": "*.log.*", "older_than": "1h", "keep_count": 3},
        {"path": "/var/tmp/cache", "older_than": "24h", "dry_run": True},
    )

    path: Annotated[HostPath, Meta(description="The folder; absolute, without symbolic links in it.")]
    older_than: Annotated[
        Duration, Meta(description="A file goes when it was not written to for that long.")
    ]
    glob: Annotated[
        str,
        Meta(
            pattern=r"^[^/\x00\n]+$",
            description="Which names, with `*`, `?` and `[]`; `*` is all of them, hidden ones too.",
        ),
    ] = "*"
    keep_count: Annotated[
        int, Meta(ge=0, description="So many of the newest of these files stay in any case.")
    ] = 0
    count_max: Annotated[
        int, Meta(ge=1, le=20_000, description="Where more would go, nothing is deleted.")
    ] = 1000
    dry_run: Annotated[bool, Meta(description="Only list what would go.")] = False
    sudo: Annotated[bool, Meta(description="Do it as root, by `sudo -n`.")] = False

    def __post_init__(self) -> None:
        if posixpath.normpath(self.path) != self.path or self.path.startswith("//"):
            raise ValueError(f"`path` is {self.path!r}: write it without `..`, `.` and double slashes")
        closed = self.path == "/" or _below(self.path, _CLOSED)
        if closed and not _below(self.path, _OPEN):
            raise ValueError(f"`path` is {self.path}, where nothing is ever cleaned up")

    def plan(self, facts: HostFacts) -> Plan:
        """One op: what is listed is what is deleted."""
        if self.sudo:
            require_root(facts, "disk.cleanup with `sudo`")
        op = script(
            facts, _CLEANUP, self.path, self.glob, str(ceil(seconds(self.older_than))),
            str(self.keep_count), str(self.count_max), "yes" if self.dry_run else "no", root=self.sudo,
        )  # fmt: skip
        return Plan(apply=(structs.replace(op, timeout_s=300.0),))


def _below(path: str, folders: tuple[str, ...]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)
