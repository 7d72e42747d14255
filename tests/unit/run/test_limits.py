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
        claims = Claims([])
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
    """A fault that would put too many targets under fault waits; another one on the same target does not."""
    claims = Claims([({"a", "b"}, 1)])

    async def main() -> None:
        await claims.take("a", ("state",), "x")
        assert not claims.allows("b", ("state",))
        assert not claims.allows("a", ("state",))
        assert claims.allows("a", ("cpu",))
        assert claims.allows("elsewhere", ("state",))
        claims.give("a", ("state",))
        assert claims.allows("b", ("state",))

    anyio.run(main)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from(["x", "y"])), max_size=25),
    st.integers(1, 3),
    st.sets(st.integers(0, 24), max_size=5),
)
def test_claims_and_radius_are_kept_whatever_waits(
    faults: list[tuple[str, str]], allowed: int, given_up: set[int]
) -> None:
    """Never two on one claim, never more targets under fault than allowed; each that is not given up has its
    turn, and nothing is left taken."""
    claims = Claims([("abcd", allowed)])
    now: list[tuple[str, str]] = []
    done: list[int] = []

    async def fault(number: int, key: str, claim: str) -> None:
        with anyio.CancelScope() as scope:
            if number in given_up:
                scope.cancel()
            await claims.take(key, (claim,), str(number))
            try:
                now.append((key, claim))
                assert len(now) == len(set(now))
                assert len({key for key, _ in now} - {"e"}) <= allowed
                await anyio.lowlevel.checkpoint()
            finally:
                if (key, claim) in now:
                    now.remove((key, claim))
                claims.give(key, (claim,))
        done.append(number)

    async def main() -> None:
        with anyio.fail_after(30):
            async with anyio.create_task_group() as group:
                for number, (key, claim) in enumerate(faults):
                    group.start_soon(fault, number, key, claim)

    anyio.run(main)
    assert len(done) == len(faults)
    assert all(claims.allows(key, ("x", "y")) for key in "abcde")


def test_the_end_of_a_fault_wakes_one_that_waits() -> None:
    """Thousands that wait for room in a set cost no more than each its own turn."""
    keys = [f"host-{number}" for number in range(3000)]
    claims = Claims([(keys, 10)])
    most = 0

    async def main() -> None:
        nonlocal most
        now = 0

        async def fault(key: str) -> None:
            nonlocal most, now
            await claims.take(key, ("state",), key)
            now += 1
            most = max(most, now)
            await anyio.lowlevel.checkpoint()
            now -= 1
            claims.give(key, ("state",))

        async with anyio.create_task_group() as group:
            for key in keys:
                group.start_soon(fault, key)

    anyio.run(main)
    assert most == 10
