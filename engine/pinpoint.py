"""Which lines of its file a verdict is about, as problems that an editor or a CI system can show there."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from msgspec import structs

from breakfix.engine.document import Document, Place, read
from breakfix.engine.errors import DocumentError
from breakfix.engine.model import Problem
from breakfix.engine.timeline.record import Record, Verdict
from breakfix.engine.verdict import Finding, as_sentence, findings

_SURE: Final = (1, 2, 4, 5, 6)
"""Exit codes that say more than that nothing is known."""


def pinpoint(record: Record, verdict: Verdict) -> tuple[Problem, ...]:
    """A problem for each reason that weighs, the heaviest first; of a passed run, none.

    What nobody knows (inconclusive, invalid) is a warning. A file that is gone, or is not what was run,
    has everything on its first line; it never raises.
    """
    if verdict.exit_code == 0:
        return ()
    document = _document(record)
    found = findings(record, verdict.rows)
    if document is None:
        return tuple(_of_file(record, finding) for finding in found)
    places = _Places(record, verdict, document.data)
    return tuple(_at(document, places.of(finding), finding) for finding in found)


def of_trials(trials: Sequence[Sequence[Problem]]) -> tuple[Problem, ...]:
    """The problems of all trials of one file: each place once, with what was said there first, and in how
    many of the trials."""
    if len(trials) == 1:
        return tuple(trials[0])
    said: dict[tuple[str, int], list[Problem]] = {}
    for problems in trials:
        first = {(one.path, one.line): one for one in reversed(problems)}
        for place, problem in first.items():
            said.setdefault(place, []).append(problem)
    return tuple(
        structs.replace(of_place[0], message=f"{of_place[0].message} ({_in(of_place, trials)})")
        for of_place in said.values()
    )


def _in(of_place: Sequence[Problem], trials: Sequence[Any]) -> str:
    return f"in {len(of_place)} of {len(trials)} trials"


def _document(record: Record) -> Document | None:
    """The file of the run, where it is still as it was run."""
    try:
        document = read(Path(record.run.file))
    except DocumentError:
        return None
    return document if document.text_sha256 == record.run.file_sha256 else None


def _of_file(record: Record, finding: Finding) -> Problem:
    return Problem(
        file=record.run.file or record.run.scenario or "breakfix",
        line=1,
        column=1,
        message=_message(finding),
        severity=_severity(finding),
    )


def _at(document: Document, place: Place, finding: Finding) -> Problem:
    return document.problem(
        document.positions.key(place),
        _message(finding),
        place=place,
        warning=_severity(finding) == "warning",
    )


def _message(finding: Finding) -> str:
    return f"{finding.verdict}: {as_sentence(finding.reason)}"


def _severity(finding: Finding) -> Literal["error", "warning"]:
    return "error" if finding.exit_code in _SURE else "warning"


class _Places:
    """Where in the file each thing stands that a finding can be about."""

    def __init__(self, record: Record, verdict: Verdict, data: Any) -> None:
        self._rows = verdict.rows
        self._steps, self._guards = _listed(data, "steps"), _listed(data, "guards")
        self._targets = {process.mark: process.target for process in record.processes}
        self._step_of = {unit.unit: unit.step for unit in record.units}
        self._step_of |= {fault.fault: fault.step for fault in record.faults}

    def of(self, finding: Finding) -> Place:
        """The place; of what concerns all of the file, its beginning."""
        about, name = finding.about
        if about == "row":
            item = self._rows[int(name)].item
            return ("expect",) if item is None else ("expect", item)
        if about == "guard":
            return self._guards.get(name, ("guards",))
        if about == "command":
            return ("teardown", int(name))
        if about == "process":
            return ("targets", self._targets.get(name, ""))
        if about in ("step", "unit", "repair", "fault"):
            return self._steps.get(self._step_of.get(name, name), ("steps",))
        return ()


def _listed(data: Any, key: str) -> dict[str, Place]:
    """The places of the items of a list of the file, by their ids."""
    items = data.get(key) if isinstance(data, Mapping) else None
    return {
        str(item["id"]): (key, index)
        for index, item in enumerate(items if isinstance(items, list) else ())
        if isinstance(item, Mapping) and "id" in item
    }
