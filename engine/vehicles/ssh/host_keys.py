"""Whose key a host may show: the file format known_hosts of sshd(8), read here.

Paramiko reads neither patterns nor markers; a revoked key would be a known one to it. Host certificates
(``@cert-authority``) are not served: such lines are passed over.
"""

import base64
import contextlib
import fnmatch
import hashlib
import hmac
import os
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from breakfix.engine.endpoints import Host
from breakfix.engine.vehicles.ssh.waiting import NotReached

SYSTEM_KNOWN_HOSTS: Final = "/etc/ssh/ssh_known_hosts"

FAMILIES: Final = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
}
"""The types of keys, each with the names under which it is negotiated (RFC 8332 for RSA), the best first."""

_SSH_PORT: Final = 22
_HASHED: Final = "|1|"


class Key(Struct, frozen=True):
    """A public key: its type as in a file, and its bytes."""

    kind: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """As OpenSSH writes it: ``SHA256:...``."""
        digest = hashlib.sha256(self.blob).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")

    def __str__(self) -> str:
        return f"{self.fingerprint} ({self.kind.removeprefix('ssh-')})"


class Line(Struct, frozen=True):
    """One line of a file: whose key it is."""

    names: str
    key: Key
    revoked: bool
    where: str
    """``FILE:LINE``"""

    def means(self, name: str) -> bool:
        """Whether it is about a host, as `name_of` writes it."""
        if self.names.startswith(_HASHED):
            return _hash_matches(self.names, name)
        found = False
        for pattern in self.names.split(","):
            if _matches(name, pattern.lstrip("!")):
                if pattern.startswith("!"):
                    return False
                found = True
        return found


def name_of(address: str, port: int) -> str:
    """
    >>> name_of("DB-1", 22), name_of("10.0.0.1", 2222)
    ('db-1', '[10.0.0.1]:2222')
    """
    return address.lower() if port == _SSH_PORT else f"[{address.lower()}]:{port}"


def parse(text: str, file: str) -> list[Line]:
    """The lines that are about keys. What cannot be read is passed over, as OpenSSH does."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        marker = words.pop(0) if words and words[0].startswith("@") else ""
        if len(words) < 3 or words[0].startswith("#") or marker not in ("", "@revoked"):
            continue
        with contextlib.suppress(ValueError):
            key = Key(words[1], base64.b64decode(words[2], validate=True))
            found.append(Line(words[0], key, bool(marker), f"{file}:{number}"))
    return found


def _matches(name: str, pattern: str) -> bool:
    if not any(sign in pattern for sign in "*?"):
        return name == pattern.lower()
    # Brackets stand for themselves here, in a pattern of the shell they do not.
    return fnmatch.fnmatchcase(name, pattern.lower().replace("[", "[[]"))


def _hash_matches(names: str, name: str) -> bool:
    salt, _, digest = names.removeprefix(_HASHED).partition("|")
    try:
        made = hmac.digest(base64.b64decode(salt), name.encode(), "sha1")
        return hmac.compare_digest(made, base64.b64decode(digest))
    except ValueError:
        return False


class KnownHosts:
    """The files, read once for each of their versions. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read: dict[str, tuple[tuple[int, int], dict[str, list[Line]], list[Line]]] = {}

    def lines(self, host: Host) -> list[Line]:
        """What is known of a host."""
        name = name_of(host.address, host.port)
        found: list[Line] = []
        for file in files(host):
            by_name, others = self._lines_of(file)
            found += by_name.get(name, ())
            found += (line for line in others if line.means(name))
        return found

    def add(self, host: Host, key: Key) -> None:
        """Accept the key of a host that is not known yet. Raises NotReached where it cannot be
        written down."""
        file = Path(files(host)[0])
        line = (
            f"{name_of(host.address, host.port)} {key.kind} {base64.b64encode(key.blob).decode()}\n"
        )
        try:
            with self._lock:
                file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                descriptor = os.open(
                    file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600
                )
                try:
                    size = os.fstat(descriptor).st_size
                    torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
                    os.write(descriptor, (b"\n" if torn else b"") + line.encode())
                finally:
                    os.close(descriptor)
        except OSError as error:
            raise NotReached(
                f"the key of {host.name} cannot be written to {file}: {error.strerror}", ours=True
            ) from None

    def _lines_of(self, file: str) -> tuple[dict[str, list[Line]], list[Line]]:
        try:
            facts = Path(file).stat()
        except OSError:
            return {}, []
        version = (facts.st_mtime_ns, facts.st_size)
        with self._lock:
            known = self._read.get(file)
            if known is None or known[0] != version:
                known = (version, *_indexed(_text_of(file), file))
                self._read[file] = known
        return known[1], known[2]


