"""What is made of the exceptions that Spark itself raises. The texts are those of Spark 4.3, shortened."""

from __future__ import annotations

import pytest

from rephrase.errors import UserError, from_traceback
from rephrase.spark.runtime.failures import readable

NO_PROGRAM = """An error occurred while calling o68.collectToPython.
: org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 in stage 0.0 failed 100 times, most recent failure: Lost task
0.99 in stage 0.0 (TID 99) (10.0.0.2 executor driver): java.io.IOException: Cannot run program "/no/such/python": error=2, No such file
\tat java.base/java.lang.ProcessBuilder.start(ProcessBuilder.java:1143)
Caused by: java.io.IOException: error=2, No such file or directory
\t... 28 more

Driver stacktrace:
"""
NO_PACKAGE = """: org.apache.spark.SparkException: Job aborted due to stage failure: Lost task 0.99 in stage 0.0:
org.apache.spark.SparkException:
Error from python worker:
  /usr/bin/python3: Error while finding module specification for 'rephrase.spark' (ModuleNotFoundError: No module named 'rephrase')
PYTHONPATH was:
  /opt/spark/python/lib/pyspark.zip
org.apache.spark.SparkException: EOFException occurred while reading the port number from its stdout and terminated with code: 1..
"""
BARE = """An error occurred while calling o1.collect.
: java.lang.OutOfMemoryError: Java heap space
Caused by: org.apache.spark.SparkException:
"""


@pytest.mark.parametrize(
    ("text", "what", "cure"),
    [
        (NO_PROGRAM, 'no Python worker starts: Cannot run program "/no/such/python": error=2', "set PYSPARK_PYTHON"),
        (NO_PACKAGE, "No module named 'rephrase'", "each executor's Python needs rephrase installed"),
        (BARE, "a Spark task failed: java.lang.OutOfMemoryError: Java heap space", "the executor's log"),
    ],
)
def test_the_line_says_what_can_be_mended(text: str, what: str, cure: str) -> None:
    error = readable(RuntimeError(text))
    assert isinstance(error, UserError)
    assert what in error.line()
    assert cure in error.cure


@pytest.mark.parametrize(
    "error", [UserError("a: b (c)", where="file, row 1", cure="mend (it)"), UserError("no more"), UserError("a\nb", where="x")]
)
def test_an_error_in_a_traceback_reads_as_its_line_and_is_found_again(error: UserError) -> None:
    text = f"Traceback:\n  File x.py\nrephrase.errors.TaskError: {error.marked()}\n\tat org.apache.spark"
    assert error.line() in " ".join(text.replace("\u2063", "").split())
    again = from_traceback(text)
    assert again is not None
    assert (again.what, again.where, again.cure) == (error.what, error.where, error.cure)
