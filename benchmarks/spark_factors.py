"""An epoch of DSGD on Spark, and on this machine: what the cluster costs.

    pip install '.[fast,spark]' && python benchmarks/spark_factors.py --data DIR    # Java 17

Seconds of an epoch (k = 40, float32), the median without the first ones, in which Spark's processes
warm up and numba compiles:

local     ``fit_factors(schedule="dsgd")``, two workers, the table in shared memory
Spark     ``fit_factors_on_spark`` on ``local[2]``, two partitions
updating  of these, the seconds in which the busier partition updated blocks

and whether both models are the same to the bit.  MovieLens 100k is read from DIR/ml-100k/u.data
(DIR: --data, else the variable HOGWILD_TEST_DATA); what is not there is generated in its shape.
"""

import argparse
import os
import statistics
from pathlib import Path

from hogwild.data import MOVIELENS_SHAPES, Ratings, generate_ratings, read_ratings
from hogwild.engine.spark_session import spark_context
from hogwild.kernels.compiled import have_numba
from hogwild.models import FactorFit, fit_factors, fit_factors_on_spark

WARM = 5  # epochs


def find_ratings(shape: str, folder: Path | None) -> tuple[str, Ratings]:
    """Return what the ratings are, in words, and the ratings."""
    path = None if folder is None else folder / "ml-100k" / "u.data"
    if shape == "ml-100k" and path is not None and path.exists():
        return "MovieLens 100k", read_ratings(path)
    return f"generated, shape {shape}", generate_ratings(*MOVIELENS_SHAPES[shape], seed=0)


def seconds(fit: FactorFit) -> tuple[float, float]:
    """Return the median epoch, and of that what the busiest worker was busy for."""
    rows = fit.history[WARM:]
    busy = [row.seconds - min(row.idle) for row in rows]
    return statistics.median(row.seconds for row in rows), statistics.median(busy)


def main() -> None:
    folder = os.environ.get("HOGWILD_TEST_DATA")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=folder and Path(folder), metavar="DIR")
    parser.add_argument("--shapes", nargs="+", default=["ml-100k", "ml-1m"])
    parser.add_argument("--grids", type=int, nargs="+", default=[2, 4, 8])
    parser.add_argument("--kernels", nargs="+", default=["numba", "numpy"][not have_numba() :])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--memory", default="2g", help="spark.driver.memory (default: 2g)")
    given = parser.parse_args()
    with spark_context("local[2]", settings={"spark.driver.memory": given.memory}) as context:
        for shape in given.shapes:
            title, ratings = find_ratings(shape, given.data)
            print(f"{title}: {len(ratings):,} ratings")
            for kernel in given.kernels:
                for grid in given.grids:
                    same = {
                        "grid": grid,
                        "kernel": kernel,
                        "seed": 0,
                        "epochs": WARM + given.epochs,
                    }
                    there = fit_factors_on_spark(ratings, context, **same)
                    here = fit_factors(
                        ratings, schedule="dsgd", n_workers=2, coordination="shared", **same
                    )
                    equal = all(
                        getattr(there.model, side).tobytes() == getattr(here.model, side).tobytes()
                        for side in "PQ"
                    )
                    epoch, busy = seconds(there)
                    print(
                        f"  {kernel}, {grid} x {grid}: local {seconds(here)[0]:.4f}  "
                        f"Spark {epoch:.3f}  updating {busy:.4f}  "
                        f"start {there.timings['start']:.1f}  same bits: {equal}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
