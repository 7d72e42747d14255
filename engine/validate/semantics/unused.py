"""What is declared and not used: warnings."""

from collections.abc import Iterator
from typing import Any

import msgspec

from breakfix.engine.model import Scenario
from breakfix.engine.validate.semantics.finding import Finding


def findings(scenario: Scenario) -> Iterator[Finding]:
    """Targets, engines, probes and secrets that nothing names. Inputs are put in before: see `check`."""
    targets: set[str | None] = {step.target for step in scenario.steps}
    targets |= {probe.target for probe in scenario.probes.values()}
    targets |= {target.of for target in scenario.targets.values()}
    probes: set[str | None] = {step.uses for step in scenario.steps}
    probes |= set(scenario.observed)
    probes |= {steady.probe for steady in scenario.steady}
    probes |= {guard.probe for guard in scenario.guards}
    for target in scenario.targets.values():
        probes.add(target.process.ready if target.process is not None else None)
    for step in scenario.steps:
        if step.fan_out is not None and step.fan_out.next_when is not None:
            probes.add(step.fan_out.next_when.probe)
    for name, target in scenario.targets.items():
        if name not in targets and (target.process is None or target.process.ready is None):
            yield _unused("targets", name, "target")
    engines = {target.docker.engine for target in scenario.targets.values() if target.docker}
    for name in scenario.engines:
        if name not in engines:
            yield _unused("engines", name, "engine")
    for name in scenario.probes:
        if name not in probes:
            yield _unused("probes", name, "probe")
    written = str(_with(scenario)) if scenario.secrets else ""
    for name in scenario.secrets:
        if f"secrets.{name}" not in written and f"${{secret:{name}}}" not in written:
            yield _unused("secrets", name, "secret")


def _with(scenario: Scenario) -> Any:
    values = [step.with_ for step in scenario.steps]
    logins = [*scenario.targets.values(), *scenario.engines.values()]
    return msgspec.to_builtins(
        [*values, *(probe.with_ for probe in scenario.probes.values()), *logins]
    )


def _unused(section: str, name: str, what: str) -> Finding:
    return Finding(place=(section, name), message=f"the {what} {name!r} is not used", warning=True)
