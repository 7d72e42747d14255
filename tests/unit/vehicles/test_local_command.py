"""Commands on this machine: bounded in time and output, ended with everything that they started."""

import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from breakfix.engine.errors import VehicleError
from breakfix.engine.ops import ExecOp, Outcome
from breakfix.engine.vehicles.dispatch import Vehicles
from breakfix.engine.vehicles.procfs import read_stat

WaitFor = Callable[[Callable[[], object], str], None]


def alive(pid: str) -> bool:
    """Whether a process runs (a zombie does not)."""
    stat = read_stat(int(pid))
    return stat is not None and stat.alive


def test_output_and_exit_code(vehicles: Vehicles) -> None:
    """Both outputs are kept apart; an exit code that is not asked for is not ok."""
    outcome = vehicles.run(ExecOp(argv=("sh", "-c", "echo out; echo err >&2; exit 3")))
    assert (outcome.ok, outcome.code) == (False, 3)
    assert (outcome.text, outcome.stderr, outcome.error) == ("out\n", "err\n", "")
    assert vehicles.run(ExecOp(argv=("sh", "-c", "exit 3"), ok_exit=(3,))).ok


def test_no_shell_reads_the_arguments(vehicles: Vehicles) -> None:
    """An argument reaches the command as it is."""
    outcome = vehicles.run(ExecOp(argv=("printf", "%s", "$HOME; `id` *")))
    assert outcome.text == "$HOME; `id` *"


def test_input_environment_and_folder(vehicles: Vehicles, tmp_path: Path) -> None:
    """The command gets its input, our environment with its own on top, and its folder."""
    outcome = vehicles.run(
        ExecOp(
            argv=("sh", "-c", 'cat; echo "$COLOUR $PATH"; pwd'),
            stdin="fed ",
            env={"COLOUR": "blue"},
            cwd=str(tmp_path),
        )
    )
    said, where = outcome.text.splitlines()
    assert said.startswith("fed blue /")
    assert Path(where) == tmp_path.resolve()


def test_input_that_nobody_reads_does_no_harm(vehicles: Vehicles) -> None:
    """A command may end without reading what it is fed."""
    assert vehicles.run(ExecOp(argv=("true",), stdin="x" * 1_000_000)).ok


def test_a_signal_is_a_negative_code(vehicles: Vehicles) -> None:
    """A command that is killed is told by the signal's number."""
    assert vehicles.run(ExecOp(argv=("sh", "-c", "kill -KILL $$"))).code == -9


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("no-such-command-anywhere",), "there is no command no-such-command-anywhere"),
        (("/etc/passwd",), "is not executable"),
    ],
)
def test_what_cannot_be_started_is_said(
    vehicles: Vehicles, argv: tuple[str, ...], says: str
) -> None:
    """No exit code, and a sentence."""
    outcome = vehicles.run(ExecOp(argv=argv))
    assert outcome.code is None
    assert not outcome.ok
    assert says in outcome.error


def test_a_missing_folder_is_not_a_missing_command(vehicles: Vehicles) -> None:
    """Both are "no such file" to the kernel; the message tells them apart."""
    outcome = vehicles.run(ExecOp(argv=("true",), cwd="/no/such/folder"))
    assert "there is no folder /no/such/folder" in outcome.error


def test_output_over_its_bound_is_cut(vehicles: Vehicles) -> None:
    """50 MB of output end no earlier than they are over, and only the bound is kept."""
    script = "import sys\nfor _ in range(50): sys.stdout.write('x' * 1_000_000)"
    outcome = vehicles.run(
        ExecOp(argv=(sys.executable, "-c", script), output_bytes_max=10_000, timeout_s=120)
    )
    assert outcome.ok
    assert outcome.cut
    assert outcome.text == "x" * 10_000


def test_what_was_written_before_the_end_is_all_read(vehicles: Vehicles) -> None:
    """A pipe that is full when the command ends is emptied."""
    outcome = vehicles.run(ExecOp(argv=("head", "-c", "60000", "/dev/zero")))
    assert len(outcome.text) == 60_000
    assert not outcome.cut


def test_invalid_utf8_is_escaped(vehicles: Vehicles) -> None:
    """Bytes that are not text are shown as such."""
    outcome = vehicles.run(ExecOp(argv=("printf", r"caf\351 \342\202\254")))
    assert outcome.text == "caf\\xe9 €"


def test_json_is_decoded(vehicles: Vehicles) -> None:
    """A check can point into the answer of a command that prints JSON."""
    assert vehicles.run(ExecOp(argv=("echo", '{"a": [1]}'))).data == {"a": [1]}
    assert vehicles.run(ExecOp(argv=("echo", "{not json"))).data is None


LEAVES_THREE = """
echo $$
sleep 600 & echo $!
setsid sleep 600 & echo $!
trap '' TERM
while :; do sleep 1; done
"""


def ended_all(outcome: Outcome) -> bool:
    """The output names the pids; none of them runs."""
    pids = outcome.text.split()
    assert len(pids) == 3
    return not any(map(alive, pids))


def test_a_timeout_ends_the_whole_group_and_who_left_it(vehicles: Vehicles) -> None:
    """The command, its children, one in a session of its own, one deaf to SIGTERM: all are gone."""
    outcome = vehicles.run(ExecOp(argv=("sh", "-c", LEAVES_THREE), timeout_s=1.0))
    assert not outcome.ok
    assert "took longer than 1 s" in outcome.error
    assert outcome.code is not None
    assert outcome.code < 0
    assert ended_all(outcome)


def test_stop_ends_the_whole_group(vehicles: Vehicles, tmp_path: Path, wait_for: WaitFor) -> None:
    """The event is heeded while the command runs."""
    stop = threading.Event()
    outcomes: list[Outcome] = []
    script = f"touch {tmp_path}/up; {LEAVES_THREE}"

    def run() -> None:
        outcomes.append(vehicles.run(ExecOp(argv=("sh", "-c", script)), stop=stop))

    thread = threading.Thread(target=run)
    thread.start()
    wait_for((tmp_path / "up").exists, "the command")
    stop.set()
    thread.join()
    assert "was stopped" in outcomes[0].error
    pids = outcomes[0].text.split()
    assert pids
    assert not any(map(alive, pids))


def test_a_service_that_a_repair_starts_stays(vehicles: Vehicles) -> None:
    """The end of a command is not waited for beyond its first process, and what it started lives."""
    outcome = vehicles.run(ExecOp(argv=("sh", "-c", "sleep 600 & echo $!")))
    pid = outcome.text.strip()
    try:
        assert outcome.ok
        assert alive(pid)
    finally:
        vehicles.run(ExecOp(argv=("kill", "-KILL", pid)))


def test_a_probe_leaves_nothing_behind(vehicles: Vehicles, wait_for: WaitFor) -> None:
    """A command that only reads is ended with its group, also where it started more."""
    outcome = vehicles.run(ExecOp(argv=("sh", "-c", "sleep 600 & echo $!"), changes="no"))
    assert outcome.ok
    wait_for(lambda: not alive(outcome.text), "the end of what the probe started")


def test_a_user_is_refused(vehicles: Vehicles) -> None:
    """On this machine a command runs as who we are."""
    with pytest.raises(VehicleError, match="in containers only"):
        vehicles.run(ExecOp(argv=("true",), user="nobody"))
