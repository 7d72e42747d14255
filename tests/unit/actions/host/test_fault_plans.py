"""The plans of faults on hosts, as data: what they choose, what they refuse, and that all of it is shell."""

import itertools
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from msgspec import structs
from tests.local_host import local_facts

from breakfix.engine import catalogue, deadman
from breakfix.engine.action import Fault, HostFacts
from breakfix.engine.errors import PreconditionError
from breakfix.engine.ops import ExecOp, Plan

TOOLS = ("stress-ng", "fallocate", "systemctl", "systemd-run", "setsid")
FAULTS = {
    name: kind
    for name, kind in catalogue.load(catalogue.built_in_names()).items()
    if issubclass(kind, Fault) and "ssh" in kind.serves
}
EXAMPLES = [
    pytest.param(name, number, id=f"{name} {number}")
    for name, kind in FAULTS.items()
    for number in range(len(kind.examples))
]
SHELLS = [shell for shell in ("dash", "bash", "busybox") if shutil.which(shell)]


@pytest.fixture
def facts() -> HostFacts:
    """A host of the usual kind."""
    return local_facts(
        "run.step.1a2b3c4d",
        uid=1000,
        root="sudo",
        systemd=True,
        tools=TOOLS,
        cpus=4,
        memory_bytes=8 << 30,
        memory_available_bytes=6 << 30,
        clock_base_s=1_764_144_000.25,
        time_sync="chrony.service",
        control_units=("ssh.service", "session-3.scope"),
        control_port=2222,
    )


def plan_of(action: str, facts: HostFacts, **given: Any) -> Plan:
    """A plan of a fault with parameters as a document gives them."""
    made = msgspec.convert(given, FAULTS[action])
    assert isinstance(made, Fault)
    return made.plan(facts)


def ops_of(plan: Plan) -> Iterator[ExecOp]:
    """All ops of a plan."""
    checks = [check.op for check in (*plan.effect, *plan.gone)]
    for op in (*plan.arm, *plan.apply, *checks, *plan.undo, *plan.disarm):
        assert isinstance(op, ExecOp)
        yield op


def test_every_fault_of_the_catalogue_is_there() -> None:
    """Those that hosts can have."""
    assert set(FAULTS) >= {
        "host.cpu", "host.memory", "host.reboot", "host.script", "disk.fill", "disk.inodes", "disk.io_load",
        "process.kill", "process.pause", "systemd.stop", "systemd.kill", "clock.skew", "file.corrupt",
    }  # fmt: skip


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(("name", "number"), EXAMPLES)
def test_every_script_is_shell(facts: HostFacts, name: str, number: int, shell: str) -> None:
    """Of every shell that a host may have, the switch's included."""
    try:
        plan = plan_of(name, facts, **FAULTS[name].examples[number])
    except PreconditionError:
        return
    texts = {op.argv[2] for op in ops_of(deadman.armed(plan, facts, 40.0)) if op.argv[:2] == ("sh", "-c")}
    argv = ["busybox", "sh"] if shell == "busybox" else [shell]
    for text in texts:
        done = subprocess.run([*argv, "-n"], input=text, text=True, capture_output=True, check=False)
        assert done.returncode == 0 and not done.stderr, (done.stderr, text)


@pytest.mark.parametrize(("name", "number"), EXAMPLES)
def test_a_fault_that_can_be_undone_has_its_switch(
    facts: HostFacts, name: str, number: int
) -> None:
    """Armed before, taken away after, with a fence around all that it applies, and undone from within the
    host's own means."""
    try:
        plan = plan_of(name, facts, **FAULTS[name].examples[number])
    except PreconditionError:
        return
    if not plan.undo:
        return
    armed = deadman.armed(plan, facts, 40.0)
    assert len(armed.arm) == 1 and armed.disarm[:-1] == plan.disarm and armed.undo[1:] == plan.undo
    for op, plain in zip(armed.apply, plan.apply, strict=True):
        assert isinstance(op, ExecOp) and isinstance(plain, ExecOp)
        assert op.argv[5:] == plain.argv and "/open" in op.argv[2]
    folder = next(op.argv[4] for op in ops_of(armed) if op.argv[3:4] == ("breakfix",))
    assert folder in ("/run/breakfix/run.step.1a2b3c4d", "/tmp/breakfix-1000/run.step.1a2b3c4d")
    own = [word for op in ops_of(plan) for word in op.argv if word.startswith(("/run/br", "/tmp/br"))]
    assert set(own) <= {folder}, "it keeps what it needs where its switch is"


@pytest.mark.parametrize("name", FAULTS)
def test_what_a_scenario_says_is_never_shell(facts: HostFacts, name: str) -> None:
    """The text of each script is the same, whatever the parameters are: they are its arguments."""
    texts = []
    for given in FAULTS[name].examples:
        try:
            plan = plan_of(name, facts, **given)
        except PreconditionError:
            continue
        texts.append({op.argv[2] for op in ops_of(plan) if op.argv[3:4] == ("breakfix",)})
    # Of host.script the parameter is a script.
    if name != "host.script":
        assert all(a <= b or b <= a for a, b in itertools.combinations(texts, 2))


