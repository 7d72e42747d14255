"""What a document that has the right shape can still get wrong. Pure: from a scenario to findings."""

from collections.abc import Iterator, Mapping

from breakfix.engine.action import Action
from breakfix.engine.model import Scenario
from breakfix.engine.validate.semantics import (
    expect,
    guards,
    hosts,
    names,
    observers,
    order,
    steps,
    trials,
    unused,
    uses,
)
from breakfix.engine.validate.semantics.finding import Finding

__all__ = ["Finding", "findings"]


def findings(scenario: Scenario, actions: Mapping[str, type[Action]]) -> Iterator[Finding]:
    """Every finding. `actions` are the classes of the actions that the scenario uses and that exist."""
    yield from names.findings(scenario)
    yield from hosts.findings(scenario)
    yield from steps.findings(scenario)
    yield from uses.findings(scenario, actions)
    graph = order.Graph(scenario)
    yield from graph.findings()
    yield from uses.claims(scenario, actions, graph)
    yield from names.late_names(scenario, actions, graph)
    yield from expect.findings(scenario, graph)
    yield from observers.findings(scenario)
    yield from guards.findings(scenario)
    yield from trials.findings(scenario)
    yield from unused.findings(scenario)
