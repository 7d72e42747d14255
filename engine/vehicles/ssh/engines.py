"""Docker engines that are reached through SSH."""

from msgspec import structs

from breakfix.engine.endpoints import Endpoint
from breakfix.engine.errors import VehicleError
from breakfix.engine.vehicles.ssh.pool import SshHosts


def live(endpoint: Endpoint, ssh: SshHosts | None) -> Endpoint:
    """An engine as this process can reach it now: one on a host behind a socket of `ssh`, any other as
    it is. What is recorded of an engine is never this, since the socket is of this process alone.

    Raises VehicleError where there is no `ssh`.
    """
    if endpoint.host is None:
        return endpoint
    if ssh is None:
        raise VehicleError(
            f"The Docker engine at {endpoint.url} needs SSH, which is not set up here."
        )
    return structs.replace(endpoint, url=f"unix://{ssh.socket_of(endpoint.host)}")
