"""A Spark cluster as a place to run: a session, this package on its executors, one job at a time.

::

    driver (this process)                              executors
    send_package     hogwild as a zip  ------------->  on sys.path of every Python worker
    shipped          a value: with the tasks, or,
                     if large, by a broadcast  ----->  fetch() makes a fresh copy
    each_partition   function  --------------------->  function(partition, iterator)
                     results, in order of partition <- or the exception, which is raised here

Nothing here knows what is computed. pyspark (the extra ``spark``) and Java are looked for when they
are needed, never when this module is imported: executors import it, too.

Called by ``mllib.spark`` and by the command line.
"""

import os
import pickle
import shutil
import signal
import sys
import tempfile
import threading
import traceback
import weakref
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import hogwild
from hogwild.errors import HogwildError, MissingExtra

WITH_TASKS = 2**18
"""Bytes up to which a value travels with the tasks; what is longer is broadcast."""

QUIET_LOG = """\
rootLogger.level = error
rootLogger.appenderRef.stderr.ref = stderr
logger.gateway.name = org.apache.spark.api.python.PythonGatewayServer
logger.gateway.level = error
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = Spark: %m%ex{none}%n
"""


class ClusterError(HogwildError, RuntimeError):
    """Spark can't be used as it is: no Java, or executors that lack what they need.

    Parameters
    ----------
    reason : str
        What is missing, and what to do.
    """


# ---- is there a Spark? -------------------------------------------------------------------------


def import_pyspark(what: str = "a Spark cluster") -> ModuleType:
    """Return the module pyspark.

    Raises
    ------
    MissingExtra
        When it is not installed.
    """
    try:
        import pyspark
    except ModuleNotFoundError as error:
        raise MissingExtra("spark", what) from error
    return pyspark


def check_java() -> str:
    """Return the path of the Java that Spark will start.

    Raises
    ------
    ClusterError
        When there is none.
    """
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=str(Path(home, "bin"))) if home else shutil.which("java")
    if java is None:
        place = f"in JAVA_HOME, {home}" if home else "on PATH"
        raise ClusterError(
            f"Spark needs Java, and there is no java {place}: install a Java 17 runtime (Debian: "
            "apt install openjdk-17-jre-headless) or set JAVA_HOME to the folder of one"
        )
    return java


# ---- a session ---------------------------------------------------------------------------------


@contextmanager
def spark_context(
    master: str, *, app_name: str = "hogwild", settings: Mapping[str, str] | None = None
) -> Iterator[Any]:
    """A SparkContext on `master`, stopped at the end; or the running one, which goes on running.

    Quiet (errors only, no progress bar, no web page); on this machine (``local[2]``,
    ``local-cluster[2,1,1024]``) bound to 127.0.0.1, with this very Python in the executors.

    Parameters
    ----------
    master : str
        As for ``spark-submit --master``.
    app_name : str
    settings : mapping, optional
        Spark's properties, ``{"spark.driver.memory": "4g"}``; they win over those of this function.

    Raises
    ------
    MissingExtra, ClusterError
        Without pyspark; without Java, or when Spark's process doesn't start.
    ValueError
        A context is running on another master: a process can have one only.
    """
    SparkContext = import_pyspark().SparkContext
    running = SparkContext._active_spark_context
    if running is not None:
        if running.master != master:
            raise ValueError(
                f"a SparkContext on {running.master} is running in this process, and there can be "
                f"one only: stop it before another is started on {master}"
            )
        yield running
        return
    java = check_java()
    interrupt = signal.getsignal(signal.SIGINT)
    with tempfile.TemporaryDirectory(prefix="hogwild-spark-") as folder:
        context = _started(master, app_name, settings or {}, Path(folder), java)
        try:
            yield context
        finally:
            context.stop()
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGINT, interrupt)  # pyspark's asks the stopped context


