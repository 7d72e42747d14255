"""host.memory"""

import re
from typing import Annotated, ClassVar, Final

from msgspec import Meta

from breakfix.engine.action import Fault, HostFacts, Observation, Phase, Port, Probe
from breakfix.engine.errors import PreconditionError
from breakfix.engine.host_jobs import END, SHELL
from breakfix.engine.host_ops import script, state_dir
from breakfix.engine.host_reading import argv_op, facts_of, look, not_read
from breakfix.engine.ops import Check, Kind, Plan
from breakfix.engine.values import Share, Size, fraction, size_bytes

_LINE: Final = re.compile(r"^(\w+): +(\d+) kB$", re.MULTILINE)
_SEEN: Final = 0.9
"""This part of it in memory proves that it was taken: some of a worker's pages may be swapped out."""

_TAKE: Final = SHELL + r"""
dir=$1 how=$2 want=$3 reserve=$4
available=
while read -r key value unit; do
  [ "$key" != MemAvailable: ] || available=$((value * 1024))
done </proc/meminfo
[ -n "$available" ] || refuse "the kernel of this host does not tell how much memory could be had"
rest=$((available - want))
[ "$rest" -ge "$reserve" ] || refuse "$want of the $available bytes of memory that could be had would leave $rest, less than the reserve of $reserve"
# Where the kernel runs out of memory it is these that have to go (proc(5), oom_score_adj).
FIRST='echo 1000 >/proc/self/oom_score_adj; exec "$@"'
HOLD='{ head -c "$2" /dev/zero; while [ -d "$1" ]; do sleep 5; done; } | tail -n 1'
if [ "$how" = stress-ng ]; then
  set -- stress-ng --quiet --temp-path "$dir" --timeout 0 --oomable --vm 1 --vm-bytes "$want" --vm-keep --vm-populate --vm-hang 0
else
  # A line that does not end is kept whole.
  set -- sh -c "$HOLD" breakfix "$dir" "$want"
fi
start_job memory sh -c "$FIRST" breakfix "$@"
"""
_SEE: Final = SHELL + r"""
dir=$1
count_jobs
taken=0
for each in "$dir"/*.job; do
  [ -e "$each" ] && read -r pid was <"$each" || continue
  for one in $(members "$pid" "$was"); do
    { while read -r key value unit; do
      case $key in VmRSS: | VmSwap:) taken=$((taken + value * 1024)) ;; esac
    done <"/proc/$one/status"; } 2>/dev/null
  done
done
printf '{"processes": %s, "taken_bytes": %s}' "$alive" "$taken"
"""


