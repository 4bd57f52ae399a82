"""A served object behind its key: calls, strangers of all kinds, and what is left of them."""

import contextlib
import gc
import logging
import multiprocessing
import os
import pickle
import random
import re
import resource
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading
import time
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge
from multiprocessing.managers import BaseManager, BaseProxy
from pathlib import Path

import numpy as np
import pytest

from hogwild.downpour import guard as guard_module
from hogwild.downpour import sockets
from hogwild.downpour.guard import Guard
from hogwild.downpour.keys import checked_key, new_key, read_key, write_key
from hogwild.downpour.listening import start_server
from hogwild.downpour.proxy import Client, connect
from hogwild.downpour.served import GuardedServer, _Door, current_client
from hogwild.downpour.sockets import (
    checked_address,
    connected,
    listening_socket,
    parse_address,
    socket_of,
)
from hogwild.errors import DataError, KeyRefused, ServerGone

pytestmark = pytest.mark.timeout(60)

FORK = multiprocessing.get_context("fork")
TCP = ("127.0.0.1", 0)
HANDSHAKE = 0.3


class Counter:
    """What the tests serve."""

    exposed = ("add", "fail", "clients", "gone", "odd", "limit", "pid")

    def __init__(self, start=0):
        if start == "wrong":
            raise ValueError("start must be a number, got 'wrong'")
        if start == "broken":
            raise KeyError("broken")
        if start == "end":
            os._exit(3)
        self.value, self.seen, self.left = start, [], []
        self.lock = threading.Lock()

    def add(self, array):
        with self.lock:
            self.value += np.sum(array)
            return self.value

    def fail(self, kind):
        if kind == "ours":
            raise DataError("what it was", path="a.txt", line=3)
        raise {"value": ValueError, "other": KeyError, "exit": SystemExit}[kind]("as told")

    def clients(self):
        self.seen.append(current_client())
        return self.seen

    def gone(self):
        return self.left

    def disconnected(self, client):
        self.left.append(client)
        if client == -1:
            raise OSError

    def odd(self):
        return threading.Lock()

    def limit(self, files):
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))

    def pid(self):
        return os.getpid()

    def secret(self):
        raise AssertionError("not exposed")


@pytest.fixture(params=["unix", "tcp"])
def server(request):
    address = TCP if request.param == "tcp" else None
    with start_server(Counter, context=FORK, address=address, handshake=HANDSHAKE) as started:
        yield started
    gc.collect()
    assert multiprocessing.active_children() == []


