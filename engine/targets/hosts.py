"""From what a scenario says to hosts that can be reached; nothing is connected to.

What the scenario says wins over an inventory, and both over ~/.ssh/config.
"""

import getpass
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from breakfix.engine.endpoints import Host
from breakfix.engine.errors import EngineError, PlanError
from breakfix.engine.ops import HttpOp
from breakfix.engine.secrets import Secrets
from breakfix.engine.selectors import EngineHost, HostsFrom, SshLogin, SshSelector
from breakfix.engine.targets import address, inventory
from breakfix.engine.targets.draft import Listed
from breakfix.engine.targets.ranges import HOSTS_MAX
from breakfix.engine.targets.ssh_config import Settings, SshConfig, expanded
from breakfix.engine.vehicles import http

PORT: Final = 22
LIST_WITHIN_S: Final = 15.0
"""How long an API may take to list the hosts; its answer is at most 1 MiB."""


class _Item(Struct, frozen=True):
    """A host in the answer of an API; what else is said of it is passed over."""

    name: str
    address: str = ""
    port: int | None = None
    user: str | None = None


def select(selector: SshSelector, config: SshConfig, secrets: Secrets) -> tuple[Host, ...]:
    """The hosts that a selector means, sorted by name.

    Raises DocumentError for an inventory, EngineError for an API or ~/.ssh/config, PlanError where two
    hosts have one name.
    """
    found: dict[str, Host] = {}
    for each in _listed(selector, secrets):
        host = _host(each, selector, config)
        if found.setdefault(host.name, host) != host:
            raise PlanError(
                f"Two different hosts are called {host.name}.", hint="Give one another name."
            )
    return tuple(found[name] for name in sorted(found))


def of_an_engine(login: EngineHost, config: SshConfig) -> Host:
    """The host of a Docker engine. Raises EngineError for ~/.ssh/config."""
    return _host(_written(login.host, login), login, config)


def at(url: str, config: SshConfig) -> Host:
    """The host of ``ssh://user@host:port``. Raises EngineError where the URL is none, or for
    ~/.ssh/config."""
    where, _, path = url.removeprefix("ssh://").partition("/")
    try:
        if path:
            raise ValueError("a path is of no use there")
        return _host(_parsed(where), SshLogin(), config)
    except ValueError as error:
        raise EngineError(
            f"A Docker engine at {url} cannot be reached: {error}.",
            hint="Say ssh://user@host or ssh://user@host:port.",
        ) from None


# --- which hosts ---


def _listed(selector: SshSelector, secrets: Secrets) -> Iterator[Listed]:
    if selector.hosts_file is not None:
        found = _of_a_file(Path(expanded(selector.hosts_file)), selector.group)
    elif selector.hosts_from is not None:
        found = _of_an_api(selector.hosts_from, secrets)
    else:
        yield from (_written(text, selector) for text in selector.hosts or ())
        return
    for one in found:
        yield msgspec.structs.replace(
            one, user=selector.user or one.user, port=selector.port or one.port
        )


def _written(text: str, login: SshLogin) -> Listed:
    """Who and where stands beside one host is meant for that one, whatever is said for all."""
    one = _parsed(text)
    return msgspec.structs.replace(one, user=one.user or login.user, port=one.port or login.port)


def _parsed(text: str) -> Listed:
    one = address.parse(text)
    where = "" if one.name == one.host else one.host
    return Listed(name=one.name, address=where, port=one.port, user=one.user)


def _of_a_file(path: Path, group: str | None) -> Iterator[Listed]:
    for listed in inventory.read(path).members(group):
        # A relative one begins where the inventory is.
        key = str(path.parent / expanded(listed.key)) if listed.key else ""
        yield msgspec.structs.replace(listed, key=key)


