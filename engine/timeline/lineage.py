"""Which faults are upstream of which steps, through any number of `depends_on`."""

from collections.abc import Iterator
from typing import Final

from breakfix.engine.model import Dependency, Step

ALL: Final = -1
"""The mask of a step about which nothing is known: it may have to do with any fault."""


class Lineage:
    """For each step, the inject steps upstream of it, as a set of bits: linear in the edges."""

    def __init__(self, steps: tuple[Step, ...] | None) -> None:
        self._known = steps is not None
        self._bits: dict[str, int] = {}
        self._masks: dict[str, int] = {}
        by_id = {step.id: step for step in steps or ()}
        for step in by_id.values():
            if step.phase == "inject":
                self._bits[step.id] = 1 << len(self._bits)
        for step_id in by_id:
            self._settle(step_id, by_id)

    def bit(self, inject_step: str) -> int:
        """The bit of one inject step; all bits where the plan is not known."""
        return self._bits.get(inject_step, 0 if self._known else ALL)

    def upstream(self, step_id: str) -> int:
        """The bits of all inject steps upstream of a step, itself included."""
        return self._masks.get(step_id, 0 if self._known else ALL)

    def _settle(self, first: str, steps: dict[str, Step]) -> None:
        """Depth first without recursion; an edge that would close a cycle is left out."""
        if first in self._masks:
            return
        entered = {first}
        stack = [(first, _named_by(steps[first]))]
        self._masks[first] = self._bits.get(first, 0)
        while stack:
            current, names = stack[-1]
            name = next(names, None)
            if name is None:
                stack.pop()
                if stack:
                    self._masks[stack[-1][0]] |= self._masks[current]
            elif name in self._masks or name not in steps:
                self._masks[current] |= self._masks.get(name, 0)
            elif name not in entered:
                entered.add(name)
                self._masks[name] = self._bits.get(name, 0)
                stack.append((name, _named_by(steps[name])))


def _named_by(step: Step) -> Iterator[str]:
    for dependency in step.depends_on:
        yield from _names(dependency)


def _names(dependency: str | Dependency) -> Iterator[str]:
    if isinstance(dependency, str):
        yield dependency
        return
    if dependency.step is not None:
        yield dependency.step
    for other in dependency.any or ():
        yield from _names(other)
