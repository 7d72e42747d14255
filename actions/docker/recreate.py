"""docker.recreate"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final

from msgspec import Meta

from breakfix.actions.docker import (
    NOT_MODIFIED,
    SHORT_ID_CHARS,
    check,
    endpoint_config,
    network_op,
    require_kept,
    start_op,
    stop_op,
)
from breakfix.engine.action import DockerFacts, Repair
from breakfix.engine.ops import DockerOp, Identity, Kind, Plan
from breakfix.engine.values import Duration

_NOT_FOUND: Final = 404
_CONFLICT: Final = 409
_WITHOUT_NETWORK: Final = ("host", "none", "container")
_UNLIMITED_BYTES_MIN: Final = 1 << 62
"""A limit of memory as large as that stands for none."""

_LIMITS: Final = ("Memory", "MemorySwap", "CpuQuota", "PidsLimit")


class Recreate(Repair, frozen=True, kw_only=True):
    """Make a container anew, as `docker compose up --force-recreate` does, without needing compose: same
    image, settings, networks, mounts and name; another id, and files as in the image.

    All is taken from inspect. The new one is made under another name; the old one is stopped, the new
    one is started, the old one is removed (its volumes stay), the new one gets its name. As long as the
    old one is there, the undo removes the new one and starts the old one; after that there is no way
    back.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("docker",)
    needs: ClassVar[tuple[str, ...]] = ("a Docker engine",)
    examples = ({}, {"grace": "2s"})

    grace: Annotated[
        Duration,
        Meta(description="How long the old one may take to end; counted in whole seconds."),
    ] = "10s"

    def plan(self, facts: DockerFacts) -> Plan:
        """Never is the name free for longer than it takes to rename a container."""
        require_kept(facts)
        old = facts.identity
        new = f"{old.name}-breakfix-{old.object_id[:SHORT_ID_CHARS]}"
        primary, others = _networks(facts)
        remove_new = _of_new(old, "DELETE", new, ok=(204, _NOT_FOUND), force="true")
        by_name = DockerOp(
            method="GET", path=f"/containers/{old.name}/json", changes="no", endpoint=old.endpoint
        )
        return Plan(
            apply=(
                # What an attempt before this one has left.
                remove_new,
                DockerOp(
                    method="POST",
                    path="/containers/create",
                    query={"name": new},
                    body=_body(facts, primary),
                    target=old,
                ),
                *(
                    network_op(
                        old,
                        settings.get("NetworkID") or name,
                        "connect",
                        {"Container": new, "EndpointConfig": endpoint_config(old, settings)},
                    )
                    for name, settings in others.items()
                ),
                stop_op(old, self.grace),
                _of_new(old, "POST", f"{new}/start", ok=(204, NOT_MODIFIED)),
                _remove(old),
                _rename(old, new, ok=(204,)),
            ),
            effect=(
                check(by_name, "/Id", "ne", old.object_id, f"{old.name} is another container"),
                check(by_name, "/State/Status", "eq", "running", f"{old.name} is running"),
            ),
            undo=(
                remove_new,
                *((start_op(old),) if facts.inspect["State"]["Running"] else ()),
                _rename(old, new, ok=(204, _NOT_FOUND, _CONFLICT)),
            ),
            rebinds=True,
        )


def _of_new(
    old: Identity, method: Any, rest: str, *, ok: tuple[int, ...], **query: str
) -> DockerOp:
    """An op on the new one, by its name; not sent where the old one is not there any more."""
    return DockerOp(
        method=method,
        path=f"/containers/{rest}",
        query=query,
        ok_status=ok,
        target=old,
        timeout_s=60.0,
    )


def _remove(old: Identity) -> DockerOp:
    return DockerOp(
        method="DELETE",
        path=f"/containers/{old.object_id}",
        query={"v": "false"},
        target=old,
        timeout_s=60.0,
    )


def _rename(old: Identity, new: str, *, ok: tuple[int, ...]) -> DockerOp:
    """The new one gets the name of the old one, which is gone."""
    return DockerOp(
        method="POST",
        path=f"/containers/{new}/rename",
        query={"name": old.name},
        ok_status=ok,
        target=old,
        level="name",
    )


def _networks(facts: DockerFacts) -> tuple[dict[str, Any], dict[str, Any]]:
    """The network that a container is made with, and those that it is connected to after that: one is
    all that can be named when it is made (API 1.43 and before)."""
    mode = facts.inspect["HostConfig"].get("NetworkMode") or "default"
    if mode.partition(":")[0] in _WITHOUT_NETWORK:
        return {}, {}
    wanted = "bridge" if mode == "default" else mode
    networks = facts.inspect["NetworkSettings"]["Networks"] or {}
    primary = {
        name: settings
        for name, settings in networks.items()
        if wanted in (name, settings.get("NetworkID"))
    }
    others = {name: settings for name, settings in networks.items() if name not in primary}
    return primary, others


def _body(facts: DockerFacts, primary: Mapping[str, Any]) -> dict[str, Any]:
    """The body of POST /containers/create that makes such a container again."""
    inspect, target = facts.inspect, facts.identity
    config = dict(inspect["Config"])
    if config.get("Hostname") == target.object_id[:SHORT_ID_CHARS]:
        # It was not given: the new one has its own.
        del config["Hostname"]
    endpoints = {name: endpoint_config(target, settings) for name, settings in primary.items()}
    return {
        **config,
        "HostConfig": _host_config(inspect),
        "NetworkingConfig": {"EndpointsConfig": endpoints},
    }


def _host_config(inspect: Mapping[str, Any]) -> dict[str, Any]:
    host = dict(inspect["HostConfig"])
    for limit in _LIMITS:
        if not 0 < (host.get(limit) or 0) < _UNLIMITED_BYTES_MIN:
            host[limit] = 0
    if host["Memory"] and not host["MemorySwap"]:
        # 0 would stand for twice the memory.
        host["MemorySwap"] = -1
    if host.get("Links"):
        # "/db:/web/store" of inspect is "db:store" when one is made.
        pairs = [link.split(":", 1) for link in host["Links"]]
        host["Links"] = [f"{of.lstrip('/')}:{alias.rsplit('/', 1)[-1]}" for of, alias in pairs]
    host["Binds"] = [*(host.get("Binds") or ()), *_anonymous_volumes(inspect)]
    return host


def _anonymous_volumes(inspect: Mapping[str, Any]) -> list[str]:
    """Volumes that nobody named: the new container would get empty ones."""
    host = inspect["HostConfig"]
    named = {bind.split(":")[1] for bind in host.get("Binds") or () if ":" in bind}
    named |= {mount.get("Target") for mount in host.get("Mounts") or ()}
    return [
        f"{mount['Name']}:{mount['Destination']}" + ("" if mount.get("RW", True) else ":ro")
        for mount in inspect.get("Mounts") or ()
        if mount.get("Type") == "volume" and mount["Destination"] not in named
    ]
