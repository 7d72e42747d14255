"""Streams of hosts, with their commands run here by real shells: what is heard, and what is not lost when the
connection is."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from breakfix.engine.action import Source
from breakfix.engine.errors import EngineUnavailable
from breakfix.engine.streams import hosts
from breakfix.engine.streams.hosts import HostStream
from breakfix.engine.vehicles.ssh.follow import Heard

Wait = Callable[[Callable[[], object], str], None]
SHELLS = {"dash": ("/bin/dash",), "busybox": ("/bin/busybox", "sh")}

JOURNALCTL = r"""#!/bin/sh
# Entries are the lines of a file for each boot; a cursor has their number and the boot.
folder=$(dirname "$0")
boot=$(cat "$folder/boot") after= follow= before=
for word do
  case $before$word in -b[0-9a-f]*) boot=$word;; esac
  case $word in
    --after-cursor=*) after=${word#*i=} after=${after%%;*};;
    -f) follow=yes;;
  esac
  before=
  [ "$word" != -b ] || before=-b
done
file=$folder/$boot
[ -f "$file" ] || { echo "No journal files were found." >&2; exit 1; }
if [ -z "$follow$after" ]; then
  [ "$(wc -l <"$file")" = 0 ] || { tail -n 1 "$file"; echo "-- cursor: i=$(wc -l <"$file");b=$boot;t=0"; }
  exit 0
fi
number=${after:-0}
while :; do
  total=$(wc -l <"$file")
  while [ "$number" -lt "$total" ]; do
    number=$((number + 1))
    text=$(sed -n "${number}p" "$file")
    printf '{"__CURSOR": "i=%s;b=%s;t=0", "__REALTIME_TIMESTAMP": "1500000", "MESSAGE": %s}\n' "$number" "$boot" "$text"
  done
  [ -n "$follow" ] || exit 0
  sleep 0.05
