"""What pyspark and pyarrow do not promise. test_oldest_versions.py runs this file with the oldest versions of them, too."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyspark
import pytest

from rephrase.records import DOCUMENT, GENERATION, JUDGED, MIXTURE
from rephrase.spark.runtime import pyspark_internals

HOME = Path(pyspark.__file__).parent

# The options of the JVM are taken from the builder, and there is no session before `getOrCreate`.
JVM = """
from pyspark import SparkContext
from pyspark.sql import SparkSession
from rephrase.spark.runtime import pyspark_internals

builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
builder = builder.config("spark.driver.extraJavaOptions", "-Drephrase.test=arrived")
pyspark_internals.start_jvm(builder)
assert SparkContext._jvm.java.lang.System.getProperty("rephrase.test") == "arrived"
assert not pyspark_internals.has_context()
session = builder.getOrCreate()
assert pyspark_internals.has_context()
session.stop()
assert not pyspark_internals.has_context()
"""

# A JVM that ends before its driver, which lives on for a while, as one does that is ended by the same signal.
END_OF_JVM = """
import time
from pyspark import SparkContext
from rephrase.config.run import Spark
from rephrase.spark.runtime.session import LazySession

session = LazySession(Spark(), "local[1]").get()
session.range(1).mapInArrow(lambda batches: batches, "id long").collect()
SparkContext._gateway.proc.terminate()
SparkContext._gateway.proc.wait()
time.sleep(1)
print("is over")
"""


def run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_context_is_seen_from_every_thread(spark):
    assert spark.get().range(3).count() == 3
    seen = []
    look = threading.Thread(target=lambda: seen.append(pyspark_internals.has_context()))
    look.start()
    look.join()
    assert seen == [True]


@pytest.mark.long
def test_the_end_of_a_jvm_prints_nothing_of_the_server_for_accumulators():
    done = subprocess.run([sys.executable, "-c", END_OF_JVM], capture_output=True, text=True, timeout=200, check=False)
    assert "during processing of request" not in done.stderr
    assert "is over" in done.stdout, done.stderr


def test_a_jvm_starts_with_its_options_before_there_is_a_session():
    run([sys.executable, "-c", JVM])


def test_spark_submit_is_told_from_a_plain_start(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("from rephrase.spark.runtime.pyspark_internals import is_submitted\nprint(is_submitted())\n")
    environment = {**os.environ, "SPARK_HOME": str(HOME), "PYSPARK_PYTHON": sys.executable, "PYTHONPATH": os.pathsep.join(sys.path)}
    for command, submitted in (([sys.executable], "False"), ([str(HOME / "bin" / "spark-submit"), "--master", "local[1]"], "True")):
        done = subprocess.run([*command, str(script)], env=environment, capture_output=True, text=True, timeout=200, check=False)
        assert done.stdout.split() == [submitted], done.stderr


def test_a_session_of_spark_connect_is_told_from_a_classic_one(spark):
    from pyspark.sql.connect.session import SparkSession

    class Unconnected(SparkSession):
        def __init__(self) -> None:
            """No server is asked."""

        def __del__(self) -> None:
            """Nothing is open."""

    Unconnected.__module__ = SparkSession.__module__
    assert pyspark_internals.is_connect(Unconnected())
    assert not pyspark_internals.is_connect(spark.get())


@pytest.mark.parametrize("schema", [DOCUMENT, GENERATION, JUDGED, MIXTURE], ids=["document", "generation", "judged", "mixture"])
def test_spark_takes_the_batches_of_a_converted_schema(spark, schema):
    def empty(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield pa.RecordBatch.from_arrays([pa.nulls(batch.num_rows, field.type) for field in schema], schema=schema)

    frame = spark.get().range(0, 2, 1, 1).mapInArrow(empty, pyspark_internals.to_spark_schema(schema))
    assert frame.columns == schema.names
    assert [row.asDict() for row in frame.collect()] == [dict.fromkeys(schema.names)] * 2


def test_an_input_that_breaks_off_between_two_batches_is_an_error():
    from pyspark.sql.pandas import serializers

    batches = [pa.RecordBatch.from_pydict({"id": [number]}) for number in range(3)]
    data, ends = io.BytesIO(), []
    with pa.ipc.new_stream(data, batches[0].schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            ends.append(data.tell())

    open_stream = pa.ipc.open_stream
    spark_reads = serializers.ArrowStreamSerializer().load_stream
    assert list(pyspark_internals.whole_input(iter(spark_reads(io.BytesIO(data.getvalue()))))) == batches
    broken = data.getvalue()[: ends[1]]
    assert list(spark_reads(io.BytesIO(broken))) == batches[:2], "without our patch it ends as a complete one"
    got = []
    with pytest.raises(EOFError, match="a task's input broke off"):
        got.extend(pyspark_internals.whole_input(iter(spark_reads(io.BytesIO(broken)))))
    assert pa.ipc.open_stream is open_stream, "nobody else reads through the patch"


def test_a_task_reads_its_input_through_the_patch(spark):
    def look(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        opened, plain = [], pyspark_internals._WholeStream
        pyspark_internals._WholeStream = lambda stream: opened.append(1) or plain(stream)
        try:
            for batch in pyspark_internals.whole_input(batches):
                yield pa.RecordBatch.from_pydict({"opened": [len(opened)] * batch.num_rows})
        finally:
            pyspark_internals._WholeStream = plain

    assert [row.opened for row in spark.get().range(0, 2, 1, 2).mapInArrow(look, "opened long").collect()] == [1, 1]


def test_the_daemon_calls_back_after_each_task_and_for_what_ends_a_worker():
    script = """
