"""JUnit XML: valid by the common schema, read back by a parser that is not ours, and never green by accident."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import junitparser
import pytest
import xmlschema

from breakfix.engine.timeline.record import Record, Verdict
from breakfix.reports import junit

SCHEMA = xmlschema.XMLSchema(str(Path(__file__).with_name("junit.xsd")))
Told = Callable[[Any], tuple[Record, Verdict]]
Made = Callable[..., Any]


def cases(xml: str) -> dict[tuple[str, str], tuple[str, str]]:
    """Of each case, by class and name: what it came to and the message, as junitparser reads it."""
    SCHEMA.validate(xml)
    found = {}
    for suite in junitparser.JUnitXml.fromstring(xml.encode()):
        for case in suite:
            result = case.result[0] if case.result else None
            outcome = type(result).__name__.lower() if result is not None else "passed"
            found[case.classname, case.name] = (outcome, (result.message or "") if result else "")
    return found


def test_a_passed_run_has_a_case_for_its_verdict_each_row_and_each_step(
    story: Made, told: Told
) -> None:
    """All of them passed; nothing else is in it."""
    found = cases(junit.render(*told(story())))
    assert {outcome for outcome, _ in found.values()} == {"passed"}
    assert set(found) == {
        ("cache_outage.run", "verdict"),
        ("cache_outage.expect", "kill_cache detected within 5s"),
        ("cache_outage.expect", "kill_cache restored within 15s"),
        ("cache_outage.expect", "kill_cache healed by repair"),
        *(("cache_outage.steps", step) for step in ("kill_cache", "noticed", "start_cache", "whole")),
    }


def test_a_failed_run_fails_where_it_failed(never_mended: Made, told: Told) -> None:
    """The step and the row are failures; what was never reached is skipped; our own words are in it."""
    found = cases(junit.render(*told(never_mended())))
    assert found["cache_outage.run", "verdict"][0] == "failure"
    assert found["cache_outage.expect", "kill_cache restored within 5s"][0] == "failure"
    outcome, message = found["cache_outage.steps", "start_cache"]
    assert outcome == "failure" and "no <room> & �" in message
    assert found["cache_outage.steps", "kill_cache"][0] == "passed"


def test_a_run_that_proves_nothing_is_an_error_and_has_no_failure(
    never_steady: Made, told: Told
) -> None:
    """It must not look green, and it says nothing against the system."""
    found = cases(junit.render(*told(never_steady())))
    outcomes = [outcome for outcome, _ in found.values()]
    assert found["cache_outage.run", "verdict"] == ("error", "The steady state was not met.")
    assert "failure" not in outcomes and "passed" not in outcomes
    outcome, message = found["cache_outage.expect", "kill_cache restored within 5s"]
    assert outcome == "skipped" and "invalid" in message


def test_an_inconclusive_row_is_an_error_of_its_own_type(story: Made, told: Told) -> None:
    """The bound lies within the interval: neither passed nor failed."""
    expect = ({"fault": "kill_cache", "restored_within": "2.2s"},)
    xml = junit.render(*told(story(expect=expect)))
    assert cases(xml)["cache_outage.expect", "kill_cache restored within 2.2s"][0] == "error"
    errors = {error.get("type") for error in ElementTree.fromstring(xml).iter("error")}
    assert errors == {"inconclusive"}


def test_a_failure_that_is_left_to_expect_does_not_turn_a_passed_run_red(
    journal: Made, told: Told
) -> None:
    """`on_failure: continue`: the step is skipped with its reason."""
    steps = [
        {"id": "look", "verify": "healthy", "within": "1s"},
        {"id": "tidy", "remediate": "process.start", "target": "cache", "on_failure": "continue"},
    ]
    run = journal().begin().plan(steps)
    run.unit(0.2, "look", "running").sample(0.3, 0.4, "good", "look").unit(0.5, "look", "succeeded")
    run.unit(0.5, "tidy@cache", "running").unit(0.6, "tidy@cache", "failed", "it was there already")
    record, verdict = told(run.end(0.7))
    assert verdict.exit_code == 0
    outcome, message = cases(junit.render(record, verdict))["cache_outage.steps", "tidy"]
    assert outcome == "skipped" and "it was there already" in message


def test_the_properties_say_how_to_run_it_again(story: Made, told: Told) -> None:
    """Seed, hash of the plan, versions, run."""
    suite = next(iter(junitparser.JUnitXml.fromstring(junit.render(*told(story())).encode())))
    found = {one.name: one.value for one in suite.properties()}  # type: ignore[no-untyped-call]
    assert found["breakfix.seed"] == "7"
    assert found["breakfix.plan_hash"] == "cd" * 32
    assert found["breakfix.run"] == "20261126-081502-cache_outage-3f2a"
    assert found["version.breakfix"] == "0.1.0"


def test_a_measured_time_is_the_time_of_its_case(story: Made, told: Told) -> None:
    """So that a CI system draws the time to restore over its builds."""
    (suite,) = junitparser.JUnitXml.fromstring(junit.render(*told(story())).encode())
    (case,) = [one for one in suite if one.name == "kill_cache restored within 15s"]
    assert case.time == pytest.approx(2.185)
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (8, 0, 0, 0)


def test_names_are_the_same_whatever_was_measured(story: Made, never_mended: Made, told: Told) -> None:
    """A CI system follows a case from build to build by its names."""
    again = story(expect=({"fault": "kill_cache", "restored_within": "5s"},))
    assert set(cases(junit.render(*told(again)))) == set(cases(junit.render(*told(never_mended()))))


def test_equal_rows_have_names_of_their_own(story: Made, told: Told) -> None:
    """Some readers take the first of equal names only."""
    row = {"fault": "kill_cache", "restored_within": "15s"}
    found = cases(junit.render(*told(story(expect=(row, row)))))
    assert ("cache_outage.expect", "kill_cache restored within 15s (2)") in found


def test_a_run_that_never_began_is_an_error(journal: Made, told: Told) -> None:
    """An empty journal is valid XML, too."""
    found = cases(junit.render(*told(journal())))
    assert [outcome for outcome, _ in found.values()] == ["error"]


def test_a_series_has_a_case_for_each_trial(
    series_of: Made, story: Made, never_mended: Made
) -> None:
    """From its file alone; and one for all of them together."""
    found = cases(junit.render_series(series_of(story(), never_mended(), story())))
    outcomes = [found["cache_outage.trials", f"trial {n}"][0] for n in (1, 2, 3)]
    assert outcomes == ["passed", "failure", "passed"]
    assert found["cache_outage.trials", "verdict"][0] == "failure"
