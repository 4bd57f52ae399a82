"""The options of ``hogwild fit linear``, in the groups of its help page.

Used by ``cli.fit`` and ``cli.fit_downpour``.
"""

from argparse import Namespace
from typing import Any

from hogwild.cli.command import (
    ABOVE_0,
    FROM_0,
    SHARE,
    UP_TO_1,
    Parser,
    add_reading,
    whole,
)
from hogwild.cli.downpour_options import add_downpour
from hogwild.cli.worker_options import add_kernel, add_n_workers, add_start_method
from hogwild.engine.schedules import SCHEDULES
from hogwild.kernels.losses import LOSSES
from hogwild.kernels.records import WRITES
from hogwild.models.linear_options import KERNELS, PENALTIES
from hogwild.models.steps import STEPS

# options that only one rule has
RULE_OPTIONS = {"beta": "backoff", "decay": "inverse", "power": "inverse"}


def add_options(parser: Parser) -> None:
    """Add all options of ``fit linear``."""
    parser.add_argument(
        "train",
        metavar="TRAIN",
        help="LIBSVM file, also compressed (gzip, bzip2, xz); - is standard input",
    )
    _add_problem(parser)
    _add_steps(parser)
    _add_workers(parser)
    add_downpour(parser)
    _add_files(parser)


def _add_problem(parser: Parser) -> None:
    group = parser.add_argument_group("the problem")
    group.add_argument(
        "--loss",
        choices=tuple(LOSSES),
        default="squared",
        metavar="NAME",
        help=f"{', '.join(LOSSES)}; the last three classify: two labels, whatever they are "
        "(default: squared)",
    )
    group.add_argument(
        "--penalty",
        choices=PENALTIES,
        default="none",
        metavar="NAME",
        help=f"{', '.join(PENALTIES)} (default: none)",
    )
    group.add_argument(
        "--reg", type=FROM_0, metavar="X", help="strength of the penalty (default: 1e-4)"
    )
    group.add_argument(
        "--l1-ratio", type=SHARE, metavar="X", help="L1's share of elasticnet (default: 0.15)"
    )
    group.add_argument("--no-intercept", action="store_true", help="fit no intercept")


def _add_steps(parser: Parser) -> None:
    group = parser.add_argument_group("the steps")
    group.add_argument(
        "--epochs", type=whole(1), default=10, metavar="N", help="passes, at most (default: 10)"
    )
    group.add_argument(
        "--tol",
        type=FROM_0,
        metavar="X",
        help="stop when an epoch lowers the objective by no more than this share of it",
    )
    group.add_argument("--step", type=ABOVE_0, metavar="X", help="learning rate")
    group.add_argument(
        "--step-rule",
        choices=tuple(STEPS),
        metavar="NAME",
        help=f"how --step changes: {', '.join(STEPS)} (default: constant)",
    )
    group.add_argument(
        "--beta", type=UP_TO_1, metavar="X", help="backoff: times this each epoch (default: 0.9)"
    )
    group.add_argument(
        "--decay", type=ABOVE_0, metavar="X", help="inverse: X of step/(1 + X t)^power (.001)"
    )
    group.add_argument("--power", type=ABOVE_0, metavar="X", help="inverse: the power (.75)")
    group.add_argument(
        "--batch-size",
        type=whole(1),
        metavar="N",
        help="rows an update (default: 1; downpour: 32)",
    )
    group.add_argument(
        "--threshold",
        type=FROM_0,
        metavar="X",
        help="leave a weight alone where its gradient is not larger than this",
    )
    group.add_argument(
        "--seed", type=whole(0), metavar="N", help="of the shuffling (default: drawn, and told)"
    )


def _add_workers(parser: Parser) -> None:
    group = parser.add_argument_group("the workers")
    add_n_workers(group)
    group.add_argument(
        "--schedule",
        choices=(*SCHEDULES, "downpour"),
        default="hogwild",
        metavar="NAME",
        help=f"{', '.join(SCHEDULES)}, downpour (default: hogwild)",
    )
    add_kernel(group, KERNELS)
    group.add_argument(
        "--write",
        choices=WRITES,
        default="plain",
        metavar="NAME",
        help=f"{', '.join(WRITES)}: how it reaches the weights (default: plain)",
    )
    add_start_method(group)
    group.add_argument(
        "--lost-updates", action="store_true", help="measure what the workers overwrote"
    )


def _add_files(parser: Parser) -> None:
    group = parser.add_argument_group("files and output")
    group.add_argument("--test", metavar="FILE", help="measured after each epoch")
    group.add_argument("--model", metavar="FILE", help="write the model there, as .npz")
    group.add_argument("--trace", metavar="FILE", help="write what happened, as JSON lines")
    group.add_argument(
        "--n-features",
        type=whole(1),
        metavar="N",
        help="columns (default: the largest in TRAIN, which may be up to 134217728)",
    )
    add_reading(group)
    group.add_argument("--quiet", action="store_true", help="no progress bar, no notes")


def step_of(args: Namespace) -> Any:
    """Return the rule of the steps; None leaves it to the fit."""
    given = {name: getattr(args, name) for name in RULE_OPTIONS if getattr(args, name) is not None}
    for name in given:
        if args.step_rule != RULE_OPTIONS[name]:
            raise ValueError(f"--{name} belongs to --step-rule {RULE_OPTIONS[name]}")
    if args.step is None:
        if args.step_rule is not None:
            raise ValueError(f"--step-rule {args.step_rule} needs a --step to begin with")
        return None

    return STEPS[args.step_rule or "constant"](args.step, **given)