def until(condition, seconds=10.0):
    """Wait until something that another process does has happened."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.002)


# calls


def test_its_methods_are_called_wherever_it_listens(server):
    with server.connect() as counter:
        assert counter.add(np.arange(4)) == 6
        assert counter.add(array=np.ones(100_000)) == 100_006
        assert counter.pid() == server.pid
        assert counter.refused() == []
        assert counter.refused_count() == 0


def test_its_errors_come_back_as_themselves_or_as_text(server):
    with server.connect() as counter:
        with pytest.raises(ValueError, match="as told") as value:
            counter.fail("value")
        assert "in fail" in value.value.__notes__[0]
        with pytest.raises(DataError, match=r"a\.txt, line 3: what it was") as ours:
            counter.fail("ours")
        assert "raised by fail() in the server at" in ours.value.__notes__[0]
        with pytest.raises(RuntimeError, match=r"(?s)fail\(\) failed in the server at.*KeyError"):
            counter.fail("other")
        with pytest.raises(RuntimeError, match="SystemExit: as told"):
            counter.fail("exit")
        with pytest.raises(RuntimeError, match="cannot pickle"):
            counter.odd()
        with pytest.raises(AttributeError, match="'secret' is not one of the methods"):
            counter.secret()
        with pytest.raises(ValueError, match="'secret' is not one of"):
            counter._call("secret")
        assert counter.add(1) == 1  # the same connection answers on
        assert counter.refused_count() == 0


def test_each_thread_of_a_client_has_its_own_connection_and_the_object_knows_which(server):
    counter = server.connect()
    mine, seen = counter.client_id, []

    def ask():
        seen.append(counter.client_id)
        assert counter.clients()[-1] in (*seen, mine)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len({mine, *seen}) == 5
    assert counter.clients()[-1] == mine
    del thread, threads
    until(lambda: set(seen) == set(counter.gone()))  # their connections went with them


def test_a_client_that_ends_in_any_way_is_told_to_the_object(server):
    with server.connect() as counter:
        for end in (lambda: os._exit(0), lambda: os.kill(os.getpid(), signal.SIGKILL)):
            before = len(counter.gone())
            child = os.fork()
            if child == 0:
                server.connect().add(1)
                end()
            os.waitpid(child, 0)
            until(lambda before=before: len(counter.gone()) == before + 1)
        assert counter.client_id not in counter.gone()


def test_a_proxy_can_be_sent_and_then_has_a_connection_of_its_own(server):
    with server.connect() as counter, pickle.loads(pickle.dumps(counter)) as other:
        assert other.add(2) == 2
        assert counter.add(1) == 3
        assert other.client_id != counter.client_id


def test_a_forked_child_makes_a_connection_of_its_own(server):
    with server.connect() as counter:
        mine = counter.client_id
        reader, writer = FORK.Pipe(duplex=False)
        child = os.fork()
        if child == 0:
            writer.send((counter.client_id, counter.add(1)))
            os._exit(0)
        other, value = reader.recv()
        os.waitpid(child, 0)
        assert (other != mine, value) == (True, 1)
        assert counter.add(1) == 2
        reader.close()
        writer.close()


def _add_one(client, sent):
    with client.connect() as counter:
        sent.send(counter.add(1))


def test_it_starts_and_its_clients_reach_it_under_each_start_method(start_method):
    context = multiprocessing.get_context(start_method)
    with start_server(Counter, (41,), context=context, name="a counter") as server:
        assert server.process.name == "a counter"
        reader, writer = context.Pipe(duplex=False)
        client = context.Process(target=_add_one, args=(server.client(), writer))
        client.start()
        assert reader.recv() == 42
        client.join(10)
        strangers_are_refused(server, [HTTP, half_a_message, wrong_key])
        with server.connect() as counter:
            os.kill(server.pid, signal.SIGKILL)
            with pytest.raises(ServerGone, match="the server at"):
                counter.add(1)
        with pytest.raises(ServerGone, match="was killed by SIGKILL"):
            server.check(5.0)
        folder = Path(server.address).parent
        reader.close()
        writer.close()
    assert not folder.exists()


def test_an_error_while_it_starts_is_told_as_it_was():
    with pytest.raises(ValueError, match="start must be a number"):
        start_server(Counter, ("wrong",), context=FORK)
    with pytest.raises(RuntimeError, match=r"(?s)hogwild server .* could not start:.*KeyError"):
        start_server(Counter, ("broken",), context=FORK)
    with pytest.raises(ServerGone, match=r"ended by itself \(exit code 3\)"):
        start_server(Counter, ("end",), context=FORK)
    assert multiprocessing.active_children() == []


def test_a_server_ends_with_its_last_reference():
    server = start_server(Counter, context=FORK)
    process, folder = server.process, Path(server.address).parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(os.stat(server.address).st_mode) == 0o600
    del server
    gc.collect()
    process.join(5)
    assert not process.is_alive()
    assert not folder.exists()


class _StandardProxy(BaseProxy):
    _exposed_ = ("add",)


class _StandardManager(BaseManager):
    pass


_StandardManager.register("served", proxytype=_StandardProxy)


def test_a_standard_manager_with_the_key_reaches_it_and_can_not_end_it(server):
    manager = _StandardManager(server.address, server.key)
    manager.connect()
    counter = manager.served()
    assert counter._callmethod("add", (2,)) == 2
    with pytest.raises(ValueError, match="as told"):
        counter._callmethod("fail", ("value",))
    del counter
    gc.collect()
    again = manager.served()  # the object stays, though nobody had a reference
    assert again._callmethod("add", (2,)) == 4
    from multiprocessing.managers import dispatch

    with pytest.raises(Exception, match="a client may not ask for 'shutdown'"):
        dispatch(manager._Client(server.address, authkey=server.key), None, "shutdown")
    with server.connect() as proxy:
        assert proxy.add(0) == 4


# restarts


@pytest.mark.parametrize("address", [TCP, "unix"])
def test_a_server_started_again_at_its_address_answers_the_next_call(address, tmp_path):
    where = str(tmp_path / "s") if address == "unix" else address
    first = start_server(Counter, context=FORK, address=where)
    where, key, started = first.address, first.key, []

    def again():
        if not started:
            started.append(
                start_server(Counter, (10,), context=FORK, address=where, key=key, life=1)
            )

    counter = first.connect()
    assert (counter.add(1), counter.life) == (1, 0)
    os.kill(first.pid, signal.SIGKILL)
    with pytest.raises(ServerGone, match=r"\(pid \d+\) (can't be reached|hung up)"):
        counter.add(1)
    again()
    assert (counter.add(1), counter.life) == (11, 1)
    started.pop().close()
    patient = Client(where, key, patience=20.0)
    with patient.connect(meanwhile=again) as counter:
        assert (counter.add(5), counter.life) == (15, 1)
    started.pop().close()
    first.close()


def test_calls_may_be_sent_before_the_first_answer_is_awaited(server):
    with server.connect() as counter:
        first, second = counter.asked("add", 1), counter.asked("add", 10)
        assert counter.add(100) == 111  # takes their answers, too
        assert (second(), first()) == (11, 1)
        with pytest.raises(AttributeError, match="'secret' is not one of the methods"):
            counter.asked("secret")


def test_calls_without_an_answer_are_sent_again_in_order_to_the_next_server(tmp_path):
    where, key = str(tmp_path / "s"), os.urandom(32)
    first = start_server(Counter, context=FORK, address=where, key=key)
    counter = first.connect(patience=20.0)
    os.kill(first.pid, signal.SIGSTOP)
    os.waitpid(first.pid, os.WUNTRACED)  # until all its threads have stopped
    answers = [counter.asked("add", n) for n in (1, 10)]
    os.kill(first.pid, signal.SIGKILL)
    first.process.join()
    with start_server(Counter, (1000,), context=FORK, address=where, key=key):
        assert [answer() for answer in answers] == [1001, 1011]
        counter.close()
    first.close()


def test_a_server_can_not_listen_where_another_does(tmp_path):
    path = str(tmp_path / "socket")
    with start_server(Counter, context=FORK, address=TCP) as first:
        with pytest.raises(OSError, match=r"can't listen at 127.0.0.1:\d+: .*in use"):
            start_server(Counter, context=FORK, address=first.address)
    with start_server(Counter, context=FORK, address=path):
        with pytest.raises(OSError, match="another server listens there"):
            start_server(Counter, context=FORK, address=path)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OSError, match="there is a file of that name"):
        start_server(Counter, context=FORK, address=str(tmp_path / "file"))
    assert (tmp_path / "file").read_text() == "mine"


def test_nobody_there_is_told_with_the_address(tmp_path):
    with pytest.raises(ServerGone, match="nobody can't be reached: No such file or directory"):
        connect(str(tmp_path / "nobody"), new_key())
    with socket.socket() as free:
        free.bind(TCP)
        with pytest.raises(ServerGone, match="can't be reached: Connection refused"):
            connect(free.getsockname(), new_key())


def test_a_server_of_another_kind_is_told_from_a_wrong_key():
    with socket.create_server(TCP) as other:

        def hang_up():
            with contextlib.suppress(OSError):
                while True:
                    accepted, _ = other.accept()
                    accepted.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    accepted.close()

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        with pytest.raises(ServerGone, match="can't be reached: no handshake"):
            connect(other.getsockname(), new_key())
        other.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def test_an_interrupted_call_does_not_leave_its_answer_to_the_next(server):
    with server.connect() as counter:
        connection = counter._connection()

        class Interrupted:
            def send_bytes(self, message):
                connection.send_bytes(message)

            def recv_bytes(self):
                raise KeyboardInterrupt

            def close(self):
                connection.close()

        counter._here.connection = Interrupted()
        with pytest.raises(KeyboardInterrupt):
            counter.add(7)
        assert counter.refused() == []


# strangers


def raw(server):
    """A socket to the server, with nothing sent."""
    family = socket.AF_UNIX if isinstance(server.address, str) else socket.AF_INET
    stranger = socket.socket(family)
    stranger.connect(server.address)
    return stranger


def until_closed(stranger):
    with contextlib.suppress(ConnectionResetError):
        while stranger.recv(4096):
            pass


def sends(data):
    def stranger(server):
        with raw(server) as one, contextlib.suppress(BrokenPipeError, ConnectionResetError):
            one.sendall(data)
            until_closed(one)

    return stranger


def hangs_up_after(data):
    def stranger(server):
        with raw(server) as one:
            one.recv(4096)  # all of it: a close would take back what was sent, and reset
            one.sendall(data)

    return stranger


def wrong_key(server):
    with pytest.raises(KeyRefused, match="has another key: take the key file"):
        connect(server.address, new_key())


def resets(server):
    with raw(server) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.recv(4)


def leaves_after_its_proof(server):
    with Connection(raw(server).detach()) as one:
        answer_challenge(one, server.key)


def silent(server):
    with raw(server) as one:
        until_closed(one)


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


HTTP = sends(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
half_a_message = hangs_up_after(struct.pack("!i", 20) + b"12345")
STRANGERS = {
    "a wrong key": (wrong_key, "has another key"),
    "a browser": (HTTP, r"sent no answer to the challenge, but b'GET / HTTP/1.1"),
    "a TLS hello": (sends(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), r"b'\\x16\\x03\\x01"),
    "random bytes": (sends(b"\xf0" + random.Random(0).randbytes(5000)), "sent no answer"),
    "2 GB announced": (sends(b"\x7f\xff\xff\xff"), "sent no answer"),
    "2 TB announced": (sends(struct.pack("!iQ", -1, 2 << 40)), "sent no answer"),
    "a wrong digest": (sends(struct.pack("!i", 16) + b"x" * 16), "has another key"),
    "an empty digest": (sends(struct.pack("!i", 0)), "has another key"),
    "nothing": (hangs_up_after(b""), "hung up before it had proved its key"),
    "half a length": (hangs_up_after(b"\x00\x00"), "hung up .*; it sent 2 bytes"),
    "half a message": (half_a_message, "hung up .*; it sent 9 bytes"),
    "a reset": (resets, "hung up before it had proved its key"),
    "half a handshake": (leaves_after_its_proof, "hung up before it had proved its key"),
    "silence": (silent, r"did not prove its key within 0.3 s; it sent nothing"),
    "one byte": (sends(b"\x00"), r"did not prove its key within 0.3 s; it sent 1 bytes"),
}


def strangers_are_refused(server, strangers):
    with server.connect() as counter:
        before = counter.refused_count()
        for stranger in strangers:
            stranger(server)
            counter.add(0)
        until(lambda: counter.refused_count() == before + len(strangers))
        return counter.refused()


@pytest.mark.parametrize("name", STRANGERS)
def test_a_stranger_is_refused_and_noted_and_leaves_nothing(server, name):
    stranger, reason = STRANGERS[name]
    with server.connect() as counter:
        files = n_of(server, "fd")
        ((when, peer, told),) = strangers_are_refused(server, [stranger])
        until(lambda: n_of(server, "fd") == files)
        assert re.search(reason, told), told
        assert abs(when - time.time()) < 60
        host = "127.0.0.1:" if isinstance(server.address, tuple) else "process "
        assert peer.startswith(host)
        assert counter.gone() in ([], [2])  # no stranger was a client, only the tests' own


def n_of(server, what):
    """How many file descriptors ("fd") or threads ("task") the server's process has."""
    return len(os.listdir(f"/proc/{server.pid}/{what}"))


