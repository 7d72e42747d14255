"""docker.exec"""

from typing import Annotated, ClassVar

from msgspec import Meta, field

from breakfix.actions.docker import SEEN_WITHIN_S, require_running
from breakfix.engine.action import DockerFacts, Fault, Phase, Repair
from breakfix.engine.ops import (
    Changes,
    Check,
    ExecOp,
    Kind,
    Plan,
)

_Argv = tuple[str, ...]


class Exec(Fault, Repair, frozen=True, kw_only=True):
    """Run a command in a container: as a fault with a command that undoes it and one that proves it, as
    a repair by itself.

    A command is a list of arguments, and no shell reads it. `check` ends with 0 while the fault is in
    effect, with 1 when it is not (as test, grep and pgrep do); with anything else, nobody can tell.
    Each is ended, with its process group, at its time-out; an image without a shell lets that be done
    only by root on the engine's machine, else the step must say `allow: [unbounded]`.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("docker",)
    phases: ClassVar[tuple[Phase, ...]] = ("inject", "remediate")
    lasting: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("a Docker engine", "the command, in the image")
    examples = (
        {
            "argv": ["touch", "/tmp/maintenance"],
            "undo": ["rm", "-f", "/tmp/maintenance"],
            "check": ["test", "-e", "/tmp/maintenance"],
        },
        {"argv": ["redis-cli", "flushall"]},
    )

    argv: Annotated[_Argv, Meta(min_length=1, description="The command and its arguments.")]
    undo: Annotated[
        _Argv, Meta(description="The command that undoes it. A fault needs one.")
    ] = ()
    check: Annotated[
        _Argv,
        Meta(description="Ends with 0 while it is in effect, with 1 when it is not. A fault needs one."),
    ] = ()
    user: Annotated[str, Meta(description="Who runs it: a user, or `user:group`.")] = ""
    cwd: Annotated[str, Meta(description="The folder to run it in.")] = ""
    env: Annotated[dict[str, str], Meta(description="Added to its environment.")] = field(
        default_factory=dict
    )

    def __post_init__(self) -> None:
        if bool(self.undo) != bool(self.check):
            raise ValueError("say both of `undo` and `check`, or none of them")

    def plan(self, facts: DockerFacts) -> Plan:
        """The command; where there is a check, its effect and its end are proved by it."""
        require_running(facts, "D110")
        # The engine ends it earlier, with the time-out of the step.
        apply = self._op(facts, self.argv, timeout_s=3600.0)
        if not self.check:
            return Plan(apply=(apply,))
        name, words = facts.identity.name, " ".join(self.argv)
        return Plan(
            apply=(apply,),
            effect=(self._check(facts, 0, f"`{words}` is in effect in {name}"),),
            # Of the container, not of its life: files outlive a restart, and what does not is seen
            # to be gone before this is sent.
            undo=(self._op(facts, self.undo),),
            gone=(self._check(facts, 1, f"`{words}` is not in effect in {name}"),),
            undo_unseen=True,
        )

    def _check(self, facts: DockerFacts, code: int, asked: str) -> Check:
        op = self._op(facts, self.check, changes="no", ok_exit=(0, 1))
        return Check(
            op=op,
            pick="code",
            is_="eq",
            value=code,
            asked=asked,
            within_s=SEEN_WITHIN_S,
            every_s=0.2,
        )

    def _op(
        self,
        facts: DockerFacts,
        argv: _Argv,
        *,
        timeout_s: float = 30.0,
        changes: Changes = "yes",
        ok_exit: tuple[int, ...] = (0,),
    ) -> ExecOp:
        return ExecOp(
            via="container",
            argv=argv,
            env=self.env,
            cwd=self.cwd,
            user=self.user,
            ok_exit=ok_exit,
            changes=changes,
            timeout_s=timeout_s,
            target=facts.identity,
            unbounded="unbounded" in facts.allow,
        )
