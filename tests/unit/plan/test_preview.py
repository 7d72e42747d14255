"""What a plan shows of each unit before anything happens."""

from collections.abc import Callable
from typing import Any

import pytest

from breakfix.engine.errors import PlanError, PreconditionError
from breakfix.engine.ops import DockerOp, ExecOp
from breakfix.engine.run_plan import RunPlan

Make = Callable[..., RunPlan]
ONE = {"one": {"docker": {"name": "w1"}}}
KILL = {"id": "hit", "inject": "x.kill", "target": "one"}
START = {"id": "fix", "remediate": "x.start", "target": "one", "depends_on": ["hit"]}


def test_each_fault_shows_its_commands_and_their_undo(plan: Make, world: Any) -> None:
    """As ops of the target that was resolved, with the step's parameters."""
    world.add("w1")
    (unit,) = plan([{**KILL, "with": {"signal": "SIGTERM"}}], targets=ONE).units
    assert unit.preview is not None
    (op,), (undo,) = unit.preview.apply, unit.preview.undo
    assert isinstance(op, DockerOp)
    assert isinstance(undo, DockerOp)
    assert (op.path, op.query) == ("/containers/id-of-w1/kill", {"signal": "SIGTERM"})
    assert undo.path == "/containers/id-of-w1/start"
    assert unit.unknown == ()


def test_a_state_that_the_first_fault_cannot_do_with_is_an_error(plan: Make, world: Any) -> None:
    """The message is the action's own, with its number."""
    world.add("w1", state="exited")
    with pytest.raises(PreconditionError, match="X1 w1 is exited"):
        plan([KILL], targets=ONE)


def test_all_unfit_targets_are_named(plan: Make, world: Any) -> None:
    """Two targets in a wrong state are told at once."""
    world.add("w1", "w2", state="exited", app="web")
    targets = {"web": {"docker": {"labels": {"app": "web"}}, "pick": "all"}}
    with pytest.raises(PlanError, match=r"(?s)2 targets.*w1 is exited.*w2 is exited"):
        plan([{**KILL, "target": "web"}], targets=targets)


def test_a_state_that_an_earlier_step_changes_is_a_remark(plan: Make, world: Any) -> None:
    """The repair after a kill shows its command, though what it mends is whole now."""
    world.add("w1")
    fix = plan([KILL, START], targets=ONE).units[1]
    assert fix.preview is not None
    assert [op.path for op in fix.preview.apply if isinstance(op, DockerOp)] == [
        "/containers/id-of-w1/start"
    ]
    (remark,) = fix.unknown
    assert "checked again" in remark
    assert "X2 w1 runs already" in remark


def test_a_second_fault_on_a_target_is_checked_again(plan: Make, world: Any) -> None:
    """The first repairs what the second needs: no error now."""
    world.add("w1", state="exited")
    steps = [{**START, "depends_on": []}, {**KILL, "depends_on": ["fix"]}]
    (_, hit) = plan(steps, targets=ONE).units
    assert hit.preview is not None
    assert "X1 w1 is exited" in hit.unknown[0]


def test_before_set_up_no_state_counts(plan: Make, world: Any) -> None:
    """Set-up may change it; once it is over, the state of then is binding."""
    world.add("w1", state="exited")
    parts: dict[str, Any] = {"targets": ONE, "setup": [{"run": ["up"]}]}
    assert "X1 w1 is exited" in plan([KILL], **parts).units[0].unknown[0]
    with pytest.raises(PreconditionError):
        plan([KILL], running=True, **parts)


def test_a_process_that_was_not_started_is_shown_as_it_will_run(plan: Make) -> None:
    """Its pid is unknown, and said to be."""
    (unit,) = plan(
        [{"id": "hit", "inject": "x.stop", "target": "shop"}],
        targets={"shop": {"process": {"command": ["serve"]}}},
    ).units
    assert unit.preview is not None
    assert unit.unknown == ("pid of shop",)


def test_late_values_are_unknown(plan: Make, world: Any) -> None:
    """What a step's result will say stands in the command as unknown, the rest is put in."""
    world.add("w1")
    signal = {"signal": "{{ unit.target }}-{{ steps.seen.result.name }}"}
    (unit,) = plan([{**KILL, "with": signal}], targets=ONE).units
    assert unit.preview is not None
    assert isinstance(unit.preview.apply[0], DockerOp)
    assert unit.preview.apply[0].query == {"signal": "w1-<unknown: steps.seen.result.name>"}
    assert unit.unknown == ("steps.seen.result.name",)


def test_parameters_that_cannot_be_built_yet_leave_no_preview(plan: Make, world: Any) -> None:
    """A number that is not known is said, not guessed."""
    world.add("w1")
    (unit,) = plan(
        [{**KILL, "with": {"count": "{{ steps.seen.result.count }}"}}], targets=ONE
    ).units
    assert unit.preview is None
    assert unit.unknown == ("parameters of x.kill: steps.seen.result.count",)


def test_parameters_that_are_wrong_are_refused(plan: Make, world: Any) -> None:
    """Nothing late in them: no plan."""
    world.add("w1")
    with pytest.raises(PlanError, match=r"Step hit: x\.kill: .*count"):
        plan([{**KILL, "with": {"count": "many"}}], targets=ONE)


def test_an_undo_that_needs_a_secret_is_a_warning(plan: Make) -> None:
    """Whoever recovers needs it, too; the secret itself stays a reference."""
    step = {"id": "hit", "inject": "x.run", "with": {"undo": ["mend", "{{ secrets.token }}"]}}
    made = plan([step])
    (warning,) = made.warnings
    assert "undo of hit needs a secret" in warning
    (unit,) = made.units
    assert unit.preview is not None
    assert isinstance(unit.preview.undo[0], ExecOp)
    assert unit.preview.undo[0].argv == ("mend", "${secret:token}")
