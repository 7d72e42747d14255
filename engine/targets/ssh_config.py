"""What ~/.ssh/config says of a host, as ssh_config(5) has it."""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from breakfix.engine.errors import EngineError
from breakfix.engine.targets import address

if TYPE_CHECKING:
    import paramiko

_INCLUDE: Final = re.compile(r"\s*include(?:\s*=\s*|\s+)(.+)", re.IGNORECASE)
_BLOCK: Final = re.compile(r"\s*(?:host|match)(?:\s*=\s*|\s+)", re.IGNORECASE)
_DEPTH_MAX: Final = 16
"""How deeply files may include each other, as in ssh_config(5)."""


class Settings(Struct, frozen=True, kw_only=True):
    """What is said of one host; what is not is empty or None. `jump` is a list of hosts, the nearest
    to us first: ``user@host:port,host``."""

    address: str = ""
    port: int | None = None
    user: str | None = None
    keys: tuple[str, ...] = ()
    jump: str = ""
    known_hosts: tuple[str, ...] = ()


class SshConfig:
    """The configuration of one user. Read when the first host is looked up; a file that is not there says
    nothing."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path if path is not None else Path.home() / ".ssh" / "config"
        self._config: paramiko.SSHConfig | None = None

    def lookup(self, name: str) -> Settings:
        """What it says of the host that people call so. Raises EngineError where it cannot be read, or asks
        for what is not served."""
        import paramiko

        try:
            if self._config is None:
                text = "".join(_included(self._path, 0))
                self._config = paramiko.SSHConfig.from_file(io.StringIO(text))
            found = self._config.lookup(name)
        # Whatever the library raises on what people write into that file.
        except Exception as error:
            raise EngineError(
                f"{self._path} cannot be read: {str(error) or type(error).__name__}.",
                hint=f"Try `ssh -G {name}`.",
            ) from None
        return self._settings(name, found)

    def _settings(self, name: str, found: "paramiko.SSHConfigDict") -> Settings:
        jump = found.get("proxyjump", "")
        if jump.lower() == "none":
            jump = ""
        if found.get("proxycommand") and not jump:
            raise EngineError(
                f"{self._path} reaches {name} by a ProxyCommand, which is not served.",
                hint="Say ProxyJump there, or `jump` in the scenario.",
            )
        try:
            port = address.port(found["port"]) if "port" in found else None
        except ValueError as error:
            raise EngineError(f"{self._path}, of {name}: {error}.") from None
        where = found.get("hostname", name)
        return Settings(
            address="" if where == name else where,
            port=port,
            user=found.get("user"),
            keys=tuple(found.get("identityfile", ())),
            jump=jump,
            known_hosts=tuple(_paths(found.get("userknownhostsfile", ""))),
        )


def _included(path: Path, depth: int) -> Iterator[str]:
    """The lines of a file with those of the files that it includes, which the library does not read."""
    if depth > _DEPTH_MAX:
        raise ValueError(f"{path} is included by itself, or too deeply")
    try:
        lines = path.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return
    block = "Host *"
    for line in lines:
        if (match := _INCLUDE.fullmatch(line)) is None:
            block = line if _BLOCK.match(line) else block
            yield f"{line}\n"
            continue
        for pattern in _paths(match[1]):
            for file in _matching(pattern):
                yield from _included(file, depth + 1)
        # What follows belongs to the block that the line stands in.
        yield f"{block}\n"


def _matching(pattern: str) -> list[Path]:
    """The files that a pattern means; a relative one begins at ~/.ssh."""
    path = Path(pattern)
    if not path.is_absolute():
        path = Path.home() / ".ssh" / path
    return sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))


def _paths(text: str) -> Iterator[str]:
    """Paths that are written behind each other, with or without quotes."""
    for quoted, plain in re.findall(r'"([^"]*)"|(\S+)', text):
        yield expanded(quoted or plain)


def expanded(path: str) -> str:
    """A path with a ``~`` in front written out.

    >>> expanded("/etc/ssh/key")
    '/etc/ssh/key'
    """
    try:
        return str(Path(path).expanduser())
    except RuntimeError:
        # ~name of somebody who is not there.
        return path
