"""What the observers of each scenario's last run saw, as metric families."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from breakfix.engine.timeline.facts import OutageFacts
from breakfix.engine.timeline.record import Record

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric


def observer_families(records: Mapping[str, Record]) -> "Iterator[Metric]":
    """Samples, availability and the longest outage of each observer."""
    from prometheus_client.metrics_core import GaugeMetricFamily as Gauge

    samples = Gauge(
        "breakfix_observer_samples", "Samples of an observer in the last run, by what they showed.",
        labels=("scenario", "probe", "state"),
    )  # fmt: skip
    availability = Gauge(
        "breakfix_observer_availability_ratio",
        "Share of the good among the good and bad samples, in each part of the last run.",
        labels=("scenario", "probe", "during"),
        unit="ratio",
    )
    outage = Gauge(
        "breakfix_observer_longest_outage_seconds",
        "The longest outage of the last run, by its lower and its upper bound; without an end, no upper.",
        labels=("scenario", "probe", "bound"),
        unit="seconds",
    )
    for scenario, record in records.items():
        for observer in record.observers:
            for window in observer.windows:
                if window.window == "run":
                    for state in ("good", "bad", "blind"):
                        samples.add_metric(
                            (scenario, observer.probe, state), getattr(window, state)
                        )
                if seen := window.good + window.bad:
                    labels = (scenario, observer.probe, window.window)
                    availability.add_metric(labels, window.good / seen)
            own = [one for one in record.outages if one.observer == observer.probe]
            for bound, value_s in _longest(own):
                outage.add_metric((scenario, observer.probe, bound), value_s)
    yield from (samples, availability, outage)


def _longest(outages: list[OutageFacts]) -> Iterator[tuple[str, float]]:
    """Where there was none, zero; an outage without an end was at least as long as it was seen."""
    lowers_s = [
        one.duration_s[0] if one.duration_s is not None
        else max(0.0, one.last_bad_at_s - one.start_at_s[1])
        for one in outages
    ]  # fmt: skip
    yield "lower", max(lowers_s, default=0.0)
    if all(one.duration_s is not None for one in outages):
        yield "upper", max((one.duration_s[1] for one in outages if one.duration_s), default=0.0)
