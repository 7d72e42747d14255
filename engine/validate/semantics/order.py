"""The graph of steps: cycles, and steps that can never run."""

from collections.abc import Iterator

from breakfix.engine.model import Hold, Scenario, Step
from breakfix.engine.validate.semantics.finding import Finding, edges


class Graph:
    """What depends on what, by the ids of steps; names that are not there are left out."""

    def __init__(self, scenario: Scenario) -> None:
        self._steps = {step.id: step for step in scenario.steps}
        self._index = {step.id: index for index, step in enumerate(scenario.steps)}
        self._direct = {step.id: tuple(dict.fromkeys(self._named(step))) for step in scenario.steps}
        self._upstream: dict[str, frozenset[str]] = {}

    def _named(self, step: Step) -> Iterator[str]:
        for _, edge in edges(step):
            if edge.step in self._steps:
                yield str(edge.step)
        if step.units is not None and step.units.of in self._steps:
            yield step.units.of

    def upstream(self, step: str) -> frozenset[str]:
        """All steps that come before a step."""
        if step not in self._upstream:
            seen: set[str] = set()
            todo = list(self._direct.get(step, ()))
            while todo:
                name = todo.pop()
                if name not in seen:
                    seen.add(name)
                    todo += self._direct[name]
            self._upstream[step] = frozenset(seen)
        return self._upstream[step]

    def downstream(self, step: str) -> list[Step]:
        """All steps that come after a step."""
        return [other for name, other in self._steps.items() if step in self.upstream(name)]

    def findings(self) -> Iterator[Finding]:
        """Cycles as their path, holds that wait for what waits for them, edges that never hold."""
        yield from self._cycles()
        for step in self._steps.values():
            yield from self._hold(step)
            yield from self._milestones(step)

    def _cycles(self) -> Iterator[Finding]:
        done: set[str] = set()
        for start in self._steps:
            path: list[str] = []
            on_path: dict[str, int] = {}
            todo: list[tuple[str, int]] = [(start, 0)]
            while todo:
                name, at = todo.pop()
                for gone in path[at:]:
                    on_path.pop(gone, None)
                del path[at:]
                if name in on_path:
                    cycle = path[on_path[name] :]
                    # The path of dependencies, read in the order in which the steps would run.
                    text = " -> ".join([name, *reversed(cycle)])
                    yield Finding(
                        place=("steps", self._index[name], "depends_on"),
                        message=f"steps wait for each other: {text}",
                    )
                    done.update(cycle)
                    continue
                if name in done:
                    continue
                on_path[name] = len(path)
                path.append(name)
                todo += [(other, len(path)) for other in self._direct[name]]
            done.update(path)
            done.add(start)

    def _hold(self, step: Step) -> Iterator[Finding]:
        if not isinstance(step.hold, Hold) or step.hold.until not in self._steps:
            return
        until = step.hold.until
        place = ("steps", self._index[step.id], "hold", "until")
        if until == step.id or until in self.upstream(step.id):
            yield Finding(place=place, message=f"{until} is over before {step.id} begins")
            return
        for name in (until, *self.upstream(until)):
            for _, edge in edges(self._steps[name]):
                if edge.step == step.id and edge.is_ in ("undone", "succeeded", "finished"):
                    yield Finding(
                        place=place,
                        message=f"steps wait for each other: {step.id} is held until {until}, "
                        f"and {name} waits until {step.id} is {edge.is_}",
                    )
                    return

    def _milestones(self, step: Step) -> Iterator[Finding]:
        asked: dict[str, set[str]] = {}
        for index, edge in edges(step):
            place = ("steps", self._index[step.id], *index)
            other = self._steps.get(edge.step or "")
            if other is None:
                continue
            if edge.is_ in ("active", "undone") and other.phase != "inject":
                message = f"{other.id} is no fault: it is never {edge.is_}"
                yield Finding(place=place, message=message, hint="succeeded, failed or finished")
            if edge.each is not None and other.target != step.target:
                message = f"{other.id} and {step.id} have not the same target"
                yield Finding(
                    place=place, message=message, hint="`each: target` pairs equal targets"
                )
            if "any" not in index:
                default = "active" if other.phase == "inject" else "succeeded"
                asked.setdefault(other.id, set()).add(edge.is_ or default)
        for name, milestones in asked.items():
            if "failed" in milestones and milestones & {"succeeded", "undone"}:
                yield Finding(
                    place=("steps", self._index[step.id], "depends_on"),
                    message=f"{step.id} can never run: it needs {name} to succeed and to fail",
                )