def _of_an_api(source: HostsFrom, secrets: Secrets) -> Iterator[Listed]:
    op = HttpOp(
        method="GET",
        url=source.http,
        headers={name: secrets.reveal(value) for name, value in source.headers.items()},
        ok_status=(200,),
        changes="no",
        timeout_s=LIST_WITHIN_S,
    )
    outcome = http.send(op)
    if not outcome.ok:
        why = secrets.mask(outcome.error) or f"the answer is {outcome.code}"
        raise EngineError(f"{source.http} does not list the hosts: {why}.")
    if outcome.cut:
        raise EngineError(f"{source.http} does not list the hosts: more than 1 MiB came back.")
    try:
        items = msgspec.json.decode(outcome.text, type=list[str | _Item])
        if len(items) > HOSTS_MAX:
            raise ValueError(f"these are more than {HOSTS_MAX}")
        yield from [_item(item) for item in items]
    except (msgspec.DecodeError, ValueError) as error:
        raise EngineError(
            f"{source.http} does not list the hosts: {error}.",
            hint="A JSON list is wanted, of names, or of objects with `name` and maybe `address`, "
            "`port`, `user`.",
        ) from None


def _item(item: str | _Item) -> Listed:
    if isinstance(item, str):
        return _parsed(item)
    listed = _parsed(item.name)
    if item.address and not address.is_host(item.address):
        raise ValueError(f"{item.address!r} cannot be the address of {item.name}")
    if item.user is not None and not address.is_user(item.user):
        raise ValueError(f"{item.user!r} cannot be the user of {item.name}")
    return Listed(
        name=listed.name,
        address=item.address or listed.address,
        port=address.port(str(item.port)) if item.port is not None else listed.port,
        user=item.user or listed.user,
    )


# --- how they are reached ---


def _host(listed: Listed, login: SshLogin, config: SshConfig) -> Host:
    asked = listed.address or listed.name
    settings = config.lookup(asked)
    key = login.key or listed.key
    return Host(
        name=listed.name,
        address=settings.address or asked,
        user=listed.user or settings.user or getpass.getuser(),
        port=listed.port or settings.port or PORT,
        host_key=login.host_key if login.host_key.startswith("SHA256:") else "",
        known_hosts=_known_hosts(login, settings),
        accept_new=login.host_key == "accept-new",
        key=expanded(key) if key else _first_there(settings.keys),
        password=login.password or "",
        passphrase=login.passphrase or "",
        jump=_jump(login.jump or settings.jump, login, config, (asked,)),
    )


def _jump(chain: str, login: SshLogin, config: SshConfig, before: tuple[str, ...]) -> Host | None:
    """The last of a chain of hosts, each reached through the one before it. One that leads to itself is
    left out, as ``Host *`` with a ProxyJump makes it."""
    jump: Host | None = None
    for text in [part.strip() for part in chain.split(",") if part.strip()]:
        try:
            hop = address.parse(text.removeprefix("ssh://"))
        except ValueError as error:
            raise EngineError(f"The jump {text!r} names no host: {error}.") from None
        if hop.host in before:
            continue
        settings = config.lookup(hop.host)
        key = _first_there(settings.keys)
        before = (*before, hop.host)
        jump = Host(
            name=hop.name,
            address=settings.address or hop.host,
            user=hop.user or settings.user or getpass.getuser(),
            port=hop.port or settings.port or PORT,
            known_hosts=_known_hosts(login, settings),
            accept_new=login.host_key == "accept-new",
            key=key or (expanded(login.key) if login.key else ""),
            passphrase="" if key else login.passphrase or "",
            jump=jump or _jump(settings.jump, login, config, before),
        )
    return jump


def _known_hosts(login: SshLogin, settings: Settings) -> str:
    if login.known_hosts is not None:
        return expanded(login.known_hosts)
    return _first_there(settings.known_hosts)


def _first_there(paths: Iterable[str]) -> str:
    """The first of these files that is there; where none is, the first."""
    found = list(paths)
    return next((path for path in found if Path(path).is_file()), found[0] if found else "")
