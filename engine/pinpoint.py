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
    return tuple(
        _problem(record, verdict, document, finding)
        for finding in findings(record, verdict.rows)
    )


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


def _problem(
    record: Record, verdict: Verdict, document: Document | None, finding: Finding
) -> Problem:
    severity: Literal["error", "warning"] = "error" if finding.exit_code in _SURE else "warning"
    message = f"{finding.verdict}: {as_sentence(finding.reason)}"
    if document is None:
        return Problem(
            file=record.run.file or record.run.scenario or "breakfix",
            line=1,
            column=1,
            message=message,
            severity=severity,
        )
    place = _place(record, verdict, document.data, finding)
    return document.problem(
        document.positions.key(place), message, place=place, warning=severity == "warning"
    )


def _place(record: Record, verdict: Verdict, data: Any, finding: Finding) -> Place:
    """Where in the file it stands; what concerns all of it stands at its beginning."""
    about, name = finding.about
    if about == "row":
        item = verdict.rows[int(name)].item
        return ("expect",) if item is None else ("expect", item)
    if about == "guard":
        return _listed(data, "guards", name)
    if about == "command":
        return ("teardown", int(name))
    if about == "process":
        return ("targets", next((p.target for p in record.processes if p.mark == name), ""))
    step = _step(record, about, name)
    return _listed(data, "steps", step) if step else ()


def _step(record: Record, about: str, name: str) -> str:
    """The step that a finding is about; empty where it is about none."""
    if about == "fault":
        return next((fault.step for fault in record.faults if fault.fault == name), "")
    if about in ("unit", "repair", "step"):
        return name.partition("@")[0]
    return ""


def _listed(data: Any, key: str, name: str) -> Place:
    """The place of the item with this id in a list of the file."""
    items = data.get(key) if isinstance(data, Mapping) else None
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, Mapping) and item.get("id") == name:
            return (key, index)
    return (key,)
