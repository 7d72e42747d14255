"""The contract of all actions: whatever the catalogue finds is documented, declared, and plans.

inspected.json holds what a Docker Engine 20.10 answered for a container on two networks.
"""

import ast
import copy
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from breakfix.engine import catalogue
from breakfix.engine.action import (
    DockerFacts,
    Facts,
    Fault,
    HostFacts,
    NoFacts,
    Phase,
    Probe,
    ProcessFacts,
    Repair,
)
from breakfix.engine.errors import PreconditionError
from breakfix.engine.ops import Identity, Kind, Op, Plan
from breakfix.engine.values import PATTERNS

ALL = catalogue.load(catalogue.built_in_names())
FAULTS = [name for name, kind in ALL.items() if issubclass(kind, Fault)]
PLANNED = [name for name, kind in ALL.items() if issubclass(kind, Fault | Repair)]
PROBES = [name for name, kind in ALL.items() if issubclass(kind, Probe)]
FIELDS = [
    pytest.param(name, field, id=f"{name}: {field}")
    for name, kind in ALL.items()
    for field in kind.__struct_fields__
]
EXAMPLES = [
    pytest.param(name, number, id=f"{name} {number}")
    for name, kind in ALL.items()
    for number in range(len(kind.examples))
]
INSPECTED = json.loads((Path(__file__).parent / "inspected.json").read_text())
NETWORKS = INSPECTED["inspect"]["NetworkSettings"]["Networks"]

SENTENCE = re.compile(r"[A-Z][^\n]*[.]")
UNITS = ("s", "ms", "bytes", "bits", "count", "cpus", "workers", "percent")
BOUNDS = ("min", "max")
NAMES_OF_THINGS = ("port", "status", "code")
"""Numbers that measure nothing: they have no unit."""
RESULT = re.compile(r"(any|boolean|integer|list of \w+|number|text)([;:] \S.*)?")


def schema_of(name: str) -> dict[str, Any]:
    """The JSON Schema of the parameters of an action."""
    kind = ALL[name]
    found: dict[str, Any] = msgspec.json.schema(kind)["$defs"][kind.__name__]
    return found


def variants(field: dict[str, Any]) -> list[dict[str, Any]]:
    """The schema of a field, and those of its alternatives."""
    return [field, *field.get("anyOf", ())]


def example_of(name: str, number: int) -> Any:
    """One of the examples of an action, as an action."""
    return msgspec.convert(ALL[name].examples[number], ALL[name])


def container(status: str = "running", networks: int = 1, pid: int = 4242) -> DockerFacts:
    """Facts of a container in a state."""
    document = copy.deepcopy(INSPECTED["inspect"])
    state = document["State"]
    state.update(Status=status, Running=status in ("running", "paused"), Paused=status == "paused")
    if status == "exited":
        state.update(Pid=0, FinishedAt="2026-11-26T12:00:00.25Z", ExitCode=137)
    document["NetworkSettings"]["Networks"] = dict(list(NETWORKS.items())[:networks])
    return DockerFacts(
        identity=Identity(
            kind="docker",
            name="web",
            endpoint="default",
            object_id=document["Id"],
            incarnation=f"{state['Pid']}@{state['StartedAt']}" if state["Running"] else "",
        ),
        inspect=document,
        engine=INSPECTED["engine"],
        local=True,
        memory_usage_bytes=4 << 20,
    )


def process(*, running: bool) -> ProcessFacts:
    """Facts of a process target."""
    return ProcessFacts(
        identity=Identity(
            kind="process",
            name="app",
            object_id="ab" * 16,
            incarnation="4242@1795680902" if running else "",
        ),
        argv=("python3", "app.py"),
        env={"PORT": "8080"},
        cwd="/srv/app",
        output="app.log",
        running=running,
        cgroups=True,
    )


def host(**known: Any) -> HostFacts:
    """Facts of a host."""
    told: dict[str, Any] = {
        "identity": Identity(
            kind="ssh",
            name="db-1",
            endpoint="db-1",
            object_id="SHA256:abc@10.0.0.5:22",
            incarnation="6f1d2f3e-boot",
        ),
        "user": "ops",
        "uid": 1000,
        "root": "sudo",
        "systemd": True,
        "tools": ("systemctl", "systemd-run", "timeout", "setsid", "stress-ng", "python3"),
        "kernel": "6.1.0",
        "cpus": 4,
        "memory_bytes": 8 << 30,
        "memory_available_bytes": 6 << 30,
        "clock_base_s": 1_795_600_000.0,
        "time_sync": "systemd-timesyncd.service",
        "control_units": ("ssh.service",),
        "token": "20261126-081502-x-3f2a.step.1",
    }
    return HostFacts(**{**told, **known})


BARE_HOST = {"root": "", "systemd": False, "tools": (), "time_sync": "", "control_units": ()}

WORLD: dict[Kind, tuple[Facts, ...]] = {
    "ssh": (host(), host(token=""), host(**BARE_HOST)),
    "docker": (container(), container(networks=2), container("paused"), container("exited")),
    "process": (process(running=True), process(running=False)),
    "none": (NoFacts(),),
}


