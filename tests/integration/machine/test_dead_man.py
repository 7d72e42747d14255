"""The dead-man switch on a host with systemd: cut off from its engine, it ends every fault by itself."""

from collections.abc import Callable
from pathlib import Path

from tests.integration.breakfix_process import Cli
from tests.integration.machine.broken import FAULTS, is_whole
from tests.integration.vm import Machine

Wait = Callable[[Callable[[], object], str], None]


def held(machine: Machine) -> str:
    """The faults, held for so long that all of them are active at one time, on a machine as slow as it is now."""
    return FAULTS.format(hold=f"{round(12 + 30 * machine.pace_s())}s")


def test_the_network_is_cut(
    cli: Cli, scenario: Callable[[str], Path], machine: Machine, wait_for: Wait
) -> None:
    """The faults end while nobody can reach the host; the engine learns of it when it can again."""
    run = cli.start("run", "--yes", scenario(held(machine)))
    try:
        cli.wait_for_active(run, 3)
        machine.cut()
        assert not cli.events("fault_ended")
        wait_for(lambda: is_whole(machine), "the host mends itself")
        assert not machine.reachable()
        machine.join()
        out, err = run.communicate(timeout=cli.bound_s)
    finally:
        machine.join()
        run.kill()
    record = cli.record()
    assert {fault["ended_by"] for fault in record["faults"]} == {"expiry"}, out + err
    assert record["survey"]["changes"] == []
    assert not record["run"]["residue"]
