"""What a plan depends on, each part as a short print; the hash over all of them; and drift.

Covered are the scenario without its descriptions, the seed, the inputs, the members of each set,
the identity of each target (its object, not its present life), the version and the source of each
action, and each preview without what changes with every life of a target. A set that comes with
set-up is covered by its selector alone.
"""

import hashlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from breakfix import __version__
from breakfix.engine.action import Action
from breakfix.engine.errors import DriftError
from breakfix.engine.model import Scenario
from breakfix.engine.ops import Plan
from breakfix.engine.plan.resolve import AFTER_SETUP
from breakfix.engine.run_plan import Binding, RunPlan, TargetSet

_PRINT_CHARS = 16


def print_of(value: Any) -> str:
    """The beginning of the SHA-256 of a value's canonical JSON: the order of keys does not
    matter."""
    return hashlib.sha256(msgspec.json.encode(value, order="deterministic")).hexdigest()[
        :_PRINT_CHARS
    ]


def prints_of(
    scenario: Scenario,
    *,
    seed: int,
    inputs: Mapping[str, Any],
    sets: Mapping[str, TargetSet],
    bindings: Mapping[str, Binding],
) -> dict[str, str]:
    """The prints of everything but actions and units."""
    prints = {f"step {step.id}": print_of(_undescribed(step)) for step in scenario.steps}
    for part in ("targets", "probes", "engines"):
        for name, value in getattr(scenario, part).items():
            prints[f"{part.removesuffix('s')} {name} in the file"] = print_of(_undescribed(value))
    for part in (
        "limits",
        "setup",
        "teardown",
        "expect",
        "guards",
        "steady",
        "observe",
        "warmup",
        "cooldown",
        "labels",
        "secrets",
        "allowed_on",
        "name",
    ):
        prints[part] = print_of(getattr(scenario, part))
    prints["seed"] = str(seed)
    prints |= {f"input {name}": print_of(value) for name, value in inputs.items()}
    for name, chosen in sets.items():
        whole = AFTER_SETUP if chosen.after_setup else print_of((chosen.found, chosen.picked))
        prints[f"set {name}"] = whole
    for key, binding in bindings.items():
        identity = binding.identity
        prints[f"target {key}"] = (
            "process"
            if identity.kind == "process"
            else f"{identity.endpoint} {identity.object_id}"
        )
    return prints


def action_prints(actions: Mapping[str, type[Action]]) -> Iterator[tuple[str, str]]:
    """For each action, the package's version and a print of its source."""
    sources: dict[str, str] = {}
    for name, action in actions.items():
        module = sys.modules[action.__module__]
        file = getattr(module, "__file__", None)
        if action.__module__ not in sources:
            content = Path(file).read_bytes() if file is not None else b""
            sources[action.__module__] = hashlib.sha256(content).hexdigest()[:_PRINT_CHARS]
        yield f"action {name}", f"{__version__} {sources[action.__module__]}"


def preview_print(lasting_plan: Plan | str) -> str:
    """The print of what `Preview.lasting_plan` says."""
    return print_of(lasting_plan)


def hash_of(prints: Mapping[str, str]) -> str:
    """SHA-256 (hex) over all prints, in the order of their names."""
    text = msgspec.json.encode(dict(prints), order="deterministic")
    return hashlib.sha256(text).hexdigest()


def _undescribed(value: msgspec.Struct) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.to_builtins(value)
    return {key: item for key, item in data.items() if key != "description"}


def drift(plan_now: RunPlan, plan_file: RunPlan) -> list[str]:
    """What is no longer as planned, a sentence for each; empty where the plan still holds.

    What was to come with set-up counts as planned whatever came. Raises DriftError where
    `plan_file` has no prints to compare: it is a plan of a journal.
    """
    if not plan_file.prints:
        raise DriftError(
            "This plan cannot be compared with anything.",
            hint="Write one by `breakfix plan --out`.",
        )
    if plan_now.hash == plan_file.hash:
        return []
    came = _came_with_setup(plan_now, plan_file)
    changes = []
    for name in sorted({*plan_now.prints, *plan_file.prints} - came):
        was, now = plan_file.prints.get(name), plan_now.prints.get(name)
        if was != now:
            changes.append(_in_words(name, was, now, plan_now, plan_file))
    return changes


def _came_with_setup(plan_now: RunPlan, plan_file: RunPlan) -> set[str]:
    """The names of the prints that nobody could know before set-up."""
    late = {name for name, chosen in plan_file.sets.items() if chosen.after_setup}
    if not late:
        return set()
    early = {key for chosen in plan_file.sets.values() for key in chosen.picked}
    steps = {step.id for step in plan_now.scenario.steps if step.target in late}
    units = {unit.id for plan in (plan_now, plan_file) for unit in plan.units if unit.step in steps}
    return (
        {f"set {name}" for name in late}
        | {f"target {key}" for key in plan_now.bindings if key not in early}
        | {f"unit {unit}" for unit in units}
    )


def _in_words(
    name: str, was: str | None, now: str | None, plan_now: RunPlan, plan_file: RunPlan
) -> str:
    sort, _, rest = name.partition(" ")
    if was is None:
        return f"{name} is new"
    if now is None:
        return f"{name} is gone"
    if sort == "target" and rest in plan_now.bindings:
        return (
            f"target {rest} is another one now: it was {was.strip()[:120]}, it is {now.strip()[:120]}"
        )
    if sort == "seed":
        return f"the seed was {was}, it is {now}"
    if sort == "set":
        picked, planned = plan_now.sets[rest], plan_file.sets[rest]
        return (
            f"target {rest} was {planned.share} ({_few(planned.picked)}),"
            f" it is {picked.share} ({_few(picked.picked)})"
        )
    if sort == "unit":
        return f"the commands of {rest} have changed"
    if sort == "action":
        return f"the code of {rest} has changed"
    return f"{name} has changed"


def _few(keys: tuple[str, ...]) -> str:
    return ", ".join(keys[:5]) + (", ..." if len(keys) > 5 else "") if keys else "none"
