"""The record of a gate: several files, each run once or in trials, and one exit code for all of them.

The JSON Schema of these types is schemas/gate.v1.json. `SCHEMA` changes with any change of meaning.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from breakfix.engine.model import Problem
from breakfix.engine.statistics import Summary
from breakfix.engine.timeline.record import VerdictWord
from breakfix.engine.trials import MetricName, Trial
from breakfix.engine.verdict import heaviest

SCHEMA: Final = "breakfix/gate/v1"
SUMMARY: Final = "summary.json"
"""The file of the record in the folder of a gate."""

GateWord = VerdictWord | Literal["refused", "not_run"]
"""`refused`: nothing was touched, since something is wrong with the file or its targets. `not_run`: what
came before it, or another file, kept it from being run."""


class _Part(Struct, frozen=True, kw_only=True):
    """A part of the record."""


class GateFile(_Part, frozen=True, kw_only=True):
    """One file. `folder` has its reports, under that of the gate; `summaries` are there where there were
    several trials. A file that was not run adds nothing to the exit code."""

    file: str
    scenario: str = ""
    verdict: GateWord
    reason: str
    exit_code: int
    folder: str = ""
    series_id: str = ""
    trials: tuple[Trial, ...] = ()
    summaries: dict[MetricName, Summary] = {}
    problems: tuple[Problem, ...] = ()


class GateRecord(_Part, frozen=True, kw_only=True):
    """All that a gate did. `trouble` is what went wrong beside the runs, such as a push of metrics."""

    schema: Literal["breakfix/gate/v1"] = "breakfix/gate/v1"
    version: str
    began_wall_s: float
    """Seconds since the epoch."""
    ended_wall_s: float
    files: tuple[GateFile, ...]
    trouble: tuple[str, ...] = ()
    verdict: GateWord
    reason: str
    exit_code: int


def summed(
    files: Sequence[GateFile], *, version: str, began_wall_s: float, ended_wall_s: float
) -> GateRecord:
    """The record of these files: the heaviest of their exit codes, in a sentence that counts them."""
    code = heaviest(one.exit_code for one in files)
    words = [one.verdict for one in files]
    counted = ", ".join(
        f"{words.count(word)} {word.replace('_', ' ')}" for word in dict.fromkeys(words)
    )
    said = f"{len(files)} file{'' if len(files) == 1 else 's'}: {counted}."
    worst = next((one for one in files if code and one.exit_code == code), None)
    return GateRecord(
        version=version,
        began_wall_s=began_wall_s,
        ended_wall_s=ended_wall_s,
        files=tuple(files),
        verdict="passed" if worst is None else worst.verdict,
        reason=said if worst is None else f"{said} {worst.scenario or worst.file}: {worst.reason}",
        exit_code=code,
    )


def troubled(record: GateRecord, trouble: Sequence[str]) -> GateRecord:
    """The record with what went wrong beside the runs: the verdict stays, the exit code is 5 at least."""
    if not trouble:
        return record
    return msgspec.structs.replace(
        record, trouble=tuple(trouble), exit_code=heaviest([record.exit_code, 5])
    )


def gate_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) that is published as schemas/gate.v1.json."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "gate.v1.json",
        "title": "The record of a breakfix gate",
        **msgspec.json.schema(GateRecord),
    }
