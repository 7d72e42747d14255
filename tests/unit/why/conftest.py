"""Journals that explain themselves: with the links of their plans, and with all that can go wrong."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import pytest

from breakfix.engine.events import (
    CancelRequested,
    FaultIntended,
    FaultResidue,
    Line,
    PlanMade,
    RunErrored,
    RunInvalid,
)
from breakfix.engine.ops import Plan
from breakfix.engine.plan.graph import links_of

Story = Callable[..., Any]
CHAIN: Sequence[dict[str, Any]] = (
    {"id": "look", "verify": "healthy", "within": "5s"},
    {"id": "mend", "remediate": "process.start", "target": "cache", "depends_on": ["look"],
     "retry": {"attempts": 2}},
    {"id": "rest", "wait": "1s", "depends_on": ["mend"]},
    {"id": "end", "wait": "0s", "depends_on": ["rest", "look"]},
)  # fmt: skip


def with_links(lines: Iterable[Line]) -> list[Line]:
    """The lines, with the links in the plan that its steps ask for."""
    found = []
    for line in lines:
        if isinstance(line.event, PlanMade):
            plan = line.event.plan
            units = {step.id: [u for u in plan.units if u.step == step.id] for step in
                     plan.scenario.steps}  # fmt: skip
            links = links_of(plan.scenario, units, list(units))
            made = PlanMade(plan=msgspec.structs.replace(plan, links=links))
            line = msgspec.structs.replace(line, event=made)
        found.append(line)
    return found


@pytest.fixture
def linked() -> Callable[[Iterable[Line]], list[Line]]:
    """Gives the lines, with the links in the plan that its steps ask for."""
    return with_links


@pytest.fixture
def chain() -> Sequence[dict[str, Any]]:
    """Four steps, one after the other."""
    return CHAIN


@pytest.fixture
def broken(journal: Story) -> Any:
    """`mend` fails twice: `rest` is blocked by it, and `end` by `rest`."""
    run = journal().begin().process(0.05).plan(CHAIN)
    run.unit(0.2, "look", "running", due_at_s=0.2).sample(0.2, 0.21, "good", "look")
    run.attempt("look", 0.2, 0.22, "succeeded").unit(0.22, "look", "succeeded")
    run.unit(0.23, "mend@cache", "running", due_at_s=0.22)
    run.attempt("mend@cache", 0.23, 0.3, "failed", error="ended with 1", retry_in_s=0.5)
    run.attempt("mend@cache", 0.8, 0.9, "failed", error="ended with 2", attempt=2)
    run.unit(0.91, "mend@cache", "failed", "ended with 2")
    run.unit(0.91, "rest", "blocked", "needs mend succeeded").unit(
        0.92, "end", "blocked", "needs rest"
    )
    return run


@pytest.fixture
def all_wrong(story: Story) -> Any:
    """A run in which everything went wrong: residue, an error, a signal, no evidence, a bound."""
    run = story(expect=({"fault": "kill_cache", "restored_within": "1s"},))
    run.lines.pop()
    run.add(4.0, FaultIntended(
        fault="noticed#1", unit="noticed", action="x.y", target="", plan=Plan(), lasting=False,
        hold_s=1.0, due_at_s=4.0,
    ))  # fmt: skip
    run.add(4.1, FaultResidue(fault="noticed#1", why="still there", manual="rm it"))
    run.add(4.2, RunErrored(message="the engine went away", kind="EngineUnavailable"))
    run.add(4.3, CancelRequested(why="SIGINT", source="signal"))
    run.add(4.4, RunInvalid(reason="the clock jumped"))
    return run.end(5.0, exit_code=6, verdict="errored", residue=True)
