"""systemd.kill"""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, structs

from breakfix.actions.systemd import (
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
from breakfix.engine.host_jobs import SHELL
from breakfix.engine.host_ops import script, state_dir
from breakfix.engine.ops import Check, Kind, Plan

_KILL = SUPPORTS + SHELL + r"""
known "$1"
dir=$2 signal=$3
shift 3
spare "$@"
supports_none "$@"
pid=$(get MainPID)
[ "${pid:-0}" -gt 0 ] && look_at "$pid" || refuse "unit $unit is $(get ActiveState) and has no process of its own"
echo "$pid $start" >"$dir/main" && true >"$dir/broken" || exit 1
systemctl kill --signal="$signal" -- "$unit"
"""
_SEE = SHELL + r"""
killed=false
if [ -r "$1/main" ]; then
  read -r pid was <"$1/main"
  look_at "$pid" && [ "$start" = "$was" ] && case $state in [ZX]) false ;; esac || killed=true
fi
printf '{"killed": %s}' "$killed"
"""


class Kill(Fault, frozen=True, kw_only=True):
    """Kill the processes of a unit of systemd: all that are in its control group get the signal, as in a crash.

    Its restart policy fires, where it has one. The effect is seen in history: the process that was its main
    one is gone. The undo starts the unit, where it does not come back by itself. Units that our
    own connection depends on are refused, by whatever name.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("ssh",)
    lasting: ClassVar[bool] = False
    claims: ClassVar[tuple[str, ...]] = ("units",)
    needs: ClassVar[tuple[str, ...]] = (SYSTEMD, ROOT)
    examples = ({"unit": "nginx"}, {"unit": "app@1.service", "signal": "SIGSEGV"})

    unit: Unit
    signal: Annotated[
        Literal["SIGKILL", "SIGTERM", "SIGINT", "SIGQUIT", "SIGABRT", "SIGSEGV", "SIGHUP"],
        Meta(description="The signal. All but SIGKILL can be caught, or ignored."),
    ] = "SIGKILL"

    def plan(self, facts: HostFacts) -> Plan:
        """One signal."""
        require_systemd(facts, "systemd.kill")
        require_not_control(facts, self.unit, "systemd.kill")
        name, folder = unit_name(self.unit), state_dir(facts, root=True)
        apply = unit_op(facts, _KILL, self.unit, folder, self.signal, *facts.control_units)
        return Plan(
            apply=(structs.replace(apply, level="incarnation"),),
            effect=(
                Check(
                    op=script(facts, _SEE, folder, root=True, changes="no"),
                    pick="/killed",
                    is_="eq",
                    value=True,
                    within_s=15.0,
                    asked=f"the main process of unit {name} of {facts.identity.name} is gone",
                ),
            ),
            undo=(undo_of(facts, self.unit),),
            gone=(over(facts, self.unit),),
        )
