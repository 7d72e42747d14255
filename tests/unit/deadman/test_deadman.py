"""The dead-man switch: what it does on a host, with a real shell on this machine, and what the plan says."""

import json
import os
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs
from tests.local_host import LocalHost, local_facts

from breakfix.engine import deadman
from breakfix.engine.action import DockerFacts, HostFacts, NoFacts
from breakfix.engine.errors import PreconditionError
from breakfix.engine.host_ops import script, state_dir
from breakfix.engine.ops import DockerOp, ExecOp, Identity, Plan
from breakfix.engine.vehicles.procfs import mark_of

LONG_S = 600.0
PATIENCE_S = 30.0
SHELLS = [("sh",), *([("busybox", "sh")] if shutil.which("busybox") else [])]


@pytest.fixture
def facts() -> Iterator[HostFacts]:
    """This machine as a host, with a name for one fault; its state folder is removed at the end."""
    found = local_facts(f"test-{secrets.token_hex(4)}")
    yield found
    LocalHost().run(deadman.armed(plan_of(found), found, LONG_S).disarm[-1])


def plan_of(facts: HostFacts, *undo: str) -> Plan:
    """A plan that does nothing, with a command as its undo."""
    op = script(facts, ":")
    return Plan(apply=(op,), undo=(structs.replace(op, argv=undo or ("true",)),))


def wait_until(true: Callable[[], bool]) -> None:
    """Wait for what is to come."""
    end_s = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end_s
        time.sleep(0.02)


def folder_of(facts: HostFacts) -> Path:
    """Its state folder."""
    return Path(state_dir(facts, root=False))


def run(host: LocalHost, *ops: object) -> None:
    """Each op is ok."""
    for op in ops:
        assert isinstance(op, ExecOp)
        outcome = host.run(op)
        assert outcome.ok, outcome.stderr


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_a_switch_that_nobody_takes_away_undoes_the_fault(
    facts: HostFacts, tmp_path: Path, shell: tuple[str, ...]
) -> None:
    """It runs the undo when its time has come, and leaves nothing; who comes then finds it absent."""
    host = LocalHost(shell=shell)
    plan = deadman.armed(plan_of(facts, "touch", str(tmp_path / "undone")), facts, 1.0)
    run(host, *plan.arm)
    assert folder_of(facts).stat().st_mode & 0o777 == 0o700
    assert not (tmp_path / "undone").exists()
    wait_until(lambda: not folder_of(facts).exists())
    assert (tmp_path / "undone").exists()
    said = deadman.disarmed(host.run(plan.disarm[-1]))
    assert said is not None and said.found == "absent"
    assert said.boot_id == facts.identity.incarnation


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_a_switch_that_is_taken_away_does_nothing(
    facts: HostFacts, tmp_path: Path, shell: tuple[str, ...]
) -> None:
    """Its process has ended, its folder is gone, and it says that it was armed; twice is harmless."""
    host = LocalHost(shell=shell)
    plan = deadman.armed(plan_of(facts, "touch", str(tmp_path / "undone")), facts, LONG_S)
    run(host, *plan.arm)
    pid = int((folder_of(facts) / "timer").read_text().split()[0])
    assert Path(f"/proc/{pid}").exists()
    assert mark_of(pid) == ""
    for found in ("armed", "absent"):
        said = deadman.disarmed(host.run(plan.disarm[-1]))
        assert said is not None and said.found == found
        assert not folder_of(facts).exists()
    wait_until(lambda: not Path(f"/proc/{pid}/exe").exists())
    assert not (tmp_path / "undone").exists()


def test_the_fence_lets_through_what_is_in_time_and_nothing_later(
    facts: HostFacts, tmp_path: Path
) -> None:
    """Before it is armed, after the undo has begun and after it was taken away nothing is applied."""
    host, made = LocalHost(), tmp_path / "made"
    plain = structs.replace(plan_of(facts), apply=(script(facts, 'touch "$1"', str(made)),))
    plan = deadman.armed(plain, facts, LONG_S)
    assert host.run(plan.apply[0]).code == 65
    run(host, *plan.arm, *plan.apply)
    assert made.exists()
    made.unlink()
    run(host, plan.undo[0])
    late = host.run(plan.apply[0])
    assert late.code == 65 and "too late" in late.stderr
    run(host, *plan.disarm)
    assert host.run(plan.apply[0]).code == 65
    assert not made.exists()


