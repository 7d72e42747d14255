"""Logging in: by one given key; else by those of an agent and of ~/.ssh; by a password.

What is secret is revealed here, right before it is used, and stands in no message.
"""

import contextlib
import io
import os
import socket
import threading
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, Final

import paramiko
from paramiko.agent import AgentSSH
from paramiko.auth_handler import AuthHandler
from paramiko.ssh_exception import (
    BadAuthenticationType,
    PartialAuthentication,
    PasswordRequiredException,
    SSHException,
)

from breakfix.engine.endpoints import Host
from breakfix.engine.vehicles.ssh.transport import Transport
from breakfix.engine.vehicles.ssh.waiting import NotReached, OutOfTime, Patience

LOGIN_S: Final = 15.0
"""How long a host may take for one try; some ask a name server first."""

_DEFAULT_KEYS: Final = ("id_ed25519", "id_ecdsa", "id_rsa")
_AGENT_S: Final = 5.0
_CLASSES: Final = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)


class Login:
    """Logs in. Keeps the keys that it has read: reading an encrypted one takes a tenth of a second.
    Thread-safe."""

    def __init__(self, reveal: Callable[[str], str]) -> None:
        self._reveal = reveal
        self._lock = threading.Lock()
        self._keys: dict[tuple[str, str], paramiko.PKey] = {}

    def __call__(self, transport: Transport, host: Host, patience: Patience) -> None:
        """Raises NotReached (`refused`) where the host lets us in by none of them."""
        tried: list[str] = []
        with contextlib.closing(self._offers(host, tried)) as offers:
            if any(self._by_key(transport, host, key, patience) for key in offers):
                return
        if host.password:
            tried.append("the password")
            if self._by_password(transport, host, patience):
                return
        where = f"{host.name} ({host.user}@{host.address}:{host.port})"
        if not tried:
            raise NotReached(
                f"there is nothing to log in to {where} with: {_why_no_agent()}, and ~/.ssh has no "
                "key that can be read without a passphrase",
                hint="Say key or password, or start an agent (ssh-agent, ssh-add).",
                refused=True,
            )
        proof = "password its own" if host.password else "public key in its authorized_keys"
        raise NotReached(
            f"{where} does not let us in: it refuses {', '.join(tried)}",
            hint=f"Is {host.user} the right user, and the {proof}?",
            refused=True,
        )

    # --- keys ---

    def _offers(self, host: Host, tried: list[str]) -> Generator[paramiko.PKey, None, None]:
        if host.key:
            tried.append(f"the key {host.key}")
            yield self._read(host, str(Path(host.key).expanduser()))
            return
        with _agent() as agent:
            for number, key in enumerate(agent):
                if not number:
                    tried.append("the keys of the agent")
                yield key
        for name in _DEFAULT_KEYS:
            path = Path("~/.ssh").expanduser() / name
            if not path.is_file():
                continue
            # What cannot be read is passed over: nobody has asked for this very key.
            with contextlib.suppress(NotReached):
                key = self._read(host, str(path))
                tried.append(f"the key {path}")
                yield key

    def _read(self, host: Host, path: str) -> paramiko.PKey:
        passphrase = self._reveal(host.passphrase) if host.passphrase else ""
        with self._lock:
            if (path, passphrase) not in self._keys:
                self._keys[path, passphrase] = read_key(path, passphrase)
            return self._keys[path, passphrase]

    # --- tries ---

    def _by_key(
        self, transport: Transport, host: Host, key: paramiko.PKey, patience: Patience
    ) -> bool:
        def ask(handler: AuthHandler, answered: threading.Event) -> None:
            handler.auth_publickey(host.user, key, answered)

        return _tried(transport, host, ask, patience) is None

    def _by_password(self, transport: Transport, host: Host, patience: Patience) -> bool:
        password = self._reveal(host.password)

        def ask(handler: AuthHandler, answered: threading.Event) -> None:
            handler.auth_password(host.user, password, answered)

        def answer(title: str, text: str, prompts: list[tuple[str, bool]]) -> list[str]:
            return [password for _ in prompts]

        def ask_as_dialogue(handler: AuthHandler, answered: threading.Event) -> None:
            handler.auth_interactive(host.user, answer, answered)

        refusal = _tried(transport, host, ask, patience)
        if isinstance(refusal, BadAuthenticationType) and (
            "keyboard-interactive" in refusal.allowed_types
        ):
            refusal = _tried(transport, host, ask_as_dialogue, patience)
        return refusal is None


def _tried(
    transport: Transport,
    host: Host,
    ask: Callable[[AuthHandler, threading.Event], None],
    patience: Patience,
) -> Exception | None:
    """One try; None where we are in, else what was said."""
    handler = AuthHandler(transport)
    answered = threading.Event()
    transport.auth_handler = handler
    transport.get_exception()
    soon = patience.within(LOGIN_S)
    try:
        with contextlib.suppress(EOFError):
            ask(handler, answered)
        while transport.is_active() and not answered.is_set():
            answered.wait(soon.slice_s())
    except OutOfTime:
        raise NotReached(f"{host.name} does not answer to our login in time") from None
    if transport.is_authenticated():
        return None
    said = transport.get_exception()
    if not transport.is_active():
        what = str(said) if isinstance(said, SSHException) else "it closed the connection"
        raise NotReached(f"{host.name} broke off our login: {what}", passing=True)
    if isinstance(said, PartialAuthentication):
        raise NotReached(
            f"{host.name} wants more than one proof of who we are "
            f"({', '.join(said.allowed_types)} after this one), which is not served",
            refused=True,
        )
    return said or SSHException("refused")


def read_key(path: str, passphrase: str) -> paramiko.PKey:
    """The private key of a file, and its certificate where one lies beside it (``-cert.pub``).

    Raises NotReached (`refused`) where it cannot be read.
    """
    try:
        text = Path(path).read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no private key"
        raise NotReached(f"the key {path} cannot be read: {why}", refused=True) from None
    for kind in _CLASSES:
        try:
            key = kind.from_private_key(io.StringIO(text), passphrase or None)
        except PasswordRequiredException:
            raise NotReached(
                f"the key {path} is encrypted, and no passphrase is given",
                hint="Say passphrase, or give the key to an agent (ssh-add).",
                refused=True,
            ) from None
        except (SSHException, ValueError, IndexError):
            # What its reader raises where it is of another type, or not what it seems to be.
            continue
        certificate = Path(f"{path}-cert.pub")
        if certificate.is_file():
            key.load_certificate(str(certificate))
        return key
    also = ", or its passphrase is another one" if passphrase else ""
    raise NotReached(f"the key {path} is none that can be read{also}", refused=True)


@contextlib.contextmanager
def _agent() -> Iterator[tuple[Any, ...]]:
    """The keys of the agent, none where there is no agent. Each connection asks it by one of its own:
    it is asked once more to sign, by another thread."""
    path = os.environ.get("SSH_AUTH_SOCK")
    if not path:
        yield ()
        return
    agent: Any = AgentSSH()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asked:
        asked.settimeout(_AGENT_S)
        try:
            asked.connect(path)
            agent._connect(asked)
            keys = agent.get_keys()
        except (OSError, SSHException):
            keys = ()
        yield keys


def _why_no_agent() -> str:
    path = os.environ.get("SSH_AUTH_SOCK")
    return f"no agent with a key answers at {path}" if path else "no agent runs (SSH_AUTH_SOCK)"
