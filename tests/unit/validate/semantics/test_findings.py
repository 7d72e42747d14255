"""What the semantic checks find: one case a rule, as data."""

import copy
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breakfix.engine import catalogue
from breakfix.engine.action import Action
from breakfix.engine.errors import UsageError
from breakfix.engine.model import Scenario
from breakfix.engine.plan.resolve import used_targets
from breakfix.engine.validate.semantics import Finding, findings

Data = dict[str, Any]

BASE: Data = {
    "version": 1,
    "name": "x",
    "targets": {
        "app": {"docker": {"name": "app"}},
        "web": {"docker": {"labels": {"a": "b"}}, "pick": "50%"},
        "shop": {"process": {"command": ["sleep", "1"]}},
    },
    "probes": {
        "up": {"uses": "docker.state", "target": "app"},
        "died": {"uses": "docker.event", "with": {"event": "die"}, "target": "app"},
        "page": {"uses": "http.get", "with": {"url": "http://127.0.0.1/"}},
    },
    "steps": [
        {"id": "pause", "inject": "docker.pause", "target": "app"},
        {"id": "noticed", "detect": "up", "depends_on": ["pause"], "within": "10s"},
        {"id": "thaw", "remediate": "docker.unpause", "target": "app", "depends_on": ["noticed"]},
        {"id": "whole", "verify": "up", "depends_on": ["thaw"], "within": "10s"},
    ],
    "expect": [{"fault": "pause", "restored_within": "30s"}],
}


def found(data: Data) -> list[Finding]:
    """The findings of a document."""
    scenario = msgspec.convert(data, Scenario)
    actions: dict[str, type[Action]] = {}
    names = [step.uses for step in scenario.steps if "." in step.uses]
    for name in [*names, *(probe.uses for probe in scenario.probes.values())]:
        try:
            actions |= catalogue.load([name])
        except UsageError:
            continue
    return list(findings(scenario, actions))


def changed(place: tuple[str | int, ...], value: Any) -> Data:
    """The base with one value put in (None: taken out)."""
    data = copy.deepcopy(BASE)
    inside: Any = data
    for part in place[:-1]:
        inside = inside[part]
    if value is None:
        del inside[place[-1]]
    elif isinstance(inside, list) and place[-1] == len(inside):
        inside.append(value)
    else:
        inside[place[-1]] = value
    return data


def test_the_base_has_only_what_is_not_used() -> None:
    """Warnings for what is declared and not used, and nothing else."""
    assert {(f.place, f.warning) for f in found(BASE)} == {
        (("targets", "web"), True),
        (("targets", "shop"), True),
        (("probes", "died"), True),
        (("probes", "page"), True),
    }