def test_nothing_is_unpickled_before_the_key_is_proved(server, tmp_path):
    bomb = pickle.dumps(Bomb(str(tmp_path / "harm")))
    strangers_are_refused(server, [sends(struct.pack("!i", len(bomb)) + bomb)])
    assert not (tmp_path / "harm").exists()


def test_thousands_of_connections_keep_no_true_client_out(server):
    with server.connect() as counter:
        files, threads = n_of(server, "fd"), n_of(server, "task")
        begin, n_strangers, slowest = time.monotonic(), 0, 0.0
        silent = []
        for number in range(2000):
            silent.append(raw(server))
            if len(silent) == 300:
                for stranger in silent:
                    stranger.close()
                silent.clear()
            if number % 100 == 0:
                start = time.monotonic()
                with server.connect() as other:
                    other.add(1)
                counter.add(1)
                slowest = max(slowest, time.monotonic() - start)
            n_strangers += 1
        assert slowest < 5.0
        assert n_of(server, "task") < threads + 2 * guard_module.MOST_PENDING + 50
        for stranger in silent:
            stranger.close()
        until(lambda: counter.refused_count() >= n_strangers, 20)
        until(lambda: n_of(server, "fd") == files and n_of(server, "task") == threads)
        assert len(counter.refused()) == guard_module.KEPT
        assert counter.add(0) == 40
        assert time.monotonic() - begin < 40


