"""host.script"""

import shlex
from typing import Annotated, ClassVar, Final

from msgspec import Meta, structs

from breakfix.engine.action import Fault, HostFacts, Phase, Repair
from breakfix.engine.host_ops import require_root, script
from breakfix.engine.ops import Check, ExecOp, Kind, Plan
from breakfix.engine.values import Duration, seconds

_Argv = tuple[str, ...]
Command = Annotated[str, Meta(min_length=1, max_length=32768)] | _Argv
"""A text that sh reads, or a list of a command and its arguments, which no shell reads."""

_TRY: Final = r"""
# Every text is read before the first one runs: where one is no shell, nothing is done.
texts=$1
shift
while [ "$texts" -gt 0 ]; do
  printf '%s\n' "$1" | sh -n || exit 65
  shift
  texts=$((texts - 1))
done
exec "$@"
"""
_CHECK: Final = r"""
"$@" >/dev/null 2>&1 </dev/null
code=$?
# What could not run, or was killed, says nothing.
[ "$code" -lt 126 ] || { echo "the check ended with $code" >&2; exit 65; }
printf '{"exit_code": %s}' "$code"
"""


class Script(Fault, Repair, frozen=True, kw_only=True):
    """Run a script, or a command, on a host: as a fault with one that undoes it and one that proves it, as a
    repair by itself.

    A text is read by sh; a list is a command and its arguments, and no shell reads it. `check` ends with 0 while
    the fault is in effect, and with another code when it is not; with 126 or more, nobody can tell. What
    `run` leaves in the background goes on; at its time-out everything that it has started ends. A fault without
    `undo` and `check` is refused; with `allow: [irreversible]` on the step it needs a `check` alone.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("ssh",)
    phases: ClassVar[tuple[Phase, ...]] = ("inject", "remediate")
    lasting: ClassVar[bool] = True
    examples = (
        {
            "run": "mv /etc/app/flags /etc/app/flags.off && systemctl reload app",
            "undo": "[ ! -e /etc/app/flags.off ] || mv /etc/app/flags.off /etc/app/flags",
            "check": "test -e /etc/app/flags.off",
            "sudo": True,
        },
        {"run": ["touch", "/tmp/down"], "undo": ["rm", "-f", "/tmp/down"], "check": ["test", "-e", "/tmp/down"]},
        {"run": "redis-cli flushall"},
    )  # fmt: skip

    run: Annotated[Command, Meta(description="What it does: a script, or a command as a list.")]
    undo: Annotated[
        Command | None,
        Meta(description="What undoes it, any number of times. A fault needs one."),
    ] = None
    check: Annotated[
        Command | None,
        Meta(description="Ends with 0 while it is in effect. A fault needs one."),
    ] = None
    sudo: Annotated[bool, Meta(description="Run all of them as root, by `sudo -n`.")] = False
    within: Annotated[Duration, Meta(description="So long `run` may take.")] = "30s"

    def __post_init__(self) -> None:
        if () in (self.run, self.undo, self.check):
            raise ValueError("a command has one item at least")
        if self.undo is not None and self.check is None:
            raise ValueError("an `undo` needs a `check` that says when it is over")

    def plan(self, facts: HostFacts) -> Plan:
        """The script; where there is a check, its effect and its end are proved by it."""
        if self.sudo:
            require_root(facts, "host.script with `sudo`")
        texts = [text for text in (self.run, self.undo, self.check) if isinstance(text, str)]
        apply = script(
            facts, _TRY, str(len(texts)), *texts, *_argv(self.run), root=self.sudo
        )
        apply = structs.replace(apply, timeout_s=seconds(self.within))
        if self.check is None:
            return Plan(apply=(apply,))
        effect = self._check(facts, self.check, in_effect=True)
        if self.undo is None:
            return Plan(apply=(apply,), effect=(effect,))
        return Plan(
            apply=(apply,),
            effect=(effect,),
            undo=(self._op(facts, self.undo),),
            gone=(self._check(facts, self.check, in_effect=False),),
            undo_unseen=True,
        )

    def _op(self, facts: HostFacts, command: Command) -> ExecOp:
        return structs.replace(script(facts, "", root=self.sudo), argv=_argv(command))

    def _check(self, facts: HostFacts, command: Command, *, in_effect: bool) -> Check:
        words = command if isinstance(command, str) else shlex.join(command)
        ends = "with 0" if in_effect else "with another code than 0"
        return Check(
            op=script(facts, _CHECK, *_argv(command), root=self.sudo, changes="no"),
            pick="/exit_code",
            is_="eq" if in_effect else "ne",
            value=0,
            within_s=10.0,
            every_s=0.2,
            asked=f"`{words[:200]}` ends {ends} on {facts.identity.name}",
        )


def _argv(command: Command) -> _Argv:
    return ("sh", "-c", command, "breakfix") if isinstance(command, str) else command
