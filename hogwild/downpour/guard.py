"""Who may come in: nothing that a stranger sends is unpickled, waited for long, or left unnoticed.

::

    accepted --> pending (64 at most; the oldest makes room) --> proved the key --> its own thread
                     |  5 seconds in all, messages of 256 bytes at most
                     '--> refused: closed, logged, kept in a list

The challenge is the one of ``multiprocessing.connection``, both ways: the client proves the key
first, then the server.  Its two functions wait as long as the peer likes; here they read through a
`Slot`, which does not.

Used by ``downpour.served``.
"""

import contextlib
import logging
import os
import socket
import struct
import threading
import time
from collections import deque
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge

from hogwild.downpour.sockets import socket_of

HANDSHAKE = 5.0
"""Seconds for a connection to prove its key."""
MOST_PENDING = 64
"""Connections that may be about to prove their key at the same time."""
KEPT = 100
"""Refusals that are kept."""

_LOUDEST = 20  # lines of the log within a second: a flood must not fill a disk
_SHOWN = 16  # bytes of a stranger's that a line shows
_log = logging.getLogger("hogwild.downpour")

Refusal = tuple[float, str, str]
"""When (seconds since 1970), who, and why."""


class Refused(Exception):
    """A connection is not let in; the reason is its argument."""


class Slot:
    """A connection that has not proved its key: small messages, and a deadline for all of them."""

    def __init__(self, connection: Connection, peer: str, seconds: float):
        self.connection, self.peer = connection, peer
        self.pushed_out = False
        self._seconds, self._deadline = seconds, time.monotonic() + seconds
        self._read = 0

    def send_bytes(self, message: bytes) -> None:
        """Send a message; it is small, and waits for nobody."""
        self.connection.send_bytes(message)

    def recv_bytes(self, longest: int) -> bytes:
        """Return a message of `longest` bytes at most."""
        head = self._exactly(4)
        (size,) = struct.unpack("!i", head)
        if not 0 <= size <= longest:
            follows = os.read(self.connection.fileno(), _SHOWN) if self.connection.poll() else b""
            raise Refused(f"sent no answer to the challenge, but {(head + follows)[:_SHOWN]!r}...")
        return self._exactly(size)

    def _exactly(self, size: int) -> bytes:
        parts = b""
        while len(parts) < size:
            left = self._deadline - time.monotonic()
            if left <= 0 or not self.connection.poll(left):
                raise Refused(f"did not prove its key within {self._seconds:g} s; {self._so_far()}")
            part = os.read(self.connection.fileno(), size - len(parts))
            if not part:
                raise Refused(f"hung up before it had proved its key; {self._so_far()}")
            parts += part
            self._read += len(part)
        return parts

    def _so_far(self) -> str:
        return f"it sent {self._read} bytes" if self._read else "it sent nothing"


class Guard:
    """The connections that are about to prove their key, and those that did not.

    Parameters
    ----------
    key : bytes
    handshake : float
        Seconds for a connection to prove it.
    most_pending : int
        So many at the same time; one more pushes the oldest out.  A true client needs some
        milliseconds: whoever wants to keep it out has to be faster than that 64 times over.
    """

    def __init__(self, key: bytes, handshake: float = HANDSHAKE, most_pending: int = MOST_PENDING):
        self._key, self._handshake, self._most = key, handshake, most_pending
        self._lock = threading.Lock()
        self._pending: dict[int, Slot] = {}  # by the order of coming
        self._arrived = 0
        self._refusals: deque[Refusal] = deque(maxlen=KEPT)
        self._count = 0
        self._second, self._lines, self._unsaid = 0, 0, 0

    def let_in(self, connection: Connection, peer: str) -> bool:
        """Whether the peer has proved the key; if not, that is noted."""
        slot = Slot(connection, peer, self._handshake)
        number = self._enter(slot)
        try:
            deliver_challenge(slot, self._key)  # type: ignore[arg-type]
            answer_challenge(slot, self._key)  # type: ignore[arg-type]
            return True
        except Exception as error:  # a stranger's bytes lead anywhere
            reason = _reason(error)
        finally:
            with self._lock:
                self._pending.pop(number, None)
        if slot.pushed_out:
            reason = "had not proved its key when others needed the room"
        self.refuse(peer, reason)
        return False

    def refuse(self, peer: str, reason: str) -> None:
        """Note that a connection was not let in, or was ended."""
        now = time.time()
        with self._lock:
            self._refusals.append((now, peer, reason))
            self._count += 1
            unsaid = self._to_be_told(int(now))
        if unsaid is not None:
            _log.warning("refused %s: it %s%s", peer, reason, unsaid)

    def refused(self) -> list[Refusal]:
        """Return the last refusals, the latest last."""
        with self._lock:
            return list(self._refusals)

    def refused_count(self) -> int:
        """Return how many connections were refused since the start."""
        with self._lock:
            return self._count

    def make_room(self) -> bool:
        """End the connection that has been about to prove its key for longest; False without."""
        with self._lock:
            return self._push_out()

    def _enter(self, slot: Slot) -> int:
        with self._lock:
            if len(self._pending) >= self._most:
                self._push_out()
            self._arrived += 1
            self._pending[self._arrived] = slot
            return self._arrived

    def _push_out(self) -> bool:
        if not self._pending:
            return False
        oldest = self._pending.pop(next(iter(self._pending)))
        oldest.pushed_out = True
        # its thread wakes up and closes it; it can't have done so yet, for it would first have
        # taken it out of the pending ones
        with socket_of(oldest.connection) as borrowed:
            _shut(borrowed)
        return True

    def _to_be_told(self, second: int) -> str | None:
        """What the log's line says of those that it left out; None to leave this one out too."""
        if second != self._second:
            self._second, self._lines = second, 0
        if self._lines >= _LOUDEST:
            self._unsaid += 1
            return None
        self._lines += 1
        unsaid, self._unsaid = self._unsaid, 0
        return f" (and {unsaid} more before it that no line tells of)" if unsaid else ""


def _shut(borrowed: socket.socket) -> None:
    with contextlib.suppress(OSError):  # its peer was faster
        borrowed.shutdown(socket.SHUT_RDWR)


def _reason(error: Exception) -> str:
    if isinstance(error, Refused):
        return str(error)
    if isinstance(error, OSError):
        return f"hung up before it had proved its key ({error.strerror or error})"
    return "has another key"
