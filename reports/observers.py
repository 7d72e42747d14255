"""What observers saw, as lines of words: before, during and after the faults."""

import math
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from breakfix.engine.timeline.facts import ObserverFacts, OutageFacts, WindowFacts, WindowName
from breakfix.engine.timeline.record import Record
from breakfix.engine.timeline.words import with_interval
from breakfix.engine.values import format_seconds
from breakfix.reports.bands import outages_of, shown

_WHEN: Final[dict[WindowName, str]] = {
    "run": "whole run",
    "before": "before",
    "faults": "during the faults",
    "repair": "during the repairs",
    "after": "after",
}
_COMPARED: Final[tuple[WindowName, ...]] = ("before", "faults", "after")
_NAMES_MAX: Final = 6


class WindowLine(Struct, frozen=True, kw_only=True):
    """One observer in one part of the run."""

    when: str
    good: str
    bad: str
    blind: str
    availability: str
    p50: str
    p90: str
    p99: str
    longest: str
    """The longest outage that began in it."""


class ObserverTable(Struct, frozen=True, kw_only=True):
    """One observer."""

    name: str
    about: str
    windows: tuple[WindowLine, ...]


def observer_tables(record: Record) -> list[ObserverTable]:
    """The observers that are shown, each with the parts of the run; where nothing was broken, with
    all of it."""
    down = outages_of(record)
    found = []
    for observer in shown(record):
        own = down.get(observer.probe, [])
        parts = [one for one in observer.windows if one.window in _COMPARED] or observer.windows
        found.append(
            ObserverTable(
                name=observer.probe,
                about=_about(observer),
                windows=tuple(
                    _line(
                        one,
                        [outage for outage in own if _began_in(outage, one)],
                    )
                    for one in parts
                ),
            )
        )
    return found


def _began_in(outage: OutageFacts, window: WindowFacts) -> bool:
    seen_s = outage.start_at_s[1]
    return window.from_s <= seen_s and (window.until_s is None or seen_s < window.until_s)


def _about(observer: ObserverFacts) -> str:
    said = f"every {format_seconds(observer.every_s)}"
    if observer.members:
        said = f"{observer.quorum} of {_named(observer.members)}, each {said}"
    if observer.fall > 1:
        said += f", down after {observer.fall} bad in a row"
    if observer.rise > 1:
        said += f", up after {observer.rise} good in a row"
    return said


def _line(window: WindowFacts, outages: Sequence[OutageFacts]) -> WindowLine:
    return WindowLine(
        when=_WHEN[window.window],
        good=str(window.good),
        bad=str(window.bad),
        blind=str(window.blind),
        availability=share(window),
        p50=_time(window.p50_s),
        p90=_time(window.p90_s),
        p99=_time(window.p99_s),
        longest=_longest(outages),
    )


def _time(value_s: float | None) -> str:
    return "" if value_s is None else with_interval((value_s, value_s))


def _longest(outages: Sequence[OutageFacts]) -> str:
    """The longest outage with its interval; one that did not end is longer than any."""
    if not outages:
        return ""
    unended = next((outage for outage in outages if outage.end_at_s is None), None)
    if unended is not None:
        return f"over {format_seconds(_at_least_s(unended))}"
    return with_interval(max(outage.duration_s for outage in outages if outage.duration_s))


def _at_least_s(outage: OutageFacts) -> float:
    return max(0.0, outage.last_bad_at_s - outage.start_at_s[1])


def share(window: WindowFacts) -> str:
    """The share of good samples in percent with its interval: ``68.8 % [54.6, 80.1]``. What is not all
    is never rounded to 100, nor what is not nothing to 0."""
    if window.availability is None:
        return ""
    low, high = window.availability
    digits = 1 if high - low >= 0.01 else 2 if high - low >= 0.001 else 3
    step = 10**digits
    point = window.good / (window.good + window.bad)
    shown_at = round(point * 100 * step)
    if point < 1:
        shown_at = min(shown_at, 100 * step - 1)
    if point > 0:
        shown_at = max(shown_at, 1)
    ends = (math.floor(low * 100 * step + 1e-9), math.ceil(high * 100 * step - 1e-9))
    value, lower, upper = (f"{one / step:.{digits}f}" for one in (shown_at, *ends))
    return f"{_whole(value)} % [{_whole(lower)}, {_whole(upper)}]"


