"""systemd.restart"""

from typing import ClassVar, Final

from breakfix.actions.systemd import (
    ROOT,
    SYSTEMD,
    Unit,
    is_up,
    require_not_control,
    require_systemd,
    unit_op,
)
from breakfix.engine.action import HostFacts, Repair
from breakfix.engine.ops import Kind, Plan

_RESTART: Final = """
known "$1"
shift
spare "$@"
before=$(get InvocationID)
systemctl reset-failed -- "$unit" 2>/dev/null
systemctl restart -- "$unit" || exit 6
[ -z "$before" ] || [ "$(get InvocationID)" != "$before" ] || {
  echo "systemd has not restarted $unit" >&2; exit 6
}
"""


class Restart(Repair, frozen=True, kw_only=True):
    """Restart a unit of systemd, whatever state it is in; its count of failures begins anew.

    Another invocation of it that stays active for a moment is the proof. The unit that carries our own
    connection is refused. It cannot be undone.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("ssh",)
    needs: ClassVar[tuple[str, ...]] = (SYSTEMD, ROOT)
    examples = ({"unit": "nginx"},)

    unit: Unit

    def plan(self, facts: HostFacts) -> Plan:
        """One restart."""
        require_systemd(facts, "systemd.restart")
        require_not_control(facts, self.unit, "systemd.restart")
        return Plan(
            apply=(unit_op(facts, _RESTART, self.unit, *facts.control_units),),
            effect=(is_up(facts, self.unit),),
        )
