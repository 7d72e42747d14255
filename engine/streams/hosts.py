"""Streams of hosts: the journal of a unit and the lines of a file, each read by a command on its host.

The command says first from where it reads, so that after a lost connection another one goes on there:
behind a cursor of the journal, or an offset in the very same file. Between the two nobody hears anything,
and the stream is broken; where nobody can go on, it stays so.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from breakfix.engine.action import Occurrence, Source
from breakfix.engine.errors import BreakfixError

if TYPE_CHECKING:
    from breakfix.engine.vehicles.ssh.follow import Heard

_KEPT_MAX: Final = 10_000
_LINE_CHARS_MAX: Final = 4096
_OPEN_AGAIN_EVERY_S: Final = 1.0
_ENDED_WITHIN_S: Final = 15.0

_WATCH: Final = r"""
# When our channel closes, standard input ends, and so does the command that reads.
exec 3<&0
( cat <&3 >/dev/null 2>&1; kill $$ ) >/dev/null 2>&1 &
exec "$@" 3<&- </dev/null
"""

_BOOT_ID: Final = "/proc/sys/kernel/random/boot_id"

_JOURNAL: Final = r"""
unit=$1 cursor=$2 boot_id=$3
refuse() { printf '%s\n' "$1" >&2; exit 65; }
command -v journalctl >/dev/null || refuse "there is no journalctl here"
said=$(LC_ALL=C journalctl -n 0 --no-pager 2>&1)
case $said in
  *'not seeing messages'*|*'No journal files'*|*'insufficient permissions'*)
    refuse "the journal cannot be read by us: $said";;
esac
# Boot by boot: while the clock was wrong, messages of an earlier boot may have come to lie in the future,
# and count as later than all of now.
[ -n "$cursor" ] ||
  cursor=$(journalctl -q -b -n 1 --no-pager --show-cursor -o cat | sed -n 's/^-- cursor: //p' | tail -n 1)
