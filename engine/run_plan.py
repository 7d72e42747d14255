"""The nouns of a run plan: the graph of units that comes of a scenario and of the targets that are there."""

from typing import Any

from msgspec import Struct

from breakfix.engine.action import Facts
from breakfix.engine.model import Milestone, Scenario
from breakfix.engine.ops import Identity, Plan


class Binding(Struct, frozen=True, kw_only=True):
    """One resolved target. `key` is unique in the plan and is what people read: the container's
    name, or the name of the process target."""

    key: str
    identity: Identity
    facts: Facts


class TargetSet(Struct, frozen=True, kw_only=True):
    """What a named target resolved to: the `picked` ones, of all the `found` ones (keys)."""

    name: str
    found: tuple[str, ...]
    picked: tuple[str, ...]
    share: str
    """In words: ``50% of 3 -> 1``."""
    after_setup: bool = False


class Unit(Struct, frozen=True, kw_only=True):
    """One step on one resolved target. `id` is ``step`` or ``step@key``."""

    id: str
    step: str
    binding: str | None = None
    preview: Plan | None = None
    wave: int = 0
    worst_s: float = 0.0
    unknown: tuple[str, ...] = ()


class Link(Struct, frozen=True, kw_only=True):
    """`unit` may start once `source` (a unit's id, or a step's id: its join) reached `milestone`,
    `after_s` ago. Links of one unit with the same `group` are alternatives; all groups must hold."""

    unit: str
    source: str
    milestone: Milestone
    after_s: float = 0.0
    group: int = 0


class RunPlan(Struct, frozen=True, kw_only=True):
    """The graph of bound or previewed units of one scenario."""

    scenario: Scenario
    seed: int
    inputs: dict[str, Any]
    bindings: dict[str, Binding]
    sets: dict[str, TargetSet]
    units: tuple[Unit, ...]
    links: tuple[Link, ...]
    critical_path: tuple[str, ...]
    worst_s: float
    blast: dict[str, str]
    """For each set that is injected, the share under a fault at one time, in words."""
    warnings: tuple[str, ...]
    dead_man: dict[str, str]
    """For each inject unit, what ends the fault if the engine dies: ``guardian only``, or the dead-man switch on
    its host and when that fires: ``systemd timer, 40 s``."""
    hash: str
    prints: dict[str, str] = {}
    """What the hash covers, part by part, each as a short print: tells what has drifted."""
