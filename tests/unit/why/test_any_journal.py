"""Whatever a journal holds, and wherever it stops, `why` has an answer."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from breakfix.engine.events import Line, PlanMade, UnitChanged
from breakfix.engine.why import RunWhy, StepWhy, why_run, why_step

Story = Callable[..., Any]
UNHURRIED = (HealthCheck.too_slow, HealthCheck.function_scoped_fixture)
"""The fixtures are factories without state, or are not changed."""


def ask_everything(lines: Sequence[Line]) -> None:
    """Every question about some lines has an answer, whose lines are among them, and is a document."""
    known = {line.seq for line in lines}
    for alive in (False, True):
        found: list[RunWhy | StepWhy] = [why_run(lines, alive=alive)]
        planned = [line.event.plan for line in lines if isinstance(line.event, PlanMade)]
        steps = planned[0].scenario.steps if planned else ()
        found += [why_step(lines, step.id, alive=alive) for step in steps]
        found += [why_step(lines, u.id, alive=alive) for u in (planned[0].units if planned else ())]
        for why in found:
            assert msgspec.json.decode(msgspec.json.encode(why), type=type(why)) == why
            said = [*why.grounds, *why.held, *why.notes] if isinstance(why, RunWhy) else why.said
            units = why.units if isinstance(why, StepWhy) else ()
            for sentence in [*said, *(s for unit in units for s in unit.sentences)]:
                assert set(sentence.lines) <= known
                assert sentence.text.endswith((".", "!", "?"))


def test_any_beginning_of_a_journal_is_explained(
    story: Story, linked: Story, broken: Any, all_wrong: Any
) -> None:
    """A run may die on each of its lines."""
    for lines in (linked(story().lines), linked(all_wrong.lines), linked(broken.lines)):
        for end in range(len(lines) + 1):
            ask_everything(lines[:end])


@settings(deadline=None, max_examples=40, suppress_health_check=UNHURRIED)
@given(data=st.data())
def test_lines_in_any_order_do_not_make_it_raise(
    story: Story, linked: Story, data: st.DataObject
) -> None:
    """A shuffled journal is nonsense, and still explained."""
    lines = linked(story().lines)
    cut = data.draw(st.integers(0, len(lines)))
    ask_everything(data.draw(st.permutations(lines))[:cut])


STATES = [
    "skipped",
    "blocked",
    "running",
    "cancelling",
    "succeeded",
    "failed",
    "errored",
    "cancelled",
]
REASONS = ["", "why", "when: steps.look.state", "--no-faults", "a.b."]
UNITS = ["look", "mend@cache", "rest", "end", "strange"]


@settings(deadline=None, max_examples=60, suppress_health_check=UNHURRIED)
@given(
    changes=st.lists(
        st.tuples(
            st.sampled_from(UNITS),
            st.sampled_from(STATES),
            st.sampled_from(REASONS),
            st.sampled_from([0.0, 0.2, 0.5, 3.0]),
        ),
        max_size=20,
    )
)
def test_no_sequence_of_states_makes_it_raise(
    journal: Story, linked: Story, chain: Any, changes: list[tuple[str, Any, str, float]]
) -> None:
    """Whatever states the units of a chain go through."""
    run = journal().begin().plan(chain)
    for unit, state, reason, at_s in changes:
        run.add(at_s, UnitChanged(unit=unit, state=state, reason=reason, due_at_s=at_s / 2))
    ask_everything(linked(run.lines))
