"""Hosts in plans: who is picked, who is asked, what the hash covers, and what is known only after set-up."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from breakfix.engine.action import HostFacts
from breakfix.engine.errors import DriftError, EngineError, PlanError
from breakfix.engine.plan import drift, identities
from breakfix.engine.plan.resolve import hosts_in_words
from breakfix.engine.run_plan import RunPlan
from breakfix.engine.selectors import HostsFrom, SshSelector
from breakfix.reports import plan_text

HURT = {"id": "hurt", "inject": "x.hurt", "target": "db"}
Make = Callable[..., RunPlan]


def db(*hosts: str, **more: Any) -> dict[str, Any]:
    """A target of written hosts."""
    return {"ssh": {"hosts": list(hosts), "user": "ops"}, **more}


def test_only_the_picked_hosts_are_asked(world: Any, plan: Make) -> None:
    """Once each; their facts and keys are in their bindings."""
    made = plan([HURT], targets={"db": db("db-3", "db-1", "db-2", pick=2)})

    chosen = made.sets["db"]
    assert chosen.found == ("db-1", "db-2", "db-3")
    assert len(chosen.picked) == 2
    assert world.hosts_asked == list(chosen.picked) == list(made.bindings)
    binding = made.bindings[chosen.picked[0]]
    assert binding.identity.object_id == f"SHA256:{binding.key}@{binding.key}.example:22"
    assert binding.identity.incarnation == "boot 1"
    assert isinstance(binding.facts, HostFacts)
    assert [unit.id for unit in made.units] == [f"hurt@{key}" for key in chosen.picked]


def test_the_hash_covers_the_key_and_not_the_life(world: Any, plan: Make) -> None:
    """A host that was started again, with another clock and other memory, is the same; one with another key
    is not."""
    targets = {"db": db("db-1", "db-2")}
    planned = plan([HURT], targets=targets)
    world.boots = {"db-1": 7}
    again = plan([HURT], targets=targets)
    assert again.bindings["db-1"].identity.incarnation == "boot 7"
    assert again.hash == planned.hash
    assert drift(again, planned) == []

    world.keys = {"db-1": "evil"}
    changes = drift(plan([HURT], targets=targets), planned)
    assert changes[0].startswith("target db-1 is another one now: it was db-1 SHA256:db-1@")
    with pytest.raises(DriftError):
        drift(planned, msgspec.structs.replace(planned, prints={}))


def test_a_preview_says_nothing_of_names_within(plan: Make) -> None:
    """The name under which a fault keeps things on a host is no gap of the plan."""
    made = plan([HURT], targets={"db": db("db-1")})
    (unit,) = made.units
    assert unit.unknown == ()
    assert unit.preview is not None


def test_who_cannot_be_reached_is_an_error(world: Any, plan: Make) -> None:
    """All of them in one; without set-up nothing is going to start them."""
    world.silent = {"db-1", "db-2"}
    with pytest.raises(EngineError, match="db-1, db-2 cannot be reached"):
        plan([HURT], targets={"db": db("db-1", "db-2", "db-3")})


def test_set_up_may_start_hosts(world: Any, plan: Make) -> None:
    """They are known after it; when it is over they have to be there. The hash does not mind."""
    parts: dict[str, Any] = {
        "targets": {"db": db("db-1", "db-2")},
        "setup": [{"run": ["vagrant", "up"]}],
    }
    world.silent = {"db-2"}
    early = plan([HURT], **parts)
    assert early.sets["db"].after_setup
    assert [unit.binding for unit in early.units] == [None]
    assert "target db is known after set-up: db-2 cannot be reached." in early.warnings
    with pytest.raises(EngineError):
        plan([HURT], running=True, **parts)
    world.silent = set()
    late = plan([HURT], running=True, **parts)
    assert len(late.units) == 2
    assert drift(late, early) == []


def test_set_up_may_make_the_list(world: Any, plan: Make) -> None:
    """An inventory or an API that is not there yet is no error before set-up."""
    parts: dict[str, Any] = {"targets": {"db": {"ssh": {"hosts_from": {"http": "http://a/"}}, "pick": "all"}}}
    assert plan([HURT], **parts).sets["db"].picked == ("listed",)
    world.unlisted = True
    with pytest.raises(EngineError):
        plan([HURT], **parts)
    early = plan([HURT], setup=[{"run": ["x"]}], **parts)
    assert early.sets["db"].after_setup


def test_one_host_has_one_name_and_one_way(world: Any, plan: Make) -> None:
    """What is done under two names would count twice; what is said of one name in two ways is unclear; a
    container of the same name is another target."""
    world.keys = {"db-2": "db-1"}
    with pytest.raises(PlanError, match=r"db-1 and db-2 are one host, at db-1.example:22"):
        plan([HURT], targets={"db": db("db-1", "db-2")})
    world.keys = {}
    look = {"id": "look", "verify": "x.look", "within": "1s", "target": "other"}
    with pytest.raises(PlanError, match="db-1 is reached in two ways: as ops at .*, and as root at"):
        plan([HURT, look], targets={"db": db("db-1"), "other": {"ssh": {"hosts": ["db-1"], "user": "root"}}})
    world.add("db-1")
    with pytest.raises(PlanError, match="Two different targets are called db-1"):
        plan([HURT, look], targets={"db": db("db-1"), "other": {"docker": {"name": "db-1"}}})


def test_sets_may_share_hosts(world: Any, plan: Make) -> None:
    """And the rest of a set is the rest."""
    made = plan(
        [HURT, {**HURT, "id": "more", "target": "rest", "depends_on": [{"step": "hurt", "is": "undone"}]}],
        targets={"db": db("a", "b", "c", pick=1), "rest": {"of": "db", "except": "picked"}},
    )
    assert set(made.sets["rest"].picked) == {"a", "b", "c"} - set(made.sets["db"].picked)
    assert sorted(world.hosts_asked) == ["a", "b", "c"]


def test_an_empty_list(world: Any, plan: Make) -> None:
    """Is told as what it is."""
    with pytest.raises(PlanError, match="Target db is empty: there is no host in the list"):
        plan([HURT], targets={"db": {"ssh": {"hosts": []}}})
    assert hosts_in_words(SshSelector(hosts_from=HostsFrom(http="http://a/"))) == "in the list of http://a/"


def test_leases_need_the_keys_alone(world: Any, scenario: Callable[..., Any]) -> None:
    """Who the picked ones are is known without asking what they are like."""
    known = identities(scenario([HURT], targets={"db": db("a", "b")}), world, seed=1)
    assert {key: one.object_id for key, one in known.items()} == {
        "a": "SHA256:a@a.example:22",
        "b": "SHA256:b@b.example:22",
    }
    assert world.hosts_asked == []


def test_the_plan_shows_hosts(plan: Make) -> None:
    """Who logs in where, and how one becomes root there."""
    text = plan_text.render(plan([HURT], targets={"db": db("db-1")}))
    assert "db-1  ops at db-1.example:22, root by sudo, systemd, key SHA256:db-1" in text


def test_a_login_that_needs_a_secret_is_worth_a_remark(plan: Make) -> None:
    """Whoever recovers has to log in too."""
    login = {"hosts": ["db-1"], "passphrase": "${secret:pw}"}
    told = plan([HURT], targets={"db": {"ssh": login}}).warnings
    assert "logging in to the hosts of db needs a secret: it must be there to recover, too" in told
    assert plan([HURT], targets={"db": db("db-1")}).warnings == ()
