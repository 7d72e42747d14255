"""file.checksum"""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, ClassVar, Final

from msgspec import Meta, structs

from breakfix.actions.file import Sha256, sum_op
from breakfix.engine.action import Observation, Port, Probe
from breakfix.engine.host_ops import HostPath
from breakfix.engine.host_reading import facts_of, look, not_read
from breakfix.engine.ops import Kind

_SHOWN_CHARS: Final = 12


class Checksum(Probe, frozen=True, kw_only=True):
    """Good while a file of a host is what it shall be, by its SHA-256: the one that is given, or with
    `match_all` the one that most hosts of the target have.

    With `match_all` those that differ from the most are bad, and all are where no sum is that of more
    than half; name it under `probes` with its `target`, and use it in steps without one: a step with a
    target looks at one host at a time, and that is blind. A file that is not there is bad.
    """

    serves: ClassVar[tuple[Kind, ...]] = ("ssh",)
    needs: ClassVar[tuple[str, ...]] = ("sha256sum, openssl or shasum on the host",)
    result: ClassVar[dict[str, str]] = {"sha256": "text", "host": "text: whose file it is"}
    examples = (
        {"path": "/etc/app.conf", "sha256": "ab" * 32},
        {"path": "/etc/app.conf", "match_all": True},
    )

    path: Annotated[HostPath, Meta(description="The file; absolute.")]
    sha256: Annotated[Sha256, Meta(description="The sum that it shall have.")] | None = None
    match_all: Annotated[
        bool, Meta(description="The hosts of the target are compared with each other.")
    ] = False
    sudo: Annotated[bool, Meta(description="Read it as root, by `sudo -n`.")] = False

    def __post_init__(self) -> None:
        if (self.sha256 is not None) == self.match_all:
            raise ValueError("say one of `sha256` and `match_all: true`")

    async def sample(self, port: Port) -> Observation:
        """Read its sum once."""
        facts = facts_of(port)
        host = facts.identity.name
        outcome = await look(port, sum_op(facts, self.path, root=self.sudo))
        if (failed := not_read(outcome, host)) is not None:
            return failed
        found = outcome.data["sha256"]
        right = self.sha256 in (None, found)
        detail = f"{self.path} of {host} is {found[:_SHOWN_CHARS]}"
        if not right and self.sha256 is not None:
            detail += f", wanted {self.sha256[:_SHOWN_CHARS]}"
        return Observation(holds=right, detail=detail, result={"sha256": found, "host": host})

    def judge_all(self, seen: Sequence[Observation]) -> Sequence[Observation]:
        """Compare them with each other."""
        if not self.match_all:
            return seen
        if len(seen) < 2:
            alone = "one host alone cannot be compared: name the probe under `probes`, with its target"
            return [structs.replace(each, holds=None, detail=alone) for each in seen]
        sums = Counter(each.result["sha256"] for each in seen if each.holds)
        ((most, count),) = sums.most_common(1) or [("", 0)]
        clear = 2 * count > sums.total()
        return [self._compared(each, most if clear else "", sums) for each in seen]

    def _compared(self, each: Observation, most: str, sums: Counter[str]) -> Observation:
        if not each.holds or each.result["sha256"] == most:
            return each
        why = f"no sum is that of more than half of {sums.total()} hosts"
        if most:
            why = f"{sums[most]} of {sums.total()} hosts have {most[:_SHOWN_CHARS]}"
        return structs.replace(each, holds=False, detail=f"{each.detail}, but {why}")
