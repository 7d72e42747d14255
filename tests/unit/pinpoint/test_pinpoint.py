"""Which line of a scenario a verdict is about, and how each CI system is told."""

import json
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from breakfix.engine.document import read
from breakfix.engine.events import RunInvalid
from breakfix.engine.model import Problem
from breakfix.engine.pinpoint import of_trials, pinpoint
from breakfix.engine.timeline import fold
from breakfix.engine.verdict import judge
from breakfix.reports import annotations

Made = Callable[..., Any]
FILE = """
    version: 1
    name: cache_outage
    probes:
      healthy: {http.get: {url: "http://127.0.0.1:1/health"}}
    steps:
      - {id: kill_cache, inject: process.kill, target: cache}
      - id: noticed
        detect: healthy
        depends_on: [kill_cache]
      - id: start_cache
        remediate: process.start
        target: cache
    expect:
      - {fault: kill_cache, detected_within: 5s}
      - fault: kill_cache
        restored_within: 1s
"""
EXPECT = (
    {"fault": "kill_cache", "detected_within": "5s"},
    {"fault": "kill_cache", "restored_within": "1s"},
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The scenario's file."""
    path = tmp_path / "cache.yaml"
    path.write_text(textwrap.dedent(FILE).lstrip())
    return path


def problems(run: Any, file: Path, sha256: str | None = None) -> tuple[Problem, ...]:
    """What is said of a journal whose run was of this file."""
    lines = list(run.lines)
    begun = structs.replace(
        lines[1].event, file=str(file), file_sha256=sha256 or read(file).text_sha256
    )
    lines[1] = structs.replace(lines[1], event=begun)
    record = fold(lines)
    return pinpoint(record, judge(record))


def places(found: Sequence[Problem]) -> list[tuple[int, str]]:
    """Line and severity of each."""
    return [(problem.line, problem.severity) for problem in found]


def test_a_row_that_does_not_hold_stands_on_its_line(story: Made, file: Path) -> None:
    """Where the item of `expect` begins, as an error."""
    (found,) = problems(story(expect=EXPECT), file)
    assert (found.line, found.column, found.severity) == (15, 5, "error")
    assert found.message.startswith("failed: kill_cache was expected to be restored within 1s")


def test_a_step_that_failed_stands_on_its_line(journal: Made, file: Path) -> None:
    """By its id, wherever it stands in the file."""
    run = journal().begin().plan().inject(1.0)
    run.unit(1.1, "noticed", "running").sample(1.2, 1.3, "good", "noticed")
    run.unit(9.0, "noticed", "failed", "it was good all along").fault_ended(9.0, 9.1, "engine").end(9.2)
    assert (7, "error") in places(problems(run, file))


def test_what_nobody_knows_is_a_warning(journal: Made, file: Path) -> None:
    """A run without evidence stands at the beginning of its file, and not as an error."""
    run = journal().begin().plan()
    run.add(1.0, RunInvalid(reason="The steady state was not met")).end(1.1)
    assert places(problems(run, file))[0] == (1, "warning")
    assert {severity for _, severity in places(problems(run, file))} == {"warning"}


def test_a_passed_run_has_none(story: Made, file: Path) -> None:
    """Nothing is to be said."""
    assert problems(story(), file) == ()


@pytest.mark.parametrize("why", ["changed", "gone"])
def test_of_a_file_that_is_not_what_was_run_no_line_is_claimed(
    story: Made, file: Path, why: str
) -> None:
    """Changed since, or gone: the first line."""
    sha256 = read(file).text_sha256
    if why == "gone":
        file.unlink()
    else:
        file.write_text("\n\n" + file.read_text())
    assert places(problems(story(expect=EXPECT), file, sha256)) == [(1, "error")]


def test_trials_are_told_once_a_place(story: Made, file: Path) -> None:
    """With how many of them it was so."""
    one = problems(story(expect=EXPECT), file)
    (found,) = of_trials([one, (), one])
    assert found.message.endswith("(in 2 of 3 trials)")
    assert of_trials([one]) == one


NASTY = Problem(
    file="a,b:c%.yaml", line=3, column=5, message="failed: 100%\n::error::x", path="/expect/0"
)


def test_github_takes_a_message_for_a_message() -> None:
    """Nothing in a text ends the command, begins another, or sets a property."""
    text = annotations.github([NASTY])
    assert text == (
        "::error file=a%2Cb%3Ac%25.yaml,line=3,col=5,title=breakfix::failed: 100%25%0A::error::x\n"
    )


def test_gitlab_knows_a_problem_again(story: Made, file: Path) -> None:
    """Its fingerprint is of the place, not of what was measured; two at one place have two."""
    (one,) = problems(story(expect=EXPECT), file)
    other = structs.replace(one, message="failed: took 99 s", line=40)
    first, second, third = json.loads(
        annotations.gitlab([one, one, structs.replace(one, severity="warning")], file.parent)
    )
    (again,) = json.loads(annotations.gitlab([other], file.parent))
    assert first["fingerprint"] == again["fingerprint"]
    assert len({item["fingerprint"] for item in (first, second, third)}) == 3
    assert first["location"] == {"path": "cache.yaml", "lines": {"begin": 15}}
    assert (first["severity"], third["severity"]) == ("major", "minor")


def test_lines_are_as_compilers_write_them(story: Made, file: Path) -> None:
    """`file:line:column: text`, the file from the root of the repository."""
    text = annotations.lines(problems(story(expect=EXPECT), file), file.parent)
    assert text.startswith("cache.yaml:15:5: failed: kill_cache")
    assert text.count("\n") == 1