def _started(
    master: str, app_name: str, settings: Mapping[str, str], folder: Path, java: str
) -> Any:
    pyspark = import_pyspark()
    log = folder / "log4j2.properties"
    log.write_text(QUIET_LOG)
    properties = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={log.as_uri()}",
    }
    here = {}
    if master.startswith("local"):
        properties |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
        here = {"SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}
    conf = pyspark.SparkConf().setMaster(master).setAppName(app_name)
    conf.setAll(list((properties | dict(settings)).items()))
    try:
        with _environment(here):
            return pyspark.SparkContext(conf=conf)
    except Exception as error:
        if "JAVA_GATEWAY_EXITED" in str(error) or "Java gateway process exited" in str(error):
            raise ClusterError(
                f"Spark's process did not start with {java}: Spark {pyspark.__version__} needs "
                "Java 17; what it said is above"
            ) from error
        raise


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for what is started meanwhile; those that are set already win."""
    added = [name for name in variables if name not in os.environ]
    os.environ.update({name: variables[name] for name in added})
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


# ---- this package on the executors -------------------------------------------------------------

_has_package: "weakref.WeakSet[Any]" = weakref.WeakSet()


def send_package(context: Any) -> None:
    """Put this package on the executors of `context`, once, also on those that come later.

    Executors need Python of this version with numpy and scipy; ``hogwild`` need not be installed
    there, and if it is, the one sent is used. Call it before a job of your own unpickles an object
    of this package, a ``LabeledPoint`` say; everything in this package that takes an RDD does.
    """
    source = Path(hogwild.__file__).parent
    if context in _has_package or not source.is_dir():  # inside a zip: it has come by --py-files
        return
    folder = tempfile.mkdtemp(prefix="hogwild-spark-")
    # executors fetch it from here when they start, so it must last as long as the context
    weakref.finalize(context, shutil.rmtree, folder, ignore_errors=True)
    packed = Path(folder, f"hogwild-{hogwild.__version__}-sent.zip")
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(source.rglob("*.py")):
            archive.write(path, path.relative_to(source.parent).as_posix())
    before = list(sys.path)
    context.addPyFile(str(packed))
    sys.path[:] = before  # it also puts the zip on this process's path, where the package is
    _has_package.add(context)


# ---- values that go out --------------------------------------------------------------------------


@dataclass(frozen=True)
class _Pickled:
    """A value that is unpickled at each call, so that the caller may change what it gets."""

    data: Any

    def __call__(self) -> Any:
        return pickle.loads(self.data if isinstance(self.data, bytes) else self.data.value)


@contextmanager
def shipped(context: Any, value: Any) -> Iterator[Callable[[], Any]]:
    """``fetch``, to be used in functions for executors: each ``fetch()`` there is a new `value`.

    Classes and functions of ``__main__`` travel with it (cloudpickle). A broadcast ends with the
    block, here and on the executors, so a thousand of them need no more room than one.
    """
    pickled = import_pyspark().cloudpickle.dumps(value)
    if len(pickled) <= WITH_TASKS:
        yield _Pickled(pickled)
        return
    broadcast = context.broadcast(pickled)
    try:
        yield _Pickled(broadcast)
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
        error.add_note(f"On a Spark executor, in partition {partition}:\n{self.trace}")
        return error


OF_THE_MACHINE = (OSError, MemoryError, ImportError, EOFError)
"""Errors that another executor may not have: Spark tries again, four times on a cluster."""


@dataclass(frozen=True)
class _Guarded:
    """A function for one partition; what it raises comes back as a result, and is not retried."""

    function: Callable[[int, Iterator[Any]], Any]

    def __call__(self, partition: int, elements: Iterable[Any]) -> Iterator[Any]:
        try:
            yield self.function(partition, iter(elements))
        except OF_THE_MACHINE:
            raise
        except Exception as error:
            yield Failure.of(error)


def each_partition(rdd: Any, function: Callable[[int, Iterator[Any]], Any]) -> list[Any]:
    """``function(partition, elements)`` of each partition, in order of the partitions: one job.

    An executor that dies meanwhile costs time and nothing else: Spark computes its partitions
    again, from what `rdd` was made of.

    Parameters
    ----------
    rdd : pyspark.RDD
    function : callable
        Runs on the executors; classes and functions of ``__main__`` travel with it.

    Raises
    ------
    Exception
        What the function raised, of the first partition where it did: the same class and message
        as in this process, with a note that says where.
    ClusterError
        An executor lacks numpy, scipy or what the function imports, or has another Python.
    """
    try:
        results = rdd.mapPartitionsWithIndex(_Guarded(function)).collect()
    except Exception as error:
        raise _clear(error) from error
    for partition, result in enumerate(results):
        if isinstance(result, Failure):
            raise result.raised(partition)
    return results


def _clear(error: Exception) -> Exception:
    """A sentence for what is wrong with the executors; any other error as it is."""
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
    return error
