"""What a target is in a scenario: containers, hosts, or a process; and how hosts are reached."""

from typing import Annotated

from msgspec import Meta, Struct

from breakfix.engine.values import Duration

ID_PATTERN = r"^[a-z][a-z0-9_]{0,62}$"
Id = Annotated[str, Meta(pattern=ID_PATTERN, description="lower case, digits and _")]


class _Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A part of a document; unknown keys are errors, keys that begin with ``x-`` apart."""


class ComposeSelector(_Part, frozen=True, kw_only=True):
    """A service of a compose project, found by compose's labels."""

    project: str
    service: str | None = None


class HostsFrom(_Part, frozen=True, kw_only=True):
    """A JSON list of hosts that an HTTP API gives: names, or objects with ``name`` and, where they are
    not the same for all, ``address``, ``port``, ``user``."""

    http: Annotated[str, Meta(description="The URL that is asked, by GET.")]
    headers: Annotated[
        dict[str, str], Meta(description="Of the request; {{ secrets.NAME }} may stand in them.")
    ] = {}


class SshLogin(_Part, frozen=True, kw_only=True):
    """How a host is reached; what is left out comes from ~/.ssh/config."""

    user: Annotated[str, Meta(description="Who logs in.", examples=["ops"])] | None = None
    port: Annotated[int, Meta(ge=1, le=65535, description="Where sshd listens.")] | None = None
    key: (
        Annotated[
            str,
            Meta(description="The path of a private key, relative to the folder of the scenario."),
        ]
        | None
    ) = None
    passphrase: (
        Annotated[str, Meta(description="Of the key: a reference, {{ secrets.NAME }}.")] | None
    ) = None
    password: (
        Annotated[str, Meta(description="A reference, {{ secrets.NAME }}; never a literal.")] | None
    ) = None
    jump: (
        Annotated[
            str,
            Meta(
                description="The host through which it is reached, or several behind each other: "
                "user@host:port,user@host:port.",
                examples=["ops@gate-1"],
            ),
        ]
        | None
    ) = None
    host_key: Annotated[
        str,
        Meta(
            pattern="^(known|accept-new|SHA256:.+)$",
            description="known: it stands in known_hosts; accept-new: it may be new, but never another than "
            "before; or the fingerprint that it must have.",
        ),
    ] = "known"
    known_hosts: (
        Annotated[
            str, Meta(description="The file in which host keys are looked up instead of the usual two.")
        ]
        | None
    ) = None


class SshSelector(SshLogin, frozen=True, kw_only=True):
    """Which hosts: exactly one of `hosts`, `hosts_file` and `hosts_from`."""

    hosts: (
        Annotated[
            tuple[str, ...],
            Meta(description="Each as user@host:port, or host.", examples=[["db-1", "ops@db-2:2222"]]),
        ]
        | None
    ) = None
    hosts_file: (
        Annotated[
            str,
            Meta(
                description="An inventory: a host a line, YAML, or INI as Ansible writes it; its path is "
                "relative to the folder of the scenario."
            ),
        ]
        | None
    ) = None
    group: (
        Annotated[str, Meta(description="Of the inventory; without it, all of its hosts.")] | None
    ) = None
    hosts_from: HostsFrom | None = None


class EngineHost(SshLogin, frozen=True, kw_only=True):
    """The host on which a Docker engine is reached, with its own ``docker`` command."""

    host: Annotated[str, Meta(description="As user@host:port, or host.", examples=["ops@dock-3"])]


class DockerEngine(_Part, frozen=True, kw_only=True):
    """A Docker engine besides the default one: on an SSH host."""

    ssh: EngineHost


class DockerSelector(_Part, frozen=True, kw_only=True):
    """Which containers: exactly one of `name`, `labels` and `compose`, on the default engine or one of
    `engines`."""

    engine: (
        Annotated[
            str,
            Meta(pattern=ID_PATTERN, description="One of `engines`; without it, the one that docker uses."),
        ]
        | None
    ) = None
    name: str | None = None
    labels: dict[str, str] | None = None
    compose: ComposeSelector | None = None


class ProcessTarget(_Part, frozen=True, kw_only=True):
    """A command that the engine starts before the first step, watches, and stops after the last."""

    command: Annotated[tuple[str, ...], Meta(min_length=1)]
    ready: Id | None = None
    """The probe that says that it is up."""
    ready_within: Duration = "30s"
    env: dict[str, str] = {}
    cwd: str = ""