def _text_of(file: str) -> str:
    try:
        return Path(file).read_text("utf-8", "replace")
    except OSError as error:
        raise NotReached(f"{file} cannot be read: {error.strerror}", ours=True) from None


def _indexed(text: str, file: str) -> tuple[dict[str, list[Line]], list[Line]]:
    """Lines by the plain names that they hold, and those that have to be asked one by one."""
    by_name: dict[str, list[Line]] = {}
    others = []
    for line in parse(text, file):
        names = line.names.split(",")
        if line.names.startswith(_HASHED) or any(sign in line.names for sign in "*?!"):
            others.append(line)
            continue
        for name in names:
            by_name.setdefault(name.lower(), []).append(line)
    return by_name, others


def files(host: Host) -> tuple[str, ...]:
    """The files that say whose key it is; the first takes new keys."""
    if host.known_hosts:
        return (str(Path(host.known_hosts).expanduser()),)
    return (str(Path("~/.ssh/known_hosts").expanduser()), SYSTEM_KNOWN_HOSTS)


def order(lines: Iterable[Line], tried: Iterable[str] = ()) -> tuple[str, ...]:
    """The names under which keys are negotiated, those first of which one is known, so that the host
    shows it; without the types that were `tried`."""
    known = {line.key.kind for line in lines if not line.revoked}
    kinds = sorted(FAMILIES, key=lambda kind: kind not in known)
    return tuple(name for kind in kinds if kind not in set(tried) for name in FAMILIES[kind])


def judge(host: Host, shown: Key, lines: Sequence[Line]) -> bool:
    """Whether a key is that of the host; False where the host is not known, and it may be accepted.

    Raises NotReached (`refused`) in every other case.
    """
    where = f"{host.name} ({name_of(host.address, host.port)})"
    if any(line.revoked and line.key == shown for line in lines):
        raise NotReached(f"the key that {where} shows is revoked: {shown}", refused=True)
    if host.host_key:
        if shown.fingerprint == host.host_key:
            return True
        raise NotReached(
            f"the key of {where} has changed: it shows {shown}, and {host.host_key} is pinned",
            hint="Somebody may be in between. If the host was made anew, pin the new fingerprint.",
            refused=True,
        )
    known = [line for line in lines if not line.revoked]
    if any(line.key == shown for line in known):
        return True
    if known:
        line = next((line for line in known if line.key.kind == shown.kind), known[0])
        name = name_of(host.address, host.port)
        raise NotReached(
            f"the key of {where} has changed: it shows {shown}, and {line.key} is known "
            f"({line.where})",
            hint="Somebody may be in between. If the host was made anew, take the old key away: "
            f"ssh-keygen -R '{name}' -f {line.where.rpartition(':')[0]}",
            refused=True,
        )
    if host.accept_new:
        return False
    raise NotReached(
        f"the key of {where} is not known: it shows {shown}",
        hint=f"Compare it with that on the host (ssh-keygen -lf /etc/ssh/ssh_host_"
        f"{shown.kind.removeprefix('ssh-').partition('-')[0]}_key.pub), then put it into "
        f"{files(host)[0]}, or pin it as host_key.",
        refused=True,
    )
