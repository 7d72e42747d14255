"""Hosts and the engines on them: which, how they are reached, and that no secret stands in the file."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from breakfix.engine.document.positions import Place
from breakfix.engine.model import Scenario
from breakfix.engine.selectors import HostsFrom, SshLogin, SshSelector
from breakfix.engine.targets import address
from breakfix.engine.validate.semantics.finding import Finding, missing

_REFERENCE: Final = re.compile(r"\$\{secret:([a-z][a-z0-9_]*)\}")
_FINGERPRINT: Final = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_WAYS: Final = ("hosts", "hosts_file", "hosts_from")


def findings(scenario: Scenario) -> Iterator[Finding]:
    """Each of them. Nothing is looked up: neither a name, nor a file."""
    for name, engine in scenario.engines.items():
        place: Place = ("engines", name, "ssh")
        yield from _login(scenario, engine.ssh, place)
        yield from _address(engine.ssh.host, (*place, "host"))
    for name, target in scenario.targets.items():
        if target.docker is not None and target.docker.engine is not None:
            engine_name = target.docker.engine
            if engine_name not in scenario.engines:
                place = ("targets", name, "docker", "engine")
                yield missing(place, "engine", engine_name, scenario.engines)
        if target.ssh is not None:
            yield from _login(scenario, target.ssh, ("targets", name, "ssh"))
            yield from _selector(scenario, target.ssh, ("targets", name, "ssh"))


def _selector(scenario: Scenario, selector: SshSelector, place: Place) -> Iterator[Finding]:
    ways = [way for way in _WAYS if getattr(selector, way) is not None]
    if len(ways) != 1:
        message = "hosts are chosen by one of hosts, hosts_file and hosts_from"
        if ways:
            message += f"; this has {' and '.join(ways)}"
        yield Finding(place=place, message=message)
    if selector.group is not None and selector.hosts_file is None:
        message = "`group` means nothing without `hosts_file`"
        yield Finding(place=(*place, "group"), message=message, hint="it is a group of an inventory")
    if selector.hosts is not None and not selector.hosts:
        message, hint = "no host is listed", "a host is written as user@host:port"
        yield Finding(place=(*place, "hosts"), message=message, hint=hint)
    counts = Counter(selector.hosts or ())
    for index, text in enumerate(selector.hosts or ()):
        inside = (*place, "hosts", index)
        yield from _address(text, inside)
        if counts[text] > 1:
            yield Finding(place=inside, message=f"the host {text!r} stands twice")
    if selector.hosts_from is not None:
        yield from _api(scenario, selector.hosts_from, (*place, "hosts_from"))


def _address(text: str, place: Place) -> Iterator[Finding]:
    if "{{" in text:
        # Told as an expression that cannot stand there.
        return
    try:
        address.parse(text)
    except ValueError as error:
        yield Finding(place=place, message=str(error), hint="a host is written as user@host:port")


def _api(scenario: Scenario, source: HostsFrom, place: Place) -> Iterator[Finding]:
    try:
        url = urlsplit(source.http)
        sound = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        sound = False
    if not sound:
        message = f"{source.http!r} is no URL that begins with http:// or https://"
        yield Finding(place=(*place, "http"), message=message)
    for name, value in source.headers.items():
        for match in _REFERENCE.finditer(value):
            yield from _secret(scenario, match[1], (*place, "headers", name))


def _login(scenario: Scenario, login: SshLogin, place: Place) -> Iterator[Finding]:
    for key in ("password", "passphrase"):
        value = getattr(login, key)
        if value is None:
            continue
        match = _REFERENCE.fullmatch(value)
        if match is None:
            message = f"a {key} never stands in a file"
            hint = "write {{ secrets.NAME }}, and under `secrets` where NAME comes from"
            yield Finding(place=(*place, key), message=message, hint=hint)
        else:
            yield from _secret(scenario, match[1], (*place, key))
    if login.user is not None and "{{" not in login.user and not address.is_user(login.user):
        message = f"{login.user!r} cannot be the name of a user"
        yield Finding(place=(*place, "user"), message=message)
    for text in (login.jump or "").split(",") if login.jump is not None else ():
        yield from _address(text.strip(), (*place, "jump"))
    pinned = login.host_key.startswith("SHA256:")
    if pinned and not _FINGERPRINT.fullmatch(login.host_key):
        message = "this is no fingerprint: SHA256: and 43 characters"
        hint = "as `ssh-keygen -l -f /etc/ssh/ssh_host_ed25519_key.pub` prints it on the host"
        yield Finding(place=(*place, "host_key"), message=message, hint=hint)
    if pinned and login.known_hosts is not None and login.jump is None:
        message = "`known_hosts` means nothing where the key of the host is pinned"
        yield Finding(place=(*place, "known_hosts"), message=message, hint="drop one of the two")


def _secret(scenario: Scenario, name: str, place: Place) -> Iterator[Finding]:
    if name not in scenario.secrets:
        yield missing(place, "secret", name, scenario.secrets)
