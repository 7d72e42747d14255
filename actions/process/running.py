"""process.running"""

from typing import ClassVar

from breakfix.actions.process import status
from breakfix.engine.action import Observation, Port, Probe, ProcessFacts
from breakfix.engine.ops import Kind


class Running(Probe, frozen=True, kw_only=True):
    """Good while something of a process target lives, a stopped (paused) process included.

    To be alive is not to be well: whether it answers is what http.get and tcp.connect ask.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("process",)
    result: ClassVar[dict[str, str]] = {
        "running": "boolean",
        "state": "text: as in proc(5): R, S, D; T where all of it is stopped; empty where none is",
        "processes": "integer: how many it consists of",
    }

    async def sample(self, port: Port) -> Observation:
        """Count what carries the mark."""
        assert isinstance(port.facts, ProcessFacts)
        outcome = await port.read(status(port.facts.identity))
        if not outcome.ok:
            return Observation(holds=None, detail=outcome.error)
        seen = outcome.data
        detail = f"running, state {seen['state']}" if seen["running"] else "not running"
        if not seen["running"] and seen["exit_code"] is not None:
            detail += f", ended with {seen['exit_code']}"
        return Observation(
            holds=seen["running"],
            detail=detail,
            result={
                "running": seen["running"],
                "state": seen["state"],
                "processes": len(seen["pids"]),
            },
        )
