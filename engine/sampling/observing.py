"""One sample of one probe on its targets. It never raises, whatever the probe does."""

from collections.abc import Sequence

import anyio
from msgspec import Struct

from breakfix.engine.action import Facts, Observation, Probe
from breakfix.engine.errors import BreakfixError
from breakfix.engine.events import SampleState
from breakfix.engine.sampling.port import Budget, ProbePort, Senses


class Sight(Struct, frozen=True, kw_only=True):
    """A probe with its time-out; an occurrence counts from `since_s` on."""

    probe: Probe
    timeout_s: float
    since_s: float = 0.0


async def observe(senses: Senses, sight: Sight, facts: Sequence[Facts]) -> Observation:
    """Look once at every target, side by side. After its time-out a state is bad, an occurrence blind."""
    seen = await observe_each(senses, sight, facts)
    return merge(seen, occurrence=sight.probe.observes == "occurrence")


async def observe_each(
    senses: Senses, sight: Sight, facts: Sequence[Facts]
) -> list[Observation]:
    """The same, what each target showed, in the order in which they answered; a probe that judges them
    all together has done so."""
    seen: list[Observation] = []

    async def one(each: Facts) -> None:
        seen.append(await _observe_one(senses, sight, each))

    if len(facts) == 1:
        await one(facts[0])
    else:
        async with anyio.create_task_group() as group:
            for each in facts:
                group.start_soon(one, each)
    return _judged_together(sight.probe, seen)


def _judged_together(probe: Probe, seen: list[Observation]) -> list[Observation]:
    try:
        judged = list(probe.judge_all(seen))
    except Exception as error:
        why = f"the probe raised {type(error).__name__}: {error}"
        return [Observation(holds=None, detail=why) for _ in seen]
    if len(judged) != len(seen) or not all(isinstance(each, Observation) for each in judged):
        return [Observation(holds=None, detail="the probe lost an observation") for _ in seen]
    return judged


def merge(observations: list[Observation], *, occurrence: bool) -> Observation:
    """One sample of several targets: good if all are, bad if one is, else blind; an occurrence was
    seen if one target saw it, and not seen only if nobody was blind."""
    decides = occurrence
    first = next((item for item in observations if item.holds is decides), None)
    blind = next((item for item in observations if item.holds is None), None)
    none = Observation(holds=None, detail="no target")
    return first or blind or (observations[0] if observations else none)


async def _observe_one(senses: Senses, sight: Sight, facts: Facts) -> Observation:
    timeout = Observation(
        holds=None if sight.probe.observes == "occurrence" else False,
        detail=f"no answer within {sight.timeout_s:g} s",
    )
    try:
        with anyio.fail_after(sight.timeout_s) as scope:
            port = ProbePort(
                facts=facts,
                timeout_s=sight.timeout_s,
                since_s=sight.since_s,
                senses=senses,
                budget=Budget(scope),
            )
            observation: object = await sight.probe.sample(port)
    except TimeoutError:
        return timeout
    except BreakfixError as error:
        return Observation(holds=None, detail=str(error))
    except Exception as error:
        return Observation(holds=None, detail=f"the probe raised {type(error).__name__}: {error}")
    if not isinstance(observation, Observation):
        given = f"the probe gave {type(observation).__name__}, not an Observation"
        return Observation(holds=None, detail=given)
    if observation.holds not in (True, False, None):
        return Observation(holds=None, detail=f"the probe gave holds={observation.holds!r}")
    return observation


def state_of(probe: Probe, holds: bool | None) -> SampleState:
    """What a sample says."""
    if holds is None:
        return "blind"
    if probe.observes == "occurrence":
        return "seen" if holds else "unseen"
    return "good" if holds else "bad"
