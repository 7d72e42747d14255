"""Which runs may be compared: those with equal keys, and no others.

A key is a hash of what decides how long a recovery takes: the class of the targets, the faults, the repairs,
the load, and the probes that the times are taken by; with the environment (``--env``) and the major version
of the engine. It knows nothing of texts, labels, expectations, guards, time-outs, the ids of steps, their order
in the file, set-up, or where things are: the host and port of a URL, folders, and digits in the names of
containers and hosts are left out, so that `web-17` is what `web-18` is.
"""

import hashlib
import re
from collections.abc import Iterable
from pathlib import PurePath
from typing import Any, Final

import msgspec
from msgspec import Struct

from breakfix.engine.model import Dependency, Hold, ProbeUse, Scenario, Step, Target

KEY_CHARS: Final = 16
_ADDRESS: Final = re.compile(r"\b([a-z][a-z0-9+.-]*://)[^/?#\s]*")
_DIGITS: Final = re.compile(r"[0-9]+")
_PLACES: Final = frozenset({"host", "port"})
"""Parameters of probes that say where they ask."""


class Comparability(Struct, frozen=True, kw_only=True):
    """The key of a run, and the print of each part of it, which tell why two keys differ."""

    key: str
    parts: dict[str, str]
    """``targets``, ``faults``, ``repairs``, ``load``, ``probes``: prints; ``env`` and ``engine``: as they are."""


def comparability(scenario: Scenario, *, env: str, version: str) -> Comparability:
    """The key of the runs of a scenario, with its inputs put in, by an engine of this version."""
    touched = {step.target for step in scenario.steps if step.phase in ("inject", "remediate")}
    targets = {name: _target(target, scenario) for name, target in scenario.targets.items()}
    graph = _Graph(scenario, targets)
    parts = {
        "targets": _print(sorted(_print(targets[name]) for name in targets if name in touched)),
        "faults": _print(graph.prints("inject")),
        "repairs": _print(graph.prints("remediate")),
        "load": _print(
            (
                sorted(
                    _print(targets[name])
                    for name, target in scenario.targets.items()
                    if name not in touched and target.process is not None
                ),
                scenario.limits.concurrency,
                scenario.limits.per_target,
            )
        ),
        "probes": _print((graph.prints("detect", "verify"), _observers(scenario, targets))),
        "env": env,
        "engine": version.partition(".")[0],
    }
    return Comparability(key=_print(parts), parts=parts)


def differences(one: Comparability, other: Comparability) -> tuple[str, ...]:
    """The names of the parts in which two runs differ; none: they may be compared."""
    return tuple(name for name, part in one.parts.items() if part != other.parts.get(name))


class _Graph:
    """The steps, each as a print of what it does and of what comes before it, whatever their ids."""

    def __init__(self, scenario: Scenario, targets: dict[str, Any]) -> None:
        self._scenario = scenario
        self._targets = targets
        self._steps = {step.id: step for step in scenario.steps}
        self._prints: dict[str, str] = {}

    def prints(self, *phases: str) -> list[str]:
        """Those of the steps of these phases, sorted."""
        return sorted(self._print(s.id) for s in self._scenario.steps if s.phase in phases)

    def _print(self, step_id: str) -> str:
        # Without recursion, for graphs of many thousand steps; a journal may hold any, also a cycle.
        seen: set[str] = set()
        todo = [step_id]
        while todo:
            step = self._steps[todo[-1]]
            before = [] if step.id in seen else [*_named(step.depends_on)]
            seen.add(step.id)
            missing = [
                name
                for name in before
                if name in self._steps and name not in self._prints and name not in seen
            ]
            if missing:
                todo += missing
                continue
            self._prints[todo.pop()] = _print((self._own(step), self._edges(step.depends_on)))
        return self._prints[step_id]

    def _edges(self, dependencies: Iterable[str | Dependency]) -> list[str]:
        found = []
        for one in dependencies:
            edge = Dependency(step=one) if isinstance(one, str) else one
            before = self._prints.get(edge.step or "", "")
            found.append(
                _print((before, edge.is_, edge.after, edge.each, self._edges(edge.any or ())))
            )
        return sorted(found)

    def _own(self, step: Step) -> Any:
        hold: Any = step.hold
        if isinstance(hold, Hold):
            until = self._steps.get(hold.until)
            hold = (hold.at_most, until.phase if until is not None else "")
        probe = self._scenario.probes.get(step.uses)
        return (
            step.phase,
            _probe(probe, self._targets) if probe is not None else step.uses,
            step.with_ if step.phase == "inject" else _placeless(step.with_),
            self._targets.get(step.target or ""),
            (step.wait, hold, step.when, step.require, step.fan_out, step.retry),
            (step.every, step.consecutive, step.stays, step.is_),
            step.units.that if step.units is not None else "",
        )


def _named(dependencies: Iterable[str | Dependency]) -> Iterable[str]:
    for one in dependencies:
        if isinstance(one, str):
            yield one
            continue
        if one.step is not None:
            yield one.step
        yield from _named(one.any or ())


def _target(target: Target, scenario: Scenario) -> Any:
    """What class of thing it is; of one that another set left over, that of the other one."""
    other = scenario.targets.get(target.of or "")
    if other is not None:
        return ("rest", _target(other, scenario) if other.of is None else "", target.pick)
    if target.process is not None:
        return ("process", _placeless(list(target.process.command)))
    if target.docker is not None:
        found = target.docker
        compose = found.compose
        service = ("service", compose.service) if compose is not None else None
        return ("docker", _classed(found.name), found.labels, service, target.pick)
    if target.ssh is not None:
        hosts = sorted({_classed(name) for name in target.ssh.hosts or ()})
        inventory = PurePath(target.ssh.hosts_file or "").name
        source = _placeless(target.ssh.hosts_from.http) if target.ssh.hosts_from else ""
        return ("ssh", hosts, inventory, source, target.ssh.group, target.pick)
    return ("none",)


def _probe(probe: ProbeUse, targets: dict[str, Any]) -> Any:
    return (probe.uses, _placeless(probe.with_), probe.every, targets.get(probe.target or ""))


def _observers(scenario: Scenario, targets: dict[str, Any]) -> list[str]:
    """Every observer by what it looks with, whatever its name."""
    probes = {name: _print(_probe(probe, targets)) for name, probe in scenario.probes.items()}
    alone = [(probes.get(one.probe), one.rise, one.fall) for one in scenario.observers]
    merged = [
        (one.quorum, sorted(probes.get(name, "") for name in one.probes), one.rise, one.fall)
        for one in scenario.quorums
    ]
    return sorted(_print(one) for one in (*alone, *merged))


def _classed(name: str | None) -> str:
    return _DIGITS.sub("", name or "")


def _placeless(value: Any) -> Any:
    """Without the places in it: the host and port of a URL, and parameters that are one."""
    if isinstance(value, str):
        return _ADDRESS.sub(r"\1", value)
    if isinstance(value, dict):
        return {key: _placeless(item) for key, item in value.items() if key not in _PLACES}
    if isinstance(value, list | tuple):
        return [_placeless(item) for item in value]
    return value


def _print(value: Any) -> str:
    """The beginning of the SHA-256 of its canonical JSON."""
    raw = msgspec.json.encode(value, order="deterministic")
    return hashlib.sha256(raw).hexdigest()[:KEY_CHARS]
