"""The options of ``hogwild fit mllib``, in the groups of its help page.

Used by ``cli.fit_mllib``.
"""

from hogwild.cli.command import ABOVE_0, FROM_0, UP_TO_1, Parser, number, whole

OPTIMIZERS = ("gd", "lbfgs", "owlqn")
GRADIENTS = ("logistic", "least-squares", "hinge")
UPDATERS = ("none", "l2", "l1")
ONLY = {
    "step": ("gd",),
    "fraction": ("gd",),
    "corrections": ("lbfgs", "owlqn"),
}
"""Options that not every optimizer has."""

TRAINING_SHARE = number("above 0 and below 1", lambda share: 0.0 < share < 1.0)


def add_options(parser: Parser) -> None:
    """Add all options of ``fit mllib``."""
    parser.add_argument(
        "data",
        metavar="DATA",
        help="LIBSVM file as Spark reads it, or a folder of such; - is standard input",
    )
    _add_problem(parser)
    _add_steps(parser)
    _add_rows(parser)
    _add_places(parser)
    _add_files(parser)


def _add_problem(parser: Parser) -> None:
    group = parser.add_argument_group("the problem")
    group.add_argument(
        "--gradient",
        choices=GRADIENTS,
        default="logistic",
        metavar="NAME",
        help=f"{', '.join(GRADIENTS)}: of the loss (default: logistic)",
    )
    group.add_argument(
        "--updater",
        choices=UPDATERS,
        metavar="NAME",
        help=f"{', '.join(UPDATERS)}: of the penalty (default: l2; l1 for owlqn)",
    )
    group.add_argument(
        "--reg", type=FROM_0, default=0.01, metavar="X", help="its strength (default: 0.01)"
    )
    group.add_argument(
        "--intercept",
        action="store_true",
        help="append a feature 1 to each row; its weight is penalised as the others are",
    )
    group.add_argument(
        "--classes",
        type=whole(2),
        default=2,
        metavar="K",
        help="labels 0 to K - 1, logistic only (default: 2)",
    )


def _add_steps(parser: Parser) -> None:
    group = parser.add_argument_group("the steps")
    group.add_argument(
        "--optimizer",
        choices=OPTIMIZERS,
        default="lbfgs",
        metavar="NAME",
        help="gd (mini-batch gradient descent), lbfgs, owlqn (L-BFGS for l1) (default: lbfgs)",
    )
    group.add_argument(
        "--iterations", type=whole(0), default=100, metavar="N", help="at most (default: 100)"
    )
    group.add_argument(
        "--tol", type=FROM_0, metavar="X", help="when to stop (default: .001 for gd, else 1e-6)"
    )
    group.add_argument(
        "--step", type=ABOVE_0, metavar="X", help="gd: the first step; it falls as 1/sqrt(i) (1)"
    )
    group.add_argument(
        "--fraction", type=UP_TO_1, metavar="X", help="gd: share of the rows in a batch (1)"
    )
    group.add_argument(
        "--corrections", type=whole(1), metavar="N", help="lbfgs, owlqn: pairs remembered (10)"
    )


def _add_rows(parser: Parser) -> None:
    group = parser.add_argument_group("the rows")
    group.add_argument(
        "--features", type=whole(1), metavar="N", help="columns (default: the largest index)"
    )
    group.add_argument(
        "--partitions", type=whole(1), default=2, metavar="N", help="at least (default: 2)"
    )
    group.add_argument(
        "--split",
        type=TRAINING_SHARE,
        metavar="X",
        help="train on this share of the rows, drawn as Spark draws it; test on the others",
    )
    group.add_argument(
        "--seed", type=whole(0), default=11, metavar="N", help="of --split (default: 11)"
    )
    group.add_argument("--test", metavar="FILE", help="LIBSVM file to measure the model on")


def _add_places(parser: Parser) -> None:
    group = parser.add_argument_group("where it runs")
    group.add_argument(
        "--workers", type=whole(1), metavar="N", help="processes on this machine (default: 1)"
    )
    group.add_argument(
        "--master",
        metavar="URL",
        help="a Spark cluster: local[2], spark://host:7077, ... (the extra 'spark', and Java)",
    )


def _add_files(parser: Parser) -> None:
    group = parser.add_argument_group("the files")
    group.add_argument(
        "--model",
        metavar="PATH",
        help="keep the model: a file if it ends in .npz, else a folder that Spark can load",
    )
    group.add_argument("--losses", metavar="FILE", help="write the losses, one a line")
    group.add_argument("--quiet", action="store_true", help="show no progress")
