"""A batch of commands on hosts, with its progress on a terminal, and an end in order when it is interrupted."""

import contextlib
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from breakfix.engine.batch import Answer, Batch
from breakfix.engine.values import format_seconds

if TYPE_CHECKING:
    from rich.text import Text

_REFRESHES_PER_S: Final = 8
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_AGAIN_S: Final = 0.5
"""A signal may come twice at once: to the group of processes, and from whoever started us."""

_SLOW_S: Final = 2.0
_NAMES_MAX: Final = 3


class Progress:
    """How far a batch is, as one line."""

    def __init__(self, batch: Batch, total: int) -> None:
        self._batch = batch
        self._total = total
        self._began_s = time.monotonic()
        self.states: Counter[str] = Counter()
        self.stopping = False

    def line(self) -> "Text":
        """``312 of 500 hosts, 2 failed, 50 at work, 4.1 s; waiting for db-9``."""
        from rich.text import Text

        from breakfix.reports.ranges import named

        now_s = time.monotonic()
        at_work = dict(self._batch.at_work)
        parts = [f"{self.states.total()} of {self._total} hosts"]
        parts += [f"{n} {state}" for state, n in self.states.items() if state != "succeeded"]
        parts += [f"{len(at_work)} at work", format_seconds(now_s - self._began_s)]
        text = ", ".join(parts)
        if self.stopping:
            text += "; ending the commands at work"
        elif slow := [name for name, since_s in at_work.items() if now_s - since_s > _SLOW_S]:
            text += f"; waiting for {named(slow, most=_NAMES_MAX)}"
        return Text(text, style="dim", no_wrap=True, overflow="ellipsis")


class Told:
    """What has become of a batch: the answers, and whether it was interrupted."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.interrupted_s: float | None = None

    @property
    def interrupted(self) -> bool:
        """Somebody asked for the end before it was there."""
        return self.interrupted_s is not None


def ask_all(
    batch: Batch,
    names: Sequence[str],
    told: Told,
    *,
    progress: bool,
    on_answer: Callable[[Answer], None] = lambda answer: None,
) -> None:
    """Ask every host, and put the answers into `told`. A signal ends the commands at work on their hosts,
    and begins no other; a second one leaves them."""
    line = Progress(batch, len(names))

    def answered(answer: Answer) -> None:
        told.answers[answer.host] = answer
        line.states[answer.state] += 1
        on_answer(answer)

    def interrupted() -> None:
        now_s = time.monotonic()
        if told.interrupted_s is None:
            told.interrupted_s, line.stopping = now_s, True
        elif now_s - told.interrupted_s > _AGAIN_S:
            batch.leave()
        batch.stop.set()

    with on_signals(interrupted), _shown(line, wanted=progress):
        batch.run(names, answered)
    for name in names:
        # Left in the middle by somebody who would not wait.
        if name not in told.answers:
            why = "nobody waited for its end; the command may still run there"
            told.answers[name] = Answer(host=name, state="stopped", why=why)


@contextlib.contextmanager
def on_signals(act: Callable[[], None]) -> Iterator[None]:
    """Call this when a signal asks for the end, instead of dying."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number in _SIGNALS:
        signal.signal(number, lambda number, frame: act())
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def is_terminal(stream: Any) -> bool:
    """Whether lines can be drawn anew on it."""
    try:
        return bool(stream.isatty()) and os.environ.get("TERM") != "dumb"
    except ValueError:
        return False


@contextlib.contextmanager
def _shown(line: Progress, *, wanted: bool) -> Iterator[None]:
    """The progress on standard error, where that is a terminal."""
    if not wanted or not is_terminal(sys.stderr):
        yield
        return
    from rich.console import Console
    from rich.live import Live

    with Live(
        console=Console(file=sys.stderr),
        get_renderable=line.line,
        refresh_per_second=_REFRESHES_PER_S,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    ):
        yield