NEW = ("steps", 4)
CASES: list[tuple[tuple[str | int, ...], Any, str]] = [
    (("steps", 1, "id"), "pause", "the id 'pause' stands twice"),
    (("steps", 0, "target"), "ap", "there is no target 'ap'"),
    (("steps", 1, "detect"), "upp", "there is no probe 'upp'"),
    (("steps", 1, "depends_on"), ["paus"], "there is no step 'paus'"),
    (("steps", 1, "depends_on"), [{"any": ["nope", "pause"]}], "there is no step 'nope'"),
    (("steps", 1, "depends_on"), [{"after": "1s"}], "an edge has one of step and any"),
    (("steps", 0, "depends_on"), ["whole"], "steps wait for each other: "),
    (("steps", 0, "hold"), {"until": "nope", "at_most": "5s"}, "there is no step 'nope'"),
    (("steps", 3, "depends_on"), [{"step": "noticed", "is": "active"}], "noticed is no fault: it is never active"),
    (("steps", 3, "depends_on"), [{"step": "thaw", "is": "failed"}, "thaw"], "whole can never run"),
    (("steps", 1, "within"), None, "noticed would poll for ever"),
    (("steps", 1, "within"), "11m", "11m is beyond the deadline of 10m"),
    (("steps", 0, "within"), "5s", "`within` means nothing in a inject step"),
    (("steps", 2, "hold"), "5s", "`hold` means nothing in a remediate step"),
    (("steps", 1, "is"), "seen", "up is a state: it is never seen"),
    (("steps", 1, "with"), {"a": 1}, "up has its parameters where it is declared"),
    (("steps", 2, "remediate"), "docker.pause", "docker.pause cannot remediate"),
    (("steps", 0, "target"), "shop", "docker.pause does not work on shop, which is a process target"),
    (("steps", 0, "target"), None, "docker.pause needs a target"),
    (("targets", "app", "docker"), {"labels": {"a": "b"}}, "how many of app are meant is not said"),
    (("targets", "app", "docker"), {"name": "a", "labels": {}}, "chosen by one of name, labels and compose"),
    (("targets", "app", "process"), {"command": ["x"]}, "a target is one of docker, ssh, process and of"),
    (("targets", "shop", "pick"), 2, "nothing to pick"),
    (("targets", "rest"), {"of": "web"}, "`of` and `except` go together"),
    (("targets", "rest"), {"of": "rest", "except": "picked"}, "sets are the rest of each other"),
    (("targets", "shop", "process", "ready"), "died", "died is an event: it is never good"),
    (("secrets",), {"t": {}}, "a secret has one of env and file"),
    (NEW, {"id": "n"}, "a step has one of"),
    (NEW, {"id": "n", "wait": "1s", "verify": "up", "within": "1s"}, "this has verify and wait"),
    (NEW, {"id": "n", "inject": "docker.stop", "target": "app"}, "pause and n both take state of app, unordered"),
    (NEW, {"id": "n", "verify": "died", "within": "5s"}, "how long died must not be seen is not said"),
    (NEW, {"id": "n", "wait": "1s", "fan_out": {"wave": 1}}, "`fan_out` needs a target"),
    (NEW, {"id": "n", "wait": "1s", "when": "steps.nope.state == 'x'"}, "there is no step 'nope'"),
    (NEW, {"id": "n", "wait": "1s", "when": "{{ inputs.x }}"}, "`when` is an expression as it is"),
    (NEW, {"id": "n", "wait": "1s", "when": "foo.bar"}, "there is no name 'foo'"),
    (NEW, {"id": "n", "wait": "1s", "when": "inputs.nope"}, "there is no input 'nope'"),
    (NEW, {"id": "n", "wait": "1s", "when": "secrets.t"}, "a secret can stand only in `with`"),
    (NEW, {"id": "n", "wait": "1s", "when": "steps.whole.state == 'x'"}, "whole is not upstream of n"),
    (NEW, {"id": "n", "remediate": "command.run", "with": {"argv": ["{{ steps.whole.result.nope }}"]}, "depends_on": ["whole"]}, "there is no result of whole 'nope'"),
    (NEW, {"id": "n", "remediate": "command.run", "with": {"argv": ["{{ secrets.t }}"]}}, "there is no secret 't'"),
    (NEW, {"id": "n", "remediate": "command.run", "target": "app", "with": {"argv": ["x"]}}, "command.run has no target"),
    (NEW, {"id": "n", "verify": "up", "within": "1s", "every": "1s", "consecutive": 9}, "do not fit into 1s"),
    (("expect", 0), {"fault": "pause"}, "a row expects one of"),
    (("expect", 0, "max_outage"), "5s", "max_outage is about a probe, and restored_within about an episode"),
    (("expect", 0, "probe"), "up", "this row is about an episode, not about a probe"),
    (("expect", 0, "during"), "faults", "the times of an episode have no `during`"),
    (("expect", 0), {"probe": "up", "max_outage": "30s"}, "nothing measures max_outage: up is not observed"),
    (("expect", 0), {"probe": "upp", "availability": "9%"}, "there is no probe 'upp'"),
    (("expect", 0), {"max_outage": "30s"}, "nothing measures max_outage"),
    (("expect", 0), {"probe": "up"}, "a row expects one of"),
    (("expect", 0), {"error_share": "5%"}, "of which probe error_share is not said"),
    (("expect", 0), {"latency": {"p50": "5s"}}, "of which probe latency is not said"),
    (("expect", 0), {"probe": "up", "latency": {}}, "a latency expects one of p50, p90, p99"),
    (("expect", 0), {"fault": "pause", "probe": "up", "max_outage": "30s"}, "max_outage is about a probe, not about a fault"),
    (("expect", 0), {"metric": "time_to_restore", "not_worse_than": {}}, ""),
    (("expect", 0), {"metric": "time_to_restore"}, "a row about earlier runs needs `not_worse_than`"),
    (("expect", 0), {"not_worse_than": {"runs": 5}}, "a row about earlier runs needs `metric`"),
    (("expect", 0, "inconclusive"), "pass", "a row about earlier runs needs `metric`"),
    (("expect", 0, "not_worse_than"), {"runs": 5}, "restored_within is about this run alone"),
    (("expect", 0), {"metric": "time_to_restore", "not_worse_than": {}, "fault": "pause"}, "has no `fault`"),
    (("expect", 0), {"metric": "time_to_restore", "not_worse_than": {}, "during": "faults"}, "has no `during`"),
    (("expect", 0, "fault"), "thaw", "'thaw' is no inject step"),
    (("expect", 0, "fault"), "paus", "there is no step 'paus'"),
    (("guards",), [{"id": "g", "probe": "up", "consecutive": 3}], ""),
    (("guards",), [{"id": "g", "probe": "up", "min_good": "98%", "over": "30s"}], ""),
    (("guards",), [{"id": "g", "probe": "up"}], "a guard has one of max_outage, consecutive, min_good"),
    (("guards",), [{"id": "g", "probe": "up", "consecutive": 3, "max_outage": "1s"}], "this has max_outage and consecutive"),
    (("guards",), [{"id": "g", "probe": "up", "min_good": "98%"}], "`min_good` and `over` go together"),
    (("guards",), [{"id": "g", "probe": "up", "consecutive": 3, "over": "30s"}], "`min_good` and `over` go together"),
    (("guards",), [{"id": "g", "probe": "up", "consecutive": 3}] * 2, "the id 'g' stands twice"),
    (("guards",), [{"id": "g", "probe": "upp", "consecutive": 3}], "there is no probe 'upp'"),
    (("guards",), [{"id": "g", "probe": "died", "consecutive": 3}], "died is an event: it is never good"),
    (("guards",), [{"id": "g", "probe": "up", "max_outage": "11m"}], "g can never trip"),
    (("guards",), [{"id": "g", "probe": "up", "min_good": "20%", "over": "3s"}], "3s has 4 samples of up, too few"),
    (("guards",), [{"id": "g", "probe": "up", "consecutive": 3, "blind": {"after": "1s"}}], "g would be blind at once"),
    (("steps", 3), {"id": "whole", "wait": "1s", "depends_on": ["thaw"]}, "nothing measures restored_within"),
    (("steps", 2), {"id": "thaw", "wait": "1s", "depends_on": ["noticed"]}, ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("place", "value", "said"), CASES, ids=[case[2][:60] or "-" for case in CASES]
)
def test_what_is_found(place: tuple[str | int, ...], value: Any, said: str) -> None:
    """The message of the rule, as an error."""
    errors = [finding for finding in found(changed(place, value)) if not finding.warning]
    if said:
        assert any(said in finding.message for finding in errors), errors
    else:
        assert errors == []


def test_what_a_guard_looks_at_is_used() -> None:
    """Its probe, and the target of that."""
    data = changed(("guards",), [{"id": "g", "probe": "page", "consecutive": 3}])
    data["probes"]["page"]["target"] = "shop"
    places = {finding.place for finding in found(data) if finding.warning}
    assert places.isdisjoint({("probes", "page"), ("targets", "shop")})
    assert "shop" in used_targets(msgspec.convert(data, Scenario))


def test_a_repair_that_can_never_heal_is_found() -> None:
    """`healed_by: repair` without a repair downstream."""
    data = changed(("expect", 0, "healed_by"), "repair")
    data["steps"][2] = {"id": "thaw", "wait": "1s", "depends_on": ["noticed"]}
    assert any("a repair can never heal it" in finding.message for finding in found(data))


def test_a_cycle_does_not_hide_other_findings() -> None:
    """And is told as its path."""
    data = changed(("steps", 0, "depends_on"), ["whole"])
    data["steps"][3]["verify"] = "nope"
    messages = [finding.message for finding in found(data)]
    assert any("noticed -> thaw" in message for message in messages), messages
    assert "there is no probe 'nope'" in messages


def test_a_hold_until_what_waits_for_its_end_is_a_cycle() -> None:
    """`until` edges count."""
    data = changed(("steps", 0, "hold"), {"until": "whole", "at_most": "60s"})
    data["steps"][3]["depends_on"] = [{"step": "pause", "is": "undone"}]
    assert any("pause is held until whole" in finding.message for finding in found(data))


def observing(row: Data, **top: Any) -> Data:
    """The base with `up` observed five times a second, and one expectation."""
    data = changed(("expect", 0), row)
    data["probes"]["up"]["every"] = "200ms"
    return {**data, "observe": ["up"], **top}


@pytest.mark.parametrize(
    "row",
    [
        {"probe": "up", "max_outage": "10s"},
        {"probe": "up", "availability": "99%", "error_share": "1%", "during": "repair"},
        {"probe": "up", "latency": {"p50": "1s", "p90": "2s", "p99": "3s"}, "during": "after"},
        {"max_outage": "10s", "availability": "99%", "during": "faults"},
    ],
)
def test_rows_about_an_observed_probe_or_the_worst_observer(row: Data) -> None:
    """There is nothing to say of them."""
    assert [f for f in found(observing(row)) if f.place[0] == "expect"] == []


@pytest.mark.parametrize(
    ("row", "said", "hint"),
    [
        (
            {"probe": "up", "availability": "99.5%"},
            "99.5% needs 765 samples without a miss; this window has at most 300",
            "up looks every 200ms, and the deadline is 1m",
        ),
        (
            {"availability": "100%"},
            "100% can never be reached: no number of samples shows it",
            "`max_outage`",
        ),
        (
            {"probe": "up", "error_share": "0.5%"},
            "an error share of 0.5% needs 765 samples without a miss; this window has at most 300",
            "",
        ),
        (
            {"probe": "up", "max_outage": "1s"},
            "up looks every 200ms, too seldom to tell 1s",
            "`every: 100ms` or less",
        ),
        (
            {"fault": "pause", "restored_within": "1s"},
            "up looks every 200ms, too seldom to tell 1s",
            "`every: 100ms` or less",
        ),
    ],
)
def test_what_no_run_can_meet_is_a_warning(row: Data, said: str, hint: str) -> None:
    """A claim with more samples than the deadline leaves, or a time that the samples cannot tell."""
    told = [f for f in found(observing(row, limits={"deadline": "1m"})) if f.place[0] == "expect"]
    assert [(f.message, f.warning) for f in told] == [(said, True)]
    assert hint in told[0].hint


def test_a_percentile_takes_good_samples() -> None:
    """99 % of the answers need 299 of them for an upper bound."""
    row = {"probe": "up", "latency": {"p50": "1s", "p99": "1s"}}
    told = [f for f in found(observing(row, limits={"deadline": "20s"})) if f.warning]
    message = "an upper bound of p99 needs 299 good samples; this window has at most 100"
    assert [f.message for f in told if f.place == ("expect", 0, "latency", "p99")] == [message]


def test_a_window_needs_what_it_is_named_after() -> None:
    """Without a repair no time of repairs, without a fault no time of faults."""
    steps = [{"id": "look", "verify": "up", "within": "5s"}]
    for during, said in (
        ("repair", "no remediate step: there is no time of repairs"),
        ("faults", "nothing is injected: there is no time of faults"),
        ("after", "nothing is injected: there is no time of faults"),
    ):
        row = {"probe": "up", "max_outage": "10s", "during": during}
        told = [f for f in found(observing(row, steps=steps)) if f.place == ("expect", 0, "during")]
        assert [(f.message, f.warning) for f in told] == [(said, False)]


@settings(deadline=None, max_examples=60)
@given(
    st.integers(2, 8).flatmap(
        lambda n: st.lists(
            st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=14
        ).map(lambda edges: (n, edges))
    )
)
def test_a_cycle_is_found_exactly_where_there_is_one(
    case: tuple[int, list[tuple[int, int]]],
) -> None:
    """Against a plain search on the same graph."""
    count, pairs = case
    steps = [
        {"id": f"s{i}", "wait": "0s", "depends_on": sorted({f"s{b}" for a, b in pairs if a == i})}
        for i in range(count)
    ]
    messages = [f.message for f in found({"version": 1, "name": "x", "steps": steps})]
    assert any("wait for each other" in m for m in messages) == _cyclic(count, pairs)


def _cyclic(count: int, pairs: list[tuple[int, int]]) -> bool:
    left = set(range(count))
    while left:
        free = {i for i in left if not any(a == i and b in left for a, b in pairs)}
        if not free:
            return True
        left -= free
    return False


def test_every_module_of_the_checks_is_used() -> None:
    """None is forgotten by the entry point."""
    import breakfix.engine.validate.semantics as package

    folder = Path(str(package.__file__)).parent
    assert all(hasattr(package, file.stem) for file in folder.glob("[a-z]*.py"))


def test_fewer_trials_than_are_wanted_are_an_error() -> None:
    """`up_to` is the bound of all trials: below `times` it can never be reached."""
    places = [f.place for f in found(changed(("repeat",), {"times": 5, "up_to": 4}))]
    assert ("repeat", "up_to") in places
    for good in ({"times": 5}, {"times": 5, "up_to": 5}, {"times": 1, "up_to": 9}):
        assert ("repeat", "up_to") not in [f.place for f in found(changed(("repeat",), good))]
