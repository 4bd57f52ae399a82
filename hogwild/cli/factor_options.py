"""The options of ``hogwild fit factors``, in the groups of its help page.

Used by ``cli.fit_factors``.
"""

import argparse
import math

from hogwild.cli.command import ABOVE_0, FROM_0, Parser, number, whole
from hogwild.cli.downpour_options import add_downpour
from hogwild.cli.ratings_options import RATINGS_HELP, add_ratings_layout
from hogwild.cli.worker_options import add_dtype, add_kernel, add_n_workers, add_start_method
from hogwild.engine.coordination import COORDINATIONS
from hogwild.engine.dsgd import STRATA
from hogwild.kernels.losses import FACTOR_LOSSES
from hogwild.models.factor_options import FACTOR_KERNELS, FACTOR_SCHEDULES, STARTS
from hogwild.models.factor_steps import FACTOR_STEPS
from hogwild.models.grid import BALANCES
from hogwild.models.layout import ORDERS

BETWEEN = number("above 0 and below 1", lambda x: 0.0 < x < 1.0)


def add_options(parser: Parser) -> None:
    """Add all options of ``fit factors``."""
    parser.add_argument("ratings", metavar="RATINGS", help=RATINGS_HELP)
    _add_problem(parser)
    _add_steps(parser)
    _add_blocks(parser)
    add_downpour(parser, batch_size=True)
    _add_files(parser)
    add_ratings_layout(parser)


def _add_problem(parser: Parser) -> None:
    group = parser.add_argument_group("the problem")
    group.add_argument(
        "--factors", type=whole(1), default=40, metavar="N", help="a row's numbers (default: 40)"
    )
    group.add_argument(
        "--loss",
        choices=tuple(FACTOR_LOSSES),
        default="squared",
        metavar="NAME",
        help=f"{', '.join(FACTOR_LOSSES)} (default: squared)",
    )
    group.add_argument(
        "--reg",
        type=_pair,
        default=0.05,
        metavar="X[,Y]",
        help="ridge weight of a rating, or of users and items each (default: 0.05)",
    )
    group.add_argument(
        "--reg-l1", type=_pair, default=0.0, metavar="X[,Y]", help="L1 weight (default: 0)"
    )
    group.add_argument(
        "--biases", action="store_true", help="add the mean, a user's and an item's bias"
    )
    group.add_argument("--nonnegative", action="store_true", help="keep the factors at 0 or above")
    group.add_argument(
        "--start",
        choices=STARTS,
        default="libmf",
        metavar="NAME",
        help=f"{', '.join(STARTS)}: how the factors are drawn (default: libmf)",
    )
    group.add_argument(
        "--start-from", metavar="MODEL", help="begin with the factors of a model that was kept"
    )


def _add_steps(parser: Parser) -> None:
    group = parser.add_argument_group("the steps")
    group.add_argument(
        "--epochs", type=whole(1), default=20, metavar="N", help="at most (default: 20)"
    )
    group.add_argument(
        "--step",
        type=ABOVE_0,
        metavar="X",
        help="learning rate; alone, a constant one (default: adagrad's 0.1)",
    )
    group.add_argument(
        "--step-rule",
        choices=tuple(FACTOR_STEPS),
        metavar="NAME",
        help=f"how the step changes: {', '.join(FACTOR_STEPS)}",
    )
    group.add_argument(
        "--beta", type=FROM_0, metavar="X", help="yun: X of step/(1 + X t^1.5) (default: .05)"
    )
    group.add_argument(
        "--patience",
        type=whole(1),
        metavar="N",
        help="stop after N epochs in which the loss on the validation ratings has not fallen, "
        "and keep the best epoch's model",
    )
    group.add_argument(
        "--validation-share",
        type=BETWEEN,
        metavar="X",
        help="take this share of RATINGS, at random, for validation",
    )
    group.add_argument("--validation", metavar="FILE", help="a file of validation ratings")
    group.add_argument(
        "--objective", action="store_true", help="take the training objective after each epoch"
    )
    group.add_argument(
        "--seed", type=whole(0), metavar="N", help="of all that is drawn (default: drawn, and told)"
    )


