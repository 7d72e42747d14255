"""The judge of checks."""

import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breakfix.engine.checks import judge, wait_for
from breakfix.engine.ops import Check, Op, Outcome, ProcessOp

OP = ProcessOp(mark="m")


def check(pick: str, is_: Any, value: Any = None, **more: Any) -> Check:
    """A check over any op."""
    return Check(op=OP, pick=pick, is_=is_, value=value, **more)


DATA = {"State": {"Pid": 7, "Names": ["a", "b"], "a/b": 1}, "limit": None}


@pytest.mark.parametrize(
    ("pick", "is_", "value", "holds"),
    [
        ("/State/Pid", "eq", 7, True),
        ("/State/Pid", "ne", 7, False),
        ("/State/Pid", "lt", 8, True),
        ("/State/Pid", "ge", 8, False),
        ("/State/Names/1", "matches", "^b$", True),
        ("/State/a~1b", "eq", 1, True),
        ("/State/Nope", "absent", None, True),
        ("/State/Nope", "ne", 1, False),
        ("/State/Pid", "present", None, True),
        ("/limit", "le", 5, False),
        ("/limit", "present", None, True),
        ("/State", "gt", 1, False),
        ("/State/Names/9", "present", None, False),
        ("code", "eq", 200, True),
        ("text", "matches", "hello", True),
        (r"re:(\d+) ms", "eq", "12", True),
        (r"re:(\d+) hours", "absent", None, True),
    ],
)
def test_how_values_are_picked_and_compared(pick: str, is_: str, value: Any, holds: bool) -> None:
    """JSON pointers, codes, text and groups; what is missing meets nothing but `absent`."""
    outcome = Outcome(ok=True, code=200, data=DATA, text="hello after 12 ms")
    assert judge(check(pick, is_, value), outcome).holds is holds


def test_no_answer_meets_nothing() -> None:
    """Where the read failed nothing holds, not even that something is absent."""
    failed = Outcome(ok=False, code=404, error="no such container")
    assert not judge(check("/State", "absent"), failed).holds
    assert judge(check("code", "eq", 404), failed).holds


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(deadline=None, max_examples=100)
@given(
    ANY,
    ANY,
    st.sampled_from(["eq", "ne", "lt", "le", "gt", "ge", "matches", "absent", "present"]),
    st.sampled_from(["", "/a", "/0", "code", "text", "re:x"]),
)
def test_a_value_of_an_unexpected_type_is_never_an_exception(
    data: Any, value: Any, is_: str, pick: str
) -> None:
    """Whatever was picked and asked for: it holds or it does not."""
    if is_ == "matches":
        value = "x"
    judgement = judge(check(pick, is_, value), Outcome(ok=True, data=data))
    assert judgement.holds in (True, False)


class Script:
    """Gives outcomes one after the other, the last one for ever; its clock counts the reads."""

    def __init__(self, *values: int) -> None:
        self.values = values
        self.reads = 0

    def run(self, op: Op, *, stop: threading.Event | None = None) -> Outcome:
        self.reads += 1
        return Outcome(ok=True, data={"v": self.values[min(self.reads, len(self.values)) - 1]})

    def clock(self) -> float:
        return float(self.reads)


def test_waiting_ends_when_it_holds_and_bounds_the_instant() -> None:
    """Between the last read that did not hold and the first that did."""
    script = Script(0, 0, 1)
    wanted = check("/v", "eq", 1, within_s=100.0, every_s=0.0)
    result = wait_for(wanted, script, script.clock)
    assert (result.holds, result.value) == (True, 1)
    assert (result.after_at_s, result.before_at_s) == (1.0, 3.0)


def test_a_streak_must_be_unbroken() -> None:
    """One other value, and the count begins anew."""
    script = Script(1, 0, 1, 1)
    result = wait_for(
        check("/v", "eq", 1, within_s=100.0, every_s=0.0, streak=2), script, script.clock
    )
    assert (result.holds, script.reads) == (True, 4)


def test_waiting_has_an_end() -> None:
    """After `within_s`, or when it is told to stop."""
    script = Script(0)
    result = wait_for(check("/v", "eq", 1, within_s=5.0, every_s=0.0), script, script.clock)
    assert not result.holds
    stopped = threading.Event()
    stopped.set()
    script = Script(0)
    assert not wait_for(check("/v", "eq", 1, within_s=1e9), script, script.clock, stopped).holds
    assert script.reads == 1
