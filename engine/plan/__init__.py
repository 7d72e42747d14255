"""From a scenario and the world to the run plan: targets, graph, previews, bounds, hash."""

from breakfix.engine.plan.blast import radius_bounds
from breakfix.engine.plan.fingerprint import drift
from breakfix.engine.plan.make import action_names, make
from breakfix.engine.plan.plan_file import load, save, slim
from breakfix.engine.plan.resolve import identities
from breakfix.engine.plan.targets import Targets
from breakfix.engine.plan.world import WorldTargets

__all__ = [
    "Targets",
    "WorldTargets",
    "action_names",
    "drift",
    "identities",
    "load",
    "make",
    "radius_bounds",
    "save",
    "slim",
]
