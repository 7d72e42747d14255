"""How many kills, where, and what came of all of them."""

import os
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from tests.integration.crash.matrix import Arena, Kill, kill_after, kill_at

Job = Callable[[Arena], Kill]

WHOLE = os.environ.get("BREAKFIX_CRASH") == "whole"
WORKERS = 3
RANDOM_KILLS = 20
SEED = 20261126
"""Of the random moments; printed with their counts."""
LONGEST_RUN_S = 1.5
"""Random moments lie within this time."""


def jobs(
    name: str, wanted: Sequence[str], who: str, longest_run_s: float = LONGEST_RUN_S
) -> list[Job]:
    """Kill at all points that are wanted; in the whole form, at random moments too."""
    found: list[Job] = [partial(kill_at, point=point, who=who) for point in wanted]
    if WHOLE:
        moments = random.Random(f"{SEED} {name} {who}")
        delays_s = [moments.uniform(0.0, longest_run_s) for _ in range(RANDOM_KILLS)]
        found += [partial(kill_after, delay_s=delay_s, who=who) for delay_s in delays_s]
    return found


def all_on(free: list[Arena], todo: Iterable[Job]) -> Iterator[Kill]:
    """Each job on an arena that no other one uses meanwhile."""

    def do(job: Job) -> Kill:
        arena = free.pop()
        try:
            return job(arena)
        finally:
            free.append(arena)

    with ThreadPoolExecutor(len(free)) as pool:
        yield from pool.map(do, todo)


def require_clean(found: Sequence[Kill], wanted: int) -> None:
    """Nearly all of those that were wanted have happened, and nothing is left of any."""
    assert sum(kill.happened for kill in found) >= wanted - max(1, wanted // 5), [
        kill.point for kill in found if not kill.happened
    ]
    left = [
        f"{kill.point} {kill.who}: {'; '.join(kill.residue)}" for kill in found if kill.residue
    ]
    assert not left, "\n".join(left)


def print_counts(
    capsys: pytest.CaptureFixture[str], title: str, counts: Mapping[str, Sequence[Kill]]
) -> None:
    """Printed, in whatever way the tests are run."""
    found = [kill for each in counts.values() for kill in each]
    if not found:
        pytest.skip("none of the matrix was run")
    happened = sum(kill.happened for kill in found)
    residue = sum(bool(kill.residue) for kill in found)
    with capsys.disabled():
        print(f"\n{title}: {happened} kills, {residue} residues (random seed {SEED})")  # noqa: T201
        if WHOLE:
            for name, each in sorted(counts.items()):
                done = sum(kill.happened for kill in each)
                print(f"  {name}: {done} kills, {sum(bool(k.residue) for k in each)} residues")  # noqa: T201
    assert residue == 0
