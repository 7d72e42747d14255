"""Guards: one tolerance each, and one that can be reached."""

from collections import Counter
from collections.abc import Iterator

from breakfix.engine.document.positions import Place
from breakfix.engine.model import Guard, Scenario
from breakfix.engine.statistics import wilson
from breakfix.engine.validate.semantics.finding import Finding
from breakfix.engine.values import fraction, seconds

_TOLERANCES = ("max_outage", "consecutive", "min_good")


def findings(scenario: Scenario) -> Iterator[Finding]:
    """Ids that stand twice, tolerances that are missing or too many, and those that never trip."""
    counts = Counter(guard.id for guard in scenario.guards)
    for index, guard in enumerate(scenario.guards):
        place: Place = ("guards", index)
        if counts[guard.id] > 1:
            message = f"the id {guard.id!r} stands twice"
            yield Finding(place=(*place, "id"), message=message, hint="ids are unique")
        written = [key for key in _TOLERANCES if getattr(guard, key) is not None]
        if len(written) != 1:
            message = f"a guard has one of {', '.join(_TOLERANCES)}"
            if written:
                message += f"; this has {' and '.join(written)}"
            yield Finding(place=place, message=message)
        elif (guard.min_good is None) != (guard.over is None):
            yield Finding(
                place=(*place, "over" if guard.min_good is None else "min_good"),
                message="`min_good` and `over` go together",
                hint="such as `min_good: 98%, over: 30s`",
            )
        else:
            yield from _never_trips(scenario, guard, place)


def _never_trips(scenario: Scenario, guard: Guard, place: Place) -> Iterator[Finding]:
    deadline = scenario.limits.deadline
    for key in ("max_outage", "over"):
        value = getattr(guard, key)
        if value is not None and seconds(value) > seconds(deadline):
            message = f"{value} is beyond the deadline of {deadline}: {guard.id} can never trip"
            yield Finding(place=(*place, key), message=message)
    use = scenario.probes.get(guard.probe)
    after = guard.blind.after
    if use is not None and after is not None and seconds(after) <= seconds(use.every):
        message = f"{guard.probe} looks every {use.every}: {guard.id} would be blind at once"
        yield Finding(place=(*place, "blind"), message=message, hint="raise `after`")
    if guard.min_good is None or guard.over is None or use is None:
        return
    # An interval of zero is told where the probe is declared.
    samples = int(seconds(guard.over) / max(seconds(use.every), 1e-3)) + 1
    if wilson(0, samples)[1] >= fraction(guard.min_good):
        message = (
            f"{guard.id} can never trip: {guard.over} has {samples} samples of {guard.probe}, too few to"
            f" show less than {guard.min_good}"
        )
        yield Finding(place=(*place, "over"), message=message, hint="look longer, or more often")
