"""A channel on which one command runs; what arrives on it is dealt with as it comes.

Paramiko hands each piece of output from the thread that reads the connection to another one, waits
without bound for a command to start, and drops what the host says of signals (``exit-signal``, RFC 4254,
section 6.10).
"""

import threading
import time
from typing import TYPE_CHECKING

from paramiko.channel import Channel
from paramiko.common import cMSG_CHANNEL_REQUEST, cMSG_CHANNEL_WINDOW_ADJUST
from paramiko.message import Message

from breakfix.engine.vehicles.output import Kept

if TYPE_CHECKING:
    from breakfix.engine.vehicles.ssh.transport import Transport

    class _Channel(Channel):
        """With what its published types leave out."""

        transport: Transport

        def _handle_request(self, m: Message) -> None: ...
        def _request_failed(self, m: Message) -> None: ...
        def _window_adjust(self, m: Message) -> None: ...
        def _set_closed(self) -> None: ...

else:
    _Channel = Channel


class Session(_Channel):
    """`wake` is set whenever something has happened that who waits for it must see; not for output, of
    which `out` and `err` keep what they may as it arrives.
    """

    def __init__(self, chanid: int) -> None:
        super().__init__(chanid)
        self.wake = threading.Event()
        self.out = Kept(0)
        self.err = Kept(0)
        self.exit_code: int | None = None
        self.exit_signal = ""
        self.heard_at_s = 0.0
        """When something arrived last."""
        self.failed = ""
        """Why it was not opened."""
        self.refused = False
        """The host does not run commands for us."""
        self._owed_bytes = 0

    @property
    def exited(self) -> bool:
        """Whether the host has said how the command ended."""
        return self.exit_code is not None or bool(self.exit_signal)

    def begin(self, line: bytes) -> None:
        """Have the login shell run a line. What comes of it is seen later."""
        self.transport.execute(self, line)

    def kill(self) -> None:
        """SIGKILL to the process group of the command, where the host can do that (OpenSSH 7.9)."""
        request = requested(self, "signal", want_reply=False)
        request.add_string("KILL")
        self._send_user(request)

    def feed(self, given: memoryview) -> int:
        """Send some of the input; how much that was. Never waits for the host."""
        self.settimeout(0.0)
        try:
            return self.send(bytes(given[:32768]))
        except (TimeoutError, OSError):
            return 0

    def settle(self) -> None:
        """Let the host send on, where that could not be said when the output came."""
        with self.lock:
            owed_bytes, self._owed_bytes = self._owed_bytes, 0
        if owed_bytes and not self.closed:
            self._send_user(self._window(owed_bytes))

    def _window(self, count: int) -> Message:
        made = Message()
        made.add_byte(cMSG_CHANNEL_WINDOW_ADJUST)
        made.add_int(self.remote_chanid)
        made.add_int(count)
        return made

    def _send_user(self, message: Message) -> None:
        self.transport._send_user_message(message)

    # --- in the thread of the connection ---

    def _feed(self, m: Message | bytes) -> None:
        self._arrived(self.out, m if isinstance(m, bytes) else m.get_binary())

    def _feed_extended(self, m: Message) -> None:
        m.get_int()  # of the only kind that there is: stderr
        self._arrived(self.err, m.get_binary())

    def _arrived(self, kept: Kept, piece: bytes) -> None:
        kept.add(piece)
        self.heard_at_s = time.monotonic()
        with self.lock:
            self._owed_bytes += len(piece)
            # While keys are exchanged nothing else may be sent, and this is the thread that does it.
            if (
                self._owed_bytes <= self.in_window_threshold
                or self.closed
                or not self.transport.clear_to_send.is_set()
            ):
                return
            owed_bytes, self._owed_bytes = self._owed_bytes, 0
        self.transport._send_message(self._window(owed_bytes))

    def _handle_request(self, m: Message) -> None:
        whole = m.get_remainder()
        kind = m.get_text()
        if kind not in ("exit-status", "exit-signal"):
            super()._handle_request(Message(whole))
            return
        m.get_boolean()
        if kind == "exit-status":
            self.exit_code = m.get_int()
        else:
            self.exit_signal = m.get_text()
        self.heard_at_s = time.monotonic()
        self.wake.set()

    def _request_failed(self, m: Message) -> None:
        self.refused = True
        super()._request_failed(m)

    def _window_adjust(self, m: Message) -> None:
        super()._window_adjust(m)
        self.wake.set()

    def _set_closed(self) -> None:
        super()._set_closed()
        self.wake.set()


def requested(channel: Channel, kind: str, *, want_reply: bool) -> Message:
    """The beginning of a request on a channel (RFC 4254, section 5.4)."""
    made = Message()
    made.add_byte(cMSG_CHANNEL_REQUEST)
    made.add_int(channel.remote_chanid)
    made.add_string(kind)
    made.add_boolean(want_reply)
    return made