def test_an_undo_that_fails_is_tried_again(facts: HostFacts, tmp_path: Path) -> None:
    """An undo that works the second time is as good, and all of them are run each time."""
    once = 'test -e "$1" || { touch "$1"; exit 1; }'
    plain = plan_of(facts, "sh", "-c", once, "sh", str(tmp_path / "tried"))
    second = structs.replace(plain.undo[0], argv=("touch", str(tmp_path / "second")))
    plan = deadman.armed(structs.replace(plain, undo=(*plain.undo, second)), facts, 0.0)
    run(LocalHost(), *plan.arm)
    wait_until(lambda: not folder_of(facts).exists())
    assert (tmp_path / "second").exists()


def test_what_cannot_be_undone_is_kept_and_said(facts: HostFacts) -> None:
    """The folder stays, with what the undo said; who takes the switch away learns that it fired."""
    plan = deadman.armed(plan_of(facts, "sh", "-c", "echo no way >&2; exit 1"), facts, 0.0)
    host = LocalHost()
    run(host, *plan.arm)
    wait_until(lambda: (folder_of(facts) / "log").is_file())
    assert "no way" in (folder_of(facts) / "log").read_text()
    said = deadman.disarmed(host.run(plan.disarm[-1]))
    assert said is not None and said.found == "fired"
    assert not folder_of(facts).exists()


@given(
    texts=st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), max_size=8
    )
)
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_undo_gets_its_arguments_as_they_are(tmp_path: Path, texts: list[str]) -> None:
    """Quotes, newlines, ``$(...)``, leading dashes, nothing at all: no shell reads them."""
    written = tmp_path / secrets.token_hex(4)
    facts = local_facts(f"test-{secrets.token_hex(4)}")
    texts = [*texts, "", "'", "$(touch x)`touch x`", "-rf", "a\n", "\n'\n", "*", "\\"]
    program = "import json, sys; json.dump(sys.argv[2:], open(sys.argv[1], 'w'))"
    plan = plan_of(facts, sys.executable, "-c", program, str(written), *texts)
    run(LocalHost({"PYTHONUTF8": "1"}), *deadman.armed(plan, facts, 0.0).arm)
    wait_until(lambda: not folder_of(facts).exists())
    assert json.loads(written.read_text()) == texts


def test_stdin_environment_and_folder_of_an_undo_are_kept(facts: HostFacts, tmp_path: Path) -> None:
    """What the vehicle would give to the command, the switch gives to it too."""
    text = '{ cat; printf "%s %s" "$IT" "$(pwd)"; } >out'
    undo = structs.replace(
        script(facts, text), stdin="it's\nfed\n", env={"IT": "$HOME'"}, cwd=str(tmp_path)
    )
    plan = deadman.armed(structs.replace(plan_of(facts), undo=(undo,)), facts, 0.0)
    run(LocalHost(), *plan.arm)
    wait_until(lambda: not folder_of(facts).exists())
    assert (tmp_path / "out").read_text() == f"it's\nfed\n$HOME' {tmp_path}"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """In a place where anybody can make folders, ours is ours or nothing is armed."""
    uid = 900_000 + secrets.randbelow(99_999)
    facts = local_facts(f"test-{secrets.token_hex(4)}", uid=uid, root="")
    parent = folder_of(facts).parent
    target = tmp_path / "elsewhere"
    target.mkdir()
    plan = deadman.armed(plan_of(facts), facts, LONG_S)
    try:
        parent.symlink_to(target)
        outcome = LocalHost().run(plan.arm[0])
        assert outcome.code == 65 and "not a folder of ours alone" in outcome.stderr
        parent.unlink()
        parent.mkdir()
        os.chown(parent, 12345, -1)
        assert LocalHost().run(plan.arm[0]).code == 65
        assert list(target.iterdir()) == list(parent.iterdir()) == []
    finally:
        parent.rmdir() if not parent.is_symlink() else parent.unlink()


