"""Which hosts a batch command is meant for: those of a scenario's targets, or named on the command line."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
from msgspec import Struct

from breakfix.engine.errors import UsageError

if TYPE_CHECKING:
    from breakfix.engine.endpoints import Host
    from breakfix.engine.model import Scenario
    from breakfix.engine.secrets import Secrets
    from breakfix.engine.selectors import SshSelector

F = TypeVar("F", bound=Callable[..., Any])
ALL: Final = "all"
CONCURRENCY: Final = 50


class ChosenHosts(Struct, frozen=True, kw_only=True):
    """The hosts by name, and what reveals the secrets that they are reached with."""

    hosts: "dict[str, Host]"
    secrets: "Secrets"


def host_options(function: F) -> F:
    """The scenario and all options that say which hosts, how they are reached, and how many at once."""
    options: tuple[Callable[[Any], Any], ...] = (
        click.argument(
            "file", required=False, type=click.Path(path_type=Path), metavar="[SCENARIO]"
        ),
        click.option(
            "--target", "targets", multiple=True, metavar="NAME|all",
            help="A target of the scenario that is hosts; all of them. May be repeated. [the only one]",
        ),
        click.option(
            "--input", "given", multiple=True, metavar="NAME=VALUE", help="An input of the scenario."
        ),
        click.option(
            "--inputs", "inputs_file", type=click.Path(path_type=Path), help="A YAML file of inputs."
        ),
        click.option("--hosts", metavar="LIST", help="Hosts: ops@db-1:22,web[01:20]."),
        click.option(
            "--inventory", type=click.Path(path_type=Path), metavar="FILE",
            help="An inventory: a name a line, YAML, or INI as Ansible writes it.",
        ),
        click.option("--group", help="Of the inventory; without it, all of it."),
        click.option("--user", help="Who to log in as."),
        click.option("--port", type=click.IntRange(1, 65535)),
        click.option("--key", metavar="FILE", help="A private key."),
        click.option("--jump", metavar="HOST", help="The host through which they are reached."),
        click.option(
            "--host-key", default="known", show_default=True, metavar="known|accept-new|SHA256:...",
            help="What key they must show.",
        ),
        click.option(
            "--known-hosts", metavar="FILE", help="Where their keys stand. [~/.ssh/known_hosts]"
        ),
        click.option(
            "--concurrency", type=click.IntRange(1, 1000), default=CONCURRENCY, show_default=True,
            help="How many hosts at a time.",
        ),
    )  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


def choose_hosts(  # noqa: PLR0913
    file: Path | None,
    targets: tuple[str, ...],
    *,
    given: tuple[str, ...],
    inputs_file: Path | None,
    hosts: str | None,
    inventory: Path | None,
    group: str | None,
    **login: Any,
) -> ChosenHosts:
    """The hosts that are meant; nothing is connected to. Raises UsageError, DocumentError, EngineError."""
    from breakfix.engine.secrets import Secrets

    named = [one for one in (file, hosts, inventory) if one is not None]
    if len(named) != 1:
        problem = "say which hosts" if not named else "say the hosts in one way only"
        raise UsageError(
            f"Please {problem}.",
            hint="A SCENARIO with --target, or --hosts LIST, or --inventory FILE.",
        )
    if file is not None:
        _refuse(login, "is said in the scenario", group=group)
        from breakfix.engine.cli.scenario_options import given_inputs
        from breakfix.engine.validate import load

        scenario = load(file, given_inputs(given, inputs_file)).scenario
        assert scenario is not None
        selectors = _selectors(scenario, targets, str(file))
        return _found(selectors, Secrets(scenario.secrets))
    if targets or given or inputs_file is not None:
        raise UsageError("--target, --input and --inputs need a SCENARIO.")
    if inventory is None and group is not None:
        raise UsageError("--group needs an --inventory.")
    return _found([_selector(hosts, inventory, group, login)], Secrets({}))


def _refuse(login: dict[str, Any], why: str, **more: Any) -> None:
    for name, value in {**login, **more}.items():
        if value is not None and (name, value) != ("host_key", "known"):
            raise UsageError(f"--{name.replace('_', '-')} {why}.", hint="Leave it out here.")


def _selectors(scenario: "Scenario", names: tuple[str, ...], file: str) -> "list[SshSelector]":
    of_hosts = {
        name: target.ssh for name, target in scenario.targets.items() if target.ssh is not None
    }
    if not of_hosts:
        raise UsageError(f"No target of {file} is hosts.", hint="Give one an `ssh`.")
    listed = ", ".join(of_hosts)
    if not names and len(of_hosts) > 1:
        raise UsageError(
            f"{file} has hosts in {listed}.", hint="Say --target NAME, or --target all."
        )
    if not names or ALL in names:
        return list(of_hosts.values())
    found = []
    for name in names:
        base = scenario.targets.get(name)
        while base is not None and base.of is not None:
            base = scenario.targets.get(base.of)
        if base is None or base.ssh is None:
            raise UsageError(
                f"{file} has no target of hosts called {name!r}.", hint=f"It has {listed}."
            )
        found.append(base.ssh)
    return found


def _selector(
    hosts: str | None, inventory: Path | None, group: str | None, login: dict[str, Any]
) -> "SshSelector":
    import msgspec

    from breakfix.engine.selectors import SshSelector
    from breakfix.engine.targets import address
    from breakfix.engine.targets.ranges import expand

    said = {name: value for name, value in login.items() if value is not None}
    if inventory is not None:
        said |= {"hosts_file": str(inventory)}
        if group is not None:
            said["group"] = group
    else:
        try:
            names = [part.strip() for part in (hosts or "").split(",")]
            said["hosts"] = [name for part in names if part for name in expand(part)]
            for name in said["hosts"]:
                address.parse(name)
        except ValueError as error:
            raise UsageError(f"--hosts {hosts}: {error}.") from None
        if not said["hosts"]:
            raise UsageError("--hosts names no host.")
    try:
        return msgspec.convert(said, SshSelector)
    except msgspec.ValidationError:
        raise UsageError(
            f"--host-key {login['host_key']} is none.", hint="Say known, accept-new, or SHA256:..."
        ) from None


def _found(selectors: "Iterable[SshSelector]", secrets: "Secrets") -> ChosenHosts:
    from breakfix.engine.targets import hosts
    from breakfix.engine.targets.ssh_config import SshConfig

    config = SshConfig()
    found: dict[str, Host] = {}
    for selector in selectors:
        for host in hosts.select(selector, config, secrets):
            if found.setdefault(host.name, host) != host:
                raise UsageError(
                    f"Two of the targets have a host called {host.name}, reached in different ways.",
                    hint="Say --target for one of them.",
                )
    if not found:
        raise UsageError("No host is meant.")
    return ChosenHosts(hosts=found, secrets=secrets)


def duration_s(option: str, text: str) -> float:
    """The seconds of an option, more than none. Raises UsageError."""
    from breakfix.engine.values import seconds

    try:
        value_s = seconds(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}.") from None
    if value_s <= 0:
        raise UsageError(f"{option} must be longer than nothing.")
    return value_s
