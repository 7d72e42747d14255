"""Guards: which one stopped the run, and how long it took from there until nothing was broken."""

from collections.abc import Iterator, Sequence

from breakfix.engine.events import GuardTripped
from breakfix.engine.timeline.collect import Collected
from breakfix.engine.timeline.facts import FaultFacts, GuardFacts, TripFacts
from breakfix.engine.timeline.intervals import last_of, since


def guard_facts(seen: Collected, faults: Sequence[FaultFacts]) -> Iterator[GuardFacts]:
    """The guards of the plan, then those that only events tell of; of several trips, the first."""
    trips: dict[str, GuardTripped] = {}
    for trip in seen.trips:
        trips.setdefault(trip.guard, trip)
    planned = seen.plan.scenario.guards if seen.plan is not None else ()
    for guard in planned:
        plain = GuardFacts(id=guard.id, probe=guard.probe, tolerance=guard.tolerance)
        found = trips.pop(guard.id, None)
        yield plain if found is None else _tripped(plain, found, seen, faults)
    for name, trip in trips.items():
        plain = GuardFacts(id=name, probe=trip.probe, tolerance="")
        yield _tripped(plain, trip, seen, faults)


def _tripped(
    guard: GuardFacts, trip: GuardTripped, seen: Collected, faults: Sequence[FaultFacts]
) -> GuardFacts:
    at_s = (trip.after_at_s, max(trip.after_at_s, trip.before_at_s))
    effects = [fault.applied_at_s[0] for fault in faults if fault.applied_at_s is not None]
    effects += [repair.started_at_s[0] for repair in seen.lives.repairs.values()]
    # A fault that began while the run was being stopped has to go as well.
    later = [f for f in faults if f.ended_at_s is None or f.ended_at_s[1] > at_s[0]]
    ends = [fault.ended_at_s for fault in later if fault.ended_at_s is not None]
    last = last_of(ends) if len(ends) == len(later) else None
    return GuardFacts(
        id=guard.id,
        probe=guard.probe,
        tolerance=guard.tolerance,
        trip=TripFacts(
            kind=trip.kind,
            why=trip.why,
            at_s=at_s,
            before_effect=min(effects, default=float("inf")) >= at_s[1],
            open_faults=len(later),
        ),
        time_to_safe_s=since(last, at_s) if last is not None else None,
    )
