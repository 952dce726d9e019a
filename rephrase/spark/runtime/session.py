"""The Spark session, made only when there is work for it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rephrase.config.published import REDACTED
from rephrase.errors import UserError
from rephrase.spark.runtime.interrupt import deferred, kept_handlers
from rephrase.spark.runtime.lines import doing
from rephrase.spark.runtime.pyspark_internals import bear_end_of_jvm, has_context, is_submitted, start_jvm
from rephrase.spark.runtime.worker_daemon import MODELS

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from rephrase.config.run import Spark

_QUIET = Path(__file__).with_name("log4j2-quiet.properties")

_MAX_FAILURES = "100"

_MASTER = re.compile(r"local($|\[)|local-cluster\[|yarn$|[a-z0-9]+://")

_PYTHON = "spark.pyspark.python"
_VARIABLE = "spark.executorEnv."
_REDACTED_BY = "spark.redaction.regex"
_SOCKETS = "spark.python.unix.domain.socket.enabled"
_STATUS = Path("/proc/self/status")

_DEFAULTS: dict[str, str] = {
    # A clear message instead of a failed getInt when a task returns another schema than it declared.
    "spark.sql.execution.arrow.pyspark.validateSchema.enabled": "true",
    # Rows carry whole documents: the default of 10,000 a batch would be hundreds of megabytes. Small batches use their memory again.
    "spark.sql.execution.arrow.maxRecordsPerBatch": "512",
    "spark.sql.execution.arrow.maxBytesPerBatch": str(4 << 20),
    # Frames that are kept are shuffled into few tasks where they are small, as all others are: not each into the 200 of a large one.
    "spark.sql.optimizer.canChangeCachedPlanOutputPartitioning": "true",
    "spark.ui.showConsoleProgress": "false",
    # What Spark remembers of what has ended, also where it shows no pages: by its own defaults, as much as the driver's JVM starts with.
    "spark.ui.retainedTasks": "20000",
    "spark.ui.retainedStages": "100",
    "spark.ui.retainedJobs": "100",
    "spark.sql.ui.retainedExecutions": "100",
    "spark.python.daemon.module": "rephrase.spark.runtime.worker_daemon",
    # Through TCP each Python task waits for a delayed acknowledgement: 35 ms of the 50 of one that does nothing.
    _SOCKETS: "true",
    "spark.python.unix.domain.socket.dir": "/tmp",  # noqa: S108  # names are random, and a container's own folder can be too long for a socket
    # Lost workers and spot nodes are no fault of a task, and errors that are end the job by themselves: see task_reports.py. Faults of the
    # JVM around a task (a full shuffle folder) do not: Spark counts them with those, with a killed executor and with each try on one whose
    # engine does not start, and tells no driver through Connect which of them it was.
    "spark.task.maxFailures": _MAX_FAILURES,
}

# A JVM that lives for one command spends more time on compiling its code thoroughly than it saves by that.
_JVM = "-XX:TieredStopAtLevel=1"

# On one machine, what tasks exchange crosses no network: compressing it would take longer than writing it. On a cluster it spares bytes.
_ON_ONE_MACHINE = {
    "spark.shuffle.compress": "false",
    "spark.shuffle.spill.compress": "false",
    "spark.executor.extraJavaOptions": _JVM,
}


# A driver that has no executors elsewhere need not be reached from other machines.
_ONE_PROCESS = re.compile(r"local($|\[)")
_UNHEARD = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}


class LazySession:
    """Starts Spark on first use, so that a run with nothing left to do ends in a second."""

    def __init__(
        self, config: Spark, master: str | None = None, session: SparkSession | None = None, *, models: Sequence[str] = ()
    ) -> None:
        """`models` are fastText models that each executor loads once, for all its Python workers, if this object starts the session."""
        self._config, self._master, self._session = config, master, session
        self._models = models
        self._owned = False

    @property
    def is_local(self) -> bool:
        """Whether tasks are known to run on this machine; False for a session that was given."""
        master = self._master or self._config.master or ("" if is_submitted() else "local")
        return (self._owned or self._session is None) and master.startswith("local")

    def check(self) -> None:
        """Raise a `UserError` where the master is no address: before a stage says that it begins."""
        master = self._master or self._config.master
        if self._session is None and master and not _MASTER.match(master):  # the JVM would end with a stack trace
            cure = "for example local[4], spark://host:7077, k8s://https://host:443, yarn or sc://host:15002"
            raise UserError(f"`{master}` is no address of a Spark master", where="--master", cure=cure)

    def get(self) -> SparkSession:
        """The session: the caller's own, else the one that runs in this process, else a new one. Raises `UserError` if none starts."""
        if self._session is None:
            self.check()
            self._owned = not _is_running()
            with doing(lambda: "Spark starts, or waits for its master"):
                self._session = _start(self._config, self._master, self._models)
        return self._session

    def stop(self) -> None:
        """Stop the session if this object started it."""
        if self._owned and self._session is not None:
            with contextlib.suppress(Exception):  # of a JVM that has gone already
                self._session.stop()
            self._session = None


