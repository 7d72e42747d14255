"""How Docker engines and SSH hosts are reached, as plans and journals record it: enough to reach them again."""

from msgspec import Struct


class Host(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An SSH host as the journal records it: enough to reach it again. `password` and `passphrase` are
    references to secrets (``${secret:NAME}``), never what they are.

    `host_key` is the fingerprint that it must show (``SHA256:...``); where that is empty, its key must
    stand in `known_hosts` (empty: ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts), or, with
    `accept_new`, may be one that is not known yet.
    """

    name: str
    address: str
    user: str
    port: int = 22
    host_key: str = ""
    known_hosts: str = ""
    accept_new: bool = False
    key: str = ""
    """The path of a private key; empty: an agent's, and those of ~/.ssh."""
    password: str = ""
    passphrase: str = ""
    jump: "Host | None" = None
    """The host through which it is reached."""


class Endpoint(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A Docker engine as the journal records it: enough to reach it again without the SDK."""

    name: str
    url: str
    """``unix:///var/run/docker.sock`` or ``tcp://host:2376``."""
    api: str
    """The API version that every request is pinned to: ``1.41``."""
    engine_id: str = ""
    tls_ca: str = ""
    tls_cert: str = ""
    tls_key: str = ""
    host: Host | None = None
    """The host on which it is reached, where `url` begins with ``ssh://``."""
