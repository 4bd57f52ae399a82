"""A session on a Spark cluster: quiet, bound to this machine where it is meant to be, and ended.

pyspark (the extra ``spark``) and Java are looked for when they are needed, never when this module
is imported: executors import it, too.  Called by ``engine.spark``, the command line, and tests.
"""

import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from hogwild.errors import HogwildError, MissingExtra

MASTERS = ("local", "spark://", "yarn", "k8s://")
"""How masters begin."""

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
        What is about Spark's own process, such as its memory, holds for the first context of a
        Python process.

    Raises
    ------
    MissingExtra, ClusterError
        Without pyspark; without Java, when Spark's process doesn't start, or what Java raises
        inside the block: a master that can't be reached shows there, a minute later.
    ValueError
        `master` is none; or a context is running on another: a process can have one only.
    """
    if not master.startswith(MASTERS):
        raise ValueError(
            "master must be local[N], local-cluster[executors,cores,MB], spark://host:port, yarn "
            f"or k8s://..., got {master!r}"
        )
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
        except Exception as error:
            if type(error).__module__.startswith("py4j."):  # Java's: not one of ours, or Python's
                raise ClusterError(f"Spark failed on {master}: {_reason(error)}") from error
            raise
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
    properties = {"spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false"}
    here = {}
    if master.startswith("local"):
        properties |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
        here = {"SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}
    conf = pyspark.SparkConf().setMaster(master).setAppName(app_name)
    conf.setAll(list((properties | dict(settings)).items()))
    options = conf.get("spark.driver.extraJavaOptions", "")
    conf.set(
        "spark.driver.extraJavaOptions", f"-Dlog4j2.configurationFile={log.as_uri()} {options}"
    )
    try:
        with _environment(here):
            return pyspark.SparkContext(conf=conf)
    except Exception as error:
        reason = _reason(error)
        if "gateway" in reason.lower():  # it ended before it could say anything to Python
            reason = f"{java} ended; what it said is above, and Java 17 is what is needed"
        raise ClusterError(
            f"Spark {pyspark.__version__} did not start on {master}: {reason}"
        ) from error


def _reason(error: Exception) -> str:
    """What Java said, without the places in Java; else what Python said."""
    for line in str(error).splitlines():
        if line.startswith(": "):
            return line[2:].partition(": ")[2] or line[2:]
    return str(error)


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
