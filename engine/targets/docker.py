"""Containers as targets: which engine, which containers, and what is known of them.

The SDK of Docker reads contexts and the environment, as the command line of Docker does; everything
else is asked over raw HTTP.
"""

import contextlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec import Struct, structs

from breakfix.engine.action import DockerFacts
from breakfix.engine.endpoints import Endpoint, Host
from breakfix.engine.errors import (
    EngineError,
    EngineUnavailable,
    TargetVanished,
)
from breakfix.engine.ops import Identity
from breakfix.engine.selectors import DockerSelector
from breakfix.engine.vehicles import docker_host
from breakfix.engine.vehicles.docker_api import ask, incarnation
from breakfix.engine.vehicles.docker_wire import shown_url
from breakfix.engine.vehicles.ssh.engines import live
from breakfix.engine.vehicles.ssh.pool import SshHosts

_PROJECT: Final = "com.docker.compose.project"
_SERVICE: Final = "com.docker.compose.service"
_ONE_OFF: Final = "com.docker.compose.oneoff"
"""The labels by which compose knows its containers; a one-off is a ``docker compose run``."""

_API: Final = (1, 41)
"""The version of the API that is spoken where the engine speaks it."""
_API_MIN: Final = (1, 40)


class _Where(Struct, frozen=True):
    name: str
    url: str
    tls_ca: str = ""
    tls_cert: str = ""
    tls_key: str = ""


def endpoint(
    environ: Mapping[str, str] = os.environ, ssh: SshHosts | None = None
) -> Endpoint:
    """The engine that the command line of Docker would use: DOCKER_HOST (with DOCKER_TLS_VERIFY and
    DOCKER_CERT_PATH), else the context of DOCKER_CONTEXT, else the current one.

    One on another host (``ssh://user@host``) is asked through `ssh`, else through connections for this
    one time. Raises EngineUnavailable or PermissionRefused where it cannot be used, EngineError where
    it is of a kind that is not served.
    """
    where = _where(environ)
    scheme = where.url.partition("://")[0]
    if scheme == "ssh":
        from breakfix.engine.targets import hosts
        from breakfix.engine.targets.ssh_config import SshConfig

        # A target may be the same host, reached in another way.
        host = structs.replace(hosts.at(where.url, SshConfig()), name=f"engine {where.name}")
        if ssh is not None:
            return over_ssh(host, where.name, ssh)
        with contextlib.closing(SshHosts({}, lambda text: text)) as own:
            return over_ssh(host, where.name, own)
    if scheme not in ("unix", "tcp"):
        raise EngineError(
            f"A Docker engine at {where.url} cannot be reached.",
            hint="Say unix:///path, tcp://host:port or ssh://user@host in DOCKER_HOST.",
        )
    return _asked(
        Endpoint(
            name=where.name,
            url=where.url,
            api=_text(_API),
            tls_ca=where.tls_ca,
            tls_cert=where.tls_cert,
            tls_key=where.tls_key,
        ),
        None,
    )


def over_ssh(host: Host, name: str, ssh: SshHosts) -> Endpoint:
    """The engine of a host, as it is recorded: its `host` with the key pinned that it has shown. What
    `breakfix.engine.vehicles.ssh.engines.live` makes of it can be asked.

    Raises as `endpoint` does.
    """
    pinned = ssh.pinned(host)
    found = Endpoint(name=name, url="ssh://", api=_text(_API), host=pinned)
    return _asked(structs.replace(found, url=shown_url(found)), ssh)


def _asked(found: Endpoint, ssh: SshHosts | None) -> Endpoint:
    """With what the engine says of itself."""
    spoken = structs.replace(found, api=_spoken(live(found, ssh)))
    return structs.replace(spoken, engine_id=ask(live(spoken, ssh), "/info").get("ID", ""))


def select(endpoint: Endpoint, selector: DockerSelector) -> tuple[Identity, ...]:
    """The containers that a selector means, stopped ones included, sorted by name.

    Raises EngineError.
    """
    listed = ask(
        endpoint,
        "/containers/json",
        {"all": "true", "filters": json.dumps(_filters(selector))},
    )
    found = [
        Identity(
            kind="docker", name=_own_name(item["Names"]), endpoint=endpoint.name, object_id=item["Id"]
        )
        for item in listed
        if item.get("Labels", {}).get(_ONE_OFF) != "True" or selector.compose is None
    ]
    if selector.name is not None:
        found = [identity for identity in found if identity.name == selector.name]
    return tuple(sorted(found, key=lambda identity: identity.name))


