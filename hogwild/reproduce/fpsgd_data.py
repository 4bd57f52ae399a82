"""The ratings that the FPSGD article's results are computed on: MovieLens where it is, else made.

The split into training and test part is fixed, so that figures can be compared:

- 10M: each user's 11th to 20th rating is test (GroupLens' split "rb", the article's own);
- 1M and 20M: a random tenth, the first rows of ``RandomState(20131012).permutation(n)``, counted in
  the order of users and items, so that it doesn't depend on the file's;
- 100k: GroupLens' u1.base and u1.test where they lie beside u.data, else as 1M.

Called by ``fpsgd``, and by the command line before anything is run.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hogwild.data import Ratings, find_movielens, generate_ratings, read_ratings
from hogwild.errors import DataError
from hogwild.reproduce.fpsgd_plan import Plan, full_plan
from hogwild.reproduce.parts import Say

SPLIT_SEED = 20131012
NAMES = {
    "ml-100k": "MovieLens 100k",
    "ml-1m": "MovieLens 1M",
    "ml-10m": "MovieLens 10M",
    "ml-20m": "MovieLens 20M",
}


@dataclass(frozen=True)
class Split:
    """A training and a test part, `name` for headings, `how` the sentence on where they are from.

    `measured` tells whether these are the very ratings that LIBMF's figures were taken on.
    """

    name: str
    how: str
    train: Ratings
    test: Ratings
    measured: bool = False

    @property
    def sizes(self) -> str:
        """The sizes as a sentence."""
        train = self.train
        return (
            f"{self.how} {train.n_users:,} users, {train.n_items:,} items, {len(train):,} training "
            f"and {len(self.test):,} test ratings."
        )


def load(plan: Plan, say: Say) -> Split:
    """Return the ratings of the plan's folder, or made ones.

    Raises
    ------
    DataError
        When the folder has no MovieLens set that is known, or a broken one.
    """
    split = _made(plan) if plan.data is None else _movielens(plan.data, say)
    say(f"  {split.name}: {len(split.train):,} training and {len(split.test):,} test ratings")
    return split


def random_tenth(ratings: Ratings) -> tuple[Ratings, Ratings]:
    """Return the training part, and as the test part a tenth of the ratings, always the same.

    Both are sorted by user and item.
    """
    n, order = len(ratings), np.lexsort((ratings.i, ratings.u))
    test = np.zeros(n, np.bool_)
    test[np.random.RandomState(SPLIT_SEED).permutation(n)[: n // 10]] = True
    return ratings.rows(order[~test]), ratings.rows(order[test])


def _made(plan: Plan) -> Split:
    train, test = random_tenth(generate_ratings(*plan.shape, seed=0))
    how = (
        "Ratings were made, with the shape of MovieLens 1M, its long tails, planted factors and "
        "noise, as no folder with MovieLens was given (--data DIR); a random tenth of them is the "
        "test part:"
    )
    return Split("made ratings", how, train, test)


def plan_with(folder: Path) -> Plan:
    """Return the real report's plan on the set in that folder; DataError where there is none."""
    find(folder)
    return dataclasses.replace(full_plan(), data=folder)


def find(folder: Path) -> tuple[str, Path]:
    """Return which set the folder holds, and its file; DataError where there is none."""
    found = find_movielens(folder)
    if found is None:
        known = ", ".join(NAMES.values())
        raise DataError(
            f"{folder}: none of {known} is there, with all its ratings; u.data, ratings.dat or "
            "ratings.csv is looked for, as GroupLens has them"
        )
    return found


def others(folder: Path, taken: str) -> list[str]:
    """Return the names of the sets that are in the folder, too, but are not taken."""
    return [NAMES[name] for name in NAMES if name != taken and find_movielens(folder, name)]


def _movielens(folder: Path, say: Say) -> Split:
    name, path = find(folder)
    title = f"{NAMES[name]}, as it lies in the folder given"
    if left := " and ".join(others(folder, name)):
        say(f"  {NAMES[name]} is taken, though {left} is there, too")
        title += f" ({left} is there, too)"
    parts = [path.with_name("u1.base"), path.with_name("u1.test")]
    if name == "ml-100k" and all(part.is_file() for part in parts):
        train, test = (read_ratings(part) for part in parts)
        return Split(NAMES[name], f"{title}, GroupLens' split u1:", train, test)
    ratings = read_ratings(path)
    if name == "ml-10m":
        train, test = ratings.leave_out(per_user=10, start=10)
        how = f"{title}; each user's 11th to 20th rating is the test part, as in the article:"
        return Split(NAMES[name], how, train, test)
    train, test = random_tenth(ratings)
    how = f"{title}; a random tenth, the same every time, is the test part:"
    return Split(NAMES[name], how, train, test, measured=name == "ml-1m")
