"""host.command"""

from typing import Annotated, ClassVar, Final

from msgspec import Meta, structs

from breakfix.engine.action import HostFacts, Observation, Port
from breakfix.engine.commands import TIMEOUT_S, CommandAction
from breakfix.engine.host_ops import require_root
from breakfix.engine.host_reading import facts_of, look
from breakfix.engine.ops import ExecOp, Kind, Plan

_NOT_STARTED: Final = {126: "cannot be executed", 127: "is not there"}
"""What env(1) and shells end with where they could not start a command."""


class Command(CommandAction, frozen=True, kw_only=True):
    """Run a command on a host. As a probe it is good when it ends as it is said here; as a repair it has
    succeeded then.

    The command is a list of arguments and no shell reads it. Where one is wanted (for a pipe, or `*`),
    say `shell: true` and write one line: `argv: ["ls *.log | wc -l"]`. With `sudo: true` it runs as
    root. Its time-out ends everything that it has started. A host that cannot be reached is bad; a
    command that is not there, blind.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("ssh",)
    examples = (
        {"argv": ["true"]},
        {"argv": ["redis-cli", "ping"], "stdout": "PONG"},
        {"argv": ["dmesg | tail -n 20"], "shell": True, "sudo": True, "stdout": "(?i)i/o error"},
    )

    sudo: Annotated[bool, Meta(description="Run it as root, by `sudo -n`.")] = False

    def plan(self, facts: HostFacts) -> Plan:
        """The command, whose exit code says whether it has mended."""
        self.require_exit_code_alone("H220", "host.command")
        if self.sudo:
            require_root(facts, "host.command with `sudo`")
        return Plan(apply=(self._op(facts, reads=False),))

    async def sample(self, port: Port) -> Observation:
        """Run it once."""
        facts = facts_of(port)
        name = facts.identity.name
        if self.sudo and not facts.root:
            return Observation(holds=None, detail=f"nobody can become root on {name}")
        outcome = await look(port, self._op(facts, reads=True))
        if outcome.unreachable or outcome.gone:
            return Observation(holds=False, detail=outcome.error)
        if outcome.code in _NOT_STARTED and not self.shell and outcome.code != self.exit_code:
            why = _NOT_STARTED[outcome.code]
            return Observation(holds=None, detail=f"{self.argv[0]} {why} on {name}")
        found = self.judged(outcome)
        return structs.replace(found, detail=f"{name}: {found.detail}")

    def _op(self, facts: HostFacts, *, reads: bool) -> ExecOp:
        return ExecOp(
            via="ssh",
            argv=("sh", "-c", *self.argv) if self.shell else self.argv,
            env=self.env,
            cwd=self.cwd,
            ok_exit=(self.exit_code,),
            sudo=self.sudo and facts.root == "sudo",
            changes="no" if reads else "yes",
            target=facts.identity,
            timeout_s=TIMEOUT_S,
        )
