"""Named targets become sets of identities and facts; only those that something uses."""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from breakfix.engine.action import Facts, HostFacts
from breakfix.engine.endpoints import Host
from breakfix.engine.errors import EngineError, PlanError
from breakfix.engine.model import Scenario, Target
from breakfix.engine.ops import Identity
from breakfix.engine.plan.pick import choose, in_words
from breakfix.engine.plan.targets import Targets
from breakfix.engine.run_plan import Binding, TargetSet
from breakfix.engine.selectors import DockerSelector, SshSelector
from breakfix.engine.targets.inventory import NoInventory

AFTER_SETUP = "<after setup>"
"""What stands for the members of a set that set-up commands are going to make."""


class Resolution(Struct, frozen=True, kw_only=True):
    """The sets that are used, their members, and what is worth a remark."""

    sets: dict[str, TargetSet]
    bindings: dict[str, Binding]
    warnings: tuple[str, ...]


def used_targets(scenario: Scenario) -> tuple[str, ...]:
    """The names of the targets that steps, or probes that something uses, need; sorted."""
    used: set[str] = set()
    todo = [name for step in scenario.steps for name in _named_by(step.target, step.uses)]
    todo += [
        f"probe {step.fan_out.next_when.probe}"
        for step in scenario.steps
        if step.fan_out is not None and step.fan_out.next_when is not None
    ]
    todo += [f"probe {name}" for name in scenario.observed]
    todo += [f"probe {steady.probe}" for steady in scenario.steady]
    todo += [f"probe {guard.probe}" for guard in scenario.guards]
    seen: set[str] = set()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        if name.startswith("probe "):
            probe = scenario.probes.get(name.removeprefix("probe "))
            todo += [probe.target] if probe is not None and probe.target is not None else []
            continue
        used.add(name)
        target = scenario.targets[name]
        todo += [target.of] if target.of is not None else []
        if target.process is not None and target.process.ready is not None:
            todo.append(f"probe {target.process.ready}")
    return tuple(sorted(used))


def _named_by(target: str | None, uses: str) -> Iterator[str]:
    if target is not None:
        yield target
    if uses and "." not in uses:
        yield f"probe {uses}"


def resolve(scenario: Scenario, targets: Targets, *, seed: int, running: bool) -> Resolution:
    """Resolve every target that is used.

    `running` says that set-up is over: what is empty now stays empty. Raises PlanError where a set
    is empty that must not be, EngineError where an engine cannot be asked.
    """
    used = used_targets(scenario)
    work = _Resolving(scenario, targets, seed=seed, running=running)
    for name in used:
        work.add(name)
    unused = sorted(set(scenario.targets) - set(used))
    work.warnings += [
        f"target {name} is not used by anything; it is not resolved" for name in unused
    ]
    return Resolution(
        sets={name: work.sets[name] for name in used},
        bindings=work.bind(),
        warnings=tuple(work.warnings),
    )


def identities(scenario: Scenario, targets: Targets, *, seed: int) -> dict[str, Identity]:
    """Who the picked targets are, by key, without asking what they are like. Raises as `resolve` does."""
    work = _Resolving(scenario, targets, seed=seed, running=True)
    for name in used_targets(scenario):
        work.add(name)
    return work.identities()