done
"""
BOOTS = ("a" * 32, "b" * 32)


class FollowedHere:
    """A command of this machine in the place of one on a host; `cut` loses the connection."""

    def __init__(self, argv: tuple[str, ...], env: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
        )
        self.pid = self._process.pid
        self._lost = False
        self._said = ""

    @property
    def exit_code(self) -> int | None:
        """None where the connection was lost."""
        return None if self._lost else self._process.returncode

    @property
    def stderr(self) -> str:
        """All that it said there."""
        return self._said

    def lines(self) -> Iterator[Heard]:
        """Until it ends."""
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        for line in self._process.stdout:
            if line.endswith(b"\n"):
                yield Heard(line[:-1].decode(), len(line))
        self._said = self._process.stderr.read().decode()
        self._process.wait()

    def cut(self) -> None:
        """The connection is lost: as seen from the host, its input ends."""
        self._lost = True
        self.close()

    def close(self) -> None:
        """Its input ends."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)

    def tidy(self) -> None:
        """Nobody reads it any more."""
        for pipe in (self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()


class Host:
    """Runs commands while it is `up`."""

    def __init__(self, shell: tuple[str, ...]) -> None:
        self.shell = shell
        self.up = True
        self.path = os.environ["PATH"]
        self.followed: list[FollowedHere] = []

    def follow(self, argv: tuple[str, ...], *, sudo: bool) -> FollowedHere:
        """Or not."""
        if not self.up:
            raise EngineUnavailable("The host cannot be reached.")
        argv = (*self.shell, *argv[1:])
        self.followed.append(FollowedHere(argv, {**os.environ, "PATH": self.path}))
        return self.followed[-1]


@pytest.fixture(params=list(SHELLS))
def machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Host:
    """A host that can be lost."""
    monkeypatch.setattr(hosts, "_OPEN_AGAIN_EVERY_S", 0.02)
    return Host(SHELLS[request.param])


@pytest.fixture
def heard(machine: Host) -> Iterator[Callable[[str, str], HostStream]]:
    """Opens a stream: ``heard("file", PATH)``; it, and its commands, end with the test."""
    made: list[HostStream] = []

    def open_it(kind: Any, name: str) -> HostStream:
        source = Source(kind=kind, endpoint="here", object_id=name)
        made.append(HostStream(source, machine.follow, time.monotonic))
        made[-1].start()
        return made[-1]

    yield open_it
    for stream in made:
        stream.close()
        stream.join()
    for followed in machine.followed:
        followed.tidy()
        assert not Path(f"/proc/{followed.pid}").exists()


def lines(stream: HostStream) -> list[str]:
    """What was heard so far."""
    return [item.content for item in stream.kept()]


def append(path: Path, text: str) -> None:
    """At the end of a file."""
    with path.open("a") as file:
        file.write(text)


def test_lines_that_are_appended_are_heard(
    heard: Callable[[str, str], HostStream], tmp_path: Path, wait_for: Wait
) -> None:
    """From the end that the file had; whatever they hold."""
    path = tmp_path / "it's $(id) `x`"
    path.write_text("before\n")
    stream = heard("file", str(path))
    append(path, "one\n$(two)\n")
    wait_for(lambda: lines(stream) == ["one", "$(two)"], "two lines")
    assert not stream.broken


def test_a_file_that_is_not_there_yet_is_waited_for(
    heard: Callable[[str, str], HostStream], tmp_path: Path, wait_for: Wait
) -> None:
    """All of it is heard when it comes."""
    stream = heard("file", str(tmp_path / "later"))
    (tmp_path / "later").write_text("first\n")
    wait_for(lambda: lines(stream) == ["first"], "its first line")


def test_a_file_that_is_rotated_goes_on(
    heard: Callable[[str, str], HostStream], tmp_path: Path, wait_for: Wait
) -> None:
    """The new one is read from its beginning."""
    path = tmp_path / "log"
    path.write_text("old\n")
    stream = heard("file", str(path))
    append(path, "a\n")
    wait_for(lambda: lines(stream) == ["a"], "a line of the old one")
    path.rename(tmp_path / "log.1")
    path.write_text("b\n")
    wait_for(lambda: lines(stream) == ["a", "b"], "a line of the new one")


def test_nothing_is_lost_with_a_connection(
    machine: Host, heard: Callable[[str, str], HostStream], tmp_path: Path, wait_for: Wait
) -> None:
    """Meanwhile nobody hears anything, and that is known; then it goes on behind the last whole line."""
    path = tmp_path / "log"
    path.write_text("old\n")
    stream = heard("file", str(path))
    append(path, "a\nhalf")
    wait_for(lambda: lines(stream) == ["a"], "a line")
    machine.up = False
    machine.followed[-1].cut()
    wait_for(lambda: stream.broken, "it is broken")
    append(path, " and half\nb\n")
    machine.up = True
    wait_for(lambda: lines(stream) == ["a", "half and half", "b"], "what was written meanwhile")
    assert not stream.broken


@pytest.mark.parametrize("change", ["replaced", "cut short"])
def test_what_could_be_lost_makes_it_broken_for_good(
    machine: Host,
    heard: Callable[[str, str], HostStream],
    tmp_path: Path,
    wait_for: Wait,
    change: str,
) -> None:
    """Another file, or a shorter one, than before the connection was lost."""
    path = tmp_path / "log"
    path.write_text("old\n")
    stream = heard("file", str(path))
    machine.up = False
    machine.followed[-1].cut()
    wait_for(lambda: stream.broken, "it is broken")
    if change == "replaced":
        path.rename(tmp_path / "log.1")
        path.write_text("new line\n")
    else:
        path.write_text("")
    machine.up = True
    stream.join()
    assert stream.broken


def test_a_folder_or_a_host_that_is_down_is_broken(
    machine: Host, heard: Callable[[str, str], HostStream], tmp_path: Path
) -> None:
    """Nothing could be heard from the beginning."""
    assert heard("file", str(tmp_path)).broken
    machine.up = False
    assert heard("file", "/etc/passwd").broken


@pytest.fixture
def entries(machine: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A journal with one entry, as the host's journalctl tells it, and the file of its boot."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "journalctl").write_text(JOURNALCTL)
    (programs / "journalctl").chmod(0o755)
    (programs / "boot").write_text(BOOTS[0])
    monkeypatch.setattr(hosts, "_BOOT_ID", str(programs / "boot"))
    (programs / BOOTS[0]).write_text('"old"\n')
    machine.path = f"{programs}:{os.environ['PATH']}"
    return programs / BOOTS[0]


def test_messages_are_heard_and_none_is_lost(
    machine: Host, heard: Callable[[str, str], HostStream], entries: Path, wait_for: Wait
) -> None:
    """From the end that the journal had, with the host's own time; bytes that are no text, too. After a lost
    connection it goes on behind the last one."""
    stream = heard("journal", "app.service")
    append(entries, '"one"\n[119, 255]\n')
    wait_for(lambda: lines(stream) == ["one", "w\\xff"], "two messages")
    assert stream.kept()[0].engine_time_s == 1.5
    machine.up = False
    machine.followed[-1].cut()
    append(entries, '"meanwhile"\n')
    machine.up = True
    append(entries, '"after"\n')
    wait_for(lambda: lines(stream)[2:] == ["meanwhile", "after"], "what came meanwhile")
    assert not stream.broken


def test_after_a_boot_the_rest_of_the_old_one_comes_first(
    machine: Host, heard: Callable[[str, str], HostStream], entries: Path, wait_for: Wait
) -> None:
    """Each message once, in its order, from one boot to the next."""
    stream = heard("journal", "app.service")
    append(entries, '"one"\n')
    wait_for(lambda: lines(stream) == ["one"], "a message")
    machine.up = False
    machine.followed[-1].cut()
    append(entries, '"last words"\n')
    entries.with_name(BOOTS[1]).write_text('"first words"\n')
    entries.with_name("boot").write_text(BOOTS[1])
    machine.up = True
    wait_for(lambda: len(lines(stream)) >= 3, "what came meanwhile")
    append(entries.with_name(BOOTS[1]), '"two"\n')
    wait_for(lambda: len(lines(stream)) >= 4, "what came after it")
    assert lines(stream) == ["one", "last words", "first words", "two"]
    assert not stream.broken


def test_an_empty_journal_is_one(
    heard: Callable[[str, str], HostStream], entries: Path, wait_for: Wait
) -> None:
    """It begins with its first message."""
    entries.write_text("")
    stream = heard("journal", "app.service")
    append(entries, '"first"\n')
    wait_for(lambda: lines(stream) == ["first"], "its first message")


def test_a_journal_that_we_may_not_read_is_broken(
    heard: Callable[[str, str], HostStream], entries: Path
) -> None:
    """Rather than a host on which nothing happens."""
    entries.unlink()
    assert heard("journal", "app.service").broken
