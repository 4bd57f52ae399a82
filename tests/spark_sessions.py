"""Real Spark sessions for tests: one at a time, on this machine, and nothing of them left behind.

The fixture ``spark`` is a ``SparkContext``. Each test that takes it runs on both masters::

    def test_something(spark): ...

or on one of them::

    @on_one_machine            # local[2]: the executors are threads of the driver
    @on_a_cluster              # local-cluster[2,1,1024]: two executors, each a process of its own

Without pyspark or Java these tests are skipped with the reason; with HOGWILD_REQUIRE_SPARK=1 they
fail instead, so that nobody believes to have run them.
"""

import os
import signal
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import pytest

from hogwild.engine.spark_session import check_java, spark_context
from hogwild.errors import HogwildError

HERE = Path(__file__).resolve().parent
ONE_MACHINE, CLUSTER = "local[2]", "local-cluster[2,1,1024]"

on_one_machine = pytest.mark.parametrize("spark", [ONE_MACHINE], indirect=True)
on_a_cluster = pytest.mark.parametrize("spark", [CLUSTER], indirect=True)


def unavailable() -> str | None:
    """Why no Spark can be started here, if so."""
    if find_spec("pyspark") is None:
        return "Spark tests need the extra 'spark': pip install 'hogwild[spark]'"
    try:
        check_java()
    except HogwildError as reason:
        return str(reason)
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """pyspark leaves the socket of each result to the garbage collector."""
    for item in items:
        if "spark" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"))


def give_up(reason: str) -> NoReturn:
    """Skip the test; or have it fail, where Spark is required."""
    if os.environ.get("HOGWILD_REQUIRE_SPARK", "0") != "0":
        pytest.fail(f"HOGWILD_REQUIRE_SPARK is set: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def spark_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The Java process that every session of this test run uses; it has ended afterwards."""
    if reason := unavailable():
        give_up(reason)
    import pyspark

    # executors of a local-cluster write to SPARK_HOME/work: give them a home that may be written to
    home = tmp_path_factory.mktemp("spark")
    for entry in Path(pyspark.__file__).parent.iterdir():
        if entry.name != "work":
            (home / entry.name).symlink_to(entry)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_HOME", str(home))
        # an executor unpickles what a test module defines by importing that module
        patch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), *import_path()]))
        yield
        end_java(pyspark.SparkContext)


def import_path() -> list[str]:
    """Where the package under test comes from, if it is not installed."""
    given = os.environ.get("PYTHONPATH")
    return [given] if given else []


def end_java(SparkContext: Any) -> None:
    """End pyspark's Java process, which by itself would last as long as this one."""
    gateway = SparkContext._gateway
    if gateway is None:
        return
    SparkContext._gateway = SparkContext._jvm = None
    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait(timeout=60)


@pytest.fixture(
    scope="session", params=[ONE_MACHINE, pytest.param(CLUSTER, marks=pytest.mark.slow)]
)
def spark(request: pytest.FixtureRequest, spark_process: None) -> Iterator[Any]:
    """A SparkContext on that master."""
    settings = {
        # a killed executor is a planned one: no pause before Spark starts the next
        "spark.excludeOnFailure.enabled": "false",
        "spark.task.maxFailures": "4",
    }
    with spark_context(request.param, app_name="hogwild's tests", settings=settings) as context:
        yield context


def executors(context: Any) -> list[int]:
    """The processes that are executors of a local-cluster, by their numbers, oldest first."""
    driver = context._gateway.proc.pid
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has ended meanwhile
            if parent == driver and b"CoarseGrainedExecutorBackend" in command:
                found.append(int(entry.name))
    return sorted(found)


def kill_an_executor(context: Any) -> int:
    """Kill one executor at once and return its process number."""
    victim = executors(context)[0]
    os.kill(victim, signal.SIGKILL)
    return victim
