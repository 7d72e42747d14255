"""systemd.stop"""

from typing import ClassVar

from breakfix.actions.systemd import (
    ACTIVE,
    ROOT,
    SUPPORTS,
    SYSTEMD,
    Unit,
    over,
    require_not_control,
    require_systemd,
    undo_of,
    unit_name,
    unit_op,
)
from breakfix.engine.action import Fault, HostFacts
from breakfix.engine.host_ops import script, state_dir
from breakfix.engine.ops import Check, Kind, Plan

_STOP = SUPPORTS + r"""
known "$1"
dir=$2
shift 2
spare "$@"
supports_none "$@"
[ "$(get ActiveState)" = active ] || { echo "unit $unit is $(get ActiveState), not active" >&2; exit 5; }
true >"$dir/broken" || exit 1
# Not waited for: a unit may take its time, and that it is stopped is looked for anyway.
systemctl stop --no-block -- "$unit"
"""


class Stop(Fault, frozen=True, kw_only=True):
    """Stop a unit of systemd, as an administrator would: no restart policy of it fires.

    A unit that a socket or a timer starts comes back with that. The effect is seen when the unit is
    inactive, or has failed; the undo starts it again. Units that our own connection depends on are refused, by
    whatever name.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("ssh",)
    lasting: ClassVar[bool] = True
    claims: ClassVar[tuple[str, ...]] = ("units",)
    needs: ClassVar[tuple[str, ...]] = (SYSTEMD, ROOT)
    examples = ({"unit": "nginx"},)

    unit: Unit

    def plan(self, facts: HostFacts) -> Plan:
        """Stop it, start it."""
        require_systemd(facts, "systemd.stop")
        require_not_control(facts, self.unit, "systemd.stop")
        name, folder = unit_name(self.unit), state_dir(facts, root=True)
        return Plan(
            apply=(unit_op(facts, _STOP, self.unit, folder, *facts.control_units),),
            effect=(
                Check(
                    op=script(facts, ACTIVE, name, changes="no"),
                    pick="/active_state",
                    is_="matches",
                    value="^(inactive|failed)$",
                    # What systemd waits for a unit by default before it kills it (DefaultTimeoutStopSec).
                    within_s=100.0,
                    every_s=0.2,
                    asked=f"state of unit {name} of {facts.identity.name}",
                ),
            ),
            undo=(undo_of(facts, self.unit),),
            gone=(over(facts, self.unit),),
        )
