"""A Spark cluster as a place to run: this package on its executors, one result a partition.

::

    driver (this process)                              executors
    send_package     hogwild as a zip  ------------->  on sys.path of every Python worker
    shipped          a value: with the tasks, or,
                     if large, by a broadcast  ----->  fetch() makes a fresh copy
    each_partition   function  --------------------->  function(partition, iterator)
                     results, in order of partition <- or the exception, which is raised here

Nothing here knows what is computed; `spark_session` starts and ends a session.  Called by
``mllib.spark``; what runs on the executors is imported from here, there.
"""

import gc
import pickle
import shutil
import sys
import tempfile
import traceback
import weakref
import zipfile
import zipimport
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from hogwild.engine.spark_session import ClusterError, import_pyspark

WITH_TASKS = 2**18
"""Bytes up to which a value travels with the tasks; what is longer is broadcast."""

# ---- this package on the executors -------------------------------------------------------------

_has_package: "weakref.WeakSet[Any]" = weakref.WeakSet()


def send_package(context: Any) -> None:
    """Put this package on the executors of `context`, once, also on those that come later.

    Executors need Python of this version with numpy and scipy; ``hogwild`` need not be installed
    there, and if it is, the one sent is used. Call it before a job of your own unpickles an object
    of this package, a ``LabeledPoint`` say; everything in this package that takes an RDD does.
    """
    source = Path(__file__).parent.parent  # of the package
    if context in _has_package or not source.is_dir():  # inside a zip: it has come by --py-files
        return
    folder = tempfile.mkdtemp(prefix="hogwild-spark-")
    # executors fetch it from here when they start, so it must last as long as the context
    weakref.finalize(context, shutil.rmtree, folder, ignore_errors=True)
    packed = Path(folder, "hogwild-sent.zip")
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(source.rglob("*.py")):
            archive.write(path, path.relative_to(source.parent).as_posix())
    before = list(sys.path)
    context.addPyFile(str(packed))
    sys.path[:] = before  # it also puts the zip on this process's path, where the package is
    _has_package.add(context)


# ---- values that go out --------------------------------------------------------------------------


@dataclass(frozen=True)
class Shipped:
    """A value on its way: each call makes it anew, so that the caller may change what it gets.

    Attributes
    ----------
    data : bytes, or a broadcast of them
        The value, pickled.
    size : int
        Number of these bytes.
    """

    data: Any
    size: int

    def __call__(self) -> Any:
        """Return a new one."""
        return pickle.loads(self.data if isinstance(self.data, bytes) else self.data.value)


@contextmanager
def shipped(context: Any, value: Any) -> Iterator[Shipped]:
    """``fetch``, to be used in functions for executors: each ``fetch()`` there is a new `value`.

    Classes and functions of ``__main__`` travel with it (cloudpickle). A broadcast ends with the
    block, here and on the executors, so a thousand of them need no more room than one.
    """
    pickled = import_pyspark().cloudpickle.dumps(value)
    if len(pickled) <= WITH_TASKS:
        yield Shipped(pickled, len(pickled))
        return
    broadcast = context.broadcast(pickled)
    try:
        yield Shipped(broadcast, len(pickled))
    finally:
        broadcast.destroy()


# ---- one result a partition ----------------------------------------------------------------------


class Failure(NamedTuple):
    """An exception on its way from an executor to the driver.

    Attributes
    ----------
    pickled : bytes or None
        The exception, where it can be pickled.
    trace : str
        Its traceback.
    """

    pickled: bytes | None
    trace: str

    @classmethod
    def of(cls, error: Exception) -> "Failure":
        """Pack the exception that is being handled."""
        try:
            pickled = import_pyspark().cloudpickle.dumps(error)
            pickle.loads(pickled)  # some can be pickled and not unpickled
        except Exception:
            pickled = None
        return cls(pickled, traceback.format_exc())

    def raised(self, partition: int) -> Exception:
        """Return the exception, with a note where it comes from."""
        if self.pickled is None:
            last = self.trace.strip().splitlines()[-1]
            error: Exception = ClusterError(f"partition {partition} raised {last}")
        else:
            error = pickle.loads(self.pickled)
        if not hasattr(error, "__notes__"):
            error.add_note(f"On a Spark executor, in partition {partition}:\n{self.trace}")
        return error