class Memory(Fault, Probe, frozen=True, kw_only=True):
    """Take memory from a host; as a probe, good while it has enough left, as much as could be had without
    swapping.

    As a fault it takes `size`, or a `share` of all memory, and holds it without using the CPU: by stress-ng where
    it is there, else by a tail that waits for the end of a line; the report says which it was. It runs as the login
    user, and first in line where the kernel has to kill something. What it leaves must be the `reserve` at
    least. The effect is seen by the memory that its processes have; the undo ends their process group.

    As a probe it reads MemAvailable of /proc/meminfo, and MemFree of a kernel that does not tell it. Where
    both bounds are given, both count. A host that cannot be reached is bad.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("ssh",)
    phases: ClassVar[tuple[Phase, ...]] = ("inject", "detect", "verify")
    lasting: ClassVar[bool] = True
    claims: ClassVar[tuple[str, ...]] = ("memory",)
    result: ClassVar[dict[str, str]] = {
        "available_bytes": "integer",
        "total_bytes": "integer",
    }
    examples = (
        {"size": "2GiB"},
        {"share": "50%", "reserve": "1GiB"},
        {"available_min": "512MiB"},
        {"available_share_min": "10%"},
    )

    size: Annotated[Size, Meta(description="Take so much. Of a fault only.")] | None = None
    share: (
        Annotated[Share, Meta(description="Take that share of all its memory. Of a fault only.")]
        | None
    ) = None
    reserve: Annotated[
        Size,
        Meta(description="So much stays available, or the fault is refused. Of a fault only."),
    ] = "256MiB"
    available_min: (
        Annotated[Size, Meta(description="No less than that. Of a probe only.")] | None
    ) = None
    available_share_min: (
        Annotated[
            Share, Meta(description="No less than that share of all its memory. Of a probe only.")
        ]
        | None
    ) = None

    def __post_init__(self) -> None:
        taken = [self.size, self.share].count(None)
        if taken == 0:
            raise ValueError("say one of `size` and `share`")
        probes = self.available_min is not None or self.available_share_min is not None
        if probes == (taken == 1):
            raise ValueError(
                "say `size` or `share` of a fault; `available_min` or `available_share_min` of a probe"
            )

    def plan(self, facts: HostFacts) -> Plan:
        """Take it, see it taken, end it."""
        host, folder = facts.identity.name, state_dir(facts, root=False)
        want_bytes = self._wanted_bytes(facts)
        how = "stress-ng" if "stress-ng" in facts.tools else "tail"
        reserve = str(size_bytes(self.reserve))
        see = script(facts, _SEE, folder, changes="no")
        return Plan(
            apply=(script(facts, _TAKE, folder, how, str(want_bytes), reserve),),
            effect=(
                Check(
                    op=see,
                    pick="/taken_bytes",
                    is_="ge",
                    value=int(want_bytes * _SEEN),
                    within_s=30.0,
                    every_s=0.1,
                    asked=f"bytes of memory that are taken on {host}",
                ),
            ),
            undo=(script(facts, END, folder),),
            gone=(
                Check(
                    op=see,
                    pick="/processes",
                    is_="eq",
                    value=0,
                    asked=f"processes that take memory on {host}",
                ),
            ),
            mechanism=how,
        )

    def _wanted_bytes(self, facts: HostFacts) -> int:
        """Raises PreconditionError where that would be too much, or is not said."""
        if self.size is not None:
            want_bytes = size_bytes(self.size)
        elif self.share is not None:
            want_bytes = int(fraction(self.share) * facts.memory_bytes)
        else:
            raise PreconditionError(
                "H203",
                f"how much memory is to be taken from host {facts.identity.name} is not said",
                fix="give host.memory a `size` or a `share`",
            )
        rest_bytes = facts.memory_available_bytes - want_bytes
        if rest_bytes < size_bytes(self.reserve):
            raise PreconditionError(
                "H202",
                f"host {facts.identity.name} has {facts.memory_available_bytes >> 20} MiB of memory "
                f"available; without {want_bytes >> 20} MiB it would have {rest_bytes >> 20} MiB, less "
                f"than the reserve of {self.reserve}",
                fix="take less, or lower the `reserve`",
            )
        return want_bytes

    async def sample(self, port: Port) -> Observation:
        """Read it once."""
        facts = facts_of(port)
        outcome = await look(port, argv_op(facts, "cat", "/proc/meminfo"))
        if (failed := not_read(outcome, facts.identity.name)) is not None:
            return failed
        said = {key: int(value) << 10 for key, value in _LINE.findall(outcome.text)}
        total = said["MemTotal"]
        available = said.get("MemAvailable", said["MemFree"])
        problems = []
        if self.available_min is not None and available < size_bytes(self.available_min):
            problems.append(f"wanted {self.available_min} at least")
        share = available / total
        if self.available_share_min is not None and share < fraction(self.available_share_min):
            problems.append(f"wanted {self.available_share_min} at least")
        seen = f"{facts.identity.name}: {available >> 20} MiB ({share:.1%}) available"
        return Observation(
            holds=not problems,
            detail=", ".join([seen, *problems]),
            result={"available_bytes": available, "total_bytes": total},
        )
