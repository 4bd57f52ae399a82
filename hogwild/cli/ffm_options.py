"""The options of ``hogwild fit ffm``, in the groups of its help page.

Used by ``cli.fit_ffm``.
"""

from hogwild.cli.command import ABOVE_0, FROM_0, Parser, number, whole
from hogwild.cli.worker_options import add_dtype, add_kernel, add_n_workers, add_start_method
from hogwild.models.field_libffm import LAYOUTS
from hogwild.models.field_options import RANDOMS, SCHEDULES
from hogwild.models.field_rows import FIELD_LOSSES
from hogwild.models.linear_options import KERNELS

BETWEEN = number("above 0 and below 1", lambda x: 0.0 < x < 1.0)


def add_options(parser: Parser) -> None:
    """Add all options of ``fit ffm``."""
    parser.add_argument(
        "train", metavar="TRAIN", help="libFFM file, also compressed; - is standard input"
    )
    _add_problem(parser)
    _add_steps(parser)
    _add_workers(parser)
    _add_files(parser)


def _add_problem(parser: Parser) -> None:
    group = parser.add_argument_group("the problem")
    group.add_argument(
        "--factors",
        type=whole(1),
        metavar="N",
        help="a vector's numbers (default: 4, or those of --start-from)",
    )
    group.add_argument(
        "--reg", type=FROM_0, default=2e-5, metavar="X", help="ridge weight (default: 2e-5)"
    )
    group.add_argument(
        "--loss",
        choices=tuple(FIELD_LOSSES),
        default="logistic",
        metavar="NAME",
        help=f"{', '.join(FIELD_LOSSES)} (default: logistic; a label is positive if its whole part "
        "is above 0)",
    )
    group.add_argument("--no-norm", action="store_true", help="don't scale rows to norm 1")
    group.add_argument("--bias", action="store_true", help="add an intercept")
    group.add_argument("--linear", action="store_true", help="add a weight for each feature alone")
    group.add_argument(
        "--one-field",
        action="store_true",
        help="take all fields for one: a plain factorization machine",
    )
    group.add_argument("--start-from", metavar="MODEL", help="begin with a model that was kept")


def _add_steps(parser: Parser) -> None:
    group = parser.add_argument_group("the steps")
    group.add_argument(
        "--epochs", type=whole(1), default=15, metavar="N", help="at most (default: 15)"
    )
    group.add_argument(
        "--step", type=ABOVE_0, default=0.2, metavar="X", help="adagrad's (default: 0.2)"
    )
    group.add_argument(
        "--clip", type=ABOVE_0, metavar="X", help="limit each component of a gradient"
    )
    group.add_argument(
        "--auto-stop",
        action="store_true",
        help="stop at the first epoch in which the validation loss rises (the test loss, where "
        "there is no validation), and keep the model before it",
    )
    group.add_argument("--validation", metavar="FILE", help="measured after each epoch")
    group.add_argument(
        "--validation-share",
        type=BETWEEN,
        metavar="X",
        help="take this share of TRAIN, at random, for validation",
    )
    group.add_argument(
        "--random",
        choices=RANDOMS,
        default="numpy",
        metavar="NAME",
        help="numpy (default), or libffm: that program's own numbers, which have no seed; with one "
        "worker the same digits",
    )
    group.add_argument(
        "--seed", type=whole(0), metavar="N", help="of all that is drawn (default: drawn, and told)"
    )


def _add_workers(parser: Parser) -> None:
    group = parser.add_argument_group("the workers")
    add_n_workers(group)
    group.add_argument(
        "--schedule",
        choices=SCHEDULES,
        default="hogwild",
        metavar="NAME",
        help=f"{', '.join(SCHEDULES)} (default: hogwild)",
    )
    add_kernel(group, KERNELS)
    add_dtype(group)
    add_start_method(group)


def _add_files(parser: Parser) -> None:
    group = parser.add_argument_group("files and output")
    group.add_argument(
        "--test", metavar="FILE", help="measured at the end; without validation, each epoch too"
    )
    group.add_argument("--model", metavar="FILE", help="write the model there, as .npz")
    group.add_argument("--libffm-model", metavar="FILE", help="write it there as libFFM does")
    group.add_argument(
        "--layout",
        choices=tuple(LAYOUTS),
        metavar="NAME",
        help="of --libffm-model: sse (default), or plain for a libFFM built without SSE",
    )
    group.add_argument("--trace", metavar="FILE", help="write what happened, as JSON lines")
    group.add_argument(
        "--n-features",
        type=whole(1),
        metavar="N",
        help="features of the model; larger ids are refused (default: as many as TRAIN has)",
    )
    group.add_argument(
        "--n-fields", type=whole(1), metavar="N", help="fields of the model, likewise"
    )
    group.add_argument("--quiet", action="store_true", help="no progress bar, no notes")
