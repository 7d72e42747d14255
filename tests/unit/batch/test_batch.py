"""A batch: so many hosts at a time, one answer for each, and an end in order."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from breakfix.engine.batch import Answer, Batch
from breakfix.engine.errors import VehicleError
from breakfix.engine.ops import ExecOp, Outcome
from breakfix.engine.vehicles.ssh.waiting import NotReached, OutOfTime, Patience, Stopped

OP = ExecOp(via="ssh", argv=("true",))
PATIENCE_S = 30.0


class FakeSsh:
    """Hosts that answer as they are told to, by their names; `most` is how many were asked at once."""

    def __init__(self, answers: dict[str, Callable[[threading.Event | None], Outcome]]) -> None:
        self._answers = answers
        self.hosts = {name: name for name in answers}
        self.refuse: dict[str, Exception] = {}
        self.ran: list[str] = []
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()

    def link(self, host: str) -> Any:
        """What there is to a host."""
        ssh = self

        class Link:
            def connected(self, patience: Patience) -> None:
                if host in ssh.refuse:
                    raise ssh.refuse[host]

        return Link()

    def run(self, name: str, op: ExecOp, stop: threading.Event | None = None) -> Outcome:
        """One command."""
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
            self.ran.append(name)
        try:
            return self._answers[name](stop)
        finally:
            with self._lock:
                self._now -= 1


def asked(ssh: Any, *, concurrency: int = 50, stop_after: int | None = None) -> dict[str, Answer]:
    """The answers of all hosts."""
    batch = Batch(ssh, lambda name: OP, concurrency=concurrency)
    found: dict[str, Answer] = {}

    def take(answer: Answer) -> None:
        assert answer.host not in found
        found[answer.host] = answer
        if stop_after is not None and len(found) >= stop_after:
            batch.stop.set()

    assert batch.run(list(ssh.hosts), take)
    assert batch.at_work == {}
    return found


def good(stop: threading.Event | None) -> Outcome:
    """It goes well."""
    return Outcome(ok=True, code=0, text="hello\n")


def slow(stop: threading.Event | None) -> Outcome:
    """It goes on until it is ended."""
    assert stop is not None
    assert stop.wait(PATIENCE_S)
    return Outcome(ok=False, code=-9, error="was stopped before it was over and was ended")


@pytest.mark.parametrize("concurrency", [1, 7, 300])
def test_every_host_is_asked_once_and_never_too_many_at_a_time(concurrency: int) -> None:
    """One answer for each, whatever the order."""
    ssh = FakeSsh({f"h{number}": good for number in range(200)})
    found = asked(ssh, concurrency=concurrency)
    assert set(found) == set(ssh.hosts)
    assert {answer.state for answer in found.values()} == {"succeeded"}
    assert sorted(ssh.ran) == sorted(ssh.hosts)
    assert 1 <= ssh.most <= concurrency


def test_what_came_of_it_is_told_apart() -> None:
    """A command that failed, a host that was not reached, and one that was lost in the middle."""
    ssh = FakeSsh(
        {
            "good": good,
            "bad": lambda stop: Outcome(ok=False, code=2, stderr="no"),
            "slow": lambda stop: Outcome(ok=False, code=-9, error="took longer than 1 s"),
            "lost": lambda stop: Outcome(ok=False, unreachable=True, error="broke"),
            "dead": good,
            "late": good,
            "odd": good,
            "broken": good,
        }
    )
    ssh.refuse = {
        "dead": NotReached("dead cannot be reached", hint="Is it on?"),
        "late": OutOfTime(),
        "odd": VehicleError("needs a secret"),
        "broken": RuntimeError("oh"),
    }
    found = asked(ssh)
    assert {name: answer.state for name, answer in found.items()} == {
        "good": "succeeded", "bad": "failed", "slow": "failed", "lost": "unreachable",
        "dead": "unreachable", "late": "unreachable", "odd": "unreachable", "broken": "failed",
    }  # fmt: skip
    assert found["dead"].why == "dead cannot be reached. Is it on?"
    assert "late was not reached within" in found["late"].why
    assert found["bad"].code == 2 and found["bad"].stderr == "no"


def test_a_slow_host_holds_up_nobody() -> None:
    """The others have all answered while it is still at work."""
    answers: dict[str, Callable[[threading.Event | None], Outcome]] = {
        f"h{number}": good for number in range(100)
    }
    ssh = FakeSsh({"slow": slow, **answers})
    found = asked(ssh, concurrency=2, stop_after=100)
    assert found["slow"].state == "stopped"
    assert sum(answer.state == "succeeded" for answer in found.values()) == 100


def test_when_it_is_stopped_no_other_command_begins() -> None:
    """Those at work are ended, and what had answered is kept."""
    ssh = FakeSsh({"first": good, **{f"h{number}": slow for number in range(50)}})
    found = asked(ssh, concurrency=3, stop_after=1)
    assert found["first"].state == "succeeded"
    states = [answer.state for name, answer in found.items() if name != "first"]
    assert states == ["stopped"] * 50
    assert len(ssh.ran) <= 1 + 3 + 3
    assert {answer.why for answer in found.values()} >= {"it was not begun"}


def test_connecting_can_be_stopped() -> None:
    """What was told to stop before it was on the host has run nothing."""
    ssh = FakeSsh({"a": good})
    ssh.refuse = {"a": Stopped()}
    assert asked(ssh)["a"].state == "stopped"
    assert ssh.ran == []


def test_it_can_be_left() -> None:
    """A command that does not end even when it is told to is not waited for for ever."""
    never = threading.Event()
    ssh: Any = FakeSsh({"a": lambda stop: Outcome(ok=never.wait(PATIENCE_S))})
    batch = Batch(ssh, lambda name: OP, concurrency=1)
    threading.Timer(0.1, batch.leave).start()
    found: list[Answer] = []
    try:
        assert not batch.run(["a"], found.append)
    finally:
        never.set()
    assert found == []


def test_secrets_are_masked_and_equal_texts_kept_once() -> None:
    """In output and errors alike."""
    ssh: Any = FakeSsh({"a": good, "b": good})
    batch = Batch(
        ssh, lambda name: OP, concurrency=1, mask=lambda text: text.replace("hell", "***")
    )
    found: list[Answer] = []
    batch.run(["a", "b"], found.append)
    assert found[0].stdout == "***o\n"
    assert found[0].stdout is found[1].stdout


@pytest.mark.parametrize(
    ("code", "why"), [(-9, "was ended by SIGKILL"), (-99, "was ended by signal 99")]
)
def test_a_signal_is_told(code: int, why: str) -> None:
    """A command that a signal ended has no exit code that would say so."""
    ssh: Any = FakeSsh({"a": lambda stop: Outcome(ok=False, code=code)})
    answer = asked(ssh)["a"]
    assert (answer.state, answer.code, answer.why) == ("failed", code, why)
