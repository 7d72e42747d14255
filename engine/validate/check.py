"""Validates a file: shape, parameters, references. Every problem of it, with its place."""

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from breakfix.engine import catalogue
from breakfix.engine.document import Document, Place, read
from breakfix.engine.errors import DocumentError, ExpressionError, UsageError
from breakfix.engine.model import (
    Expectation,
    Input,
    Limits,
    ProbeUse,
    Problem,
    Scenario,
    Step,
    Target,
)
from breakfix.engine.validate.folder import anchored
from breakfix.engine.validate.inputs import put_in_all, values_of
from breakfix.engine.validate.references import references

_PARTS: Final[dict[str, Any]] = {
    "inputs": Input,
    "targets": Target,
    "probes": ProbeUse,
    "steps": Step,
    "expect": Expectation,
}
_PATH: Final = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_PATH_PART: Final = re.compile(r"\.([A-Za-z0-9_]+)|\[(\d+)\]")
_UNKNOWN: Final = re.compile(r"unknown field `(?P<key>[^`]+)`")


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
    problems = tuple(sorted(checking.problems, key=lambda problem: (problem.line, problem.column)))
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

    def problem(self, place: Place, message: str, hint: str = "", *, warning: bool = False) -> None:
        """Note one problem at a place of the document."""
        line, column = self.document.positions[place]
        self.problems.append(
            Problem(
                file=self.document.file,
                line=line,
                column=column,
                message=message,
                hint=hint,
                severity="warning" if warning else "error",
                path="".join(f"/{part}" for part in place),
            )
        )

    def run(self, given: Mapping[str, Any]) -> tuple[Scenario | None, dict[str, Any]]:
        """The scenario, where it could be made, and the values of the inputs."""
        data = self.document.data
        if not isinstance(data, dict):
            self.problem((), "a scenario is a mapping", "begin with `version: 1`")
            return None, {}
        data = {key: value for key, value in data.items() if not key.startswith("x-")}
        inputs = self._inputs(data, given)
        try:
            data = {
                key: value if key == "inputs" else put_in_all(value, inputs)
                for key, value in data.items()
            }
        except ExpressionError as error:
            self.problem((), str(error), "declare it under `inputs`")
            return None, inputs
        data["probes"] = self._probes(data.get("probes"))
        scenario = self._convert(data)
        if scenario is None:
            return None, inputs
        for place, message, hint in references(scenario):
            self.problem(place, message, hint)
        self._parameters(scenario)
        return scenario, inputs

    def _inputs(self, data: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
        try:
            declared = msgspec.convert(data.get("inputs") or {}, dict[str, Input])
        except msgspec.ValidationError:
            return {}
        values, wrong = values_of(declared, given)
        for name, why in wrong.items():
            self.problem(("inputs", name), why)
        return values

    def _probes(self, raw: Any) -> Any:
        """``{http.get: {...}, every: 1s}`` becomes ``{uses: http.get, with: {...}, every: 1s}``."""
        if not isinstance(raw, dict):
            return {} if raw is None else raw
        found: dict[str, Any] = {}
        for name, probe in raw.items():
            if not isinstance(probe, dict):
                found[name] = probe
                continue
            actions = [key for key in probe if "." in key]
            if len(actions) != 1:
                self.problem(
                    ("probes", name), "a probe names one action", "such as `http.get: {url: ...}`"
                )
                continue
            rest = {key: value for key, value in probe.items() if key != actions[0]}
            found[name] = {"uses": actions[0], "with": probe[actions[0]] or {}, **rest}
        return found

    def _convert(self, data: dict[str, Any]) -> Scenario | None:
        """Each part by itself, so that every part tells its first problem."""
        before = len(self.problems)
        for key, kind in _PARTS.items():
            value = data.get(key)
            if isinstance(value, dict):
                for name, part in value.items():
                    self._try(part, kind, (key, name))
            elif isinstance(value, list):
                for index, part in enumerate(value):
                    self._try(part, kind, (key, index))
        if "limits" in data:
            self._try(data["limits"], Limits, ("limits",))
        if len(self.problems) > before:
            rest = {key: value for key, value in data.items() if key not in _PARTS}
            self._try({**rest, "steps": [{"id": "x", "wait": "0s"}]}, Scenario, ())
            return None
        converted = self._try(data, Scenario, ())
        return converted if isinstance(converted, Scenario) else None

    def _try(self, value: Any, kind: Any, place: Place) -> Any:
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            self._explain(str(error), kind, place)
            return None

    def _explain(self, text: str, kind: Any, place: Place) -> None:
        match = _PATH.search(text)
        inner: Place = ()
        if match is not None:
            text = text[: match.start()]
            inner = tuple(
                int(index) if index else name for name, index in _PATH_PART.findall(match["path"])
            )
        hint = ""
        if (unknown := _UNKNOWN.search(text)) is not None:
            key = unknown["key"]
            close = difflib.get_close_matches(key, _fields(kind), n=1)
            hint = f"did you mean {close[0]!r}?" if close else ""
            text, inner = f"unknown key {key!r}", (*inner, key)
        elif "matching regex" in text:
            text = "the value has not the form that is expected here"
            hint = "durations, sizes and shares need their unit: 30s, 64MiB, 15%"
        elif text.startswith("Expected `str`"):
            hint = "a value with a unit is text: 30s, 64MiB, 15%"
        self.problem((*place, *inner), text, hint)

    def _parameters(self, scenario: Scenario) -> None:
        for index, step in enumerate(scenario.steps):
            if "." in step.uses:
                self._action(step.uses, step.with_, ("steps", index), step.phase)
        for name, probe in scenario.probes.items():
            self._action(probe.uses, probe.with_, ("probes", name), "verify")

    def _action(self, name: str, values: Mapping[str, Any], place: Place, phase: str) -> None:
        try:
            kind = catalogue.load([name])[name]
        except UsageError as error:
            self.problem(place, error.message, error.hint)
            return
        if phase not in kind.phases:
            self.problem(place, f"{name} cannot {phase}", f"it can {', '.join(kind.phases)}")
        if any("{{" in str(value) for value in values.values()):
            return
        within = (*place, "with") if place[0] == "steps" else (*place, name)
        self._try(dict(values), kind, within)


def _fields(kind: Any) -> list[str]:
    return [field.encode_name for field in msgspec.structs.fields(kind)]