def _add_blocks(parser: Parser) -> None:
    group = parser.add_argument_group("the blocks and the workers")
    group.add_argument(
        "--schedule",
        choices=(*FACTOR_SCHEDULES, "downpour"),
        default="fpsgd",
        metavar="NAME",
        help=f"{', '.join(FACTOR_SCHEDULES)}, downpour (default: fpsgd)",
    )
    add_n_workers(group)
    group.add_argument(
        "--grid",
        type=_grid,
        metavar="B|RxC",
        help="bands of users and items (default: as the workers and the cache ask)",
    )
    group.add_argument(
        "--order",
        choices=ORDERS,
        default="user",
        metavar="NAME",
        help=f"of a block's ratings: {', '.join(ORDERS)} (default: user)",
    )
    group.add_argument(
        "--balance",
        choices=BALANCES,
        default="ids",
        metavar="NAME",
        help=f"bands of as many {' or '.join(BALANCES)} (default: ids)",
    )
    group.add_argument(
        "--no-levels",
        action="store_true",
        help="run blocks as they stand, not level by level: the same bits, slower",
    )
    group.add_argument(
        "--strata",
        choices=STRATA,
        metavar="NAME",
        help=f"dsgd's: {', '.join(STRATA)}: in sequence, without, with replacement (default: wor)",
    )
    group.add_argument(
        "--coordination",
        choices=COORDINATIONS,
        default="manager",
        metavar="NAME",
        help=f"{' or '.join(COORDINATIONS)}: where the free-block table is; shared memory costs "
        "less a block (default: manager)",
    )
    add_kernel(group, FACTOR_KERNELS)
    add_dtype(group)
    add_start_method(group)
    group.add_argument(
        "--pool",
        choices=("own", "stdlib"),
        default="own",
        metavar="NAME",
        help="own (default) or the standard library's, stdlib",
    )
    group.add_argument(
        "--master",
        metavar="URL",
        help="dsgd: on a Spark cluster, local[2], spark://host:7077, ... (the extra 'spark', and "
        "Java), to the same bits",
    )


def _add_files(parser: Parser) -> None:
    group = parser.add_argument_group("files and output")
    group.add_argument(
        "--test", metavar="FILE", help="measured at the end; without validation, each epoch too"
    )
    group.add_argument("--model", metavar="FILE", help="write the model there, as .npz")
    group.add_argument("--libmf-model", metavar="FILE", help="write it there as LIBMF's text")
    group.add_argument("--trace", metavar="FILE", help="write what happened, as JSON lines")
    group.add_argument(
        "--checkpoint",
        metavar="FILE",
        help="keep the state of the run there (default: beside --model, until the run is done)",
    )
    group.add_argument(
        "--checkpoint-every",
        type=FROM_0,
        default=2.0,
        metavar="S",
        help="write it at the end of an epoch, S seconds after the last time (default: 2)",
    )
    group.add_argument(
        "--resume", action="store_true", help="go on from the checkpoint of a run that was stopped"
    )
    group.add_argument("--quiet", action="store_true", help="no progress bar, no notes")


def _pair(text: str) -> float | tuple[float, ...]:
    """Return a number, or one for users and one for items.

    >>> _pair(".05"), _pair("0.1,0")
    (0.05, (0.1, 0.0))
    """
    try:
        parts = tuple(float(part) for part in text.split(","))
    except ValueError:
        parts = ()
    if len(parts) not in (1, 2) or not all(math.isfinite(x) and x >= 0.0 for x in parts):
        raise argparse.ArgumentTypeError(
            f"must be a number of 0 or more, or two with a comma, got {text!r}"
        )
    return parts[0] if len(parts) == 1 else parts


def _grid(text: str) -> int | tuple[int, ...]:
    """Return bands, or bands of users and of items.

    >>> _grid("8"), _grid("8x5")
    (8, (8, 5))
    """
    parts = text.split("x")
    if len(parts) not in (1, 2) or not all(part.isdecimal() and int(part) for part in parts):
        raise argparse.ArgumentTypeError(f"must be like 8 or 8x5, got {text!r}")
    return int(parts[0]) if len(parts) == 1 else tuple(int(part) for part in parts)
