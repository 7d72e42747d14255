"""What actions that run a command have in common: its parameters, and how its end is judged."""

import re
from typing import Annotated, ClassVar

from msgspec import Meta, field

from breakfix.engine.action import Observation, Phase, Probe, Repair
from breakfix.engine.errors import PreconditionError
from breakfix.engine.ops import Outcome

TIMEOUT_S = 3600.0
"""Of the op: the engine ends it earlier, with the time-out of the probe or of the step."""


class CommandAction(Probe, Repair, frozen=True, kw_only=True):
    """A command, good when it ends as it is said here. Where it runs is for its subclasses to say."""

    phases: ClassVar[tuple[Phase, ...]] = ("detect", "verify", "remediate")
    result: ClassVar[dict[str, str]] = {
        "exit_code": "integer; negative: the signal that ended it",
        "stdout": "text: at most 4096 characters",
    }

    argv: Annotated[
        tuple[str, ...],
        Meta(min_length=1, description="The command and its arguments, each an item of its own."),
    ]
    shell: Annotated[
        bool, Meta(description="A shell reads the command, which is the one item of `argv`.")
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

    def require_exit_code_alone(self, code: str, name: str) -> None:
        """Raises PreconditionError, with this code, where a repair is to be judged by its output."""
        if self.stdout is not None:
            raise PreconditionError(
                code,
                f"{name} as a repair is not judged by its output",
                fix="leave `stdout` out, and let a verify step look",
            )

    def judged(self, outcome: Outcome) -> Observation:
        """What the end of the command shows. One that could not be started shows nothing."""
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
