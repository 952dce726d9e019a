"""S3 that fails at a fifth of all calls: refusals, timeouts, resets, and answers that get lost after the deed."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from rephrase import storage
from rephrase.config.file import load_run
from rephrase.config.run import Spark
from rephrase.spark.runtime.session import LazySession
from rephrase.spark.stages.pipeline import run_all
from rephrase.storage import s3, tables
from tests.faulty_s3 import KINDS, FaultyS3
from tests.places import EXAMPLES


@pytest.fixture
def faulty(s3_server, bucket, monkeypatch):
    """A proxy that fails at a fifth of all calls, and the bucket behind it."""
    proxy = FaultyS3(s3_server)
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    monkeypatch.setenv("REPHRASE_S3_READ_TIMEOUT", "1")
    s3._client_of_process.cache_clear()
    yield proxy, bucket
    proxy.stop()
    s3._client_of_process.cache_clear()


def test_storage_keeps_its_promises(faulty):
    proxy, place = faulty
    data = {f"{place}/a/{number}": os.urandom(200_000 + number) for number in range(40)}

    def store(path: str) -> list[bool]:
        return [storage.create(path, data[path]), storage.create(path, b"another")]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(store, data)) == [[True, False]] * len(data), "also where the answer to a PUT got lost"
        assert list(pool.map(storage.read, data)) == list(data.values())
        assert all(pool.map(storage.exists, data))

        def middle(path: str) -> bytes:
            with storage.open_random(path) as stream:
                stream.seek(1000)
                return stream.read(100_000)

        assert list(pool.map(middle, data)) == [value[1000:101_000] for value in data.values()]
        raced = f"{place}/raced"
        writers = [bytes([number]) * 1000 for number in range(16)]
        won = list(pool.map(lambda body: storage.create(raced, body), writers))
        assert won.count(True) == 1
        assert storage.read(raced) == writers[won.index(True)]
    assert [file.path for file in storage.list_files(f"{place}/a")] == sorted(data)
    storage.remove_folder(f"{place}/a")
    assert not list(storage.list_files(f"{place}/a"))
    assert set(proxy.faults) == set(KINDS)
    assert proxy.faults.total() > 0.15 * proxy.calls


@pytest.mark.long
def test_a_pipeline_ends_with_the_tables_of_an_undisturbed_one(faulty, tmp_path, spark):
    proxy, place = faulty
    names = ["sample.warc.gz", "notes.jsonl"]
    for name in names:
        storage.put(f"{place}/raw/{name}", (EXAMPLES / "crawl" / name).read_bytes())
    changes = {"filter.checks": ["finished", "parsed", "chatter"]}
    calm = load_run(str(EXAMPLES / "run.yaml"), {**changes, "output": str(tmp_path / "calm")})
    stormy = load_run(
        str(EXAMPLES / "run.yaml"), {**changes, "output": f"{place}/run", "input.paths": [f"{place}/raw/{name}" for name in names]}
    )
    run_all(calm, spark)
    spark.stop()  # a process has one Spark, and the next one's workers must find S3 behind the proxy
    names = ("AWS_ENDPOINT_URL", "REPHRASE_S3_READ_TIMEOUT")
    session = LazySession(Spark(conf={f"spark.executorEnv.{name}": os.environ[name] for name in names}), "local[2]")
    try:
        run_all(stormy, session)
    finally:
        session.stop()
    for name in ("documents", "generations", "judged", "mixture"):
        folders = [storage.join(run.output, name) for run in (calm, stormy)]
        assert len({tuple(storage.name_of(path) for path in tables.objects(folder)) for folder in folders}) == 1, name
        ids = [sorted(tables.read_folder(folder)["id"].to_pylist()) for folder in folders]
        assert ids[0] == ids[1], name
        assert {urlsplit(path).path.lstrip("/") for path in tables.objects(folders[1])} <= set(proxy.put_keys), (
            "the tasks' objects too went through the proxy"
        )
    assert proxy.faults.total() > 0.15 * proxy.calls > 30