def test_what_is_armed_says_who_and_when() -> None:
    """The grace comes on top, the deadline bounds it, and a slow op is waited for."""
    facts = local_facts("t", without=("systemd-run",))
    systemd = structs.replace(
        facts, systemd=True, root="sudo", tools=("systemd-run", "systemctl", "docker")
    )
    slow = structs.replace(
        plan_of(facts), apply=(structs.replace(plan_of(facts).apply[0], timeout_s=50.0),)
    )
    assert deadman.words(systemd, plan_of(facts), 30.0, 600.0) == "systemd timer, 40 s"
    assert deadman.words(facts, plan_of(facts), 30.0, 5.0) == "shell timer, 15 s"
    assert deadman.words(facts, slow, 30.0, 600.0) == "shell timer, 1 m 0 s"
    assert deadman.words(facts, Plan(), 30.0, 600.0) == "nothing to undo"
    assert deadman.words(NoFacts(), None, 30.0, 600.0) == "guardian only"
    assert deadman.words(container(None), None, 30.0, 600.0) == "guardian only"
    assert deadman.words(container(systemd), None, 30.0, 600.0) == "systemd timer, 40 s"


def container(host: HostFacts | None) -> DockerFacts:
    """Facts of a container, on a Docker engine that is reached on a host."""
    identity = Identity(kind="docker", name="web", endpoint="dock3", object_id="ab" * 32)
    return DockerFacts(identity=identity, inspect={}, engine={}, local=False, host=host)


def test_a_systemd_timer_is_exact_and_may_be_of_a_user() -> None:
    """Root's undo is root's; that of the login user is run by systemd as that user."""
    facts = local_facts(
        "t", systemd=True, root="sudo", uid=1000, tools=("systemd-run", "systemctl", "sh")
    )
    user = deadman.armed(plan_of(facts), facts, 40.0)
    assert isinstance(user.arm[0], ExecOp) and not user.arm[0].sudo
    start = user.arm[0].argv[user.arm[0].argv.index("systemd-run") - 2 :]
    assert start == (
        "sudo", "-n", "systemd-run", "--quiet", "--collect", "--unit=breakfix-t", "--uid=1000",
        "--on-active=40s", "--timer-property=AccuracySec=100ms", "--property=KillMode=process",
        "sh", "/tmp/breakfix-1000/t/expire",
    )  # fmt: skip
    ours = Plan(apply=(script(facts, ":", root=True),), undo=(script(facts, ":", root=True),))
    root = deadman.armed(ours, facts, 40.0)
    assert isinstance(root.arm[0], ExecOp) and root.arm[0].sudo
    assert "--uid=1000" not in root.arm[0].argv
    assert root.arm[0].argv[-1] == "/run/breakfix/t/expire"


def test_where_nothing_can_be_armed_the_fault_is_refused() -> None:
    """A host without what a timer is made of, before any effect."""
    facts = local_facts("t", tools=("timeout",))
    with pytest.raises(PreconditionError, match="H211 .* setsid"):
        deadman.armed(plan_of(facts), facts, 1.0)


def test_each_fault_has_a_name_of_its_own() -> None:
    """One that is safe as the name of a folder and of a unit of systemd."""
    facts = local_facts("")
    names = set()
    for fault in ("fill@db/1#1", "fill@db/1#2", "fill@db.1#1"):
        found = deadman.named(facts, "20261126-081502-cache_outage-3f2a", fault)
        assert isinstance(found, HostFacts)
        assert set(found.token) <= set("abcdefghijklmnopqrstuvwxyz0123456789_.-")
        names.add(found.token)
    assert len(names) == 3
    inside = deadman.named(container(facts), "run", "pause@web#1")
    assert isinstance(inside, DockerFacts) and inside.host is not None
    assert inside.host.token.startswith("run.pause.")


def test_a_fault_in_a_container_has_its_switch_on_the_host_of_its_engine() -> None:
    """The requests of the undo become words that a shell on that host sends to the engine."""
    facts = container(local_facts("t", tools=("docker", "setsid")))
    undo = DockerOp(
        method="POST",
        path="/containers/abc/update",
        query={"t": "a b"},
        body={"Memory": 5},
        target=facts.identity,
        ok_status=(200, 304),
    )
    plan = deadman.armed(Plan(apply=(undo,), undo=(undo,)), facts, 40.0)
    assert plan.apply == (undo,) and plan.undo[1:] == (undo,)
    (arm,) = plan.arm
    assert isinstance(arm, ExecOp)
    assert arm.argv[-1] == "200 304"
    assert arm.argv[-2] == (
        "POST /containers/abc/update?t=a+b HTTP/1.0\r\nHost: docker\r\nContent-Length: 12\r\n"
        'Content-Type: application/json\r\n\r\n{"Memory":5}'
    )
