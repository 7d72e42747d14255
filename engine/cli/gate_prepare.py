"""Before a gate runs anything: every file is validated and planned, and every problem is told at once."""

import secrets
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, structs

from breakfix.engine.cli.run import real_targets, repeat_of, request_of
from breakfix.engine.cli.scenario_options import SEED_BITS, Chosen
from breakfix.engine.document import Document, Place, read
from breakfix.engine.errors import BreakfixError, DocumentError, UsageError
from breakfix.engine.model import Expectation, Problem, Repeat
from breakfix.engine.run.session import RunRequest
from breakfix.engine.validate import check


class Asked(Struct, frozen=True, kw_only=True):
    """What the command line asks of every file."""

    inputs: dict[str, Any]
    env: str = ""
    seed: int | None = None
    times: int | None = None
    yes: bool = False
    labels: dict[str, str] = {}
    history: str = ""
    against: str = ""
    row: Expectation | None = None
    """What each file that breaks something expects in addition to its own rows."""


class Ready(Struct, frozen=True, kw_only=True):
    """A file that can be run. `folder` is where its reports go, `command` runs it again."""

    file: Path
    folder: str
    request: RunRequest
    repeat: Repeat
    command: str
    warnings: tuple[Problem, ...]


class Refused(Struct, frozen=True, kw_only=True):
    """A file that cannot be run, with every reason that is known without touching anything."""

    file: Path
    scenario: str
    problems: tuple[Problem, ...]
    exit_code: int


def prepare(files: Sequence[Path], asked: Asked) -> list[Ready | Refused]:
    """Each file, in its order. Raises UsageError where an input belongs to none of them."""
    declared = {file: _declared(file) for file in files}
    if not any(names is None for names in declared.values()):
        known = {name for names in declared.values() for name in names or ()}
        if unknown := sorted(asked.inputs.keys() - known):
            raise UsageError(f"no file has an input {', '.join(unknown)}.")
    found: list[Ready | Refused] = []
    for file in files:
        own = {name: v for name, v in asked.inputs.items() if name in (declared[file] or ())}
        taken = [one.folder for one in found if isinstance(one, Ready)]
        found.append(_prepared(file, structs.replace(asked, inputs=own), taken))
    return found


def _prepared(file: Path, asked: Asked, taken: Sequence[str]) -> Ready | Refused:
    checked = check(file, asked.inputs)
    if checked.scenario is None:
        return Refused(file=file, scenario="", problems=checked.problems, exit_code=2)
    chosen = Chosen(
        scenario=checked.scenario,
        inputs=checked.inputs,
        file=file,
        file_sha256=checked.text_sha256,
        env=asked.env,
        seed=secrets.randbits(SEED_BITS) if asked.seed is None else asked.seed,
        warnings=(),
    )
    refusals = list(_not_permitted(chosen, asked))
    code = 2
    try:
        _preview(chosen)
    except BreakfixError as error:
        code = error.exit_code
        refusals.append(
            Problem(file=str(file), line=1, column=1, message=error.message, hint=error.hint)
        )
    if refusals:
        problems = (*refusals, *checked.problems)
        name = chosen.scenario.name
        return Refused(file=file, scenario=name, problems=problems, exit_code=code)
    return _ready(chosen, asked, taken, checked.problems)


def _ready(
    chosen: Chosen, asked: Asked, taken: Sequence[str], warnings: tuple[Problem, ...]
) -> Ready:
    """The request; what a report of one trial repeats is that trial alone."""
    times = asked.times
    scenario = chosen.scenario
    if asked.row is not None and any(step.phase == "inject" for step in scenario.steps):
        scenario = structs.replace(scenario, expect=(*scenario.expect, asked.row))
    request = structs.replace(
        request_of(chosen),
        scenario=scenario,
        labels=asked.labels,
        history=asked.history,
        against=asked.against,
    )
    command = request.command if times is None else f"{request.command} --repeat {times}"
    if chosen.scenario.repeat is not None:
        request = structs.replace(request, command=f"{request.command} --repeat 1")
    return Ready(
        file=chosen.file,
        folder=_free(chosen.scenario.name, taken),
        request=request,
        repeat=repeat_of(chosen.scenario.repeat, times),
        command=command,
        warnings=warnings,
    )


def _free(name: str, taken: Iterable[str]) -> str:
    """A folder's name that no other file has: two scenarios may have one name."""
    used, number = set(taken), 2
    if name not in used:
        return name
    while f"{name}-{number}" in used:
        number += 1
    return f"{name}-{number}"


def _not_permitted(chosen: Chosen, asked: Asked) -> Iterable[Problem]:
    """Where it must not be run, or not without being asked."""
    scenario = chosen.scenario
    if scenario.allowed_on and asked.env not in scenario.allowed_on:
        yield _at(
            chosen,
            ("allowed_on",),
            f"this file runs only on {', '.join(scenario.allowed_on)}",
            f"say --env {scenario.allowed_on[0]}",
        )
    real = real_targets(scenario)
    if real and not asked.yes and not sys.stdin.isatty():
        yield _at(chosen, ("targets", real[0]), f"this touches {', '.join(real)}", "say --yes")


def _at(chosen: Chosen, place: Place, message: str, hint: str) -> Problem:
    document = read(chosen.file)
    return document.problem(document.positions.key(place), message, hint, place=place)


def _preview(chosen: Chosen) -> None:
    """Plan it, so that what cannot be planned is told before anything is run. Raises BreakfixError."""
    from breakfix.engine import catalogue, plan

    targets = plan.WorldTargets(chosen.scenario)
    actions = catalogue.load(plan.action_names(chosen.scenario))
    plan.make(chosen.scenario, targets, actions, seed=chosen.seed, inputs=chosen.inputs)


def _declared(file: Path) -> frozenset[str] | None:
    """The names of its inputs; None where it cannot be read."""
    try:
        document: Document = read(file)
    except DocumentError:
        return None
    found: Any = document.data.get("inputs") if isinstance(document.data, Mapping) else None
    return frozenset(map(str, found)) if isinstance(found, Mapping) else frozenset()
