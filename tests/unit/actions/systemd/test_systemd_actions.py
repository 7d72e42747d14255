"""systemd.start, restart, reload and active: their scripts against a systemctl that keeps units in files."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import structs

from breakfix.actions.systemd import unit_name
from breakfix.actions.systemd.active import Active
from breakfix.actions.systemd.reload import Reload
from breakfix.actions.systemd.restart import Restart
from breakfix.actions.systemd.start import Start
from breakfix.engine.errors import PreconditionError
from breakfix.engine.ops import Outcome

SYSTEMCTL = r"""#!/bin/sh
cd "$(dirname "$0")/units" || exit 9
echo "$*" >>../asked
verb=$1; shift
only= value=
while [ $# -gt 0 ]; do
  case $1 in
    --property=*) only=${1#*=};;
    --value) value=yes;;
    --) shift; break;;
  esac
  shift
done
unit=$1
[ -f "$unit" ] || printf 'LoadState=not-found\nActiveState=inactive\nSubState=dead\nId=%s\n' "$unit" >"$unit"
set_to() { grep -v "^$1=" "$unit" >.new; echo "$1=$2" >>.new; mv .new "$unit"; }
case $verb in
  show)
    for one in $(echo "$only" | tr , ' '); do
      if [ -n "$value" ]; then sed -n "s/^$one=//p" "$unit"; else grep "^$one=" "$unit"; fi
    done; exit 0;;
  start|restart)
    ! grep -q '^Broken=' "$unit" || { echo "Job for $unit failed." >&2; exit 1; }
    set_to ActiveState "$(sed -n 's/^Then=//p' "$unit")"
    grep -q '^Stuck=' "$unit" || set_to InvocationID "$$";;
  stop) set_to ActiveState inactive;;
  reload) echo reloaded >>../reloaded;;
