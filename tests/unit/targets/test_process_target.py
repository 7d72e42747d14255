"""Process targets: facts before and after the start, and the ops that start and end them."""

import secrets
import time
from pathlib import Path

from breakfix.engine.secrets import Secrets
from breakfix.engine.selectors import ProcessTarget
from breakfix.engine.targets import process
from breakfix.engine.vehicles.dispatch import Vehicles


def test_facts_follow_the_life_of_a_target(tmp_path: Path) -> None:
    """Not started, running, ended: as it is declared, and as it is now."""
    vehicles = Vehicles({}, tmp_path, Secrets({}), time.monotonic)
    target = ProcessTarget(command=("sh", "-c", "sleep 600 & wait"), env={"A": "b"}, cwd="/")
    before = process.not_started("app", target, secrets.token_hex(16))
    assert (before.running, before.identity.incarnation) == (False, "")
    assert (before.argv, before.env, before.cwd) == (target.command, {"A": "b"}, "/")
    try:
        started = vehicles.run(process.start_op(before))
        now = process.facts(before, vehicles, allow=("unbounded",))
        assert now.running
        assert now.identity.incarnation == started.data["incarnation"]
        assert now.identity.object_id == before.identity.object_id
        assert now.allow == ("unbounded",)
    finally:
        for op in process.end_ops(before.identity, grace_s=10.0):
            assert vehicles.run(op).ok
    after = process.facts(before, vehicles)
    assert (after.running, after.identity.incarnation) == (False, "")


def test_ending_is_harmless_when_repeated(tmp_path: Path) -> None:
    """Nothing is left, and nothing is an error."""
    vehicles = Vehicles({}, tmp_path, Secrets({}), time.monotonic)
    gone = process.identity("app", secrets.token_hex(16))
    for op in process.end_ops(gone) * 2:
        assert vehicles.run(op).ok
