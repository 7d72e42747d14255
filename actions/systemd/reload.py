"""systemd.reload"""

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

_RELOAD: Final = """
known "$1"
shift
spare "$@"
[ "$(get CanReload)" = yes ] || { echo "unit $unit has no reload" >&2; exit 5; }
systemctl reload -- "$unit"
"""


class Reload(Repair, frozen=True, kw_only=True):
    """Let a unit of systemd read its configuration again.

    The unit must be active and know how to reload; that it is active afterwards is the proof. The unit
    that carries our own connection is refused: a broken configuration would end it. It cannot be undone.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("ssh",)
    needs: ClassVar[tuple[str, ...]] = (SYSTEMD, ROOT)
    examples = ({"unit": "nginx"},)

    unit: Unit

    def plan(self, facts: HostFacts) -> Plan:
        """One reload."""
        require_systemd(facts, "systemd.reload")
        require_not_control(facts, self.unit, "systemd.reload")
        return Plan(
            apply=(unit_op(facts, _RELOAD, self.unit, *facts.control_units),),
            effect=(is_up(facts, self.unit),),
        )
