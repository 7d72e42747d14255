"""How much happens at once."""

from collections.abc import Callable

import anyio
import anyio.lowlevel
from hypothesis import given, settings
from hypothesis import strategies as st

from breakfix.engine.run.limits import Claims, Slots


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.sampled_from(["a", "b", "c", None]), max_size=40),
    st.integers(1, 5),
    st.integers(1, 2),
)
def test_neither_bound_is_ever_exceeded(
    keys: list[str | None], concurrency: int, per_target: int
) -> None:
    """Of many units, never more at work than allowed, in all and on one target; and all get a turn."""
    most: dict[str | None, int] = {}
    done: list[str | None] = []

    async def main() -> None:
        slots = Slots(concurrency, per_target)
        now: list[str | None] = []

        async def unit(key: str | None) -> None:
            async with slots.hold(key):
                now.append(key)
                most["all"] = max(most.get("all", 0), len(now))
                if key is not None:
                    most[key] = max(most.get(key, 0), now.count(key))
                await anyio.lowlevel.checkpoint()
                now.remove(key)
                done.append(key)

        async with anyio.create_task_group() as group:
            for key in keys:
                group.start_soon(unit, key)

    anyio.run(main)
    assert most.pop("all", 0) <= concurrency
    assert all(count <= per_target for count in most.values())
    assert len(done) == len(keys)


def test_a_cancelled_waiter_leaves_no_slot_behind() -> None:
    """Who gives up waiting neither keeps a slot nor blocks the next."""

    async def main() -> bool:
        slots = Slots(1, 1)
        async with slots.hold("a"):
            with anyio.move_on_after(0.01):
                async with slots.hold("b"):
                    raise AssertionError("there is no slot")
        with anyio.fail_after(10):
            async with slots.hold("b"):
                return True

    assert anyio.run(main)


def test_a_busy_target_lets_others_pass() -> None:
    """A unit that waits for its target does not hold up a unit on another one."""

    async def main() -> list[str]:
        slots = Slots(2, 1)
        order: list[str] = []
        release = anyio.Event()

        async def unit(name: str, key: str, wait: Callable[[], object]) -> None:
            async with slots.hold(key):
                order.append(name)
                if name == "first":
                    await release.wait()

        async with anyio.create_task_group() as group:
            for name, key in [("first", "a"), ("second", "a"), ("third", "b")]:
                group.start_soon(unit, name, key, lambda: None)
            with anyio.fail_after(10):
                while "third" not in order:
                    await anyio.lowlevel.checkpoint()
            assert order == ["first", "third"]
            release.set()
        return order

    assert anyio.run(main) == ["first", "third", "second"]


def test_a_claim_is_exclusive_until_it_is_given_back() -> None:
    """Two faults on one resource of one target never overlap."""

    async def main() -> list[str]:
        claims = Claims(lambda key, under: True)
        events: list[str] = []

        async def fault(name: str) -> None:
            await claims.take("web", ("cpu",), name)
            events.append(f"{name} begins")
            await anyio.lowlevel.checkpoint()
            events.append(f"{name} ends")
            claims.give("web", ("cpu",))

        async with anyio.create_task_group() as group:
            group.start_soon(fault, "a")
            group.start_soon(fault, "b")
        return events

    events = anyio.run(main)
    assert events in (
        ["a begins", "a ends", "b begins", "b ends"],
        ["b begins", "b ends", "a begins", "a ends"],
    )


def test_the_blast_radius_is_kept() -> None:
    """A fault that would put too many targets under fault waits, and is told why."""
    claims = Claims(lambda key, under: len(under) < 1)

    async def main() -> None:
        await claims.take("a", ("state",), "x")
        assert "blast radius" in claims.why_not("b", ("state",))
        assert claims.why_not("a", ("cpu",)) == ""
        claims.give("a", ("state",))
        assert claims.why_not("b", ("state",)) == ""

    anyio.run(main)
