"""This machine as a host: ops for hosts run here, by the shells that hosts have, without SSH."""

import os
import pwd
import secrets
import shutil
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from msgspec import structs

from breakfix.engine.action import HostFacts, Observation, Occurrence, Probe, Repair, Source
from breakfix.engine.checks import judge
from breakfix.engine.ops import ExecOp, Identity, Op, Outcome, Plan

SHELLS = {"dash": ("/bin/dash",), "busybox": ("/bin/busybox", "sh")}


class HostHere:
    """Executes what is meant for a host. `path`, where set, is all of its PATH."""

    def __init__(self, shell: tuple[str, ...]) -> None:
        self.shell = shell
        self.path = ""
        self.answer: Outcome | None = None
        """What every op gives, where it is set."""
        self.arrived: list[Occurrence] | None = []
        self.tokens: list[str] = []
        entry = pwd.getpwuid(os.geteuid())
        self.facts = HostFacts(
            identity=Identity(kind="ssh", name="here", endpoint="here", object_id="SHA256:x@here:22"),
            user=entry.pw_name,
            uid=entry.pw_uid,
            root="login" if entry.pw_uid == 0 else "",
            systemd=True,
            tools=("systemctl", "setsid", "python3"),
            cpus=2,
            control_units=("ssh.service",),
            token="",
        )

    @property
    def facts_to_put_back(self) -> HostFacts:
        """Of a repair that is to be put back; each time another one."""
        self.tokens.append(f"bfx-test-{secrets.token_hex(4)}")
        return structs.replace(self.facts, token=self.tokens[-1])

    def kept(self) -> list[Path]:
        """What repairs have kept for that."""
        folders = (Path("/run/breakfix"), Path(f"/tmp/breakfix-{os.geteuid()}"))
        return [at / name for at in folders for name in self.tokens if (at / name).exists()]

    def run(self, op: Op, **_: Any) -> Outcome:
        """One op."""
        assert isinstance(op, ExecOp)
        assert op.via == "ssh"
        if self.answer is not None:
            return self.answer
        argv = (*self.shell, *op.argv[1:]) if op.argv[0] == "sh" else op.argv
        done = subprocess.run(
            argv,
            input=op.stdin.encode(),
            capture_output=True,
            env={**os.environ, **({"PATH": self.path} if self.path else {}), **op.env},
            cwd=op.cwd or "/",
            check=False,
            timeout=60,
        )
        text = done.stdout.decode("utf-8", "backslashreplace")
        try:
            data = msgspec.json.decode(text) if text.startswith(("{", "[")) else None
        except msgspec.DecodeError:
            data = None
        return Outcome(
            ok=done.returncode in op.ok_exit,
            code=done.returncode,
            data=data,
            text=text,
            stderr=done.stderr.decode("utf-8", "backslashreplace"),
        )

    def sample(self, probe: Probe, facts: HostFacts | None = None, **port: float) -> Observation:
        """One sample."""
        main: Callable[[], Awaitable[Observation]] = partial(
            probe.sample, _Port(self, facts or self.facts, **port)
        )
        return anyio.run(main)

    def apply(self, repair: Repair, facts: HostFacts | None = None) -> tuple[Plan, Outcome]:
        """A repair's one op."""
        plan = repair.plan(facts or self.facts)
        (op,) = plan.apply
        return plan, self.run(op)

    def mend(self, repair: Repair, facts: HostFacts | None = None) -> Plan:
        """A repair that goes well, and whose effect is seen."""
        plan, outcome = self.apply(repair, facts)
        assert outcome.ok, outcome
        assert all(self.sees(check) for check in plan.effect), plan.effect
        return plan

    def sees(self, check: Any) -> bool:
        """Whether a check comes to hold."""
        end_s = time.monotonic() + 30.0
        while not judge(check, self.run(check.op)).holds:
            if time.monotonic() > end_s:
                return False
            time.sleep(0.02)
        return True

    def put_back(self, plan: Plan) -> Outcome:
        """Its one op that undoes it."""
        (op,) = plan.undo
        return self.run(op)


class _Port:
    def __init__(
        self,
        here: HostHere,
        facts: HostFacts,
        *,
        timeout_s: float = 30.0,
        since_s: float = 0.0,
        now_s: float = 0.0,
    ) -> None:
        self.facts = facts
        self.timeout_s = timeout_s
        self.since_s = since_s
        self.now_s = now_s
        self._here = here

    async def read(self, op: Op) -> Outcome:
        """The op."""
        assert op.changes == "no"
        return self._here.run(op)

    async def http(self, *args: Any, **kwargs: Any) -> Any:
        """Not used."""
        raise AssertionError

    def occurrences(self, source: Source) -> list[Occurrence] | None:
        """What the test has put there."""
        return self._here.arrived


@pytest.fixture(params=list(SHELLS))
def here(request: pytest.FixtureRequest) -> Iterator[HostHere]:
    """This machine, once for each shell."""
    shell = SHELLS[request.param]
    if shutil.which(shell[0]) is None:
        pytest.fail(f"These tests need {request.param}: apt-get install dash busybox-static")
    made = HostHere(shell)
    yield made
    assert not made.kept()


ODD_NAMES = (
    "plain", "with blank ", "it's", 'a "quote"', "$(touch bfx-pwned)", "`id`", "a;b|c&d", "*?[x]",
    "-n", "--help", "line\nend", "tab\there", "back\\slash", "ünïcode", "%s%d", "!bang", "#hash", "~",
)  # fmt: skip


@pytest.fixture(params=ODD_NAMES)
def odd(request: pytest.FixtureRequest) -> Iterator[str]:
    """A name that a shell could take for something else; nothing of it was executed in the end."""
    yield request.param
    assert not Path("/bfx-pwned").exists()
