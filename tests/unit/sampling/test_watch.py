"""Observers keep to their grid, whatever their samples do."""

import time
from pathlib import Path
from typing import Any, ClassVar

import anyio

from breakfix.engine.action import Kind, Observation, Port, Probe
from breakfix.engine.sampling.http_session import HttpSession
from breakfix.engine.sampling.port import Senses
from breakfix.engine.sampling.threads import Threads
from breakfix.engine.sampling.watch import Watch, Watched
from breakfix.engine.secrets import Secrets
from breakfix.engine.vehicles.dispatch import Vehicles

EVERY_S = 0.05


class Patient(Probe, frozen=True, kw_only=True):
    """A probe that takes its time."""

    serves: ClassVar[tuple[Kind, ...]] = ("none",)
    for_s: float = 0.0
    only_where: str = ""

    async def sample(self, port: Port) -> Observation:
        """Good, after a while, where the file is there."""
        await anyio.sleep(self.for_s)
        return Observation(holds=not self.only_where or Path(self.only_where).exists(), detail="")


def watching(folder: Path, with_: dict[str, object], timeout_s: float) -> Watch:
    """One observer, not yet at work."""
    begin_s = time.monotonic()

    def now_s() -> float:
        return time.monotonic() - begin_s

    vehicles = Vehicles({}, folder, Secrets({}), now_s)
    senses = Senses(
        vehicles=vehicles, session=HttpSession(), secrets=Secrets({}), threads=Threads(4)
    )
    each = Watched(
        name="p", uses="x.y", with_=with_, keys=(None,), every_s=EVERY_S, timeout_s=timeout_s
    )
    return Watch([each], {"x.y": Patient}, {}, senses, now_s)


def watched(folder: Path, for_s: float, timeout_s: float) -> list[Any]:
    """The samples of ten intervals, and of their time-outs."""

    async def main() -> list[Any]:
        watch = watching(folder, {"for_s": for_s}, timeout_s)
        with anyio.move_on_after(10 * EVERY_S + timeout_s):
            await watch.run(lambda trip: None)
        return [sample for event in watch.take() for sample in event.samples]

    return anyio.run(main)


def test_a_slow_sample_never_shifts_the_next(tmp_path: Path) -> None:
    """Each begins at its own instant of the grid, or later; they overlap."""
    samples = watched(tmp_path, for_s=4 * EVERY_S, timeout_s=10 * EVERY_S)
    assert len(samples) >= 10
    first_s = samples[0][1]
    for index, (state, started_s, ended_s, _) in enumerate(samples):
        assert state == "good"
        assert started_s >= index * EVERY_S
        assert ended_s - started_s >= 4 * EVERY_S
    # The tenth is ten intervals after the first, not ten times its length.
    assert samples[9][1] - first_s < 20 * EVERY_S


def test_a_probe_that_hangs_is_bad_at_every_instant(tmp_path: Path) -> None:
    """No instant of the grid is left out, and what hangs hides nothing."""
    samples = watched(tmp_path, for_s=60.0, timeout_s=3 * EVERY_S)
    assert len(samples) >= 10
    assert {sample[0] for sample in samples} == {"bad"}


def test_what_is_mended_at_the_last_moment_is_seen(tmp_path: Path) -> None:
    """An observer whose last sample was bad looks once more at the end; one that saw all well does not."""

    async def main() -> list[list[Any]]:
        mended = tmp_path / "mended"
        watch = watching(tmp_path, {"only_where": str(mended)}, 1.0)
        found: list[list[Any]] = []
        with anyio.move_on_after(3 * EVERY_S):
            await watch.run(lambda trip: None)
        mended.touch()
        for _ in range(2):
            found.append([sample[0] for event in watch.take() for sample in event.samples])
            await watch.look_again()
        return [*found, [sample[0] for event in watch.take() for sample in event.samples]]

    before, again, no_more = anyio.run(main)
    assert before and set(before) == {"bad"}
    assert (again, no_more) == (["good"], [])
