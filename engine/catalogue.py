"""Finds an action by its name, hence by its path: ``docker.pause`` is actions/docker/pause.py.

Actions of other distributions are found by their entry points in the group ``breakfix.actions``, whose
names are the actions' names: ``"disk.slow" = "acme_faults.slow:Slow"``.
"""

import importlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

import breakfix
from breakfix.engine.action import Action, Fault, Probe, Repair
from breakfix.engine.errors import UsageError

ENTRY_POINTS: Final = "breakfix.actions"
SCENARIO_SCHEMA: Final = "scenario.v1.json"
KEYWORD: Final = "x-breakfix-action"
"""The keyword of the published schema that holds what is declared of an action."""

_CONTRACT: Final = (Action, Fault, Repair, Probe)
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")


class ActionSpec(Struct, frozen=True, kw_only=True):
    """What is declared of an action: all that validation needs to know of it.

    `parameters` is the JSON Schema of its parameters. `observes` is set for probes alone; `lasting`,
    `reversible` and `claims` count for faults alone.
    """

    name: str
    phases: tuple[str, ...]
    serves: tuple[str, ...]
    needs: tuple[str, ...] = ()
    observes: str | None = None
    lasting: bool | None = None
    reversible: bool | None = None
    claims: tuple[str, ...] = ()
    result: dict[str, str] = {}
    summary: str
    doc: str
    parameters: dict[str, Any]
    examples: tuple[dict[str, Any], ...]


class _Declared(Struct, frozen=True):
    """An entry of the published schema, as it is read back."""

    description: str
    examples: tuple[dict[str, Any], ...]
    declaration: dict[str, Any] = msgspec.field(name=KEYWORD)


def names() -> list[str]:
    """The names of all actions: those in the tree, and those that other distributions bring."""
    return sorted({*built_in_names(), *_entry_points()})


def built_in_names() -> list[str]:
    """The names of the actions in the tree."""
    folder = Path(breakfix.__file__).parent / "actions"
    return sorted(
        f"{file.parent.name}.{file.stem}"
        for file in folder.glob("*/*.py")
        if file.stem != "__init__"
    )


def schema_file(name: str) -> Path:
    """The path of a published schema."""
    return Path(breakfix.__file__).parent / "schemas" / name


def published() -> dict[str, Any]:
    """The published schema of scenarios. Raises UsageError where it is missing or broken."""
    path = schema_file(SCENARIO_SCHEMA)
    try:
        found: dict[str, Any] = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"the published schema {path} cannot be read: {error}.", hint="Install breakfix again."
        ) from error
    return found


def declared(schema: Mapping[str, Any] | None = None) -> dict[str, ActionSpec]:
    """What the published schema declares of the built-in actions; no action is imported."""
    definitions = (published() if schema is None else schema).get("$defs", {})
    return {
        name: _spec(name, definition)
        for name, definition in definitions.items()
        if KEYWORD in definition
    }


def _spec(name: str, definition: dict[str, Any]) -> ActionSpec:
    entry = msgspec.convert(definition, _Declared)
    fields = {
        "name": name,
        "summary": summary_of(entry.description),
        "doc": entry.description,
        "parameters": definition,
        "examples": entry.examples,
        **entry.declaration,
    }
    return msgspec.convert(fields, ActionSpec)


def summary_of(doc: str) -> str:
    """The first sentence of a description.

    >>> summary_of("Kill it.\\n\\nSlowly.")
    'Kill it.'
    """
    return " ".join(doc.split("\n\n")[0].split())


def load(wanted: Iterable[str]) -> dict[str, type[Action]]:
    """The classes of actions, importing these and no others. Raises UsageError for an unknown name."""
    return {name: _load(name) for name in wanted}


def _load(name: str) -> type[Action]:
    if _NAME.fullmatch(name) is None:
        raise UsageError(f"there is no action {name!r}.", hint=suggestion(name))
    module_name = f"breakfix.actions.{name}"
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not module_name.startswith(error.name):
            raise UsageError(f"the action {name} cannot be imported: {error}.") from error
        return _load_entry_point(name)
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Action)
        and value not in _CONTRACT
        and value.__module__ == module_name
    ]
    if len(found) != 1:
        raise UsageError(f"{module_name} must define one action; it defines {len(found)}.")
    return found[0]


def _load_entry_point(name: str) -> type[Action]:
    point = _entry_points().get(name)
    if point is None:
        raise UsageError(f"there is no action {name}.", hint=suggestion(name))
    try:
        found = point.load()
    except Exception as error:
        raise UsageError(
            f"the action {name} of {point.value} cannot be imported: {error}.",
            hint="Repair or remove the distribution that brings it.",
        ) from error
    if not (isinstance(found, type) and issubclass(found, Action)):
        raise UsageError(f"{point.value}, the action {name}, is no class of an action.")
    return found


def _entry_points() -> dict[str, Any]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}


def suggestion(name: str) -> str:
    """What somebody may have meant who named an action that is not there."""
    import difflib

    close = difflib.get_close_matches(name, names(), n=1)
    return f"Did you mean {close[0]}?" if close else "`breakfix actions` lists them."
