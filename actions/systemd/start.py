"""systemd.start"""

from typing import ClassVar, Final

from breakfix.actions.systemd import ROOT, SYSTEMD, Unit, is_up, require_systemd, unit_op
from breakfix.engine.action import HostFacts, Repair
from breakfix.engine.host_files import KEEP
from breakfix.engine.host_ops import state_dir
from breakfix.engine.ops import Kind, Plan

_START: Final = """
known "$1"
[ "$(get ActiveState)" != active ] || { echo "unit $1 is active already" >&2; exit 5; }
[ -z "$2" ] || { keep "$2" && : > "$2/started"; } || exit 6
systemctl reset-failed -- "$1" 2>/dev/null
systemctl start -- "$1"
"""
_UNDO: Final = """
[ -f "$2/started" ] || exit 0
systemctl stop -- "$1" && rm -f -- "$2/started" && rmdir -- "$2"
"""


class Start(Repair, frozen=True, kw_only=True):
    """Start a unit of systemd that is not active; its count of failures begins anew.

    That it stays active for a moment is the proof. To put it back stops it.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("ssh",)
    needs: ClassVar[tuple[str, ...]] = (SYSTEMD, ROOT)
    examples = ({"unit": "nginx"},)

    unit: Unit

    def plan(self, facts: HostFacts) -> Plan:
        """One start, refused where the unit runs, so that no undo ever stops what ran before."""
        require_systemd(facts, "systemd.start")
        kept = state_dir(facts, root=True) if facts.token else ""
        return Plan(
            apply=(unit_op(facts, KEEP + _START, self.unit, kept),),
            effect=(is_up(facts, self.unit),),
            undo=(unit_op(facts, _UNDO, self.unit, kept),) if kept else (),
        )
