"""docker.disconnect"""

from typing import Annotated, Any, ClassVar, Final

from msgspec import Meta

from breakfix.actions.docker import (
    endpoint_config,
    network_op,
    pointer,
    require_running,
    see,
)
from breakfix.engine.action import DockerFacts, Fault
from breakfix.engine.errors import PreconditionError
from breakfix.engine.ops import Identity, Kind, Plan

_NO_NETWORKS: Final = ("host", "none", "container")


class Disconnect(Fault, frozen=True, kw_only=True):
    """Cut a container off from a network: its interface vanishes, and so does its name in the network's
    DNS.

    The undo connects it again with its aliases, links, driver options, and its address where that was
    given when it was made. An address that the engine chose may be another one afterwards. That it is
    connected can be seen only while it runs.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("docker",)
    lasting: ClassVar[bool] = True
    claims: ClassVar[tuple[str, ...]] = ("net",)
    needs: ClassVar[tuple[str, ...]] = ("a Docker engine",)
    examples = ({}, {"network": "shop_backend"})

    network: Annotated[
        str, Meta(description="The network's name. Empty: the only one that it is connected to.")
    ] = ""

    def plan(self, facts: DockerFacts) -> Plan:
        """One disconnect."""
        require_running(facts, "D109")
        target = facts.identity
        name, settings = self._network(facts)
        pick = pointer("NetworkSettings", "Networks", name)
        network = settings.get("NetworkID") or name
        connect = {"Container": target.object_id, "EndpointConfig": endpoint_config(target, settings)}
        disconnect = {"Container": target.object_id, "Force": False}
        return Plan(
            apply=(network_op(target, network, "disconnect", disconnect),),
            effect=(see(target, pick, "absent", None, f"{target.name} is cut off from {name}"),),
            undo=(network_op(target, network, "connect", connect),),
            # Not "present": a connect that fails leaves its network there too, without its id.
            gone=(
                see(
                    target,
                    f"{pick}/NetworkID",
                    "eq",
                    settings.get("NetworkID"),
                    f"{target.name} is connected to {name}",
                ),
            ),
            note=_note(target, settings),
        )

    def _network(self, facts: DockerFacts) -> tuple[str, dict[str, Any]]:
        name = facts.identity.name
        mode = facts.inspect["HostConfig"].get("NetworkMode", "")
        if mode.partition(":")[0] in _NO_NETWORKS:
            raise PreconditionError(
                "D109",
                f"container {name} uses network_mode {mode}",
                fix="choose one that is connected to a network",
            )
        networks = facts.inspect["NetworkSettings"]["Networks"] or {}
        if self.network in networks:
            return self.network, networks[self.network]
        if not networks:
            raise PreconditionError(
                "D109",
                f"container {name} is connected to no network",
                fix="connect it to one first",
            )
        listed = ", ".join(sorted(networks))
        if self.network:
            raise PreconditionError(
                "D109",
                f"container {name} is connected to {listed}, not to {self.network}",
                fix="name one that it is connected to",
            )
        if len(networks) != 1:
            raise PreconditionError(
                "D109",
                f"container {name} is connected to {listed}",
                fix="say which one, with `network`",
            )
        return next(iter(networks.items()))


def _note(target: Identity, settings: dict[str, Any]) -> str:
    ipam = settings.get("IPAMConfig") or {}
    if ipam.get("IPv4Address") or ipam.get("IPv6Address"):
        return ""
    return f"{target.name} may have another address afterwards: the engine chooses it"
