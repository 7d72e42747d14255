"""Validates a file: shape, parameters, meaning. Every problem of it, with its place.

A part is converted by the types themselves; where that fails, the published schema tells all that is
wrong with it. What has the right shape is then asked for its meaning.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from breakfix.engine import catalogue
from breakfix.engine.action import Action
from breakfix.engine.document import Document, Place, read
from breakfix.engine.document.read import pointer
from breakfix.engine.errors import DocumentError, ExpressionError, UsageError
from breakfix.engine.model import (
    Expectation,
    Guard,
    Input,
    ProbeUse,
    Problem,
    Scenario,
    Step,
    Target,
)
from breakfix.engine.validate.folder import anchored
from breakfix.engine.validate.inputs import put_in_all, values_of
from breakfix.engine.validate.semantics import Finding, findings

_PARTS: Final[dict[str, Any]] = {
    "inputs": Input,
    "targets": Target,
    "probes": ProbeUse,
    "steps": Step,
    "expect": Expectation,
    "guards": Guard,
}
_STAND_INS: Final[dict[str, Any]] = {
    "targets": {"process": {"command": ["x"]}},
    "probes": {"uses": "file.exists", "with": {"path": "x"}},
}
"""What stands for a broken part, so that names of it are known while the rest is looked at."""

_MINIMAL: Final[dict[str, Any]] = {
    "version": 1,
    "name": "x",
    "steps": [{"id": "x", "wait": "0s"}],
}
"""What stands for a top level that is broken."""

_NULLS_IN: Final = frozenset({"with", "x-"})


class Checked(Struct, frozen=True, kw_only=True):
    """What came of a file: the scenario (None where there are errors), its inputs, all problems."""

    scenario: Scenario | None
    inputs: dict[str, Any]
    problems: tuple[Problem, ...]
    text_sha256: str


def load(path: Path, given: Mapping[str, Any]) -> Checked:
    """As `check`, but raises DocumentError where there is an error."""
    checked = check(path, given)
    if checked.scenario is None:
        raise DocumentError(checked.problems)
    return checked


def check(path: Path, given: Mapping[str, Any]) -> Checked:
    """Read and validate a file with these inputs; never raises for what is in it."""
    try:
        document = read(path)
    except DocumentError as error:
        return Checked(scenario=None, inputs={}, problems=error.problems, text_sha256="")
    checking = _Checking(document)
    scenario, inputs = checking.run(given)
    problems = tuple(sorted(set(checking.problems)))
    if any(problem.severity == "error" for problem in problems):
        scenario = None
    if scenario is not None:
        scenario = anchored(scenario, path.parent)
    return Checked(
        scenario=scenario, inputs=inputs, problems=problems, text_sha256=document.text_sha256
    )


class _Checking:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []
        self._broken: set[str] = set()

    def run(self, given: Mapping[str, Any]) -> tuple[Scenario | None, dict[str, Any]]:
        """The scenario, where it could be made, and the values of the inputs."""
        data = self.document.data
        if not isinstance(data, dict):
            self._problem((), "a scenario is a mapping", "begin with `version: 1`")
            return None, {}
        if self.document.has_null:
            self._nulls(data, ())
        inputs = self._inputs(data, given)
        data = {
            key: value if key in ("inputs", "secrets") else self._put_in(value, inputs, (key,))
            for key, value in _without_x(data).items()
        }
        data["probes"] = self._probes(data.get("probes"))
        scenario = self._convert(data)
        if scenario is None:
            return None, inputs
        actions = self._actions(scenario)
        self._meaning(scenario, actions)
        return scenario, inputs

    # --- before the types ---

    def _inputs(self, data: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
        raw = _without_x(data.get("inputs"))
        declared = {
            name: converted
            for name, part in (raw.items() if isinstance(raw, dict) else ())
            if (converted := self._try(part, Input, "Input", ("inputs", name))) is not None
        }
        values, wrong = values_of(declared, given)
        for name, why in wrong.items():
            self._problem(("inputs", name), why)
        return values

    def _put_in(self, value: Any, inputs: Mapping[str, Any], place: Place) -> Any:
        """Put the inputs in, part by part, so that each unknown name is told at its place."""
        if isinstance(value, dict):
            return {key: self._put_in(item, inputs, (*place, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self._put_in(item, inputs, (*place, n)) for n, item in enumerate(value)]
        if not (isinstance(value, str) and "{{" in value):
            return value
        try:
            return put_in_all(value, inputs)
        except ExpressionError as error:
            self._problem(place, str(error), "declare it under `inputs`")
            return value

    def _nulls(self, value: Any, place: Place) -> None:
        """A key with nothing behind it says nothing: it is not the same as leaving it out."""
        if isinstance(value, dict):
            for key, item in value.items():
                of_a_probe = len(place) == 2 and place[0] == "probes" and "." in key
                if item is None and not of_a_probe:
                    self._problem(
                        (*place, key), f"the key {key!r} has no value", "write one, or drop the key"
                    )
                elif key not in _NULLS_IN:
                    self._nulls(item, (*place, key))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                self._nulls(item, (*place, index))

    def _probes(self, raw: Any) -> Any:
        """``{http.get: {...}, every: 1s}`` becomes ``{uses: http.get, with: {...}, every: 1s}``."""
        if not isinstance(raw, dict):
            return {} if raw is None else raw
        found: dict[str, Any] = {}
        for name, probe in raw.items():
            if not isinstance(probe, dict):
                found[name] = probe
                continue
            named = [key for key in probe if "." in key]
            if len(named) != 1:
                self._problem(
                    ("probes", name), "a probe names one action", "such as `http.get: {url: ...}`"
                )
                found[name] = _STAND_INS["probes"]
                self._broken.add(name)
                continue
            rest = {key: value for key, value in probe.items() if key != named[0]}
            found[name] = {"uses": named[0], "with": probe[named[0]] or {}, **rest}
        return found

    # --- the types ---

    def _convert(self, data: dict[str, Any]) -> Scenario | None:
        """The scenario; where parts are broken, the rest of it, with stand-ins for them."""
        try:
            return msgspec.convert(data, Scenario)
        except msgspec.ValidationError as error:
            fallback = error
        mended: dict[str, Any] = dict(_MINIMAL)
        for key, value in data.items():
            if (kind := _PARTS.get(key)) is None:
                mended |= _if_good(key, value)
            elif isinstance(value, dict):
                parts = {name: self._part(part, kind, (key, name)) for name, part in value.items()}
                mended[key] = {name: part for name, part in parts.items() if part is not None}
            elif isinstance(value, list):
                listed = [self._part(part, kind, (key, n)) for n, part in enumerate(value)]
                mended[key] = [part for part in listed if part is not None]
        for flaw in _flaws("", {**data, "probes": {}}):
            self._flaw(flaw, ())
        if not self.problems:
            self._problem((), str(fallback))
        try:
            return msgspec.convert(mended, Scenario)
        except msgspec.ValidationError:
            return None

    def _part(self, value: Any, kind: Any, place: Place) -> Any:
        """The part, or what stands for it (None: nothing)."""
        definition = kind.__name__
        if self._try(value, kind, definition, place) is not None:
            return value
        by_id = place[0] in ("steps", "guards") and isinstance(value, dict)
        name = value.get("id") if by_id else place[-1]
        self._broken.add(str(name))
        if place[0] == "steps" and isinstance(name, str):
            return {"id": name, "wait": "0s"}
        return _STAND_INS.get(str(place[0]))

    def _try(self, value: Any, kind: Any, definition: str, place: Place) -> Any:
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            found = _flaws(definition, self._as_written(value, place))
            for flaw in found:
                self._flaw(flaw, place)
            if not found and not self._is_told(place):
                self._problem(place, str(error))
            return None

    def _is_told(self, place: Place) -> bool:
        """Whether something inside of a part was told already, such as an unknown input."""
        begin = pointer(place)
        return any(problem.path.startswith(f"{begin}/") for problem in self.problems)

    def _as_written(self, value: Any, place: Place) -> Any:
        """A probe in the form of the file, as the published schema has it."""
        if place[0] != "probes" or len(place) != 2 or not isinstance(value, dict):
            return value
        rest = {key: item for key, item in value.items() if key not in ("uses", "with")}
        return {str(value.get("uses")): value.get("with"), **rest}

    # --- actions and meaning ---

    def _actions(self, scenario: Scenario) -> dict[str, type[Action]]:
        found: dict[str, type[Action]] = {}
        for index, step in enumerate(scenario.steps):
            if "." in step.uses:
                self._action(step.uses, step.with_, ("steps", index), found)
        for name, probe in scenario.probes.items():
            self._action(probe.uses, probe.with_, ("probes", name), found)
        return found

    def _action(
        self, name: str, values: dict[str, Any], place: Place, found: dict[str, type[Action]]
    ) -> None:
        """Look up an action and convert its parameters; late expressions are known only at bind."""
        inside = (*place, "with") if place[0] == "steps" else (*place, name)
        if name not in found:
            try:
                found |= catalogue.load([name])
            except UsageError as error:
                self._problem(place, error.message, error.hint)
                return
        if not _is_late(values):
            self._try(values, found[name], name, inside)

    def _meaning(self, scenario: Scenario, actions: Mapping[str, type[Action]]) -> None:
        told = {problem.path for problem in self.problems}
        for finding in findings(scenario, actions):
            if pointer(finding.place) in told or (finding.warning and self._broken):
                continue
            # What is said of a stand-in is not so of what it stands for.
            about_broken = any(name in self._broken for name in map(str, finding.place)) or any(
                f"'{name}'" in f"'{word}'" for name in self._broken for word in _words(finding)
            )
            if not about_broken:
                self._problem(finding.place, finding.message, finding.hint, warning=finding.warning)

    # --- problems ---

    def _flaw(self, flaw: Any, place: Place) -> None:
        self._problem((*place, *flaw.place), flaw.message, flaw.hint, at_value=not flaw.at_key)

    def _problem(
        self,
        place: Place,
        message: str,
        hint: str = "",
        *,
        at_value: bool = False,
        warning: bool = False,
    ) -> None:
        positions = self.document.positions
        span = positions.value(place) if at_value else positions.key(place)
        self.problems.append(
            self.document.problem(span, message, hint, place=place, warning=warning)
        )


def _if_good(key: str, value: Any) -> dict[str, Any]:
    """The key of the top level, where its value is as it should be."""
    try:
        msgspec.convert({**_MINIMAL, key: value}, Scenario)
    except msgspec.ValidationError:
        return {}
    return {key: value}


def _words(finding: Finding) -> list[str]:
    """The names in a message, without quotes and colons."""
    return [word.strip("'\":,;.") for word in finding.message.split()]


def _flaws(definition: str, value: Any) -> list[Any]:
    from breakfix.engine.validate.explain import flaws

    return list(flaws(definition, value))


def _without_x(value: Any) -> Any:
    """Without the keys that begin with ``x-``, which are nobody's business but their writer's."""
    if isinstance(value, dict):
        return {
            key: item if key in ("with", "labels", "env") or "." in key else _without_x(item)
            for key, item in value.items()
            if not key.startswith("x-")
        }
    if isinstance(value, list):
        return [_without_x(item) for item in value]
    return value


def _is_late(value: Any) -> bool:
    if isinstance(value, str):
        return "{{" in value
    if isinstance(value, dict):
        return any(map(_is_late, value.values()))
    return isinstance(value, list) and any(map(_is_late, value))
