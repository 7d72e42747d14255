"""What an explanation is made of: sentences, each with the lines of the journal that prove it."""

from typing import Literal

from msgspec import Struct

from breakfix.engine.events import StepState
from breakfix.engine.model import Milestone
from breakfix.engine.timeline.record import Row, VerdictWord

Kind = Literal[
    "dependency", "due", "queue", "start", "attempt", "sample", "fault", "state", "cause", "root"
]
"""A `root` is where a chain of causes begins."""
RunState = Literal["ended", "alive", "died"]


class Sentence(Struct, frozen=True, kw_only=True):
    """`lines` are the numbers (`seq`) of the journal's lines that say so; what has a larger `depth`
    is the cause of the nearest sentence before it that has a smaller one."""

    kind: Kind
    text: str
    lines: tuple[int, ...] = ()
    depth: int = 0


class Awaited(Struct, frozen=True, kw_only=True):
    """A dependency of a unit. `holds` is None while that is open, False where it never can hold;
    `at_s` is when that was settled, `due_at_s` that plus the delay. Dependencies with the same
    `group` are alternatives. `decisive`: the unit became due by this one, the last to hold."""

    source: str
    milestone: Milestone
    group: int
    after_s: float = 0.0
    holds: bool | None = None
    at_s: float | None = None
    due_at_s: float | None = None
    line: int | None = None
    decisive: bool = False


class UnitWhy(Struct, frozen=True, kw_only=True):
    """Why a unit is in the state that it is in."""

    unit: str
    target: str
    state: StepState
    due_at_s: float | None
    started_at_s: float | None
    ended_at_s: float | None
    awaited: tuple[Awaited, ...]
    sentences: tuple[Sentence, ...]


class StepWhy(Struct, frozen=True, kw_only=True):
    """Why the units of a step are in the states that they are in, one by one."""

    run_id: str
    run_state: RunState
    step: str
    phase: str
    state: StepState
    said: tuple[Sentence, ...]
    """About the step as a whole."""
    units: tuple[UnitWhy, ...]


class Ground(Struct, frozen=True, kw_only=True):
    """One reason for the verdict, with the exit code that it alone leads to. `rule` is the rule in
    words, `row` the expectation that it is about."""

    rule: str
    verdict: VerdictWord
    exit_code: int
    text: str
    lines: tuple[int, ...] = ()
    row: Row | None = None


class RunWhy(Struct, frozen=True, kw_only=True):
    """Why a run has its verdict: the heaviest ground decides. `held` are the expectations that hold."""

    run_id: str
    scenario: str
    run_state: RunState
    verdict: VerdictWord
    exit_code: int
    grounds: tuple[Ground, ...]
    held: tuple[Ground, ...] = ()
    notes: tuple[Sentence, ...] = ()
