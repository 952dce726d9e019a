"""The stages through Spark Connect: a real server, and the same tables as through classic Spark."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyspark
import pytest

from rephrase import storage
from rephrase.config.file import load_run
from rephrase.engines.vllm.turns import calls_under_way
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.pipeline import run_stage
from rephrase.storage import tables
from tests.chaos import expected_ids
from tests.rephrase.cli.test_interrupt import start
from tests.rephrase.spark.stages.test_dedup import write_documents, write_judged
from tests.rephrase.spark.stages.test_pipeline import assert_complete, write_run
from tests.rephrase.spark.stages.test_rewrite import config, entries, requests
from tests.rephrase.spark.standalone import connect_port, wait_for

__all__ = ["config", "start"]


@pytest.fixture(scope="module")
def connect(tmp_path_factory):
    """The URL of a Spark Connect server that tries a task as often as our own sessions do."""
    tmp_path = tmp_path_factory.mktemp("connect")
    home = Path(pyspark.__file__).parent
    environment = {
        **os.environ,
        "SPARK_HOME": str(home),
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": os.getcwd(),
        "SPARK_NO_DAEMONIZE": "1",
    }
    environment |= {"SPARK_LOG_DIR": str(tmp_path), "SPARK_PID_DIR": str(tmp_path)}
    place = ["spark.connect.grpc.binding.port=0", "spark.connect.grpc.binding.address=127.0.0.1"]
    settings = [*place, "spark.ui.enabled=false", "spark.sql.shuffle.partitions=2"]
    command = [
        str(home / "sbin" / "start-connect-server.sh"),
        "--master",
        "local[2,100]",
        *(word for s in settings for word in ("--conf", s)),
    ]
    path = tmp_path / "server.log"
    with open(path, "wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
    port = wait_for(lambda: server.poll() is not None or connect_port(path))
    assert server.poll() is None, path.read_text()[-2000:]
    yield f"sc://127.0.0.1:{port}"
    os.killpg(server.pid, signal.SIGTERM)
    server.wait(60)


def test_spark_connect_gives_the_tables_of_classic_spark(tmp_path, connect, spark: LazySession, tokenizer_file):
    from rephrase.spark.stages.pipeline import run_all

    mixture = {"mix": {"components": [{"origin": "original", "share": 1.0}], "file_tokens": 1000}}
    classic = load_run(str(write_run(tmp_path, tokenizer_file, {"kind": "echo"}, output="classic", **mixture)))
    run_all(classic, spark)
    path = write_run(tmp_path, tokenizer_file, {"kind": "echo"}, output="remote", **mixture)
    # In a process of its own: a session of the one kind hides the other from a whole process.
    command = [sys.executable, "-m", "rephrase.cli.main", "run", str(path), "--master", connect]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    remote = load_run(str(path))
    assert_complete(remote)
    for name in ("documents", "generations", "judged", "mixture"):
        rows = [sorted(map(str, tables.read_folder(storage.join(run.output, name)).to_pylist())) for run in (classic, remote)]
        assert rows[0] == rows[1], name


def test_a_damaged_object_ends_a_search_through_spark_connect_at_once_and_leaves_nothing(tmp_path, connect, tokenizer_file):
    path = write_run(tmp_path, tokenizer_file, {"kind": "echo"}, dedup={})
    [document] = write_documents(tmp_path / "out", ["a page of the harbour report"], objects=1)
    write_judged(tmp_path / "out", [{"text": "a rewrite", "document_id": document}])
    [damaged] = (tmp_path / "out" / "judged").glob("*.parquet")
    damaged.write_bytes(damaged.read_bytes()[:-9])
    command = [sys.executable, "-m", "rephrase.cli.main", "dedup", str(path), "--master", connect]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 2, done.stderr
    said = done.stderr.splitlines()[-1]
    assert f"{damaged.name}: not a readable Parquet file" in said
    assert said.endswith("(remove the file or restore it)")
    assert os.listdir(tmp_path / "out" / "duplicates" / "judged") == ["_stage.json"]


def test_a_driver_that_is_asked_to_end_takes_its_tasks_off_the_server(connect, config, start, tmp_path, spark):
    hold = tmp_path / "hold"
    path = config(documents=16, STAND_IN_SECONDS=0.3, STAND_IN_HOLD=hold)
    run = load_run(str(path))
    run_stage("shard", run, spark)
    driver = start(path, "--master", connect)
    hold.touch()
    [server] = [entry["pid"] for entry in entries(tmp_path) if "start" in entry]
    folder = Path(os.readlink(f"/proc/{server}/cwd"))
    wait_for(lambda: calls_under_way(folder))
    driver.terminate()
    assert driver.wait(120) == 143
    wait_for(lambda: not calls_under_way(folder))  # Spark gives its workers two seconds to see that they are cancelled
    hold.unlink()
    asked = requests(tmp_path)
    time.sleep(1.0)  # several requests, if there were tasks to ask them
    assert requests(tmp_path) == asked < len(expected_ids(run))


def test_a_table_of_the_server_is_input_through_spark_connect(tmp_path, connect, tokenizer_file):
    create = f"""
from pyspark.sql import SparkSession
spark = SparkSession.builder.remote("{connect}").getOrCreate()
rows = spark.range(0, 20, 1, 2).selectExpr("concat('The text of number ', id, '.') AS text", "id % 2 AS half")
rows.write.partitionBy("half").saveAsTable("connected", format="parquet", path="{tmp_path}/table")
"""
    subprocess.run([sys.executable, "-c", create], check=True, timeout=120)
    table = {"name": "connected", "where": "half = 1"}
    for name, settings in (("own", {}), ("copied", {"copy_rows": True})):
        path = write_run(tmp_path, tokenizer_file, {"kind": "echo"}, output=name, input={"table": table | settings, "min_characters": 3})
        command = [sys.executable, "-m", "rephrase.cli.main", "shard", str(path), "--master", connect]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        texts = tables.read_folder(storage.join(load_run(str(path)).output, "documents")).column("text").to_pylist()
        assert sorted(texts) == sorted(f"The text of number {n}." for n in range(1, 20, 2))
        assert ("copied to" in done.stderr) == (name == "copied")
