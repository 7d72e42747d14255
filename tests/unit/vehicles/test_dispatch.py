"""The rules for all ops: nothing unknown, secrets at the last moment, the right engine."""

import time
from pathlib import Path
from typing import Any, ClassVar

import pytest
from msgspec import structs

from breakfix.engine.errors import BreakfixError, VehicleError
from breakfix.engine.model import SecretSource
from breakfix.engine.ops import (
    DockerOp,
    ExecOp,
    FileOp,
    Identity,
    Outcome,
    ProcessOp,
    SpawnOp,
    unknown,
)
from breakfix.engine.secrets import Secrets
from breakfix.engine.vehicles.dispatch import Vehicles


def with_secret(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Vehicles:
    """Vehicles that know one secret."""
    monkeypatch.setenv("SHOP_TOKEN", "s3cret-value")
    return Vehicles(
        {}, folder, Secrets({"token": SecretSource(env="SHOP_TOKEN")}), time.monotonic
    )


@pytest.mark.parametrize(
    "op",
    [
        ExecOp(argv=("echo", unknown("pid of shop"))),
        SpawnOp(argv=("true",), mark=unknown("mark of shop"), output="x"),
        ProcessOp(
            mark="m",
            target=Identity(
                kind="process", name="shop", object_id="m", incarnation=unknown("pid of shop")
            ),
        ),
    ],
)
def test_an_op_that_holds_something_unknown_is_refused(
    vehicles: Vehicles, op: ExecOp | SpawnOp | ProcessOp
) -> None:
    """What a preview could not know never reaches a target."""
    with pytest.raises(VehicleError, match=r"<unknown: (pid|mark) of shop>"):
        vehicles.run(op)


def test_a_secret_is_put_in_and_masked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command gets the value; whatever it prints of it comes back masked, in JSON too."""
    vehicles = with_secret(tmp_path, monkeypatch)
    script = 'test "$1" = s3cret-value && echo "{\\"token\\": \\"$1\\"}"; echo "$1" >&2'
    outcome = vehicles.run(ExecOp(argv=("sh", "-c", script, "sh", "${secret:token}")))
    assert outcome.ok
    assert outcome.text == '{"token": "***"}\n'
    assert outcome.stderr == "***\n"
    assert outcome.data == {"token": "***"}


def test_a_secret_is_put_into_every_text_of_an_op(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Environment, input and the content of a file are texts as the arguments are."""
    vehicles = with_secret(tmp_path, monkeypatch)
    script = 'test "$T" = s3cret-value && test "$(cat)" = s3cret-value'
    op = ExecOp(
        argv=("sh", "-c", script), env={"T": "${secret:token}"}, stdin="${secret:token}"
    )
    assert vehicles.run(op).ok
    path = tmp_path / "file"
    assert vehicles.run(FileOp(path=str(path), content="a ${secret:token}")).ok
    assert path.read_text() == "a s3cret-value"
    assert vehicles.run(FileOp(path=str(path), changes="no")).text == "a ***"


def test_a_secret_that_is_not_there_stops_the_op(tmp_path: Path) -> None:
    """Without its secret an op does not run; the message says what it needs."""
    secrets = Secrets({"token": SecretSource(env="BREAKFIX_TEST_UNSET")})
    vehicles = Vehicles({}, tmp_path, secrets, time.monotonic)
    with pytest.raises(BreakfixError, match="needs BREAKFIX_TEST_UNSET"):
        vehicles.run(ExecOp(argv=("touch", str(tmp_path / "ran"), "${secret:token}")))
    assert not (tmp_path / "ran").exists()


def test_an_engine_that_is_not_in_the_journal_is_refused(vehicles: Vehicles) -> None:
    """Ops go to engines that the run has recorded, and to no other."""
    target = Identity(kind="docker", name="web", endpoint="other", object_id="abc")
    for op in (
        DockerOp(method="GET", path="/info", changes="no", endpoint="other"),
        ExecOp(via="container", argv=("true",), target=target),
    ):
        with pytest.raises(VehicleError, match="no Docker engine called other"):
            vehicles.run(op)


def test_times_are_from_the_clock_of_the_run(tmp_path: Path) -> None:
    """Each outcome says when its op began and ended."""
    instants = iter([3.0, 4.5])
    vehicles = Vehicles({}, tmp_path, Secrets({}), lambda: next(instants))
    outcome = vehicles.run(ExecOp(argv=("true",)))
    assert (outcome.started_at_s, outcome.ended_at_s) == (3.0, 4.5)


def test_files_are_written_read_and_deleted(vehicles: Vehicles, tmp_path: Path) -> None:
    """A file that is not there is told apart from one that nobody can read; deleting twice is fine."""
    path = str(tmp_path / "file")
    assert vehicles.run(FileOp(path=path, content="a\n")).ok
    read = vehicles.run(FileOp(path=path, changes="no"))
    assert read.text == "a\n"
    assert read.data["exists"]
    assert read.data["size_bytes"] == 2
    assert vehicles.run(FileOp(path=path, delete=True)).ok
    assert vehicles.run(FileOp(path=path, delete=True)).ok
    gone = vehicles.run(FileOp(path=path, changes="no"))
    assert not gone.ok
    assert gone.data == {"exists": False}
    failed = vehicles.run(FileOp(path="/no/such/folder/file", content="a"))
    assert not failed.ok
    assert "there is no /no/such/folder/file" in failed.error


def test_a_large_file_is_cut(vehicles: Vehicles, tmp_path: Path) -> None:
    """No file fills the memory."""
    (tmp_path / "large").write_bytes(b"x" * 3_000_000)
    read = vehicles.run(FileOp(path=str(tmp_path / "large"), changes="no"))
    assert read.cut
    assert len(read.text) == 1 << 20
    assert read.data["size_bytes"] == 3_000_000


class Hosts:
    """Connections to one host, that remember what was run."""

    hosts: ClassVar[tuple[str, ...]] = ("db-1",)

    def __init__(self) -> None:
        self.ran: list[tuple[str, ExecOp]] = []

    def run(self, name: str, op: ExecOp, stop: object) -> Outcome:
        """Says what it was given."""
        self.ran.append((name, op))
        return Outcome(ok=True, code=0, text=" ".join(op.argv))

    def end_commands(self, run_id: str) -> int:
        """There are three."""
        return 3


def test_a_command_on_a_host_goes_to_its_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the name of its endpoint, secrets put in and masked; the life of the host is compared over there. A host
    that the run does not know is refused."""
    monkeypatch.setenv("SHOP_TOKEN", "s3cret-value")
    ssh: Any = Hosts()
    secrets = Secrets({"token": SecretSource(env="SHOP_TOKEN")})
    vehicles = Vehicles({}, tmp_path, secrets, time.monotonic, ssh=ssh)
    target = Identity(kind="ssh", name="db", endpoint="db-1", object_id="k", incarnation="b1")
    op = ExecOp(via="ssh", argv=("say", "${secret:token}"), target=target, level="incarnation")

    outcome = vehicles.run(op)

    assert outcome.text == "say ***"
    ((name, sent),) = ssh.ran
    assert (name, sent.argv) == ("db-1", ("say", "s3cret-value"))
    other = structs.replace(op, target=structs.replace(target, endpoint="db-2"))
    with pytest.raises(VehicleError, match="knows no host called db-2"):
        vehicles.run(other)
    with pytest.raises(VehicleError, match="knows no host called db-1"):
        Vehicles({}, tmp_path, secrets, time.monotonic).run(op)
    assert vehicles.end_commands("no-such-run") == 3
    assert vehicles.ssh is ssh