def test_the_oldest_of_many_silent_connections_makes_room():
    most = guard_module.MOST_PENDING
    with start_server(Counter, context=FORK, handshake=1000.0) as server:
        with server.connect() as counter:
            silent = [raw(server) for _ in range(most + 30)]
            until(lambda: counter.refused_count() == 30)
            until_closed(silent[0])
            assert {told for _, _, told in counter.refused()} == {
                "had not proved its key when others needed the room"
            }
            with server.connect() as other:
                assert other.add(1) == 1
            for stranger in silent:
                stranger.close()


def test_a_server_without_a_free_file_descriptor_makes_room(server):
    with server.connect() as counter:
        files = n_of(server, "fd")
        counter.limit(files + 8)
        silent = [raw(server) for _ in range(30)]
        with server.connect(patience=10.0) as other:
            assert other.add(3) == 3
        assert counter.add(1) == 4
        for stranger in silent:
            stranger.close()
        until(lambda: n_of(server, "fd") <= files + 1)


def trusted(server):
    """A connection whose key is proved, and whose calls are answered."""
    one = Connection(raw(server).detach())
    answer_challenge(one, server.key)
    deliver_challenge(one, server.key)
    one.send((None, "accept_connection", ("",), {}))
    one.recv()
    return one


def test_half_a_message_of_a_true_client_ends_that_connection_alone(server):
    with server.connect() as counter:
        files = n_of(server, "fd")
        for data in (struct.pack("!i", 100) + b"123", struct.pack("!i", 0x7FFFFFFF) + b"1"):
            one = trusted(server)
            os.write(one.fileno(), data)
            one.close()
        until(lambda: counter.refused_count() == 2)
        assert all("had the key, and broke off" in reason for _, _, reason in counter.refused())
        until(lambda: sorted(counter.gone()) == [2, 3])
        assert n_of(server, "fd") == files


