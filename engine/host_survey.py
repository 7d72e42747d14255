"""What a host is like, in a form that can be compared: its life, its clock, and whatever a run may have left.

One command a host, as root where we can become root, since nobody else sees all that is left. It looks for what
carries the marks and names of this run alone: other runs may be at work there.
"""

import math
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import msgspec
from msgspec import Struct

from breakfix.engine.checks import Runner
from breakfix.engine.ops import ExecOp, Identity, Outcome
from breakfix.engine.targets.host_script import PRELUDE, TIME_UNITS, time_sync

Fields = dict[str, str]

AT_ONCE: Final = 50
"""So many hosts are asked at a time."""
ASK_S: Final = 30.0

_AS_ROOT: Final = """
if [ "$(id -u)" = 0 ] || ! sudo -n true </dev/null >/dev/null 2>&1; then exec sh -c "$@"; fi
exec sudo -n -- env BREAKFIX_MARK="$BREAKFIX_MARK" sh -c "$@"
"""

_ASK: Final = (
    PRELUDE
    + r"""
run=$1 wanted=$2
read -r boot </proc/sys/kernel/random/boot_id
wall=$(date +%s.%N)
printf '{'
field boot "$boot"; field wall "$wall"
list folders
for path in "/run/breakfix/$run".* /tmp/breakfix-*/"$run".*; do
  if [ -e "$path" ] || [ -L "$path" ]; then item "$path"; fi
done
end
list processes
# Whether a process is left, and of no command that is at work.
left() {
  mark=$(tr '\0' '\n' <"$1" | sed -n 's/^BREAKFIX_MARK=//p')
  # A mark ends with the pid of the first process of its command: while that runs, nothing of it is left.
  first=/proc/${mark##*.} name=
  if [ -z "$mark" ] || [ "$1" = "$first/environ" ]; then return 1; fi
  read -r name <"$first/comm"
  ! { [ "$name" = sudo ] || grep -qsz "^BREAKFIX_MARK=$mark" "$first/environ"; }
}
waited=
for file in $(grep -lsz "^BREAKFIX_MARK=$run\." /proc/[0-9]*/environ); do
  left "$file" || continue
  # What is ending, or is about to become another program and has no environment, gets a moment for that.
  [ "$waited" ] || sleep 1
  waited=yes
  left "$file" || continue
  pid=${file#/proc/}
  read -r name <"${file%/environ}/comm" && item "${pid%/environ} $name"
done
end
shown= own= failed=
if [ -d /run/systemd/system ]; then
  shown=$(systemctl show -p Id -p ActiveState -p LoadState $wanted)
  own=$(systemctl list-units --all --plain --no-legend --no-pager "breakfix-$run.*")
  failed=$(systemctl list-units --state=failed --plain --no-legend --no-pager)
fi
lines() { while IFS= read -r line; do item "$line"; done; }
list shown
lines <<LINES
$shown
LINES
end
list own
while read -r unit rest; do if [ "$unit" ]; then item "$unit"; fi; done <<LINES
$own
LINES
end
list failed
while read -r unit rest; do if [ "$unit" ]; then item "$unit"; fi; done <<LINES
$failed
LINES
end
printf '}'
"""
)


class _Said(Struct, frozen=True, kw_only=True):
    """What the script prints: `shown` as ``systemctl show`` does, the rest as lists of what is there."""

    boot: str
    wall: str
    folders: tuple[str, ...]
    processes: tuple[str, ...]
    shown: tuple[str, ...]
    own: tuple[str, ...]
    failed: tuple[str, ...]


def take(targets: Mapping[str, Identity], vehicles: Runner, run_id: str) -> dict[str, Fields]:
    """Survey hosts, many at a time; blocking. One that cannot be asked has the field ``unknown`` with the
    reason."""

    def ask(identity: Identity) -> Fields:
        asked_at_s = time.time()
        outcome = vehicles.run(_op(identity, run_id))
        return fields_of(outcome, (asked_at_s, time.time()))

    if not targets:
        return {}
    with ThreadPoolExecutor(min(AT_ONCE, len(targets)), thread_name_prefix="survey") as pool:
        return dict(zip(targets, pool.map(ask, targets.values()), strict=True))


def _op(identity: Identity, run_id: str) -> ExecOp:
    return ExecOp(
        via="ssh",
        argv=("sh", "-c", _AS_ROOT, "breakfix", _ASK, "breakfix", run_id, " ".join(TIME_UNITS)),
        changes="no",
        target=identity,
        timeout_s=ASK_S,
    )


def fields_of(outcome: Outcome, between_wall_s: tuple[float, float]) -> Fields:
    """The fields of an answer that was given at some time between the two of our own clock."""
    if not outcome.ok:
        why = outcome.error or outcome.stderr.strip() or f"the command ended with {outcome.code}"
        return {"unknown": why}
    try:
        said = msgspec.convert(outcome.data, _Said)
        clock = _clock(_seconds(said.wall), *between_wall_s)
    except (msgspec.ValidationError, ValueError) as error:
        return {"unknown": str(error)}
    found = {
        "there": "yes",
        "boot": said.boot,
        "clock": clock,
        "time sync": time_sync(said.shown) or "none",
    }
    found |= {f"folder {path}": "there" for path in said.folders}
    found |= {f"process {process}": "runs" for process in said.processes}
    found |= {f"unit {unit}": "loaded" for unit in said.own}
    return found | {f"failed unit {unit}": "failed" for unit in said.failed}


def _clock(wall_s: float, from_s: float, until_s: float) -> str:
    """
    >>> _clock(3601.2, 1.0, 1.2), _clock(10.0, 5.0, 15.0)
    ('+3600 s from ours', '+0 s from ours, give or take 5 s')
    """
    ahead_s, slack_s = wall_s - (from_s + until_s) / 2, math.ceil((until_s - from_s) / 2)
    words = f"{round(ahead_s):+d} s from ours"
    return words if until_s - from_s < 1 else f"{words}, give or take {slack_s} s"


def _seconds(wall: str) -> float:
    """What ``date +%s.%N`` printed; some know no parts of a second."""
    whole, _, parts = wall.partition(".")
    return float(f"{whole}.{parts}" if parts.isdigit() else whole)
