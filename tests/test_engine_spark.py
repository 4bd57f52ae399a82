"""A Spark session, this package on its executors, and what comes back from them."""

import pickle

import pytest
import spark_sessions
from spark_sessions import on_one_machine

from hogwild.engine import spark as engine_spark
from hogwild.engine.spark import Failure, each_partition, shipped
from hogwild.engine.spark_session import ClusterError, _reason, check_java, spark_context
from hogwild.errors import DataError

pytestmark = pytest.mark.timeout(400)


@pytest.mark.slow
@on_one_machine
def test_an_executor_that_lacks_a_module_is_named(spark):
    def wants(partition, elements):
        import a_module_that_nobody_has  # noqa: F401

    with pytest.raises(ClusterError, match=r"can't import 'a_module_that_nobody_has'.*numpy"):
        each_partition(spark.parallelize(range(2), 2), wants)


@pytest.mark.slow
@on_one_machine
def test_one_process_has_one_session(spark):
    with spark_context(spark.master) as same:
        assert same is spark
    assert each_partition(spark.parallelize(range(2), 2), lambda p, some: sum(some)) == [0, 1]
    with pytest.raises(ValueError, match=r"on local\[2\] is running .* started on local\[1\]"):
        with spark_context("local[1]"):
            pass


@pytest.mark.slow
@on_one_machine
def test_what_is_shipped_is_new_at_each_call(spark):
    for value in ([1, 2], list(range(200_000))):
        with shipped(spark, value) as fetch:
            lengths = each_partition(
                spark.parallelize(range(2), 2),
                lambda p, some: (fetch().append(0), len(fetch())),
            )
        assert lengths == [(None, len(value))] * 2


def test_an_exception_travels_with_its_data_and_says_where_it_was():
    pytest.importorskip("pyspark")
    try:
        raise DataError("bad", path="a.txt", line=3)
    except DataError as error:
        failure = pickle.loads(pickle.dumps(Failure.of(error)))
    raised = failure.raised(5)
    assert (type(raised), raised.path, raised.line) == (DataError, "a.txt", 3)
    assert "On a Spark executor, in partition 5:\nTraceback" in raised.__notes__[0]


def test_without_java_a_sentence_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(ClusterError, match="needs Java, and there is no java on PATH: install"):
        check_java()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(ClusterError, match=f"no java in JAVA_HOME, {tmp_path}"):
        check_java()


def test_spark_tests_that_cannot_run_are_skipped_or_fail_as_asked(monkeypatch):
    monkeypatch.delenv("HOGWILD_REQUIRE_SPARK", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no java"):
        spark_sessions.give_up("no java")
    monkeypatch.setenv("HOGWILD_REQUIRE_SPARK", "1")
    with pytest.raises(pytest.fail.Exception, match="HOGWILD_REQUIRE_SPARK is set: no java"):
        spark_sessions.give_up("no java")


@pytest.mark.parametrize(
    "text, said",
    [
        ("... ModuleNotFoundError: No module named 'scipy'\n at java", "can't import 'scipy'"),
        ("[PYTHON_VERSION_MISMATCH] Python in worker has different ...", "runs another Python"),
        ("anything else", None),
    ],
)
def test_what_is_wrong_with_executors_is_one_sentence(text, said):
    found = engine_spark._clear(RuntimeError(text))
    assert found is None if said is None else said in str(found)


def test_what_is_no_master_is_refused_before_java_starts():
    with pytest.raises(ValueError, match=r"master must be local\[N\], .*, got 'spak://host'"):
        with spark_context("spak://host"):
            pass


def test_what_java_says_is_told_without_places_in_java():
    said = (
        "An error occurred while calling None.org.apache.spark.api.java.JavaSparkContext.\n"
        ": org.apache.spark.SparkException: Could not parse Master URL: 'local[x]'\n"
        "\tat org.apache.spark.SparkContext$.org(SparkContext.scala:3225)\n"
    )
    assert _reason(RuntimeError(said)) == "Could not parse Master URL: 'local[x]'"
    assert _reason(RuntimeError("what Python says")) == "what Python says"


def test_what_java_raises_is_no_fault_of_this_package(monkeypatch):
    pytest.importorskip("pyspark")
    from py4j.protocol import Py4JError

    ended = []

    class Context:
        def stop(self):
            ended.append(True)

    monkeypatch.setattr("pyspark.SparkContext._active_spark_context", None)
    monkeypatch.setattr("hogwild.engine.spark_session.check_java", lambda: "java")
    monkeypatch.setattr("hogwild.engine.spark_session._started", lambda *_: Context())
    with (
        pytest.raises(ClusterError, match="Spark failed on spark://nobody:7077: it is gone"),
        spark_context("spark://nobody:7077"),
    ):
        raise Py4JError("it is gone")
    with pytest.raises(ZeroDivisionError), spark_context("spark://nobody:7077"):
        raise ZeroDivisionError
    assert ended == [True, True]