def test_a_message_that_is_no_call_is_answered_by_an_error(server):
    with trusted(server) as one:
        for message in (b"no pickle", pickle.dumps(3), pickle.dumps(("?", "add", (), {}))):
            one.send_bytes(message)
            kind, text = one.recv()
            assert kind == "#TRACEBACK" or isinstance(text, ValueError)
        one.send(("served", "add", (1,), {}))
        assert one.recv() == ("#RETURN", 1)


class _Deaf:
    exposed = ("ask",)

    def ask(self):
        return 1

    def disconnected(self, client):
        raise OSError("no")


def in_this_process(served, tmp_path):
    """A server whose threads run here, so that its log can be seen."""
    server = GuardedServer(served, str(tmp_path / "s"), new_key(), handshake=HANDSHAKE)
    server.key = server.authkey
    server.pid = os.getpid()
    threading.Thread(target=server.accepter, daemon=True).start()
    return server


def test_refusals_are_logged_with_peer_and_reason_and_a_flood_is_counted(
    tmp_path, caplog, monkeypatch
):
    monkeypatch.setattr(guard_module.time, "time", lambda: 1000.5)
    guard = Guard(new_key())
    with caplog.at_level(logging.WARNING, "hogwild.downpour"):
        for number in range(50):
            guard.refuse(f"10.0.0.1:{number}", "has another key")
        monkeypatch.setattr(guard_module.time, "time", lambda: 1001.5)
        guard.refuse("10.0.0.2:1", "has another key")
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0] == "refused 10.0.0.1:0: it has another key"
    assert len(lines) == 21
    assert lines[-1].endswith("(and 30 more before it that no line tells of)")
    assert {record.levelname for record in caplog.records} == {"WARNING"}
    assert guard.refused_count() == 51


def test_an_object_that_fails_to_be_told_of_a_client_is_logged(tmp_path, caplog):
    server = in_this_process(_Deaf(), tmp_path)
    with connect(server.address, bytes(server.key)) as proxy:
        assert proxy.ask() == 1
    until(lambda: "could not be told that client 1 has gone" in caplog.text)


