"""The live view of a run: a table on a terminal, plain lines elsewhere.

It is fed with the lines of the journal as they are appended. Nothing that it does may hold the run
up or end it: lines are written by a thread of their own, and a reader that went away is forgotten.
"""

import contextlib
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from queue import SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TextIO

from msgspec import Struct

from breakfix.engine.cli.crowds import Crowd, Crowds
from breakfix.engine.cli.narration import NORMAL, QUIET, VERBOSE
from breakfix.engine.cli.watching import Watching
from breakfix.engine.events import (
    CancelRequested,
    Event,
    FaultActive,
    FaultApplied,
    FaultEnded,
    FaultEnding,
    FaultIntended,
    FaultResidue,
    Line,
    PlanMade,
    RunStarted,
    SampleTaken,
    UnitChanged,
)
from breakfix.engine.model import Step
from breakfix.engine.values import format_seconds
from breakfix.reports.lines import plain

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

_ROWS_MAX: Final = 12
_REFRESHES_PER_S: Final = 8
_DRAIN_S: Final = 2.0
"""How long the end of the view waits for a reader that does not read."""

_FINAL: Final = frozenset({"skipped", "blocked", "succeeded", "failed", "errored", "cancelled"})
_TONES: Final = {"inject": "magenta", "detect": "yellow", "remediate": "blue", "verify": "green"}


class Broken(Struct, frozen=True, kw_only=True):
    """A fault that is open: what, where, how far, and since when."""

    fault: str
    action: str
    target: str
    state: str
    since_s: float


class Progress:
    """What is going on: a fold over the events so far."""

    def __init__(self) -> None:
        self.run_id = ""
        self.steps: dict[str, Step] = {}
        self.total = 0
        self.over = 0
        self.running: dict[str, float] = {}
        self.broken: dict[str, Broken] = {}
        self.seen: dict[str, str] = {}
        self.stopping = ""
        self.crowds = Crowds()

    def feed(self, at_s: float, event: Event) -> None:
        """One event."""
        match event:
            case RunStarted():
                self.run_id = event.run_id
            case PlanMade():
                self.total = len(event.plan.units)
                self.steps = {step.id: step for step in event.plan.scenario.steps}
            case UnitChanged(state="running"):
                self.running[event.unit] = at_s
            case UnitChanged() if event.state in _FINAL:
                self.running.pop(event.unit, None)
                self.over += 1
            case SampleTaken():
                self.seen[event.unit] = plain(f"{event.state}: {event.detail}")
            case CancelRequested():
                self.stopping = event.why
            case _:
                self._feed_fault(at_s, event)

    def _feed_fault(self, at_s: float, event: Event) -> None:
        match event:
            case FaultIntended():
                self.broken[event.fault] = Broken(
                    fault=event.fault,
                    action=event.action,
                    target=event.target,
                    state="beginning",
                    since_s=at_s,
                )
            case FaultApplied():
                self._change(event.fault, "applied", event.started_at_s)
            case FaultActive():
                self._change(event.fault, "active")
            case FaultEnding():
                self._change(event.fault, "ending")
            case FaultEnded():
                self.broken.pop(event.fault, None)
            case FaultResidue():
                self._change(event.fault, "left behind")

    def _change(self, fault: str, state: str, since_s: float | None = None) -> None:
        known = self.broken.get(fault)
        if known is not None:
            self.broken[fault] = Broken(
                fault=known.fault,
                action=known.action,
                target=known.target,
                state=state,
                since_s=known.since_s if since_s is None else since_s,
            )


