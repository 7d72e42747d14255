"""Where a host is, as people write it: ``user@host:port``."""

import ipaddress
import re
from typing import Final

from msgspec import Struct

PORT_MAX: Final = 65535
_HOST: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?\.?")
_USER: Final = re.compile(r"[^\s@:/-][^\s@:/]*")
_HOST_CHARS_MAX: Final = 253
"""RFC 1035, 2.3.4."""


class Address(Struct, frozen=True):
    """What was written; a user or a port that was not is None."""

    host: str
    user: str | None = None
    port: int | None = None

    @property
    def name(self) -> str:
        """What the host is called in plans and reports: the port is part of it where it was written.

        >>> Address("::1", "ops", 2222).name
        '[::1]:2222'
        """
        return self.host if self.port is None else joined(self.host, self.port)


def joined(host: str, port: int) -> str:
    """
    >>> joined("db-1", 22)
    'db-1:22'
    """
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse(text: str) -> Address:
    """``host``, ``user@host``, ``host:port`` or all of it; an IPv6 address with a port stands in brackets.

    Raises ValueError with what is wrong.

    >>> parse("ops@db-1:2222")
    Address(host='db-1', user='ops', port=2222)
    >>> parse("fe80::1%eth0").host
    'fe80::1%eth0'
    """
    before, at, where = text.rpartition("@")
    if at and not _USER.fullmatch(before):
        raise ValueError(f"{before!r} cannot be the name of a user")
    host, port_text = _split(where)
    if not is_host(host):
        raise ValueError(f"{host!r} cannot be the name or the address of a host")
    return Address(host, before if at else None, None if port_text is None else port(port_text))


def port(text: str) -> int:
    """Raises ValueError where the text is no port.

    >>> port("2222")
    2222
    """
    if re.fullmatch("[0-9]{1,5}", text) and 1 <= int(text) <= PORT_MAX:
        return int(text)
    raise ValueError(f"{text!r} is no port: they go from 1 to {PORT_MAX}")


def is_host(text: str) -> bool:
    """
    >>> is_host("db_1.example"), is_host("-oProxyCommand=x")
    (True, False)
    """
    if ":" in text:
        return _is_ipv6(text)
    return len(text) <= _HOST_CHARS_MAX and _HOST.fullmatch(text) is not None


def is_user(text: str) -> bool:
    """
    >>> is_user("ops"), is_user("-l")
    (True, False)
    """
    return _USER.fullmatch(text) is not None


def _split(where: str) -> tuple[str, str | None]:
    if where.startswith("["):
        host, bracket, rest = where[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")) or ":" not in host:
            raise ValueError(f"{where!r}: only an IPv6 address stands in brackets, then its port")
        return host, rest[1:] if rest else None
    if where.count(":") > 1:
        return where, None
    host, colon, port_text = where.partition(":")
    return host, port_text if colon else None


def _is_ipv6(text: str) -> bool:
    address, percent, zone = text.partition("%")
    if percent and not re.fullmatch(r"[A-Za-z0-9_.-]+", zone):
        return False
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        return False
    return True
