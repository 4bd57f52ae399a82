"""L-BFGS as MLlib runs it: beside Spark on its example, beside scikit-learn on many rows.

    pip install '.[bench,spark]' && python benchmarks/mllib_lbfgs.py

example   the page's example (61 rows of 693 features, 34 passes), and the same call into the JVM of
          a warm Spark ``local[2]``, nine of ours (their median) and one of theirs in turn; needs
          Java and --data DIR with sample_libsvm_data.txt (default: pyspark's own copy).
dense     1,000,000 x 100 rows, logistic loss, L2, two workers, to a gradient's norm of 1e-6, and
          scikit-learn's ``LogisticRegression(solver="lbfgs")``, in turn.
sparse    500,000 x 47,236 rows of 75 entries, the same.

Each is given the largest tolerance (of a grid of factors of 10^(1/4)) at which the Euclidean norm
of its gradient ends at or below 1e-6; that search is not timed. Printed are medians of the turns,
and the median of the ratios within a turn. Peak memory is that of all processes of a run before,
above what was held before the data were made, per byte of the data.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from peak_memory import Peak, held

from hogwild.mllib import (
    LocalPartitions,
    LogisticGradient,
    OptimizerResult,
    SquaredL2Updater,
    append_bias,
    load_libsvm_file,
    run_lbfgs,
)

GOAL = 1e-6


# ---- the page's example ------------------------------------------------------------------------


def example(path: Path, turns: int) -> None:
    data = load_libsvm_file(path)
    training = append_bias(data.random_split([0.6, 0.4], seed=11)[0])

    def ours() -> Any:
        return run_lbfgs(
            training, LogisticGradient(), SquaredL2Updater(), 10, 1e-4, 20, 0.1, np.zeros(693)
        )

    session, theirs = in_spark(training)
    try:
        for _ in range(15):
            ours(), theirs()
        found, times = ours(), []
        their_losses = list(theirs()._2())
        for _ in range(turns):
            # as warm as theirs: a call of half a second before it has emptied the caches
            times.append((statistics.median(timed(ours) for _ in range(9)), timed(theirs)))
    finally:
        session.stop()
    ours_s, theirs_s = (statistics.median(column) for column in zip(*times, strict=True))
    ratio = statistics.median(theirs / ours for ours, theirs in times)
    worst = max(abs(a / b - 1) for a, b in zip(found.losses, their_losses, strict=True))
    print(f"the page's example: {len(found.losses)} losses, {found.n_evaluations} passes")
    print(f"  here {1e3 * ours_s:.2f} ms, Spark local[2] {1e3 * theirs_s:.0f} ms: {ratio:.0f}x")
    print(f"  largest relative difference of a loss: {worst:.1e}")


def in_spark(training: LocalPartitions) -> tuple[Any, Callable[[], Any]]:
    """A Spark session, and the same call into its JVM."""
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .getOrCreate()
    )
    context = session.sparkContext
    context.setLogLevel("OFF")
    jvm, gateway = context._jvm, context._gateway
    vectors = jvm.org.apache.spark.mllib.linalg.Vectors
    rows = jvm.java.util.ArrayList()
    for point in training.take(training.count()):
        x = point.features
        places = gateway.new_array(jvm.int, len(x.indices))
        values = gateway.new_array(jvm.double, len(x.indices))
        for i, (place, value) in enumerate(zip(x.indices.tolist(), x.values.tolist(), strict=True)):
            places[i], values[i] = place, value
        rows.add(jvm.scala.Tuple2(point.label, vectors.sparse(x.size, places, values)))
    rdd = context._jsc.parallelize(rows, 2).rdd().cache()
    rdd.count()
    optimization = jvm.org.apache.spark.mllib.optimization
    gradient, updater = optimization.LogisticGradient(), optimization.SquaredL2Updater()
    start = vectors.zeros(693)

    def call() -> Any:
        return optimization.LBFGS.runLBFGS(rdd, gradient, updater, 10, 1e-4, 20, 0.1, start)

    return session, call


# ---- many rows ---------------------------------------------------------------------------------


def dense_rows(n: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 100))
    w = rng.normal(size=100) / 3
    return X, (rng.random(n) < 1 / (1 + np.exp(-X @ w))).astype(float)


def sparse_rows(n: int) -> tuple[Any, Any]:
    """Columns of a power law, 75 entries a row less those drawn twice, rows of unit length."""
    d, k = 47_236, 75
    rng = np.random.default_rng(0)
    shares = np.cumsum(np.arange(1.0, d + 1) ** -0.8)
    places = np.searchsorted(shares / shares[-1], rng.random((n, k)))
    places = np.sort(rng.permutation(d)[places], axis=1).astype(np.int32)
    ends = np.arange(0, n * k + 1, k, dtype=np.int32)
    X = sp.csr_matrix((rng.random(n * k), places.ravel(), ends), shape=(n, d))
    X.sum_duplicates()
    lengths = np.sqrt(np.add.reduceat(X.data**2, X.indptr[:-1]))
    X.data /= np.repeat(lengths, np.diff(X.indptr))
    w = rng.normal(size=d) * 3
    return X, (rng.random(n) < 1 / (1 + np.exp(-(X @ w)))).astype(float)


def gradient_norm(X: Any, y: Any, w: Any, reg: float) -> float:
    p = 1 / (1 + np.exp(-(X @ w)))
    return float(np.linalg.norm(X.T @ (p - y) / len(y) + reg * w))


def ours(X: Any, y: Any, reg: float, tol: float, n_workers: int) -> OptimizerResult:
    with LocalPartitions((X, y), n_workers=n_workers) as data:
        start = np.zeros(X.shape[1])
        return run_lbfgs(data, LogisticGradient(), SquaredL2Updater(), 10, tol, 1000, reg, start)


def theirs(X: Any, y: Any, reg: float, tol: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(
        solver="lbfgs", C=1 / (reg * len(y)), fit_intercept=False, tol=tol, max_iter=2000
    )
    return model.fit(X, y)


def loosest(reached: Callable[[float], float]) -> float:
    """The largest tolerance that reaches the goal."""
    for exponent in range(-20, -60, -1):
        tol = float(10 ** (exponent / 4))
        if reached(tol) <= GOAL:
            return tol
    raise SystemExit("no tolerance reaches the goal")


def many(name: str, make: Callable[[], tuple[Any, Any]], reg: float, args: Any) -> None:
    before = held()
    X, y = make()
    size = y.nbytes + (X.data.nbytes + X.indices.nbytes + X.indptr.nbytes if sp.issparse(X) else X.nbytes)  # fmt: skip  # noqa: E501
    print(f"{name}: {X.shape[0]:,} x {X.shape[1]:,}, reg {reg:g}", flush=True)
    with Peak() as peak:  # before scikit-learn is there
        ours(X, y, reg, 1e-4, args.workers)
    tol = loosest(lambda tol: gradient_norm(X, y, ours(X, y, reg, tol, args.workers)[0], reg))
    their_tol = loosest(lambda tol: gradient_norm(X, y, theirs(X, y, reg, tol).coef_[0], reg))
    times = []
    for _ in range(args.turns):
        times.append(
            (
                timed(lambda: ours(X, y, reg, tol, args.workers)),
                timed(lambda: theirs(X, y, reg, their_tol)),
            )
        )
    ours_s, theirs_s = (statistics.median(column) for column in zip(*times, strict=True))
    ratio = statistics.median(a / b for a, b in times)
    result, model = ours(X, y, reg, tol, args.workers), theirs(X, y, reg, their_tol)
    print(
        f"  here {ours_s:.2f} s ({result.n_iterations} steps, {result.n_evaluations} passes, norm "
        f"{gradient_norm(X, y, result.weights, reg):.1e}, {result.stopped})\n"
        f"  scikit-learn {theirs_s:.2f} s ({model.n_iter_[0]} steps, norm "
        f"{gradient_norm(X, y, model.coef_[0], reg):.1e})\n"
        f"  ratio {ratio:.2f}; peak memory {(peak.bytes - before) / size:.2f} x the data",
        flush=True,
    )


def timed(call: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = ["example", "dense", "sparse"]
    parser.add_argument("parts", nargs="*", default=parts, help=f"of {', '.join(parts)}")
    parser.add_argument("--data", type=Path, help="folder of sample_libsvm_data.txt")
    parser.add_argument("--rows", type=float, default=1.0, help="share of the rows of a set")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    if "example" in args.parts:
        if args.data is None:
            import pyspark

            args.data = Path(pyspark.__file__).parent / "data" / "mllib"
        example(args.data / "sample_libsvm_data.txt", 3 * args.turns)
    if "dense" in args.parts:
        many("dense", lambda: dense_rows(int(1_000_000 * args.rows)), 1e-4, args)
    if "sparse" in args.parts:
        many("sparse", lambda: sparse_rows(int(500_000 * args.rows)), 1e-5, args)


if __name__ == "__main__":
    main()
