"""host.command"""

import re
from typing import Annotated, ClassVar, Final

from msgspec import Meta, field

from breakfix.engine.action import HostFacts, Observation, Phase, Port, Probe, Repair
from breakfix.engine.errors import PreconditionError
from breakfix.engine.host_ops import require_root
from breakfix.engine.host_reading import facts_of, last_line, look
from breakfix.engine.ops import ExecOp, Kind, Plan

_NOT_STARTED: Final = {126: "cannot be executed", 127: "is not there"}
"""What env(1) and shells end with where they could not start a command."""


class Command(Probe, Repair, frozen=True, kw_only=True):
    """Run a command on a host. As a probe it is good when it ends as it is said here; as a repair it has
    succeeded then.

    The command is a list of arguments and no shell reads it. Where one is wanted (for a pipe, or `*`),
    say `shell: true` and write one line: `argv: ["ls *.log | wc -l"]`. With `sudo: true` it runs as
    root. Its time-out ends everything that it has started. A host that cannot be reached is bad; a
    command that is not there, blind.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("ssh",)
    phases: ClassVar[tuple[Phase, ...]] = ("detect", "verify", "remediate")
    result: ClassVar[dict[str, str]] = {
        "exit_code": "integer; negative: the signal that ended it",
        "stdout": "text: at most 4096 characters",
    }
    examples = (
        {"argv": ["true"]},
        {"argv": ["redis-cli", "ping"], "stdout": "PONG"},
        {"argv": ["dmesg | tail -n 20"], "shell": True, "sudo": True, "stdout": "(?i)i/o error"},
    )

    argv: Annotated[
        tuple[str, ...],
        Meta(min_length=1, description="The command and its arguments, each an item of its own."),
    ]
    shell: Annotated[
        bool, Meta(description="The host's sh reads the command, which is the one item of `argv`.")
    ] = False
    sudo: Annotated[bool, Meta(description="Run it as root, by `sudo -n`.")] = False
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

    def plan(self, facts: HostFacts) -> Plan:
        """The command, whose exit code says whether it has mended."""
        if self.stdout is not None:
            raise PreconditionError(
                "H220",
                "host.command as a repair is not judged by its output",
                fix="leave `stdout` out, and let a verify step look",
            )
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
        if outcome.code is None:
            return Observation(holds=None, detail=outcome.error)
        if outcome.code in _NOT_STARTED and not self.shell and outcome.code != self.exit_code:
            why = _NOT_STARTED[outcome.code]
            return Observation(holds=None, detail=f"{self.argv[0]} {why} on {name}")
        problem = outcome.error
        if not problem and outcome.code != self.exit_code:
            problem = f"exit code {outcome.code}, wanted {self.exit_code}"
            said = last_line(outcome.stderr)
            problem += f": {said}" if said else ""
        if not problem and self.stdout is not None and not re.search(self.stdout, outcome.text):
            problem = f"output without {self.stdout!r}"
            problem += " in what was read of it" if outcome.cut else ""
        return Observation(
            holds=not problem,
            detail=f"{name}: {problem or f'exit code {outcome.code}'}",
            result={"exit_code": outcome.code, "stdout": outcome.text[:4096]},
        )

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
            # The engine ends it earlier, with the time-out of the probe or of the step.
            timeout_s=3600.0,
        )
