"""Samples: whatever a probe does, the run goes on, and a blind sample proves nothing."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import anyio
import pytest

from breakfix.engine.action import NoFacts, Observation, Port, Probe
from breakfix.engine.errors import EngineUnavailable
from breakfix.engine.journal import Journal, read
from breakfix.engine.ops import Kind
from breakfix.engine.run.probe import Probing, take_sample
from breakfix.engine.sampling.observing import merge
from breakfix.engine.secrets import Secrets


class Odd(Probe, frozen=True, kw_only=True):
    """A probe that misbehaves in a chosen way."""

    serves: ClassVar[tuple[Kind, ...]] = ("none",)
    how: str

    async def sample(self, port: Port) -> Observation:
        """Misbehave."""
        odd: Any = {"text": "good", "none": None, "yes": Observation(holds="yes", detail="")}  # type: ignore[arg-type]
        if self.how == "raises":
            raise KeyError("x")
        if self.how == "engine":
            raise EngineUnavailable("No engine answers.")
        if self.how == "hangs":
            await anyio.sleep_forever()
        result: Observation = odd[self.how]
        return result


def sampled(folder: Path, how: str) -> tuple[Observation, str]:
    """One sample, and the state that the journal has for it."""
    journal = Journal.create(folder / "run", "engine")
    context: Any = SimpleNamespace(
        journal=journal,
        secrets=Secrets({}),
        senses=None,
        known_facts=lambda key: NoFacts(),
        now_s=journal.now_s,
    )
    probing = Probing(
        name="odd",
        probe=Odd(how=how),
        keys=(None,),
        every_s=1.0,
        timeout_s=0.05,
        asker="s",
        since_s=0.0,
    )

    async def main() -> Observation:
        return (await take_sample(context, probing, journal.now_s())).observation

    observation = anyio.run(main)
    journal.close()
    event: Any = read(journal.path)[-1].event
    return observation, event.state


@pytest.mark.parametrize("how", ["raises", "engine", "text", "none", "yes"])
def test_a_probe_that_misbehaves_is_blind(tmp_path: Path, how: str) -> None:
    """An exception or a result of a wrong type is neither good nor bad."""
    observation, state = sampled(tmp_path, how)
    assert (observation.holds, state) == (None, "blind")
    assert observation.detail


def test_a_sample_without_an_answer_is_bad(tmp_path: Path) -> None:
    """A time-out of a state probe counts against the system."""
    observation, state = sampled(tmp_path, "hangs")
    assert (observation.holds, state) == (False, "bad")
    assert "no answer within" in observation.detail


GOOD = Observation(holds=True, detail="good")
BAD = Observation(holds=False, detail="bad")
BLIND = Observation(holds=None, detail="blind")


@pytest.mark.parametrize(
    ("seen", "occurrence", "holds"),
    [
        ([GOOD, GOOD], False, True),
        ([GOOD, BAD, BLIND], False, False),
        ([GOOD, BLIND], False, None),
        ([BAD, GOOD, BLIND], True, True),
        ([BAD, BAD], True, False),
        ([BAD, BLIND], True, None),
        ([], False, None),
    ],
)
def test_several_targets_make_one_sample(
    seen: list[Observation], occurrence: bool, holds: bool | None
) -> None:
    """A state is good where all are; an occurrence was seen where one saw it; nothing is assumed."""
    assert merge(seen, occurrence=occurrence).holds is holds
