"""Control groups of our own: where they may be made, what they limit, and that nothing is left."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from breakfix.engine.ops import ExecOp, SignalOp, SpawnOp
from breakfix.engine.vehicles import cgroup
from breakfix.engine.vehicles.dispatch import Vehicles

FIRST = (
    "30 20 0:25 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755\n"
    "31 30 0:26 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
    "32 30 0:27 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
)


def second(mount: Path) -> str:
    """The mount table of a machine with version 2."""
    return f"30 20 0:25 / {mount} rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"


def make(folder: Path, *, controllers: str = "", children: str = "", procs: str = "") -> None:
    """A folder that looks like a control group of version 2."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cgroup.controllers").write_text(controllers)
    (folder / "cgroup.subtree_control").write_text(children)
    (folder / "cgroup.procs").write_text(procs)


def test_the_first_version_is_found_by_its_controllers() -> None:
    """Each controller has a mount of its own; one mounted from a sub-group keeps its top."""
    assert cgroup.hierarchy(FIRST, "cpu") == cgroup.Hierarchy(
        1, Path("/sys/fs/cgroup/cpu,cpuacct"), "/"
    )
    assert cgroup.hierarchy(FIRST, "memory") == cgroup.Hierarchy(
        1, Path("/sys/fs/cgroup/memory"), "/docker/abc"
    )


def test_a_group_of_the_first_version_is_made_below_the_process(tmp_path: Path) -> None:
    """In version 1 the parent is the group that the process is in, seen from the mount."""
    own = "5:cpu,cpuacct:/system.slice/shop\n4:memory:/docker/abc/inner\n0::/\n"
    assert cgroup.Groups("cpu", FIRST).parent(own) == Path(
        "/sys/fs/cgroup/cpu,cpuacct/system.slice/shop"
    )
    assert cgroup.Groups("memory", FIRST).parent(own) == Path("/sys/fs/cgroup/memory/inner")


def test_a_group_of_the_second_version_is_made_where_it_may_be(tmp_path: Path) -> None:
    """In version 2 the parent has no processes of its own and gives its children the controller."""
    make(tmp_path, controllers="cpu memory", children="cpu memory", procs="1\n")
    make(tmp_path / "user", controllers="cpu memory", children="memory")
    make(tmp_path / "user/session", controllers="memory", procs="7\n8\n")
    groups = cgroup.Groups("memory", second(tmp_path))
    assert groups.parent("0::/user/session\n") == tmp_path / "user"
    assert cgroup.Groups("cpu", second(tmp_path)).parent("0::/user/session\n") == tmp_path


def test_a_machine_that_gives_no_controller_is_refused_with_the_fix(tmp_path: Path) -> None:
    """Nothing that is shared with others is switched on for them."""
    make(tmp_path, controllers="cpu memory", children="")
    with pytest.raises(cgroup.Refused, match=r"echo \+cpu > "):
        cgroup.Groups("cpu", second(tmp_path)).parent("0::/\n")


def test_a_kernel_without_the_controller_is_refused() -> None:
    """No hierarchy, no group."""
    with pytest.raises(cgroup.Refused, match="no cpu control groups"):
        cgroup.Groups("cpu", "30 20 0:25 / / rw - ext4 /dev/vda rw\n")


def groups_command(*args: str) -> subprocess.CompletedProcess[str]:
    """The module, run as the ops run it."""
    argv = [sys.executable, "-m", "breakfix.engine.vehicles.cgroup", *args]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(("controller", "limit"), [("cpu", "0.2"), ("memory", "67108864")])
def test_a_target_is_limited_and_set_free(
    vehicles: Vehicles, mark: str, controller: str, limit: str
) -> None:
    """Set, read back, cleared; all of it twice; and where this machine does not let us, refused in one
    sentence with nothing left."""
    spawned = vehicles.run(
        SpawnOp(argv=("sh", "-c", "sleep 600 & wait"), mark=mark, output="out.log")
    )
    main = spawned.data["incarnation"]
    try:
        for _ in range(2):
            made = groups_command("set", controller, mark, main, limit)
            if not cgroup.available():
                assert made.returncode == 1
                assert made.stderr.startswith(f"{controller} limit: ")
                assert "Traceback" not in made.stderr
                return
            assert made.returncode == 0, made.stderr
            state = json.loads(made.stdout)
            assert state["exists"]
            assert state["limit"] == float(limit)
            assert state["inside"] >= 1
            assert state["outside"] == 0
    finally:
        for _ in range(2):
            cleared = groups_command("clear", controller, mark)
            assert cleared.returncode == 0 or not cgroup.available(), cleared.stderr
    state = json.loads(groups_command("read", controller, mark, main).stdout)
    assert state["exists"] is False
    assert state["inside"] == 0
    assert state["outside"] >= 1


def test_a_group_whose_processes_are_gone_is_removed(vehicles: Vehicles, mark: str) -> None:
    """The undo needs no process: it finds the group by its name."""
    main = vehicles.run(
        SpawnOp(argv=("sleep", "600"), mark=mark, output="out.log")
    ).data["incarnation"]
    made = groups_command("set", "cpu", mark, main, "0.5")
    if not cgroup.available():
        assert made.returncode == 1
        return
    vehicles.run(SignalOp(mark=mark, signal="SIGKILL", gone_within_s=30.0))
    state = json.loads(groups_command("read", "cpu", mark, main).stdout)
    assert state["exists"]
    assert groups_command("clear", "cpu", mark).returncode == 0
    state = json.loads(groups_command("read", "cpu", mark, main).stdout)
    assert state == {"exists": False, "limit": None, "inside": 0, "outside": 0}


def test_nothing_running_is_refused() -> None:
    """A group without processes would limit nobody."""
    refused = groups_command("set", "cpu", "0" * 32, "1@1", "0.5")
    assert refused.returncode == 1
    assert "limit" in refused.stderr


def test_the_answer_is_data_for_a_check(vehicles: Vehicles, mark: str) -> None:
    """Run as an op, the answer can be pointed into."""
    argv = (sys.executable, "-m", "breakfix.engine.vehicles.cgroup", "read", "cpu", mark, "1@1")
    outcome = vehicles.run(ExecOp(argv=argv, env={"PYTHONPATH": os.pathsep.join(sys.path)}))
    assert outcome.ok, outcome.stderr
    assert outcome.data["exists"] is False
