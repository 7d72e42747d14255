"""The reports of a gate over several files: summary, test cases, and the schema of its record."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import jsonschema
import junitparser
import pytest
import xmlschema

from breakfix.engine.gate import GateFile, GateRecord, gate_schema, summed, troubled
from breakfix.engine.model import Problem
from breakfix.engine.timeline.record import Record, Verdict, VerdictWord
from breakfix.engine.trials import SeriesRecord, trial_of
from breakfix.reports import gate
from breakfix.reports import json as json_report
from breakfix.reports.junit import suite_of
from breakfix.reports.markdown_text import BYTES_MAX, SYMBOLS

Told = Callable[[Any], tuple[Record, Verdict]]
Made = Callable[..., Any]
COMMITTED = Path(__file__).parents[3] / "schemas" / "gate.v1.json"
XSD = xmlschema.XMLSchema(str(Path(__file__).with_name("junit.xsd")))


def single(run: tuple[Record, Verdict], folder: str) -> gate.Shown:
    """A file that was run once."""
    record, verdict = run
    file = GateFile(
        file=f"{folder}.yaml", scenario=record.run.scenario, verdict=verdict.verdict,
        reason=verdict.reason, exit_code=verdict.exit_code, folder=folder,
        trials=(trial_of(record, verdict),),
    )  # fmt: skip
    return gate.Shown(file=file, runs=(run,), suites=(suite_of(*run),))


def repeated(series: SeriesRecord, *runs: tuple[Record, Verdict]) -> gate.Shown:
    """A file that was run in trials."""
    file = GateFile(
        file="trials.yaml", scenario=series.scenario, verdict=series.verdict, reason=series.reason,
        exit_code=series.exit_code, folder="trials", series_id=series.series_id,
        trials=series.trials, summaries=series.summaries,
    )  # fmt: skip
    suites = tuple(suite_of(*run, trial=number) for number, run in enumerate(runs, 1))
    return gate.Shown(file=file, runs=runs, suites=suites, series=series)


def refused() -> gate.Shown:
    """A file with a problem."""
    problem = Problem(file="bad.yaml", line=3, column=2, message="unknown key 'tiemout'")
    file = GateFile(
        file="bad.yaml", verdict="refused", reason="unknown key.", exit_code=2, problems=(problem,)
    )
    return gate.Shown(file=file)


def record_of(*shown: gate.Shown) -> GateRecord:
    """The record of these files."""
    files = [one.file for one in shown]
    return summed(files, version="0.1.0", began_wall_s=1_795_680_902.0, ended_wall_s=1_795_680_950.0)


@pytest.fixture
def shown(
    story: Made, never_mended: Made, series_of: Made, told: Told
) -> tuple[gate.Shown, ...]:
    """A file that passed, one with trials of which one failed, and one that is refused."""
    runs = (story(), never_mended(), story())
    trials = repeated(series_of(*runs), *map(told, runs))
    return single(told(story()), "good"), trials, refused()


def test_the_record_has_the_heaviest_exit_code(shown: tuple[gate.Shown, ...]) -> None:
    """Bad input weighs more than a failure; what is said names the file."""
    made = record_of(*shown)
    assert (made.verdict, made.exit_code) == ("refused", 2)
    assert made.reason.startswith("3 files: 1 passed, 1 failed, 1 refused. bad.yaml:")
    assert record_of(*shown[:1]).exit_code == 0
    assert record_of(*shown[:2]).exit_code == 1


def test_what_goes_wrong_beside_the_runs_leaves_the_verdict(shown: tuple[gate.Shown, ...]) -> None:
    """The exit code is 5 then, unless something heavier was there."""
    made = troubled(record_of(*shown[:2]), ["nothing answers"])
    assert (made.verdict, made.exit_code) == ("failed", 5)
    assert "nothing answers" in gate.summary(made, shown[:2])


def test_the_record_follows_its_schema(shown: tuple[gate.Shown, ...]) -> None:
    """summary.json is what schemas/gate.v1.json says."""
    document = json.loads(json_report.document(record_of(*shown)))
    jsonschema.validate(document, json.loads(COMMITTED.read_text()))
    assert json.loads(COMMITTED.read_text()) == json.loads(json.dumps(gate_schema()))


def test_the_summary_has_what_did_not_pass_first(shown: tuple[gate.Shown, ...]) -> None:
    """A table of all files, then each; the passed ones folded."""
    text = gate.summary(record_of(*shown), shown)
    rows = [line for line in text.splitlines() if line.startswith(("| ✅", "| ❌"))][:3]
    assert [row.split(" | ")[0] for row in rows] == ["| ❌ failed", "| ❌ refused", "| ✅ passed"]
    assert "<details><summary>cache_outage: ✅ passed</summary>" in text
    assert "### cache_outage: ❌ failed" in text
    assert "bad.yaml:3:2: unknown key 'tiemout'" in text
    assert "<summary>Trial 2: ❌ failed</summary>" in text


def test_a_gate_over_very_many_files_fits_into_a_comment(never_mended: Made, told: Told) -> None:
    """Three hundred that failed: under the bound, and it says how many are left out."""
    run = told(never_mended())
    many = [single(run, f"file{index}") for index in range(300)]
    text = gate.summary(record_of(*many), many)
    assert len(text.encode()) <= BYTES_MAX
    assert "more files in the JSON record" in text


def test_every_word_has_a_symbol() -> None:
    """Beside it, in summaries."""
    assert set(get_args(VerdictWord)) | {"refused", "not run"} == set(SYMBOLS)


def test_every_run_is_a_suite(shown: tuple[gate.Shown, ...]) -> None:
    """Trials have names of their own, and a refused file is an error with its problems."""
    xml = gate.junit_xml(record_of(*shown), shown)
    XSD.validate(xml)
    suites = {suite.name: suite for suite in junitparser.JUnitXml.fromstring(xml.encode())}
    assert list(suites) == [
        "cache_outage", "cache_outage.trial-1", "cache_outage.trial-2", "cache_outage.trial-3",
        "cache_outage.trials", "bad.yaml",
    ]  # fmt: skip
    assert suites["bad.yaml"].errors == 1
    names = [(case.classname, case.name) for suite in suites.values() for case in suite]
    assert len(names) == len(set(names))
