"""``hogwild recommend`` and ``hogwild similar``: the items that come first for a user, or an item.

Contract: a line an item, its id, a tab, and a number; ``--json`` has all digits.
"""

from argparse import Namespace
from typing import Any

import numpy as np

from hogwild.cli import report
from hogwild.cli.command import Commands, Parser, add_command, whole
from hogwild.cli.factor_data import read_like
from hogwild.cli.kept import MODEL_HELP, load_factors
from hogwild.cli.ratings_options import add_ratings_layout, layout_of


def add(commands: Commands) -> None:
    """Add both."""
    parser = add_command(
        commands,
        "recommend",
        recommend,
        "print the items with the highest predictions for a user",
        "example:\n  hogwild recommend m.npz --user 42 -n 5 --exclude ratings.dat",
        "Print the items with the highest predictions for a user, best first: an id, a\n"
        "tab, the prediction. Items without training ratings are left out.",
        "MODEL --user ID [-n N] [--exclude RATINGS] [--json]",
    )
    _add_model_and_count(parser)
    parser.add_argument("--user", required=True, metavar="ID", help="the user's id, as in the data")
    parser.add_argument(
        "--exclude", metavar="RATINGS", help="leave out what this user has rated in that file"
    )
    add_ratings_layout(parser)
    parser = add_command(
        commands,
        "similar",
        similar,
        "print the items whose factors are most like an item's",
        "example:\n  hogwild similar m.npz --item 260",
        "Print the items whose factors point most nearly the same way, nearest first:\n"
        "an id, a tab, the cosine of the angle.",
        "MODEL --item ID [-n N] [--json]",
    )
    _add_model_and_count(parser)
    parser.add_argument("--item", required=True, metavar="ID", help="the item's id, as in the data")


def _add_model_and_count(parser: Parser) -> None:
    parser.add_argument("model", metavar="MODEL", help=MODEL_HELP)
    parser.add_argument("-n", type=whole(1), default=10, metavar="N", help="how many (default: 10)")


def recommend(args: Namespace) -> int:
    """Print the best items for a user."""
    model = load_factors(args.model, "recommend")
    user = _id(args.user, "user", model.user_ids)
    exclude = None if args.exclude is None else read_like(model, args.exclude, layout_of(args))
    items, scores = model.recommend(user, args.n, exclude=exclude)
    return _show(args, {"user": user}, "prediction", items, scores)


def similar(args: Namespace) -> int:
    """Print the items nearest to an item."""
    model = load_factors(args.model, "similar")
    item = _id(args.item, "item", model.item_ids)
    items, cosines = model.similar(item, args.n)
    return _show(args, {"item": item}, "cosine", items, cosines)


def _id(text: str, side: str, known: Any) -> Any:
    """Return an id as the model has them: a number or text."""
    if known.dtype.kind not in "iu":
        return text
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"the model's {side} ids are whole numbers, got {text!r}") from None


def _show(args: Namespace, asked: dict[str, Any], name: str, items: Any, numbers: Any) -> int:
    pairs = list(zip(np.asarray(items).tolist(), np.asarray(numbers).tolist(), strict=True))
    if args.json:
        report.emit_json(
            {"model": args.model} | asked
            | {"items": [{"item": item, name: number} for item, number in pairs]}
        )  # fmt: skip
        return 0
    for item, number in pairs:
        report.emit_line(f"{item}\t{number:.6g}")
    return 0
