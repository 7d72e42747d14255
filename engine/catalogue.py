"""Finds an action by its name, hence by its path: ``docker.pause`` is actions/docker/pause.py."""

import importlib
import pkgutil
from collections.abc import Iterable

import breakfix.actions
from breakfix.engine.action import Action, Fault, Probe, Repair
from breakfix.engine.errors import UsageError

_CONTRACT = (Action, Fault, Repair, Probe)


def names() -> list[str]:
    """The names of all actions, from the tree."""
    found: list[str] = []
    for family in pkgutil.iter_modules(breakfix.actions.__path__):
        if family.ispkg:
            package = importlib.import_module(f"breakfix.actions.{family.name}")
            members = pkgutil.iter_modules(package.__path__)
            found += [f"{family.name}.{member.name}" for member in members]
    return sorted(found)


def load(wanted: Iterable[str]) -> dict[str, type[Action]]:
    """The classes of actions, importing these and no others. Raises UsageError for an unknown name."""
    return {name: _load(name) for name in wanted}


def _load(name: str) -> type[Action]:
    module_name = f"breakfix.actions.{name}"
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise UsageError(f"there is no action {name}.", hint=_suggest(name)) from error
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


def _suggest(name: str) -> str:
    import difflib

    close = difflib.get_close_matches(name, names(), n=1)
    return f"Did you mean {close[0]}?" if close else "`breakfix actions` lists them."
