"""What is known of a host: the script with real shells, and what is made of its answer."""

import json
import os
import pwd
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from breakfix.engine.endpoints import Host
from breakfix.engine.errors import EngineError, EngineUnavailable
from breakfix.engine.ops import ExecOp, Outcome
from breakfix.engine.targets import host
from breakfix.engine.targets.host_script import PRELUDE

SHELLS = [("dash",), ("bash", "--posix"), ("busybox", "sh")]
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
SAID: dict[str, Any] = {
    "boot": "b1", "kernel": "6.1", "cpus": "0-3,6", "wall": "1000.25", "up": "400.25", "uid": "1000",
    "user": "ops", "root": "sudo", "connection": "10.0.0.1 5 10.0.0.2 2222",
    "tools": ["systemctl"], "memory": ["MemTotal:  2048 kB", "MemAvailable:  1024 kB"],
    "units": ["systemd", "Id=ssh.service", "ActiveState=active", "LoadState=loaded", "",
              "Id=sshd.service", "ActiveState=inactive", "LoadState=not-found", "",
              "Id=ssh.socket", "ActiveState=inactive", "LoadState=loaded", "",
              "Id=chrony.service", "ActiveState=active", "LoadState=loaded"],
    "cgroups": ["0::/user.slice/user-1000.slice/session-3.scope", "0::/system.slice/ssh.service",
                "1:name=systemd:/system.slice/ssh@7.service"],
}  # fmt: skip


class Hosts:
    """Hosts that give one answer; those without any cannot be reached."""

    def __init__(self, **answers: Outcome) -> None:
        self.answers = answers
        self.ran: list[ExecOp] = []

    def identify(self, name: str) -> Host:
        """Its key is pinned then."""
        if name not in self.answers:
            raise EngineUnavailable(f"Host {name} does not answer.")
        return Host(name=name, address=f"{name}.example", user="ops", port=22, host_key="SHA256:k")

    def run(self, name: str, op: ExecOp, stop: object) -> Outcome:
        """The answer."""
        self.ran.append(op)
        return self.answers[name]


def said(**changed: Any) -> Outcome:
    """An answer."""
    return Outcome(ok=True, code=0, data={**SAID, **changed})


def facts(outcome: Outcome) -> Any:
    """The facts of a host that answers so."""
    return host.facts(Hosts(db=outcome), "db")  # type: ignore[arg-type]


def asked(shell: tuple[str, ...], **environ: str) -> dict[str, Any]:
    """What the script prints here."""
    op = host.facts_op(host.identity(Host(name="h", address="h", user="me")))
    path = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
    done = subprocess.run(
        [*shell, *op.argv[1:]], env={**path, **environ}, capture_output=True, check=False
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_the_script(shell: tuple[str, ...]) -> None:
    """Says the same in every shell: what the kernel and the user database say."""
    found = asked(shell, SSH_CONNECTION="10.0.0.1 5 10.0.0.2 2222")

    assert found["boot"] == BOOT_ID.read_text().strip()
    assert found["kernel"] == os.uname().release
    assert found["uid"] == str(os.getuid())
    assert found["user"] == pwd.getpwuid(os.getuid()).pw_name
    assert found["root"] == "login" if os.geteuid() == 0 else found["root"] in ("sudo", "")
    assert found["connection"] == "10.0.0.1 5 10.0.0.2 2222"
    assert len(found["memory"]) == 2
    assert "setsid" in found["tools"] and "python3" in found["tools"]
    assert found["cgroups"]
    assert facts(Outcome(ok=True, code=0, data=found)).cpus == os.cpu_count()


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
@example(text='a"b\\c\nd\te\x01f\x7f')
@example(text="%s \\n $(id) `id` ${x} '")
@example(text="ü 日本 😀")
@given(text=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30))
@settings(deadline=None, max_examples=25)
def test_any_text_is_json(shell: tuple[str, ...], text: str) -> None:
    """Quotes, backslashes, control characters, signs of the shell and of printf, other scripts."""
    script = PRELUDE + 'list x; item "$1"; item ""; end'
    done = subprocess.run([*shell, "-c", script, "sh", text], capture_output=True, check=True)
    assert json.loads("{" + done.stdout.decode() + "}") == {"x": [text, ""]}


