"""The options of ``hogwild downpour serve`` and ``join``, and what a kind of model makes of them.

Used by ``cli.downpour``.
"""

from argparse import Namespace
from collections.abc import Callable
from typing import Any

from hogwild.cli.command import (
    ABOVE_0,
    FROM_0,
    Commands,
    Parser,
    add_command,
    add_reading,
    whole,
)
from hogwild.cli.downpour_options import add_downpour
from hogwild.cli.ratings_options import add_ratings_layout, layout_of
from hogwild.cli.worker_options import add_start_method
from hogwild.downpour.linear import PENALTIES
from hogwild.kernels.losses import FACTOR_LOSSES, LOSSES
from hogwild.models.field_rows import FIELD_LOSSES

KINDS = ("linear", "factors", "ffm")
KEY_FILE = "hogwild.key"

OF_KIND: dict[str, dict[str, Any]] = {
    "linear": {"loss": "squared", "epochs": 10, "penalty": "none"},
    "factors": {"loss": "squared", "epochs": 20, "reg": 0.05, "factors": 40},
    "ffm": {"loss": "logistic", "epochs": 15, "reg": 2e-5, "factors": 4},
}
"""What is taken where nothing is said."""

ONLY_OF = {
    "penalty": ("linear",), "no_intercept": ("linear",), "n_features": ("linear",),
    "zero_based": ("linear",), "factors": ("factors", "ffm"), "biases": ("factors",),
    "no_normalise": ("ffm",),
}  # fmt: skip
"""Which kinds have an option."""

LOSSES_OF: dict[str, dict[str, Any]] = {
    "linear": dict(LOSSES), "factors": dict(FACTOR_LOSSES), "ffm": dict(FIELD_LOSSES),
}  # fmt: skip

SERVE = """example:
  hogwild downpour serve train.txt --address 0.0.0.0:7070 --key-file run.key \\
      --loss logistic --penalty l2 --model m.npz

The rows must be the same here and there. Whoever has the key file may run
code in these processes, and nothing that is sent is encrypted: listen at
127.0.0.1, with SSH between (--shard-port), or in a network that you trust."""

JOIN = """example:
  hogwild downpour join 10.0.0.5:7070 train.txt --key-file run.key --replicas 2

TRAIN must hold the very rows of the run. Ctrl-C leaves the run, which goes
on: what was in hand here is given to others."""


def add_serve(commands: Commands, run: Callable[[Namespace], int]) -> None:
    """Add ``downpour serve``."""
    parser = add_command(
        commands,
        "serve",
        run,
        "begin a run, and wait for replicas",
        SERVE,
        "Fit by Downpour SGD with replicas that join from elsewhere.",
        "TRAIN [--address HOST:PORT] [--key-file FILE] ...",
    )
    parser.add_argument("train", metavar="TRAIN", help="the rows; every replica needs them too")
    group = parser.add_argument_group("the server")
    group.add_argument(
        "--address",
        default="127.0.0.1:0",
        metavar="WHERE",
        help="HOST:PORT, or the path of a socket (default: 127.0.0.1, a free port)",
    )
    group.add_argument(
        "--shard-port",
        type=whole(1),
        metavar="N",
        help="port of the first shard there, the next one's is the next (default: those after "
        "PORT)",
    )
    _add_key(group)
    add_downpour(parser, "the replicas and the shards", replicas=0, batch_size=True)
    _add_model(parser)
    group = parser.add_argument_group("files and output")
    group.add_argument("--test", metavar="FILE", help="measured after each epoch")
    group.add_argument("--model", metavar="FILE", help="write the model there, as .npz")
    group.add_argument(
        "--n-features", type=whole(1), metavar="N", help="columns (default: the largest in TRAIN)"
    )
    _add_rest(parser, group)


