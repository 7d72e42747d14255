"""A run plan for people: each step with its commands and their undo, and the bounds of the whole."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from breakfix.engine.action import HostFacts
from breakfix.engine.describe import describe, describe_briefly, describe_check
from breakfix.engine.model import Hold, LocalCommand, Step
from breakfix.engine.ops import ExecOp, Plan
from breakfix.engine.run_plan import Link, RunPlan, TargetSet, Unit
from breakfix.engine.values import format_seconds, seconds
from breakfix.reports.fan_out import TARGET, WIDE, without
from breakfix.reports.ranges import named

_PATH_SHOWN_MAX: Final = 20
_KINDS_SHOWN_MAX: Final = 20
_ID_CHARS: Final = 8
"""What is shorter could stand in a text by chance."""
_MILESTONES: Final = {
    "active": "is active",
    "succeeded": "has succeeded",
    "failed": "has failed",
    "finished": "has finished",
    "undone": "is undone",
}


def render(plan: RunPlan) -> str:
    """The whole plan, in the order in which its steps may begin."""
    parts = [
        _head(plan),
        *_targets(plan),
        *_local_commands("Set-up, before targets are resolved", plan.scenario.setup),
        "",
        "Steps",
        *_steps(plan),
        *_local_commands("Teardown, whatever happens", plan.scenario.teardown),
        "",
        *_bounds(plan),
    ]
    return "\n".join(parts)


def _head(plan: RunPlan) -> str:
    units, targets = _count(len(plan.units), "unit"), _count(len(plan.bindings), "target")
    return f"{plan.scenario.name}: {units} on {targets}, seed {plan.seed}"


def _targets(plan: RunPlan) -> Iterator[str]:
    if not plan.sets:
        return
    yield ""
    yield "Targets"
    width = max(len(name) for name in plan.sets)
    for name, chosen in plan.sets.items():
        yield f"  {name:<{width}}  {chosen.share}: {_members(chosen)}"
        if name in plan.blast:
            yield f"  {'':<{width}}  under a fault: {plan.blast[name]}"
    yield from _hosts(plan)


def _hosts(plan: RunPlan) -> Iterator[str]:
    hosts = {
        key: binding.facts
        for key, binding in plan.bindings.items()
        if isinstance(binding.facts, HostFacts)
    }
    if not hosts:
        return
    yield ""
    yield "Hosts"
    if len(hosts) > WIDE:
        yield from _many_hosts(hosts)
        return
    width = max(map(len, hosts))
    for name, facts in hosts.items():
        key, _, where = facts.identity.object_id.partition("@")
        yield f"  {name:<{width}}  {facts.user} at {where}, {_powers(facts)}, key {key}"


def _many_hosts(hosts: Mapping[str, HostFacts]) -> Iterator[str]:
    """Those that are reached as the same user, and that can the same, together."""
    kinds: dict[str, list[str]] = {}
    for name, facts in hosts.items():
        kinds.setdefault(f"as {facts.user}, {_powers(facts)}", []).append(name)
    for kind, names in kinds.items():
        yield f"  {len(names)} hosts {kind}: {named(names, most=10)}"


def _powers(facts: HostFacts) -> str:
    root = {"login": "is root", "sudo": "root by sudo", "": "never root"}[facts.root]
    return f"{root}, {'systemd' if facts.systemd else 'no systemd'}"


def _members(chosen: TargetSet) -> str:
    if chosen.after_setup:
        return "known after set-up"
    if len(chosen.picked) > WIDE:
        return named(chosen.picked, most=10)
    return ", ".join(chosen.picked) or "none"


def _local_commands(title: str, commands: Sequence[LocalCommand]) -> Iterator[str]:
    if commands:
        yield ""
        yield title
        for command in commands:
            op = ExecOp(argv=command.run, env=command.env, cwd=command.cwd)
            yield f"  {describe(op)}  (at most {command.timeout})"


def _steps(plan: RunPlan) -> Iterator[str]:
    steps = {step.id: step for step in plan.scenario.steps}
    links: dict[str, list[Link]] = {}
    for link in plan.links:
        links.setdefault(link.unit, []).append(link)
    members: dict[str, list[Unit]] = {step: [] for step in steps}
    for unit in plan.units:
        members[unit.step].append(unit)
    for name in dict.fromkeys(unit.step for unit in plan.units):
        units = members[name]
        if len(units) > WIDE:
            yield from _wide(plan, steps[name], units, links)
            continue
        for unit in units:
            head, *rest = _unit(plan, steps[name], unit, links.get(unit.id, []))
            wave = f", wave {unit.wave + 1}" if steps[name].fan_out is not None else ""
            yield from (head + wave, *rest)
    for name, units in members.items():
        if not units:
            yield f"  {name}: skipped, its set is empty"


def _wide(
    plan: RunPlan, step: Step, units: Sequence[Unit], links: Mapping[str, Sequence[Link]]
) -> Iterator[str]:
    """A step on many targets: one of each kind that differs in more than the name of its target."""
    kinds: dict[tuple[str, ...], list[Unit]] = {}
    for unit in units:
        kinds.setdefault(_kind(plan, unit, links.get(unit.id, [])), []).append(unit)
    yield f"  {step.id}: {len(units)} units{_waves(units)}"
    shown = list(kinds.values())[:_KINDS_SHOWN_MAX]
    for alike in shown:
        yield from _unit(plan, step, alike[0], links.get(alike[0].id, []))
        if others := [unit.binding or unit.id for unit in alike[1:]]:
            yield f"      and alike on {len(others)} more: {named(others, most=10)}"
    left = len(units) - sum(len(alike) for alike in shown)
    if left:
        yield f"  ... and {left} more units of {step.id}, of {len(kinds) - len(shown)} more kinds"


def _kind(plan: RunPlan, unit: Unit, links: Sequence[Link]) -> tuple[str, ...]:
    """What a unit would do, without what is another one on each target: its name, its identity, and what
    its checks compare with."""
    preview = unit.preview or Plan()
    lines = [
        _begins(links),
        *(describe(op) for op in (*preview.apply, *preview.undo)),
        *(
            f"{check.asked or describe(check.op)} {check.pick} {check.is_}"
            for check in (*preview.effect, *preview.gone)
        ),
        preview.note,
        plan.dead_man.get(unit.id, ""),
        *unit.unknown,
    ]
    binding = plan.bindings.get(unit.binding or "")
    own = (binding.identity.object_id, binding.identity.incarnation) if binding is not None else ()
    for text in own:
        lines = [line.replace(text, TARGET) for line in lines] if len(text) >= _ID_CHARS else lines
    return tuple(without(unit.binding or "", line) for line in lines)


def _waves(units: Sequence[Unit]) -> str:
    sizes = Counter(unit.wave for unit in units)
    return f" in {len(sizes)} waves of at most {max(sizes.values())}" if len(sizes) > 1 else ""


def _unit(plan: RunPlan, step: Step, unit: Unit, links: Sequence[Link]) -> Iterator[str]:
    what = f"wait {step.wait}" if step.phase == "wait" else f"{step.phase} {step.uses}"
    yield f"  {unit.id}: {what}, {_begins(links)}"
    if step.when is not None:
        yield f"      when     {step.when}"
    if (poll := _poll(step)) is not None:
        yield f"      until    {poll}"
    if unit.preview is not None:
        for word, lines in (
            ("does", [describe_briefly(op) for op in unit.preview.apply]),
            ("seen", [describe_check(check) for check in unit.preview.effect]),
            ("undo", [describe_briefly(op) for op in unit.preview.undo]),
            ("gone", [describe_check(check) for check in unit.preview.gone]),
            ("note", [unit.preview.note] if unit.preview.note else []),
        ):
            for line in lines:
                yield f"      {word:<8} {line}".replace("\n", f"\n{'':<15}")
    if step.phase == "inject":
        yield f"      holds    {_holds(step)}; {_without_engine(plan.dead_man.get(unit.id, ''))}"
    if step.phase == "remediate":
        stays = "is kept" if step.after_run == "keep" else "is put back"
        yield f"      stays    after the run it {stays}"
    yield from (f"      unknown  {name}" for name in unit.unknown)


def _without_engine(dead_man: str) -> str:
    """What ends a fault where the engine does not."""
    if "timer, " in dead_man:
        return f"dead-man: {dead_man}"
    return f"if the engine dies: {dead_man}"


def _begins(links: Sequence[Link]) -> str:
    """When a unit begins, in words."""
    if not links:
        return "at once"
    groups: dict[int, list[str]] = {}
    for link in links:
        delay = f"{format_seconds(link.after_s)} after " if link.after_s else ""
        words = f"{delay}{link.source} {_MILESTONES[link.milestone]}"
        groups.setdefault(link.group, []).append(words)
    return "when " + " and ".join(" or ".join(words) for words in groups.values())


def _poll(step: Step) -> str | None:
    if step.phase not in ("detect", "verify"):
        return None
    words = [f"is {step.is_}"] if step.is_ else []
    words += [f"{step.consecutive} times in a row"] if step.consecutive else []
    words += [f"for {step.stays}"] if step.stays else []
    words += [f"within {step.within}"] if step.within else []
    return ", ".join(words) or None


def _holds(step: Step) -> str:
    if isinstance(step.hold, Hold):
        return f"until {step.hold.until} has finished, at most {step.hold.at_most}"
    return step.hold or "until all other steps are over"


def _bounds(plan: RunPlan) -> Iterator[str]:
    limits = plan.scenario.limits
    yield f"Critical path  {' -> '.join(_shortened(plan.critical_path))}"
    yield (
        f"Worst case     {format_seconds(plan.worst_s)} of"
        f" {format_seconds(seconds(limits.deadline))} (deadline)"
    )
    yield (
        f"Limits         {limits.concurrency} units at once, {limits.per_target} per target,"
        f" blast radius {limits.blast_radius}"
    )
    yield from (f"Warning        {warning}" for warning in plan.warnings)
    yield f"Plan           {plan.hash}"


def _shortened(path: Sequence[str]) -> Sequence[str]:
    half = _PATH_SHOWN_MAX // 2
    if len(path) <= _PATH_SHOWN_MAX:
        return path
    return [*path[:half], f"{len(path) - 2 * half} more", *path[-half:]]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
