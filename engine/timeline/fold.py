"""From the lines of a journal to the record: pure, linear, and it never raises.

A journal that just stops gives a record of all that is in it; the verdict says what that is worth.
"""

from collections.abc import Iterable

from breakfix.engine.comparability import Comparability, comparability
from breakfix.engine.events import Line
from breakfix.engine.model import Latency, NotWorseThan
from breakfix.engine.timeline.certificate import survey_facts
from breakfix.engine.timeline.collect import Collected, replace
from breakfix.engine.timeline.episodes import episodes
from breakfix.engine.timeline.evidence import Evidence
from breakfix.engine.timeline.guards import guard_facts
from breakfix.engine.timeline.intervals import exact
from breakfix.engine.timeline.observed import observer_facts
from breakfix.engine.timeline.overhead import overhead
from breakfix.engine.timeline.planned import ExpectFacts, NotWorseFacts, PlanFacts, SetFacts
from breakfix.engine.timeline.record import Record
from breakfix.engine.timeline.steps import join_steps, unit_facts
from breakfix.engine.values import seconds


def fold(lines: Iterable[Line]) -> Record:
    """Everything that the events of a journal tell about the run."""
    seen = Collected()
    seen.add_all(lines)
    steps = {step.id: step for step in seen.plan.scenario.steps} if seen.plan is not None else {}
    units = tuple(unit_facts(seen, steps))
    faults = tuple(seen.lives.faults.values())
    evidence = Evidence(seen, units, steps)
    commands = tuple(seen.commands.values())
    scenario = seen.plan.scenario if seen.plan is not None else None
    return Record(
        run=replace(
            seen.run,
            description=scenario.description if scenario is not None else "",
            labels={**(scenario.labels if scenario is not None else {}), **seen.run.labels},
            ended_at_s=exact(seen.last_s),
            head=seen.head,
            lines=seen.lines,
        ),
        plan=_plan_facts(seen),
        comparable=_comparable(seen),
        compared=tuple(seen.compared.values()),
        episodes=tuple(episodes(evidence, faults)),
        steps=tuple(join_steps(steps, units, evidence.polls, seen.stopped)),
        units=units,
        faults=faults,
        repairs=tuple(seen.lives.repairs.values()),
        outages=tuple(outage.facts for outage in evidence.outages),
        observers=tuple(observer_facts(seen, faults, evidence.merged)),
        observers_lost=seen.observers_lost,
        guards=tuple(guard_facts(seen, faults)),
        setup=tuple(command for command in commands if command.stage == "setup"),
        teardown=tuple(command for command in commands if command.stage == "teardown"),
        processes=tuple(seen.processes.values()),
        survey=survey_facts(
            seen.surveys.get("before"),
            seen.surveys.get("after"),
            tuple(seen.lives.repairs.values()),
            faults,
            seen.rebound,
        ),
        rebound=tuple(seen.rebound),
        cancelled=tuple(seen.cancelled),
        invalid=tuple(seen.invalid),
        errors=tuple(seen.errors),
        writers=tuple(seen.writers),
        taken_over=seen.taken_over,
        overhead=overhead(seen, units),
        samples=tuple(seen.samples),
    )


def _plan_facts(seen: Collected) -> PlanFacts | None:
    plan = seen.plan
    if plan is None:
        return None
    return PlanFacts(
        hash=plan.hash,
        worst_s=plan.worst_s,
        deadline_s=seconds(plan.scenario.limits.deadline),
        critical_path=plan.critical_path,
        sets=tuple(
            SetFacts(name=item.name, share=item.share, picked=item.picked)
            for item in plan.sets.values()
        ),
        blast=plan.blast,
        warnings=plan.warnings,
        expect=tuple(
            ExpectFacts(
                fault=item.fault,
                detected_within=item.detected_within,
                mitigated_within=item.mitigated_within,
                restored_within=item.restored_within,
                healed_by=item.healed_by,
                probe=item.probe,
                max_outage=item.max_outage,
                availability=item.availability,
                error_share=item.error_share,
                latency=_percentiles(item.latency),
                during=item.during,
                units=item.units,
                metric=item.metric,
                not_worse_than=_reference(item.not_worse_than),
                inconclusive=item.inconclusive,
            )
            for item in plan.scenario.expect
        ),
    )


def _comparable(seen: Collected) -> Comparability | None:
    if seen.plan is None:
        return None
    version = seen.run.versions.get("breakfix", "")
    return comparability(seen.plan.scenario, env=seen.run.env, version=version)


def _reference(asked: NotWorseThan | None) -> NotWorseFacts | None:
    if asked is None:
        return None
    return NotWorseFacts(where=asked.where, runs=asked.runs, margin=asked.margin)


def _percentiles(latency: Latency | None) -> dict[str, str]:
    if latency is None:
        return {}
    named = (("p50", latency.p50), ("p90", latency.p90), ("p99", latency.p99))
    return {name: at_most for name, at_most in named if at_most is not None}