def test_the_facts() -> None:
    """All that the answer says, and what stops our own connection where it is stopped."""
    found = facts(said())

    assert found.identity.object_id == "SHA256:k@db.example:22"
    assert (found.identity.endpoint, found.identity.incarnation) == ("db", "b1")
    assert (found.user, found.uid, found.root, found.systemd) == ("ops", 1000, "sudo", True)
    assert (found.cpus, found.memory_bytes, found.memory_available_bytes) == (5, 2 << 20, 1 << 20)
    assert found.clock_base_s == 600.0
    assert found.time_sync == "chrony.service"
    assert found.control_port == 2222
    assert found.control_units == (
        "session-3.scope", "ssh.service", "ssh.socket", "ssh@7.service", "system.slice",
        "user-1000.slice", "user.slice",
    )  # fmt: skip


def test_what_a_host_may_not_tell() -> None:
    """No systemd, no fractions, nothing of its memory: facts all the same."""
    found = facts(said(units=[], wall="1000.%N", memory=[], cpus="", connection="", cgroups=[]))
    assert (found.systemd, found.time_sync, found.control_units) == (False, "", ())
    assert (found.cpus, found.memory_bytes, found.control_port) == (1, 0, 22)
    assert found.clock_base_s == 599.75


@pytest.mark.parametrize(
    ("outcome", "why"),
    [
        (Outcome(ok=False, error="it does not answer"), "cannot be read: it does not answer"),
        (Outcome(ok=False, code=127, stderr="sh: 1: no\n"), "cannot be read: sh: 1: no"),
        (Outcome(ok=True, code=0, text="Welcome"), "Its login shell printed 'Welcome'"),
        (said(boot=""), "it is no Linux host"),
        (said(uid=""), "cannot be read: invalid literal"),
        (said(wall=""), "cannot be read: could not convert"),
        (said(root="yes"), "Invalid enum value"),
    ],
)
def test_an_answer_that_is_none(outcome: Outcome, why: str) -> None:
    """An error for people, whatever came."""
    with pytest.raises(EngineError, match=why):
        facts(outcome)


def test_all_who_do_not_answer_are_named() -> None:
    """In one error; of very many, the reasons of the first and the names of all."""
    hosts: Any = Hosts(db=said())
    assert [one.identity.name for one in host.facts_of_all(hosts, ["db"])] == ["db"]
    assert host.facts_of_all(hosts, []) == []
    with pytest.raises(EngineUnavailable, match="Host x does not answer"):
        host.facts_of_all(hosts, ["db", "x"])
    names = [f"x{number}" for number in range(60)]
    with pytest.raises(EngineError) as caught:
        host.identities(hosts, ["db", *names])
    first, *lines = str(caught.value).splitlines()
    assert first == "60 of 61 hosts cannot be used:"
    assert lines[0] == "  x0: Host x0 does not answer."
    assert len(lines) == 51
    assert lines[-1].startswith("  and x50, x51")


def test_who_was_started_again_is_waited_for() -> None:
    """Until it answers, or nobody wants to wait any more."""

    class Stop:
        """Somebody stops waiting at the third look."""

        looks = 0

        def wait(self, timeout_s: float) -> bool:
            """Whether it is over."""
            self.looks += 1
            if self.looks == 2 and comes:
                hosts.answers["db"] = said(boot="b2")
            return self.looks == 3

    hosts: Any = Hosts()
    stop: Any = Stop()
    comes = True
    assert host.facts_when_back(hosts, "db", stop).identity.incarnation == "b2"
    hosts, stop, comes = Hosts(), Stop(), False
    with pytest.raises(EngineError, match="Host db did not come back: Host db does not answer"):
        host.facts_when_back(hosts, "db", stop)
