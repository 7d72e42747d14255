"""command.run"""

import re
from typing import Annotated, ClassVar

from msgspec import Meta, field

from breakfix.engine.action import (
    Facts,
    Observation,
    Phase,
    Port,
    Probe,
    Repair,
)
from breakfix.engine.errors import PreconditionError
from breakfix.engine.ops import ExecOp, Kind, Plan


class Run(Probe, Repair, frozen=True, kw_only=True):
    """Run a command on this machine. As a probe it is good when it ends as it is said here; as a repair
    it has succeeded then.

    The command is a list of arguments and no shell reads it. Where one is wanted (for a pipe, or `*`),
    say `shell: true` and write one line: `argv: ["ls *.log | wc -l"]`. It gets the environment of
    breakfix. Its time-out ends its whole process group. A command that cannot be started: blind.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("none",)
    phases: ClassVar[tuple[Phase, ...]] = ("detect", "verify", "remediate")
    result: ClassVar[dict[str, str]] = {
        "exit_code": "integer; negative: the signal that ended it",
        "stdout": "text: at most 4096 characters",
    }
    examples = (
        {"argv": ["true"]},
        {"argv": ["pg_isready", "-h", "db"], "stdout": "accepting"},
        {"argv": ["df / | tail -1"], "shell": True},
    )

    argv: Annotated[
        tuple[str, ...],
        Meta(min_length=1, description="The command and its arguments, each an item of its own."),
    ]
    shell: Annotated[
        bool, Meta(description="/bin/sh reads the command, which is the one item of `argv`.")
    ] = False
    exit_code: Annotated[int, Meta(ge=0, le=255, description="The exit code that is good.")] = 0
    stdout: Annotated[
        str | None,
        Meta(
            description="A regular expression that must be found in its output. Of a probe only.",
            extra_json_schema={"format": "regex"},
        ),
    ] = None
    env: Annotated[dict[str, str], Meta(description="Added to the environment.")] = field(
        default_factory=dict
    )
    cwd: Annotated[str, Meta(description="The folder to run it in.")] = ""

    def __post_init__(self) -> None:
        if self.shell and len(self.argv) != 1:
            raise ValueError("with `shell: true`, `argv` is one line of shell, as its one item")
        try:
            re.compile(self.stdout or "")
        except re.error as error:
            raise ValueError(f"{self.stdout!r} is not a regular expression: {error}") from None

    def plan(self, facts: Facts) -> Plan:
        """The command, whose exit code says whether it has mended."""
        if self.stdout is not None:
            raise PreconditionError(
                "C601",
                "command.run as a repair is not judged by its output",
                fix="leave `stdout` out, and let a verify step look",
            )
        return Plan(apply=(self._op(reads=False),))

    async def sample(self, port: Port) -> Observation:
        """Run it once."""
        outcome = await port.read(self._op(reads=True))
        if outcome.code is None:
            return Observation(holds=None, detail=outcome.error)
        problem = outcome.error
        if not problem and outcome.code != self.exit_code:
            said = outcome.stderr.strip().splitlines()[-1:]
            problem = f"exit code {outcome.code}, wanted {self.exit_code}"
            problem += f": {said[0][:200]}" if said else ""
        if not problem and self.stdout is not None and not re.search(self.stdout, outcome.text):
            problem = f"output without {self.stdout!r}"
            problem += " in what was read of it" if outcome.cut else ""
        return Observation(
            holds=not problem,
            detail=problem or f"exit code {outcome.code}",
            result={"exit_code": outcome.code, "stdout": outcome.text[:4096]},
        )

    def _op(self, *, reads: bool) -> ExecOp:
        return ExecOp(
            argv=("/bin/sh", "-c", *self.argv) if self.shell else self.argv,
            env=self.env,
            cwd=self.cwd,
            ok_exit=(self.exit_code,),
            changes="no" if reads else "yes",
            # The engine ends it earlier, with the time-out of the probe or of the step.
            timeout_s=3600.0,
        )
