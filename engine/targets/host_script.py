"""What the scripts share that tell what a host is like: they print JSON, and fork as little as they can."""

from collections.abc import Iterable
from typing import Final

PRELUDE: Final = r"""
LC_ALL=C
export LC_ALL
exec 2>/dev/null
json() {
  case $1 in
  *[\\\"[:cntrl:]]*) ;;
  *) printf '"%s"' "$1"; return ;;
  esac
  rest=$1
  printf '"'
  while [ -n "$rest" ]; do
    char=${rest%"${rest#?}"}
    rest=${rest#?}
    case $char in
    [\\\"]) printf '\\%s' "$char" ;;
    [[:cntrl:]]) printf '\\u%04x' "'$char" ;;
    *) printf '%s' "$char" ;;
    esac
  done
  printf '"'
}
field() { printf '%s"%s":' "$comma" "$1"; json "$2"; comma=,; }
list() { printf '%s"%s":[' "$comma" "$1"; comma=; }
item() { printf '%s' "$comma"; json "$1"; comma=,; }
end() { printf ']'; comma=,; }
comma=
"""
"""Defines ``json TEXT``, which prints a text as JSON (RFC 8259, 7) without a fork; ``field NAME TEXT``; and
``list NAME``, ``item TEXT`` any number of times, ``end``. Braces and errors are left to the script."""

CONTROL_UNITS: Final = ("ssh.service", "sshd.service", "ssh.socket", "sshd.socket")
TIME_UNITS: Final = (
    "systemd-timesyncd.service", "chrony.service", "chronyd.service", "ntp.service", "ntpd.service",
    "ntpsec.service", "openntpd.service",
)  # fmt: skip


def states(shown: Iterable[str]) -> tuple[set[str], set[str]]:
    """Which units are active, and which are loaded, of the lines of ``systemctl show -p Id -p ActiveState
    -p LoadState``: a block for each, with an empty line in between."""
    active: set[str] = set()
    loaded: set[str] = set()
    block: dict[str, str] = {}
    for line in (*shown, ""):
        key, equals, value = line.partition("=")
        if equals:
            block[key] = value
            continue
        if block.get("ActiveState") in ("active", "reloading", "activating"):
            active.add(block.get("Id", ""))
        if block.get("LoadState") == "loaded":
            loaded.add(block.get("Id", ""))
        block = {}
    return active, loaded


def time_sync(shown: Iterable[str]) -> str:
    """The unit that keeps the clock right; empty where none runs.

    >>> time_sync(["Id=ssh.service", "ActiveState=active", "", "Id=chrony.service", "ActiveState=active"])
    'chrony.service'
    """
    active, _ = states(shown)
    return next((unit for unit in TIME_UNITS if unit in active), "")