from pyspark import daemon
from rephrase.spark.runtime import pyspark_internals

daemon.worker = lambda sock, authenticated: calls.append((sock, authenticated)) or 7
calls = []
serve = pyspark_internals.daemon_with_hooks(lambda: calls.append("after"), lambda: calls.append("error"))
assert serve is daemon.manager
assert daemon.worker("socket", True) == 7
try:
    raise ValueError("why")
except ValueError:
    daemon.traceback.print_exc()
    assert "ValueError: why" in daemon.traceback.format_exc()
assert calls == [("socket", True), "after", "error"], calls
"""
    run([sys.executable, "-c", script])


def test_the_gpus_of_a_standalone_executor_stand_in_a_file_that_its_command_line_names(tmp_path):
    resources = tmp_path / "resources.json"
    entries = [{"id": {"componentName": "spark.executor", "resourceName": name}, "addresses": ["0", "3"]} for name in ("fpga", "gpu")]
    entries[0]["addresses"] = ["9"]
    resources.write_text(json.dumps(entries))
    command = [sys.executable, "-c", "print(flush=True); input()", "--resourcesFile", str(resources)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as executor:
        executor.stdout.readline()
        assert pyspark_internals.standalone_gpus(executor.pid) == ("0", "3")
        executor.communicate(b"\n")
    assert pyspark_internals.standalone_gpus(os.getpid()) == ()


def test_spark_executors_still_know_the_option_that_names_that_file():
    [core] = (HOME / "jars").glob("spark-core_*.jar")
    with zipfile.ZipFile(core) as jar:
        assert b"--resourcesFile" in jar.read("org/apache/spark/executor/CoarseGrainedExecutorBackend$.class")


# A process that lacks our package runs a function of ours all the same, if its module travels as it is.
ELSEWHERE = """
import pickle, sys
sys.modules["rephrase"] = None
print(pickle.loads(sys.stdin.buffer.read())()["python"])
"""


@pytest.mark.parametrize("travels", [True, False])
def test_the_functions_of_a_module_travel_as_they_are(travels):
    from contextlib import nullcontext

    from pyspark import cloudpickle

    from rephrase.doctor import facts

    with pyspark_internals.by_value(facts) if travels else nullcontext():
        function = cloudpickle.dumps(facts.facts)
    done = subprocess.run([sys.executable, "-c", ELSEWHERE], input=function, capture_output=True, timeout=60, check=False)
    assert (done.returncode == 0) is travels, done.stderr.decode()


def test_a_failed_task_is_known_by_its_executor(spark):
    session = spark.get()

    def fail(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from batches
        raise ValueError("the wheel is broken")

    session.sparkContext.setJobGroup("failing", "a test")
    with pytest.raises(Exception, match="the wheel is broken"):
        session.range(0, 1, 1, 1).mapInArrow(fail, "id long").collect()
    [(executor, error)] = pyspark_internals.failed_tasks(session, "failing").items()
    assert executor == "driver"
    assert "the wheel is broken" in error
    assert pyspark_internals.failed_tasks(session, "another") == {}


def test_a_local_session_has_no_executors_but_the_driver(spark):
    assert pyspark_internals.executors_known(spark.get()) == 0
