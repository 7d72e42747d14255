"""A host as a test of faults needs it: what the engine does with one fault on it, without a run."""

import secrets
import threading
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import structs

from breakfix.engine import deadman
from breakfix.engine.action import Fault, HostFacts
from breakfix.engine.catalogue import load
from breakfix.engine.checks import judge
from breakfix.engine.ending import end
from breakfix.engine.endpoints import Host
from breakfix.engine.events import FaultEnded, FaultIntended
from breakfix.engine.faults import Injected, inject
from breakfix.engine.journal import Journal, read
from breakfix.engine.open_faults import open_faults
from breakfix.engine.ops import Check, ExecOp, Op, Outcome, Plan
from breakfix.engine.targets import host as hosts
from breakfix.engine.vehicles.ssh.pool import SshHosts

RUN = f"20260101-010203-test-{secrets.token_hex(4)}"
"""What the names of the state folders begin with."""


class FaultyHost:
    """One host as a user reaches it, and what the engine does with a fault on it."""

    def __init__(self, made: Host, journal: Journal) -> None:
        self.ssh = SshHosts({made.name: made}, lambda text: text, prefix=f"{journal.path.parent.name}.")
        self.journal = journal
        self.name = made.name
        self.facts: HostFacts = hosts.facts(self.ssh, made.name)

    def run(self, op: Op, *, stop: threading.Event | None = None) -> Outcome:
        """As a vehicle does."""
        assert isinstance(op, ExecOp) and op.target is not None
        return self.ssh.run(op.target.endpoint, op, stop)

    def named(self, without: Sequence[str] = ()) -> HostFacts:
        """The facts for one fault, on a host that has not got some of its tools."""
        tools = tuple(tool for tool in self.facts.tools if tool not in without)
        facts = deadman.named(self.facts, RUN, f"break@{secrets.token_hex(4)}#1")
        assert isinstance(facts, HostFacts)
        return structs.replace(facts, tools=tools)

    def intent(self, action: str, facts: HostFacts, after_s: float, **given: Any) -> FaultIntended:
        """A fault with its switch."""
        made = msgspec.convert(given, load([action])[action])
        assert isinstance(made, Fault)
        plan: Plan = made.plan(facts)
        return FaultIntended(
            fault=f"break#{secrets.token_hex(4)}",
            unit="break",
            action=action,
            target=self.name,
            plan=deadman.armed(plan, facts, after_s),
            lasting=True,
            hold_s=1.0,
            due_at_s=0.0,
        )

    def inject(self, intent: FaultIntended) -> Injected:
        """Inject it."""
        return inject(intent, self.journal, self, threading.Event())

    def end(self) -> FaultEnded:
        """End what is open."""
        (fault,) = open_faults(read(self.journal.path))
        came = end(fault, self.journal, self, why="over", by="engine")
        assert isinstance(came, FaultEnded), came
        return came

    def holds(self, checks: Sequence[Check]) -> list[bool]:
        """What each check says right now."""
        return [judge(check, self.run(check.op)).holds for check in checks]

    def is_armed(self, intent: FaultIntended) -> bool:
        """Whether the state folder of a fault is there."""
        (arm,) = intent.plan.arm
        assert isinstance(arm, ExecOp)
        op = structs.replace(arm, argv=("test", "-e", arm.argv[4]), changes="no")
        return self.run(op).ok