def test_an_object_may_not_have_the_guards_names():
    class Clash:
        exposed = ("refused",)

    with pytest.raises(ValueError, match=r"Clash\.exposed repeats a name"):
        GuardedServer(Clash(), "nowhere", new_key())


# addresses and keys


def test_beyond_this_machine_it_listens_only_by_name_and_warns(caplog):
    with listening_socket(TCP):
        assert caplog.records == []
    with listening_socket(("0.0.0.0", 0)):
        assert "nothing is encrypted" in caplog.text
    for wrong, told in (
        (("", 0), "needs a host"),
        (("::1", 0), "must be IPv4"),
        (("localhost", 70000), "a port is 0 to 65535"),
        (7070, r"\(host, port\)"),
        ("", "a path or"),
    ):
        with pytest.raises(ValueError, match=told):
            checked_address(wrong)
    with pytest.raises(ValueError, match="host:port, or a path with a slash; got 'here'"):
        parse_address("here")


def test_a_tcp_connection_sends_at_once_and_probes_a_silent_peer():
    # a message longer than 16 kB is sent in two parts: the second one would wait for 40 ms
    door = _Door(TCP)
    with connected(door.address, 5.0) as client, door.accept()[0] as server:
        for end in (client, server):
            with socket_of(end) as borrowed:
                assert borrowed.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                assert borrowed.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
                if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
                    assert borrowed.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 25000
    door._socket.close()


def test_a_port_without_a_server_is_not_answered_by_the_client_itself():
    with socket.socket() as free:
        free.bind(TCP)
        port = free.getsockname()[1]
    own = socket.socket()  # what the system may do when it lends a client the port it looks for
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    own.bind(("127.0.0.1", port))
    with own, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sockets.socket, "socket", lambda family: own)
        with pytest.raises(ConnectionRefusedError):
            connected(("127.0.0.1", port), 5.0)


def test_a_key_file_is_for_its_owner_alone(tmp_path):
    path = tmp_path / "key"
    before = os.umask(0)
    try:
        key = write_key(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_key(path) == key
    with pytest.raises(FileExistsError):
        write_key(path)
    path.chmod(0o640)
    with pytest.raises(PermissionError, match=r"mode 0640.*chmod 600"):
        read_key(path)
    for text, told in (("abc\n", "not a key file"), ("hogwild-key-1 6162\n", "32 bytes or more")):
        path.unlink()
        path.touch(0o600)
        path.write_text(text)
        with pytest.raises(ValueError, match=told):
            read_key(path)


def test_a_key_is_long_and_drawn():
    assert checked_key(b"0123456789" * 4) == b"0123456789" * 4
    for wrong, told in ((b"x" * 31, "got 31"), ("x" * 32, "got str"), (b"x" * 32, "repeats")):
        with pytest.raises(ValueError, match=told):
            checked_key(wrong)
    with start_server(Counter, context=FORK) as one, start_server(Counter, context=FORK) as two:
        assert len(one.key) == len(two.key) == 32
        assert one.key != two.key
        assert repr(one.key) not in repr(one.client())
    with pytest.raises(ValueError, match="32 bytes or more, got 3"):
        start_server(Counter, context=FORK, key=b"abc")


PROGRAM = """
import sys, time, multiprocessing
from hogwild.downpour.listening import start_server
from hogwild.downpour.shard import Shard

if __name__ == "__main__":
    server = start_server(Shard, ([1.0],), context=multiprocessing.get_context(sys.argv[1]))
    print(server.pid, server.address, flush=True)
    time.sleep(60)
"""


def test_it_ends_with_its_parent_and_leaves_no_folder(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    room = {**os.environ, "PYTHONPATH": paths()}
    parent = subprocess.Popen(
        [sys.executable, program, "fork"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True, env=room, start_new_session=True,
    )  # fmt: skip
    pid, address = parent.stdout.readline().split()
    end = os.pidfd_open(int(pid))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert multiprocessing.connection.wait([end], 10)
    os.close(end)
    assert not Path(address).parent.exists()


def paths():
    import hogwild

    return str(Path(hogwild.__file__).parent.parent)