esac
"""


def unit(**properties: str) -> str:
    """What a unit is like."""
    told = {
        "LoadState": "loaded", "ActiveState": "inactive", "SubState": "dead", "Type": "simple",
        "Result": "success", "MainPID": "0", "NRestarts": "2", "InvocationID": "old", "CanReload": "yes",
        "Then": "active", **properties,
    }  # fmt: skip
    return "".join(f"{key}={value}\n" for key, value in told.items())


@pytest.fixture
def units(here: Any, tmp_path: Path) -> Callable[..., None]:
    """Makes units: ``units("app.service", ActiveState="failed")``."""
    programs = tmp_path / "bin"
    (programs / "units").mkdir(parents=True)
    (programs / "systemctl").write_text(SYSTEMCTL)
    (programs / "systemctl").chmod(0o755)
    here.path = f"{programs}:{os.environ['PATH']}"

    def make(name: str, **properties: str) -> None:
        (programs / "units" / name).write_text(unit(**{"Id": name, **properties}))

    return make


def asked(tmp_path: Path) -> list[str]:
    """What systemctl was asked to do, reads apart."""
    file = tmp_path / "bin/asked"
    lines = file.read_text().splitlines() if file.exists() else []
    return [line for line in lines if not line.startswith(("show", "reset-failed"))]


def test_a_unit_is_started_and_seen_to_stay(
    here: Any, units: Callable[..., None], tmp_path: Path
) -> None:
    """Once, and with that the repair is proved; to put it back stops it, once."""
    units("app.service", ActiveState="failed")
    plan = here.mend(Start(unit="app"), here.facts_to_put_back)
    assert here.put_back(plan).ok
    assert here.put_back(plan).ok
    assert asked(tmp_path) == ["start -- app.service", "stop -- app.service"]


def test_what_runs_is_not_started(here: Any, units: Callable[..., None], tmp_path: Path) -> None:
    """It is refused, and to put that back does not stop it."""
    units("app.service", ActiveState="active")
    plan, outcome = here.apply(Start(unit="app"), here.facts_to_put_back)
    assert not outcome.ok
    assert "active already" in outcome.stderr
    assert here.put_back(plan).ok
    assert asked(tmp_path) == []


def test_a_unit_that_does_not_start_is_no_repair(here: Any, units: Callable[..., None]) -> None:
    """Neither where systemd says so, nor where it does not stay."""
    units("app.service", Broken="yes")
    _, outcome = here.apply(Start(unit="app"))
    assert not outcome.ok
    assert "Job for app.service failed" in outcome.stderr
    units("gone.service", Then="failed")
    plan, outcome = here.apply(Start(unit="gone"))
    assert outcome.ok
    (check,) = plan.effect
    assert here.run(check.op).data == {"active_state": "failed", "up": False}


def test_a_unit_that_is_done_is_up(here: Any, units: Callable[..., None]) -> None:
    """A oneshot unit that has done its work is not active any more."""
    units("once.service", Type="oneshot", Then="inactive")
    here.mend(Start(unit="once.service"))


def test_a_unit_is_restarted(here: Any, units: Callable[..., None], tmp_path: Path) -> None:
    """Another invocation is what counts."""
    units("app.service", ActiveState="active")
    here.mend(Restart(unit="app"))
    units("stuck.service", ActiveState="active", Stuck="yes")
    _, outcome = here.apply(Restart(unit="stuck"))
    assert "has not restarted stuck.service" in outcome.stderr
    assert asked(tmp_path) == ["restart -- app.service", "restart -- stuck.service"]


def test_a_unit_reads_its_configuration(
    here: Any, units: Callable[..., None], tmp_path: Path
) -> None:
    """Where it knows how to."""
    units("app.service", ActiveState="active")
    here.mend(Reload(unit="app"))
    assert (tmp_path / "bin/reloaded").exists()
    units("dull.service", ActiveState="active", CanReload="no")
    _, outcome = here.apply(Reload(unit="dull"))
    assert "has no reload" in outcome.stderr


@pytest.mark.parametrize("kind", [Start, Restart, Reload])
def test_a_unit_must_be_there(here: Any, units: Callable[..., None], kind: Any) -> None:
    """And not be masked."""
    units("x.service")
    _, outcome = here.apply(kind(unit="none"))
    assert "there is no unit none.service" in outcome.stderr
    units("masked.service", LoadState="masked")
    _, outcome = here.apply(kind(unit="masked"))
    assert "unit masked.service is masked" in outcome.stderr


@pytest.mark.parametrize("kind", [Restart, Reload])
def test_the_way_in_is_left_alone(
    here: Any, units: Callable[..., None], tmp_path: Path, kind: Any
) -> None:
    """By its name before anything is sent, and by whatever other name it has, there."""
    with pytest.raises(PreconditionError, match="carries the connection"):
        kind(unit="ssh").plan(here.facts)
    units("sshd.service", Id="ssh.service", ActiveState="active")
    _, outcome = here.apply(kind(unit="sshd"))
    assert not outcome.ok
    assert "carries our own connection" in outcome.stderr
    assert asked(tmp_path) == []


def test_systemd_and_root_are_needed(here: Any) -> None:
    """Else it is refused, with what to do instead."""
    with pytest.raises(PreconditionError, match="not run by systemd"):
        Start(unit="app").plan(structs.replace(here.facts, systemd=False))
    with pytest.raises(PreconditionError, match="needs root"):
        Start(unit="app").plan(structs.replace(here.facts, root=""))


@pytest.mark.parametrize(
    ("properties", "holds", "says"),
    [
        ({"ActiveState": "active", "SubState": "running"}, True, "is active (running)"),
        ({"ActiveState": "reloading", "SubState": "reload"}, True, "is reloading (reload)"),
        ({"ActiveState": "activating", "SubState": "auto-restart"}, False, "(auto-restart)"),
        ({"ActiveState": "failed", "SubState": "failed"}, False, "is failed"),
    ],
)
def test_a_state_is_good_or_bad(
    here: Any, units: Callable[..., None], properties: dict[str, str], holds: bool, says: str
) -> None:
    """Active is good, and so is one that reloads."""
    units("app.service", MainPID="42", **properties)
    seen = here.sample(Active(unit="app"))
    assert seen.holds is holds
    assert says in seen.detail
    assert seen.result == {
        "active_state": properties["ActiveState"],
        "sub_state": properties["SubState"],
        "main_pid": 42,
        "restarts": 2,
    }


def test_a_unit_that_is_not_there_is_bad(here: Any, units: Callable[..., None]) -> None:
    """It does not run."""
    seen = here.sample(Active(unit="none"))
    assert (seen.holds, seen.detail) == (False, "there is no none.service on here")


def test_without_systemd_nobody_can_tell(here: Any) -> None:
    """Blind, with what systemctl said; a host that is not reached is bad."""
    here.answer = Outcome(ok=False, code=1, stderr="System has not been booted with systemd\n")
    assert here.sample(Active(unit="app")).holds is None
    here.answer = Outcome(ok=False, unreachable=True, error="here cannot be reached")
    assert here.sample(Active(unit="app")).holds is False


@pytest.mark.parametrize("name", ["", "-a", "a b", "a;b", "$(id)", "*", "a/b", "a'b", "a\nb", "[ab]"])
def test_a_name_of_a_unit_is_nothing_else(name: str) -> None:
    """Neither an option nor a pattern."""
    for kind in (Start, Restart, Reload, Active):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({"unit": name}, kind)


def test_the_suffix_may_be_left_out() -> None:
    """A service is meant then."""
    assert unit_name("a@b.c") == "a@b.c.service"
    assert unit_name("a.timer") == "a.timer"
