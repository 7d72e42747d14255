"""How probes look at hosts: one command that reads, and what follows where it gave no answer.

A host that refuses, does not answer or goes away is bad: it was asked. What we could not try, for want of
a right, a program or a host key, is blind.
"""

import re

from msgspec import structs

from breakfix.engine import host_ops
from breakfix.engine.action import HostFacts, Observation, Port
from breakfix.engine.ops import ExecOp, Outcome

NOT_THERE = 3
"""How a script that reads ends where what it is to look at is not there: that is an answer, and bad."""


def facts_of(port: Port) -> HostFacts:
    """Those of the host that a probe looks at."""
    assert isinstance(port.facts, HostFacts)
    return port.facts


def argv_op(facts: HostFacts, *argv: str, root: bool = False) -> ExecOp:
    """What reads by one command, without a shell."""
    return ExecOp(
        via="ssh",
        argv=argv,
        sudo=root and facts.root == "sudo",
        changes="no",
        target=facts.identity,
    )


def script_op(facts: HostFacts, text: str, *args: str, root: bool = False) -> ExecOp:
    """What reads by a script, with `args` as its ``$1`` and so on."""
    return host_ops.script(facts, text, *args, root=root, changes="no")


async def look(port: Port, op: ExecOp) -> Outcome:
    """Run it on the host, within the time-out of the sample."""
    return await port.read(structs.replace(op, timeout_s=min(op.timeout_s, port.timeout_s)))


def not_read(outcome: Outcome, name: str) -> Observation | None:
    """What a probe says where its command gave no answer on the host `name`; None where it did."""
    if outcome.ok and not outcome.cut:
        return None
    if outcome.unreachable or outcome.gone:
        return Observation(holds=False, detail=outcome.error)
    said = last_line(outcome.stderr)
    if outcome.code == NOT_THERE and not outcome.error:
        return Observation(holds=False, detail=f"host {name}: {said}")
    if outcome.code is None or outcome.error:
        return Observation(holds=None, detail=outcome.error or f"host {name}: no answer")
    why = said or ("too much output" if outcome.cut else f"exit code {outcome.code}")
    return Observation(holds=None, detail=f"host {name}: {why}")


def last_line(text: str) -> str:
    """The last line that says something, shortened."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return re.sub(r"\s+", " ", lines[-1])[:200] if lines else ""
