"""The options of Downpour, the same for ``fit linear``, ``fit factors`` and ``downpour serve``.

Contract: an option that was not given is None, so that one which the schedule has no use for can be
refused, whatever its value.

Used by the commands that run Downpour.
"""

from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from hogwild.cli.command import ABOVE_0, FROM_0, Parser, whole
from hogwild.downpour.linear import PENALTIES
from hogwild.downpour.settings import ORDERS

RULES = ("adagrad", "fixed")
USUAL = {
    "replicas": 2, "shards": 1, "n_fetch": 1, "n_push": 1, "rule": "adagrad", "local_step": None,
    "push_order": "aligned", "warm_start": 0.0, "portion": None, "checkpoint_seconds": 1.0,
}  # fmt: skip
"""What an option means that was not given."""

BATCH = 32

NOT_OF_LINEAR = {
    "workers": None, "kernel": "auto", "write": "plain", "lost_updates": False, "trace": None,
    "tol": None, "threshold": None, "l1_ratio": None,
}  # fmt: skip
"""Options of ``fit linear`` that Downpour has not, and what they are when nobody gives them."""

NOT_OF_FACTORS = {
    "workers": None, "grid": None, "order": "user", "balance": "ids", "no_levels": False,
    "strata": None, "coordination": "manager", "kernel": "auto", "dtype": "float32", "pool": "own",
    "master": None, "reg_l1": 0.0, "nonnegative": False, "start": "libmf", "start_from": None,
    "step_rule": None, "beta": None, "patience": None, "trace": None, "checkpoint": None,
    "checkpoint_every": 2.0, "resume": False,
}  # fmt: skip
"""The same of ``fit factors``."""


def add_downpour(
    parser: Parser,
    title: str = "with --schedule downpour",
    *,
    replicas: int = 2,
    batch_size: bool = False,
) -> None:
    """Add what the replicas exchange with the parameter server, and how many there are.

    With `batch_size` also that, where the command has it for nothing else.
    """
    group = parser.add_argument_group(title)
    group.add_argument(
        "--replicas",
        type=whole(min(replicas, 1)),
        metavar="N",
        help=f"processes with a copy of the model (default: {replicas})",
    )
    group.add_argument(
        "--shards",
        type=whole(1),
        metavar="N",
        help="processes that share the parameters among them (default: 1)",
    )
    group.add_argument(
        "--n-fetch", type=whole(1), metavar="N", help="batches between two fetches (default: 1)"
    )
    group.add_argument(
        "--n-push", type=whole(1), metavar="N", help="batches between two pushes (default: 1)"
    )
    if batch_size:
        group.add_argument(
            "--batch-size", type=whole(1), metavar="N", help=f"rows of a batch (default: {BATCH})"
        )
    group.add_argument(
        "--rule",
        choices=RULES,
        metavar="NAME",
        help=f"{', '.join(RULES)}: what a shard does with a gradient (default: adagrad)",
    )
    group.add_argument(
        "--local-step", type=ABOVE_0, metavar="X", help="the replicas' own between two fetches"
    )
    group.add_argument(
        "--push-order",
        choices=ORDERS,
        metavar="NAME",
        help="aligned: push after every N-th batch; paper: as algorithm 1.1 is printed, after the "
        "first of N (default: aligned)",
    )
    group.add_argument(
        "--warm-start",
        type=FROM_0,
        metavar="E",
        help="epochs, or a part of one, that one replica makes alone (default: 0)",
    )
    group.add_argument(
        "--portion", type=whole(1), metavar="N", help="rows given to a replica at a time"
    )
    group.add_argument(
        "--checkpoint-seconds",
        type=FROM_0,
        metavar="S",
        help="how often a shard keeps what its restart would need (default: 1)",
    )


def refuse_downpour(args: Namespace) -> None:
    """Raise ValueError for an option of Downpour's that another schedule has been given."""
    batch_size = ("batch_size",) if hasattr(args, "ratings") else ()  # linear fits have their own
    for name in (*USUAL, *batch_size):
        if getattr(args, name) is not None:
            raise ValueError(f"{_option(name)} belongs to --schedule downpour, not {args.schedule}")


def refuse_others(args: Namespace, usual: Mapping[str, Any]) -> None:
    """Raise ValueError for an option that Downpour has not."""
    for name, value in usual.items():
        if getattr(args, name) != value:
            instead = "; it has --replicas" if name == "workers" else ""
            raise ValueError(f"--schedule downpour takes no {_option(name)}{instead}")


def check_penalty(args: Namespace) -> None:
    """Raise ValueError for a penalty that Downpour has not, and a weight without a penalty."""
    if args.penalty not in PENALTIES:
        raise ValueError(
            f"the penalties of Downpour are {', '.join(PENALTIES)}; got --penalty {args.penalty}"
        )
    if args.reg is not None and args.penalty == "none":
        raise ValueError("--reg needs a --penalty")


def exchange_of(args: Namespace, **usual: Any) -> dict[str, Any]:
    """Return the arguments of ``fit_downpour`` that these options are; `usual` goes before USUAL.

    Examples
    --------
    >>> given = Namespace(**dict.fromkeys(USUAL), batch_size=None)
    >>> given.shards = 3
    >>> found = exchange_of(given, replicas=0)
    >>> found["replicas"], found["shards"], found["order"], found["batch_size"]
    (0, 3, 'aligned', 32)
    """
    found: dict[str, Any] = {}
    for name, value in (USUAL | usual).items():
        given = getattr(args, name)
        found[name] = value if given is None else given
    found["order"] = found.pop("push_order")
    found["batch_size"] = BATCH if args.batch_size is None else args.batch_size
    return found


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
