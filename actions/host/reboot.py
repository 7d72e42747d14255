"""host.reboot"""

from typing import Annotated, ClassVar, Final

from msgspec import Meta

from breakfix.engine.action import Fault, HostFacts
from breakfix.engine.host_jobs import END, SHELL
from breakfix.engine.host_ops import require_root, script, state_dir
from breakfix.engine.ops import Check, Kind, Plan
from breakfix.engine.values import Duration, seconds

_REBOOT: Final = SHELL + r"""
dir=$1
if [ -d /run/systemd/system ]; then set -- systemctl reboot; else set -- reboot; fi
command -v "$1" >/dev/null || refuse "there is no $1 on this host"
read -r boot </proc/sys/kernel/random/boot_id
echo "$boot" >"$dir/reboot" || exit 1
# A moment later: the answer to this command is to arrive.
start_job later sh -c 'sleep 1; exec "$@"' breakfix "$@"
"""
_SEE: Final = r"""
read -r boot </proc/sys/kernel/random/boot_id
pending=false
if [ -r "$1/reboot" ] && read -r then <"$1/reboot" && [ "$then" = "$boot" ]; then pending=true; fi
printf '{"boot_id": "%s", "pending": %s}' "$boot" "$pending"
"""
_CALL_OFF: Final = END + 'rm -f "$dir/reboot"\n'


class Reboot(Fault, frozen=True, kw_only=True):
    """Reboot a host.

    It goes down in an orderly way and comes back by itself; `within` bounds that. The effect is seen in
    history: it answers with another boot id. It is over when the host answers. What the undo takes back is a
    reboot that has not begun.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("ssh",)
    lasting: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("root on the host, or `sudo -n`",)
    examples = ({}, {"within": "2m"})

    within: Annotated[
        Duration, Meta(description="So long it may take until the host answers again.")
    ] = "5m"

    def plan(self, facts: HostFacts) -> Plan:
        """Ask for it; another boot id is the proof."""
        require_root(facts, "host.reboot")
        host, folder = facts.identity.name, state_dir(facts, root=True)
        see = script(facts, _SEE, folder, root=True, changes="no")
        return Plan(
            apply=(script(facts, _REBOOT, folder, root=True, level="incarnation"),),
            effect=(
                Check(
                    op=see,
                    pick="/boot_id",
                    is_="ne",
                    value=facts.identity.incarnation,
                    within_s=seconds(self.within),
                    every_s=1.0,
                    asked=f"boot id of {host}, which was another one",
                ),
            ),
            undo=(script(facts, _CALL_OFF, folder, root=True, level="incarnation"),),
            gone=(
                Check(
                    op=see,
                    pick="/pending",
                    is_="eq",
                    value=False,
                    within_s=seconds(self.within),
                    every_s=1.0,
                    asked=f"{host} is about to go down",
                ),
            ),
            rebinds=True,
        )
