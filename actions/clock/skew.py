"""clock.skew"""

from typing import Annotated, ClassVar, Final, Literal

from msgspec import Meta

from breakfix.engine.action import Fault, HostFacts
from breakfix.engine.host_ops import require_root, script
from breakfix.engine.ops import Check, Kind, Plan
from breakfix.engine.values import Duration, seconds

_OFFSET_MIN_S: Final = 1.0

_READ: Final = r"""
refuse() { printf '%s\n' "$1" >&2; exit 65; }
# Of a text such as 12345.67, as it stands in /proc/uptime: hundredths of a second, without leading zeros.
hundredths() {
  parts=${1#*.}00
  case $1 in *.*) ;; *) parts=00 ;; esac
  parts=${parts%"${parts#??}"}
  value=$((${1%%.*} * 100 + 1$parts - 100))
}
up() { read -r line rest </proc/uptime && hundredths "$line" && up=$value; }
wall() {
  now=$(date +%s.%N)
  # A date that knows no parts of a second prints them as they were asked for.
  case $now in *[!0-9.]* | *.) now=${now%%.*} ;; esac
  hundredths "$now"
  wall=$value
}
# Sets skew: how far the clock is ahead of what it was when it was read for the facts.
look() { up; wall; skew=$((wall - up - base)); }
# Sets the clock to so much ahead of that.
put() {
  up
  then=$((base + up + $1))
  parts=$((then % 100 + 100))
  date -s "@$((then / 100)).${parts#1}" >/dev/null 2>&1 || date -s "@$(((then + 50) / 100))" >/dev/null ||
    refuse "the clock of this host cannot be set by us: in a container it is that of its machine"
}
base=$1
"""
_SKEW: Final = _READ + r"""
offset=$2 sync=$3
look
[ "$skew" -ge -100 ] && [ "$skew" -le 100 ] || refuse "the clock of this host has been set a moment ago, by somebody else"
if [ -n "$sync" ]; then
  systemctl stop -- "$sync" || refuse "$sync, which keeps the clock right, cannot be stopped"
fi
put "$offset"
"""
_PUT_BACK: Final = _READ + r"""
offset=$2 sync=$3
look
# What somebody else has set right meanwhile stays as it is.
half=$((offset / 2))
if [ "$offset" -gt 0 ]; then
  [ "$skew" -lt "$half" ] || put 0
else
  [ "$skew" -gt "$half" ] || put 0
fi
[ -z "$sync" ] || systemctl start -- "$sync"
"""
_SEE: Final = _READ + r"""
sync=$2
look
kept=true
if [ -n "$sync" ]; then
  [ "$(systemctl show --property=ActiveState --value -- "$sync")" = active ] || kept=false
fi
printf '{"skew_ms": %s, "kept": %s}' "$((skew * 10))" "$kept"
"""


class Skew(Fault, frozen=True, kw_only=True):
    """Set the clock of a host wrong, by so much, and keep it so.

    What keeps it right (systemd-timesyncd, chrony, ntpd) is stopped before and started again at the end. The right
    time is told by the time since the start of the host, which nobody can set: so the undo puts back what the clock
    would be, however often it runs, and unless somebody else has set it right by then. Timers and time-outs
    do not follow the clock, certificates, logs and leases do. A container has no clock of its own:
    there it is refused.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("ssh",)
    lasting: ClassVar[bool] = True
    claims: ClassVar[tuple[str, ...]] = ("clock",)
    needs: ClassVar[tuple[str, ...]] = ("root on the host, or `sudo -n`",)
    examples = ({"offset": "5m"}, {"offset": "1h", "direction": "behind"})

    offset: Annotated[Duration, Meta(description="By how much: a second or more.")]
    direction: Annotated[
        Literal["ahead", "behind"], Meta(description="Whether it is set into the future or the past.")
    ] = "ahead"

    def __post_init__(self) -> None:
        if seconds(self.offset) < _OFFSET_MIN_S:
            raise ValueError(f"`offset` is {self.offset}, and cannot be less than 1s")

    def plan(self, facts: HostFacts) -> Plan:
        """Stop what keeps it right, set it; the other way round at the end."""
        require_root(facts, "clock.skew")
        host, offset_s = facts.identity.name, seconds(self.offset)
        base = str(round(facts.clock_base_s * 100))
        ahead = self.direction == "ahead"
        offset = str(round(offset_s * 100) * (1 if ahead else -1))
        see = script(facts, _SEE, base, facts.time_sync, level="incarnation", changes="no")
        # Where it is half-way or more, it is skewed; a little it moves by itself.
        half_ms = offset_s * 500
        asked = f"milliseconds that the clock of {host} is ahead"
        args = (base, offset, facts.time_sync)
        return Plan(
            apply=(script(facts, _SKEW, *args, root=True, level="incarnation"),),
            effect=(
                Check(
                    op=see,
                    pick="/skew_ms",
                    is_="ge" if ahead else "le",
                    value=half_ms if ahead else -half_ms,
                    asked=asked,
                ),
            ),
            undo=(script(facts, _PUT_BACK, *args, root=True, level="incarnation"),),
            gone=(
                Check(op=see, pick="/skew_ms", is_="lt", value=half_ms, asked=asked),
                Check(op=see, pick="/skew_ms", is_="gt", value=-half_ms, asked=asked),
                Check(
                    op=see,
                    pick="/kept",
                    is_="eq",
                    value=True,
                    asked=f"what keeps the clock of {host} right runs, as before",
                ),
            ),
        )
