"""Observers: of one probe, or of several that are merged."""

from collections import Counter
from collections.abc import Iterator

from breakfix.engine.document.positions import Place
from breakfix.engine.model import Observed, Scenario
from breakfix.engine.validate.semantics.finding import Finding

_HINT = "`{probe: health}`, or `{id: shop, quorum: 2, probes: [a, b, c]}`"


def findings(scenario: Scenario) -> Iterator[Finding]:
    """Items that are neither about one probe nor a whole quorum, and quorums that none can reach."""
    items = [item for item in scenario.observe if not isinstance(item, str)]
    counts = Counter(item.id for item in items if item.id is not None)
    for index, item in enumerate(scenario.observe):
        if isinstance(item, str):
            continue
        place: Place = ("observe", index)
        yield from _shape(item, place)
        if item.id is not None and counts[item.id] > 1:
            message = f"the id {item.id!r} stands twice"
            yield Finding(place=(*place, "id"), message=message, hint="ids are unique")
        if item.id in scenario.probes:
            message = f"{item.id!r} is the name of a probe"
            yield Finding(place=(*place, "id"), message=message, hint="choose another id")


def _shape(item: Observed, place: Place) -> Iterator[Finding]:
    merged = {"id": item.id is not None, "quorum": item.quorum is not None, "probes": bool(item.probes)}
    if item.probe is not None:
        for key in (key for key, there in merged.items() if there):
            message = f"an observer of one probe has no `{key}`"
            yield Finding(place=(*place, key), message=message, hint=_HINT)
        return
    if not any(merged.values()):
        yield Finding(place=place, message="what this observer looks with is not said", hint=_HINT)
        return
    if left := [f"`{key}`" for key, there in merged.items() if not there]:
        message = f"this quorum has no {' and no '.join(left)}"
        yield Finding(place=place, message=message, hint=_HINT)
        return
    if item.quorum is not None and item.quorum > len(item.probes):
        message = f"a quorum of {item.quorum} can never be reached: it has {len(item.probes)} probes"
        yield Finding(place=(*place, "quorum"), message=message)
    for inside, name in enumerate(item.probes):
        if name in item.probes[:inside]:
            message = f"the probe {name!r} stands twice"
            yield Finding(place=(*place, "probes", inside), message=message, hint="each counts once")
