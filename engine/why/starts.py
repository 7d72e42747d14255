"""Why a unit was due when it was: what it waited for, and which of it came last."""

from collections.abc import Iterable, Iterator

import msgspec

from breakfix.engine.run_plan import Unit
from breakfix.engine.values import format_seconds
from breakfix.engine.why.replay import Replay
from breakfix.engine.why.sentences import Awaited, Sentence


def at(at_s: float) -> str:
    """An instant of the run."""
    return f"{at_s:.3f} s"


def awaited_by(replay: Replay, unit: str) -> tuple[Awaited, ...]:
    """The dependencies of a unit as they turned out, the decisive one marked."""
    found = []
    for group, links in sorted(replay.links.get(unit, {}).items()):
        for link in links:
            held = replay.held.get((link.source, link.milestone))
            holds = held is not None and held.holds
            found.append(
                Awaited(
                    source=link.source,
                    milestone=link.milestone,
                    group=group,
                    after_s=link.after_s,
                    holds=None if held is None else held.holds,
                    at_s=None if held is None else held.at_s,
                    due_at_s=held.at_s + link.after_s if held is not None and holds else None,
                    line=None if held is None else held.line,
                )
            )
    last = _decisive(found)
    return tuple(
        msgspec.structs.replace(item, decisive=True) if item is last else item for item in found
    )


def _decisive(found: list[Awaited]) -> Awaited | None:
    """Of each group the first to hold counts, of these the one that was due last; None while a group
    is open."""
    first: dict[int, Awaited | None] = {item.group: None for item in found}
    for item in found:
        best = first[item.group]
        if item.holds and (best is None or (item.line or 0) < (best.line or 0)):
            first[item.group] = item
    chosen = [item for item in first.values() if item is not None]
    if len(chosen) < len(first):
        return None
    return max(chosen, key=lambda item: (item.due_at_s or 0.0, item.line or 0), default=None)


def due_sentences(awaited: Iterable[Awaited]) -> Iterator[Sentence]:
    """Each dependency with when it held; the last one is named."""
    items = list(awaited)
    if not items:
        yield Sentence(kind="dependency", text="It waits for no other step.")
        return
    alternatives = {item.group for item in items if sum(i.group == item.group for i in items) > 1}
    for item in items:
        need = f"{item.source} {item.milestone}"
        which = "One of several that would do: " if item.group in alternatives else "Waits for "
        if item.holds is None:
            text = f"{which}{need}: open yet"
        elif not item.holds:
            text = f"{which}{need}: since {at(item.at_s or 0.0)} that can never hold"
        else:
            text = f"{which}{need}: held at {at(item.at_s or 0.0)}"
            if item.after_s:
                due = at(item.due_at_s or 0.0)
                text += f", and {format_seconds(item.after_s)} after that is {due}"
        if item.decisive and len(items) > 1:
            text += "; this was the last"
        lines = (item.line,) if item.line is not None else ()
        yield Sentence(kind="dependency", text=f"{text}.", lines=lines)


def start_sentence(replay: Replay, unit: Unit, due_at_s: float | None) -> Sentence | None:
    """When it ran, and how long after it was due."""
    begun = replay.begun(unit.id)
    if begun is None:
        return None
    line = begun[0]
    text = f"Started at {at(line.at_s)}"
    if due_at_s is not None:
        late_s = line.at_s - due_at_s
        text += f", {format_seconds(max(0.0, late_s))} after it was due ({at(due_at_s)})"
    return Sentence(kind="start", text=f"{text}.", lines=(line.seq,))
