"""command.run: a probe and a repair, an argv and never a shell unless asked."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from breakfix.actions.command.run import Run
from breakfix.engine.action import NoFacts, Observation
from breakfix.engine.errors import PreconditionError
from breakfix.engine.ops import ExecOp

Sample = Callable[..., Observation]


@pytest.mark.parametrize(
    ("wanted", "holds", "says"),
    [
        ({"argv": ["true"]}, True, "exit code 0"),
        ({"argv": ["false"]}, False, "exit code 1, wanted 0"),
        ({"argv": ["false"], "exit_code": 1}, True, "exit code 1"),
        ({"argv": ["ls", "/no/such"]}, False, "wanted 0: ls: "),
        ({"argv": ["echo", "all well"], "stdout": "well$"}, True, "exit code 0"),
        ({"argv": ["echo", "ill"], "stdout": "well"}, False, "output without 'well'"),
        ({"argv": ["echo", "*", "$HOME"], "stdout": r"^\* \$HOME$"}, True, "exit code 0"),
        ({"argv": ["echo a | tr a b"], "shell": True, "stdout": "^b$"}, True, "exit code 0"),
        ({"argv": ["sh", "-c", "echo $C; pwd"], "env": {"C": "x"}, "cwd": "/", "stdout": r"x\s/"},
         True, "exit code 0"),
        ({"argv": ["sh", "-c", "kill -KILL $$"]}, False, "exit code -9, wanted 0"),
        ({"argv": ["no-such-command-anywhere"]}, None, "there is no command"),
    ],
)  # fmt: skip
def test_an_end_is_judged(
    sample: Sample, wanted: dict[str, Any], holds: bool | None, says: str
) -> None:
    """Good, bad, or blind where it could not be started."""
    seen = sample(msgspec.convert(wanted, Run))
    assert seen.holds is holds, seen.detail
    assert says in seen.detail


def test_the_result_holds_what_later_steps_may_use(sample: Sample) -> None:
    """The exit code and the output."""
    assert sample(Run(argv=("echo", "x"))).result == {"exit_code": 0, "stdout": "x\n"}


def test_as_a_repair_the_exit_code_says_whether_it_has_mended() -> None:
    """One op, which is ok with the code that is asked for."""
    plan = Run(argv=("a", "b"), exit_code=3).plan(NoFacts())
    (op,) = plan.apply
    assert isinstance(op, ExecOp)
    assert (op.argv, op.ok_exit, op.changes) == (("a", "b"), (3,), "yes")
    assert (plan.effect, plan.undo) == ((), ())


def test_a_repair_is_not_judged_by_its_output() -> None:
    """What would be ignored is refused."""
    with pytest.raises(PreconditionError, match="leave `stdout` out"):
        Run(argv=("a",), stdout="x").plan(NoFacts())


@pytest.mark.parametrize(
    "wrong",
    [{"argv": []}, {"argv": "ls"}, {"argv": ["a", "b"], "shell": True},
     {"argv": ["a"], "stdout": "("}, {"argv": ["a"], "exit_code": 256}],
)  # fmt: skip
def test_wrong_parameters_are_refused(wrong: dict[str, Any]) -> None:
    """An empty command, a line without `shell`, a list with it, a broken expression."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, Run)