def add_join(commands: Commands, run: Callable[[Namespace], int]) -> None:
    """Add ``downpour join``."""
    parser = add_command(
        commands,
        "join",
        run,
        "work for a run that is served elsewhere",
        JOIN,
        "Work as replicas of a run that hogwild downpour serve has begun.",
        "HOST:PORT TRAIN [--key-file FILE] ...",
    )
    parser.add_argument("address", metavar="HOST:PORT", help="as hogwild downpour serve told it")
    parser.add_argument("train", metavar="TRAIN", help="the rows of the run")
    group = parser.add_argument_group("the run")
    _add_key(group)
    group.add_argument(
        "--replicas", type=whole(1), default=1, metavar="N", help="processes (default: 1)"
    )
    group.add_argument(
        "--patience",
        type=FROM_0,
        default=10.0,
        metavar="S",
        help="seconds to wait for a server that is not there yet (default: 10)",
    )
    group.add_argument(
        "--kind",
        choices=KINDS,
        metavar="NAME",
        help=f"{', '.join(KINDS)} (default: as the run tells)",
    )
    parser.set_defaults(test=None, n_features=None)
    _add_rest(parser, parser.add_argument_group("files and output"))


def check_model(args: Namespace) -> None:
    """Set what was not said; raise ValueError for what the kind of model has not."""
    for name, kinds in ONLY_OF.items():
        if args.kind not in kinds and getattr(args, name) not in (None, False):
            raise ValueError(f"--{name.replace('_', '-')} is not for --kind {args.kind}")
    if args.kind != "factors" and layout_of(args):
        said = next(iter(layout_of(args)))
        raise ValueError(f"--{said} is of files of ratings, not for --kind {args.kind}")
    for name, value in OF_KIND[args.kind].items():
        if getattr(args, name) is None:
            setattr(args, name, value)
    if args.loss not in LOSSES_OF[args.kind]:
        losses = ", ".join(LOSSES_OF[args.kind])
        raise ValueError(f"the losses of --kind {args.kind} are {losses}; got {args.loss}")


def _add_model(parser: Parser) -> None:
    group = parser.add_argument_group("the model")
    group.add_argument(
        "--kind", choices=KINDS, default="linear", metavar="NAME",
        help=f"{', '.join(KINDS)} (default: linear)",
    )  # fmt: skip
    group.add_argument("--loss", metavar="NAME", help="as in fit (default: squared; ffm: logistic)")
    group.add_argument(
        "--penalty", choices=PENALTIES, metavar="NAME",
        help=f"linear: {', '.join(PENALTIES)} (default: none)",
    )  # fmt: skip
    group.add_argument(
        "--reg", type=FROM_0, metavar="X", help="its strength (default: 1e-4, .05, 2e-5 by kind)"
    )
    group.add_argument("--no-intercept", action="store_true", help="linear: fit no intercept")
    group.add_argument(
        "--factors", type=whole(1), metavar="N", help="numbers of a factor (default: 40; ffm: 4)"
    )
    group.add_argument("--biases", action="store_true", help="factors: add mean and biases")
    group.add_argument(
        "--no-normalise", action="store_true", help="ffm: leave rows as long as they are"
    )
    group.add_argument(
        "--epochs", type=whole(1), metavar="N", help="passes (default: 10, 20, 15 by kind)"
    )
    group.add_argument(
        "--step", type=ABOVE_0, metavar="X", help="the server's (default: found, and falling)"
    )
    group.add_argument(
        "--seed", type=whole(0), metavar="N", help="of all that is drawn (default: drawn, and told)"
    )


def _add_key(group: Any) -> None:
    group.add_argument(
        "--key-file",
        default=KEY_FILE,
        metavar="FILE",
        help=f"what lets replicas in; serve makes it where it is missing (default: {KEY_FILE})",
    )


def _add_rest(parser: Parser, group: Any) -> None:
    add_reading(group)
    add_start_method(group)
    group.add_argument("--quiet", action="store_true", help="no progress bar, no notes")
    add_ratings_layout(parser)
    parser.set_defaults(validation=None, validation_share=None)