printf 'from %s\n' "$cursor"
boot=${cursor#*;b=} boot=${boot%%;*}
if [ -z "$cursor" ]; then
  set -- -n 0
elif [ "$boot" = "$(tr -d - <"$boot_id")" ]; then
  set -- --no-tail "--after-cursor=$cursor"
else
  journalctl -q -b "$boot" -a -o json --no-pager -u "$unit" "--after-cursor=$cursor"
  set -- --no-tail
fi
set -- journalctl -q -b -f -a -o json --no-pager -u "$unit" "$@"
""" + _WATCH

_FILE: Final = r"""
path=$1 inode=$2 offset=$3
refuse() { printf '%s\n' "$1" >&2; exit 65; }
[ ! -d "$path" ] || refuse "$path is a folder"
[ ! -e "$path" ] || [ -r "$path" ] || refuse "$path cannot be read by us"
is=none size=0
if [ -e "$path" ]; then
  is=$(stat -c %d:%i -- "$path") && size=$(stat -c %s -- "$path") || exit 65
fi
if [ -n "$inode" ]; then
  if [ "$is" != "$inode" ] || [ "$size" -lt "$offset" ]; then
    echo "$path is another file than before" >&2
    exit 66
  fi
else
  inode=$is offset=$size
fi
printf 'from %s %s\n' "$inode" "$offset"
set -- tail -c "+$((offset + 1))" -F -- "$path"
""" + _WATCH


class Followed(Protocol):
    """A command on a host that goes on, as `breakfix.engine.vehicles.ssh.follow.Followed` does."""

    @property
    def exit_code(self) -> int | None: ...

    @property
    def stderr(self) -> str: ...

    def lines(self) -> "Iterator[Heard]": ...

    def close(self) -> None: ...


class _Refused(Exception):
    """It will never be as it was."""


class HostStream:
    """One subscription. `follow(argv, sudo=...)` runs a command on its host; it raises BreakfixError."""

    def __init__(
        self,
        source: Source,
        follow: Callable[..., Followed],
        clock: Callable[[], float],
    ) -> None:
        self._source = source
        self._follow = follow
        self._clock = clock
        self._place: _JournalPlace | _FilePlace = (
            _JournalPlace(source.object_id)
            if source.kind == "journal"
            else _FilePlace(source.object_id)
        )
        self._kept: deque[Occurrence] = deque(maxlen=_KEPT_MAX)
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._followed: Followed | None = None
        self._lines: Iterator[Heard] = iter(())
        self.broken = False
        self._thread = threading.Thread(
            target=self._run, name=f"{source.kind} of {source.endpoint}", daemon=True
        )

    def start(self) -> None:
        """Begin to read; when this returns, it is known from where."""
        try:
            lines = self._begun()
        except (BreakfixError, _Refused):
            self.broken = True
            return
        self._lines = lines
        self._thread.start()

    def kept(self) -> tuple[Occurrence, ...]:
        """What is kept."""
        with self._lock:
            return tuple(self._kept)

    def close(self) -> None:
        """End the command, so that the thread ends."""
        self._closed.set()
        with self._lock:
            followed = self._followed
        if followed is not None:
            followed.close()

    def join(self) -> None:
        """Wait until its thread is over."""
        if self._thread.ident is not None:
            self._thread.join(_ENDED_WITHIN_S)

    def _begun(self) -> "Iterator[Heard]":
        """The lines behind the first one, which says from where they are. Raises BreakfixError where it may
        go well later, _Refused where it will not."""
        followed = self._follow(self._place.argv(), sudo=self._source.sudo)
        with self._lock:
            self._followed = followed
        if self._closed.is_set():
            followed.close()
        lines = followed.lines()
        first = next(lines, None)
        if first is None:
            followed.close()
            if followed.exit_code is None:
                raise BreakfixError("the connection broke")
            raise _Refused(followed.stderr)
        self._place.begin(first.text)
        return lines

    # --- in its thread ---

    def _run(self) -> None:
        try:
            while True:
                for heard in self._lines:
                    content, time_s = self._place.heard(heard)
                    self._keep(content, time_s)
                self.broken = not self._closed.is_set()
                with self._lock:
                    followed = self._followed
                if followed is not None:
                    self._place.lost(followed.stderr)
                    followed.close()
                if not self._begun_again():
                    return
                self.broken = False
        except Exception:
            # A thread that died without a word would look like a host on which nothing happens.
            self.broken = not self._closed.is_set()

    def _begun_again(self) -> bool:
        while not self._closed.wait(_OPEN_AGAIN_EVERY_S):
            try:
                self._lines = self._begun()
            except BreakfixError:
                continue
            except _Refused:
                return False
            return True
        return False

    def _keep(self, content: str, time_s: float | None) -> None:
        occurrence = Occurrence(
            arrived_at_s=self._clock(),
            engine_time_s=time_s,
            content=content[:_LINE_CHARS_MAX],
        )
        with self._lock:
            self._kept.append(occurrence)


class _JournalPlace:
    """Behind which message of the journal we are."""

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._cursor = ""

    def argv(self) -> tuple[str, ...]:
        return ("sh", "-c", _JOURNAL, "breakfix", self._unit, self._cursor, _BOOT_ID)

    def begin(self, first: str) -> None:
        self._cursor = first.removeprefix("from").strip()

    def heard(self, line: "Heard") -> tuple[str, float | None]:
        try:
            entry: Any = msgspec.json.decode(line.text)
            self._cursor = entry["__CURSOR"]
            time_s = int(entry["__REALTIME_TIMESTAMP"]) / 1e6
            message = entry.get("MESSAGE")
        except (msgspec.DecodeError, KeyError, TypeError, ValueError):
            return line.text, None
        if isinstance(message, list):
            # What is no text is given as a list of bytes.
            message = bytes(message).decode("utf-8", "backslashreplace")
        return str(message or ""), time_s

    def lost(self, stderr: str) -> None:
        """The cursor stays true."""


class _FilePlace:
    """How far into which file we are."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._inode = ""
        self._offset = 0

    def argv(self) -> tuple[str, ...]:
        offset = str(self._offset)
        return ("sh", "-c", _FILE, "breakfix", self._path, self._inode, offset)

    def begin(self, first: str) -> None:
        _, self._inode, offset = first.split(" ")
        self._offset = int(offset)

    def heard(self, line: "Heard") -> tuple[str, float | None]:
        self._offset += line.size_bytes
        return line.text, None

    def lost(self, stderr: str) -> None:
        """What tail(1) says there is of a file that was replaced, or cut short: the offset is not true
        any more."""
        if stderr.strip():
            raise _Refused(stderr)
