"""Units of systemd: what their faults, repairs and probes have in common.

Properties and their values are those of systemctl(1) and org.freedesktop.systemd1(5).
"""

from typing import Annotated, Final

from msgspec import Meta, structs

from breakfix.engine.action import HostFacts
from breakfix.engine.errors import PreconditionError
from breakfix.engine.host_ops import UnitName, require_root, script, state_dir
from breakfix.engine.ops import Check, ExecOp

Unit = Annotated[UnitName, Meta(description="Its name; `.service` may be left out.")]
"""The parameter `unit` of each of them."""

SYSTEMD: Final = "systemd as the host's first process"
ROOT: Final = "root on the host, or `sudo -n`"
_SUFFIXES: Final = (
    ".service", ".socket", ".device", ".mount", ".automount", ".swap", ".target", ".path", ".timer",
    ".slice", ".scope",
)  # fmt: skip

PROPERTIES: Final = "LoadState,ActiveState,SubState,Type,Result,MainPID,NRestarts"
"""Those that say how a unit is."""

_STATE: Final = """
get() { systemctl show --property="$1" --value -- "$unit"; }
unit=$1
state=$(get ActiveState) || exit 4
up=false
[ "$state" = active ] && up=true
# A unit that does something once is over when it has done it.
[ "$state" = inactive ] && [ "$(get Type)" = oneshot ] && [ "$(get Result)" = success ] && up=true
printf '{"active_state": "%s", "up": %s}\\n' "$state" "$up"
"""

KNOWN: Final = """
get() { systemctl show --property="$1" --value -- "$unit"; }
known() {
  unit=$1
  load=$(get LoadState) || exit 4
  case $load in
    loaded) ;;
    not-found) echo "there is no unit $unit" >&2; exit 4;;
    *) echo "unit $unit is $load" >&2; exit 4;;
  esac
}
spare() {
  id=$(get Id)
  for control do
    if [ "$id" = "$control" ]; then
      echo "refused: $unit is $id, which carries our own connection" >&2
      exit 5
    fi
  done
}
"""
"""The beginning of a script: ``known UNIT`` refuses one that is not there, or masked; then ``get PROPERTY``
gives what it is, and ``spare UNIT...`` refuses it where it is one of those by whatever name."""


def unit_name(unit: str) -> str:
    """The whole name of a unit, as systemctl takes it.

    >>> unit_name("nginx"), unit_name("ssh.socket"), unit_name("app@8.1")
    ('nginx.service', 'ssh.socket', 'app@8.1.service')
    """
    return unit if unit.endswith(_SUFFIXES) else f"{unit}.service"


def require_systemd(facts: HostFacts, action: str) -> None:
    """Raises PreconditionError where the host has no systemd, or we cannot become root."""
    if not facts.systemd:
        raise PreconditionError(
            "S701",
            f"host {facts.identity.name} is not run by systemd",
            fix=f"use host.command instead of {action}",
        )
    require_root(facts, action)


def require_not_control(facts: HostFacts, unit: str, action: str) -> None:
    """Raises PreconditionError where our own connection hangs on the unit. A unit has other names too:
    let the script ``spare`` the names of `facts.control_units`."""
    if unit_name(unit) in facts.control_units:
        raise PreconditionError(
            "S702",
            f"{action} is refused: unit {unit} of {facts.identity.name} carries the connection that "
            "it would be undone by",
            fix="name another unit",
        )


def is_up(facts: HostFacts, unit: str) -> Check:
    """The unit is active, or has done what it does once, three times in a row."""
    name = unit_name(unit)
    return Check(
        op=script(facts, _STATE, name, changes="no"),
        pick="/up",
        is_="eq",
        value=True,
        within_s=15.0,
        every_s=0.2,
        streak=3,
        asked=f"unit {name} of {facts.identity.name} is active",
    )


def unit_op(facts: HostFacts, text: str, unit: str, *args: str) -> ExecOp:
    """A script as root with the whole name of a unit as its ``$1``."""
    return script(facts, KNOWN + text, unit_name(unit), *args, root=True)


ACTIVE: Final = """
state=$(systemctl show --property=ActiveState --value -- "$1") || exit 4
printf '{"active_state": "%s"}' "$state"
"""

SUPPORTS: Final = r"""
# Refuses the unit where one of those named depends on it: that would be stopped with it.
supports_none() {
  above=$(systemctl list-dependencies --reverse --plain --no-pager --all -- "$unit") || exit 4
  for control do
    case "
$above
" in *[[:space:]]"$control"[[:space:]]*)
      echo "refused: $control, which carries our own connection, depends on $unit" >&2
      exit 5 ;;
    esac
  done
}
"""
"""Goes behind `KNOWN`: ``supports_none UNIT...``."""

_BROKEN: Final = "broken"
"""The file in the state folder of a fault that says that it was about to break its unit."""

_START: Final = f"""
# Where nothing was broken, nothing is to be started.
[ -e "$2/{_BROKEN}" ] || exit 0
""" + """
known "$1"
[ "$(get ActiveState)" != active ] || exit 0
systemctl reset-failed -- "$unit" 2>/dev/null
systemctl start -- "$unit"
"""
_OVER: Final = f"""
state=$(systemctl show --property=ActiveState --value -- "$1") || exit 4
over=true
[ "$state" = active ] || [ ! -e "$2/{_BROKEN}" ] || over=false
""" + """
printf '{"active_state": "%s", "over": %s}' "$state" "$over"
"""


def undo_of(facts: HostFacts, unit: str) -> ExecOp:
    """What starts a unit that a fault has broken, unless it runs again by itself."""
    folder = state_dir(facts, root=True)
    return structs.replace(unit_op(facts, _START, unit, folder), timeout_s=100.0)


def over(facts: HostFacts, unit: str) -> Check:
    """A unit that a fault has broken is active again."""
    name = unit_name(unit)
    return Check(
        op=script(facts, _OVER, name, state_dir(facts, root=True), root=True, changes="no"),
        pick="/over",
        is_="eq",
        value=True,
        within_s=30.0,
        every_s=0.2,
        asked=f"unit {name} of {facts.identity.name} is active again",
    )
