"""A run plan as a file, and as a journal holds it."""

from pathlib import Path

import msgspec

from breakfix.engine.action import NoFacts
from breakfix.engine.errors import UsageError
from breakfix.engine.run_plan import Binding, RunPlan


def without_facts(plan: RunPlan) -> RunPlan:
    """The same plan without the facts of its targets: they are of the moment, and the answer of
    inspect holds the environment of a container, passwords included."""
    bindings = {
        key: Binding(key=key, identity=binding.identity, facts=NoFacts())
        for key, binding in plan.bindings.items()
    }
    return msgspec.structs.replace(plan, bindings=bindings)


def slim(plan: RunPlan) -> RunPlan:
    """The plan for the journal: without facts, previews and prints; its hash is of the whole
    one."""
    units = tuple(msgspec.structs.replace(unit, preview=None) for unit in plan.units)
    return msgspec.structs.replace(without_facts(plan), units=units, prints={})


def as_json(plan: RunPlan) -> str:
    """The plan without facts as a JSON document; `load` reads it."""
    return msgspec.json.format(msgspec.json.encode(without_facts(plan)), indent=2).decode()


def save(plan: RunPlan, path: Path) -> None:
    """Write a plan for ``run --plan``. Raises UsageError where that cannot be."""
    try:
        path.write_text(as_json(plan) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from None


def load(path: Path) -> RunPlan:
    """Read what `save` wrote. Raises UsageError where it is no plan."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=RunPlan)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path} is not a plan of this version: {error}.",
            hint="Write one by `breakfix plan --out`.",
        ) from None
