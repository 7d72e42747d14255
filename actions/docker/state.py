"""docker.state"""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from breakfix.actions.docker import identity, inspect, not_read
from breakfix.engine.action import Observation, Port, Probe
from breakfix.engine.ops import Kind


class State(Probe, frozen=True, kw_only=True):
    """Good while a container is in a state, as its engine says: running, unless another one is given.

    To be running is not to be well: `docker.health` and `http.get` ask that. A container that has been
    removed is bad.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("docker",)
    needs: ClassVar[tuple[str, ...]] = ("a Docker engine",)
    result: ClassVar[dict[str, str]] = {
        "state": "text: its state",
        "exit_code": "integer: of its last end",
        "restarts": "integer: how often its restart policy has started it again",
    }
    examples = ({}, {"state": "exited"})

    state: Annotated[
        Literal["running", "paused", "restarting", "exited", "created", "dead"],
        Meta(description="The state that is good."),
    ] = "running"

    async def sample(self, port: Port) -> Observation:
        """One inspect."""
        target = identity(port)
        outcome = await port.read(inspect(target))
        if not outcome.ok:
            return not_read(outcome, target)
        state = outcome.data["State"]
        now = state["Status"]
        detail = now if now == self.state else f"{now}, wanted {self.state}"
        if now == "exited":
            detail += f" (exit code {state['ExitCode']})"
        return Observation(
            holds=now == self.state,
            detail=detail,
            result={
                "state": now,
                "exit_code": state["ExitCode"],
                "restarts": outcome.data.get("RestartCount", 0),
            },
        )