class _Resolving:
    def __init__(self, scenario: Scenario, targets: Targets, *, seed: int, running: bool) -> None:
        self._scenario = scenario
        self._targets = targets
        self._seed = seed
        self._may_come = bool(scenario.setup) and not running
        self._identities: dict[str, Identity] = {}
        self._hosts: dict[str, Host] = {}
        self._host_facts: dict[str, HostFacts] = {}
        self.sets: dict[str, TargetSet] = {}
        self.warnings: list[str] = []

    def add(self, name: str) -> None:
        """Resolve one set, and before it the one that it is a part of."""
        if name in self.sets:
            return
        target = self._scenario.targets[name]
        if target.process is not None:
            self._claim_key(self._targets.process(name).identity, name)
            self.sets[name] = TargetSet(name=name, found=(name,), picked=(name,), share="1 process")
            return
        if target.of is not None:
            self.add(target.of)
        found = self._found(target)
        parent = self.sets.get(target.of or "")
        if not found and self._may_come and (parent is None or parent.after_setup):
            self._comes(name, target)
        else:
            self._pick(name, target, found)

    def _comes(self, name: str, target: Target) -> None:
        self.sets[name] = TargetSet(
            name=name,
            found=(),
            picked=(),
            share=f"{target.pick or 'all'} of {AFTER_SETUP}",
            after_setup=True,
        )

    def _found(self, target: Target) -> tuple[str, ...]:
        if target.of is not None:
            parent = self.sets[target.of]
            left = set(parent.found) - set(parent.picked if target.except_ == "picked" else ())
            return tuple(sorted(left))
        if target.ssh is not None:
            return self._found_hosts(target.ssh)
        assert target.docker is not None
        identities = self._targets.containers(target.docker)
        for identity in identities:
            self._claim_key(identity, identity.name)
        return tuple(sorted(identity.name for identity in identities))

    def _found_hosts(self, selector: SshSelector) -> tuple[str, ...]:
        try:
            hosts = self._targets.hosts(selector)
        except (NoInventory, EngineError):
            if self._may_come and selector.hosts is None:
                return ()
            raise
        for host in hosts:
            self._claim_key(Identity(kind="ssh", name=host.name, endpoint=host.name), host.name)
            known = self._hosts.setdefault(host.name, host)
            if known != host:
                raise PlanError(
                    f"Host {host.name} is reached in two ways: {_way(known)}, and {_way(host)}.",
                    hint="Say the same of it in every target, or give it two names in an inventory.",
                )
        return tuple(sorted(host.name for host in hosts))

    def _claim_key(self, identity: Identity, key: str) -> None:
        known = self._identities.setdefault(key, identity)
        if (known.kind, known.endpoint, known.object_id) != (
            identity.kind,
            identity.endpoint,
            identity.object_id,
        ):
            raise PlanError(
                f"Two different targets are called {key}.",
                hint="Give one of them another name.",
            )

    def _pick(self, name: str, target: Target, found: tuple[str, ...]) -> None:
        pick = target.pick or "all"
        if not found and target.on_empty == "fail":
            raise PlanError(
                f"Target {name} is empty: {what_is_missing(target)}.",
                hint="Start it first, in `setup` perhaps, or say `on_empty: skip`.",
            )
        if not found:
            self.warnings.append(f"target {name} is empty; the steps on it are skipped")
        if found and isinstance(pick, int) and pick > len(found):
            self.warnings.append(f"target {name}: {pick} were asked for, {len(found)} are there")
        picked = choose(name, found, pick, self._seed) if found else ()
        if target.ssh is not None and self._may_come:
            try:
                self._ask(picked)
            except EngineError as error:
                # Set-up may be what starts them.
                self.warnings.append(f"target {name} is known after set-up: {error.message}")
                self._comes(name, target)
                return
        self.sets[name] = TargetSet(
            name=name,
            found=found,
            picked=picked,
            share=in_words(pick, len(found), len(picked)),
        )

    def identities(self) -> dict[str, Identity]:
        """Every picked target, sorted by key."""
        found = {key: self._identities[key] for key in self._keys()}
        hosts = [self._hosts[key] for key in found if key in self._hosts]
        of_hosts = self._targets.host_identities(hosts) if hosts else []
        _refuse_twins(of_hosts)
        return found | {known.name: known for known in of_hosts}

    def bind(self) -> dict[str, Binding]:
        """The facts of every picked target, sorted by key."""
        keys = self._keys()
        containers = [key for key in keys if self._identities[key].kind == "docker"]
        facts = self._targets.facts([self._identities[key] for key in containers])
        known: dict[str, Facts] = dict(zip(containers, facts, strict=True))
        hosts = [key for key in keys if key in self._hosts]
        self._ask(hosts)
        _refuse_twins([self._host_facts[key].identity for key in hosts])
        known |= {key: self._host_facts[key] for key in hosts}
        return {
            key: Binding(
                key=key,
                # Of a host it is known in whole only when it was asked.
                identity=self._host_facts[key].identity if key in hosts else self._identities[key],
                facts=known[key] if key in known else self._targets.process(key),
            )
            for key in keys
        }

    def _ask(self, keys: Iterable[str]) -> None:
        """The facts of hosts, each asked once."""
        new = [self._hosts[key] for key in keys if key not in self._host_facts]
        for facts in self._targets.host_facts(new) if new else ():
            self._host_facts[facts.identity.name] = facts

    def _keys(self) -> list[str]:
        return sorted({key for chosen in self.sets.values() for key in chosen.picked})


def _refuse_twins(hosts: Iterable[Identity]) -> None:
    """What is done to one host under two names would count as done to two."""
    names: dict[str, str] = {}
    for host in hosts:
        other = names.setdefault(host.object_id, host.name)
        if other != host.name:
            where = host.object_id.partition("@")[2]
            raise PlanError(
                f"{other} and {host.name} are one host, at {where}.",
                hint="Use one of the two names.",
            )


def _way(host: Host) -> str:
    return f"as {host.user} at {host.address} port {host.port}" + (
        f" by way of {host.jump.name}" if host.jump is not None else ""
    )


def what_is_missing(target: Target) -> str:
    """What a target that was found empty asks for, in words."""
    if target.docker is not None:
        return f"there is no container {selector_in_words(target.docker)}"
    if target.ssh is not None:
        return f"there is no host {hosts_in_words(target.ssh)}"
    rest = " but the picked ones" if target.except_ == "picked" else ""
    return f"{target.of} has no members{rest}"


def selector_in_words(selector: DockerSelector) -> str:
    """
    >>> selector_in_words(DockerSelector(labels={"app": "web"}))
    'with the label app=web'
    """
    if selector.name is not None:
        return f"called {selector.name}"
    if selector.compose is not None:
        service = selector.compose.service
        project = f"of the compose project {selector.compose.project}"
        return f"{project}, service {service}" if service else project
    labels = ", ".join(f"{key}={value}" for key, value in sorted((selector.labels or {}).items()))
    return f"with the label {labels}"


def hosts_in_words(selector: SshSelector) -> str:
    """
    >>> hosts_in_words(SshSelector(hosts_file="hosts.ini", group="db"))
    'in the group db of hosts.ini'
    """
    if selector.hosts_from is not None:
        return f"in the list of {selector.hosts_from.http}"
    group = f"the group {selector.group} of " if selector.group is not None else ""
    return f"in {group}{selector.hosts_file or 'the list'}"
