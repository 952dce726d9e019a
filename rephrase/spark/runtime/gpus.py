"""GPUs on Spark: which ones belong to this executor, and what a task of the rewrite stage asks of its executor."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from rephrase.engines.processes import find_owner
from rephrase.spark.runtime.pyspark_internals import standalone_gpus

if TYPE_CHECKING:
    from pyspark.resource import ResourceProfile
    from pyspark.sql import SparkSession

    from rephrase.config.run import Rewrite, Run

_AMOUNT = "spark.executor.resource.gpu.amount"
_SCRIPT_SECONDS = 60


def discovery_script(spark: SparkSession, config: Rewrite | None = None) -> str | None:
    """The script by which executors find their GPUs, those of the rewrite stage's own too, if Spark was given one."""
    if config is not None and config.executor is not None:
        return config.executor.discovery_script or None
    return spark.conf.get("spark.executor.resource.gpu.discoveryScript", None) or None


def executor_gpus(script: str | None = None) -> tuple[str, ...]:
    """The addresses of all GPUs of the executor that this task runs on; none on CPU.

    Spark tells a task only its own, which may be one of several. Spark's standalone masters name an executor's GPUs in a file; elsewhere
    executors find them as Spark did, by its discovery `script`. Spark does not set CUDA_VISIBLE_DEVICES.
    """
    own = task_gpus()
    return (standalone_gpus(find_owner().pid) or _discovered(script) or own) if own else ()


def task_gpus() -> tuple[str, ...]:
    """The addresses of the GPUs that Spark gave this task; none on CPU. Tasks that share one have the same."""
    from pyspark import TaskContext

    context = TaskContext.get()
    own = context.resources().get("gpu") if context else None
    return tuple(own.addresses) if own else ()


def rewrite_profile(spark: SparkSession, config: Rewrite) -> ResourceProfile | None:
    """What a task of the rewrite stage needs, so that tasks of other stages need no GPU. None where executors have none.

    With `rewrite.executor` the stage gets executors of its own, by Spark's dynamic allocation; without, a share of the GPUs of
    those that are there. Where the session itself says what every task takes of a GPU, that stands.
    """
    from pyspark.resource import ExecutorResourceRequests, ResourceProfileBuilder, TaskResourceRequests

    share = 1 / config.tasks_per_gpu
    request = config.executor
    if request is None and (int(spark.conf.get(_AMOUNT, "0") or 0) == 0 or spark.conf.get("spark.task.resource.gpu.amount", None)):
        return None
    builder = ResourceProfileBuilder().require(TaskResourceRequests().cpus(1).resource("gpu", share))
    if request is not None:
        executor = ExecutorResourceRequests().cores(request.cores).memory(request.memory).memoryOverhead(request.memory_overhead)
        builder.require(executor.resource("gpu", request.gpus, request.discovery_script, request.vendor))
    profile = builder.build
    _ = profile.id  # Spark Connect makes the profile when it is first asked for its id, and only in the thread that has the session
    return profile


def configured_gpus(run: Run) -> int | None:
    """How many GPUs an executor of the run has, where its config says so."""
    if run.rewrite.executor is not None:
        return run.rewrite.executor.gpus
    amount = run.spark.conf.get(_AMOUNT)
    return int(amount) if amount else None


def configured_tasks(run: Run) -> int | None:
    """How many tasks an executor of the run has at a time, where its config says so: one a core."""
    cores = run.rewrite.executor.cores if run.rewrite.executor is not None else run.spark.conf.get("spark.executor.cores")
    return int(cores) if cores else None


def _discovered(script: str | None) -> tuple[str, ...]:
    if not script:
        return ()
    process = subprocess.run([script], capture_output=True, text=True, timeout=_SCRIPT_SECONDS, check=False)  # noqa: S603  # the user's own
    try:
        return tuple(json.loads(process.stdout)["addresses"])
    except (ValueError, KeyError):
        return ()