@pytest.mark.parametrize(
    ("action", "given", "by_tool", "without"),
    [
        ("host.cpu", {}, "stress-ng", "busy loop"),
        ("host.memory", {"size": "1GiB"}, "stress-ng", "tail"),
        ("disk.io_load", {"path": "/srv"}, "stress-ng", "dd"),
        ("disk.fill", {"path": "/srv", "size": "1GiB"}, "fallocate", "dd"),
    ],
)
def test_the_plan_says_which_means_it_has_chosen(
    facts: HostFacts, action: str, given: dict[str, Any], by_tool: str, without: str
) -> None:
    """The tool where it is there, else the plain one."""
    bare = structs.replace(facts, tools=("setsid",))
    assert plan_of(action, facts, **given).mechanism == by_tool
    assert plan_of(action, bare, **given).mechanism == without


@pytest.mark.parametrize(
    ("action", "given", "changed", "said"),
    [
        ("host.memory", {"size": "6GiB"}, {}, "H202 host here has 6144 MiB of memory available; without "
         "6144 MiB it would have 0 MiB, less than the reserve of 256MiB. Fix: take less"),
        ("host.memory", {"share": "75%"}, {}, "H202"),
        ("host.memory", {"available_min": "1GiB"}, {}, "H203"),
        ("host.reboot", {}, {"root": ""}, "H210 host.reboot needs root on host here"),
        ("clock.skew", {"offset": "5m"}, {"root": ""}, "H210"),
        ("systemd.stop", {"unit": "nginx"}, {"systemd": False}, "S701"),
        ("systemd.stop", {"unit": "nginx"}, {"root": ""}, "H210"),
        ("systemd.stop", {"unit": "ssh"}, {}, "S702"),
        ("systemd.kill", {"unit": "ssh.service"}, {}, "S702"),
        ("process.kill", {}, {}, "R510"),
        ("process.kill", {"match": {"port": 2222}}, {}, "R513"),
        ("process.pause", {"match": {"name": "systemd"}}, {}, "R513"),
        ("host.script", {"run": "true", "sudo": True}, {"root": ""}, "H210"),
    ],
)  # fmt: skip
def test_what_is_refused_before_any_effect(
    facts: HostFacts, action: str, given: dict[str, Any], changed: dict[str, Any], said: str
) -> None:
    """With its code, what was seen, and what to do."""
    with pytest.raises(PreconditionError) as refused:
        plan_of(action, structs.replace(facts, **changed), **given)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("action", "given"),
    [
        ("host.cpu", {"load": "0%"}),
        ("host.cpu", {"cpus": "0; reboot"}),
        ("host.memory", {}),
        ("host.memory", {"size": "1GiB", "share": "5%"}),
        ("host.memory", {"size": "1GiB", "available_min": "1GiB"}),
        ("disk.fill", {"path": "/srv"}),
        ("disk.fill", {"path": "srv", "size": "1GiB"}),
        ("disk.fill", {"path": "/srv", "size": "1GiB", "leave": "1GiB"}),
        ("disk.inodes", {"path": "/srv", "count": 5, "share": "5%"}),
        ("disk.io_load", {"path": "/srv", "size": "1kB"}),
        ("file.corrupt", {"path": "/srv/x", "bytes": 1, "truncate": "0B"}),
        ("file.corrupt", {"path": "-rf"}),
        ("clock.skew", {"offset": "500ms"}),
        ("systemd.stop", {"unit": "--all"}),
        ("systemd.stop", {"unit": "a*"}),
        ("host.script", {"run": []}),
        ("host.script", {"run": "true", "undo": "true"}),
        ("process.pause", {"match": {}}),
    ],
)
def test_parameters_that_say_nothing_or_too_much_are_refused(
    action: str, given: dict[str, Any]
) -> None:
    """When the document is read, not when it runs."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(given, FAULTS[action])


def test_a_load_is_of_the_login_user_and_a_file_of_root(facts: HostFacts) -> None:
    """Root only where that makes a difference; and never where nobody can become root."""
    cpu, fill = plan_of("host.cpu", facts), plan_of("disk.fill", facts, path="/srv", size="1MiB")
    assert not any(op.sudo for op in ops_of(cpu))
    assert all(op.sudo for op in ops_of(fill))
    plain = structs.replace(facts, root="")
    assert not any(op.sudo for op in ops_of(plan_of("disk.fill", plain, path="/srv", size="1MiB")))


def test_a_clock_is_put_back_by_what_cannot_be_set(facts: HostFacts) -> None:
    """The undo knows the time by the start of the host, and belongs to that life of it alone."""
    plan = plan_of("clock.skew", facts, offset="5m", direction="behind")
    (undo,) = plan.undo
    assert isinstance(undo, ExecOp)
    assert undo.argv[4:] == ("176414400025", "-30000", "chrony.service")
    assert undo.level == plan.apply[0].level == "incarnation"
    assert [(check.is_, check.value) for check in plan.effect] == [("le", -150_000.0)]


def test_a_process_that_nothing_starts_again_cannot_be_undone(facts: HostFacts) -> None:
    """Whoever kills it must say so: the plan has no undo."""
    plan = plan_of("process.kill", facts, match={"name": "nginx"})
    assert plan.effect and not plan.undo and not plan.gone


def test_a_match_is_of_hosts(facts: HostFacts) -> None:
    """A process target is all that it has started."""
    from breakfix.engine.action import ProcessFacts
    from breakfix.engine.ops import Identity

    target = ProcessFacts(
        identity=Identity(kind="process", name="app", object_id="ab", incarnation="1@2"),
        argv=("app",), env={}, cwd="", output="app.log", running=True,
    )  # fmt: skip
    for action in ("process.kill", "process.pause"):
        made = msgspec.convert({"match": {"name": "nginx"}}, FAULTS[action])
        assert isinstance(made, Fault)
        with pytest.raises(PreconditionError, match="R511"):
            made.plan(target)