def _is_running() -> bool:
    from pyspark.sql import SparkSession

    return has_context() or SparkSession.getActiveSession() is not None


def _start(config: Spark, master: str | None, models: Sequence[str]) -> SparkSession:
    from pyspark.sql import SparkSession

    if _PYTHON in config.conf:  # spark-submit alone would look at it: a session that a program starts takes the variable
        os.environ["PYSPARK_PYTHON"] = _text(config.conf[_PYTHON])
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    master = master or config.master
    if master and master.startswith("sc://"):
        return _connect(config, master)
    builder = SparkSession.builder.appName("rephrase")
    if not is_submitted():  # spark-submit has its own master, logging and UI settings
        master = master or "local[*]"
        options = f"-Dlog4j2.configurationFile={_QUIET.as_uri()}" + (f" {_JVM}" if master.startswith("local") else "")
        builder = builder.config("spark.driver.extraJavaOptions", options).config("spark.ui.enabled", "false")
    if master:
        builder = builder.master(_with_retries(master))
    for key, value in {**settings_of(config, master), **_preloading(models)}.items():
        builder = builder.config(key, value)
    try:
        with deferred():  # a JVM that loses its driver before it has told its port neither ends nor is silent
            start_jvm(builder)
        for key, value in handed_on(config, master).items():  # later than the JVM, on whose command line all others stand
            builder = builder.config(key, value)
        with kept_handlers():
            session = builder.getOrCreate()
        bear_end_of_jvm(session)
    except Exception as error:  # the gateway raises many kinds, all meaning that no JVM or no master answered
        raise UserError(
            f"Spark does not start: {str(error).splitlines()[0]}",
            where=f"master {master or '(from spark-submit)'}",
            cure="a Java 17 or newer must be on the PATH or in JAVA_HOME (see infra/java.sh), and at the master's address a master",
        ) from error
    return session


def settings_of(config: Spark, master: str | None) -> dict[str, str]:
    """What a session on this master is started with: our defaults, and the user's own settings, which win."""
    local = _ON_ONE_MACHINE if master and master.startswith("local") else {}
    if master and _ONE_PROCESS.match(master):
        local = {**local, **_UNHEARD}
    alone = {} if sockets_are_private() else {_SOCKETS: "false"}
    return {key: _text(value) for key, value in {**_DEFAULTS, **local, **alone, **config.conf}.items()}


def sockets_are_private(status: str | None = None) -> bool:
    """Whether files that this process makes can be written to by its user alone.

    Of a Unix socket, Spark asks nobody who connects for a secret, as it does through TCP: whoever may write to it has its workers run what
    they like. status: the text of /proc/self/status.
    """
    try:
        mask = re.search(r"^Umask:\s+([0-7]+)", _STATUS.read_text() if status is None else status, re.MULTILINE)
    except OSError:
        return False
    return mask is not None and int(mask[1], 8) & 0o022 == 0o022


def handed_on(config: Spark, master: str | None) -> dict[str, str]:
    """Settings that give executors elsewhere the driver's variables, and keep their values off Spark's pages."""
    if not config.executor_env or (master and master.startswith("local")):
        return {}
    for name in config.executor_env:
        if name not in os.environ:
            cure = "set it, or take it off the list"
            raise UserError(f"the environment variable {name} is not set", where="spark.executor_env", cure=cure)
    names = "|".join(map(re.escape, config.executor_env))
    variables = {f"{_VARIABLE}{name}": os.environ[name] for name in config.executor_env}
    redacted = config.conf.get(_REDACTED_BY, REDACTED)
    return {**variables, _REDACTED_BY: rf"{redacted}|^{re.escape(_VARIABLE)}({names})$"}


def _preloading(models: Sequence[str]) -> dict[str, str]:
    if not models:
        return {}
    paths = json.dumps(sorted(set(models)))
    os.environ[MODELS] = paths  # a local master's executor is a child of this process
    return {f"spark.executorEnv.{MODELS}": paths}


def _connect(config: Spark, url: str) -> SparkSession:
    """A session on a Spark Connect server. What concerns the server's own start (GPUs, memory, retries) is set there."""
    from pyspark.sql import SparkSession

    try:
        session = SparkSession.builder.remote(url).getOrCreate()
        for key, value in {**_DEFAULTS, **config.conf}.items():
            if session.conf.isModifiable(key):
                session.conf.set(key, _text(value))
    except Exception as error:  # a missing package, a server that is not there, or one that refuses
        raise UserError(
            f"Spark Connect does not answer: {str(error).splitlines()[0]}",
            where=url,
            cure="check the address; the client needs `pip install 'pyspark[connect]'`",
        ) from error
    return session


def _with_retries(master: str) -> str:
    # Local masters take the number of tries from their name alone, and would end a job with the first lost worker.
    return re.sub(r"^local\[(\d+|\*)\]$", rf"local[\1,{_MAX_FAILURES}]", master)


def _text(value: str | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
