"""What a step, a target or a secret may hold together: a key that is ignored is worse than none."""

from collections.abc import Iterator

from breakfix.engine.document.positions import Place
from breakfix.engine.model import Hold, Scenario, Step
from breakfix.engine.validate.semantics.finding import Finding
from breakfix.engine.values import seconds

_ONLY_FOR = {
    "hold": ("inject",),
    "after_run": ("remediate",),
    "within": ("detect", "verify"),
    "every": ("detect", "verify"),
    "consecutive": ("detect", "verify"),
    "stays": ("detect", "verify"),
    "is_": ("detect", "verify"),
    "retry": ("inject", "remediate"),
    "allow": ("inject", "remediate"),
    "timeout": ("inject", "detect", "remediate", "verify"),
    "with_": ("inject", "detect", "remediate", "verify"),
}
"""In which phases a key counts."""

_PHASES = ("inject", "detect", "remediate", "verify", "wait")


def findings(scenario: Scenario) -> Iterator[Finding]:
    """Each of them, in the order of the file."""
    for name, secret in scenario.secrets.items():
        if (secret.env is None) == (secret.file is None):
            yield Finding(place=("secrets", name), message="a secret has one of env and file")
    for name, target in scenario.targets.items():
        yield from _target(scenario, name)
        del target
    for index, step in enumerate(scenario.steps):
        yield from _step(scenario, step, ("steps", index))


def _target(scenario: Scenario, name: str) -> Iterator[Finding]:
    target, place = scenario.targets[name], ("targets", name)
    kinds = [target.docker, target.ssh, target.process, target.of]
    if sum(kind is not None for kind in kinds) != 1:
        yield Finding(place=place, message="a target is one of docker, ssh, process and of")
    if target.docker is not None:
        docker = target.docker
        ways = [docker.name, docker.labels, docker.compose]
        if sum(way is not None for way in ways) != 1:
            message = "containers are chosen by one of name, labels and compose"
            yield Finding(place=(*place, "docker"), message=message)
    if target.process is not None and target.pick is not None:
        yield Finding(place=(*place, "pick"), message="a process target is one: nothing to pick")
    if (target.except_ is None) != (target.of is None):
        yield Finding(place=place, message="`of` and `except` go together")
    if target.of is not None:
        seen = {name}
        parent: str | None = target.of
        while parent in scenario.targets:
            if parent in seen:
                yield Finding(place=(*place, "of"), message="sets are the rest of each other")
                break
            seen.add(str(parent))
            parent = scenario.targets[str(parent)].of


def _step(scenario: Scenario, step: Step, place: Place) -> Iterator[Finding]:
    written = [phase for phase in _PHASES if getattr(step, phase) is not None]
    if len(written) != 1:
        message = f"a step has one of {', '.join(_PHASES)}"
        if written:
            message += f"; this has {' and '.join(written)}"
        yield Finding(place=place, message=message)
        return
    defaults = Step(id="x")
    for key, phases in _ONLY_FOR.items():
        if getattr(step, key) != getattr(defaults, key) and step.phase not in phases:
            yield Finding(
                place=(*place, key.rstrip("_")),
                message=f"`{key.rstrip('_')}` means nothing in a {step.phase} step",
                hint=f"it is for {', '.join(phases)}",
            )
    if step.target is None:
        for key in ("fan_out", "units"):
            if getattr(step, key) is not None:
                message = f"`{key}` needs a target"
                yield Finding(place=(*place, key), message=message)
    if step.phase in ("detect", "verify") and step.within is None and step.stays is None:
        yield Finding(
            place=place, message=f"{step.id} would poll for ever", hint="say `within: 30s`"
        )
    yield from _beyond(scenario, step, place)


def _beyond(scenario: Scenario, step: Step, place: Place) -> Iterator[Finding]:
    deadline = scenario.limits.deadline
    hold = step.hold.at_most if isinstance(step.hold, Hold) else step.hold
    times = {"timeout": step.timeout, "within": step.within, "stays": step.stays}
    times |= {"hold": hold, "wait": step.wait}
    for key, value in times.items():
        if value is not None and seconds(value) > seconds(deadline):
            yield Finding(
                place=(*place, key),
                message=f"{value} is beyond the deadline of {deadline}",
                hint="raise limits.deadline, or wait less",
            )
    if step.within is not None and step.stays is not None:
        if seconds(step.stays) > seconds(step.within):
            message = f"it cannot hold for {step.stays} within {step.within}"
            yield Finding(place=(*place, "stays"), message=message)
    if (
        step.within
        and step.every
        and seconds(step.every) * (step.consecutive or 1)
        > seconds(step.within) + seconds(step.every)
    ):
        message = (
            f"{step.consecutive} samples, one every {step.every}, do not fit into {step.within}"
        )
        yield Finding(place=(*place, "within"), message=message)
