"""One command on many hosts, outside of a run: so many at a time, and every answer as it comes."""

import queue
import signal
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct, structs

from breakfix.engine.errors import BreakfixError
from breakfix.engine.ops import ExecOp, Outcome
from breakfix.engine.vehicles.ssh.waiting import NotReached, OutOfTime, Patience, Stopped

if TYPE_CHECKING:
    from breakfix.engine.vehicles.ssh.pool import SshHosts

CONNECT_S: Final = 30.0
"""How long it may take to get onto a host."""

_LOOK_EVERY_S: Final = 0.05

State = Literal["succeeded", "failed", "unreachable", "stopped"]


class Answer(Struct, frozen=True, kw_only=True):
    """What came of the command on one host. `unreachable`: we did not get onto it, and nothing was run;
    `stopped`: it was told to stop, before it began or in the middle. `why` says what is wrong where the
    command did not tell it by its exit code."""

    host: str
    state: State
    why: str = ""
    code: int | None = None
    stdout: str = ""
    stderr: str = ""
    cut: bool = False
    """There was more output than is kept."""
    took_s: float = 0.0


class Batch:
    """Runs `op_of(host)` on hosts, `concurrency` of them at a time. `at_work` has the hosts that are being
    asked, each with the instant (of time.monotonic) since when; `mask` takes secrets out of what comes back."""

    def __init__(
        self,
        ssh: "SshHosts",
        op_of: Callable[[str], ExecOp],
        *,
        concurrency: int,
        mask: Callable[[str], str] = str,
    ) -> None:
        self._ssh = ssh
        self._mask = mask
        self._op_of = op_of
        self._concurrency = concurrency
        self._texts: dict[str, str] = {}
        self._left = False
        self.stop = threading.Event()
        self.at_work: dict[str, float] = {}

    def run(self, names: Iterable[str], on_answer: Callable[[Answer], None]) -> bool:
        """Ask every host; `on_answer` is called by this thread, once for each, in the order in which they
        answer. When `stop` is set, commands at work are ended on their hosts, and no other begins.

        False where it was told to `leave`, and some have not answered.
        """
        todo: queue.SimpleQueue[str] = queue.SimpleQueue()
        count = 0
        for name in names:
            todo.put(name)
            count += 1
        answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        for _ in range(min(self._concurrency, count)):
            threading.Thread(
                target=self._work, args=(todo, answers), name="batch", daemon=True
            ).start()
        while count:
            try:
                # A signal is handled between two of these.
                answer = answers.get(timeout=_LOOK_EVERY_S)
            except queue.Empty:
                if self._left:
                    return False
                continue
            count -= 1
            on_answer(answer)
        return True

    def leave(self) -> None:
        """Do not wait for the commands at work any more: they may go on on their hosts."""
        self._left = True

    def _work(self, todo: "queue.SimpleQueue[str]", answers: "queue.SimpleQueue[Answer]") -> None:
        while True:
            try:
                name = todo.get_nowait()
            except queue.Empty:
                return
            started_s = self.at_work[name] = time.monotonic()
            answer = self._ask(name)
            del self.at_work[name]
            took_s = time.monotonic() - started_s
            answers.put(structs.replace(answer, took_s=took_s))

    def _ask(self, name: str) -> Answer:
        if self.stop.is_set():
            return Answer(host=name, state="stopped", why="it was not begun")
        try:
            patience = Patience(time.monotonic() + CONNECT_S, self.stop)
            self._ssh.link(self._ssh.hosts[name]).connected(patience)
            outcome = self._ssh.run(name, self._op_of(name), self.stop)
        except NotReached as failure:
            return Answer(host=name, state="unreachable", why=str(failure))
        except BreakfixError as error:
            return Answer(host=name, state="unreachable", why=str(error))
        except OutOfTime:
            why = f"{name} was not reached within {CONNECT_S:g} s"
            return Answer(host=name, state="unreachable", why=why)
        except Stopped:
            return Answer(host=name, state="stopped", why="it was not begun")
        except Exception as error:
            why = f"unexpected {type(error).__name__}: {error}"
            return Answer(host=name, state="failed", why=why)
        return self._answer(name, outcome)

    def _answer(self, name: str, outcome: Outcome) -> Answer:
        state: State = "succeeded" if outcome.ok else "failed"
        # What ended it was our signal then, or it never began.
        if self.stop.is_set() and outcome.error and (outcome.code is None or outcome.code < 0):
            state = "stopped"
        elif outcome.unreachable:
            state = "unreachable"
        return Answer(
            host=name,
            state=state,
            why=self._mask(outcome.error or _by_signal(outcome.code)),
            code=outcome.code,
            stdout=self._kept(outcome.text),
            stderr=self._kept(outcome.stderr),
            cut=outcome.cut,
        )

    def _kept(self, text: str) -> str:
        """The same text once, however many hosts give it."""
        masked = self._mask(text)
        return self._texts.setdefault(masked, masked)


def _by_signal(code: int | None) -> str:
    """In words, where a negative code says that a signal ended the command."""
    if code is None or code >= 0:
        return ""
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"was ended by {name}"
