"""host.cpu"""

from typing import Annotated, ClassVar, Final

from msgspec import Meta

from breakfix.engine.action import Fault, HostFacts
from breakfix.engine.host_jobs import END, SHELL
from breakfix.engine.host_ops import script, state_dir
from breakfix.engine.ops import Check, Kind, Plan
from breakfix.engine.values import Share, fraction

_PERIOD_S: Final = 0.1
"""Of a busy loop that is stopped and continued in turn."""
_SEEN_MS: Final = 100
"""So much time on the processor proves the load."""

_START: Final = SHELL + r"""
dir=$1 how=$2 workers=$3 percent=$4 cpus=$5 on_s=$6 off_s=$7
BUSY='while [ -d "$1" ]; do i=0; while [ "$i" -lt 5000 ]; do i=$((i + 1)); done; done'
PART='
sh -c "$4" breakfix "$1" &
while [ -d "$1" ]; do
  sleep "$2"; kill -STOP "$!"
  sleep "$3"; kill -CONT "$!"
done'
if [ "$how" = stress-ng ]; then
  set -- stress-ng --quiet --temp-path "$dir" --timeout 0 --cpu "$workers" --cpu-load "$percent"
  [ -z "$cpus" ] || set -- "$@" --taskset "$cpus"
  start_job load "$@"
  exit 0
fi
[ "$percent" = 100 ] || sleep 0.01 2>/dev/null || refuse "the sleep of this host takes whole seconds: only a load of 100% can be made without stress-ng"
set -- sh -c "$BUSY" breakfix "$dir"
[ "$percent" = 100 ] || set -- sh -c "$PART" breakfix "$dir" "$on_s" "$off_s" "$BUSY"
if [ -n "$cpus" ]; then
  command -v taskset >/dev/null || refuse "there is no taskset on this host"
  taskset -c "$cpus" true || refuse "this host has not got the CPUs $cpus"
  set -- taskset -c "$cpus" "$@"
fi
while [ "$workers" -gt 0 ]; do
  start_job "load$workers" "$@"
  workers=$((workers - 1))
done
"""
_SEE: Final = SHELL + r"""
dir=$1
count_jobs
printf '{"processes": %s, "cpu_ms": %s}' "$alive" "$((ticks_all * 10))"
"""


class Cpu(Fault, frozen=True, kw_only=True):
    """Keep the CPUs of a host busy: as many workers as it has CPUs, each for a share of the time.

    stress-ng does it where it is there, else a loop of the shell, which is stopped and continued ten
    times a second where it shall not run all the time; the report says which it was. The workers run as the login
    user with its usual priority. The effect is seen by the time that they have had on the processor
    (proc(5)); the undo ends their process group.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("ssh",)
    lasting: ClassVar[bool] = True
    claims: ClassVar[tuple[str, ...]] = ("cpu",)
    examples = ({}, {"workers": 2, "load": "50%"}, {"workers": 1, "cpus": "0"})

    workers: (
        Annotated[int, Meta(ge=1, le=4096, description="How many; by default one for each CPU.")]
        | None
    ) = None
    load: Annotated[Share, Meta(description="The share of the time that each of them works.")] = "100%"
    cpus: (
        Annotated[
            str,
            Meta(
                pattern="^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$",
                description="The CPUs to work on, as `0,2-3`; by default all.",
            ),
        ]
        | None
    ) = None

    def __post_init__(self) -> None:
        if fraction(self.load) < 0.01:
            raise ValueError("`load` must be 1% at least")

    def plan(self, facts: HostFacts) -> Plan:
        """Start the workers, see what they have used, end them."""
        host, load = facts.identity.name, fraction(self.load)
        workers = self.workers or facts.cpus
        how = "stress-ng" if "stress-ng" in facts.tools else "busy loop"
        folder = state_dir(facts, root=False)
        apply = script(
            facts, _START, folder, how, str(workers), f"{load * 100:.0f}", self.cpus or "",
            f"{load * _PERIOD_S:.3f}", f"{(1 - load) * _PERIOD_S:.3f}",
        )  # fmt: skip
        see = script(facts, _SEE, folder, changes="no")
        return Plan(
            apply=(apply,),
            effect=(
                Check(
                    op=see,
                    pick="/cpu_ms",
                    is_="ge",
                    value=_SEEN_MS,
                    within_s=20.0,
                    every_s=0.1,
                    asked=f"milliseconds of CPU time that the load on {host} has had",
                ),
            ),
            undo=(script(facts, END, folder),),
            gone=(
                Check(
                    op=see,
                    pick="/processes",
                    is_="eq",
                    value=0,
                    asked=f"processes of the load on {host}",
                ),
            ),
            mechanism=how,
        )