def plans_of(name: str, number: int) -> Iterator[tuple[Facts, Plan]]:
    """What an example plans in each state of each kind of target that it serves. It may refuse some,
    with its code and what to do; every other exception is a failure."""
    action = example_of(name, number)
    for kind in ALL[name].serves:
        for facts in WORLD[kind]:
            try:
                yield facts, action.plan(facts)
            except PreconditionError as refused:
                assert re.fullmatch(r"[A-Z][0-9]{3}", refused.code)
                assert re.fullmatch(r"Fix: [a-z].*", refused.hint), refused.hint


def ops_of(plan: Plan) -> list[Op]:
    """All ops of a plan."""
    read = [check.op for check in (*plan.effect, *plan.gone)]
    return [*plan.apply, *plan.undo, *read]


def results_in(source: str) -> set[str]:
    """The keys of what the calls of a source give as ``result={"status": ...}``."""
    return {
        key.value
        for call in ast.walk(ast.parse(source))
        if isinstance(call, ast.keyword) and call.arg == "result"
        for found in ast.walk(call.value)
        if isinstance(found, ast.Dict)
        for key in found.keys
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    }


def test_there_are_actions_of_every_sort() -> None:
    """The contract is asked of real actions: faults, repairs and probes, for every kind of target."""
    assert FAULTS
    assert PROBES
    assert set(PLANNED) - set(FAULTS)
    assert {kind for found in ALL.values() for kind in found.serves} == set(get_args(Kind))


@pytest.mark.parametrize("name", ALL)
def test_an_action_is_documented(name: str) -> None:
    """The docstring of the class begins with a sentence, and that of its file is its name."""
    kind = ALL[name]
    doc = inspect.cleandoc(vars(kind).get("__doc__") or "")

    assert SENTENCE.fullmatch(catalogue.summary_of(doc)), doc
    module = inspect.getmodule(kind)
    assert module is not None
    assert module.__doc__ == name


@pytest.mark.parametrize(("name", "field"), FIELDS)
def test_a_parameter_is_documented(name: str, field: str) -> None:
    """Each parameter has a description, which is a sentence."""
    described = [
        found["description"]
        for found in variants(schema_of(name)["properties"][field])
        if "description" in found
    ]

    assert described, "use msgspec.Meta(description=...)"
    for text in described:
        assert re.fullmatch(r"[A-Z/].*[.]", text), text


@pytest.mark.parametrize(("name", "field"), FIELDS)
def test_a_number_says_its_unit(name: str, field: str) -> None:
    """A number has its unit last in its name, a bound apart (`memory_bytes`, `cpus_max`); times, sizes,
    rates and shares are texts with their unit, of the types in engine/values.py."""
    kind = ALL[name]
    found = variants(schema_of(name)["properties"][field])
    words = [word for word in field.split("_") if word not in BOUNDS]

    # A bound alone is one of what the action has its name from: the load of host.load.
    if words and any(one.get("type") in ("integer", "number") for one in found):
        assert words[-1] in (*UNITS, *NAMES_OF_THINGS), f"what is the unit of `{field}`?"
    given = [example[field] for example in kind.examples if field in example]
    for value in [*given, found[0].get("default")]:
        sorts = [
            sort
            for sort, pattern in PATTERNS.items()
            if isinstance(value, str) and value and pattern.fullmatch(value)
        ]
        if sorts:
            assert [one["x-breakfix"] for one in found if "x-breakfix" in one] == sorts


@pytest.mark.parametrize("name", ALL)
def test_an_action_says_whom_it_serves_and_when(name: str) -> None:
    """It serves kinds of target that there are: its family's own, where the family has the name of
    one. Its phases are those that its classes are made for, each once."""
    kind, family = ALL[name], name.partition(".")[0]
    phases: set[Phase] = set()
    phases |= {"inject"} if issubclass(kind, Fault) else set()
    phases |= {"remediate"} if issubclass(kind, Repair) else set()
    phases |= {"detect", "verify"} if issubclass(kind, Probe) else set()

    assert phases
    assert sorted(kind.phases) == sorted(phases)
    assert kind.serves
    assert len(set(kind.serves)) == len(kind.serves)
    assert set(kind.serves) <= set(get_args(Kind))
    if family in get_args(Kind):
        assert family in kind.serves
    if "docker" in kind.serves:
        assert any(text.startswith("a Docker engine") for text in kind.needs)


@pytest.mark.parametrize(("name", "number"), EXAMPLES)
def test_an_example_is_valid(name: str, number: int) -> None:
    """Each example converts, keeps what it says, and survives being written as JSON."""
    given, action = ALL[name].examples[number], example_of(name, number)

    written = msgspec.json.decode(msgspec.json.encode(action))
    assert {key: written[key] for key in given} == given
    assert msgspec.convert(written, ALL[name]) == action


@pytest.mark.parametrize("name", ALL)
def test_examples_show_something(name: str) -> None:
    """There is an example, no two are the same, and each required parameter is in all of them."""
    kind = ALL[name]

    assert kind.examples
    assert len({repr(example) for example in kind.examples}) == len(kind.examples)
    for example in kind.examples:
        assert set(schema_of(name).get("required", ())) <= set(example)