def _whole(text: str) -> str:
    return {"100": "100", "0": "0"}.get(text.rstrip("0").rstrip("."), text)


# --- sentences ---


def notes(record: Record) -> Iterator[str]:
    """What a reader of the numbers must know."""
    looked = [observer for observer in record.observers if observer.spans]
    if single := [observer for observer in looked if not observer.members]:
        yield hidden(single)
    for observer in looked:
        if observer.members:
            yield (
                f"{observer.probe} is down while {observer.quorum} of {_named(observer.members)} are; its "
                "samples, shares and times are those of all of them together."
            )
    if looked:
        yield (
            "Availability is the share of good among good and bad samples, with its 95 % interval "
            "(Wilson), which takes the samples as independent; times are those of good samples, and of "
            "fewer than 100 of them p99 is the slowest."
        )
    if silent := [observer.probe for observer in record.observers if not observer.spans]:
        yield f"No sample was taken by {_named(silent)}."
    if record.observers_lost:
        yield f"The observers did not look to the end: {record.observers_lost}."


def hidden(observers: Sequence[ObserverFacts]) -> str:
    """What falls between two samples. An outage that begins at any instant with the same chance is met
    by the next sample where that comes before its end."""
    by_interval: dict[float, list[str]] = {}
    for observer in observers:
        by_interval.setdefault(observer.every_s, []).append(observer.probe)
    intervals = "; ".join(
        format_seconds(every_s) + _for_some(names, observers)
        for every_s, names in by_interval.items()
    )
    said = (
        "What lies between two samples is hidden: an outage of length D, shorter than the interval d, "
        f"is missed with probability 1 \u2212 D/d. Here d is {intervals}."
    )
    streaks: dict[tuple[int, float], list[str]] = {}
    for observer in observers:
        if observer.fall > 1:
            streaks.setdefault((observer.fall, observer.every_s), []).append(observer.probe)
    for (fall, every_s), names in streaks.items():
        said += (
            f" An outage is {fall} bad samples in a row{_for_some(names, observers)}: one below "
            f"{format_seconds((fall - 1) * every_s)} is always missed, one below "
            f"{format_seconds(fall * every_s)} perhaps."
        )
    return said


def _for_some(names: Sequence[str], observers: Sequence[ObserverFacts]) -> str:
    """Of whom it holds; nothing where that is everybody, and there are several."""
    return "" if len(names) == len(observers) > 1 else f" for {_named(names)}"


def people_saw(record: Record) -> str:
    """The outage that was seen from outside, to follow the verdict; empty where nobody looked, or
    nothing was broken."""
    looked = [observer for observer in record.observers if observer.spans]
    first_s = min((f.applied_at_s[0] for f in record.faults if f.applied_at_s), default=None)
    if not looked or first_s is None:
        return ""
    own = [o for o in record.outages if o.observer and o.start_at_s[1] >= first_s]
    if not own:
        who = (
            f"Observer {looked[0].probe}"
            if len(looked) == 1
            else f"Of {len(looked)} observers none"
        )
        no = "no" if len(looked) == 1 else "an"
        return f"{who} saw {no} outage once the faults had begun."
    worst = max(own, key=lambda o: (o.end_at_s is None, o.duration_s or (_at_least_s(o),) * 2))
    if worst.end_at_s is None or worst.duration_s is None:
        lasted = f"at least {format_seconds(_at_least_s(worst))}, not seen to end"
    else:
        lasted = with_interval(worst.duration_s)
    count = sum(outage.observer == worst.observer for outage in own)
    tail = f", the longest of the {count} outages that it saw" if count > 1 else ""
    if none := len({one.probe for one in looked} - {outage.observer for outage in own}):
        tail += f"; {none} of {len(looked)} observers saw no outage"
    if worst.target:
        return f"{worst.target} was down for {lasted}, as observer {worst.observer} saw it{tail}."
    return f"Observer {worst.observer} saw an outage of {lasted}{tail}."


def _named(names: Sequence[str]) -> str:
    left = len(names) - _NAMES_MAX
    return ", ".join(names[:_NAMES_MAX]) + (f" and {left} more" if left > 0 else "")
