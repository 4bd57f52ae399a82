"""How long reading a file of ratings takes, and how much memory, beside pandas and polars.

    python benchmarks/read_ratings.py [--shape ml-20m] [--rounds 3]

The file is made: ratings of the shape of a MovieLens set with a time each, in the format of its
ratings.csv, and once more as LIBMF's text and with strings for ids. Every reading has a process of
its own, and they take turns. Printed are the median of the seconds, and by how much the process's
peak memory rose over that before, in units of the result (12 bytes a rating). pandas and polars, if
they are installed, read into frames: they number no ids and check nothing.
"""

import argparse
import importlib.util
import multiprocessing
import statistics
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from hogwild.data import MOVIELENS_SHAPES, Ratings, generate_ratings, read_ratings, write_ratings

AT_A_TIME = 1 << 16
BYTES_A_RATING = 12


def write_csv(ratings: Ratings, path: Path) -> None:
    """Write as GroupLens does: ids from 1 with gaps among the items, stars with a point, times."""
    rng = np.random.default_rng(0)
    items = np.sort(rng.choice(5 * ratings.n_items, ratings.n_items, replace=False)) + 1
    with open(path, "w", encoding="ascii") as file:
        file.write("userId,movieId,rating,timestamp\n")
        for start in range(0, len(ratings), AT_A_TIME):
            part = ratings.rows(slice(start, start + AT_A_TIME))
            times = rng.integers(789_652_009, 1_427_784_002, len(part))
            columns = (part.u + 1, items[part.i], part.r, times)
            rows = zip(*(column.tolist() for column in columns), strict=True)
            file.write("".join(map("%d,%d,%.1f,%d\n".__mod__, rows)))


def named(ratings: Ratings) -> Ratings:
    """Return the ratings with strings for ids, as shops have them."""
    users = [f"A{n * 7919:012X}" for n in range(ratings.n_users)]
    items = [f"B{n * 104_729:09X}" for n in range(ratings.n_items)]
    return Ratings.of_indices(ratings.u, ratings.i, ratings.r, user_ids=users, item_ids=items)


def read(library: str, path: Path) -> int:
    """Read the file and return how many ratings it has."""
    if library == "hogwild":
        return len(read_ratings(path))
    separator, header = (",", 0) if path.suffix == ".csv" else (" ", None)
    if library == "pandas":
        import pandas

        return len(pandas.read_csv(path, sep=separator, header=header))
    import polars

    return len(polars.read_csv(path, separator=separator, has_header=header is not None))


def peak() -> int:
    """Return the most bytes this process has held; getrusage would start from its parent's."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def measure(pipe: Connection, library: str, path: Path, small: Path) -> None:
    """Send the seconds, the rise of the peak memory and the number of ratings."""
    read(library, small)  # imports are not reading
    before = peak()
    start = time.perf_counter()
    n_ratings = read(library, path)
    taken = time.perf_counter() - start
    pipe.send((taken, peak() - before, n_ratings))


def one_reading(library: str, path: Path, small: Path) -> tuple[float, int, int]:
    """Return what `measure` finds in a fresh process."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=measure, args=(theirs, library, path, small))
    process.start()
    theirs.close()
    result: tuple[float, int, int] = ours.recv()
    process.join()
    return result


def compare(name: str, path: Path, small: Path, rounds: int) -> None:
    """Print a line for each library."""
    libraries = ["hogwild"]
    libraries += [one for one in ("pandas", "polars") if importlib.util.find_spec(one)]
    found: dict[str, list[tuple[float, int, int]]] = {library: [] for library in libraries}
    for _ in range(rounds):
        for library in libraries:
            found[library].append(one_reading(library, path, small))
    for library in libraries:
        seconds = statistics.median(each[0] for each in found[library])
        n_ratings = found[library][0][2]
        rise = statistics.median(each[1] for each in found[library])
        print(
            f"{name:<22} {path.stat().st_size / 1e6:6.0f} MB {n_ratings:>9} ratings   "
            f"{library:<8} {seconds:6.2f} s ({seconds / n_ratings * 1e9:4.0f} ns a rating), "
            f"memory {rise / n_ratings / BYTES_A_RATING:5.2f} x",
            flush=True,
        )


def main() -> None:
    """Read the arguments, make the files in a temporary folder, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", choices=list(MOVIELENS_SHAPES), default="ml-20m")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path, small = Path(folder, "ratings.csv"), Path(folder, "small.csv")
        write_csv(generate_ratings(50, 40, 1000, seed=0), small)
        ratings = generate_ratings(*MOVIELENS_SHAPES[arguments.shape], seed=0, stars="half")
        write_csv(ratings, path)
        compare("ratings.csv", path, small, arguments.rounds)
        path.unlink()
        for name, other in (("LIBMF's text", ratings), ("strings for ids", named(ratings))):
            path = Path(folder, "ratings.txt")
            write_ratings(other, path)
            compare(name, path, small, arguments.rounds)


if __name__ == "__main__":
    main()