def unfailed(partition: int, elements: Iterable[Any]) -> Iterator[Any]:
    """The elements; a failure among them is raised."""
    for element in elements:
        if isinstance(element, Failure):
            raise element.raised(partition)
        yield element


OF_THE_MACHINE = (OSError, MemoryError, ImportError, EOFError)
"""Errors that another executor may not have: Spark tries again, four times on a cluster."""


@dataclass(frozen=True)
class Guarded:
    """A function that makes elements of a partition's elements, for ``mapPartitionsWithIndex``.

    What it raises becomes an element, a `Failure`, and so is not tried again.
    """

    function: Callable[[int, Iterator[Any]], Iterable[Any]]

    def __call__(self, partition: int, elements: Iterable[Any]) -> Iterator[Any]:
        """Yield the elements, or after some of them the failure."""
        try:
            yield from self.function(partition, iter(elements))
        except OF_THE_MACHINE:
            raise
        except Exception as error:
            yield Failure.of(error)
        finally:
            _spare_the_next_task()


def _spare_the_next_task() -> None:
    """Have the next task of this Python process begin 100 ms earlier.

    Between two tasks Spark collects garbage, 33 ms for the modules of numpy and scipy alone: these
    are set aside, once. And Spark 3.5 invalidates the import caches, so that every zip on the path
    is read again, its own with their thousands of files, 75 ms: what is in no cache is not read,
    and the next import puts it back.
    """
    global _set_aside
    if not _set_aside:
        gc.freeze()
        _set_aside = True
    for path, finder in list(sys.path_importer_cache.items()):
        if isinstance(finder, zipimport.zipimporter):
            del sys.path_importer_cache[path]


_set_aside = False


@dataclass(frozen=True)
class Once:
    """A function that returns one result, as one that makes elements."""

    function: Callable[[int, Iterator[Any]], Any]

    def __call__(self, partition: int, elements: Iterator[Any]) -> Iterator[Any]:
        """Yield the result."""
        yield self.function(partition, elements)


def each_partition(
    rdd: Any,
    function: Callable[[int, Iterator[Any]], Any],
    partitions: Sequence[int] | None = None,
) -> list[Any]:
    """``function(partition, elements)`` of each partition, in order of the partitions: one job.

    An executor that dies meanwhile costs time and nothing else: Spark computes its partitions
    again, from what `rdd` was made of.

    Parameters
    ----------
    rdd : pyspark.RDD
    function : callable
        Runs on the executors; classes and functions of ``__main__`` travel with it. It should take
        all elements: Spark starts a new Python for the next partition where some are left.
    partitions : sequence of int, optional
        Of these only.

    Raises
    ------
    Exception
        What the function raised, of the first partition where it did: the same class and message
        as in this process, with a note that says where.
    ClusterError
        An executor lacks numpy, scipy or what the function imports, or has another Python.
    """
    numbers = range(rdd.getNumPartitions()) if partitions is None else partitions
    made = rdd.mapPartitionsWithIndex(Guarded(Once(function)))
    try:
        results = rdd.context.runJob(made, _as_they_are, list(numbers))
    except Exception as error:
        clear = _clear(error)
        if clear is None:
            raise
        raise clear from error
    for partition, result in zip(numbers, results, strict=True):
        if isinstance(result, Failure):
            raise result.raised(partition)
    return results


def _as_they_are(elements: Iterable[Any]) -> Iterable[Any]:
    return elements


def _clear(error: Exception) -> ClusterError | None:
    """A sentence for what is wrong with the executors, where we know one."""
    text = str(error)
    if "No module named" in text:
        module = text.split("No module named", 1)[1].split("\n")[0].strip(" '\".")
        return ClusterError(
            f"a Spark executor can't import {module!r}. Executors need numpy and scipy, of the "
            "driver's versions, and every module that your own classes come from; hogwild itself "
            "is sent. The Python they run is that of PYSPARK_PYTHON or spark.pyspark.python"
        )
    if "PYTHON_VERSION_MISMATCH" in text or "Python in worker has different version" in text:
        ours = ".".join(map(str, sys.version_info[:2]))
        return ClusterError(
            f"a Spark executor runs another Python than this one, {ours}: set PYSPARK_PYTHON or "
            "spark.pyspark.python to a Python of this version"
        )
    return None
