"""What an exchange with a parameter server costs, beside the standard library's Manager.

    python benchmarks/downpour_exchange.py
    python benchmarks/downpour_exchange.py --sizes 10 1000000

A fetch of n doubles (float64) from a shard in another process, by a Unix socket and by TCP on this
machine, in microseconds: this package's guarded server and its proxy, and a ``BaseManager`` that
serves the same object.  Then a whole step of a replica, a fetch and a push, with the slices on 1, 2
and 4 shards.  The contenders run in turn, several times; printed are medians.
"""

import argparse
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from multiprocessing.managers import BaseManager
from pathlib import Path
from typing import Any

import numpy as np

from hogwild.downpour import AdaGrad, ParameterServer, Shard
from hogwild.downpour.listening import start_server
from hogwild.downpour.server import cut
from hogwild.downpour.shards import Shards

CONTEXT = multiprocessing.get_context("fork")


class Standard(BaseManager):
    """The standard library's server."""


def serve_standard(shard: Shard, address: Any, key: bytes) -> None:
    """Serve a shard as the standard library does."""
    Standard.register("shard", lambda: shard, exposed=("fetch", "push"))
    Standard(address, key).get_server().serve_forever()


def standard_proxy(shard: Shard, address: Any, key: bytes) -> tuple[Any, Any]:
    """Return a process that serves, and a standard proxy of its shard."""
    process = CONTEXT.Process(target=serve_standard, args=(shard, address, key), daemon=True)
    process.start()
    Standard.register("shard", exposed=("fetch", "push"))
    manager = Standard(address, key)
    for _ in range(200):
        try:
            manager.connect()
            break
        except (ConnectionError, FileNotFoundError):
            time.sleep(0.01)
    return process, manager.shard()


def microseconds(call: Callable[[], Any], turns: int, seconds: float = 0.2) -> list[float]:
    """Return the time of a call, `turns` times over as many calls as fit the seconds."""
    call()
    begin = time.perf_counter()
    call()
    count = max(1, int(seconds / max(1e-6, time.perf_counter() - begin)))
    found = []
    for _ in range(turns):
        begin = time.perf_counter()
        for _ in range(count):
            call()
        found.append((time.perf_counter() - begin) / count * 1e6)
    return found


def fetches(size: int, turns: int) -> dict[str, float]:
    """Return what a fetch of so many doubles costs, by server and socket."""
    shard, key, medians = Shard(np.zeros(size), AdaGrad()), os.urandom(32), {}
    with tempfile.TemporaryDirectory() as folder:
        ours = {
            "ours, Unix": start_server(Shard, (np.zeros(size),), context=CONTEXT),
            "ours, TCP": start_server(
                Shard, (np.zeros(size),), context=CONTEXT, address=("127.0.0.1", 0)
            ),
        }
        process, proxy = standard_proxy(shard, str(Path(folder, "socket")), key)
        other, tcp = standard_proxy(shard, ("127.0.0.1", free_port()), key)
        calls = {name: server.connect().fetch for name, server in ours.items()}
        calls |= {"standard, Unix": proxy.fetch, "standard, TCP": tcp.fetch}
        for name, call in calls.items():
            medians[name] = statistics.median(microseconds(call, turns))
        for each in ours.values():
            each.close()
        for each in (process, other):
            each.kill()
            each.join()
    return medians


def free_port() -> int:
    """Return a port that nobody listens at."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def exchanges(size: int, turns: int) -> dict[str, float]:
    """Return what a fetch and a push of all parameters cost, by the number of shards."""
    medians = {}
    for n_shards in (1, 2, 4):
        edges = cut(size, n_shards)
        states = [Shard(np.zeros(n), AdaGrad()).state() for n in np.diff(edges)]
        with Shards(states, CONTEXT) as shards:
            server, gradient = ParameterServer(shards.connect(), size), np.ones(size)

            def step(server: ParameterServer = server, gradient: Any = gradient) -> None:
                server.push(None, gradient, server.fetch().versions)

            medians[f"on {n_shards}"] = statistics.median(microseconds(step, turns))
    return medians


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 5_000, 100_000])
    parser.add_argument("--turns", type=int, default=5)
    args = parser.parse_args()
    for title, measure in (("a fetch", fetches), ("a fetch and a push, by shards", exchanges)):
        print(f"{title}, microseconds; medians of {args.turns} turns")
        for size in args.sizes:
            found = measure(size, args.turns)
            words = ", ".join(f"{name} {value:,.0f}" for name, value in found.items())
            print(f"  {size:>9,} doubles: {words}")


if __name__ == "__main__":
    main()
