"""``hogwild downpour``: a run that replicas of other processes and other machines may join.

::

    serve   shards, coordinator, and a key in a file that its owner alone may read
    join    replicas with the same rows, the server's address and that file

Contract: what is a result goes to stdout, who comes and goes to stderr.  Ctrl-C at a replica is a
replica lost, and the run goes on; at the server it is the run's end, which every replica tells.

Used by ``cli.main``.
"""

import os
import shlex
import socket
from argparse import Namespace
from typing import Any

from hogwild.cli import report
from hogwild.cli.command import Commands, check_outputs, subcommands
from hogwild.cli.downpour_log import log_on_stderr, note_above_bar
from hogwild.cli.downpour_options import check_penalty, exchange_of
from hogwild.cli.downpour_work import rows_to_join, work_of
from hogwild.cli.fit_downpour import fit_and_tell, seed_of
from hogwild.cli.serve_options import add_join, add_serve, check_model
from hogwild.data.textio import shown as shown_path
from hogwild.downpour import join_downpour
from hogwild.downpour.joining import plan_at
from hogwild.downpour.keys import read_key, write_key
from hogwild.downpour.proxy import Client
from hogwild.downpour.sockets import is_local, parse_address, shown
from hogwild.engine.server_process import Address
from hogwild.errors import DataError, ServerGone

EVERYWHERE = "0.0.0.0"


def add(commands: Commands) -> None:
    """Add ``downpour`` with its two sides."""
    downpour = commands.add_parser(
        "downpour",
        help="a fit that replicas on other machines may join",
        description="Downpour SGD with replicas that come from elsewhere.",
        epilog="examples:\n"
        "  hogwild downpour serve train.txt --address 127.0.0.1:7070 --key-file run.key\n"
        "  hogwild downpour join 127.0.0.1:7070 train.txt --key-file run.key",
    )
    kinds = subcommands(downpour)
    add_serve(kinds, run_serve)
    add_join(kinds, run_join)


def run_serve(args: Namespace) -> int:
    """Serve a run until all epochs are made; write the model, print the summary."""
    if args.model == "-":
        raise ValueError("--model needs a file: standard output is for the summary, got '-'")
    check_outputs([args.model, args.key_file], [args.train, args.test])
    check_model(args)
    if args.kind == "linear":
        check_penalty(args)
    address, seed = parse_address(args.address), seed_of(args)
    work = work_of(args, seed)
    key = _key_to_serve_with(args.key_file)
    if not is_local(address):
        report.note(
            f"warning: {shown(address)} can be reached from other machines: the key keeps "
            "strangers out, but nothing is encrypted"
        )

    begun: list[bool] = []

    def ready(cluster: Any) -> None:
        begun.append(True)
        if not args.quiet:
            note_above_bar(f"to join: {_command(args, cluster.client.address)}")
            if not args.replicas:
                note_above_bar("waits for replicas")

    exchange = exchange_of(args, replicas=0) | {"step": args.step}
    try:
        return fit_and_tell(
            args, work, exchange, seed, address=address, shard_port=args.shard_port, key=key,
            ready=ready,
        )  # fmt: skip
    except KeyboardInterrupt:
        told = "; the run has ended, for the replicas that had joined it too" if begun else ""
        raise KeyboardInterrupt(told) from None


def run_join(args: Namespace) -> int:
    """Work for a run until it ends."""
    address, key = parse_address(args.address), _key_to_join_with(args.key_file)
    plan = plan_at(Client(address, key, args.patience))
    rows = rows_to_join(args, plan)
    if not args.quiet:
        report.note(f"joins the run at {shown(address)}; Ctrl-C leaves it")
    try:
        with log_on_stderr(quiet=args.quiet):
            done = join_downpour(
                rows, address, key, replicas=args.replicas, patience=0.0,
                start_method=args.start_method,
            )  # fmt: skip
    except DataError as error:
        raise DataError(error.reason, path=error.path or shown_path(args.train)) from None
    except ServerGone as error:
        raise ServerGone(address, reason="has gone before its run was done") from error
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"; the run at {shown(address)} goes on without it") from None
    portions = done if args.replicas == 1 else None
    if args.json:
        told = {"address": shown(address), "train": args.train, "replicas": args.replicas}
        report.emit_json({**told, "portions": portions})
    else:
        counted = "" if portions is None else f" after {portions} portions of it"
        report.emit_table({"run": f"{shown(address)} has ended{counted}"})
    return 0


def _key_to_serve_with(path: str) -> bytes:
    """Return the key of the file, which is made if there is none."""
    if os.path.exists(path):
        return _key_of(path)
    key = write_key(path)
    report.note(f"a new key is in {path}, which only its owner may read")
    return key


def _key_to_join_with(path: str) -> bytes:
    try:
        return _key_of(path)
    except FileNotFoundError:
        raise DataError(
            "there is no such key file: copy the one that hogwild downpour serve has made",
            path=path,
        ) from None


def _key_of(path: str) -> bytes:
    """Return the key of a file; DataError if it holds none, or others may read it."""
    try:
        return read_key(path)
    except (PermissionError, ValueError) as error:
        if isinstance(error, PermissionError) and error.errno is not None:
            raise
        reason = str(error).removeprefix(f"{path}: ")
        reason = reason.replace("write_key makes one", "hogwild downpour serve makes one")
        raise DataError(reason, path=path) from None


def _command(args: Namespace, address: Address) -> str:
    """Return what to type to join; of a server at every interface, by this machine's name."""
    if isinstance(address, tuple) and address[0] == EVERYWHERE:
        address = socket.gethostname(), address[1]
    words = ["hogwild", "downpour", "join", shown(address), args.train]
    words += ["--key-file", args.key_file]
    for name in ("delimiter", "format", "ids", "duplicates"):
        if getattr(args, name) is not None:
            words += [f"--{name}", getattr(args, name)]
    if args.columns is not None:
        words += ["--columns", ",".join(map(str, args.columns))]
    if args.header is not None:
        words.append("--header" if args.header else "--no-header")
    if args.zero_based:
        words.append("--zero-based")
    return shlex.join(words)
