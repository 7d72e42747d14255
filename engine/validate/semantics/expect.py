"""Expectations that can never be judged."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from breakfix.engine.model import Expectation, Scenario
from breakfix.engine.validate.semantics.finding import Finding, missing

if TYPE_CHECKING:
    from breakfix.engine.validate.semantics.order import Graph

_CLAIMS = ("detected_within", "mitigated_within", "restored_within", "healed_by")


def findings(scenario: Scenario, graph: "Graph") -> Iterator[Finding]:
    """Rows about what is no fault, without a claim, or with one that nothing measures."""
    faults = [step.id for step in scenario.steps if step.phase == "inject"]
    ids = {step.id for step in scenario.steps}
    for index, row in enumerate(scenario.expect):
        place = ("expect", index)
        if all(getattr(row, claim) is None for claim in _CLAIMS):
            message = f"a row expects one of {', '.join(_CLAIMS)}"
            yield Finding(place=place, message=message)
        if row.fault is None:
            if not faults:
                yield Finding(place=place, message="nothing is injected: there is no episode")
            about = faults
        elif row.fault not in ids:
            yield missing((*place, "fault"), "step", row.fault, faults)
            continue
        elif row.fault not in faults:
            yield Finding(place=(*place, "fault"), message=f"{row.fault!r} is no inject step")
            continue
        else:
            about = [row.fault]
        yield from _measured(row, about, index, graph)


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
