"""Inventories in YAML: as Ansible writes them, or a list of hosts, or a mapping of groups to such lists."""

import difflib
from typing import Any, Final

from breakfix.engine.document import Document, Place, parse
from breakfix.engine.document.positions import Span
from breakfix.engine.targets.draft import UNGROUPED, Draft, Settings

_GROUP_KEYS: Final = ("hosts", "children", "vars")
_HOST_KEYS: Final = ("name", "address", "port", "user", "key")


def fill(draft: Draft, file: str, raw: bytes) -> None:
    """Read a whole document. What is wrong with its hosts goes to the draft; raises DocumentError where it
    is no YAML."""
    _Reading(draft, parse(file, raw)).run()


class _Reading:
    def __init__(self, draft: Draft, document: Document) -> None:
        self._draft = draft
        self._document = document

    def run(self) -> None:
        """All of it."""
        data = self._document.data
        if isinstance(data, list):
            self._list(UNGROUPED, data, ())
        elif isinstance(data, dict):
            for name, group in data.items():
                self._group(name, group, (name,))
        else:
            self._problem((), "an inventory is a list of hosts, or a mapping of groups")

    def _problem(self, place: Place, message: str, hint: str = "") -> None:
        self._draft.problem(self._span(place), message, hint)

    def _span(self, place: Place) -> Span:
        return self._document.positions.key(place)

    def _group(self, name: str, group: Any, place: Place) -> None:
        self._draft.group(name)
        if isinstance(group, list):
            self._list(name, group, place)
        elif isinstance(group, dict):
            for key, value in group.items():
                self._part(name, key, value, (*place, key))
        elif group is not None:
            self._problem(place, f"the group {name!r} is a list of hosts, or has {_some(_GROUP_KEYS)}")

    def _part(self, name: str, key: str, value: Any, place: Place) -> None:
        if key not in _GROUP_KEYS:
            self._problem(place, f"a group has no {key!r}", _meant(key, _GROUP_KEYS))
        elif key == "hosts" and isinstance(value, list):
            self._list(name, value, place)
        elif value is None:
            return
        elif not isinstance(value, dict):
            self._problem(place, f"the {key} of a group are a mapping")
        elif key == "vars":
            self._variables(self._draft.group(name).settings, value, place)
        elif key == "children":
            for child, inside in value.items():
                self._draft.group(name).children.append((child, self._span((*place, child))))
                self._group(child, inside, (*place, child))
        else:
            for host, variables in value.items():
                self._host(name, host, variables, (*place, host))

    def _host(self, group: str, text: str, variables: Any, place: Place) -> None:
        """A key of ``hosts``: a name, maybe with ranges, and its variables."""
        settings: Settings = {}
        if isinstance(variables, dict):
            self._variables(settings, variables, place)
        elif variables is not None:
            self._problem(place, f"the variables of {text} are a mapping")
        self._add(group, text, settings, place, with_port=False)

    def _variables(self, into: Settings, variables: dict[str, Any], place: Place) -> None:
        for name, value in variables.items():
            span = self._document.positions.value((*place, name))
            if isinstance(value, str | int) and not isinstance(value, bool):
                self._draft.variable(into, name, str(value), span)
            else:
                self._draft.variable(into, name, "", span)

    def _list(self, group: str, items: list[Any], place: Place) -> None:
        for index, item in enumerate(items):
            inside = (*place, index)
            if isinstance(item, str):
                self._add(group, item, {}, inside, with_port=True)
            elif isinstance(item, dict):
                self._object(group, item, inside)
            else:
                self._problem(inside, "a host is its name, or a mapping with `name`")

    def _object(self, group: str, item: dict[str, Any], place: Place) -> None:
        settings: Settings = {}
        for key, value in item.items():
            span = self._document.positions.value((*place, key))
            if key not in _HOST_KEYS:
                self._problem((*place, key), f"a host has no {key!r}", _meant(key, _HOST_KEYS))
            elif not isinstance(value, str | int) or isinstance(value, bool):
                self._problem((*place, key), f"the {key} of a host is text")
            elif key != "name":
                self._draft.setting(settings, key, str(value), span)
        name = item.get("name")
        if not isinstance(name, str):
            self._problem(place, "a host has a `name`")
            return
        self._add(group, name, settings, (*place, "name"), with_port=False)

    def _add(
        self, group: str, text: str, settings: Settings, place: Place, *, with_port: bool
    ) -> None:
        span = self._span(place)
        try:
            self._draft.hosts(group, text, settings, span, with_port=with_port)
        except ValueError as error:
            self._draft.problem(span, str(error))


def _some(keys: tuple[str, ...]) -> str:
    return f"{', '.join(keys[:-1])} and {keys[-1]}"


def _meant(key: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"it has {_some(known)}"
