"""What a session is started with."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading

import pytest

from rephrase.config.run import Spark
from rephrase.errors import UserError
from rephrase.spark.runtime import session
from rephrase.spark.runtime.session import LazySession, handed_on, settings_of, sockets_are_private

SCRIPT = """
import os, sys
import pyarrow as pa
from rephrase.spark.stages.pipeline import fasttext_models
from rephrase.spark.runtime.session import LazySession
from rephrase.config.run import Run, Spark
from rephrase.settings.validation import validate

model, master = sys.argv[1:]
run = validate(Run, {"output": "out", "input": {"paths": "x", "scores": {"a": model}}, "tokenizer": "t", "engine": {"kind": "echo"},
    "recipes": ["wrap/easy"], "filter": {"checks": ["parsed", {"quality": {"model": model}}]}}, "test")
assert fasttext_models(run) == [model]

def loaded(batches):
    from classifiers.fasttext import model as fasttext_model
    for batch in batches:
        before = fasttext_model._load_file.cache_info().currsize
        fasttext_model.load_model(model)
        info = fasttext_model._load_file.cache_info()
        yield pa.RecordBatch.from_pydict({"before": [before], "hits": [info.hits], "process": [os.getpid()], "parent": [os.getppid()]})

session = LazySession(Spark(), master, models=fasttext_models(run))
rows = session.get().range(0, 4, 1, 4).mapInArrow(loaded, "before long, hits long, process long, parent long").collect()
assert [row.before for row in rows] == [1] * 4, rows
assert all(row.hits for row in rows), rows
print("PARENTS", len({row.parent for row in rows}))
session.stop()
"""


def test_an_executor_loads_a_model_once_for_all_its_workers(quality, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), os.path.abspath(quality.model)]
    done = subprocess.run([*command, "local-cluster[1,2,1024]"], capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    assert "PARENTS 1" in done.stdout, "all workers were forked by the daemon that holds the model"


def test_a_session_that_another_thread_started_is_used_and_not_stopped(spark):
    spark.stop()
    starter = threading.Thread(target=spark.get)
    starter.start()
    starter.join()
    guest = LazySession(Spark())
    guest.get()
    guest.stop()
    assert spark.get().range(3).count() == 3


def test_what_tasks_exchange_is_compressed_where_it_crosses_a_network_and_the_users_settings_win(spark):
    keys = ["spark.shuffle.compress", "spark.shuffle.spill.compress"]
    running = spark.get().sparkContext.getConf()
    assert [running.get(key) for key in keys] == ["false", "false"], "on one machine it is not"
    assert not settings_of(Spark(), "spark://master:7077").keys() & keys, "elsewhere as Spark does by itself"
    assert not settings_of(Spark(), None).keys() & keys
    assert "spark.executor.extraJavaOptions" not in settings_of(Spark(), "spark://master:7077"), "executors there live long"
    own = Spark(conf={"spark.shuffle.compress": True, "spark.task.maxFailures": 7})
    found = settings_of(own, "local[*]")
    assert [found[key] for key in [*keys, "spark.task.maxFailures"]] == ["true", "false", "7"]


def test_what_is_kept_is_shuffled_into_few_tasks_where_it_is_small(spark):
    session = spark.get()
    before = session.conf.get("spark.sql.shuffle.partitions")
    session.conf.set("spark.sql.shuffle.partitions", "50")
    try:
        kept = session.range(100).repartition("id").persist()
        kept.count()
        assert kept.rdd.getNumPartitions() <= 4
        kept.unpersist()
    finally:
        session.conf.set("spark.sql.shuffle.partitions", before)


LOCAL = """
import os, sys
import psutil
import pyarrow as pa
from rephrase.config.run import Spark
from rephrase.spark.runtime.session import LazySession

def marked(batches):
    for batch in batches:
        yield pa.RecordBatch.from_pydict({"mark": [os.environ.get("MARK", "")]})

session = LazySession(Spark(master="local[1]", conf={"spark.pyspark.python": sys.argv[1]}))
[row] = session.get().range(0, 1, 1, 1).mapInArrow(marked, "mark string").collect()
mine = [psutil.Process(), *psutil.Process().children(recursive=True)]
heard = {socket.laddr.ip for process in mine for socket in process.net_connections("inet") if socket.status == "LISTEN"}
print("MARK", row.mark, "HEARD", *sorted(heard))
session.stop()
"""


def test_a_local_session_takes_the_python_of_its_settings_and_is_heard_by_this_machine_alone(tmp_path):
    wrapper = tmp_path / "python"
    wrapper.write_text(f'#!/bin/sh\nMARK=here exec {sys.executable} "$@"\n')
    wrapper.chmod(0o755)
    script = tmp_path / "script.py"
    script.write_text(LOCAL)
    done = subprocess.run([sys.executable, str(script), str(wrapper)], capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    _, mark, _, *heard = done.stdout.split()
    assert mark == "here"
    assert heard
    assert all(address.removeprefix("::ffff:").startswith("127.") or address == "::1" for address in heard), heard


@pytest.mark.parametrize(("mask", "private"), [("0022", True), ("0077", True), ("0002", False), ("0000", False), (None, False)])
def test_sockets_that_others_may_write_to_are_not_used(mask, private, monkeypatch):
    status = f"Name:\tpython\nUmask:\t{mask}\n" if mask else "Name:\tpython\n"
    assert sockets_are_private(status) is private
    monkeypatch.setattr(session, "sockets_are_private", lambda: private)
    wanted = {"spark.python.unix.domain.socket.enabled": str(private).lower()}
    assert wanted.items() <= settings_of(Spark(), "local[2]").items()


def test_executors_elsewhere_get_the_driver_s_variables_and_spark_s_pages_do_not(monkeypatch):
    monkeypatch.setenv("JUDGE_KEY", "hidden")
    config = Spark(executor_env=["JUDGE_KEY"], conf={"spark.redaction.regex": "(?i)secret|password|MINE"})
    handed = handed_on(config, "spark://head:7077")
    assert handed["spark.executorEnv.JUDGE_KEY"] == "hidden"
    assert handed_on(config, None) == handed, "spark-submit knows the master"
    redacted = re.compile(handed["spark.redaction.regex"])
    assert all(redacted.search(name) for name in ("spark.executorEnv.JUDGE_KEY", "spark.authenticate.secret", "some.password", "MINE"))
    assert not redacted.search("spark.executorEnv.JUDGE_KEY_ID")
    assert handed_on(config, "local[2]") == {}, "whose tasks have them already"
    assert "spark.executorEnv.JUDGE_KEY" not in settings_of(config, "spark://head:7077"), "those stand on the command line of the JVM"
    monkeypatch.delenv("JUDGE_KEY")
    with pytest.raises(UserError, match="the environment variable JUDGE_KEY is not set"):
        handed_on(config, "yarn")
