"""docker.logs"""

from typing import ClassVar

from breakfix.engine.action import DockerFacts, Source
from breakfix.engine.log_lines import LineProbe
from breakfix.engine.ops import Kind


class Logs(LineProbe, frozen=True, kw_only=True):
    """Seen when a container writes a line that matches.

    Lines of stdout and stderr; each is looked at as far as its first 4096 characters.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("docker",)
    needs: ClassVar[tuple[str, ...]] = ("a Docker engine", "a log driver that can be read")
    examples = ({"pattern": "ready to accept connections"}, {"pattern": "(?i)error"})

    def stream(self, facts: DockerFacts) -> tuple[Source, str]:
        """The log of the container."""
        target = facts.identity
        source = Source(kind="logs", endpoint=target.endpoint, object_id=target.object_id)
        return source, f"the log of {target.name}"
