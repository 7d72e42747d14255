"""Metrics: read back by the reference parsers, named as Prometheus wants it, and true."""

import math
from collections.abc import Callable
from typing import Any

from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_of
from prometheus_client.parser import text_string_to_metric_families as text_of

from breakfix.engine.timeline.record import Record, Verdict
from breakfix.reports import openmetrics

Told = Callable[[Any], tuple[Record, Verdict]]
Made = Callable[..., Any]
SCENARIO = {"scenario": "cache_outage"}


def read(text: str) -> dict[str, Metric]:
    """The families, as the OpenMetrics parser reads them; the older format must be able to as well."""
    assert text.endswith("# EOF\n")
    assert list(text_of(text))
    return {family.name: family for family in openmetrics_of(text)}  # type: ignore[no-untyped-call]


def value(families: dict[str, Metric], name: str, **labels: str) -> float:
    """The sample of that name whose labels are these (and the scenario)."""
    (found,) = [
        sample.value
        for family in families.values()
        for sample in family.samples
        if sample.name == name and sample.labels == {**SCENARIO, **labels}
    ]
    return float(found)


def test_names_units_and_labels_follow_the_conventions(story: Made, told: Told) -> None:
    """One prefix, base units last, each family with help; no label but the known ones."""
    families = read(openmetrics.render(*told(story())))
    assert len(families) > 12
    labels = set()
    for name, family in families.items():
        assert name.startswith("breakfix_") and family.documentation.endswith(".")
        assert not family.unit or name.endswith(f"_{family.unit}")
        assert not name.endswith(("_ms", "_milliseconds", "_percent", "_total"))
        labels |= {label for sample in family.samples for label in sample.labels}
    assert labels <= {
        "scenario", "version", "env", "verdict", "time", "bound", "state", "healed_by", "le", "item",
        "about", "expects", "wanted", "probe", "during",
    }  # fmt: skip


def test_the_numbers_are_those_of_the_report(story: Made, told: Told) -> None:
    """Verdict, both ends of the time to restore, rows and faults."""
    families = read(openmetrics.render(*told(story())))
    assert value(families, "breakfix_run_verdict", verdict="passed") == 1
    assert value(families, "breakfix_run_verdict", verdict="failed") == 0
    assert value(families, "breakfix_exit_code") == 0
    for bound, expected_s in (("lower", 2.05), ("upper", 2.32)):
        name = "breakfix_last_time_seconds"
        assert math.isclose(value(families, name, time="restore", bound=bound), expected_s)
    row = {"item": "1", "about": "kill_cache", "expects": "healed_by", "wanted": "repair"}
    assert value(families, "breakfix_expectation_met", **row) == 1
    assert value(families, "breakfix_faults", state="ended") == 1


def test_the_buckets_fit_recovery_times() -> None:
    """From a tenth of a second to an hour."""
    bounds = openmetrics.BUCKETS_S
    assert (bounds[0], bounds[-2], bounds[-1]) == (0.1, 3600.0, math.inf)
    assert list(bounds) == sorted(set(bounds))


def test_a_time_without_an_end_is_never_dropped(
    story: Made, never_mended: Made, told: Told
) -> None:
    """It counts in +Inf alone, is counted apart, and has a lower bound, but no upper one."""
    runs = [told(story()), told(never_mended())]
    families = read(openmetrics.text(openmetrics.measured(runs)))
    name = "breakfix_time_to_restore_seconds"
    assert value(families, f"{name}_bucket", le="5.0") == 1
    assert value(families, f"{name}_bucket", le="3600.0") == 1
    assert value(families, f"{name}_bucket", le="+Inf") == value(families, f"{name}_count") == 2
    assert value(families, "breakfix_times_censored", time="restore") == 1
    last = [
        sample.labels["bound"]
        for sample in families["breakfix_last_time_seconds"].samples
        if sample.labels["time"] == "restore"
    ]
    assert last == ["lower"]
    assert value(families, "breakfix_trials", verdict="failed") == 1


def test_of_an_invalid_run_nothing_is_measured(never_steady: Made, told: Told) -> None:
    """No time, and no expectation that would hold or not."""
    families = read(openmetrics.render(*told(never_steady())))
    assert value(families, "breakfix_time_to_restore_seconds_count") == 0
    met = families["breakfix_expectation_met"].samples
    assert met and all(math.isnan(sample.value) for sample in met)


def test_a_series_is_measured_from_its_file_alone(
    series_of: Made, story: Made, never_mended: Made
) -> None:
    """The same histogram as from the records."""
    series = series_of(story(), never_mended())
    families = read(openmetrics.render_series(series))
    assert value(families, "breakfix_time_to_restore_seconds_bucket", le="5.0") == 1
    assert value(families, "breakfix_time_to_restore_seconds_count") == 2
    assert value(families, "breakfix_exit_code") == 1


def test_nasty_names_stay_values(journal: Made, told: Told) -> None:
    """Quotes, backslashes and line ends in a label do not end it."""
    run = journal().begin(env='a"b\\c\nd').plan()
    families = read(openmetrics.render(*told(run)))
    (info,) = families["breakfix_run_info"].samples
    assert info.labels["env"] == 'a"b\\c\nd'