def facts(
    endpoint: Endpoint, identity: Identity, allow: tuple[str, ...] = ()
) -> DockerFacts:
    """What is known of a container now; its identity is read anew. `object_id` may be a name.

    Raises TargetVanished where it is not there any more, else EngineError.
    """
    try:
        inspect = ask(endpoint, f"/containers/{identity.object_id}/json")
    except TargetVanished:
        raise TargetVanished(
            f"Container {identity.name} ({identity.object_id[:12]}) is not there any more.",
            hint="Start it again, or make a new plan.",
        ) from None
    name = inspect["Name"].lstrip("/")
    known = Identity(
        kind="docker",
        name=name,
        endpoint=endpoint.name,
        object_id=inspect["Id"],
        incarnation=incarnation(inspect),
    )
    return DockerFacts(
        identity=known,
        inspect=inspect,
        engine=ask(endpoint, "/info"),
        local=_within_reach(endpoint, inspect),
        memory_usage_bytes=_memory_usage_bytes(endpoint, inspect),
        allow=allow,
    )


# --- which engine ---


def _where(environ: Mapping[str, str]) -> _Where:
    from docker.context import ContextAPI
    from docker.context.config import get_current_context_name
    from docker.errors import DockerException
    from docker.utils import kwargs_from_env

    try:
        if environ.get("DOCKER_HOST"):
            given = kwargs_from_env(environment=dict(environ))
            return _with_tls("default", given["base_url"], given.get("tls"))
        name = environ.get("DOCKER_CONTEXT") or get_current_context_name()
        context = ContextAPI.get_context(name)
    except DockerException as error:
        raise EngineUnavailable(
            f"The settings of Docker cannot be used: {error}.",
            hint="Look at DOCKER_HOST and DOCKER_CERT_PATH.",
        ) from None
    host = getattr(context, "Host", None)
    if not host:
        raise EngineUnavailable(
            f"There is no docker context called {name}.", hint="`docker context ls` shows them."
        )
    return _with_tls(name, host, context.TLSConfig)


def _with_tls(name: str, url: str, tls: Any) -> _Where:
    """A URL of the SDK in our form. Certificates are verified, whatever was said about that."""
    if url.startswith("http+unix://"):
        url = "unix://" + url.removeprefix("http+unix://")
    elif url.startswith(("http://", "https://")):
        url = "tcp://" + url.partition("://")[2]
    url = url.rstrip("/")
    if not tls:
        return _Where(name, url)
    if not tls.ca_cert:
        raise EngineError(
            f"The Docker engine at {url} wants TLS, and there is no CA to verify it with.",
            hint="Put ca.pem into DOCKER_CERT_PATH.",
        )
    cert, key = tls.cert or ("", "")
    return _Where(name, url, str(tls.ca_cert), str(cert), str(key))


def _spoken(found: Endpoint) -> str:
    """The version to pin: ours, or the nearest to it that the engine speaks."""
    answer = ask(found, "/version")
    newest = _version(answer.get("ApiVersion", ""))
    oldest = _version(answer.get("MinAPIVersion", ""))
    if newest < _API_MIN:
        raise EngineError(
            f"The Docker engine at {found.url} is too old: its API is {_text(newest)}.",
            hint=f"API {_text(_API_MIN)} (Docker 19.03) is needed.",
        )
    return _text(min(max(_API, oldest), newest))


def _version(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else _API


def _text(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


# --- which containers ---


def _filters(selector: DockerSelector) -> dict[str, list[str]]:
    if selector.name is not None:
        return {"name": [f"^/{re.escape(selector.name)}$"]}
    labels = dict(selector.labels or {})
    if selector.compose is not None:
        labels[_PROJECT] = selector.compose.project
        if selector.compose.service is not None:
            labels[_SERVICE] = selector.compose.service
    return {"label": [f"{name}={value}" for name, value in labels.items()]}


def _own_name(names: Iterable[str]) -> str:
    """Of all names of a container, the one that is no link of another container."""
    return next(name[1:] for name in names if "/" not in name[1:])


# --- what is known of them ---


def _within_reach(endpoint: Endpoint, inspect: Mapping[str, Any]) -> bool:
    pid = inspect["State"]["Pid"]
    if pid and not docker_host.belongs(pid, inspect["Id"]):
        return False
    return docker_host.shares_processes(endpoint)


def _memory_usage_bytes(endpoint: Endpoint, inspect: Mapping[str, Any]) -> int | None:
    """What it uses now, without the page cache that can be dropped, as `docker stats` counts it.

    From here where that is possible: the engine may take a second to answer.
    """
    if not inspect["State"]["Running"]:
        return None
    here = docker_host.memory_usage_bytes(inspect["State"]["Pid"], inspect["Id"])
    if here is not None:
        return here
    query = {"stream": "false", "one-shot": "true"}
    try:
        memory = ask(endpoint, f"/containers/{inspect['Id']}/stats", query).get("memory_stats", {})
    except EngineError:
        return None
    usage = memory.get("usage")
    if usage is None:
        return None
    details = memory.get("stats") or {}
    inactive = details.get("total_inactive_file", details.get("inactive_file", 0))
    return max(0, int(usage) - int(inactive))
