"""One thing that is wrong, and how to point at it."""

import difflib
from collections.abc import Iterable, Iterator

from msgspec import Struct

from breakfix.engine.document.positions import Place
from breakfix.engine.model import Dependency, Scenario, Step


class Finding(Struct, frozen=True, kw_only=True):
    """A place in the document, what is wrong there, and what to do about it."""

    place: Place
    message: str
    hint: str = ""
    warning: bool = False


def missing(place: Place, what: str, name: str, known: Iterable[str]) -> Finding:
    """A name that is not there: ``there is no step 'x'``, with the one that was meant."""
    close = difflib.get_close_matches(name, list(known), n=1)
    hint = f"did you mean {close[0]!r}?" if close else ""
    return Finding(place=place, message=f"there is no {what} {name!r}", hint=hint)


def edges(step: Step) -> Iterator[tuple[Place, Dependency]]:
    """Every edge of a step with its place under the step, alternatives one by one."""
    for index, dependency in enumerate(step.depends_on):
        yield from _edges(dependency, ("depends_on", index))


def _edges(dependency: "str | Dependency", place: Place) -> Iterator[tuple[Place, Dependency]]:
    if isinstance(dependency, str):
        yield place, Dependency(step=dependency)
        return
    if dependency.step is not None:
        yield place, dependency
    for index, other in enumerate(dependency.any or ()):
        yield from _edges(other, (*place, "any", index))


def watched(scenario: Scenario) -> Iterator[tuple[Place, str]]:
    """What observers, guards and the steady state look at: the place, and the name of the probe."""
    for index, item in enumerate(scenario.observe):
        if isinstance(item, str):
            yield ("observe", index), item
            continue
        if item.probe is not None:
            yield ("observe", index), item.probe
        for inside, name in enumerate(item.probes):
            yield ("observe", index, "probes", inside), name
    for index, steady in enumerate(scenario.steady):
        yield ("steady", index), steady.probe
    for index, guard in enumerate(scenario.guards):
        yield ("guards", index, "probe"), guard.probe
