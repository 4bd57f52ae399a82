"""Sockets behind ``multiprocessing`` connections: where to listen, and what a connection is told.

Contract: nothing is bound beyond this machine unless an address says so, and then a warning says
that whoever is on the way reads along.  A Unix socket belongs to its owner alone; one that a dead
server left behind is replaced, one that is in use is not.

Used by ``downpour.guard``, the server's side, and by ``downpour.proxy``, the client's.
"""

import errno
import ipaddress
import logging
import os
import socket
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from hogwild.engine.server_process import Address

BACKLOG = 512  # connections that wait to be accepted; the system may allow less
_SILENCE, _PROBES = 10, 3  # seconds of silence before a peer is probed, and how often
_UNHEARD = 25_000  # milliseconds that what was sent may wait for the peer's acknowledgement
_log = logging.getLogger("hogwild.downpour")


def shown(address: Address) -> str:
    """Return an address as messages and the command line have it.

    Examples
    --------
    >>> shown(("127.0.0.1", 7070)), shown("/run/me/socket")
    ('127.0.0.1:7070', '/run/me/socket')
    """
    return address if isinstance(address, str) else f"{address[0]}:{address[1]}"


def parse_address(text: str) -> Address:
    """Return the address that a text means: ``host:port``, or a Unix socket's path with a slash.

    Raises
    ------
    ValueError
        When it is neither.

    Examples
    --------
    >>> parse_address("127.0.0.1:7070"), parse_address("./socket")
    (('127.0.0.1', 7070), './socket')
    """
    if "/" in text:
        return text
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal():
        raise ValueError(f"an address is host:port, or a path with a slash; got {text!r}")
    return checked_address((host, int(port)))


def checked_address(address: Any) -> Address:
    """Return the address, if it is one.

    Raises
    ------
    ValueError
        For anything but a path, or a pair of a host's name and a port; for an empty host, which
        the system would take for every interface; for IPv6, which ``multiprocessing`` has not.
    """
    if isinstance(address, str) and address:
        return address
    if not (
        isinstance(address, tuple) and len(address) == 2
        and isinstance(address[0], str) and isinstance(address[1], int)
    ):  # fmt: skip
        raise ValueError(f"an address is a path or (host, port), got {address!r}")
    host, port = address
    if not host:
        raise ValueError("an address needs a host: '127.0.0.1', or '0.0.0.0' for every interface")
    if ":" in host:
        raise ValueError(f"an address must be IPv4 or a name, got {host!r}")
    if not 0 <= port <= 65535:
        raise ValueError(f"a port is 0 to 65535, got {port}")
    return host, port


def is_local(address: Address) -> bool:
    """Whether only this machine reaches it.

    Examples
    --------
    >>> is_local(("127.0.0.1", 1)), is_local(("0.0.0.0", 1)), is_local("/run/me/socket")
    (True, False, True)
    """
    if isinstance(address, str):
        return True
    try:
        return ipaddress.ip_address(socket.gethostbyname(address[0])).is_loopback
    except OSError:
        return False  # no such name: who binds it is told so


def listening_socket(address: Address) -> socket.socket:
    """Return a socket that listens there.

    Raises
    ------
    OSError
        With the address in its message.
    """
    if not is_local(address):
        _log.warning(
            "listening at %s, beyond this machine: the key keeps strangers out, but nothing is "
            "encrypted, and whoever is on the way can read it and take a connection over",
            shown(address),
        )
    try:
        return _unix_socket(address) if isinstance(address, str) else _tcp_socket(address)
    except OSError as error:
        raise type(error)(
            error.errno, f"can't listen at {shown(address)}: {error.strerror or error}"
        ) from None


def _tcp_socket(address: tuple[str, int]) -> socket.socket:
    listener = socket.socket(socket.AF_INET)
    try:
        # a server that was killed leaves connections that would hold the port for a minute
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def _unix_socket(path: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)  # a socket has its mode from the first moment
    try:
        _remove_stale(path)
        listener.bind(path)
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    finally:
        os.umask(before)
    return listener


def _remove_stale(path: str) -> None:
    """Remove a socket that nobody listens to any more."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise OSError(errno.EEXIST, "there is a file of that name")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except BlockingIOError:
            pass  # its queue is full: somebody is there
    raise OSError(errno.EADDRINUSE, "another server listens there")


def connected(address: Address, seconds: float) -> Connection:
    """Return a connection to an address, made within so many seconds.

    Raises
    ------
    OSError
        When nobody is there.
    """
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as client:
        client.settimeout(max(seconds, 0.05))
        client.connect(address)
        if family == socket.AF_INET and client.getsockname() == client.getpeername():
            # a port that the system lends to clients, and nobody listens: it was lent to this one
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        client.settimeout(None)
        tuned(client)
        return Connection(client.detach())


def tuned(connection: socket.socket) -> None:
    """Set a TCP connection to send at once, and to find out when its peer's machine has gone."""
    if connection.family != socket.AF_INET:
        return
    # a long message is a header and a body: the body would wait for the header's acknowledgement
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        ("TCP_KEEPIDLE", _SILENCE),
        ("TCP_KEEPINTVL", _SILENCE // 2),
        ("TCP_KEEPCNT", _PROBES),
        # a peer is not probed while something is on its way: that would be tried for 15 minutes
        ("TCP_USER_TIMEOUT", _UNHEARD),
    ):
        if hasattr(socket, option):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


@contextmanager
def socket_of(connection: Connection) -> Iterator[socket.socket]:
    """Give the socket of a connection, for its options; it stays the connection's."""
    borrowed = socket.socket(fileno=connection.fileno())
    try:
        yield borrowed
    finally:
        borrowed.detach()


def peer_of(connection: socket.socket, name: Any) -> str:
    """Return who is at the other end: host and port, or process and user."""
    if isinstance(name, tuple):
        return shown((name[0], name[1]))
    if hasattr(socket, "SO_PEERCRED"):
        size = struct.calcsize("3i")
        found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        pid, user, _ = struct.unpack("3i", found)
        return f"process {pid} of user {user}"
    return "a process of this machine"