class LiveView:
    """Shows a run while it goes on. Use it as a context manager, and give `on_line` each line.

    `verbosity` is below 0 (only what goes wrong), 0, or above (samples too). On a terminal there is
    a table unless it is below 0; `stream` is standard error, so that the report can be piped.
    """

    def __init__(self, *, verbosity: int = 0, stream: TextIO | None = None) -> None:
        self._verbosity = max(QUIET, min(VERBOSE, verbosity))
        self._stream = stream if stream is not None else sys.stderr
        self._progress = Progress()
        self._watching = Watching()
        self._lock = threading.Lock()
        self._zero_s: float | None = None
        self._queue: SimpleQueue[str | None] = SimpleQueue()
        self._writer: threading.Thread | None = None
        self._live: Any = None

    def __enter__(self) -> Self:
        if self._is_terminal() and self._verbosity >= NORMAL:
            from rich.console import Console
            from rich.live import Live

            self._live = Live(
                console=Console(file=self._stream),
                get_renderable=self._render,
                refresh_per_second=_REFRESHES_PER_S,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            with contextlib.suppress(OSError, ValueError):
                self._live.start()
        self._writer = threading.Thread(target=self._write, name="live view", daemon=True)
        self._writer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._queue.put(None)
        if self._writer is not None:
            self._writer.join(_DRAIN_S)
        if self._live is not None:
            with contextlib.suppress(OSError, ValueError):
                self._live.stop()

    def on_line(self, line: Line) -> None:
        """Take in one line of the journal; it returns at once and never raises."""
        with self._lock:
            self._zero_s = time.monotonic() - line.at_s
            self._progress.feed(line.at_s, line.event)
            told = [*self._progress.crowds.feed(line.event), *self._watching.feed(line.event)]
        # The table shows what goes on; beside it only what goes wrong is worth a line.
        shown = self._verbosity if self._live is None or self._verbosity > NORMAL else QUIET
        for one in told:
            if one.level <= shown:
                self._queue.put(f"{line.at_s:9.3f} s  {plain(one.text)}")

    def _is_terminal(self) -> bool:
        try:
            return self._stream.isatty() and os.environ.get("TERM") != "dumb"
        except ValueError:
            return False

    def _write(self) -> None:
        while (text := self._queue.get()) is not None:
            try:
                if self._live is not None:
                    self._live.console.print(text, markup=False, highlight=False)
                    continue
                encoding = self._stream.encoding or "utf-8"
                self._stream.write(text.encode(encoding, "replace").decode(encoding) + "\n")
                self._stream.flush()
            except (OSError, ValueError):
                return

    # --- the table ---

    def _render(self) -> "RenderableType":
        from rich.console import Group

        with self._lock:
            progress = self._progress
            now_s = 0.0 if self._zero_s is None else time.monotonic() - self._zero_s
            head = _line(
                (progress.run_id or "breakfix", "bold"),
                f"  {format_seconds(now_s)}",
                (f"  {progress.over} of {progress.total} steps over", "dim"),
            )
            if progress.stopping:
                head.append(f"  stopping: {progress.stopping}", "yellow")
            return Group(
                head,
                *self._steady_rows(now_s),
                *self._broken_rows(now_s),
                *self._down_rows(now_s),
                *self._running_rows(now_s),
            )

    def _steady_rows(self, now_s: float) -> "Iterator[RenderableType]":
        watching = self._watching
        if watching.awaited_since_s is not None:
            seen = ", ".join(f"{probe} {state}" for probe, state in watching.awaited.items())
            yield _line(
                ("  waiting  ", "dim"),
                "for the steady state",
                (f"  {format_seconds(max(0.0, now_s - watching.awaited_since_s))}", "bold"),
                (f"  {plain(seen)[:60]}", "dim"),
            )

    def _down_rows(self, now_s: float) -> "Iterator[RenderableType]":
        down = list(self._watching.down.items())
        for probe, one in down[:_ROWS_MAX]:
            yield _line(
                ("  bad      ", "bold red"),
                f"observer {probe}",
                (f"  for {format_seconds(max(0.0, now_s - one.since_s))}", "bold"),
                (f"  {plain(one.detail)[:60]}", "dim"),
            )
        yield from self._left(len(down), "observers")

    def _broken_rows(self, now_s: float) -> "Iterator[RenderableType]":
        broken: list[Broken] = []
        crowds: dict[str, list[Broken]] = {}
        for fault in self._progress.broken.values():
            crowd = self._progress.crowds.of(fault.fault)
            (broken if crowd is None else crowds.setdefault(crowd.step, [])).append(fault)
        for step, faults in crowds.items():
            states = Counter(fault.state for fault in faults)
            yield _line(
                ("  broken   ", "bold red"),
                f"{len(faults)} targets of {step}",
                f"  {faults[0].action}, " + ", ".join(f"{n} {name}" for name, n in states.items()),
                (f"  for up to {_ago(now_s, (fault.since_s for fault in faults))}", "bold"),
            )
        for fault in broken[:_ROWS_MAX]:
            yield _line(
                ("  broken   ", "bold red"),
                fault.target or fault.fault,
                f"  {fault.action}, {fault.state}",
                (f"  for {format_seconds(max(0.0, now_s - fault.since_s))}", "bold"),
            )
        yield from self._left(len(broken), "faults")

    def _running_rows(self, now_s: float) -> "Iterator[RenderableType]":
        held = {fault.partition("#")[0] for fault in self._progress.broken}
        running: list[tuple[str, float]] = []
        crowds: dict[str, list[float]] = {}
        for unit, since_s in self._progress.running.items():
            crowd = self._progress.crowds.of(unit)
            if crowd is not None:
                crowds.setdefault(crowd.step, []).append(since_s)
            elif unit not in held:
                running.append((unit, since_s))
        for name, since in crowds.items():
            yield self._crowd_row(self._progress.crowds.by_step[name], since, now_s)
        for unit, since_s in running[:_ROWS_MAX]:
            phase = self._phase(unit.partition("@")[0])
            yield _line(
                (f"  {phase:<9}", _TONES.get(phase, "dim")),
                unit,
                (f"  {format_seconds(max(0.0, now_s - since_s))}", "bold"),
                (f"  {self._progress.seen.get(unit, '')[:60]}", "dim"),
            )
        yield from self._left(len(running), "steps")

    def _crowd_row(self, crowd: Crowd, since: list[float], now_s: float) -> "RenderableType":
        """A step on many targets."""
        phase = self._phase(crowd.step)
        return _line(
            (f"  {phase:<9}", _TONES.get(phase, "dim")),
            crowd.step,
            f"  {crowd.words()}, {len(since)} at work",
            (f"  for up to {_ago(now_s, since)}", "bold"),
        )

    def _phase(self, step_id: str) -> str:
        step = self._progress.steps.get(step_id)
        return step.phase if step is not None else ""

    @staticmethod
    def _left(count: int, what: str) -> "Iterator[RenderableType]":
        if count > _ROWS_MAX:
            yield _line((f"  and {count - _ROWS_MAX} more {what}", "dim"))


def _ago(now_s: float, since: Iterable[float]) -> str:
    """How long ago the first of some instants was."""
    return format_seconds(max(0.0, now_s - min(since)))


def _line(*pieces: str | tuple[str, str]) -> "Text":
    """One line of the table, cut at the terminal's edge."""
    from rich.text import Text

    return Text.assemble(*pieces, no_wrap=True, overflow="ellipsis")
