"""Which rule made the verdict of a run, and the lines of its journal that prove each ground."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from breakfix.engine.events import (
    CancelRequested,
    CommandEnded,
    Compared,
    FaultActive,
    FaultApplied,
    FaultEnded,
    FaultIntended,
    FaultResidue,
    GuardTripped,
    Line,
    MarkIntended,
    ObserverSampled,
    PlanMade,
    RepairEnded,
    RunEnded,
    RunErrored,
    RunInvalid,
    SampleTaken,
    Surveyed,
    WavesStopped,
    WriterTaken,
)
from breakfix.engine.expectations import in_words
from breakfix.engine.timeline import Interval, Record, Row, fold
from breakfix.engine.verdict import Finding, as_sentence, findings, judged_rows
from breakfix.engine.why.replay import E, Replay
from breakfix.engine.why.sentences import Ground, RunState, RunWhy, Sentence

LINES_MAX: Final = 8
"""How many lines one ground names; the first ones prove it."""
_RULES: Final = {
    6: "something was left behind",
    5: "our side failed",
    4: "the run was stopped from outside",
    2: "refused before anything was broken",
    1: "the system failed",
    0: "every rule is met",
}
_MARKS: Final = {
    "detected_within": ("t2", "t3"),
    "mitigated_within": ("t2", "t7"),
    "restored_within": ("t2", "t8"),
    "healed_by": ("t2", "t7"),
}


def why_run(lines: Iterable[Line], *, alive: bool = False) -> RunWhy:
    """Every ground for the verdict, the heaviest first; it never raises. `alive`: a writer still holds
    the journal, so that what is open may yet come to its end."""
    replay = Replay(lines)
    record = fold(replay.lines)
    judged = judged_rows(record)
    found = findings(record, judged)
    proofs = _Proofs(replay, record, judged)
    grounds = tuple(_ground(finding, proofs, judged) for finding in found)
    return RunWhy(
        run_id=record.run.run_id,
        scenario=record.run.scenario,
        run_state=run_state(replay, alive=alive),
        verdict=found[0].verdict,
        exit_code=found[0].exit_code,
        grounds=grounds,
        held=tuple(
            Ground(
                rule="an expectation holds",
                verdict="passed",
                exit_code=0,
                text=as_sentence(in_words(row)),
                lines=_few(proofs.row(row)),
                row=row,
            )
            for row in judged
            if row.verdict == "passed"
        ),
        notes=tuple(_notes(replay, record, found, judged)),
    )


def run_state(replay: Replay, *, alive: bool) -> RunState:
    """Whether the run has ended, goes on, or just stops."""
    return "ended" if replay.ended else "alive" if alive else "died"


def _ground(finding: Finding, proofs: "_Proofs", judged: tuple[Row, ...]) -> Ground:
    kind, name = finding.about
    rule = _RULES.get(finding.exit_code)
    if rule is None:
        rule = "too little evidence" if finding.verdict == "inconclusive" else "no evidence"
    return Ground(
        rule=rule,
        verdict=finding.verdict,
        exit_code=finding.exit_code,
        text=as_sentence(finding.reason),
        lines=_few(proofs.passed() if finding.exit_code == 0 else proofs.lines(kind, name)),
        row=judged[int(name)] if kind == "row" else None,
    )


def _notes(
    replay: Replay, record: Record, found: list[Finding], judged: tuple[Row, ...]
) -> Iterator[Sentence]:
    """What was said at the time and weighs no more, or does not weigh at all."""
    for line, ended in replay.of(RunEnded)[-1:]:
        if ended.exit_code != found[0].exit_code:
            said = f"exit code {ended.exit_code}: {as_sentence(ended.reason)}"
            yield Sentence(
                kind="state", text=f"When it ended, the {ended.by} gave {said}", lines=(line.seq,)
            )
    for row in judged if record.invalid else ():
        if row.verdict == "failed":
            text = f"Does not count, since the run is invalid: {in_words(row)}."
            yield Sentence(kind="state", text=text)
    for line, cancel in replay.of(CancelRequested):
        if ("cancel", cancel.why) not in [finding.about for finding in found]:
            text = f"The run was asked to stop ({cancel.source}): {as_sentence(cancel.why)}"
            yield Sentence(kind="state", text=text, lines=(line.seq,))


class _Proofs:
    """The numbers of the lines that prove something."""

    def __init__(self, replay: Replay, record: Record, judged: tuple[Row, ...]) -> None:
        self._replay = replay
        self._record = record
        self._judged = judged

    def lines(self, kind: str, name: str) -> Iterator[int]:
        """Those that a finding rests on; of what a journal lacks, its last line."""
        finders: dict[str, Callable[[str], Iterator[int]]] = {
            "fault": self._fault,
            "process": lambda mark: self._of(MarkIntended, lambda event: event.mark == mark),
            "repair": lambda unit: self._of(
                RepairEnded, lambda event: event.put_back and event.unit == unit
            ),
            "survey": lambda target: self._of(Surveyed, lambda event: target in event.targets),
            "error": lambda text: self._of(RunErrored, lambda event: event.message == text),
            "unit": self._unit,
            "step": self._step,
            "command": lambda index: self._of(
                CommandEnded,
                lambda event: event.stage == "teardown" and str(event.index) == index,
            ),
            "takeover": lambda _: self._takeover(),
            "cancel": lambda why: self._of(CancelRequested, lambda event: event.why == why),
            "guard": lambda guard: self._of(GuardTripped, lambda event: event.guard == guard),
            "invalid": lambda why: self._of(RunInvalid, lambda event: event.reason == why),
            "row": lambda index: self.row(self._judged[int(index)]),
        }
        found = finders[kind](name) if kind in finders else iter(())
        nothing = True
        for seq in found:
            nothing = False
            yield seq
        if nothing and self._replay.last:
            yield self._replay.last

    def passed(self) -> Iterator[int]:
        """Each fault seen effective, each verify unit with the sample that completed it."""
        yield from self._of(FaultActive)
        for name, unit in self._replay.units.items():
            if self._replay.steps[unit.step].phase == "verify":
                yield from self._unit(name)

    def row(self, row: Row) -> Iterator[int]:
        """What was observed of an expectation: the samples of its marks, the ends of its faults, or what
        its observer told."""
        if row.during is not None:
            yield from self._observed(row)
            return
        if row.expects == "not_worse_than":
            yield from self._of(Compared, lambda event: event.found.row == row.item)
            return
        if row.episode is None:
            step = self._replay.units_of.get(row.about)
            yield from self._step(row.about) if step else self._of(PlanMade)
            return
        episode = self._record.episodes[row.episode]
        own = [item.measured for item in episode.by_step if item.step == row.about]
        marks = (own or [episode.measured])[0].marks
        faults = set(episode.faults)
        yield from self._of(FaultApplied, lambda event: event.fault in faults)
        for name in _MARKS.get(row.expects, ("t2", "t8")):
            mark: Interval | None = getattr(marks, name)
            if mark is not None:
                yield from self._sample_that_ended(mark[1])
        if row.expects == "healed_by":
            yield from self._of(RepairEnded, lambda event: event.ok and not event.put_back)
            yield from self._of(FaultEnded, lambda event: event.fault in faults)
        elif row.observed_s is None:
            yield from [*self._of(SampleTaken, lambda event: not event.armed)][-1:]

    def _observed(self, row: Row) -> Iterator[int]:
        """What the observer told that was bad; of a latency, or where nothing was bad, all that it told."""

        def told(event: ObserverSampled) -> bool:
            return event.probe == row.probe

        bad = [
            *self._of(
                ObserverSampled,
                lambda event: told(event) and any(sample[0] == "bad" for sample in event.samples),
            )
        ]
        if not bad or row.expects.startswith("latency_"):
            yield from self._of(ObserverSampled, told)
        yield from bad

    # --- one kind of thing each ---

    def _of(self, kind: type[E], wanted: Callable[[E], bool] = lambda event: True) -> Iterator[int]:
        for line, _ in self._replay.of(kind, wanted):
            yield line.seq

    def _fault(self, fault: str) -> Iterator[int]:
        lines = self._replay.faults.get(fault, [])
        told = [line for line in lines if isinstance(line.event, FaultResidue | FaultEnded)]
        for line in told[-1:] or [line for line in lines if isinstance(line.event, FaultIntended)]:
            yield line.seq

    def _unit(self, unit: str) -> Iterator[int]:
        """Its last sample, then its last state."""
        change = self._replay.last_change(unit)
        if change is None:
            return
        before = [
            line for line, _ in self._replay.samples.get(unit, ()) if line.seq < change[0].seq
        ]
        yield from (line.seq for line in before[-1:])
        yield change[0].seq

    def _step(self, step: str) -> Iterator[int]:
        """What stopped its waves, and the units that did not succeed; of a step whose units all did, all of
        them."""
        yield from self._of(WavesStopped, lambda event: event.step == step)
        units = [unit.id for unit in self._replay.units_of.get(step, ())]
        wrong = [unit for unit in units if self._replay.state(unit) != "succeeded"]
        for unit in wrong or units:
            yield from self._unit(unit)

    def _takeover(self) -> Iterator[int]:
        yield from self._of(WriterTaken, lambda event: event.role != "engine")
        yield from self._of(FaultEnded, lambda event: event.by != "engine")

    def _sample_that_ended(self, at_s: float) -> Iterator[int]:
        found = self._of(
            SampleTaken,
            lambda event: not event.armed and max(event.started_at_s, event.ended_at_s) == at_s,
        )
        yield from [*found][:1]


def _few(lines: Iterable[int]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(lines))[:LINES_MAX]