@pytest.mark.parametrize("name", ALL)
def test_a_parameter_that_is_none_is_refused(name: str) -> None:
    """A misspelt parameter is no silent default."""
    with pytest.raises(msgspec.ValidationError, match="unknown field `no_such_parameter`"):
        msgspec.convert({**ALL[name].examples[0], "no_such_parameter": 1}, ALL[name])


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_declares_what_it_is(name: str) -> None:
    """It says whether it lasts and can be undone, and what of its target it takes for itself."""
    kind = ALL[name]
    assert issubclass(kind, Fault)

    assert isinstance(kind.lasting, bool)
    assert isinstance(kind.reversible, bool)
    assert kind.claims
    assert all(re.fullmatch(r"[a-z]+", claim) for claim in kind.claims)


@pytest.mark.parametrize("name", PLANNED)
def test_an_example_plans_somewhere(name: str) -> None:
    """Each example of a fault or a repair has a state of some target in which it can be carried out; of
    an action that is a probe too, one at least."""
    kind = ALL[name]
    plans = [list(plans_of(name, number)) for number in range(len(kind.examples))]

    assert any(plans) if issubclass(kind, Probe) else all(plans)
    assert all(plan.apply for found in plans for _, plan in found)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_can_be_proved_and_undone(name: str) -> None:
    """Every plan of a fault has what proves its effect and, but for one that is declared irreversible,
    what undoes it and what proves that it is over. Of an action that is a repair too, one example at
    least is a fault; the others have none of that."""
    kind = ALL[name]
    assert issubclass(kind, Fault)
    whole = 0

    for number in range(len(kind.examples)):
        for _, plan in plans_of(name, number):
            parts = [bool(plan.effect)]
            parts += [bool(plan.undo), bool(plan.gone)] if kind.reversible else []
            whole += all(parts)
            assert all(parts) or (issubclass(kind, Repair) and not any(parts)), plan

    assert whole


@pytest.mark.parametrize("name", PLANNED)
def test_a_plan_is_pure_and_is_data(name: str) -> None:
    """The same facts give the same plan, and are not changed; all of it survives its way into the
    journal."""
    for number in range(len(ALL[name].examples)):
        for facts, plan in plans_of(name, number):
            before = msgspec.json.encode(facts)
            assert example_of(name, number).plan(facts) == plan
            assert msgspec.json.encode(facts) == before
            assert msgspec.json.decode(msgspec.json.encode(plan), type=Plan) == plan


@pytest.mark.parametrize("name", PLANNED)
def test_ops_say_what_they_change_and_on_whom(name: str) -> None:
    """What applies and undoes changes something; what checks only reads, and says in words what it
    shows. Ops on a target name the one of the facts, and end some time."""
    for number in range(len(ALL[name].examples)):
        for facts, plan in plans_of(name, number):
            checks = (*plan.effect, *plan.gone)
            assert all(op.changes != "no" for op in (*plan.apply, *plan.undo))
            assert all(check.op.changes == "no" for check in checks)
            assert all(check.asked for check in checks)
            assert all(check.within_s > 0 and check.every_s > 0 for check in checks)
            for op in ops_of(plan):
                assert op.timeout_s > 0
                if op.target is not None:
                    assert not isinstance(facts, NoFacts)
                    assert op.target == facts.identity
            if not isinstance(facts, NoFacts):
                assert all(op.target == facts.identity for op in plan.apply)


@pytest.mark.parametrize("name", PROBES)
def test_a_probe_documents_its_result(name: str) -> None:
    """Each field of the result is documented, its type first; numbers have their unit in the name. A
    sample is awaited, and what is listened to are streams of its target."""
    kind = ALL[name]
    assert issubclass(kind, Probe)

    assert kind.result
    for field, text in kind.result.items():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", field)
        assert RESULT.fullmatch(text), text
        if text.startswith("number"):
            assert field.split("_")[-1] in UNITS, field
    assert inspect.iscoroutinefunction(kind.sample)
    assert kind.observes in ("state", "occurrence")
    for served in kind.serves:
        for facts in WORLD[served]:
            sources = example_of(name, 0).sources(facts)
            assert sources or kind.observes == "state"
            for source in sources:
                if isinstance(facts, HostFacts):
                    assert facts.identity.endpoint in (source.endpoint, source.object_id)
                    continue
                assert isinstance(facts, DockerFacts)
                assert source.object_id == facts.identity.object_id
                assert source.endpoint == facts.identity.endpoint


@pytest.mark.parametrize("name", PROBES)
def test_a_probe_gives_what_it_documents(name: str) -> None:
    """The results that are written out in its file (or that of its base, or its family) are those documented."""
    kind = ALL[name]
    assert issubclass(kind, Probe)
    own = Path(inspect.getfile(kind))
    bases = [Path(inspect.getfile(each)) for each in kind.__mro__ if issubclass(each, Probe)]
    files = [*bases, own.parent / "__init__.py"]
    given = next(filter(None, (results_in(file.read_text()) for file in files)), set())

    assert given == set(kind.result)
