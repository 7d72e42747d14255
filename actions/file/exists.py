"""file.exists"""

from typing import Annotated, ClassVar

from msgspec import Meta

from breakfix.engine.action import Observation, Port, Probe
from breakfix.engine.ops import FileOp, Kind


class Exists(Probe, frozen=True, kw_only=True):
    """Good while a file, or a folder, is there."""

    serves: ClassVar[tuple[Kind, ...]] = ("none",)
    result: ClassVar[dict[str, str]] = {"size_bytes": "integer"}
    examples = ({"path": "/var/run/shop.pid"},)

    path: Annotated[str, Meta(min_length=1, description="Where; symbolic links are followed.")]

    async def sample(self, port: Port) -> Observation:
        """Look once. Where nobody can tell, for want of a right to look: blind."""
        outcome = await port.read(FileOp(path=self.path, changes="no"))
        if outcome.data is None:
            return Observation(holds=None, detail=outcome.error)
        if not outcome.data["exists"]:
            return Observation(holds=False, detail=f"{self.path} is not there")
        return Observation(
            holds=True,
            detail=f"{self.path} is there",
            result={"size_bytes": outcome.data["size_bytes"]},
        )
