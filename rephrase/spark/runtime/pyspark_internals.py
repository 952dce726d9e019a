"""All that leans on what pyspark and pyarrow do not promise: patches, private names, undocumented modules, variables and options.

Each function says why nothing public does. The tests of this file run with the oldest and the newest versions that pyproject.toml allows.
pyspark and pyarrow are imported in the functions, as Spark's Python daemon comes here before it knows where to import them from.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession
    from pyspark.sql.types import StructType

_TASKS = 1000  # of a stage, whose errors are read


def has_context() -> bool:
    """Whether this process has a classic session, in whichever of its threads it was started.

    `SparkSession.getActiveSession` tells of the calling thread alone, and `SparkContext.getOrCreate` would make one.
    """
    from pyspark import SparkContext

    return SparkContext._active_spark_context is not None  # noqa: SLF001


def start_jvm(builder: SparkSession.Builder) -> None:
    """Start the JVM of the session that `builder` makes next, with the builder's options, and no session yet.

    A signal may not break off the start of a JVM, but may that of a session, which waits for a master; `getOrCreate` does both.
    Raises what `getOrCreate` raises for a JVM that does not start.
    """
    from pyspark import SparkConf, SparkContext

    SparkContext._ensure_initialized(conf=SparkConf().setAll(list(builder._options.items())))  # noqa: SLF001


def bear_end_of_jvm(spark: SparkSession) -> None:
    """Let the thread of this process that adds up accumulators print nothing where its JVM ends first.

    A signal to the whole process group ends both, and who needs the JVM tells of it. pyspark's server for them has no other way than that
    of Python's servers, which print a traceback of whatever happens. Spark Connect has none.
    """
    if is_connect(spark):
        return
    server: Any = spark.sparkContext._accumulatorServer  # noqa: SLF001
    print_error = server.handle_error

    def handle_error(request: Any, address: Any) -> None:
        if not isinstance(sys.exc_info()[1], EOFError | ConnectionError):
            print_error(request, address)

    server.handle_error = handle_error


def is_submitted() -> bool:
    """Whether spark-submit, or a notebook's kernel like it, started this process: master, logging and UI are then chosen already.

    Its scripts leave these variables and nothing else.
    """
    return "SPARK_ENV_LOADED" in os.environ or "PYSPARK_GATEWAY_PORT" in os.environ


def is_connect(spark: SparkSession) -> bool:
    """Whether a session is one of Spark Connect.

    `pyspark.sql.utils.is_remote` tells of the process, which can have both kinds, and importing the other class to compare with needs
    packages that a classic session does without.
    """
    return type(spark).__module__.startswith("pyspark.sql.connect")


def to_spark_schema(schema: pa.Schema) -> StructType:
    """The Spark schema of a frame whose function for `mapInArrow` gives batches of this Arrow schema.

    pyspark has the conversion, but documents only that of whole tables.
    """
    from pyspark.sql.pandas.types import from_arrow_schema

    return from_arrow_schema(schema)


def whole_input(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The batches that a function of `mapInArrow` is given: all of them, or an error.

    Where a task's input breaks off (its job was cancelled, a block of the shuffle was lost), Spark closes the stream, and Arrow takes a
    stream that ends between two batches for a complete one. A function that then stores what it has would store half an object for good.
    Spark opens its stream as the first batch is asked for and hands it to nobody, so pyarrow's function is replaced for that moment.

    Raises `EOFError` where the input breaks off.
    """
    import pyarrow as pa

    open_stream = pa.ipc.open_stream
    pa.ipc.open_stream = lambda stream, **options: open_stream(_WholeStream(stream), **options)
    try:
        first = next(batches, None)
    finally:
        pa.ipc.open_stream = open_stream
    if first is not None:
        yield first
        yield from batches


class _WholeStream:
    """A stream of Arrow messages that may end after its end marker alone, beyond which nothing is read."""

    closed = False  # pyarrow asks

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def read(self, size: int) -> bytes:
        data: bytes = self._stream.read(size)
        if len(data) < size:
            raise EOFError("a task's input broke off")
        return data


def daemon_with_hooks(after_task: Callable[[], None], print_error: Callable[[], None]) -> Callable[[], None]:
    """Spark's Python daemon as a function that forks the workers of an executor until it ends.

    `after_task` is called in a worker after each of its tasks, before the garbage collection that Spark makes there; `print_error`, instead
    of printing a traceback, amid the exception that ends a worker. Spark lets a module stand in for its daemon, but has no such hooks.
    """
    from pyspark import daemon

    run_task = daemon.worker

    def run(sock: Any, authenticated: bool) -> int:
        code: int = run_task(sock, authenticated)
        after_task()
        return code

    daemon.worker = run
    # The two functions are all that the daemon takes of the module.
    daemon.traceback = SimpleNamespace(print_exc=print_error, format_exc=daemon.traceback.format_exc)  # type: ignore[attr-defined, assignment]  # its own import
    return daemon.manager


def standalone_gpus(executor: int) -> tuple[str, ...]:
    """The addresses of all GPUs of the executor with this process id, where a standalone master gave it some; else none.

    Such a master names them in a file that stands in the command line of the executor's JVM. A task is told of its own alone.
    """
    try:
        arguments = Path(f"/proc/{executor}/cmdline").read_bytes().decode().split("\0")
        resources = json.loads(Path(arguments[arguments.index("--resourcesFile") + 1]).read_text())
    except (OSError, ValueError, IndexError):
        return ()
    return next((tuple(resource["addresses"]) for resource in resources if resource["id"]["resourceName"] == "gpu"), ())


@contextlib.contextmanager
def by_value(module: ModuleType) -> Iterator[None]:
    """Let the functions of a module travel to the executors as code in the block, and not by their names.

    Executors that have another version of our package, or none, could not tell of it by a function that they must find there. pyspark
    carries the library that does it, without a word on it.
    """
    from pyspark import cloudpickle

    cloudpickle.register_pickle_by_value(module)  # type: ignore[no-untyped-call]  # a library that pyspark carries without types
    try:
        yield
    finally:
        cloudpickle.unregister_pickle_by_value(module)  # type: ignore[no-untyped-call]  # as above


def executors_known(spark: SparkSession) -> int | None:
    """How many executors the scheduler has now, the driver's own JVM not among them; None through Spark Connect, which does not tell.

    The public status tracker counts the driver, and executors that have gone.
    """
    if is_connect(spark):
        return None
    ids = spark.sparkContext._jsc.sc().getExecutorIds()  # noqa: SLF001
    return int(ids.size())


def failed_tasks(spark: SparkSession, group: str) -> dict[str, str]:
    """What the failed tasks of a job group were told to have failed of: the last one of each executor, by the executor's number.

    Spark itself shows them in its UI alone: where another executor does the task, the job succeeds. Empty through Spark Connect.
    """
    if is_connect(spark):
        return {}
    context = spark.sparkContext
    tracker, store = context.statusTracker(), context._jsc.sc().statusStore()  # noqa: SLF001
    failed: dict[str, str] = {}
    for job in tracker.getJobIdsForGroup(group):
        info = tracker.getJobInfo(job)
        for stage in info.stageIds if info is not None else ():
            with contextlib.suppress(Exception):  # a stage that was never begun has no tasks
                tasks = store.taskList(stage, 0, _TASKS)
                for task in (tasks.apply(number) for number in range(tasks.size())):
                    if task.errorMessage().isDefined():
                        failed[task.executorId()] = task.errorMessage().get()
    return failed
