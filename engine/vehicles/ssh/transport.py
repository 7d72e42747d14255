"""A connection of paramiko's, with waits that are bounded.

Paramiko's own call that opens a channel cannot be told to stop, and mixes up the answers to several at
once. This module and those that import it are imported when the first host is reached.
"""

import contextlib
import logging
import select
import socket
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

import paramiko
from paramiko.channel import Channel
from paramiko.common import cMSG_CHANNEL_OPEN
from paramiko.message import Message
from paramiko.packet import Packetizer
from paramiko.ssh_exception import SSHException

from breakfix.engine.vehicles.ssh.session import Session, requested
from breakfix.engine.vehicles.ssh.waiting import NotReached, OutOfTime, Patience

KEEPALIVE_S: Final = 15
"""How often something is sent over a connection on which nothing else is."""

OPEN_S: Final = 10.0
"""How long a host may take to open a channel; one that takes longer is not there any more."""

_STALLED_S: Final = 15.0
"""How long nothing at all may be accepted of what we send."""

_LOOK_S: Final = 5
"""How often the thread of an idle connection wakes up by itself."""

# Paramiko tells of each failed connection, with its stack; we tell of it ourselves.
logging.getLogger("paramiko").setLevel(logging.CRITICAL + 1)


class _Packets(Packetizer):
    """Without a timer thread for each handshake (who waits for it has a deadline), and with an end to
    sending where the other side takes nothing."""

    def __init__(self, sock: Any) -> None:
        super().__init__(sock)
        self._sock = sock

    def start_handshake(self, timeout: float) -> None:
        """Nothing to do."""

    def write_all(self, out: Any) -> None:
        """Send all of it. Raises EOFError where that cannot be."""
        left = memoryview(out)
        until_s = time.monotonic() + _STALLED_S
        while left:
            try:
                sent = self._sock.send(left)
            except (TimeoutError, BlockingIOError):
                sent = 0
            except Exception:
                raise EOFError from None
            if sent:
                left = left[sent:]
                until_s = time.monotonic() + _STALLED_S
            elif self.closed or time.monotonic() > until_s:
                raise EOFError


def _method(name: str) -> Callable[[Any, Message], None]:
    return lambda channel, message: getattr(channel, name)(message)


_Made = TypeVar("_Made", bound=Channel)

if TYPE_CHECKING:

    class _Transport(paramiko.Transport):
        """With what its published types leave out."""

        active: bool
        _channels: Any
        _channel_handler_table: ClassVar[dict[int, Callable[[Any, Message], None]]]

        def _next_channel(self) -> int: ...
        def _send_message(self, data: Message) -> None: ...
        def _send_user_message(self, data: Message) -> None: ...
        def _parse_channel_open_success(self, m: Message) -> None: ...
        def _unlink_channel(self, chanid: int) -> None: ...

else:
    _Transport = paramiko.Transport


class Transport(_Transport):
    """One connection."""

    _active_check_timeout = _LOOK_S

    # Paramiko's own table names the functions of its channels, and would pass by those of ours.
    _channel_handler_table: ClassVar[dict[int, Callable[[Any, Message], None]]] = {
        kind: _method(handler.__name__)
        for kind, handler in _Transport._channel_handler_table.items()
    }

    def __init__(self, sock: Any) -> None:
        super().__init__(sock, packetizer_class=_Packets)
        self.clear_to_send_timeout = _STALLED_S
        self._failures: dict[int, str] = {}
        self._abandoned: dict[int, Channel] = {}

    def open(self, kind: str, made: type[_Made], patience: Patience, *more: str | int) -> _Made:
        """A channel, as RFC 4254, section 5.1, has it; `more` follows in the request.

        Raises NotReached where the host refuses it (`refused`) or the connection is at its end
        (`passing`); Stopped, OutOfTime.
        """
        patience.left_s()
        with self.lock:
            chanid = self._next_channel()
            channel: Any = made(chanid)
            request = Message()
            request.add_byte(cMSG_CHANNEL_OPEN)
            request.add_string(kind)
            for value in (chanid, self.default_window_size, self.default_max_packet_size, *more):
                if isinstance(value, int):
                    request.add_int(value)
                else:
                    request.add_string(value)
            self._channels.put(chanid, channel)
            self.channel_events[chanid] = opened = threading.Event()
            self.channels_seen[chanid] = True
            channel._set_transport(self)
            channel._set_window(self.default_window_size, self.default_max_packet_size)
        try:
            self._send_user_message(request)
            while self.active and not opened.is_set():
                opened.wait(patience.slice_s())
        except BaseException:
            # It may still be opened; it is closed then.
            self._abandoned[chanid] = channel
            raise
        why = self._failures.pop(chanid, None)
        if why is not None:
            raise NotReached(f"it opens no channel for us ({why})", refused=True)
        if not self.active:
            raise NotReached("the connection is at its end", passing=True)
        opened_one: _Made = channel
        return opened_one

    def session(self, patience: Patience) -> Session:
        """A channel for a command. Raises as `open`; a host that does not answer is not there any more,
        and the connection is closed then."""
        soon = patience.within(OPEN_S)
        try:
            return self.open("session", Session, soon)
        except OutOfTime:
            if soon.deadline_s >= patience.deadline_s:
                raise
            self.shut()
            raise NotReached(f"it opens no channel within {OPEN_S:g} s", passing=True) from None

    def execute(self, channel: Channel, line: bytes) -> None:
        """Have the login shell run a line. What comes of it is seen later."""
        request = requested(channel, "exec", want_reply=True)
        request.add_string(line)
        self._send_user_message(request)

    def shut(self) -> None:
        """Close the connection at once, whatever is under way."""
        with contextlib.suppress(OSError, AttributeError):
            # Else the thread that reads it would not see that before it looks by itself.
            self.sock.shutdown(socket.SHUT_RDWR)
        self.close()

    def writable(self) -> bool:
        """Whether what is sent now would go out at once."""
        if isinstance(self.sock, Channel):
            return self.sock.send_ready()
        poll = select.poll()
        poll.register(self.sock, select.POLLOUT)
        return bool(poll.poll(0))

    def _send_user_message(self, data: Message) -> None:
        """Send it, or close the connection: who waits on a channel sees that it is closed."""
        try:
            super()._send_user_message(data)
        except (EOFError, OSError, SSHException):
            self.shut()

    # --- in its thread ---

    def _parse_channel_open_success(self, m: Message) -> None:
        chanid = Message(m.get_remainder()).get_int()
        super()._parse_channel_open_success(m)
        late = self._abandoned.pop(chanid, None)
        if late is not None:
            late.close()

    def _parse_channel_open_failure(self, m: Message) -> None:
        chanid, reason, text = m.get_int(), m.get_int(), m.get_text()
        self._failures[chanid] = text or f"reason {reason}"
        self._abandoned.pop(chanid, None)
        with self.lock:
            self._channels.delete(chanid)
            event = self.channel_events.pop(chanid, None)
        if event is not None:
            event.set()

    def _unlink_channel(self, chanid: int) -> None:
        # Nothing comes for a channel after it was closed by the host.
        super()._unlink_channel(chanid)
        self.channels_seen.pop(chanid, None)
