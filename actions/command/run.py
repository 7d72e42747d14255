"""command.run"""

from typing import ClassVar

from breakfix.engine.action import Facts, Observation, Port
from breakfix.engine.commands import TIMEOUT_S, CommandAction
from breakfix.engine.ops import ExecOp, Kind, Plan


class Run(CommandAction, frozen=True, kw_only=True):
    """Run a command on this machine. As a probe it is good when it ends as it is said here; as a repair
    it has succeeded then.

    The command is a list of arguments and no shell reads it. Where one is wanted (for a pipe, or `*`),
    say `shell: true` and write one line: `argv: ["ls *.log | wc -l"]`. It gets the environment of
    breakfix. Its time-out ends its whole process group. A command that cannot be started: blind.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("none",)
    examples = (
        {"argv": ["true"]},
        {"argv": ["pg_isready", "-h", "db"], "stdout": "accepting"},
        {"argv": ["df / | tail -1"], "shell": True},
    )

    def plan(self, facts: Facts) -> Plan:
        """The command, whose exit code says whether it has mended."""
        self.require_exit_code_alone("C601", "command.run")
        return Plan(apply=(self._op(reads=False),))

    async def sample(self, port: Port) -> Observation:
        """Run it once."""
        return self.judged(await port.read(self._op(reads=True)))

    def _op(self, *, reads: bool) -> ExecOp:
        return ExecOp(
            argv=("/bin/sh", "-c", *self.argv) if self.shell else self.argv,
            env=self.env,
            cwd=self.cwd,
            ok_exit=(self.exit_code,),
            changes="no" if reads else "yes",
            timeout_s=TIMEOUT_S,
        )
