"""Expectations that can never be judged, or never be met."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from breakfix.engine.document.positions import Place
from breakfix.engine.model import Expectation, Scenario, Step
from breakfix.engine.validate.semantics import regressions
from breakfix.engine.validate.semantics.finding import Finding, missing
from breakfix.engine.values import format_seconds, fraction, seconds

if TYPE_CHECKING:
    from breakfix.engine.validate.semantics.order import Graph

_OF_EPISODES: Final = ("detected_within", "mitigated_within", "restored_within", "healed_by")
_OF_PROBES: Final = ("max_outage", "availability", "error_share", "latency")
_OF_THE_RUN: Final = ("max_outage", "availability")
"""Those of a probe that can be about the worst observer of the run."""
_GOOD_NEEDED: Final = {"p50": 5, "p90": 29, "p99": 299}
"""How many values an upper bound of a percentile takes."""
_LOOKS_PER_CLAIM: Final = 10


def findings(scenario: Scenario, graph: "Graph") -> Iterator[Finding]:
    """Rows about what is not there, without a claim, or with one that nothing measures or that no run can
    meet."""
    for index, row in enumerate(scenario.expect):
        place: Place = ("expect", index)
        of_episodes = [claim for claim in _OF_EPISODES if getattr(row, claim) is not None]
        of_probes = [claim for claim in _OF_PROBES if getattr(row, claim) is not None]
        if regressions.about_earlier_runs(row):
            if claim := next(iter((*of_episodes, *of_probes)), None):
                message = f"{claim} is about this run alone, and not_worse_than about earlier ones"
                yield Finding(place=(*place, claim), message=message, hint="write two rows")
            yield from regressions.findings(scenario, row, index)
            continue
        if not of_episodes and not of_probes:
            claims = (*_OF_EPISODES, *_OF_PROBES, "not_worse_than")
            message = f"a row expects one of {', '.join(claims)}"
            yield Finding(place=place, message=message)
        if of_episodes and of_probes:
            message = f"{of_probes[0]} is about a probe, and {of_episodes[0]} about an episode"
            yield Finding(place=(*place, of_probes[0]), message=message, hint="write two rows")
        elif of_probes:
            if row.units is not None:
                message = "a row about a probe has no `units`"
                yield Finding(place=(*place, "units"), message=message)
            yield from _of_a_probe(scenario, row, of_probes, place)
        else:
            yield from _of_an_episode(scenario, row, index, graph)


# --- about episodes ---


def _of_an_episode(
    scenario: Scenario, row: Expectation, index: int, graph: "Graph"
) -> Iterator[Finding]:
    place: Place = ("expect", index)
    faults = [step.id for step in scenario.steps if step.phase == "inject"]
    claims = f"only with {', '.join(_OF_PROBES)}"
    if row.probe is not None:
        message = "this row is about an episode, not about a probe"
        yield Finding(place=(*place, "probe"), message=message, hint=f"`probe` stands {claims}")
    if row.units is not None and row.fault is None:
        message = "a share of units is of those of a fault"
        yield Finding(place=(*place, "units"), message=message, hint="say which `fault`")
    if row.during != "run":
        message = "the times of an episode have no `during`"
        yield Finding(place=(*place, "during"), message=message, hint=f"it stands {claims}")
    if row.fault is None:
        if not faults:
            yield Finding(place=place, message="nothing is injected: there is no episode")
        about = faults
    elif row.fault not in {step.id for step in scenario.steps}:
        yield missing((*place, "fault"), "step", row.fault, faults)
        return
    elif row.fault not in faults:
        yield Finding(place=(*place, "fault"), message=f"{row.fault!r} is no inject step")
        return
    else:
        about = [row.fault]
    yield from _measured(row, about, index, graph)
    if row.restored_within is not None:
        yield from _restored(scenario, row.restored_within, about, index, graph)


def _measured(row: Expectation, faults: list[str], index: int, graph: "Graph") -> Iterator[Finding]:
    phases = {step.phase for fault in faults for step in graph.downstream(fault)}
    of = " or ".join(faults) or "a fault"
    needs = {
        "detected_within": ({"detect"}, "a detect step"),
        "mitigated_within": ({"detect", "verify"}, "a detect or verify step"),
        "restored_within": ({"verify"}, "a verify step"),
    }
    for claim, (wanted, words) in needs.items():
        if getattr(row, claim) is not None and not phases & wanted:
            message = f"nothing measures {claim}: {words} downstream of {of} would"
            yield Finding(place=("expect", index, claim), message=message)
    if row.healed_by == "repair" and "remediate" not in phases:
        message = f"no remediate step is downstream of {of}: a repair can never heal it"
        yield Finding(place=("expect", index, "healed_by"), message=message)


def _restored(
    scenario: Scenario, within: str, faults: list[str], index: int, graph: "Graph"
) -> Iterator[Finding]:
    verifies = {
        step.id: step
        for fault in faults
        for step in graph.downstream(fault)
        if step.phase == "verify"
    }
    looks = [(every, step.uses) for step in verifies.values() for every in _everies(scenario, step)]
    if looks:
        every, probe = min(looks, key=lambda look: seconds(look[0]))
        yield from _too_coarse(probe, every, within, ("expect", index, "restored_within"))


def _everies(scenario: Scenario, step: Step) -> Iterator[str]:
    """How often a step looks, and how often an observer does with the same probe."""
    use = scenario.probes.get(step.uses)
    yield step.every or (use.every if use is not None else "1s")
    if use is not None and any(one.probe == step.uses for one in scenario.observers):
        yield use.every


# --- about probes ---


def _observed(scenario: Scenario) -> dict[str, list[str]]:
    """The names of the observers, each with how often its probes look; the slowest is the first."""
    named = {observer.probe: (observer.probe,) for observer in scenario.observers} | {
        quorum.id: quorum.probes for quorum in scenario.quorums
    }
    return {
        name: sorted(
            (scenario.probes[probe].every for probe in probes if probe in scenario.probes),
            key=seconds,
            reverse=True,
        )
        for name, probes in named.items()
    }


def _of_a_probe(
    scenario: Scenario, row: Expectation, claims: list[str], place: Place
) -> Iterator[Finding]:
    observed = _observed(scenario)
    if row.fault is not None:
        message = f"{claims[0]} is about a probe, not about a fault"
        hint = "say which `probe`, and `during: faults`"
        yield Finding(place=(*place, "fault"), message=message, hint=hint)
    if row.probe is None:
        for claim in claims:
            if claim not in _OF_THE_RUN:
                yield Finding(place=(*place, claim), message=f"of which probe {claim} is not said")
        if not observed:
            message, hint = f"nothing measures {claims[0]}", "list a probe in `observe`"
            yield Finding(place=(*place, claims[0]), message=message, hint=hint)
    elif row.probe not in (known := {**scenario.probes, **dict.fromkeys(observed)}):
        yield missing((*place, "probe"), "probe", row.probe, known)
    elif row.probe not in observed:
        message = f"nothing measures {claims[0]}: {row.probe} is not observed"
        hint = f"add {row.probe} to `observe`"
        yield Finding(place=(*place, "probe"), message=message, hint=hint)
    if row.latency is not None and not any(_percentiles(row)):
        message = f"a latency expects one of {', '.join(_GOOD_NEEDED)}"
        yield Finding(place=(*place, "latency"), message=message)
    yield from _during(scenario, row, place)
    for name, everies in observed.items():
        if row.probe in (None, name) and everies:
            yield from _out_of_reach(scenario, row, name, everies, place)
            if row.max_outage is not None:
                at = (*place, "max_outage")
                yield from _too_coarse(name, everies[0], row.max_outage, at)


def _during(scenario: Scenario, row: Expectation, place: Place) -> Iterator[Finding]:
    phases = {step.phase for step in scenario.steps}
    at = (*place, "during")
    if row.during == "repair" and "remediate" not in phases:
        yield Finding(place=at, message="no remediate step: there is no time of repairs")
    elif row.during in ("faults", "after") and "inject" not in phases:
        yield Finding(place=at, message="nothing is injected: there is no time of faults")


def _percentiles(row: Expectation) -> Iterator[str]:
    for name in _GOOD_NEEDED:
        if getattr(row.latency, name, None) is not None:
            yield name


def _out_of_reach(
    scenario: Scenario, row: Expectation, name: str, everies: list[str], place: Place
) -> Iterator[Finding]:
    """Claims that take more samples than the deadline leaves time for."""
    deadline_s = seconds(scenario.limits.deadline)
    counts = [_times(deadline_s, seconds(every)) for every in everies]
    known = [count for count in counts if count is not None]
    at_most = sum(known) if len(known) == len(counts) else None
    for at, claim, needed, what in _needs(row):
        if needed is None:
            message = f"{claim} can never be reached: no number of samples shows it"
            hint = "`max_outage` tells of single misses"
        elif at_most is not None and needed > at_most:
            message = f"{claim} needs {needed} {what}; this window has at most {at_most}"
            often = ", ".join(dict.fromkeys(everies))
            hint = f"{name} looks every {often}, and the deadline is {scenario.limits.deadline}"
        else:
            continue
        yield Finding(place=(*place, *at), message=message, hint=hint, warning=True)


def _needs(row: Expectation) -> Iterator[tuple[Place, str, int | None, str]]:
    """Where a claim stands, what it is, and how many samples of what kind it takes at least."""
    from breakfix.engine.statistics.share import samples_needed

    without = "samples without a miss"
    if row.availability is not None:
        needed = samples_needed(fraction(row.availability))
        yield ("availability",), row.availability, needed, without
    if row.error_share is not None:
        # From the text: 1 - 0.01 is a little more than 0.99 is.
        needed = samples_needed(round(1 - fraction(row.error_share), 12))
        yield ("error_share",), f"an error share of {row.error_share}", needed, without
    for name in _percentiles(row):
        yield ("latency", name), f"an upper bound of {name}", _GOOD_NEEDED[name], "good samples"


def _times(whole_s: float, part_s: float) -> int | None:
    return max(1, int(whole_s / part_s + 1e-9)) if part_s > 0 else None


def _too_coarse(probe: str, every: str, within: str, place: Place) -> Iterator[Finding]:
    """A time is measured to within the interval of its samples: a tenth of it at most."""
    most_s = seconds(within) / _LOOKS_PER_CLAIM
    if seconds(every) <= most_s * (1 + 1e-9):
        return
    message = f"{probe} looks every {every}, too seldom to tell {within}"
    hint = f"`every: {_written(most_s)}` or less, a tenth of it" if most_s > 0 else ""
    yield Finding(place=place, message=message, hint=hint, warning=True)


def _written(value_s: float) -> str:
    """A duration as a file can say it."""
    return format_seconds(value_s).replace(" ", "") if value_s < 60 else f"{value_s:.0f}s"
